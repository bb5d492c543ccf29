"""How far a run is, while it runs: one line that moves on a terminal, one line now and then elsewhere."""

import sys
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from evaluator.commands.output import out, put_json, say
from evaluator.runs import finished, pace
from evaluator.storage.runs import RunStatus

LINE_EVERY_S = 30.0
LINE_EVERY_SHARE = 0.05
BAR_CHARS = 24


@dataclass(kw_only=True, slots=True)
class RunProgress:
    """Prints a run's progress to stderr; with --json one event a line to stdout where `events`."""

    events: bool = False
    _began: float = field(default_factory=time.monotonic)
    _sections_before: int | None = None
    _said_at: float = 0.0
    _said_share: float = -1.0
    _last: str = ""

    def show(self, status: RunStatus) -> None:
        """Says where the run stands, if it is time to."""
        if self._sections_before is None:
            self._sections_before = status.sections_done
        now = time.monotonic()
        share = status.sections_done / max(1, status.sections_total)
        changed = share != self._said_share or status.counts.open == 0
        if out.live:
            self._draw(self._bar(status, share, now))
        elif (
            self._said_at == 0.0
            or now - self._said_at >= LINE_EVERY_S
            or (changed and share - self._said_share >= LINE_EVERY_SHARE)
        ):
            self._line(status, now)
            self._said_at, self._said_share = now, share
        if self.events and changed:
            put_json({"run": status.name, "counts": status.counts, "sections_done": status.sections_done})

    def end(self) -> None:
        """Leaves the moving line behind."""
        if self._last:
            print(file=sys.stderr)
            self._last = ""

    def _left(self, status: RunStatus, now: float) -> str:
        estimate = pace(
            sections_done=status.sections_done - (self._sections_before or 0),
            sections_left=status.sections_total - status.sections_done,
            elapsed_s=now - self._began,
        )
        return "estimating" if estimate is None else f"{_short(estimate.low_s)}-{_short(estimate.high_s)} left"

    def _bar(self, status: RunStatus, share: float, now: float) -> str:
        c = status.counts
        full = round(share * BAR_CHARS)
        bar = "━" * full + "╌" * (BAR_CHARS - full)
        troubles = "".join(f" · {n} {word}" for n, word in ((c.failed, "failed"), (c.needs_review, "to review")) if n)
        return (
            f"Scoring {bar} {finished(c)}/{c.selected} interviews · {status.sections_done}/{status.sections_total} "
            f"sections{troubles} · {self._left(status, now)}"
        )

    def _draw(self, line: str) -> None:
        print(f"\r\x1b[2K{line[:118]}", end="", file=sys.stderr, flush=True)
        self._last = line

    def _line(self, status: RunStatus, now: float) -> None:
        c = status.counts
        say(
            f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} run={status.name} done={finished(c)}/{c.selected} "
            f"sections={status.sections_done}/{status.sections_total} failed={c.failed} eta={self._eta(status, now)}"
        )

    def _eta(self, status: RunStatus, now: float) -> str:
        estimate = pace(
            sections_done=status.sections_done - (self._sections_before or 0),
            sections_left=status.sections_total - status.sections_done,
            elapsed_s=now - self._began,
        )
        if estimate is None:
            return "-"
        middle = timedelta(seconds=(estimate.low_s + estimate.high_s) / 2)
        return f"{datetime.now(UTC) + middle:%H:%MZ}"


def _short(seconds: float) -> str:
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min" if seconds < 5_400 else f"{seconds / 3_600:.1f} h"
