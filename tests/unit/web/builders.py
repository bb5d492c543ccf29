"""Small values by hand: a rubric, a transcript, completions, and the scorecard that follows from them."""

import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime

from evaluator.judging import Completion, Sampling, TokenLogprob, Usage
from evaluator.manifest import RecordingRef
from evaluator.scorecard import Scorecard, conclude
from evaluator.storage.reading import Event, InterviewRow, StoredScorecard
from evaluator.transcript import Transcript, Turn, segmented
from rubrics.model import Criterion, Rubric, Section

MODEL = "test-judge@r1"
AT = datetime(2026, 11, 18, 14, 2, tzinfo=UTC)

SURE = {1: 0.0, 2: 0.0, 3: 0.1, 4: 0.9, 5: 0.0}
SPLIT = {1: 0.0, 2: 0.5, 3: 0.0, 4: 0.5, 5: 0.0}


def criterion(criterion_id: str, name: str, *, required: bool = False) -> Criterion:
    """A criterion whose anchors name it and their level."""
    return Criterion(
        id=criterion_id,
        name=name,
        definition=f"What {name.lower()} looks like in an answer.",
        anchors={n: f"{name}, behaviour of level {n}." for n in range(1, 6)},
        required=required,
    )


def rubric(*, required: str = "") -> Rubric:
    """Three sections, four criteria; `required` names the one that is."""
    sections = (
        ("design", "System design", (("decomposition", "Problem decomposition"), ("tradeoffs", "Trade-offs"))),
        ("debugging", "Debugging", (("method", "Method"),)),
        ("closing", "Working with others", (("feedback", "Use of feedback"),)),
    )
    return Rubric(
        id="backend",
        version="1",
        title="Backend engineer",
        role="Backend engineer",
        opening="Welcome.",
        closing="Thank you.",
        sections=tuple(
            Section(
                id=section_id,
                title=title,
                intro=f"Now {title}.",
                questions=("Tell me.",),
                time_budget_minutes=5,
                criteria=tuple(criterion(i, name, required=i == required) for i, name in criteria),
            )
            for section_id, title, criteria in sections
        ),
    )


def transcript(
    *, said: str = "We moved to three read replicas last year.", confidence: float | None = None, timed: bool = True
) -> Transcript:
    """Design is answered (U1, U2), debugging is asked and not answered, the last section is never reached."""
    return Transcript(
        source="labelled-text",
        turns=segmented(
            (
                Turn(id="t1", speaker="interviewer", section_id="design", text="Tell me about a system."),
                Turn(
                    id="t2",
                    speaker="candidate",
                    section_id="design",
                    text=said,
                    started_s=723.0 if timed else None,
                    ended_s=734.5 if timed else None,
                    confidence=confidence,
                ),
                Turn(id="t3", speaker="candidate", section_id="design", text="We measured the lag every minute."),
                Turn(id="t4", speaker="interviewer", section_id="debugging", text="And how do you debug?"),
            )
        ),
    )


def completion(
    *answers: tuple[tuple[str, ...], int, Mapping[int, float] | None], abstain: float = 0.0, logprobs: bool = True
) -> Completion:
    """An answer of the judge: evidence, level and distribution per criterion, as an endpoint would return it."""
    tokens: list[TokenLogprob] = []
    for n, (evidence, level, p) in enumerate(answers, start=1):
        head = "{" if n == 1 else ","
        tokens.append(TokenLogprob(token=f'{head}"c{n}":{{"evidence":{json.dumps(evidence)},"level":', logprob=0.0))
        top = {str(k): math.log(v * (1 - abstain)) for k, v in (p or {level: 1.0}).items() if v}
        top |= {"0": math.log(abstain)} if abstain else {}
        tokens.append(TokenLogprob(token=str(level), logprob=top.get(str(level), -50.0), top=top))
        tokens.append(TokenLogprob(token="}", logprob=0.0))
    tokens.append(TokenLogprob(token="}", logprob=0.0))
    return Completion(
        text="".join(t.token for t in tokens),
        finish_reason="stop",
        logprobs=tuple(tokens) if logprobs else None,
        usage=Usage(prompt_tokens=900, completion_tokens=40, cached_tokens=512),
        model=MODEL,
        started_at=AT,
        duration_s=1.25,
    )


TYPICAL = completion((("U1", "U2"), 4, SURE), (("U2",), 2, SPLIT), abstain=0.04)


def scorecard(
    said: Transcript, by: Rubric, *, design: Completion | None = TYPICAL, model: str = MODEL, failed: str = "cut_answer"
) -> Scorecard:
    """The scorecard of these; design=None: that section failed for the reason given."""
    completions = {} if design is None else {"design": design}
    return conclude(
        said, by, completions, failed={} if design else {"design": failed}, model=model, sampling=Sampling()
    )


def stored(body: Scorecard, **changes: object) -> StoredScorecard:
    """The body with what PostgreSQL keeps beside it."""
    p = body.provenance
    values: dict[str, object] = {
        "id": "sc_0123456789ab",
        "interview_id": "iv-1",
        "candidate_ref": "C-0412",
        "requisition": "REQ-114",
        "rubric_id": p.rubric_id,
        "rubric_version": p.rubric_version,
        "interviewed_at": AT,
        "transcript_key": "interviews/iv-1/transcript-0.json",
        "transcript_sha256": p.transcript_sha256,
        "recording": RecordingRef(status="none"),
        "body": body,
        "body_sha256": body.digest,
        "execution": {},
        "created_at": AT,
        "superseded_by": None,
        "run": "night-2026-11-18",
    }
    return StoredScorecard.model_validate({**values, **changes})


def row(**changes: object) -> InterviewRow:
    """A line of the list, scored unless changed."""
    values: dict[str, object] = {
        "id": "iv-1",
        "candidate_ref": "C-0412",
        "requisition": "REQ-114",
        "rubric": "backend@1",
        "started_at": AT,
        "taken_in_at": AT,
        "consent": "granted",
        "state": "scored",
        "code": None,
        "sections_done": 3,
        "sections_total": 3,
        "scorecard_id": "sc_0123456789ab",
        "overall": 3.4,
        "spread": 0.2,
        "scored": 6,
        "of": 7,
        "alerts": 0,
        "judge_notice": None,
    }
    return InterviewRow.model_validate({**values, **changes})


def event(kind: str, **detail: object) -> Event:
    """One line of a story."""
    return Event(at=AT, kind=kind, fence=1, worker="node-1", detail=detail)
