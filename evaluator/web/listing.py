"""Interviews as they are read: a line in the list, a page of its own, and the next command where one helps."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from evaluator.errors import UsageFault
from evaluator.evaluation import COUNTS
from evaluator.storage.reading import Event, InterviewRow
from evaluator.storage.runs import RunStatus
from evaluator.values import ID_PATTERN
from evaluator.web.view import STATE_WORDS
from evaluator.web.words import counted, event_words, failure_words, spread_words, visible

EVENTS_SHOWN = 200  # the newest of an interview's story

Tone = Literal["good", "calm", "attention", "stop"]  # colour beside the words, never instead of them

_CURSOR = re.compile(r"(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{6})Z,([A-Za-z0-9][A-Za-z0-9_.-]{0,63})")
_ID = re.compile(ID_PATTERN)

_CONSENT = {
    "granted": "granted",
    "refused": "refused",
    "withdrawn": "withdrawn",
    "unknown": "unknown (imported without it)",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """Where an interview stands, in words."""

    words: str
    tone: Tone


@dataclass(frozen=True, kw_only=True, slots=True)
class InterviewLine:
    """One line of the list."""

    id: str
    candidate_ref: str
    requisition: str
    rubric: str
    interviewed_at: datetime | None
    standing: Standing
    scorecard_id: str | None
    overall: str | None  # `3.4`
    spread: str | None  # `±0.2`
    overall_absent: str | None  # why there is no figure although there is a scorecard
    coverage: str | None  # `6 of 7`
    alerts: str | None  # `2 alerts`
    judge_notice: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One line of an interview's story."""

    at: datetime
    words: str
    worker: str | None
    detail: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Command:
    """Something to type, and what it does here."""

    line: str
    purpose: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Failure:
    """What holds an interview up."""

    code: str
    words: str
    detail: str | None  # what the failure said of itself


@dataclass(frozen=True, kw_only=True, slots=True)
class InterviewView:
    """One interview: where it stands, why, and what to do about it."""

    line: InterviewLine
    taken_in_at: datetime
    consent: str
    explanation: str
    failure: Failure | None  # the last one, where it holds the interview up
    commands: tuple[Command, ...]
    earlier_scorecard_id: str | None
    steps: tuple[Step, ...]  # oldest first
    steps_hidden: int


@dataclass(frozen=True, kw_only=True, slots=True)
class RunLine:
    """A run in one sentence."""

    name: str
    words: str
    counts: tuple[tuple[str, int], ...]  # what its selected interviews add up to, without zeros
    selected: int
    started_at: datetime


def standing(row: InterviewRow) -> Standing:
    """The interview's state as people say it."""
    if row.state == "running":
        return Standing(words=f"Scoring: {row.sections_done} of {counted(row.sections_total, 'section')}", tone="calm")
    if row.state == "pending" and row.code:
        return Standing(words="Waiting for another try", tone="attention")
    fixed: Mapping[str, tuple[str, Tone]] = {
        "not_started": ("Not in a run yet", "calm"),
        "pending": ("Waiting", "calm"),
        "quarantined": ("Failed", "stop"),
        "cancelled": ("Cancelled", "calm"),
        "blocked": ("Blocked: no consent", "stop"),
        "scored": (STATE_WORDS["scored"], "good"),
        "needs_review": (STATE_WORDS["needs_review"], "attention"),
        "unscorable": (STATE_WORDS["unscorable"], "attention"),
    }
    words, tone = fixed.get(row.state, (visible(row.state), "calm"))
    return Standing(words=words, tone=tone)


def interview_line(row: InterviewRow) -> InterviewLine:
    """One line of the list; a figure never stands where there is none."""
    given = row.overall is not None
    absent = None
    if row.scorecard_id is not None and not given:
        why = "a section failed" if row.failed else "a required criterion has no level"
        absent = f"withheld: {why}" if row.scored else "no level"
    return InterviewLine(
        id=row.id,
        candidate_ref=visible(row.candidate_ref),
        requisition=visible(row.requisition),
        rubric=visible(row.rubric),
        interviewed_at=row.started_at,
        standing=standing(row),
        scorecard_id=row.scorecard_id,
        overall=f"{row.overall:.1f}" if row.overall is not None else None,
        spread=spread_words(row.spread) if given and row.spread is not None else None,
        overall_absent=absent,
        coverage=f"{row.scored} of {row.of}" if row.scored is not None else None,
        alerts=counted(row.alerts, "alert") if row.alerts else None,
        judge_notice=row.judge_notice,
    )


def interview_view(
    row: InterviewRow, events: Sequence[Event], *, earlier_scorecard_id: str | None = None
) -> InterviewView:
    """One interview's page; `earlier_scorecard_id`: of an evaluation before the latest, where the latest has none."""
    shown = events[-EVENTS_SHOWN:]
    explanation, commands = _explained(row)
    return InterviewView(
        line=interview_line(row),
        taken_in_at=row.taken_in_at,
        consent=_CONSENT.get(row.consent, visible(row.consent)),
        explanation=explanation,
        failure=_failure(row, events),
        commands=commands,
        earlier_scorecard_id=earlier_scorecard_id if row.scorecard_id is None else None,
        steps=tuple(_step(event) for event in shown),
        steps_hidden=len(events) - len(shown),
    )


