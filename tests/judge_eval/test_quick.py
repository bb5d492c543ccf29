"""The judge that ships tells strong candidates from weak ones, through the real engine and the product's own path."""

from statistics import fmean

import pytest

from evaluator.adapters.vllm import VllmEngine
from evaluator.embedded import Endpoints
from live_agent.training.__main__ import seen, shipped_rubrics
from tests.judge_eval.__main__ import CONTEXT_TOKENS, PEOPLE_SEED
from tests.judge_eval.cohort import Judged, cohort, judged
from tests.judge_eval.figures import expected_by_level, ranking

INTERVIEWS = 30

pytestmark = pytest.mark.vllm


@pytest.fixture(scope="module")
def cards(engine: Endpoints) -> list[Judged]:
    """Simulated interviews of people of all abilities, judged."""
    assert engine.engine_url is not None
    assert engine.model is not None
    told = list(cohort(shipped_rubrics(), interviews=INTERVIEWS, seed=PEOPLE_SEED, allowed=seen))
    client = VllmEngine(engine.engine_url, api_key=engine.engine_api_key)
    return judged(told, client, model=engine.model, context_tokens=CONTEXT_TOKENS, say=lambda _: None)[0]


def test_strong_candidates_outscore_weak_ones(cards: list[Judged]):
    """The stronger half has the higher mean, by a level and more; and the ranking is nearly that of the abilities."""
    ranked = sorted((c for c in cards if c.scorecard.overall.value), key=lambda c: c.told.ability or 0)
    weak, strong = ranked[: len(ranked) // 2], ranked[len(ranked) // 2 :]

    assert 1 < fmean(c.scorecard.overall.value or 0 for c in strong) - fmean(
        c.scorecard.overall.value or 0 for c in weak
    )
    assert 0.8 <= (ranking(cards) or 0)


def test_expected_level_rises_with_the_known_one(cards: list[Judged]):
    """From each level to the next, on the mean over all criteria."""
    means = expected_by_level(cards)

    assert [1, 2, 3, 4, 5] == sorted(means, key=lambda level: means[level] or 0)
    assert all(value is not None for value in means.values())
