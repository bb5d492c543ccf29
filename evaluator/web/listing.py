"""Interviews as they are read: a line in the list, a page of its own, and the next command where one helps."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from evaluator.human import HumanState
from evaluator.manifest import Ending
from evaluator.storage.reading import Event
from evaluator.storage.reviewing import ListedInterview, ListState
from evaluator.words import (
    RECOMMENDATIONS,
    counted,
    event_words,
    failure_words,
    spread_words,
    visible,
)

EVENTS_SHOWN = 200  # the newest of an interview's story

Tone = Literal["good", "calm", "attention", "stop"]  # colour beside the words, never instead of them

_CONSENT = {
    "granted": "granted",
    "refused": "refused",
    "withdrawn": "withdrawn",
    "unknown": "unknown (imported without it)",
}

_ENDINGS: Mapping[Ending, str] = {
    "finished": "came to its closing words",
    "stopped": "ended early by the candidate",
    "silent": "ended, for the candidate was not heard any more",
    "incomplete": "broke off",
}

STATES: Mapping[ListState, tuple[str, Tone]] = {  # in the order in which a filter offers them
    "needs_review": ("Needs review", "attention"),
    "scored": ("Scored", "good"),
    "ready": ("Ready for your review", "attention"),
    "reviewed": ("Reviewed", "good"),
    "unscorable": ("Unscorable", "attention"),
    "dismissed": ("Dismissed", "stop"),
    "scoring": ("Being scored", "calm"),
    "waiting": ("Waiting", "calm"),
    "not_started": ("Not in a run yet", "calm"),
    "failed": ("Failed", "stop"),
    "blocked": ("Blocked", "stop"),  # for want of consent, or it broke off: `standing` says which
    "cancelled": ("Cancelled", "calm"),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """Where an interview stands, in words."""

    words: str
    tone: Tone
    again: str | None = None  # what a re-scoring is at, while the scorecard before it stands


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
    locked: bool  # the judge's values open after the viewer's own review
    overall: str | None  # `3.4`
    spread: str | None  # `±0.2`
    overall_absent: str | None  # why there is no figure although there is a scorecard
    coverage: str | None  # `6 of 7`
    alerts: str | None  # `2 alerts`
    reviews: str | None  # `1 of 2`
    mine: bool
    assigned: bool
    recommendation: str | None  # people's: `Strong yes`
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
    ending: str | None  # how a live interview ended, in words; None: that was never told
    releasable: bool  # it broke off, and a person may let it be scored as far as it went
    explanation: str
    failure: Failure | None  # the last one, where it holds the interview up
    commands: tuple[Command, ...]
    steps: tuple[Step, ...]  # oldest first
    steps_hidden: int


def standing(row: ListedInterview) -> Standing:
    """The interview's state as people say it."""
    sections = f"{row.sections_done} of {counted(row.sections_total, 'section')}"
    if row.scorecard_id is None and row.state == "scoring":
        return Standing(words=f"Scoring: {sections}", tone="calm")
    if row.scorecard_id is None and row.state == "waiting" and row.code:
        return Standing(words="Waiting for another try", tone="attention")
    words, tone = STATES[row.state]
    if _held_back(row):
        words, tone = f"Incomplete: it {_broke_off_where(row)}", "stop"
    elif row.state == "blocked":
        words = "Blocked: no consent"
    again = {
        "pending": "re-scoring waits",
        "running": f"re-scoring: {sections}",
        "quarantined": "re-scoring failed",
        "blocked": f"re-scoring blocked: {'it broke off' if row.code == 'incomplete' else 'no consent'}",
    }
    return Standing(words=words, tone=tone, again=again.get(row.evaluation or "") if row.scorecard_id else None)


def _broken_off(row: ListedInterview) -> bool:
    """Whether it broke off and nobody has released it; without consent that is what keeps it from being scored."""
    return row.ending == "incomplete" and not row.released and row.consent == "granted"


def _held_back(row: ListedInterview) -> bool:
    """Whether that it broke off is all that keeps it from being scored, so that a release helps."""
    return _broken_off(row) and row.scorecard_id is None and row.state in {"blocked", "not_started"}


