"""Step two of a review, and every later change of a level: what stands, what somebody chose, and what they must say."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from evaluator.deciding import Dossier
from evaluator.human import Dismissed, Final, HumanRecord, Recommended, Restored, Review
from evaluator.people import Viewer
from evaluator.transcript import Transcript
from evaluator.values import Frozen
from evaluator.views.people import NOT_ASSESSED, level_words
from evaluator.views.scorecard import CriterionView, Quote, ScorecardView
from evaluator.web.field_view import (
    Choice,
    Fault,
    Fields,
    chosen_in,
    level_choices,
    level_of,
    level_word,
    plain,
    text_fault,
)
from evaluator.words import DISMISSAL_CAUSES, REASON_CODES, RECOMMENDATIONS, clock, visible
from rubrics.model import Criterion, Rubric

OTHER = "other"  # chosen: a level that is neither's, which another field names
APART_WARNED = 2  # levels between a person and the judge, from which both evidences are to be read first
REASONS = tuple(REASON_CODES.items())


class Wish(Frozen):
    """What somebody wants to become of one criterion."""

    level: str = ""  # `4`, `none`, OTHER; "": not said yet
    other: str = ""  # the level that OTHER means
    reason: str = ""
    text: str = ""

    @property
    def word(self) -> str:
        """The level as a form's value; empty where it is not said, or is none."""
        word = self.other if self.level == OTHER else self.level
        try:
            level_of(word)
        except ValueError:
            return ""
        return word


def wish_of(fields: Fields, criterion_id: str) -> Wish:
    """What the form says of it."""
    reason = fields.one(f"reason-{criterion_id}")
    return Wish(
        level=fields.one(f"final-{criterion_id}")[:10],
        other=fields.one(f"other-{criterion_id}")[:10],
        reason=reason if reason in REASON_CODES else "",
        text=plain(fields.one(f"text-{criterion_id}")),
    )


def wish_fields(wishes: Mapping[str, Wish]) -> tuple[tuple[str, str], ...]:
    """The same as (name, value), for a page that only asks what is to become of it."""
    fields = [
        (f"{name}-{criterion_id}", value)
        for criterion_id, wish in wishes.items()
        for name, value in (("final", wish.level), ("other", wish.other), ("reason", wish.reason), ("text", wish.text))
    ]
    return tuple((name, value) for name, value in fields if value)


def wish_faults(wish: Wish, criterion: Criterion, stands: int | None) -> tuple[Fault, ...]:
    """What keeps the wish from being a final, or from leaving the level as it stands."""
    name = visible(criterion.name)
    if not wish.word:
        if wish.level == OTHER:
            place = f"other-{criterion.id}"
            return (Fault(field=place, place=place, words=f"{name}: say which other level"),)
        field = f"final-{criterion.id}"
        return (Fault(field=field, place=f"{field}-1", words=f"{name}: choose the level that counts"),)
    if level_of(wish.word) == stands:
        return ()
    faults = []
    if not wish.reason:
        place = f"reason-{criterion.id}"
        faults.append(Fault(field=place, place=place, words=f"{name}: choose the reason"))
    if fault := text_fault(wish.text):
        place = f"text-{criterion.id}"
        faults.append(Fault(field=place, place=place, words=f"{name}: {fault[:1].lower()}{fault[1:]}"))
    return tuple(faults)


# --- The page of step two


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """One criterion, with what the person and the judge say of it, and what counts."""

    id: str
    name: str
    mine: str  # `4`, `not assessed`
    mine_text: str | None  # the anchor of that level
    ai: str  # `3`, `not asked`
    ai_text: str | None  # the anchor, or why there is none
    stands: str | None  # a person's final, where there is one
    stands_by: str | None
    same: bool  # nothing to decide
    apart: int | None  # levels between them, where both gave one
    warned: bool
    options: tuple[Choice, ...]  # what it may come to: theirs, the judge's, what stands
    other: tuple[Choice, ...]  # the other levels
    other_chosen: bool
    reasons: tuple[Choice, ...]
    text: str
    my_quotes: tuple[Quote, ...]
    my_note: str | None
    ai_quotes: tuple[Quote, ...]
    rationale: str | None
    faults: Mapping[str, str | None]  # final, other, reason, text -> what is wrong


