"""How far a run is, while it runs: one line that moves on a terminal, one line now and then elsewhere."""

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from evaluator.commands.output import draw, leave_line, out, put_json, say
from evaluator.runs import Pace, finished, pace
from evaluator.storage.runs import RunStatus

LINE_EVERY_S = 30.0
LINE_EVERY_SHARE = 0.05
BAR_CHARS = 16


@dataclass(kw_only=True, slots=True)
class RunProgress:
    """Prints a run's progress to stderr; with --json one event a line to stdout where `events`."""

    events: bool = False
    _began: float = field(default_factory=time.monotonic)
    _sections_before: int | None = None
    _said_at: float = 0.0
    _said_share: float = -1.0

    def show(self, status: RunStatus) -> None:
        """Says where the run stands, if it is time to."""
        if self._sections_before is None:
            self._sections_before = status.sections_done
        now = time.monotonic()
        share = status.sections_done / max(1, status.sections_total)
        changed = share != self._said_share or status.counts.open == 0
        if out.live:
            draw(self._bar(status, share, now))
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
        leave_line()

    def _rest(self, status: RunStatus, now: float) -> Pace | None:
        return pace(
            sections_done=status.sections_done - (self._sections_before or 0),
            sections_left=status.sections_total - status.sections_done,
            elapsed_s=now - self._began,
        )

    def _left(self, status: RunStatus, now: float) -> str:
        if status.counts.open == 0:
            return "done"
        rest = self._rest(status, now)
        return "estimating" if rest is None else f"{_range(rest.low_s, rest.high_s)} left"

    def _bar(self, status: RunStatus, share: float, now: float) -> str:
        c = status.counts
        full = round(share * BAR_CHARS)
        bar = "━" * full + "╌" * (BAR_CHARS - full)
        troubles = "".join(f" · {n} {word}" for n, word in ((c.failed, "failed"), (c.needs_review, "to review")) if n)
        return (
            f"Scoring {bar} {finished(c)}/{c.selected} · sections {status.sections_done}/{status.sections_total}"
            f" · {self._left(status, now)}{troubles}"
        )

    def _line(self, status: RunStatus, now: float) -> None:
        c = status.counts
        say(
            f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} run={status.name} done={finished(c)}/{c.selected} "
            f"sections={status.sections_done}/{status.sections_total} failed={c.failed} eta={self._eta(status, now)}"
        )

    def _eta(self, status: RunStatus, now: float) -> str:
        rest = self._rest(status, now)
        if rest is None:
            return "-"
        return f"{datetime.now(UTC) + timedelta(seconds=(rest.low_s + rest.high_s) / 2):%H:%M:%SZ}"


def _range(low_s: float, high_s: float) -> str:
    """Two spans of time in the unit that fits the longer: `17–35 s`."""
    for unit_s, unit in ((1, "s"), (60, "min"), (3_600, "h")):
        if high_s < 90 * unit_s or unit == "h":
            break
    low, high = (max(1, round(seconds / unit_s)) for seconds in (low_s, high_s))
    return f"{high} {unit}" if low == high else f"{low}–{high} {unit}"