def _broke_off_where(row: ListedInterview) -> str:
    if not row.reached:
        return "broke off before its first section"
    return f"broke off in section {row.reached} of {row.sections}"


def interview_line(row: ListedInterview, people: HumanState | None = None) -> InterviewLine:
    """One line of the list; a figure never stands where there is none.

    people: what they added to its scorecard; left out where the viewer may not see that yet.
    """
    given = row.overall is not None
    absent = None
    if row.scorecard_id is not None and not given and not row.hidden:
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
        locked=row.hidden,
        overall=f"{row.overall:.1f}" if row.overall is not None else None,
        spread=spread_words(row.spread) if given and row.spread is not None else None,
        overall_absent=absent,
        coverage=f"{row.scored} of {row.of}" if row.scored is not None else None,
        alerts=counted(row.alerts, "alert") if row.alerts else None,
        reviews=f"{row.reviews} of {row.reviewers_needed}" if row.scorecard_id else None,
        mine=row.mine,
        assigned=row.assigned,
        recommendation=recommendation_words(people) if people and not row.hidden else None,
        judge_notice=row.judge_notice,
    )


def recommendation_words(people: HumanState) -> str | None:
    """What people recommend, each once: `Yes`, or `Yes, No` where they differ."""
    said = dict.fromkeys(RECOMMENDATIONS[r] for r in people.recommendations.values() if r != "no_decision")
    return ", ".join(said) or None


def interview_view(row: ListedInterview, events: Sequence[Event], *, people: HumanState | None = None) -> InterviewView:
    """One interview's page."""
    shown = events[-EVENTS_SHOWN:]
    explanation, commands = _explained(row)
    explanation = " ".join([explanation, *_told_by_the_agent(row)])
    return InterviewView(
        line=interview_line(row, people),
        taken_in_at=row.taken_in_at,
        consent=_CONSENT.get(row.consent, visible(row.consent)),
        ending=_ending(row),
        releasable=_held_back(row) or (_broken_off(row) and row.evaluation == "blocked"),
        explanation=explanation,
        failure=_failure(row, events),
        commands=commands,
        steps=tuple(_step(event, hidden=row.hidden) for event in shown),
        steps_hidden=len(events) - len(shown),
    )


_DOCTOR = Command(line="debrief doctor", purpose="checks each service and says what to do")
_START = Command(line="debrief run start", purpose="scores every interview that has no scorecard yet")
_AGAIN = Command(line="debrief run start --only failed", purpose="tries again what failed")
_RUNS = Command(line="debrief run list", purpose="shows whether its run is open")
_WORKER = Command(line="debrief worker", purpose="starts a worker, where none runs")


def _explained(row: ListedInterview) -> tuple[str, tuple[Command, ...]]:
    """What the state means, and the commands that move it on."""
    if row.scorecard_id is not None:
        return _explained_scorecard(row)
    if _held_back(row):
        return _held(row)
    if row.state == "blocked":
        return _blocked(row), ()
    if row.state == "waiting":
        return _pending(row), (_RUNS, _WORKER, _DOCTOR)
    explained: Mapping[str, tuple[str, tuple[Command, ...]]] = {
        "not_started": ("It was taken in, and no run has selected it.", (_START,)),
        "scoring": (
            f"A worker is scoring it now: {row.sections_done} of {counted(row.sections_total, 'section')} done. "
            "Reload this page to see it move on.",
            (),
        ),
        "failed": (
            "It could not be scored and was set aside for a person. Sections that were finished are kept. "
            "Once the cause is gone, start a run over what failed.",
            (_DOCTOR, _AGAIN),
        ),
        "cancelled": ("Its evaluation was cancelled before it was done.", (_START,)),
    }
    return explained.get(row.state, ("", ()))


