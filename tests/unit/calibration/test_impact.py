"""Scoring rates and impact ratios, as Local Law 144 defines them for scores."""

import pytest

from evaluator.calibration.impact import impact_of

GROUPS = {"1": "a", "2": "a", "3": "a", "4": "b", "5": "b", "6": None, "7": "c"}
SCORES = {"1": 4.0, "2": 3.5, "3": 1.0, "4": 3.2, "5": 2.0, "6": 3.0, "7": None}


def test_rate_is_the_share_above_the_median_of_all():
    """The unknown belong to the sample, and form no group."""
    found = impact_of("band", GROUPS, SCORES)

    assert pytest.approx(3.1) == found.median
    assert [("a", 3, 2), ("b", 2, 1), ("c", 0, 0)] == [(g.value, g.scored, g.above_median) for g in found.groups]
    assert [2 / 3, 0.5, None] == [g.scoring_rate for g in found.groups]


def test_ratio_is_to_the_highest_rate():
    """Unrounded, and without a threshold."""
    assert [1.0, 0.75, None] == [g.impact_ratio for g in impact_of("band", GROUPS, SCORES).groups]


def test_unknown_and_unscored_are_counted():
    """They are in no rate."""
    found = impact_of("band", GROUPS, SCORES)

    assert (1, 1) == (found.unknown, found.unscored)


def test_median_itself_is_not_above():
    """Where all have the same score no group has a rate, and there is no ratio."""
    found = impact_of("band", {"1": "a", "2": "b"}, {"1": 3.0, "2": 3.0})

    assert [(0.0, None), (0.0, None)] == [(g.scoring_rate, g.impact_ratio) for g in found.groups]


def test_nothing_scored():
    """There is no median."""
    found = impact_of("band", {"1": "a"}, {"1": None})

    assert (None, 1, None) == (found.median, found.unscored, found.groups[0].scoring_rate)
