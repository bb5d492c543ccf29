"""The worker with faults at its seams: `celery -A tests.chaos.worker worker` is the product's worker, wrapped.

A fault is armed by a file in CHAOS_FOLDER; whichever child removes the file first fires it, once, and writes it down.
"""

import os
import signal
import time
from pathlib import Path
from typing import Any

from evaluator import wiring
from evaluator.adapters.vllm import VllmEngine
from evaluator.errors import StoreUnavailable
from tests.chaos.marks import KILLS_WORKER
from workers import scoring
from workers.app import app

__all__ = ["app"]

SLOW_S = 2.0
_FOLDER = Path(os.environ["CHAOS_FOLDER"])


def taken(name: str) -> bool:
    """Whether this process is the one to fire the armed fault."""
    try:
        (_FOLDER / name).unlink()
    except FileNotFoundError:
        return False
    told(name)
    return True


def told(name: str) -> None:
    """Writes down that the fault fired."""
    with (_FOLDER / "fired.log").open("ab", buffering=0) as log:
        log.write(f"{name}\n".encode())


def failpoint(name: str) -> None:
    """Dies here, as a machine that vanishes, when the failpoint is armed."""
    if taken(name):
        os.kill(os.getpid(), signal.SIGKILL)


class FaultyStore:
    """A store whose answers are late, refused or lost, when armed."""

    def __init__(self, store: Any) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def get(self, key: str, **limits: int) -> bytes | None:
        self._trouble()
        return self._store.get(key, **limits)

    def create(self, key: str, data: bytes, **kind: str) -> None:
        self._trouble()
        self._store.create(key, data, **kind)
        if taken("store-lost-put"):
            raise StoreUnavailable(f"no answer to the write of {key}")
        failpoint("put-progress")

    def _trouble(self) -> None:
        if taken("store-slow"):
            time.sleep(SLOW_S)
        if taken("store-5xx"):
            raise StoreUnavailable("the store answers 503")


_store_from_url, _complete, _finalize = wiring.store_from_url, VllmEngine.complete, scoring._finalize


async def _complete_or_die(self: VllmEngine, request: Any) -> Any:
    if KILLS_WORKER in request.user:
        told("poison-kill")
        os.kill(os.getpid(), signal.SIGKILL)
    answer = await _complete(self, request)
    failpoint("answer-put")
    return answer


def _finalize_and_die(*arguments: Any, **named: Any) -> None:
    _finalize(*arguments, **named)
    failpoint("commit-ack")


wiring.store_from_url = lambda url: FaultyStore(_store_from_url(url))
VllmEngine.complete = _complete_or_die
scoring._finalize = _finalize_and_die
