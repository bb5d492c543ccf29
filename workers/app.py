"""The Celery worker: `celery -A workers.app worker`, prefork only."""

import atexit
import logging
import os
import signal
import threading
from types import FrameType
from typing import Any

from celery.signals import worker_init, worker_ready

from evaluator import __version__
from evaluator.adapters.celery_queue import celery_app
from evaluator.errors import DatabaseUnavailable
from evaluator.settings import read_settings
from evaluator.storage.database import Database
from evaluator.storage.evaluations import gone, seen
from evaluator.wiring import Services
from workers.node import DRAIN_VARIABLE, drain_file, node_name

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

_stopping = threading.Event()


@worker_init.connect
def _clear_drain_file(**_: Any) -> None:
    os.environ[DRAIN_VARIABLE] = str(drain_file())
    drain_file().unlink(missing_ok=True)


@worker_ready.connect
def _announce(**_: Any) -> None:
    _drain_before_shutdown()
    _seen.start()
    atexit.register(_end, os.getpid())


def _drain_before_shutdown() -> None:
    """SIGTERM writes the drain file first: Celery's own signal for it comes only after the soft-shutdown sleep."""
    celerys_own = signal.getsignal(signal.SIGTERM)

    def drain(number: int, frame: FrameType | None) -> None:
        try:
            drain_file().touch()
        finally:  # a full disk must not keep the worker from stopping
            if callable(celerys_own):
                celerys_own(number, frame)

    signal.signal(signal.SIGTERM, drain)


def _be_seen() -> None:
    database = Database(_services.database.url.render_as_string(hide_password=False), connections=1)
    name = f"{node_name(_settings)}:{os.getpid()}"
    while True:
        try:
            with database.begin() as db:
                seen(db, name=name, kind="worker", version=__version__)
        except DatabaseUnavailable as error:
            log.warning("not seen: %s", error)
        if _stopping.wait(SEEN_EVERY_S):
            break
    try:  # else a command that starts soon would count on this worker
        with database.begin() as db:
            gone(db, name=name)
    except DatabaseUnavailable as error:
        log.warning("still counted as alive: %s", error)


_seen = threading.Thread(target=_be_seen, name="seen", daemon=True)


def _end(main_process: int) -> None:
    """At the interpreter's end: a cold shutdown sends no `worker_shutdown`."""
    if os.getpid() != main_process:
        return
    _stopping.set()
    _seen.join(timeout=GOODBYE_S)
    drain_file().unlink(missing_ok=True)