def decisions(
    found: Dossier,
    view: ScorecardView,
    transcript: Transcript | None,
    viewer: Viewer,
    wishes: Mapping[str, Wish],
    faults: Sequence[Fault] = (),
) -> tuple[Decision, ...]:
    """All criteria in rubric order; wishes: what the form holds, for those that it does."""
    words = {fault.field: fault.words for fault in faults}
    mine = own_review(found, viewer)
    by_id = {c.id: c for c in view.criteria}
    quotes = _my_quotes(mine, transcript)
    return tuple(
        _decision(found, criterion, by_id[criterion.id], mine, quotes, wishes.get(criterion.id), words)
        for criterion in found.rubric.criteria
        if criterion.id in by_id
    )


def own_review(found: Dossier, viewer: Viewer) -> Review | None:
    """What the viewer has submitted."""
    record = found.state.reviews.get(viewer.person_id or 0)
    return record.act if record is not None and isinstance(record.act, Review) else None


def undecided(found: Dossier, viewer: Viewer) -> tuple[Criterion, ...]:
    """The criteria on which the viewer, the judge and what stands do not all say the same."""
    mine = own_review(found, viewer)
    return tuple(c for c in found.rubric.criteria if not _same(found, c.id, rated_level(mine, c.id)))


def rated_level(review: Review | None, criterion_id: str) -> int | None:
    """The level of somebody's own scores; None for none."""
    ratings = review.ratings if review else ()
    return next((rating.level for rating in ratings if rating.criterion_id == criterion_id), None)


def _same(found: Dossier, criterion_id: str, mine: int | None) -> bool:
    return mine == found.judged(criterion_id) == found.level(criterion_id)


def _decision(
    found: Dossier,
    criterion: Criterion,
    view: CriterionView,
    review: Review | None,
    quotes: Mapping[str, tuple[Quote, ...]],
    wish: Wish | None,
    words: Mapping[str, str],
) -> Decision:
    judged, stands, mine = found.judged(criterion.id), found.level(criterion.id), rated_level(review, criterion.id)
    last = found.state.finals.get(criterion.id, ())[-1:]
    wished = wish or Wish(level=level_word(stands) if last else "")
    apart = abs(mine - judged) if mine is not None and judged is not None else None
    note = next((r.note for r in (review.ratings if review else ()) if r.criterion_id == criterion.id), "")
    options = _options(mine, judged, stands, view, wished)
    return Decision(
        id=criterion.id,
        name=view.name,
        mine=NOT_ASSESSED if mine is None else str(mine),
        mine_text=visible(criterion.anchors[mine]) if mine else None,
        ai=str(judged) if judged is not None else view.status_words.lower(),
        ai_text=view.anchor or view.reason,
        stands=(NOT_ASSESSED if stands is None else str(stands)) if last else None,
        stands_by=visible(last[0].person) if last else None,
        same=_same(found, criterion.id, mine),
        apart=apart,
        warned=apart is not None and apart >= APART_WARNED,
        options=options,
        other=_others(criterion, options, wished),
        other_chosen=wished.level == OTHER,
        reasons=chosen_in(REASONS, wished.reason),
        text=wished.text,
        my_quotes=quotes.get(criterion.id, ()),
        my_note=visible(note) or None,
        ai_quotes=view.quotes,
        rationale=view.rationale,
        faults={field: words.get(f"{field}-{criterion.id}") for field in ("final", "other", "reason", "text")},
    )


def _options(
    mine: int | None, judged: int | None, stands: int | None, view: CriterionView, wish: Wish
) -> tuple[Choice, ...]:
    """Each level once, with whose it is."""
    whose: dict[int | None, list[str]] = {}
    for level, who in ((mine, "Mine"), (judged, "AI"), (stands, "As it stands")):
        if level not in whose or who != "As it stands":
            whose.setdefault(level, []).append(who)
    return tuple(
        Choice(
            value=level_word(level),
            words=f"{' and '.join(names)}: {_level_words(level, view, judged)}",
            text=None,
            chosen=wish.level == level_word(level),
        )
        for level, names in whose.items()
    )


def _level_words(level: int | None, view: CriterionView, judged: int | None) -> str:
    if level is not None:
        return str(level)
    return f"no level ({view.status_words.lower()})" if judged is None else f"no level ({NOT_ASSESSED})"


