"""The reconciler: expires leases, tops up hints, closes runs and interviews, begins nights, takes in, notifies.

Any number may run.

Each step is bounded, stands alone in its transaction, and is done by whoever gets its advisory lock; others skip it.
So it may be killed at any point: what was not committed did not happen, and the next tick finds it again. Intake goes
at its own pace beside the rest, because an object store that hangs must not keep orphaned rows waiting.
"""

import logging
import os
import threading
import time
import traceback
import weakref
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial

from evaluator import __version__
from evaluator.errors import DatabaseUnavailable, DebriefError, OtherSchema, Unavailable
from evaluator.intake import IntakeReport, intake
from evaluator.ports import ObjectStore
from evaluator.settings import Settings
from evaluator.storage.database import clock
from evaluator.storage.evaluations import due, expire_leases, gone, seen, slots_alive
from evaluator.storage.idempotency import forget_old
from evaluator.storage.locks import Step, try_lock
from evaluator.storage.runs import RUN_OPENED, close_runs
from evaluator.storage.schedules import NightsReport, open_due_nights
from evaluator.storage.settling import settle
from evaluator.values import Frozen
from evaluator.wiring import Services
from live_agent.closing import Closer, ClosingReport
from migrations import history
from workers.node import node_name
from workers.notices import NoticesReport, send_notices

log = logging.getLogger(__name__)

HINTS_PER_SLOT = 2
WORKER_SEEN_S = 30.0  # a worker that did not say for so long that it lives has no slots to fill
LISTEN_S = 1.0  # between two looks whether to stop
BESIDE_GRACE_S = 3.0  # what the object or message at hand may take when the reconciler is told to stop


class TickReport(Frozen):
    """What one tick did; a step that another reconciler holds, or that failed, reports nothing."""

    expired: int = 0
    hints: int = 0
    closed: int = 0
    nights: NightsReport = NightsReport()
    settled: int = 0
    abandoned: ClosingReport = ClosingReport()
    intake: IntakeReport = IntakeReport()
    notices: NoticesReport = NoticesReport()
    failed: tuple[str, ...] = ()  # steps that could not be done


def tick(services: Services, steps: Collection[Step] | None = None) -> TickReport:
    """The steps once, all by default, each on its own: one that cannot be done keeps no other from being done."""
    report = TickReport()
    for name, step in _STEPS.items():
        if steps is not None and name not in steps:
            continue
        try:
            report = report.model_copy(update=step(services))
            failed = (name == "intake" and report.intake.waiting > 0) or (
                name == "abandoned" and report.abandoned.waiting > 0
            )
        except DebriefError as error:  # a dependency that is down
            log.warning("%s: %s", name, error)
            failed = True
        except Exception as error:  # noqa: BLE001  what nobody foresaw in one step must not end the others for ever
            place = traceback.extract_tb(error.__traceback__)[-1]
            # Its own text might quote what somebody said.
            log.error("%s: %s at %s:%d", name, type(error).__name__, place.filename, place.lineno)  # noqa: TRY400
            failed = True
        if failed:
            report = report.model_copy(update={"failed": (*report.failed, name)})
    return report


def _expire(services: Services) -> dict[str, object]:
    with services.database.begin() as db:
        return {"expired": expire_leases(db)} if try_lock(db, "leases") else {}


def _top_up(services: Services) -> dict[str, object]:
    """As many hints as there are due rows, up to twice the fleet's slots: the backlog itself stays in PostgreSQL."""
    with services.database.begin() as db:
        if not try_lock(db, "hints"):
            return {}
        wanted = due(db, most=hints_max(slots_alive(db, within_s=WORKER_SEEN_S), services))
        missing = max(0, wanted - services.hints.length()) if wanted else 0
        services.hints.send(missing)
        return {"hints": missing}


def hints_max(slots: int, services: Services) -> int:
    """The most hints that may wait for so many slots; some, while there are none, for the first worker to come."""
    return HINTS_PER_SLOT * max(slots, services.settings.worker_slots)


def _close(services: Services) -> dict[str, object]:
    with services.database.begin() as db:
        if not try_lock(db, "runs"):
            return {}
        forget_old(db)  # answers that no request will be sent again for
        return {"closed": close_runs(db)}


def _open_nights(services: Services) -> dict[str, object]:
    """Begins the nights that are due; after the step that closes runs, so that last night's has ended."""
    with services.database.begin() as db:
        if not try_lock(db, "schedules"):
            return {}
        return {"nights": open_due_nights(db, lambda: services.judge, priced=services.settings.priced)}


def _settle(services: Services) -> dict[str, object]:
    """Attributes what nodes' time that is over cost, so that nobody has to add it up again."""
    with services.database.begin() as db:
        return {"settled": settle(db)} if try_lock(db, "costs") else {}


