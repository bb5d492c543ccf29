"""The Celery worker: `celery -A workers.app worker`, prefork only."""

import atexit
import logging
import os
import shutil
import signal
import threading
from pathlib import Path
from types import FrameType
from typing import Any

from celery.signals import worker_init, worker_ready

from evaluator import __version__
from evaluator.adapters.celery_queue import QUEUE, celery_app
from evaluator.errors import DatabaseUnavailable
from evaluator.settings import read_settings
from evaluator.storage.database import Database
from evaluator.storage.evaluations import gone, seen
from evaluator.wiring import Services
from workers import spot
from workers.node import Drain, make_drain_folder, node_name, tell

log = logging.getLogger(__name__)

SEEN_EVERY_S = 10.0
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
_seen: threading.Thread | None = None  # says that this worker lives, from when it is ready


@worker_init.connect
def _prepare_to_drain(**_: Any) -> None:
    atexit.register(_end, os.getpid(), make_drain_folder())


@worker_ready.connect
def _announce(sender: Any, **_: Any) -> None:
    global _seen  # noqa: PLW0603  joined when the interpreter ends
    _drain_before_shutdown()
    _seen = threading.Thread(target=_be_seen, args=(sender.pool.limit,), name="seen", daemon=True)
    _seen.start()
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
    name = f"{node_name(_settings)}:{os.getpid()}"
    while True:
        try:
            with database.begin() as db:
                seen(db, name=name, kind="worker", version=__version__, slots=slots)
        except DatabaseUnavailable as error:
            log.warning("not seen: %s", error)
        if _stopping.wait(SEEN_EVERY_S):
            break
    try:  # else a command that starts soon would count on this worker
        with database.begin() as db:
            gone(db, name=name)
    except DatabaseUnavailable as error:
        log.warning("still counted as alive: %s", error)


def _end(main_process: int, drain_folder: Path) -> None:
    """At the interpreter's end: a cold shutdown sends no `worker_shutdown`."""
    if os.getpid() != main_process:
        return
    _stopping.set()
    if _seen is not None:
        _seen.join(timeout=GOODBYE_S)
    shutil.rmtree(drain_folder, ignore_errors=True)
