"""A run's numbers for the one who started it: how far, how long, and how it ended."""

import pytest

from evaluator.evaluation import RunCounts
from evaluator.runs import Pace, exit_code, finished, pace


def test_finished_members_are_all_but_the_open_ones():
    """Failed, blocked and skipped ones are finished too."""
    counts = RunCounts(selected=10, scored=3, failed=1, blocked=1, skipped=2, running=1, pending=2)

    assert 7 == finished(counts)


def test_the_time_left_follows_the_rate_so_far():
    """10 sections in 20 s leave 60 s for 30 more, a third less or more."""
    assert Pace(low_s=40.0, high_s=80.0) == pace(sections_done=10, sections_left=30, elapsed_s=20.0)


def test_nothing_left_takes_no_time():
    """At the end the estimate is zero."""
    assert Pace(low_s=0.0, high_s=0.0) == pace(sections_done=10, sections_left=0, elapsed_s=20.0)


@pytest.mark.parametrize(("done", "elapsed_s"), [(0, 10.0), (1, 10.0), (5, 0.0), (5, -1.0)])
def test_no_estimate_is_made_from_too_little(done, elapsed_s):
    """One section, or a clock that went back, says nothing."""
    assert pace(sections_done=done, sections_left=9, elapsed_s=elapsed_s) is None


@pytest.mark.parametrize(
    ("code", "counts", "closed_because"),
    [
        (0, RunCounts(), "finished"),
        (0, RunCounts(selected=2, scored=1, needs_review=1), "finished"),
        (0, RunCounts(selected=3, unscorable=1, blocked=1, skipped=1), "finished"),
        (0, RunCounts(selected=1, scored=1), None),
        (0, RunCounts(selected=1, cancelled=1), "stopped"),
        (3, RunCounts(selected=2, scored=1, failed=1), "finished"),
        (3, RunCounts(selected=1, failed=1), "stopped"),
        (5, RunCounts(selected=1, scored=1), "deadline"),
        (5, RunCounts(selected=1, failed=1), "budget"),
    ],
)
def test_the_exit_code_tells_how_the_run_ended(code, counts, closed_because):
    """0 done, 3 some failed, 5 stopped on a deadline or budget."""
    assert code == exit_code(counts, closed_because)
