"""A run beside those before it, in words."""

import pytest

from evaluator.storage.watching import Compared, Figures
from evaluator.views.run_words import compared_lines

THIS = Figures(runs=1, scorecards=30, mean=3.208, overridden=0.0641, levels=200, spread=0.029)
BEFORE = Figures(runs=7, scorecards=210, mean=3.23, overridden=0.06, levels=1_400, spread=0.029)


def test_figures_stand_beside_each_other_with_what_changed():
    """With a real minus, and as points where they are shares."""
    lines = compared_lines(Compared(this=THIS, before=BEFORE))

    assert [
        ("Score mean", "3.21", "3.23", "−0.02"),
        ("Scorecards that a person overrode", "6.4 %", "6.0 %", "+0.4 points"),
        ("Levels spread over 2 or more", "2.9 %", "2.9 %", "±0.0 points"),
    ] == [(one.name, one.this, one.before, one.change) for one in lines]


@pytest.mark.parametrize("side", ["this", "before"])
def test_a_figure_that_is_missing_is_a_dash_and_never_zero(side):
    """And nothing is said of a change."""
    few = Figures(runs=7, scorecards=3)
    lines = compared_lines(Compared(**{"this": THIS, "before": BEFORE, side: few}))

    assert {("–", None)} == {(getattr(one, side), one.change) for one in lines}


def test_the_first_run_is_compared_with_nothing():
    """There is no table."""
    assert () == compared_lines(Compared(this=THIS, before=Figures(runs=0, scorecards=0)))
