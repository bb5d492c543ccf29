"""Sees a run to its end from the command line, with a reconciler and a worker of our own where none is alive."""

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager

from evaluator.commands.output import say
from evaluator.commands.progress import RunProgress
from evaluator.commands.worker_process import worker
from evaluator.embedded.process import Tenancy
from evaluator.errors import EmbeddedFailed, OtherSchema
from evaluator.storage.evaluations import alive
from evaluator.storage.run_facts import run_minutes
from evaluator.storage.runs import RunStatus, run_status
from evaluator.wiring import Services
from workers.reconcile import run_forever

ALIVE_WITHIN_S = 30.0
LOOK_EVERY_S = 10.0
POLL_S = 0.5
PACE_EVERY_S = 2.0
WORKER_RESTARTS_MAX = 3


def drive(
    services: Services,
    name: str,
    *,
    events: bool = False,
    work: bool = True,
    on_first_section: Callable[[], None] | None = None,
) -> RunStatus:
    """Waits until the run is closed; its last status. KeyboardInterrupt drains the worker and leaves the run open."""
    progress = RunProgress(events=events)
    pace = Pacing(services, name)
    with ExitStack() as stack:
        staff = Staff(services, stack) if work else None
        try:
            while (status := _status(services, name)).state != "closed":
                if on_first_section and status.sections_done:
                    on_first_section()
                    on_first_section = None
                progress.show(status, pace.minutes())
                if staff:
                    staff.see_to_it()
                time.sleep(POLL_S)
            progress.show(status, ())
        finally:
            progress.end()
            if staff and staff.working:
                say("stopping the worker (sections in hand are finished or handed back)")
    return status


def _status(services: Services, name: str) -> RunStatus:
    with services.database.begin() as db:
        return run_status(db, name)


class Pacing:
    """What the run finished in its last minutes, read now and then."""

    def __init__(self, services: Services, name: str) -> None:
        self._services, self._name = services, name
        self._minutes: Sequence[int] = ()
        self._read_again_at = 0.0

    def minutes(self) -> Sequence[int]:
        """Sections in each of the last minutes, the oldest first."""
        if time.monotonic() >= self._read_again_at:
            with self._services.database.begin() as db:
                self._minutes = run_minutes(db, self._name)
            self._read_again_at = time.monotonic() + PACE_EVERY_S
        return self._minutes


class Staff:
    """The reconciler and worker that this command runs because nobody else does."""

    def __init__(self, services: Services, stack: ExitStack) -> None:
        self._services, self._stack = services, stack
        self._worker: Tenancy | None = None
        self._starts = 0
        self._reconciling = False
        self._look_again_at = 0.0

    @property
    def working(self) -> bool:
        """True while a worker of ours runs."""
        return self._worker is not None

    def see_to_it(self) -> None:
        """Starts what nobody else runs, and starts it again when it died; EmbeddedFailed when it dies again and again.

        Others are looked at again and again: one that was there may be gone.
        """
        if time.monotonic() < self._look_again_at and (self._worker is None or self._worker.alive()):
            return
        self._look_again_at = time.monotonic() + LOOK_EVERY_S
        if not self._reconciling and not self._lives("reconciler"):
            self._stack.enter_context(reconciling(self._services))
            self._reconciling = True
        worked_on = self._lives("worker") if self._worker is None else self._worker.alive()
        if not worked_on:
            self._start_worker()

    def _lives(self, kind: str) -> bool:
        with self._services.database.begin() as db:
            return alive(db, kind=kind, within_s=ALIVE_WITHIN_S) > 0

    def _start_worker(self) -> None:
        if self._starts > WORKER_RESTARTS_MAX:
            raise EmbeddedFailed(f"the worker ended {self._starts} times; its log says why: {self._log()}")
        self._starts += 1
        self._worker = self._stack.enter_context(
            worker(
                self._services,
                self._services.settings.home,
                name=f"worker-{os.getpid()}",
                inherited=dict(os.environ),
            )
        )

    def _log(self) -> str:
        return str(self._worker.place.log) if self._worker else ""


@contextmanager
def reconciling(services: Services) -> Iterator[None]:
    """A reconciler in a thread of this process."""
    logging.getLogger("workers.reconcile").setLevel(logging.WARNING)
    stop = threading.Event()

    def work() -> None:
        try:
            run_forever(services, stop)
        except OtherSchema as error:
            say(f"reconciler: {error}")

    thread = threading.Thread(target=work, name="reconciler", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(timeout=10)