def _others(criterion: Criterion, options: Sequence[Choice], wish: Wish) -> tuple[Choice, ...]:
    offered = {option.value for option in options}
    return tuple(c for c in level_choices(criterion, chosen=wish.other) if c.value not in offered)


def _my_quotes(review: Review | None, transcript: Transcript | None) -> Mapping[str, tuple[Quote, ...]]:
    """Criterion id -> what the person quoted for it."""
    said = {u.id: u for u in transcript.utterances()} if transcript else {}

    def quote(utterance_id: str) -> Quote:
        found = said.get(utterance_id)
        started = found.started_s if found else None
        return Quote(
            id=utterance_id,
            text=visible(found.text) if found else None,
            speaker="Candidate",
            time=clock(started) if started is not None else "no time in the source",
            time_estimated=found is not None and found.time_estimated,
            second=None if started is None else int(started),
            recording=None,
            doubt=None,
        )

    ratings = review.ratings if review else ()
    return {rating.criterion_id: tuple(quote(i) for i in rating.quotes) for rating in ratings}


# --- What others did meanwhile


@dataclass(frozen=True, kw_only=True, slots=True)
class ChangeLine:
    """One act of somebody since the page was opened."""

    person: str
    mine: bool  # the viewer's own, in another window
    at: datetime
    words: str
    text: str | None  # what they wrote


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """One criterion, as it was when the page was opened, as it is, and as the viewer wants it."""

    name: str
    was: str
    now: str
    wish: str


def changes_since(found: Dossier, viewer: Viewer, number: int) -> tuple[ChangeLine, ...]:
    """What was added after the first `number` records that the viewer knew of.

    While the judge is hidden from them they learn that something was done, and not what others said.
    """
    told = found.open_to(viewer)
    return tuple(_change(record, found.rubric, viewer, told=told) for record in found.known_to(viewer)[number:])


def _change(record: HumanRecord, rubric: Rubric, viewer: Viewer, *, told: bool) -> ChangeLine:
    words, text = _act_words(record, rubric)
    return ChangeLine(
        person=visible(record.person),
        mine=record.person_id is not None and record.person_id == viewer.person_id,
        at=record.at,
        words=words,
        text=(visible(text) or None) if told else None,
    )


def _act_words(record: HumanRecord, rubric: Rubric) -> tuple[str, str]:
    match record.act:
        case Review():
            return "submitted their own scores", ""
        case Final(criterion_id=criterion_id, old=old, new=new, reason=reason, text=text):
            names = {c.id: visible(c.name) for c in rubric.criteria}
            name = names.get(criterion_id, visible(criterion_id))
            what = f"changed {name} from {level_words(old)} to {level_words(new)}"
            return f"{what} ({REASON_CODES[reason].lower()})", text
        case Recommended(recommendation=recommendation, note=note):
            return f"recommended: {RECOMMENDATIONS[recommendation].lower()}", note
        case Dismissed(cause=cause, text=text):
            return f"dismissed the scorecard, because {DISMISSAL_CAUSES[cause]}", text
        case Restored(text=text):
            return "restored the scorecard", text


def level_differences(found: Dossier, number: int, wishes: Mapping[str, Wish]) -> tuple[Difference, ...]:
    """Criteria that somebody changed since, or that the viewer wants changed; only for whom the scorecard is open."""
    then = {c.id: level_at(found, c.id, number) for c in found.rubric.criteria}
    lines = []
    for criterion in found.rubric.criteria:
        was, now = then[criterion.id], found.level(criterion.id)
        word = wishes[criterion.id].word if criterion.id in wishes else ""
        if was == now and (not word or level_of(word) == now):
            continue
        wish = level_words(level_of(word)) if word else "nothing said"
        lines.append(Difference(name=visible(criterion.name), was=level_words(was), now=level_words(now), wish=wish))
    return tuple(lines)


def level_at(found: Dossier, criterion_id: str, number: int) -> int | None:
    """The level that stood after the first `number` records."""
    for record in reversed(found.records[:number]):
        if isinstance(record.act, Final) and record.act.criterion_id == criterion_id:
            return record.act.new
    return found.judged(criterion_id)
