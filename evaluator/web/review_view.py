"""Step one of a review: what somebody's form holds, what it lacks, the review it becomes, and the page it is read on.

Nothing here is given a scorecard: whatever the judge said, this page is the same to the byte.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, get_args

from pydantic import ValidationError

from evaluator.human import QUOTES_MAX, TEXT_MAX, Level, Rating, Recommendation, Review
from evaluator.transcript import Transcript, Utterance, utterances_of
from evaluator.values import Frozen
from evaluator.views.people import NOT_ASSESSED
from evaluator.web.field_view import Choice, Fault, Fields, level_choices, level_of, level_word, plain
from evaluator.words import RECOMMENDATIONS, clock, visible
from rubrics.model import LEVELS, Criterion, Rubric

OFFERED_MAX = 4_000  # utterances to choose from, on one page
OFFERED_EACH_MAX = 300  # and for one criterion
IDS_CHARS_MAX = 200  # of utterance ids written by hand
_ID = re.compile(r"U[0-9]{1,4}")
_ID_CHARS_MAX = 10  # of what should be an id

_LEVEL_WORDS = frozenset({"", "none", *map(str, LEVELS)})
_RECOMMENDATIONS = frozenset(get_args(Recommendation))


class Given(Frozen):
    """What somebody has entered for one criterion so far."""

    level: str = ""  # `4`; none: not assessed; "": not rated yet
    quotes: tuple[str, ...] = ()  # utterance ids
    note: str = ""

    @property
    def rated(self) -> bool:
        """A level was chosen, or that there is none."""
        return self.level != ""


class Filled(Frozen):
    """A whole form, complete or not; what a draft keeps."""

    given: Mapping[str, Given] = {}  # criterion id ->
    recommendation: str = ""  # one of evaluator.human.Recommendation; "": none yet
    note: str = ""

    def of(self, criterion_id: str) -> Given:
        """What was entered for it."""
        return self.given.get(criterion_id, Given())

    def rated(self, rubric: Rubric) -> int:
        """How many criteria are rated."""
        return sum(self.of(criterion.id).rated for criterion in rubric.criteria)


class _KeptRating(Frozen, extra="ignore"):
    """A rating of a draft; without a level it is not rated yet."""

    criterion_id: str
    level: Level | None = None
    quotes: tuple[str, ...] = ()
    note: str = ""

    @property
    def word(self) -> str:
        """The level as a form's value."""
        return level_word(self.level) if "level" in self.model_fields_set else ""


class _Kept(Frozen, extra="ignore"):
    """A draft's body."""

    ratings: tuple[_KeptRating, ...] = ()
    recommendation: Recommendation | None = None
    note: str = ""


def filled_of(fields: Fields, rubric: Rubric) -> Filled:
    """What a form holds; what nobody can have chosen in it counts as not chosen."""
    recommendation = fields.one("recommendation")
    return Filled(
        given={criterion.id: _given(fields, criterion.id) for criterion in rubric.criteria},
        recommendation=recommendation if recommendation in _RECOMMENDATIONS else "",
        note=plain(fields.one("note")),
    )


def _given(fields: Fields, criterion_id: str) -> Given:
    level = fields.one(f"level-{criterion_id}")
    by_hand = fields.one(f"ids-{criterion_id}")[:IDS_CHARS_MAX].replace(",", " ").upper().split()
    quotes = dict.fromkeys(quote[:_ID_CHARS_MAX] for quote in (*fields.every(f"quotes-{criterion_id}"), *by_hand))
    return Given(
        level=level if level in _LEVEL_WORDS else "",
        quotes=tuple(quotes),
        note=plain(fields.one(f"note-{criterion_id}")),
    )


def filled_from(body: Mapping[str, Any] | None) -> Filled:
    """What a draft has kept, as `draft_body` and the API write it; what cannot be read any more is left out."""
    try:
        kept = _Kept.model_validate(body or {})
    except ValidationError:
        return Filled()
    given = {one.criterion_id: Given(level=one.word, quotes=one.quotes, note=one.note) for one in kept.ratings}
    return Filled(given=given, recommendation=kept.recommendation or "", note=kept.note)


