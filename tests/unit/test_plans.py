"""What a run will take: ranges from past runs, and nothing where there is no past."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluator.budgets import parse_budget
from evaluator.plans import (
    Past,
    PastRun,
    Range,
    RunPlan,
    budget_needed,
    figure,
    forecast,
    plan_lines,
    spread,
)

RUBRIC = "backend@1"
TOKENS = Range(low=900, median=1_000, high=1_200)


def a_run(**fields: object) -> PastRun:
    """Ten sections in an hour, half of it in the engine, for two dollars."""
    defaults = {"sections": 10, "wall_s": 3_600, "engine_s": 1_800, "money": Decimal(2), "currency": "USD"}
    return PastRun.model_validate({**defaults, **fields})


def a_past(*runs: PastRun) -> Past:
    """Of one rubric."""
    return Past(tokens={RUBRIC: TOKENS}, runs=runs or (a_run(),))


def test_a_forecast_follows_the_past():
    """Twice as many sections take twice as much of everything."""
    found = forecast({RUBRIC: 20}, a_past())

    assert found is not None
    assert (18_000, 20_000, 24_000) == (found.tokens.low, found.tokens.median, found.tokens.high)
    assert (2.0, 1.0, 4.0) == (
        found.hours.median,
        found.engine_hours.median,
        found.money.median if found.money else None,
    )
    assert ("USD", 1) == (found.currency, found.runs)


def test_runs_that_differ_make_a_range():
    """A tenth at either end is left out."""
    found = forecast({RUBRIC: 10}, a_past(*(a_run(wall_s=3_600 * n) for n in range(1, 12))))

    assert found is not None
    assert (2.0, 6.0, 10.0) == pytest.approx((found.hours.low, found.hours.median, found.hours.high))


@pytest.mark.parametrize(
    ("sections", "past"),
    [
        ({RUBRIC: 3, "sales@7": 2}, a_past()),
        ({RUBRIC: 3}, Past(tokens={RUBRIC: TOKENS}, runs=())),
        ({RUBRIC: 3}, Past(tokens={}, runs=(a_run(),))),
        ({}, a_past()),
        ({RUBRIC: 0}, a_past()),
    ],
)
def test_without_a_past_there_is_no_number(sections, past):
    """A rubric that nobody has judged, a judge that has not run, or nothing to judge."""
    assert forecast(sections, past) is None


@pytest.mark.parametrize(
    "runs", [(a_run(money=None),), (a_run(), a_run(currency="EUR"))], ids=["no price", "two currencies"]
)
def test_money_is_unknown_without_one_currency(runs):
    """All else is told."""
    found = forecast({RUBRIC: 10}, a_past(*runs))

    assert found is not None
    assert (None, None) == (found.money, found.currency)


@given(st.lists(st.floats(0, 1e9), min_size=1, max_size=40))
def test_a_range_is_in_order_and_within_what_was_measured(values):
    """Whatever was measured, in whatever order."""
    found = spread(values)

    assert min(values) <= found.low <= found.median <= found.high <= max(values) or found.high == pytest.approx(
        max(values)
    )
    assert found == spread(list(reversed(values)))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (0.0123, "0.0123"),
        (3.91, "3.91"),
        (212.4, "212"),
        (6_000, "6,000"),
        (98_765, "98.8 k"),
        (9.8e6, "9.8 M"),
    ],
)
def test_figures_have_three_that_matter(value, text):
    """And a unit where they are many."""
    assert text == figure(value)


def a_plan(**fields: object) -> RunPlan:
    """Two interviews of three, one of them blocked."""
    defaults = {
        "interviews": 4,
        "to_judge": 2,
        "blocked": 1,
        "sections": 6,
        "rubrics": {RUBRIC: 2},
        "model": "judge@r1",
        "forecast": None,
    }
    return RunPlan.model_validate({**defaults, **fields})


def test_a_plan_in_words():
    """How much, of what, by whom, and what it will take; a missing price is a dash."""
    found = forecast({RUBRIC: 6}, a_past(a_run(money=None)))
    told = "\n".join(plan_lines(a_plan(forecast=found)))

    for words in ("2 interviews · 6 sections · 1 done already · 1 blocked", "backend@1 (2)", "judge@r1"):
        assert words in told
    assert "5,400–7,200 tokens · 0.6 h" in told
    assert "cost - (no price) (from 1 past run)" in told


def test_a_plan_without_a_past_says_so():
    """With the rubrics that nobody has judged."""
    assert "no run yet to learn from (sales@7)" in "\n".join(plan_lines(a_plan(unknown=("sales@7",))))


@pytest.mark.parametrize(("text", "median"), [("5", 2.0), ("5h", 0.5), ("5tok", 10_000.0)])
def test_a_budget_is_held_against_its_own_kind(text, median):
    """Money against money, hours against the engine's, tokens against tokens."""
    found = forecast({RUBRIC: 10}, a_past())

    assert found is not None
    needed = budget_needed(found, parse_budget(text))
    assert needed is not None
    assert median == needed.median
