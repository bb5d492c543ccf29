"""Whose each second of a node was: a partition, so that what interviews and lines cost adds up to what was paid.

At each instant of a node's life its time belongs, in equal parts, to the claims that are open then. Where none is, it
is a cold start before the node was ready and idle after, and belongs in equal parts to the runs that are open then;
where no run is, to nobody's. A claim's part is work up to the last thing that was kept of it, and waste after; all of
a finished one is work. In the same way the time in which the judge had a call to answer belongs to the calls.

Times are seconds since the epoch, by one clock. With k(t) claims open at t and V(t) the integral of dt/k(t), the part
of a claim is V(end) - V(begin): n claims take O(n log n), however they overlap.
"""

import math
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

HOUR_S = 3600
OUTSIDE_RUNS = 0  # stands for the run where none was open

IdleKind = Literal["idle", "cold"]
ClaimKey = tuple[int, int]  # evaluation id, fence


@dataclass(frozen=True, kw_only=True, slots=True)
class Span:
    """A stretch of time, its end excluded."""

    begin: float
    end: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Held:
    """A claim's time on a node."""

    claim: ClaimKey
    begin: float
    end: float
    work_until: float  # what was kept of it was kept by then; its end where it was finished


@dataclass(frozen=True, kw_only=True, slots=True)
class Called:
    """A call's time at the judge."""

    claim: ClaimKey
    begin: float
    end: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Open:
    """The time in which a run was open."""

    run_id: int
    begin: float
    end: float  # infinite: it is open still


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """What of a node's time a claim took in one hour of the clock, in seconds."""

    claim: ClaimKey
    hour: int  # hours since the epoch
    work_s: float = 0.0
    waste_s: float = 0.0
    engine_s: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Rest:
    """What of a node's time no claim took in one hour of the clock, in seconds."""

    hour: int
    run_id: int
    kind: IdleKind
    seconds: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Attribution:
    """A partition of a node's time."""

    parts: tuple[Part, ...]
    rests: tuple[Rest, ...]

    @property
    def node_s(self) -> float:
        """All of it, in seconds."""
        return math.fsum([*(p.work_s + p.waste_s for p in self.parts), *(r.seconds for r in self.rests)])


def attribute(
    life: Span, *, ready_at: float, held: Sequence[Held], called: Sequence[Called], runs: Sequence[Open]
) -> Attribution:
    """Whose each second of `life` was; what reaches over its edges counts as far as it lies inside."""
    claims = _Shares(life, ((one.begin, one.end) for one in held))
    calls = _Shares(life, ((one.begin, one.end) for one in called))
    found: defaultdict[tuple[ClaimKey, int], list[float]] = defaultdict(lambda: [0.0, 0.0, 0.0])
    for one in held:
        worked_until = min(max(one.work_until, one.begin), one.end)
        for hour, seconds in claims.by_hour(one.begin, worked_until):
            found[one.claim, hour][0] += seconds
        for hour, seconds in claims.by_hour(worked_until, one.end):
            found[one.claim, hour][1] += seconds
    for call in called:
        for hour, seconds in calls.by_hour(call.begin, call.end):
            found[call.claim, hour][2] += seconds
    parts = (
        Part(claim=claim, hour=hour, work_s=work, waste_s=waste, engine_s=engine)
        for (claim, hour), (work, waste, engine) in found.items()
    )
    return Attribution(parts=tuple(parts), rests=tuple(_rests(claims.gaps, ready_at, runs)))


class _Shares:
    """Equal parts of a stretch of time among the intervals that are open at each instant."""

    def __init__(self, life: Span, intervals: Iterable[tuple[float, float]]) -> None:
        self._life = life
        steps: defaultdict[float, int] = defaultdict(int)
        for begin, end in ((self._inside(b), self._inside(e)) for b, e in intervals):
            if begin < end:
                steps[begin] += 1
                steps[end] -= 1
        self._times = [life.begin]
        self._values = [0.0]  # V at each of the times; straight between them
        self.gaps: list[Span] = []  # where none is open
        self._integrate(sorted(steps.items()))

    def _integrate(self, steps: Sequence[tuple[float, int]]) -> None:
        at, value, count = self._life.begin, 0.0, 0
        for time, step in [*steps, (self._life.end, 0)]:
            if time > at:
                if count:
                    value += (time - at) / count
                else:
                    self.gaps.append(Span(begin=at, end=time))
                self._times.append(time)
                self._values.append(value)
                at = time
            count += step

    def _inside(self, time: float) -> float:
        return min(max(time, self._life.begin), self._life.end)

    def _value(self, time: float) -> float:
        """V at a time inside."""
        after = bisect_left(self._times, time)
        if after == len(self._times) or self._times[after] == time:
            return self._values[min(after, len(self._values) - 1)]
        t0, t1, v0, v1 = *self._times[after - 1 : after + 1], *self._values[after - 1 : after + 1]
        return v0 + (v1 - v0) * (time - t0) / (t1 - t0)

    def by_hour(self, begin: float, end: float) -> Iterator[tuple[int, float]]:
        """Seconds in each hour of the clock that belong to an interval between these times of its own."""
        for hour, span in _hours(Span(begin=self._inside(begin), end=self._inside(end))):
            yield hour, self._value(span.end) - self._value(span.begin)


def _hours(span: Span) -> Iterator[tuple[int, Span]]:
    """The stretch in pieces that each lie in one hour of the clock; nothing where it is empty."""
    at = span.begin
    while at < span.end:
        hour = int(at // HOUR_S)
        until = min(span.end, float((hour + 1) * HOUR_S))
        yield hour, Span(begin=at, end=until)
        at = until


def _rests(gaps: Sequence[Span], ready_at: float, runs: Sequence[Open]) -> Iterator[Rest]:
    found: defaultdict[tuple[int, int, IdleKind], float] = defaultdict(float)
    edges = sorted({ready_at, *(e for run in runs for e in (run.begin, run.end) if math.isfinite(e))})
    for gap in gaps:
        for piece in _pieces(gap, edges):
            kind: IdleKind = "cold" if piece.begin < ready_at else "idle"
            sharing = [r.run_id for r in runs if r.begin <= piece.begin < r.end] or [OUTSIDE_RUNS]
            for hour, span in _hours(piece):
                for run_id in sharing:
                    found[hour, run_id, kind] += (span.end - span.begin) / len(sharing)
    for (hour, run_id, kind), seconds in found.items():
        yield Rest(hour=hour, run_id=run_id, kind=kind, seconds=seconds)


def _pieces(gap: Span, edges: Sequence[float]) -> Iterator[Span]:
    """The gap, cut at these times; they are in order."""
    inside = edges[bisect_right(edges, gap.begin) : bisect_left(edges, gap.end)]
    for begin, end in pairwise([gap.begin, *inside, gap.end]):
        yield Span(begin=begin, end=end)
