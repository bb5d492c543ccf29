"""One scorecard whole, for machines: the body as it is hashed, the words that it cites, and what people added."""

from typing import Any

from evaluator.exports.rows import SCALE_MAX, SCALE_MIN, Exported, recommendations_of, standing_of
from evaluator.human import HumanRecord
from evaluator.transcript import Transcript
from evaluator.verdict import Verdict
from evaluator.words import ADVICE, iso

HIDDEN = "blind review: the AI evaluation opens after you submit your own scores"


def scorecard_json(one: Exported, transcript: Transcript | None, *, words_missing: str | None = None) -> dict[str, Any]:
    """The JSON object; without a transcript, `words_missing` says why.

    While it is hidden from the viewer, all that the judge said and all that could tell of it is null: the body and its
    digest, the evidence, the facts of execution (an answer's tokens follow from it), and people's records.
    """
    stored, seen = one.stored, one.sees_judge
    return {
        "scorecard_id": stored.id,
        "judge_notice": stored.body.provenance.judge_notice,
        "advice": ADVICE,
        "interview_id": stored.interview_id,
        "candidate_ref": stored.candidate_ref,
        "requisition": stored.requisition,
        "rubric": f"{stored.rubric_id}@{stored.rubric_version}",
        "interviewed_at": iso(stored.interviewed_at) if stored.interviewed_at else None,
        "created_at": iso(stored.created_at),
        "run": stored.run,
        "superseded_by": stored.superseded_by,
        "dismissed": _dismissal(one),
        "scale_min": SCALE_MIN,
        "scale_max": SCALE_MAX,
        "recording": stored.recording.status,
        "ai_visible": seen,
        "ai_hidden_because": None if seen else HIDDEN,
        "body": stored.body.model_dump(mode="json") if seen else None,
        "body_sha256": stored.body_sha256 if seen else None,
        "evidence": _evidence(one, transcript) if seen else None,
        "evidence_unavailable": words_missing,
        "human": _human(one) if seen else None,
        "execution": stored.execution if seen else None,
    }


def _evidence(one: Exported, transcript: Transcript | None) -> dict[str, Any]:
    """The utterances that the judge cites, and those that people quote."""
    cited = {i for r in one.stored.body.results if isinstance(r, Verdict) for i in r.evidence}
    for record in one.state.reviews.values():
        cited |= {q for rating in getattr(record.act, "ratings", ()) for q in rating.quotes}
    spoken = () if transcript is None else transcript.utterances()
    return {u.id: {"speaker": "candidate", **u.model_dump(mode="json")} for u in spoken if u.id in cited}


def _human(one: Exported) -> dict[str, Any]:
    state = one.state
    standings = {c.id: standing_of(state, c.id) for c in one.rubric.criteria}
    return {
        "number": state.number,
        "criteria": {c: {"status": status, "level": level} for c, (status, level) in standings.items()},
        "reviews": [_record(r) for r in state.reviews.values()],
        "finals": {c: [_record(r) for r in history] for c, history in state.finals.items()},
        "recommendations": [{"person": name, "recommendation": code} for _, name, code in recommendations_of(one)],
    }


def _dismissal(one: Exported) -> dict[str, Any] | None:
    """Who set it aside and why; the free words only for those who see what they may speak of."""
    if one.state.dismissal is None:
        return None
    record = _record(one.state.dismissal)
    # Its number would tell how many finals others gave, so how far they disagree with the judge.
    return record if one.sees_judge else {**record, "text": None, "number": None}


def _record(record: HumanRecord) -> dict[str, Any]:
    return {
        "number": record.number,
        "person": record.person,
        "at": iso(record.at),
        **record.act.model_dump(mode="json"),
    }
