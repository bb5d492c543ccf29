"""What a printed page says of where it comes from: paper has no links to follow."""

from dataclasses import dataclass

from evaluator.human import HumanState
from evaluator.storage.reading import StoredScorecard
from evaluator.storage.requisitions import Requisition
from evaluator.views.people import submitted_words
from evaluator.words import visible

HIDDEN = "opens after your review"


@dataclass(frozen=True, kw_only=True, slots=True)
class Printed:
    """One scorecard that a printed page rests on."""

    candidate_ref: str
    scorecard: str
    rubric: str  # id@version
    judge: str
    prompt_version: str
    run: str
    reviews: str  # `1 of 2 reviewers submitted`


def printed(stored: StoredScorecard, state: HumanState, requisition: Requisition, *, seen: bool) -> Printed:
    """seen: whether the judge is open to whoever prints; nothing of it is named else."""
    provenance = stored.body.provenance
    reviews = submitted_words(state, requisition)
    return Printed(
        candidate_ref=visible(stored.candidate_ref),
        scorecard=stored.id,
        rubric=f"{stored.rubric_id}@{stored.rubric_version}",
        judge=visible(provenance.model) if seen else HIDDEN,
        prompt_version=visible(provenance.prompt_version) if seen else HIDDEN,
        run=visible(stored.run or "none") if seen else HIDDEN,
        reviews=f"dismissed; {reviews}" if state.dismissal else reviews,
    )
