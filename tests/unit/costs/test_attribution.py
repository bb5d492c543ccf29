"""Attribution: a partition of each node's time, shared equally among what is open at each instant."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluator.costs.attribution import HOUR_S, OUTSIDE_RUNS, Called, Held, Open, Span, attribute

LIFE = Span(begin=0.0, end=100.0)


def held(number: int, begin: float, end: float, work_until: float | None = None) -> Held:
    """Claim number's time; all of it work unless said."""
    return Held(claim=(number, 1), begin=begin, end=end, work_until=end if work_until is None else work_until)


def shares(claims, **more):
    """Claim number -> (work, waste), of what it takes of LIFE."""
    options = {"ready_at": 0.0, "called": (), "runs": ()} | more
    found = attribute(LIFE, held=claims, **options)
    return {part.claim[0]: (part.work_s, part.waste_s) for part in found.parts}


def rests(claims=(), **more):
    """(run, kind) -> seconds, of what of LIFE no claim takes."""
    options = {"ready_at": 0.0, "called": (), "runs": ()} | more
    found = attribute(LIFE, held=claims, **options)
    return {(rest.run_id, rest.kind): rest.seconds for rest in found.rests}


def test_one_claim_takes_its_whole_time():
    """Nobody else was there."""
    assert {1: (30.0, 0.0)} == shares([held(1, 10, 40)])


def test_claims_share_equally_while_they_overlap():
    """Ten seconds alone, ten shared by two."""
    assert {1: (15.0, 0.0), 2: (15.0, 0.0)} == shares([held(1, 10, 30), held(2, 20, 40)])


def test_what_was_not_kept_is_waste():
    """Work ends with the last thing that was kept."""
    assert {1: (10.0, 20.0)} == shares([held(1, 10, 40, work_until=20)])


def test_a_claim_that_kept_nothing_is_all_waste():
    """Also where its work is said to have ended before it began."""
    assert {1: (0.0, 30.0)} == shares([held(1, 10, 40, work_until=3)])


def test_a_claim_counts_within_the_life_only():
    """What outlived a killed node took nothing of it."""
    assert {1: (10.0, 0.0)} == shares([held(1, 90, 400)])


def test_time_without_claims_is_cold_before_ready_and_idle_after():
    """While no run is open it is nobody's."""
    expected = {(OUTSIDE_RUNS, "cold"): 20.0, (OUTSIDE_RUNS, "idle"): 50.0}

    assert expected == rests([held(1, 30, 60)], ready_at=20.0)


def test_a_node_that_was_never_ready_is_all_cold():
    """Whatever it cost."""
    assert {(OUTSIDE_RUNS, "cold"): 100.0} == rests(ready_at=math.inf)


def test_idle_time_is_shared_by_the_runs_that_are_open():
    """Each instant's by those of that instant."""
    runs = [Open(run_id=7, begin=0, end=50), Open(run_id=8, begin=40, end=math.inf)]

    assert {(7, "idle"): 45.0, (8, "idle"): 55.0} == rests(runs=runs)


def test_a_run_that_closes_leaves_the_rest_to_nobody():
    """Idle time after the last run is outside of runs."""
    found = rests(runs=[Open(run_id=7, begin=-5, end=30)])

    assert {(7, "idle"): 30.0, (OUTSIDE_RUNS, "idle"): 70.0} == found


def test_engine_time_is_shared_by_the_calls_in_flight():
    """Two claims' calls, one of them alone for a while."""
    calls = [Called(claim=(1, 1), begin=10, end=20), Called(claim=(2, 1), begin=15, end=25)]
    found = attribute(LIFE, ready_at=0.0, held=[held(1, 5, 30), held(2, 5, 30)], called=calls, runs=())

    assert {1: 7.5, 2: 7.5} == {part.claim[0]: part.engine_s for part in found.parts}


def test_hours_of_the_clock_are_told_apart():
    """A claim over the full hour has a part in each."""
    life = Span(begin=HOUR_S - 60.0, end=HOUR_S + 60.0)
    found = attribute(life, ready_at=0.0, held=[held(1, HOUR_S - 30.0, HOUR_S + 10.0)], called=(), runs=())

    assert {(0, 30.0), (1, 10.0)} == {(part.hour, part.work_s) for part in found.parts}
    assert {(0, 30.0), (1, 50.0)} == {(rest.hour, rest.seconds) for rest in found.rests}


times = st.integers(-50, 20_000).map(lambda n: n * 0.7)
spans = st.tuples(times, times).map(sorted)


@st.composite
def claims(draw):
    """Claims of any times, some of them in vain."""
    found = draw(st.lists(st.tuples(spans, times), max_size=30))
    return [
        Held(claim=(number, 1), begin=begin, end=end, work_until=until)
        for number, ((begin, end), until) in enumerate(found)
    ]


@st.composite
def lives(draw):
    """Whatever may happen in a node's life."""
    begin, end = draw(spans)
    runs = [Open(run_id=n, begin=b, end=e) for n, (b, e) in enumerate(draw(st.lists(spans, max_size=4)), start=1)]
    calls = [Called(claim=(n, 1), begin=b, end=e) for n, (b, e) in enumerate(draw(st.lists(spans, max_size=30)))]
    ready_at = draw(st.one_of(times, st.just(math.inf)))
    return Span(begin=begin, end=end), {"ready_at": ready_at, "held": draw(claims()), "called": calls, "runs": runs}


@given(lives())
def test_the_parts_are_the_whole(drawn):
    """Work, waste, idle time and cold starts add up to the node's life, and none of them is negative."""
    life, happened = drawn
    found = attribute(life, **happened)

    assert pytest.approx(life.end - life.begin, abs=1e-6) == found.node_s
    assert all(min(part.work_s, part.waste_s, part.engine_s) >= -1e-9 for part in found.parts)
    assert all(rest.seconds > 0 for rest in found.rests)


@given(lives(), st.floats(0, 1))
def test_cutting_a_life_in_two_changes_nothing(drawn, at):
    """So it may be settled piece by piece."""
    life, happened = drawn
    cut = life.begin + (life.end - life.begin) * at
    halves = [attribute(s, **happened) for s in (Span(begin=life.begin, end=cut), Span(begin=cut, end=life.end))]
    whole = attribute(life, **happened)

    assert pytest.approx(_sums([whole]), abs=1e-6) == _sums(halves)


def _sums(found):
    sums = {}
    for one in found:
        for part in one.parts:
            for name in ("work_s", "waste_s", "engine_s"):
                sums[part.claim, name] = sums.get((part.claim, name), 0) + getattr(part, name)
        for rest in one.rests:
            sums[rest.run_id, rest.kind] = sums.get((rest.run_id, rest.kind), 0) + rest.seconds
    return {key: seconds for key, seconds in sums.items() if seconds > 1e-9}


@given(lives())
def test_engine_time_is_the_time_with_a_call_in_flight(drawn):
    """However many there are at once."""
    life, happened = drawn
    found = attribute(life, **happened)
    inside = sorted((max(c.begin, life.begin), min(c.end, life.end)) for c in happened["called"])
    busy, until = 0.0, life.begin
    for begin, end in inside:
        busy += max(0.0, end - max(begin, until))
        until = max(until, end)

    assert pytest.approx(busy, abs=1e-6) == sum(part.engine_s for part in found.parts)
