"""The reconciler: expires leases, tops up hints, closes runs, takes in the inbox; any number may run.

Each step is bounded, stands alone in its transaction, and is done by whoever gets its advisory lock; others skip it.
"""

import logging
import os
import threading
import time
from collections.abc import Callable

from evaluator import __version__
from evaluator.errors import DebriefError, Unavailable
from evaluator.intake import IntakeReport, intake
from evaluator.storage.evaluations import due, expire_leases, gone, seen
from evaluator.storage.locks import Step, try_lock
from evaluator.storage.runs import close_runs
from evaluator.values import Frozen
from evaluator.wiring import Services
from workers.node import node_name

log = logging.getLogger(__name__)

HINTS_PER_SLOT = 2


class TickReport(Frozen):
    """What one tick did; a step that another reconciler holds, or that failed, reports nothing."""

    expired: int = 0
    hints: int = 0
    closed: int = 0
    intake: IntakeReport = IntakeReport()
    failed: tuple[str, ...] = ()  # steps that could not be done


def tick(services: Services) -> TickReport:
    """All steps once, each on its own: one that cannot be done keeps no other from being done."""
    report = TickReport()
    steps: dict[Step, Callable[[Services], dict[str, object]]] = {
        "leases": _expire,
        "intake": _intake,
        "hints": _top_up,
        "runs": _close,
    }
    for name, step in steps.items():
        try:
            report = report.model_copy(update=step(services))
        except DebriefError as error:  # a dependency that is down, or one object that nobody foresaw
            log.warning("%s: %s", name, error)
            report = report.model_copy(update={"failed": (*report.failed, name)})
    return report


def _expire(services: Services) -> dict[str, object]:
    with services.database.begin() as db:
        return {"expired": expire_leases(db)} if try_lock(db, "leases") else {}


def _top_up(services: Services) -> dict[str, object]:
    """As many hints as there are due rows, up to twice the slots: the backlog itself stays in PostgreSQL."""
    most = HINTS_PER_SLOT * services.settings.worker_slots
    with services.database.begin() as db:
        if not try_lock(db, "hints"):
            return {}
        wanted = due(db, most=most)
        missing = max(0, wanted - services.hints.length()) if wanted else 0
        services.hints.send(missing)
        return {"hints": missing}


def _close(services: Services) -> dict[str, object]:
    with services.database.begin() as db:
        return {"closed": close_runs(db)} if try_lock(db, "runs") else {}


def _intake(services: Services) -> dict[str, object]:
    return {"intake": intake(services.database, services.store, services.find_rubric, wait=False)}


def _name(services: Services) -> str:
    return f"{node_name(services.settings)}:{os.getpid()}:reconciler"


def be_seen(services: Services) -> None:
    """Says that a reconciler is alive."""
    with services.database.begin() as db:
        seen(db, name=_name(services), kind="reconciler", version=__version__)


def say_goodbye(services: Services) -> None:
    """Says that this reconciler ends, so that nobody counts on it; best effort."""
    try:
        with services.database.begin() as db:
            gone(db, name=_name(services))
    except Unavailable as error:
        log.warning("still counted as alive: %s", error)


def run_forever(services: Services, stop: threading.Event) -> None:
    """Ticks until told to stop; an outage is waited out."""
    while not stop.is_set():
        started_at = time.monotonic()
        try:
            be_seen(services)
        except Unavailable as error:
            log.warning("not seen: %s", error)
        report = tick(services)
        if report != TickReport():
            log.info("tick: %s", report.model_dump_json(exclude_defaults=True))
        stop.wait(max(0.1, services.settings.tick_s - (time.monotonic() - started_at)))
    say_goodbye(services)
