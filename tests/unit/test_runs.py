"""A run's numbers for the one who started it: how far, how long, and how it ended."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluator.evaluation import RunCounts
from evaluator.runs import (
    MARGIN_MIN,
    Outlook,
    Pace,
    exit_code,
    finished,
    headline,
    outlook,
    pace,
    punctuality,
    retryable,
    way_out,
)
from evaluator.words import FAILURES

NOW = datetime(2026, 11, 21, 22, tzinfo=UTC)


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


def test_an_estimate_is_the_narrower_the_more_it_rests_on():
    """A third each way for few sections, a tenth for many."""
    few, many = (pace(sections_done=n, sections_left=n, elapsed_s=600.0) for n in (10, 1_000))

    assert pytest.approx(600 / 3) == few.high_s - 600
    assert pytest.approx(600 * MARGIN_MIN) == many.high_s - 600


def middle(found: Outlook) -> float:
    """Of the range, in seconds."""
    return (found.pace.low_s + found.pace.high_s) / 2


def test_the_last_minutes_count_and_not_the_whole_night():
    """A night that stood still for an hour goes on as fast as it does now."""
    now = outlook(sections_left=200, minutes=(20,) * 10, done=600, elapsed_s=5_400.0)

    assert pytest.approx(600.0) == middle(now)


def test_minutes_in_which_all_stood_still_are_no_pace():
    """A node was taken away for seven minutes: what came after counts by its own rate."""
    back = outlook(sections_left=200, minutes=(0, 0, 0, 0, 0, 0, 0, 20, 20, 20), done=600, elapsed_s=5_400.0)

    assert pytest.approx(600.0) == middle(back)


def test_standing_still_is_said_instead_of_an_estimate():
    """Two minutes without a section are none at this rate."""
    assert Outlook(pace=None, still=True) == outlook(
        sections_left=200, minutes=(20, 20, 20, 20, 20, 20, 20, 20, 0, 0), done=600, elapsed_s=5_400.0
    )
    assert Outlook(pace=None, still=True) == outlook(sections_left=9, minutes=(0,) * 10, done=600, elapsed_s=5_400.0)


def test_a_slow_judge_does_not_stand_still():
    """One section in eight minutes: the whole run says how long it takes."""
    slow = outlook(sections_left=10, minutes=(0, 0, 0, 0, 0, 0, 1, 0, 0, 0), done=10, elapsed_s=4_800.0)

    assert (4_800.0, False) == (pytest.approx(middle(slow)), slow.still)


def test_a_young_run_is_measured_by_its_age():
    """Its one minute is not over."""
    assert pytest.approx(60.0) == middle(outlook(sections_left=20, minutes=(10,), done=10, elapsed_s=30.0))


@given(
    left=st.integers(0, 100_000),
    minutes=st.lists(st.integers(0, 500), max_size=10),
    done=st.integers(0, 100_000),
    elapsed_s=st.floats(-10, 1e7),
)
def test_any_past_gives_a_range_or_none(left, minutes, done, elapsed_s):
    """Never a negative one, nor one that stands on its head."""
    found = outlook(sections_left=left, minutes=minutes, done=done, elapsed_s=elapsed_s).pace

    assert found is None or 0 <= found.low_s <= found.high_s


@pytest.mark.parametrize(("minutes", "kept"), [(21, "on_time"), (20, "on_time"), (15, "at_risk"), (5, "late")])
def test_a_deadline_is_kept_at_risk_or_missed(minutes, kept):
    """By both ends of the range."""
    left = Pace(low_s=600.0, high_s=1_200.0)

    assert kept == punctuality(left, now=NOW, deadline=NOW + timedelta(minutes=minutes))


def test_without_a_deadline_or_an_estimate_nothing_is_said_of_it():
    """There is nothing to keep, or nothing to go by."""
    assert punctuality(Pace(low_s=1.0, high_s=2.0), now=NOW, deadline=None) is None
    assert punctuality(None, now=NOW, deadline=NOW) is None


@pytest.mark.parametrize(
    ("state", "because", "failed", "words"),
    [
        ("open", None, 1, "OPEN"),
        ("paused", None, 0, "PAUSED"),
        ("closed", "finished", 0, "FINISHED"),
        ("closed", "finished", 1, "FINISHED WITH FAILURES"),
        ("closed", "budget", 1, "STOPPED (budget)"),
    ],
)
def test_a_headline_says_how_it_stands(state, because, failed, words):
    """Failures only where it came to its end."""
    assert words == headline(state, because, failed)


@pytest.mark.parametrize("code", [*FAILURES, "unheard of", None])
def test_every_failure_has_a_way_out(code):
    """In words; where trying again is not all, it says what comes first."""
    words = way_out(code)

    assert words
    assert retryable(code) == (words == "try it again")
