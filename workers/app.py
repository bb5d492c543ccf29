"""The Celery worker: `celery -A workers.app worker`, prefork only."""

import asyncio
import atexit
import gc
import logging
import os
import shutil
import signal
import threading
from pathlib import Path
from types import FrameType
from typing import Any

from celery.bootsteps import StartStopStep
from celery.signals import (
    celeryd_init,
    setup_logging,
    worker_init,
    worker_process_init,
    worker_process_shutdown,
    worker_ready,
)

from evaluator import __version__
from evaluator.adapters.celery_queue import QUEUE, celery_app
from evaluator.errors import DatabaseUnavailable, DebriefError, OtherSchema
from evaluator.observing import logs, traces
from evaluator.settings import read_settings
from evaluator.storage.database import Database
from evaluator.storage.evaluations import gone, seen
from evaluator.storage.node_sessions import note_alive, note_end
from evaluator.wiring import Services, observe
from migrations import history
from workers import spot
from workers.ledger import begin_session, node_session, paid_for_s, session_of_worker
from workers.node import Drain, make_drain_folder, node_name, tell

log = logging.getLogger(__name__)

SEEN_EVERY_S = 10.0
NOT_READY_EVERY_S = 1.0  # while the broker or the engine is awaited
GOODBYE_S = 2.0  # what the last word to the database may take

_settings = read_settings()
_services = Services(settings=_settings)
app = celery_app(
    _settings.broker_url.get_secret_value() if _settings.broker_url else "redis://127.0.0.1:6379/0",
    soft_shutdown_s=_settings.soft_shutdown_s,
)
app.conf.imports = ("workers.tasks",)
_imds = spot.Imds.at(_settings.imds_url) if _settings.spot else None

_stopping = threading.Event()
_accepting = threading.Event()  # hints: Celery is ready
_news = threading.Event()  # one of these has changed
_seen: threading.Thread | None = None  # says that this worker lives


@celeryd_init.connect  # what is said before Celery looks for handlers
@setup_logging.connect
def _log(**_: Any) -> None:
    """In the place of Celery's own handlers and formats, in the main process and in each child."""
    logs.configure(_settings.log_format, _settings.log_level or "info")
    logging.captureWarnings(True)


@worker_process_init.connect
def _begin_traces(**_: Any) -> None:
    observe(_settings, part="worker", node=f"{node_name(_settings)}:{os.getpid()}")


@worker_process_shutdown.connect
def _end_traces(**_: Any) -> None:
    traces.end_traces()


@worker_init.connect
def _prepare_to_drain(**_: Any) -> None:
    atexit.register(_end, os.getpid(), make_drain_folder())
    begin_session()


class _BeSeen(StartStopStep):  # type: ignore[misc]  # untyped
    """Says that this worker lives from when its children are there: what is opened before would be forked with them.

    Not only from when it is ready: until the broker and the engine are there, it costs as much.
    """

    requires = ("celery.worker.components:Pool",)

    def start(self, parent: Any) -> None:
        """Starts the thread that says so."""
        global _seen  # noqa: PLW0603  joined when the interpreter ends
        _seen = threading.Thread(target=_be_seen, args=(parent.pool.limit,), name="seen", daemon=True)
        _seen.start()


app.steps["worker"].add(_BeSeen)


@worker_ready.connect
def _announce(sender: Any, **_: Any) -> None:
    _drain_before_shutdown()
    _accepting.set()
    _news.set()
    if _imds is not None:
        watching = (_imds, lambda drain: _told_to(drain, sender), _stopping)
        threading.Thread(target=spot.watch, args=watching, name="spot", daemon=True).start()


def _told_to(drain: Drain, consumer: Any) -> None:
    """Nothing new is claimed, and the hints are left to workers that may act on them."""
    tell(drain)
    consumer.call_soon(consumer.cancel_task_queue, QUEUE)


def _drain_before_shutdown() -> None:
    """SIGTERM writes the drain file first: Celery's own signal for it comes only after the soft-shutdown sleep."""
    celerys_own = signal.getsignal(signal.SIGTERM)

    def drain(number: int, frame: FrameType | None) -> None:
        try:
            tell(Drain.STOP)
        finally:  # a full disk must not keep the worker from stopping
            if callable(celerys_own):
                celerys_own(number, frame)

    signal.signal(signal.SIGTERM, drain)


def _be_seen(slots: int) -> None:
    url = _services.database.url.render_as_string(hide_password=False)
    database = Database(url, connections=1, patience_s=SEEN_EVERY_S)
    paid = node_session(_settings, session_id=session_of_worker() or "", node=node_name(_settings), slots=slots)
    ready = False
    while not _stopping.is_set():
        ready = ready or (_accepting.is_set() and _engine_answers())
        try:
            with database.begin() as db:
                if _accepting.is_set():
                    seen(db, name=paid.name, kind="worker", version=__version__, slots=slots)
                history.refuse_other(db, database.where)
                note_alive(db, paid, age_s=paid_for_s(_settings), ready=ready)
        except OtherSchema as error:  # started again, this version would refuse and say so
            log.error("stopping: %s", error)  # noqa: TRY400  what is known needs no traceback
            os.kill(os.getpid(), signal.SIGTERM)
            break
        except DatabaseUnavailable as error:
            log.warning("not seen: %s", error)
        _news.wait(SEEN_EVERY_S if ready else NOT_READY_EVERY_S)
        _news.clear()
    try:  # else a command that starts soon would count on this worker
        with database.begin() as db:
            gone(db, name=paid.name)
            note_end(db, paid.id)
    except DatabaseUnavailable as error:
        log.warning("still counted as alive: %s", error)


def _engine_answers() -> bool:
    """Whether the judge serves our model: before that, this worker is a cold start."""

    async def check() -> None:
        engine = _services.another_engine()
        try:
            await engine.check(_services.model)
        finally:
            await engine.aclose()

    try:
        asyncio.run(check())
    except DebriefError as error:
        log.debug("not ready: %s", error)
        return False
    return True


def _end(main_process: int, drain_folder: Path) -> None:
    """At the interpreter's end: a cold shutdown sends no `worker_shutdown`."""
    if os.getpid() != main_process:
        return
    _stopping.set()
    _news.set()
    if _seen is not None:
        _seen.join(timeout=GOODBYE_S)
    shutil.rmtree(drain_folder, ignore_errors=True)
    gc.freeze()  # else the interpreter walks through all that is loaded once more, and the machine is paid meanwhile
    gc.disable()