_DOCTOR = Command(line="debrief doctor", purpose="checks each service and says what to do")
_START = Command(line="debrief run start", purpose="scores every interview that has no scorecard yet")
_AGAIN = Command(line="debrief run start --only failed", purpose="tries again what failed")
_RUNS = Command(line="debrief run list", purpose="shows whether its run is open")
_WORKER = Command(line="debrief worker", purpose="starts a worker, where none runs")


def _explained(row: InterviewRow) -> tuple[str, tuple[Command, ...]]:
    """What the state means, and the commands that move it on."""
    if row.state == "blocked":
        return _blocked(row), ()
    if row.state == "pending":
        return _pending(row), (_RUNS, _WORKER, _DOCTOR)
    explained: Mapping[str, tuple[str, tuple[Command, ...]]] = {
        "not_started": (
            "It was taken in, and no run has selected it.",
            (_START,),
        ),
        "running": (
            f"A worker is scoring it now: {row.sections_done} of {counted(row.sections_total, 'section')} done. "
            "Reload this page to see it move on.",
            (),
        ),
        "quarantined": (
            "It could not be scored and was set aside for a person. Sections that were finished are kept. "
            "Once the cause is gone, start a run over what failed.",
            (_DOCTOR, _AGAIN),
        ),
        "cancelled": ("Its evaluation was cancelled before it was done.", (_START,)),
        "unscorable": ("It was read to the end, and no criterion got a level. The scorecard says why for each.", ()),
        "needs_review": ("It is scored, and its alerts ask a person to read the evidence first.", ()),
        "scored": ("It is scored.", ()),
    }
    return explained.get(row.state, ("", ()))


def _blocked(row: InterviewRow) -> str:
    if row.consent == "unknown":
        return (
            "It is not scored: whether the candidate agreed is not known, and DEBRIEF_REQUIRE_CONSENT is set here. "
            "No model has read it. Record the consent, then import the interview again."
        )
    return f"It is not scored: consent was {visible(row.consent)}. No model reads it."


def _pending(row: InterviewRow) -> str:
    if row.code:
        return "The last try failed. Nothing is lost, and it will be tried again without your doing."
    return "It waits for a worker. A worker takes it up as soon as its run is open and one is free."


def _failure(row: InterviewRow, events: Sequence[Event]) -> Failure | None:
    if row.code is None or row.state not in {"quarantined", "pending"}:
        return None
    last = next((e.detail for e in reversed(events) if e.detail.get("code") == row.code), {})
    detail = last.get("detail")
    return Failure(
        code=visible(row.code), words=failure_words(row.code), detail=visible(str(detail)) if detail else None
    )


def _step(event: Event) -> Step:
    code = event.detail.get("code")
    said = event.detail.get("detail") or event.detail.get("reason")
    detail = " ".join([*([failure_words(str(code))] if code else []), *([visible(str(said))] if said else [])])
    return Step(
        at=event.at,
        words=event_words(event.kind, event.detail),
        worker=visible(event.worker) if event.worker else None,
        detail=detail or None,
    )


_RUN_STATES = {"open": "open", "paused": "paused"}
_RUN_ENDS = {
    "finished": "finished",
    "stopped": "stopped by an operator",
    "deadline": "ended at its deadline",
    "budget": "ended on its budget",
}


def run_line(run: RunStatus) -> RunLine:
    """The run in one sentence, its counts without zeros."""
    state = _RUN_STATES.get(run.state) or _RUN_ENDS.get(run.closed_because or "", "closed")
    sections = f"{run.sections_done} of {counted(run.sections_total, 'section')} done"
    return RunLine(
        name=visible(run.name),
        words=f"{state}, {sections}",
        counts=tuple((name.replace("_", " "), n) for name in COUNTS if (n := getattr(run.counts, name))),
        selected=run.counts.selected,
        started_at=run.created_at,
    )


def cursor_of(row: InterviewRow) -> str:
    """Where the next page begins: after this line."""
    return f"{row.taken_in_at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}Z,{row.id}"


def parse_cursor(text: str) -> tuple[datetime, str]:
    """The line that a page follows; UsageFault for anything that `cursor_of` did not write."""
    match = _CURSOR.fullmatch(text)
    try:
        moment = datetime.fromisoformat(match[1]).replace(tzinfo=UTC) if match else None
    except ValueError:
        moment = None
    if match is None or moment is None:
        raise UsageFault("this link to older interviews is not valid; start again at the newest: /interviews")
    return moment, match[2]


def is_name(text: str) -> bool:
    """Whether it can be anybody's id at all; what cannot is never asked for."""
    return _ID.fullmatch(text) is not None


def checked_filter(noun: str, text: str | None) -> str | None:
    """A name to filter by; None for no filter. UsageFault for what can be nobody's name."""
    if text and not is_name(text):
        raise UsageFault(f"{noun} is not usable as a name: letters, digits, '_', '.', '-', at most 64")
    return text or None
