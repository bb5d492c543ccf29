"""Keeps one claimed row's lease alive from a thread, and knows when it is lost."""

import threading
import time
from types import TracebackType
from typing import Self

from evaluator.errors import DatabaseUnavailable, LeaseLost
from evaluator.storage.database import Database
from evaluator.storage.evaluations import Claim, renew

RETRY = 0.25  # of the usual pause, after a renewal that failed: an outage may be over long before the lease is


class Heartbeat:
    """Renews every `every_s`; lost once another worker owns the row, or once no renewal worked for a whole lease.

    A renewal that hangs changes nothing: whoever asks looks at the clock. The age of the last good renewal is taken
    from the monotonic one: a worker that was frozen wakes up knowing it.
    """

    def __init__(self, database: Database, claim: Claim, *, lease_s: float, every_s: float) -> None:
        self._database, self._claim = database, claim
        self._lease_s, self._every_s = lease_s, every_s
        self._renewed_at = time.monotonic()
        self._lost = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._beat, name=f"heartbeat-{claim.id}", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stop.set()
        self._thread.join(timeout=2)

    def lost(self) -> bool:
        """True: write nothing more for this row."""
        return self._lost.is_set() or time.monotonic() - self._renewed_at > self._lease_s

    def _beat(self) -> None:
        pause_s = self._every_s
        while not self._stop.wait(pause_s):
            sent_at = time.monotonic()
            try:
                with self._database.begin() as db:
                    renew(db, self._claim, lease_s=self._lease_s)
            except LeaseLost:
                self._lost.set()
                return
            except DatabaseUnavailable:
                pause_s = self._every_s * RETRY
                continue  # the age of the last good renewal decides
            self._renewed_at, pause_s = sent_at, self._every_s
