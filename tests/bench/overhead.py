"""`overhead`: what scoring costs beside the engine: CPU milliseconds per section, by kind of process.

The engine is the stub, whose CPU time is told and not counted. The same fleet scores one lot of interviews after
another; the first one warms it up and is not measured.
"""

import argparse
from typing import Any

from evaluator.storage.runs import Selection
from tests.bench import planted
from tests.bench.processes import spent, total
from tests.bench.reporting import Report, at_most, exactly, machine, median, middle, say
from tests.bench.room import ORCHESTRATION, Job, Room, StubJudge, room

CPU_MS_MAX = 12.0  # per section
DISTINCT = 40  # different interviews; the stub does not care
WARM_UP = 30  # interviews: every child has scored some


def add_options(parser: argparse.ArgumentParser) -> None:
    """Sizes."""
    parser.add_argument("--interviews", type=int, default=120, help="of each lot; 5 sections each")
    parser.add_argument("--repeats", type=int, default=3, help="lots")
    parser.add_argument("--slots", type=int, default=5, help="interviews that the worker scores at once")
    parser.add_argument("--store", choices=("folder", "moto"), default="folder")
    parser.add_argument("--delay-ms", type=float, default=0.0, help="what the stub waits before it answers")
    parser.add_argument("--keep", action="store_true", help="keep the folder with the logs")


def run(options: argparse.Namespace) -> Report:
    """Every lot, and their medians."""
    judge = StubJudge(delay_ms=options.delay_ms)
    with (
        machine() as told,
        room(judge, slots=options.slots, store=options.store, web=True, keep=options.keep) as made,
    ):
        said = planted.simulated(min(DISTINCT, options.interviews))
        made.take_in(said, count=min(WARM_UP, options.interviews), requisition="WARM")
        for lot in range(1, options.repeats + 1):
            made.take_in(said, count=options.interviews, requisition=f"LOT{lot}")
        made.score("warm", Selection(requisition="WARM"))
        lots = [measured(made, f"LOT{lot}") for lot in range(1, options.repeats + 1)]
    return Report(bench="overhead", figures=_figures(lots, options), promises=_promises(lots, options), machine=told)


Lot = tuple[Job, dict[str, float]]


def measured(made: Room, requisition: str) -> Lot:
    """One run over the requisition, and the CPU seconds that it took by kind of process."""
    before = made.meter.read()
    job = made.score(requisition, Selection(requisition=requisition))
    used = spent(before, made.meter.read())
    ms = per_section_ms(job, used)
    say(f"{requisition}: {job.sections} sections, {job.sections_per_s:.1f} a second, CPU ms a section: {ms}")
    return job, used


def per_section_ms(job: Job, used: dict[str, float]) -> dict[str, float]:
    """CPU milliseconds per section, by kind, and of orchestration as a whole."""
    whole = total(used, ORCHESTRATION)
    return {kind: round(1000 * cpu_s / job.sections, 2) for kind, cpu_s in {**used, "orchestration": whole}.items()}


def _figures(lots: list[Lot], options: argparse.Namespace) -> dict[str, Any]:
    by_lot = [per_section_ms(job, used) for job, used in lots]
    return {
        "slots": options.slots,
        "store": options.store,
        "interviews": options.interviews,
        "sections": [job.sections for job, _ in lots],
        "cpu_ms_per_section": {kind: middle([ms[kind] for ms in by_lot], 2) for kind in by_lot[0]},
        "sections_per_s": middle([job.sections_per_s for job, _ in lots], 1),
        "sections_per_s_from_first_claim": middle([job.sections / job.working_s for job, _ in lots], 1),
        "first_claim_s": middle([job.first_claim_s for job, _ in lots]),
    }


def _promises(lots: list[Lot], options: argparse.Namespace) -> tuple[Any, ...]:
    ms = median([per_section_ms(job, used)["orchestration"] for job, used in lots])
    wanted = options.interviews * planted.sections()
    return (
        at_most("orchestration_cpu_ms_per_section", ms, CPU_MS_MAX),
        *(exactly(f"sections_{job.name.lower()}", job.sections, wanted) for job, _ in lots),
        *(exactly(f"interviews_done_{job.name.lower()}", job.ended_well, options.interviews) for job, _ in lots),
    )