def draft_body(filled: Filled) -> dict[str, Any]:
    """What a draft keeps: a review, of which any part may be missing."""
    ratings = [
        {
            "criterion_id": criterion_id,
            **({"level": level_of(given.level)} if given.rated else {}),
            "quotes": list(given.quotes),
            "note": given.note,
        }
        for criterion_id, given in filled.given.items()
        if given != Given()
    ]
    recommended = {"recommendation": filled.recommendation} if filled.recommendation else {}
    return {"ratings": ratings, **recommended, "note": filled.note}


def hidden_fields(filled: Filled) -> tuple[tuple[str, str], ...]:
    """The form once more, as (name, value), for a page that only asks what is to become of it."""
    fields = [("recommendation", filled.recommendation), ("note", filled.note)]
    for criterion_id, given in filled.given.items():
        fields += [(f"level-{criterion_id}", given.level), (f"note-{criterion_id}", given.note)]
        fields += [(f"quotes-{criterion_id}", quote) for quote in given.quotes]
    return tuple((name, value) for name, value in fields if value)


def faults_of(filled: Filled, rubric: Rubric, known: frozenset[str] | None) -> tuple[Fault, ...]:
    """All that keeps the form from being a review, in the page's order.

    known: the candidate's utterance ids; None: the words cannot be read now, so ids are not checked.
    """
    faults: list[Fault] = []
    for criterion in rubric.criteria:
        faults += _faults(filled.of(criterion.id), criterion, known)
    if not filled.recommendation:
        faults.append(Fault(field="recommendation", place="recommendation-0", words="Say what you recommend"))
    faults += _too_long(filled.note, "note", "note", "The note on your recommendation")
    return tuple(faults)


def _faults(given: Given, criterion: Criterion, known: frozenset[str] | None) -> Iterable[Fault]:
    name = visible(criterion.name)
    if not given.rated:
        place = f"level-{criterion.id}-1"
        yield Fault(field=f"level-{criterion.id}", place=place, words=f"Rate “{name}”, or say not assessed")
    strange = [q for q in given.quotes if not _ID.fullmatch(q) or (known is not None and q not in known)]
    place = f"evidence-{criterion.id}"
    if strange:
        said = ", ".join(visible(quote) for quote in strange[:5])
        yield Fault(field=place, place=place, words=f"{name}: the candidate has no utterance {said}")
    elif len(given.quotes) > QUOTES_MAX:
        yield Fault(field=place, place=place, words=f"{name}: at most {QUOTES_MAX} quotes, leave out some")
    yield from _too_long(given.note, f"note-{criterion.id}", f"note-{criterion.id}", f"{name}: the note")


def _too_long(text: str, field: str, place: str, what: str) -> Iterable[Fault]:
    if len(text) > TEXT_MAX:
        words = f"{what} has {len(text)} characters, at most {TEXT_MAX} can be kept"
        yield Fault(field=field, place=place, words=words)


def review_of(filled: Filled, rubric: Rubric) -> Review:
    """The review of a form without faults; ValidationError for another."""
    ratings = tuple(_rating(criterion.id, filled.of(criterion.id)) for criterion in rubric.criteria)
    fields = {"ratings": ratings, "recommendation": filled.recommendation, "note": filled.note}
    return Review.model_validate(fields)


def _rating(criterion_id: str, given: Given) -> Rating:
    return Rating(criterion_id=criterion_id, level=level_of(given.level), quotes=given.quotes, note=given.note)


# --- The page


