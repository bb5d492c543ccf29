"""The figures of the judge's evaluation: what a judge that knows the truth gets, and one that knows nothing."""

import pytest

from evaluator.judging import Completion, JudgeRequest
from evaluator.prompts import user_prompt
from live_agent.training.__main__ import seen, shipped_rubrics
from live_agent.training.samples import Truth, answer_of
from tests.factories import a_completion
from tests.judge_eval.cohort import Told, cohort, judged
from tests.judge_eval.figures import bag_of_words, figures

MODEL = "oracle@1"


class Oracle:
    """A judge that was told the truth; `shift` moves every level, within the scale."""

    def __init__(self, told: list[Told], shift: int = 0) -> None:
        self._answers = {
            (tuple(c.name for c in s.criteria), user_prompt(one.transcript.in_section(s.id))): [
                one.truths.get(c.id, Truth(criterion_id=c.id, level=0, evidence=())) for c in s.criteria
            ]
            for one in told
            for s in one.rubric.sections
        }
        self._shift = shift

    async def complete(self, request: JudgeRequest) -> Completion:
        """The truth of the section whose turns these are."""
        names = tuple(line.split(" ", 2)[2] for line in request.system.splitlines() if line.startswith("## c"))
        truths = self._answers[names, request.user]
        moved = [t if not t.level else _moved(t, self._shift) for t in truths]
        return a_completion(text=answer_of(moved), model=MODEL)

    async def aclose(self) -> None:
        """Nothing is open."""


def _moved(truth: Truth, shift: int) -> Truth:
    level = min(5, max(1, truth.level + shift))
    return Truth(criterion_id=truth.criterion_id, level=level, evidence=truth.evidence)


@pytest.fixture(scope="module")
def told() -> list[Told]:
    """A few interviews of each role."""
    return list(cohort(shipped_rubrics(), interviews=12, seed=5, allowed=seen))


def by(told: list[Told], shift: int = 0) -> dict:
    """The figures of an oracle that is off by so many levels."""
    cards, _ = judged(told, Oracle(told, shift), model=MODEL, context_tokens=32_768, say=lambda _: None)
    return figures(cards)


def test_truth_is_perfect(told):
    """Every figure is at its best."""
    found = by(told)

    best = ("kappa", "exact", "within_one", "evidence_precision", "evidence_recall", "unscored_f1")
    assert {1.0} == {found[name] for name in best}
    assert found["spearman"] > 0.99


def test_one_level_off_is_within_one_and_not_exact(told):
    """The figures tell them apart."""
    found = by(told, shift=1)

    assert (1.0, True) == (found["within_one"], found["exact"] < 0.5)


def test_words_alone_are_measured_too(told):
    """The baseline has figures of its own."""
    assert set(bag_of_words(told, told)) == {"n", "kappa", "exact", "within_one"}
