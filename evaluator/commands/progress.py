"""How far a run is, while it runs: one line that moves on a terminal, one line now and then elsewhere."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from evaluator.commands.output import draw, leave_line, out, put_json, say
from evaluator.runs import Outlook, Pace, Punctuality, finished, outlook, punctuality
from evaluator.storage.runs import RunStatus

LINE_EVERY_S = 30.0
LINE_EVERY_SHARE = 0.05
EVENT_EVERY_S = 1.0
CLOCK_FROM_S = 600.0  # a rest that takes longer is told by the time of day
BAR_CHARS = 8  # so that all of the line fits 80 columns
_KEPT: dict[Punctuality, str] = {"on_time": "on time", "at_risk": "at risk", "late": "late"}


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(kw_only=True, slots=True)
class RunProgress:
    """Prints a run's progress to stderr; with --json one event a line to stdout where `events`."""

    events: bool = False
    clock: Callable[[], datetime] = _now
    monotonic: Callable[[], float] = field(default=time.monotonic)
    _said_at: float | None = None
    _said_share: float = -1.0
    _event_at: float | None = None
    _event: tuple[object, ...] = ()

    def show(self, status: RunStatus, minutes: Sequence[int]) -> None:
        """Says where the run stands, if it is time to. minutes: sections of each of the last ones, the oldest first."""
        at, now = self.monotonic(), self.clock()
        found = _outlook(status, minutes, now)
        if out.live:
            draw(bar(status, found, now))
        elif self._time_for_a_line(status, at):
            say(line(status, found, now))
            self._said_at, self._said_share = at, _share(status)
        if self.events and self._time_for_an_event(status, at):
            put_json(event(status, found, now))

    def end(self) -> None:
        """Leaves the moving line behind."""
        leave_line()

    def _time_for_a_line(self, status: RunStatus, at: float) -> bool:
        """The first one, one each LINE_EVERY_S or LINE_EVERY_SHARE, and once when nothing is left."""
        share = _share(status)
        if self._said_at is None or share - self._said_share >= LINE_EVERY_SHARE:
            return True
        over = status.counts.open == 0 and self._said_share < 1
        return over or at - self._said_at >= LINE_EVERY_S

    def _time_for_an_event(self, status: RunStatus, at: float) -> bool:
        """Whenever something changed, at most each EVENT_EVERY_S but for the last."""
        stands = (status.state, status.counts, status.sections_done)
        soon = self._event_at is not None and at - self._event_at < EVENT_EVERY_S
        if stands == self._event or (soon and status.state != "closed"):
            return False
        self._event, self._event_at = stands, at
        return True


def bar(status: RunStatus, found: Outlook, now: datetime) -> str:
    """The moving line."""
    c, share = status.counts, _share(status)
    full = round(share * BAR_CHARS)
    drawn = "━" * full + "╌" * (BAR_CHARS - full)
    troubles = "".join(f" · {word} {n}" for n, word in ((c.failed, "fail"), (c.needs_review, "review")) if n)
    return f"Scoring {drawn} {finished(c)}/{c.selected} {int(100 * share)}% · {_left(status, found, now)}{troubles}"


def line(status: RunStatus, found: Outlook, now: datetime) -> str:
    """One line of a log."""
    c = status.counts
    kept = punctuality(found.pace, now=now, deadline=status.deadline)
    pace = "still" if found.still else kept
    return (
        f"{now:%Y-%m-%dT%H:%M:%SZ} run={status.name} done={finished(c)}/{c.selected} "
        f"sections={status.sections_done}/{status.sections_total} failed={c.failed} eta={_eta(found.pace, now)}"
        + (f" pace={pace}" if pace else "")
    )


def event(status: RunStatus, found: Outlook, now: datetime) -> dict[str, Any]:
    """One line for programs."""
    return {
        "event": "progress",
        "at": now,
        "run": status.name,
        "state": status.state,
        "counts": status.counts,
        "sections": {"done": status.sections_done, "total": status.sections_total},
        "eta": _moments(found.pace, now),
        "stands_still": found.still,
        "deadline": status.deadline,
        "deadline_kept": punctuality(found.pace, now=now, deadline=status.deadline),
    }


def _outlook(status: RunStatus, minutes: Sequence[int], now: datetime) -> Outlook:
    if status.state != "open" or status.counts.open == 0:
        return Outlook(pace=None)
    return outlook(
        sections_left=status.sections_total - status.sections_done,
        minutes=minutes,
        done=status.sections_done,
        elapsed_s=(now - status.created_at).total_seconds(),
    )


def _share(status: RunStatus) -> float:
    return 1.0 if status.counts.open == 0 else status.sections_done / max(1, status.sections_total)


def _left(status: RunStatus, found: Outlook, now: datetime) -> str:
    if status.counts.open == 0:
        return "done"
    if status.state == "paused":
        return "paused"
    if found.still:
        return "stands still"
    if found.pace is None:
        return "estimating"
    kept = punctuality(found.pace, now=now, deadline=status.deadline)
    words = f" ({_KEPT[kept]})" if kept else ""
    if found.pace.high_s < CLOCK_FROM_S:
        return f"{_range(found.pace.low_s, found.pace.high_s)} left{words}"
    low, high = (f"{now + timedelta(seconds=s):%H:%M}" for s in (found.pace.low_s, found.pace.high_s))
    return f"ETA {low}–{high}Z{words}"


def _eta(left: Pace | None, now: datetime) -> str:
    """`02:10Z..02:35Z`, one moment where both are in the same minute, or `-`."""
    if left is None:
        return "-"
    low, high = (f"{now + timedelta(seconds=s):%H:%MZ}" for s in (left.low_s, left.high_s))
    return low if low == high else f"{low}..{high}"


def _moments(left: Pace | None, now: datetime) -> dict[str, datetime] | None:
    if left is None:
        return None
    return {"earliest": now + timedelta(seconds=left.low_s), "latest": now + timedelta(seconds=left.high_s)}


def _range(low_s: float, high_s: float) -> str:
    """Two spans of time in the unit that fits the longer: `17–35 s`."""
    for unit_s, unit in ((1, "s"), (60, "min"), (3_600, "h")):
        if high_s < 90 * unit_s or unit == "h":
            break
    low, high = (max(1, round(seconds / unit_s)) for seconds in (low_s, high_s))
    return f"{high} {unit}" if low == high else f"{low}–{high} {unit}"
