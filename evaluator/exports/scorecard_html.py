"""A scorecard as a document for print and PDF: the page's facts, and what people added, in one HTML file of its own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from evaluator.exports.rendering import rendered
from evaluator.exports.rows import SCALE_MAX, Exported, ratings_of, recommendations_of
from evaluator.human import Dismissed, Final, HumanRecord, Rating
from evaluator.words import ADVICE, counted, utc, visible

LOCKED = "AI evaluation is ready. It opens after you submit your own scores."

FINAL_REASONS = {
    "evidence_misread": "evidence misread",
    "missed_evidence": "evidence missed",
    "wrong_speaker": "wrong speaker",
    "asr_error": "speech recognition error",
    "rubric_misapplied": "rubric misapplied",
    "question_not_asked": "question not asked",
    "candidate_correction": "corrected by the candidate",
    "accommodation": "accommodation",
    "other": "other",
}
DISMISSALS = {
    "audio": "audio unusable",
    "wrong_person": "wrong person",
    "asr": "speech recognition unusable",
    "wrong_rubric": "wrong rubric",
    "consent_withdrawn": "consent withdrawn",
    "other": "other",
}


class _Share(Protocol):
    @property
    def level(self) -> int: ...
    @property
    def percent(self) -> str: ...


class _Distribution(Protocol):
    @property
    def shares(self) -> Sequence[_Share]: ...
    @property
    def expected(self) -> str: ...
    @property
    def spread(self) -> str: ...
    @property
    def abstain(self) -> str: ...


class _Quote(Protocol):
    @property
    def id(self) -> str: ...
    @property
    def text(self) -> str | None: ...
    @property
    def speaker(self) -> str: ...
    @property
    def time(self) -> str: ...
    @property
    def time_estimated(self) -> bool: ...
    @property
    def recording(self) -> str | None: ...
    @property
    def doubt(self) -> str | None: ...


class _Criterion(Protocol):
    @property
    def id(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def definition(self) -> str: ...
    @property
    def required(self) -> bool: ...
    @property
    def weight(self) -> float: ...
    @property
    def weight_rationale(self) -> str | None: ...
    @property
    def status_words(self) -> str: ...
    @property
    def reason(self) -> str | None: ...
    @property
    def level(self) -> int | None: ...
    @property
    def anchor(self) -> str | None: ...
    @property
    def next_level(self) -> int | None: ...
    @property
    def next_anchor(self) -> str | None: ...
    @property
    def distribution(self) -> _Distribution | None: ...
    @property
    def quotes(self) -> Sequence[_Quote]: ...
    @property
    def dropped(self) -> str | None: ...
    @property
    def rationale(self) -> str | None: ...


class _Mean(Protocol):
    @property
    def value(self) -> str | None: ...
    @property
    def spread(self) -> str | None: ...
    @property
    def absent(self) -> str | None: ...
    @property
    def coverage(self) -> str: ...
    @property
    def basis(self) -> str: ...


class _Section(Protocol):
    @property
    def title(self) -> str: ...
    @property
    def mean(self) -> _Mean: ...
    @property
    def criteria(self) -> Sequence[_Criterion]: ...


class _Alert(Protocol):
    @property
    def text(self) -> str: ...


class _View(Protocol):
    """What a scorecard's view must hold to be printed: texts that are ready to be read, safe but not yet escaped."""

    @property
    def words_missing(self) -> str | None: ...
    @property
    def body_intact(self) -> bool: ...
    @property
    def state_words(self) -> str: ...
    @property
    def overall(self) -> _Mean: ...
    @property
    def alerts(self) -> Sequence[_Alert]: ...
    @property
    def sections(self) -> Sequence[_Section]: ...
    @property
    def provenance(self) -> Sequence[tuple[str, str]]: ...


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


def scorecard_html(one: Exported, view: _View | None, *, reviewers_needed: int = 1) -> str:
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
        notes=tuple(_review_notes(one)),
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
    said = f": “{visible(record.act.text)}”" if one.sees_judge else "."
    return f"Dismissed by {_by(record)}, {DISMISSALS[record.act.cause]}{said}"


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
    return f"{change} by {_by(record)}, {FINAL_REASONS[record.act.reason]}: “{visible(record.act.text)}”"


def _level_words(level: int | None) -> str:
    return "no level" if level is None else f"level {level}"


def _review_notes(one: Exported) -> Sequence[tuple[str, str]]:
    """Each reviewer's note on the whole, with whose it is."""
    found: Mapping[int, HumanRecord] = one.state.reviews
    notes = ((_by(record), getattr(record.act, "note", "")) for record in found.values())
    return [(by, visible(note)) for by, note in notes if note]
