"""What the pages are given in tests: a scorecard with one of everything, a line of the list, a step of a story."""

from evaluator.judging import Completion, Sampling
from evaluator.manifest import RecordingRef
from evaluator.scorecard import Scorecard, conclude
from evaluator.storage.reading import Event, StoredScorecard
from evaluator.storage.reviewing import ListedInterview
from evaluator.transcript import Transcript
from rubrics.model import Rubric
from tests.factories import AT, MODEL, a_completion, a_criterion, a_rubric, a_transcript

SURE = {0: 0.04, 3: 0.096, 4: 0.864}  # expected level 3.9
SPLIT = {2: 0.5, 4: 0.5}  # expected level 3.0, spread 1.0
SAID = "We moved to three read replicas last year. We measured the lag every minute."  # U1 U2


def a_mixed_transcript(said: str = SAID, *, confidence: float | None = None) -> Transcript:
    """Design is answered (U1, U2), debugging is asked and not answered, teamwork is never reached."""
    return a_transcript({"design": said, "debugging": None}, confidence=confidence)


def timed(transcript: Transcript, *, started_s: float = 723.0, ended_s: float = 734.5) -> Transcript:
    """The same with measured times on the candidate's turns."""
    times = {"started_s": started_s, "ended_s": ended_s}
    turns = [t.model_copy(update=times) if t.speaker == "candidate" else t for t in transcript.turns]
    return transcript.model_copy(update={"turns": tuple(turns)})


def typical(*, logprobs: bool = True) -> Completion:
    """Design: level 4 nearly sure, on U1 and U2; level 2 or 4, on U2."""
    return a_completion((4, 2), (["U1", "U2"], ["U2"]), (SURE, SPLIT) if logprobs else None)


def a_rubric_requiring(criterion_id: str) -> Rubric:
    """The usual rubric, but its debugging section is judged by one required criterion."""
    sections = ("depth", "clarity"), (a_criterion(criterion_id, required=True),), ("feedback", "conflict")
    return a_rubric(dict(zip(("design", "debugging", "teamwork"), sections, strict=True)))


def a_scorecard(
    transcript: Transcript | None = None,
    rubric: Rubric | None = None,
    *,
    design: Completion | None = None,
    model: str = MODEL,
) -> Scorecard:
    """Of the mixed transcript unless told otherwise."""
    return conclude(
        transcript or a_mixed_transcript(),
        rubric or a_rubric(),
        {"design": design or typical()},
        model=model,
        sampling=Sampling(),
    )


def a_failed_scorecard(reason: str) -> Scorecard:
    """Design could not be judged."""
    failed = {"design": reason}
    return conclude(a_mixed_transcript(), a_rubric(), {}, failed=failed, model=MODEL, sampling=Sampling())


def stored(body: Scorecard, **changes: object) -> StoredScorecard:
    """The body with what PostgreSQL keeps beside it."""
    values: dict[str, object] = {
        "id": "sc_0123456789ab",
        "interview_id": "iv-1",
        "candidate_ref": "C-0412",
        "requisition": "REQ-114",
        "rubric_id": body.provenance.rubric_id,
        "rubric_version": body.provenance.rubric_version,
        "interviewed_at": AT,
        "transcript_key": "interviews/iv-1/transcript-0.json",
        "transcript_sha256": body.provenance.transcript_sha256,
        "recording": RecordingRef(status="none"),
        "body": body,
        "body_sha256": body.digest,
        "execution": {},
        "created_at": AT,
        "superseded_by": None,
        "run": "night-2026-11-18",
    }
    return StoredScorecard.model_validate({**values, **changes})


def a_row(**changes: object) -> ListedInterview:
    """A line of the list, scored unless changed."""
    values: dict[str, object] = {
        "id": "iv-1",
        "candidate_ref": "C-0412",
        "requisition": "REQ-114",
        "rubric": "backend@1",
        "started_at": AT,
        "taken_in_at": AT,
        "consent": "granted",
        "blind": False,
        "reviewers_needed": 1,
        "hidden": False,
        "state": "scored",
        "evaluation": "done",
        "code": None,
        "sections_done": 3,
        "sections_total": 3,
        "scorecard_id": "sc_0123456789ab",
        "overall": 3.4,
        "spread": 0.2,
        "scored": 6,
        "of": 7,
        "alerts": 0,
        "failed": False,
        "judge_notice": None,
        "reviews": 0,
        "mine": False,
        "assigned": False,
    }
    return ListedInterview.model_validate({**values, **changes})


def an_unscored_row(state: str, **changes: object) -> ListedInterview:
    """A line of the list without a scorecard."""
    nothing = dict.fromkeys(("scorecard_id", "overall", "spread", "scored", "of"))
    evaluation = {"waiting": "pending", "scoring": "running", "failed": "quarantined", "not_started": None}
    return a_row(**{**nothing, "state": state, "evaluation": evaluation.get(state, state), **changes})


def an_event(kind: str, **detail: object) -> Event:
    """One line of a story."""
    return Event(
        at=AT,
        evaluation=1,
        evaluation_key="ab" * 32,
        model="judge@r1",
        rubric="backend@1",
        kind=kind,
        fence=1,
        worker="node-1",
        run="night",
        detail=detail,
    )
