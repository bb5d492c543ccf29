"""A measurement of noise in words: within 80 columns, bounds told from figures, and nothing that is not known."""

from datetime import UTC, datetime

import pytest

from evaluator.calibration.noise import Reading, Scoring, measure
from evaluator.commands.noise_text import as_lines
from evaluator.storage.calibrations import Calibration

LONG = "a-criterion-with-the-longest-id-that-a-rubric-may-give-it-of-all"


def lines_of(*levels: dict[str, list[int | None]], model: str = "judge@r1", k: int = 3) -> list[str]:
    """Criterion -> levels in turn, for two interviews; one dict for each order."""
    orders = [
        [
            Scoring(
                interview_id=f"iv-{i}",
                replicate=n + 1,
                readings=tuple(
                    Reading(criterion_id=c, status="scored" if row[n] else "insufficient_evidence", level=row[n])
                    for c, row in order.items()
                ),
                overall=float(next(iter(order.values()))[n] or 3),
            )
            for i in (1, 2)
            for n in range(k)
        ]
        for order in levels
    ]
    value = measure(orders[0], orders[-1], list(levels[0]), k=k, seed=0, temperature=0.0)
    stored = Calibration(
        id=1,
        kind="noise",
        rubric_id="backend-eng",
        rubric_version="1",
        model=model,
        prompt_version="2",
        measured_at=datetime(2026, 11, 22, tzinfo=UTC),
        body={},
    )
    return list(as_lines(stored, value))


def line_of(name: str, lines: list[str]) -> list[str]:
    """The columns of a row."""
    return next(line for line in lines if line.startswith(name)).split()


def test_row_holds_both_orders_and_the_larger_difference():
    """Flips and sd under the own order and under others; what comparison uses at the end."""
    lines = lines_of({"depth": [3, 3, 4]}, {"depth": [3, 4, 5]})

    assert ["depth", "67%", "100%", "0.58", "1.00", "3.93"] == line_of("depth", lines)


def test_bound_is_marked():
    """What was never seen is a less-than, and the sign is explained."""
    lines = lines_of({"depth": [3, 3, 3]})

    assert ["depth", "<75%", "<75%", "<0.61", "<0.61", "<1.70"] == line_of("depth", lines)
    assert any(line.startswith("<: none was seen") for line in lines)


def test_undefined_is_a_dash_with_the_reason():
    """No figure and no zero."""
    lines = lines_of({"depth": [3]}, k=1)

    assert ["depth", "-", "-", "-", "-", "-"] == line_of("depth", lines)
    told = " ".join(line.strip() for line in lines)
    assert "no order is claimed in depth, overall mean: no interview has two" in told


def test_scored_and_unscored_is_told_beside_the_table():
    """No standard deviation shows it."""
    lines = lines_of({"depth": [3, None, 3], "clarity": [2, 2, 2]})

    assert "scored in one and not in the other of a pair: depth 67%" in lines


def test_judge_that_means_nothing_is_named():
    """As everywhere that its levels stand."""
    lines = lines_of({"depth": [3, 4, 5]}, model="demo-judge@0")

    assert "!! demo judge: trained on simulated interviews only, meaningless for real ones" in lines


@pytest.mark.parametrize(
    "levels", [{LONG: [1, 3, 5]}, {"depth": [3, 3, 3]}, {"depth": [None, None, 4], LONG: [3, 3, 3]}]
)
def test_lines_fit_80_columns(levels):
    """Whatever the criteria are called."""
    assert [] == [line for line in lines_of(levels, model=f"{'m' * 20}@{'r' * 20}") if len(line) > 79]
