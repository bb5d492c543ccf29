"""`growth`: time and memory from N to 4N to 16N interviews, through the real queue and database, with the stub engine.

Every interview must end in a scorecard and every count must add up in SQL; meanwhile the hints that wait, and the
memory of the worker's children, are looked at again and again.
"""

import argparse
import itertools
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import psutil

from evaluator.errors import BrokerUnavailable
from evaluator.evaluation import COUNTS
from evaluator.storage.runs import Selection
from tests.bench import planted
from tests.bench.processes import children_rss, spent, total
from tests.bench.reporting import Promise, Report, at_least, at_most, exactly, machine, say, slope
from tests.bench.room import ORCHESTRATION, Job, Room, StubJudge, room
from workers.reconcile import HINTS_PER_SLOT

RATIO_MAX = 4.2  # time(4N) / time(N)
BYTES_MAX = 5 * 1024  # by which the worker's children together grow, per section
INTERVIEWS_PROMISED, SECTIONS_PROMISED = 10_000, 60_000
STEPS = (16, 4, 1)  # the largest divided by each
DISTINCT = 40
WARM_UP = 50  # interviews
HINTS_EVERY_S, MEMORY_EVERY_S, LEFT_EVERY_S = 0.1, 2.0, 2.0
SETTLED = 0.2  # of the sections of a job: before, memory grows by what is loaded and cached once
WHOLE = ("--interviews", "12000")  # of five sections each: 60,000


def add_options(parser: argparse.ArgumentParser) -> None:
    """Sizes."""
    parser.add_argument("--interviews", type=int, default=960, help="16N; five sections each")
    parser.add_argument("--slots", type=int, default=5, help="interviews that the worker scores at once")
    parser.add_argument("--store", choices=("folder", "moto"), default="folder")
    parser.add_argument("--keep", action="store_true", help="keep the folder with the logs")


