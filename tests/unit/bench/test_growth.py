"""What `growth` and `ceiling` make of their measurements."""

import argparse

import pytest

from tests.bench import ceiling
from tests.bench.arms import Outcome
from tests.bench.growth import Moment, Size, growth_per_section, promises, time_ratios
from tests.bench.models import MID
from tests.bench.room import Job

NONE = dict.fromkeys(("failed", "blocked", "skipped", "cancelled", "running", "pending", "unscorable"), 0)


def a_size(interviews, working_s, *, hints=10, grown=1_000.0, done=None, accounted=True):
    """One size, all well unless told otherwise."""
    done = interviews if done is None else done
    counts = {**NONE, "selected": interviews, "scored": done, "needs_review": 0}
    job = Job(
        name="n",
        interviews=interviews,
        sections=5 * interviews,
        job_s=working_s + 3,
        first_claim_s=3.0,
        counts=counts,
    )
    return Size(
        job=job,
        take_in_s=1.0,
        cpu_ms=10.0,
        hints_max=hints,
        bytes_per_section=grown,
        rss_mb={},
        scorecards=done,
        accounted=accounted,
    )


def broken(*sizes, slots=5):
    """Names of the promises that do not hold."""
    return {promise.name for promise in promises(sizes, slots=slots) if not promise.held}


def test_time_is_taken_from_the_first_claim():
    """A fixed wait before would flatter the ratio."""
    assert {"time(4)/time(1)": 4.0} == time_ratios([a_size(1, 10), a_size(4, 40)])


def test_all_well():
    """Twice the slots is still allowed."""
    assert set() == broken(a_size(750, 10), a_size(3_000, 42), a_size(12_000, 176))


@pytest.mark.parametrize(
    ("largest", "name"),
    [
        (a_size(4, 42.1), "time(4)/time(1)"),
        (a_size(4, 40, hints=11), "hints_waiting_max"),
        (a_size(4, 40, grown=5_121.0), "worker_bytes_per_section"),
        (a_size(4, 40, grown=None), "worker_bytes_per_section"),
        (a_size(4, 40, accounted=False), "accounted_4"),
    ],
)
def test_what_falls_short_is_named(largest, name):
    """And nothing else."""
    assert {name} == broken(a_size(1, 10), largest)


def test_a_lost_interview_is_named():
    """By its scorecard and by its end."""
    assert {"scorecards_of_4", "ended_well_of_4"} == broken(a_size(1, 10), a_size(4, 40, done=3))


def test_memory_grows_by_what_all_children_grow_together():
    """Two children, each of which takes 50 bytes more per section of the job, once they have settled."""
    memory = [Moment(sections=n, rss={1: 10_000 + 50 * n, 2: 20_000 + 50 * n}) for n in range(100, 1_001, 100)]
    loading = [Moment(sections=0, rss={1: 10, 2: 10})]

    assert 100.0 == pytest.approx(growth_per_section(loading + memory))


def test_a_replaced_child_leaves_no_figure():
    """Its memory starts anew, so a sum over both says nothing."""
    memory = [Moment(sections=n, rss={n // 500: 1_000}) for n in range(100, 1_001, 100)]

    assert None is growth_per_section(memory)


def outcome(wall_s, *, out=1_000, cached=1.0, idle=0.0):
    """One arm's job."""
    more = {"ended_well": 64, "idle_share": idle, "cached_prefix_share": cached}
    return Outcome(
        wall_s=wall_s, prompt_tokens=9_000, completion_tokens=out, cached_tokens=0, cpu_s={"engine": 1.0}, more=more
    )


OPTIONS = argparse.Namespace(pairs=2, sections=320)


def short_of(raw, ours):
    """Names of the ceiling's promises that do not hold."""
    found = ceiling._promises(MID, {"raw": raw, "pipeline": ours}, OPTIONS)
    return {promise.name for promise in found if not promise.held}


def test_ceiling_compares_round_by_round():
    """9 of 10 seconds and 18 of 20 are both 0.9."""
    assert set() == short_of([outcome(9), outcome(18)], [outcome(10), outcome(20)])


@pytest.mark.parametrize(
    ("ours", "name"),
    [
        (outcome(11.2), "mid_pipeline_to_raw"),
        (outcome(10, out=980), "mid_output_tokens_apart"),
        (outcome(10, idle=0.3), "mid_engine_idle_share"),
        (outcome(10, cached=0.9), "mid_cached_prefix_share"),
    ],
)
def test_what_ceiling_falls_short_of(ours, name):
    """A job with another amount of output is no comparison."""
    assert {name} == short_of([outcome(10), outcome(10)], [ours, ours])