@dataclass(frozen=True, kw_only=True, slots=True)
class Offered:
    """An utterance that may be quoted."""

    id: str
    text: str | None  # None: its words cannot be shown
    time: str | None  # `12:03`
    chosen: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class RatedCriterion:
    """One criterion of the form."""

    id: str
    name: str
    definition: str
    levels: tuple[Choice, ...]
    offered: tuple[Offered, ...]
    by_hand: bool  # not all of its utterances are offered, so that ids can be written
    chosen: int
    note: str
    fault: str | None  # of its level
    evidence_fault: str | None
    note_fault: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class RatedSection:
    """A section of the form."""

    title: str
    criteria: tuple[RatedCriterion, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class ReviewForm:
    """The whole form."""

    sections: tuple[RatedSection, ...]
    recommendations: tuple[Choice, ...]
    recommendation_fault: str | None
    note: str
    note_fault: str | None
    rated: int
    criteria: int
    version: int  # of the draft that it continues, 0 for none
    saved_at: datetime | None
    faults: tuple[Fault, ...]


def review_form(
    filled: Filled,
    rubric: Rubric,
    transcript: Transcript | None,
    *,
    version: int,
    saved_at: datetime | None,
    faults: Sequence[Fault] = (),
) -> ReviewForm:
    """The form with what is entered so far."""
    words = {fault.field: fault.words for fault in faults}
    said = {u.id: u for u in transcript.utterances()} if transcript else {}
    each = min(OFFERED_EACH_MAX, OFFERED_MAX // len(rubric.criteria))

    def criterion_of(criterion: Criterion, candidates: Sequence[Utterance]) -> RatedCriterion:
        given = filled.of(criterion.id)
        return RatedCriterion(
            id=criterion.id,
            name=visible(criterion.name),
            definition=visible(criterion.definition),
            levels=level_choices(criterion, chosen=given.level),
            offered=_offered(candidates[:each], given, said),
            by_hand=len(candidates) > each,
            chosen=len(given.quotes),
            note=given.note,
            fault=words.get(f"level-{criterion.id}"),
            evidence_fault=words.get(f"evidence-{criterion.id}"),
            note_fault=words.get(f"note-{criterion.id}"),
        )

    sections = []
    for section in rubric.sections:
        candidates = tuple(utterances_of(transcript.in_section(section.id))) if transcript else ()
        rated = tuple(criterion_of(criterion, candidates) for criterion in section.criteria)
        sections.append(RatedSection(title=visible(section.title), criteria=rated))
    return ReviewForm(
        sections=tuple(sections),
        recommendations=recommendation_choices(filled.recommendation),
        recommendation_fault=words.get("recommendation"),
        note=filled.note,
        note_fault=words.get("note"),
        rated=filled.rated(rubric),
        criteria=len(rubric.criteria),
        version=version,
        saved_at=saved_at,
        faults=tuple(faults),
    )


def recommendation_choices(chosen: str) -> tuple[Choice, ...]:
    """What a person may recommend; none is chosen for them."""
    return tuple(
        Choice(value=value, words=words, text=None, chosen=value == chosen) for value, words in RECOMMENDATIONS.items()
    )


def _offered(candidates: Sequence[Utterance], given: Given, said: Mapping[str, Utterance]) -> tuple[Offered, ...]:
    """The section's utterances, and what was chosen from elsewhere, in the order of the interview."""
    ids = dict.fromkeys((*(u.id for u in candidates), *given.quotes))
    chosen = frozenset(given.quotes)
    return tuple(_offer(i, said.get(i), chosen=i in chosen) for i in sorted(ids, key=_number))


def _number(utterance_id: str) -> tuple[int, str]:
    return int(utterance_id[1:]) if _ID.fullmatch(utterance_id) else 10**6, utterance_id


def _offer(utterance_id: str, said: Utterance | None, *, chosen: bool) -> Offered:
    return Offered(
        id=visible(utterance_id),
        text=visible(said.text) if said else None,
        time=clock(said.started_s) if said and said.started_s is not None else None,
        chosen=chosen,
    )


# --- Two windows, one draft


@dataclass(frozen=True, kw_only=True, slots=True)
class Side:
    """One value of two."""

    words: str
    quotes: tuple[str, ...]
    note: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """What two windows hold for one thing."""

    name: str
    mine: Side
    other: Side
    same: bool


def differences(mine: Filled, other: Filled, rubric: Rubric) -> tuple[Difference, ...]:
    """Criterion by criterion, then the recommendation."""
    found = [
        Difference(
            name=visible(criterion.name),
            mine=_side(mine.of(criterion.id)),
            other=_side(other.of(criterion.id)),
            same=mine.of(criterion.id) == other.of(criterion.id),
        )
        for criterion in rubric.criteria
    ]
    sides = [
        Side(
            words=RECOMMENDATIONS.get(filled.recommendation, "nothing yet"),
            quotes=(),
            note=visible(filled.note) or None,
        )
        for filled in (mine, other)
    ]
    found.append(Difference(name="Your recommendation", mine=sides[0], other=sides[1], same=sides[0] == sides[1]))
    return tuple(found)


def _side(given: Given) -> Side:
    words = {"": "not rated yet", "none": NOT_ASSESSED}.get(given.level, given.level)
    quotes = tuple(visible(quote) for quote in given.quotes)
    return Side(words=words, quotes=quotes, note=visible(given.note) or None)
