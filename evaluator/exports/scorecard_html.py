"""A scorecard as a document for print and PDF: the page's facts, and what people added, in one HTML file of its own."""

from collections.abc import Sequence
from dataclasses import dataclass

from evaluator.exports.rendering import rendered
from evaluator.exports.rows import SCALE_MAX, Exported, ratings_of, recommendations_of
from evaluator.human import Dismissed, Final, HumanRecord, Rating
from evaluator.views.scorecard import ScorecardView
from evaluator.words import ADVICE, DISMISSAL_CAUSES, REASON_CODES, counted, utc, visible

LOCKED = "AI evaluation is ready. It opens after you submit your own scores."


@dataclass(frozen=True, kw_only=True, slots=True)
class PeoplesWords:
    """What people said of one criterion, a sentence each."""

    reviews: tuple[str, ...]
    finals: tuple[str, ...]  # oldest first; the last one counts


@dataclass(frozen=True, kw_only=True, slots=True)
class Header:
    """What stands above every printed scorecard, hidden or not."""

    candidate_ref: str
    requisition: str
    rubric_title: str
    notice: str | None  # the judge's
    dismissed: str | None
    superseded_by: str | None
    facts: tuple[tuple[str, str], ...]


def scorecard_html(one: Exported, view: ScorecardView | None, *, reviewers_needed: int = 1) -> str:
    """The whole document; of a scorecard that the viewer may not see only its head and the lock.

    view: what the page shows (`scorecard_view`); not looked at while the judge is hidden, ValueError where it lacks.
    """
    header = _header(one, reviewers_needed)
    if not one.sees_judge:
        return rendered("locked.html", h=header, advice=ADVICE, locked=LOCKED)
    if view is None:
        raise ValueError("a scorecard that may be seen is printed from its view")
    return rendered(
        "scorecard.html",
        h=header,
        view=view,
        advice=ADVICE,
        scale_max=SCALE_MAX,
        recommendations=tuple(
            (visible(name), code.replace("_", " ").capitalize()) for _, name, code in recommendations_of(one)
        ),
        people={c.id: _peoples_words(one, c.id) for c in one.rubric.criteria},
        notes=tuple(_notes(one)),
    )


def _header(one: Exported, reviewers_needed: int) -> Header:
    stored, provenance = one.stored, one.stored.body.provenance
    status = f"{len(one.state.reviews)} of {counted(reviewers_needed, 'review')} submitted"
    facts = (
        ("Interviewed", utc(stored.interviewed_at) if stored.interviewed_at else "not in the source"),
        ("Scored", utc(stored.created_at)),
        ("Review status", f"dismissed; {status}" if one.state.dismissal else status),
        ("Rubric", f"{stored.rubric_id}@{stored.rubric_version}"),
        ("Judge", visible(provenance.model)),
        ("Prompt version", visible(provenance.prompt_version)),
        ("Run", visible(stored.run or "none")),
        ("Scorecard", stored.id),
    )
    return Header(
        candidate_ref=visible(stored.candidate_ref),
        requisition=visible(stored.requisition),
        rubric_title=visible(one.rubric.title),
        notice=provenance.judge_notice,
        dismissed=_dismissal(one),
        superseded_by=stored.superseded_by,
        facts=facts,
    )


def _dismissal(one: Exported) -> str | None:
    """Who set it aside and why; the free words only for those who see what they may speak of."""
    record = one.state.dismissal
    if record is None or not isinstance(record.act, Dismissed):
        return None
    said = f" “{visible(record.act.text)}”" if one.sees_judge else ""
    return f"Dismissed by {_by(record)}: {DISMISSAL_CAUSES[record.act.cause]}.{said}"


def _by(record: HumanRecord) -> str:
    return f"{visible(record.person)}, {utc(record.at)}"


def _peoples_words(one: Exported, criterion_id: str) -> PeoplesWords:
    return PeoplesWords(
        reviews=tuple(_rating_words(record, rating) for record, rating in ratings_of(one.state, criterion_id)),
        finals=tuple(_final_words(record) for record in one.state.finals.get(criterion_id, ())),
    )


def _rating_words(record: HumanRecord, rating: Rating) -> str:
    quotes = f", on {', '.join(rating.quotes)}" if rating.quotes else ""
    note = f". “{visible(rating.note)}”" if rating.note else ""
    return f"{visible(record.person)}: {_level_words(rating.level)}{quotes}{note}"


def _final_words(record: HumanRecord) -> str:
    assert isinstance(record.act, Final)  # noqa: S101  the fold puts nothing else there
    change = f"{_level_words(record.act.old)} to {_level_words(record.act.new)}"
    return f"{change} by {_by(record)}, {REASON_CODES[record.act.reason].lower()}: “{visible(record.act.text)}”"


def _level_words(level: int | None) -> str:
    return "no level" if level is None else f"level {level}"


def _notes(one: Exported) -> Sequence[tuple[str, str]]:
    """Each person's note on the whole, from their review and from their newest recommendation, with whose it is."""
    found = {record.number: record for record in (*one.state.reviews.values(), *one.state.recommended.values())}
    notes = ((_by(record), getattr(record.act, "note", "")) for _, record in sorted(found.items()))
    return [(by, visible(note)) for by, note in notes if note]