_closers: weakref.WeakKeyDictionary[ObjectStore, Closer] = weakref.WeakKeyDictionary()  # what each has in mind


def _close_abandoned(services: Services) -> dict[str, object]:
    """Hands over interviews that nobody goes on with; whoever has the lock, so that no other one sees half of it."""
    with services.database.begin() as db:
        if not try_lock(db, "abandoned"):
            return {}
        minutes = services.settings.abandoned_minutes
        closer = _closers.setdefault(services.store, Closer(services.store, after=timedelta(minutes=minutes)))
        return {"abandoned": closer.run(clock(db))}


def _intake(services: Services) -> dict[str, object]:
    return {"intake": intake(services.database, services.store, services.find_rubric, wait=False)}


def _notify(services: Services) -> dict[str, object]:
    return {"notices": send_notices(services)}


_STEPS: dict[Step, Callable[[Services], dict[str, object]]] = {  # in the order in which others wait for them
    "leases": _expire,
    "hints": _top_up,
    "runs": _close,
    "schedules": _open_nights,
    "costs": _settle,
    "abandoned": _close_abandoned,
    "intake": _intake,
    "notices": _notify,
}
HINTS: tuple[Step, ...] = ("hints",)
BESIDE: tuple[Step, ...] = ("abandoned", "intake", "notices")


def _name(services: Services) -> str:
    return f"{node_name(services.settings)}:{os.getpid()}:reconciler"


def be_seen(services: Services) -> None:
    """Says that a reconciler is alive; OtherSchema when a newer version has migrated the database meanwhile."""
    with services.database.begin() as db:
        seen(db, name=_name(services), kind="reconciler", version=__version__)
        history.refuse_other(db, services.database.where)


def say_goodbye(services: Services) -> None:
    """Says that this reconciler ends, so that nobody counts on it; best effort."""
    try:
        with services.database.begin() as db:
            gone(db, name=_name(services))
    except Unavailable as error:
        log.warning("still counted as alive: %s", error)


def run_forever(services: Services, stop: threading.Event) -> None:
    """Ticks until told to stop; an outage is waited out. OtherSchema ends it."""
    try:
        with (
            _beside(services.settings, stop, "abandoned", _with_store("abandoned")),
            _beside(services.settings, stop, "intake", _with_store("intake")),
            _beside(services.settings, stop, "notices", _steadily("notices")),
            _beside(services.settings, stop, "hints at once", _hint_at_openings),
        ):
            _repeat(services, stop, steps=[step for step in _STEPS if step not in BESIDE], saying=be_seen)
    finally:
        say_goodbye(services)


Work = Callable[[Services, threading.Event], None]


@contextmanager
def _beside(settings: Settings, stop: threading.Event, name: str, work: Work) -> Iterator[None]:
    """Work in a thread of its own, with its own connections; it is told to stop when the block ends."""
    own = Services(settings=settings)

    def run() -> None:
        try:
            work(own, stop)
        finally:
            stop.set()  # a reconciler that has lost one of its steps must not look alive
            own.close()

    thread = threading.Thread(target=run, name=name, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(timeout=BESIDE_GRACE_S)


def _steadily(*steps: Step) -> Work:
    return partial(_repeat, steps=steps)


def _with_store(*steps: Step) -> Work:
    def work(services: Services, stop: threading.Event) -> None:
        _await_store(services, stop)
        _repeat(services, stop, steps=steps)

    return work


def _hint_at_openings(services: Services, stop: threading.Event) -> None:
    """Hints for a run as soon as it is opened, as far as that is heard: whoever opened it may be waiting for it."""
    while not stop.is_set():
        try:
            with services.database.listening(RUN_OPENED) as heard:
                while not stop.is_set():
                    if heard(LISTEN_S):
                        tick(services, HINTS)
        except DatabaseUnavailable as error:
            log.warning("not listening: %s", error)
            stop.wait(services.settings.tick_s)


def _await_store(services: Services, stop: threading.Event) -> None:
    """Waits until the store has proven that it creates and never overwrites: intake trusts nothing less."""
    while not stop.is_set():
        try:
            services.store.probe()
        except DebriefError as error:
            log.warning("not taking in: %s", error)
            stop.wait(services.settings.tick_s)
        else:
            return


def _repeat(
    services: Services,
    stop: threading.Event,
    *,
    steps: Collection[Step],
    saying: Callable[[Services], None] = lambda _: None,
) -> None:
    while not stop.is_set():
        started_at = time.monotonic()
        try:
            saying(services)
        except OtherSchema:
            raise
        except Unavailable as error:
            log.warning("not seen: %s", error)
        report = tick(services, steps)
        if report != TickReport():
            log.info("tick: %s", report.model_dump_json(exclude_defaults=True))
        stop.wait(max(0.1, services.settings.tick_s - (time.monotonic() - started_at)))