def run(options: argparse.Namespace) -> Report:
    """The three sizes one after another, in one room."""
    steps = [max(1, options.interviews // part) for part in STEPS]
    with machine() as told, room(StubJudge(), slots=options.slots, store=options.store, keep=options.keep) as made:
        said = planted.simulated(min(DISTINCT, options.interviews))
        made.take_in(said, count=min(WARM_UP, options.interviews), requisition="WARM")
        made.score("warm", Selection(requisition="WARM"))
        sizes = [_size(made, said, count) for count in steps]
    figures = {"slots": options.slots, "store": options.store, "sizes": [size.told() for size in sizes]}
    ratios = {name: round(ratio, 4) for name, ratio in time_ratios(sizes).items()}
    return Report(
        bench="growth",
        figures=figures | {"time_ratios": ratios},
        promises=promises(sizes, slots=options.slots),
        machine=told,
    )


@dataclass(frozen=True, kw_only=True)
class Size:
    """One size's job."""

    job: Job
    take_in_s: float
    cpu_ms: float  # of orchestration, per section
    hints_max: int  # that waited at any one time
    bytes_per_section: float | None  # by which the children grew; None where it could not be told
    rss_mb: dict[str, float]  # at the end
    scorecards: int  # by SQL
    accounted: bool  # counts add up

    def told(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "interviews": self.job.interviews,
            "sections": self.job.sections,
            "take_in_s": round(self.take_in_s, 1),
            "job_s": round(self.job.job_s, 2),
            "first_claim_s": round(self.job.first_claim_s, 2),
            "sections_per_s": round(self.job.sections / self.job.working_s, 2),
            "interviews_per_hour": round(3_600 * self.job.interviews / self.job.working_s),
            "orchestration_cpu_ms_per_section": round(self.cpu_ms, 2),
            "hints_max": self.hints_max,
            "bytes_per_section": None if self.bytes_per_section is None else round(self.bytes_per_section),
            "rss_mb": self.rss_mb,
            "counts": dict(self.job.counts),
            "scorecards": self.scorecards,
            "accounted": self.accounted,
        }


def _size(made: Room, said: list[planted.Said], count: int) -> Size:
    requisition = f"N{count}"
    began = time.monotonic()
    made.take_in(said, count=count, requisition=requisition)
    take_in_s = time.monotonic() - began
    say(f"{count} interviews taken in within {take_in_s:.0f} s")
    before = made.meter.read()
    with watching(made, requisition) as seen:
        job = made.score(requisition, Selection(requisition=requisition), every_s=LEFT_EVERY_S if count > 200 else 0.25)
    used = spent(before, made.meter.read())
    size = Size(
        job=job,
        take_in_s=take_in_s,
        cpu_ms=1_000 * total(used, ORCHESTRATION) / job.sections,
        hints_max=seen.hints_max,
        bytes_per_section=growth_per_section(seen.memory),
        rss_mb=_memory(made),
        scorecards=_scorecards(made, requisition),
        accounted=accounted(job),
    )
    say(f"{count}: {size.told()}")
    return size


def accounted(job: Job) -> bool:
    """Whether what was selected is the sum of where it stands, as the run itself tells."""
    return job.counts["selected"] == sum(job.counts[name] for name in COUNTS)


def _scorecards(made: Room, requisition: str) -> int:
    query = """
        SELECT count(*) FROM scorecard s JOIN interview i ON i.id = s.interview_id
        JOIN evaluation e ON e.id = s.evaluation_id AND e.state = 'done' WHERE i.requisition = :requisition
    """
    return int(made.ask(query, requisition=requisition)[0][0])


def _memory(made: Room) -> dict[str, float]:
    """Resident megabytes by kind of process, children included; shared pages count in each."""
    found = {}
    for name, leader in made.leaders.items():
        pid = leader()
        if pid is not None:
            family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
            found[name] = round(sum(_rss(process) for process in family) / 2**20, 1)
    return found


def _rss(process: psutil.Process) -> int:
    with suppress(psutil.NoSuchProcess):
        return int(process.memory_info().rss)
    return 0


# ---------------------------------------------------------------- looking


@dataclass(frozen=True, kw_only=True)
class Moment:
    """The children's memory at one time."""

    sections: int  # done so far, of this job
    rss: dict[int, int]  # bytes by process id


@dataclass(kw_only=True)
class Seen:
    """What was seen while a job went on."""

    hints_max: int = 0
    memory: list[Moment] = field(default_factory=list)


@contextmanager
def watching(made: Room, requisition: str) -> Iterator[Seen]:
    """Looks at the queue and at the worker's children from a thread of its own."""
    seen, stop = Seen(), threading.Event()
    threads = [
        threading.Thread(target=_count_hints, args=(made, seen, stop), daemon=True),
        threading.Thread(target=_weigh, args=(made, requisition, seen, stop), daemon=True),
    ]
    for thread in threads:
        thread.start()
    try:
        yield seen
    finally:
        stop.set()
        for thread in threads:
            thread.join(30)


def _count_hints(made: Room, seen: Seen, stop: threading.Event) -> None:
    hints = made.services.hints
    while not stop.wait(HINTS_EVERY_S):
        with suppress(BrokerUnavailable):
            seen.hints_max = max(seen.hints_max, hints.length())


def _weigh(made: Room, requisition: str, seen: Seen, stop: threading.Event) -> None:
    query = """
        SELECT coalesce(sum(e.sections_done), 0) FROM evaluation e JOIN interview i ON i.id = e.interview_id
        WHERE i.requisition = :requisition
    """
    while not stop.wait(MEMORY_EVERY_S):
        rss: dict[int, int] = {}
        for name in made.workers:
            pid = made.pid(name)
            rss |= children_rss(pid) if pid else {}
        seen.memory.append(Moment(sections=int(made.ask(query, requisition=requisition)[0][0]), rss=rss))


def growth_per_section(memory: Sequence[Moment]) -> float | None:
    """Bytes by which the children together grow for each section more, once they have settled.

    None with too few looks, or where a child was replaced: then the sum says nothing of growth.
    """
    if not memory:
        return None
    settled = [moment for moment in memory if moment.sections >= SETTLED * memory[-1].sections]
    if len({frozenset(moment.rss) for moment in settled}) != 1:
        return None
    return slope([float(m.sections) for m in settled], [float(sum(m.rss.values())) for m in settled])


# ---------------------------------------------------------------- what must hold


def time_ratios(sizes: Sequence[Size]) -> dict[str, float]:
    """How much longer four times as many take, from the first claim to the last scorecard."""
    return {
        f"time({b.job.interviews})/time({a.job.interviews})": b.job.working_s / a.job.working_s
        for a, b in itertools.pairwise(sizes)
    }


def promises(sizes: Sequence[Size], *, slots: int) -> tuple[Promise, ...]:
    """Of all sizes, and of the largest."""
    largest = sizes[-1]
    whole = largest.job.interviews >= INTERVIEWS_PROMISED
    return (
        *(at_most(name, ratio, RATIO_MAX) for name, ratio in time_ratios(sizes).items()),
        *(exactly(f"scorecards_of_{s.job.interviews}", s.scorecards, s.job.counts["selected"]) for s in sizes),
        *(exactly(f"ended_well_of_{s.job.interviews}", s.job.ended_well, s.job.counts["selected"]) for s in sizes),
        *(exactly(f"accounted_{s.job.interviews}", int(s.accounted), 1) for s in sizes),
        at_most("hints_waiting_max", max(size.hints_max for size in sizes), HINTS_PER_SLOT * slots),
        at_most("worker_bytes_per_section", largest.bytes_per_section, BYTES_MAX),
        *((at_least("sections_in_all", largest.job.sections, SECTIONS_PROMISED),) if whole else ()),
    )
