"""Whether the services behind the pages answer: all asked at once, each for so long only, and not by every request."""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Literal

from evaluator.errors import DebriefError

log = logging.getLogger(__name__)

WITHIN_S = 2.0  # for each to answer
KEPT_S = 2.0  # what was found; so nobody can ask the services more often through us

State = Literal["ok", "failing", "no_answer"]
Check = Callable[[], object]


class Readiness:
    """What the checks found, at most KEPT_S ago. A check raises when its service cannot be used.

    One that is still under way is not started again, so a hung service costs one thread and not one for each question.
    """

    def __init__(
        self,
        checks: Mapping[str, Check],
        *,
        within_s: float = WITHIN_S,
        kept_s: float = KEPT_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._checks = dict(checks)
        self._within_s, self._kept_s, self._clock = within_s, kept_s, clock
        self._lock = threading.Lock()
        self._pool: ThreadPoolExecutor | None = None
        self._running: dict[str, Future[State]] = {}
        self._found: dict[str, State] = {}
        self._found_at = float("-inf")

    def states(self) -> Mapping[str, State]:
        """Each service by name, in the order of the checks."""
        with self._lock:
            if self._clock() - self._found_at >= self._kept_s:
                self._found = self._ask()
                self._found_at = self._clock()
            return self._found

    def _ask(self) -> dict[str, State]:
        if not self._checks:
            return {}
        if self._pool is None:
            self._pool = ThreadPoolExecutor(len(self._checks), thread_name_prefix="readiness")
        for name, check in self._checks.items():
            if name not in self._running:
                self._running[name] = self._pool.submit(_state, name, check)
        done, _ = wait(self._running.values(), timeout=self._within_s)
        found: dict[str, State] = {}
        for name in self._checks:
            asked = self._running[name]
            if asked in done:
                del self._running[name]
            found[name] = asked.result() if asked in done else "no_answer"
        return found


def _state(name: str, check: Check) -> State:
    try:
        check()
    except DebriefError as error:
        log.warning("not ready: %s (%s)", name, error.code)
        return "failing"
    except Exception as error:  # noqa: BLE001  whatever it is, the service cannot be used, and nobody is told more
        log.warning("not ready: %s (%s)", name, type(error).__name__)
        return "failing"
    return "ok"
