"""The article's tables, recomputed from their own lines."""

from decimal import Decimal

import pytest

from evaluator.planning.article import FULL, HYBRID, MANAGED, MATRIX, TIERS, matrix_row_for, tier_for
from evaluator.planning.stack import rounded, stack_of


@pytest.mark.parametrize(
    ("tier", "per_minute", "interview"),
    [(MANAGED, "0.139", "3.475"), (HYBRID, "0.085", "2.125"), (FULL, "0.044", "1.100")],
)
def test_a_tier_adds_up(tier, per_minute, interview):
    """To the printed total, and to 25 times as much for an interview."""
    assert (Decimal(per_minute), Decimal(interview)) == (tier.per_minute, tier.per_minute * 25)
    assert tier.printed_total == tier.per_minute


def test_every_tier_has_the_same_components():
    """So that they can stand side by side."""
    assert 1 == len({tuple(c.key for c in tier.components) for tier in TIERS})


def test_the_shares_of_the_managed_stack():
    """Rounded they are the printed column, but for the database's: 1.44 % is printed as 2."""
    stack = stack_of(MANAGED)

    shares = [rounded((stack.share(line.key) or Decimal(0)) * 100, 2) for line in stack.lines]

    assert ["43.17", "28.78", "2.88", "8.63", "2.16", "1.44", "12.95"] == [str(share) for share in shares]
    assert [43, 29, 3, 9, 2, 2, 13] == [c.printed_percent for c in MANAGED.components]


@pytest.mark.parametrize(
    ("minutes", "tier"),
    [(1, "managed"), (9_999, "managed"), (10_000, "hybrid"), (49_999, "hybrid"), (50_000, "full"), (10**9, "full")],
)
def test_the_tipping_point_of_a_volume(minutes, tier):
    """The three of them leave no gap."""
    assert tier == tier_for(minutes).key


@pytest.mark.parametrize(
    ("minutes", "row"), [(1, 0), (4_999, 0), (5_000, 1), (20_000, 2), (100_000, 3), (500_000, 4), (10**9, 4)]
)
def test_the_row_of_the_matrix_for_a_volume(minutes, row):
    """An end that two rows share lies in the higher one."""
    assert MATRIX[row] is matrix_row_for(minutes)