def _explained_scorecard(row: ListedInterview) -> tuple[str, tuple[Command, ...]]:
    """What it means that there is a scorecard, and what a re-scoring beside it is at."""
    explained = {
        "unscorable": "It was read to the end, and no criterion got a level. The scorecard says why for each.",
        "needs_review": "It is scored, and its alerts ask a person to read the evidence first.",
        "scored": "It is scored.",
        "ready": "The AI evaluation is ready. It opens after you submit your own scores.",
        "reviewed": "It is scored, and the people who were asked for have reviewed it.",
        "dismissed": "A person dismissed its scorecard, which does not count any more; the scorecard says why.",
    }
    again: Mapping[str, tuple[str, tuple[Command, ...]]] = {
        "pending": (" A re-scoring waits; until it is done this scorecard stands.", (_RUNS,)),
        "running": (" It is being scored again; until that is done this scorecard stands.", ()),
        "quarantined": (" A re-scoring failed; this scorecard stands.", (_DOCTOR, _AGAIN)),
        "blocked": (f" A re-scoring is blocked, for {_why_blocked(row)}; this scorecard stands.", ()),
    }
    more, commands = again.get(row.evaluation or "", ("", ()))
    return explained.get(row.state, "") + more, commands


def _held(row: ListedInterview) -> tuple[str, tuple[Command, ...]]:
    release = f'debrief interview release {row.id} --reason "..."'
    return (
        "The interview did not come to its end, so it is not scored as if it were whole. Everything that was said is "
        "kept. Hold another interview, or have a person release this one; sections that it never reached are then "
        "shown as not asked.",
        (Command(line=release, purpose="lets it be scored as far as it went; the reason is logged"), _START),
    )


def _told_by_the_agent(row: ListedInterview) -> tuple[str, ...]:
    """How a live interview ended, where that is more than the state says."""
    ended = {
        "stopped": "The candidate ended the interview early.",
        "silent": "The interview ended because the candidate was not heard any more.",
        "incomplete": f"The interview {_broke_off_where(row)}{', and a person released it' if row.released else ''}.",
    }
    told = ended.get(row.ending or "")
    return (*((told,) if told else ()), *(("The candidate asked for a person.",) if row.wants_person else ()))


def _ending(row: ListedInterview) -> str | None:
    """How it ended and how far it came: `broke off; 2 of 4 sections reached`."""
    if row.ending is None:
        return None
    words = [_ENDINGS[row.ending]]
    if row.reached is not None and row.sections:
        words.append(f"{row.reached} of {counted(row.sections, 'section')} reached")
    if row.wants_person:
        words.append("the candidate asked for a person")
    if row.released:
        words.append("released by a person")
    return "; ".join(words)


def _blocked(row: ListedInterview) -> str:
    if row.consent == "unknown":
        return (
            "It is not scored: whether the candidate agreed is not known, and DEBRIEF_REQUIRE_CONSENT is set here. "
            "No model has read it. Record the consent, then import the interview again."
        )
    return f"It is not scored: consent was {visible(row.consent)}. No model reads it."


def _why_blocked(row: ListedInterview) -> str:
    return "the interview broke off" if row.code == "incomplete" else "there is no consent"


def _pending(row: ListedInterview) -> str:
    if row.code:
        return "The last try failed. Nothing is lost, and it will be tried again without your doing."
    return "It waits for a worker. A worker takes it up as soon as its run is open and one is free."


def _failure(row: ListedInterview, events: Sequence[Event]) -> Failure | None:
    if row.code is None or row.evaluation not in {"quarantined", "pending"}:
        return None
    last = next((e.detail for e in reversed(events) if e.detail.get("code") == row.code), {})
    detail = last.get("detail")
    return Failure(
        code=visible(row.code), words=failure_words(row.code), detail=visible(str(detail)) if detail else None
    )


def _step(event: Event, *, hidden: bool) -> Step:
    if hidden and event.kind == "done":  # how it came out is the judge's saying
        return Step(at=event.at, words="Finished", worker=visible(event.worker) if event.worker else None, detail=None)
    code = event.detail.get("code")
    said = event.detail.get("detail") or event.detail.get("reason")
    detail = " ".join([*([failure_words(str(code))] if code else []), *([visible(str(said))] if said else [])])
    return Step(
        at=event.at,
        words=event_words(event.kind, event.detail),
        worker=visible(event.worker) if event.worker else None,
        detail=detail or None,
    )
