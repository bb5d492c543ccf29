"""What a run's numbers mean to the one who started it: how far, how long, how it ended, and the way out."""

import itertools
import math
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal

from evaluator.budgets import Budget as Budget  # noqa: PLC0414  one of a run's values
from evaluator.evaluation import RunCounts
from evaluator.values import Frozen

RATE_MIN_DONE = 2  # sections that must be finished before an estimate is worth giving
MARGIN_MIN, MARGIN_MAX = 0.1, 1 / 3  # of an estimate, each way
MINUTE_S = 60.0
STILL_MINUTES = 2  # without a section, before a run can be called standing still
STILL_EXPECTED = 5.0  # sections that should have been finished meanwhile; that none was is no chance then (1 in 150)

Punctuality = Literal["on_time", "at_risk", "late"]


class Pace(Frozen):
    """How long the rest may take, as a range in seconds."""

    low_s: float
    high_s: float


def finished(counts: RunCounts) -> int:
    """Members that need no more work."""
    return counts.selected - counts.open


class Outlook(Frozen):
    """What can be said of the time that is left."""

    pace: Pace | None  # None: nothing yet, or nothing moves
    still: bool = False  # nothing was finished lately, and that is no chance


def pace(*, sections_done: int, sections_left: int, elapsed_s: float) -> Pace | None:
    """Time left by this rate, as a range; None while nothing can be said.

    The range is a third each way, and less the more sections the rate rests on: twice the error of a count.
    """
    if sections_done < RATE_MIN_DONE or elapsed_s <= 0:
        return None
    rest = sections_left * elapsed_s / sections_done
    either_way = rest * min(MARGIN_MAX, max(MARGIN_MIN, 2 / math.sqrt(sections_done)))
    return Pace(low_s=rest - either_way, high_s=rest + either_way)


def outlook(*, sections_left: int, minutes: Sequence[int], done: int, elapsed_s: float) -> Outlook:
    """Time left by the last minutes' rate, without those in which everything stood still (a node that was taken away).

    minutes: sections finished in each of the last minutes, the oldest first. done, elapsed_s: of the whole run, whose
    rate counts where the last minutes say too little.
    """
    if elapsed_s <= 0:
        return Outlook(pace=None)
    busy = [number for number in minutes if number]
    per_minute = sum(busy) / len(busy) if busy else done * MINUTE_S / elapsed_s
    gaps = _gaps(minutes, per_minute)
    if gaps and sum(gaps[-1]) == len(minutes):
        return Outlook(pace=None, still=True)
    recent, moving = sum(busy), len(minutes) - sum(length for _, length in gaps)
    if recent < RATE_MIN_DONE:
        return Outlook(pace=pace(sections_done=done, sections_left=sections_left, elapsed_s=elapsed_s))
    recent_s = min(moving * MINUTE_S, elapsed_s)
    return Outlook(pace=pace(sections_done=recent, sections_left=sections_left, elapsed_s=recent_s))


def _gaps(minutes: Sequence[int], per_minute: float) -> list[tuple[int, int]]:
    """Begin and length of each stretch in which nothing was finished although something should have been."""
    found, at = [], 0
    for idle, stretch in itertools.groupby(minutes, key=lambda number: number == 0):
        length = len(list(stretch))
        if idle and length >= STILL_MINUTES and length * per_minute >= STILL_EXPECTED:
            found.append((at, length))
        at += length
    return found


def punctuality(left: Pace | None, *, now: datetime, deadline: datetime | None) -> Punctuality | None:
    """Whether the rest will be done by the deadline; None where there is none, or nothing can be said."""
    if left is None or deadline is None:
        return None
    if now + timedelta(seconds=left.high_s) <= deadline:
        return "on_time"
    return "at_risk" if now + timedelta(seconds=left.low_s) <= deadline else "late"


def exit_code(counts: RunCounts, closed_because: str | None) -> int:
    """0 done, 3 finished and some failed, 5 stopped on a budget or deadline."""
    if closed_because in ("deadline", "budget"):
        return 5
    return 3 if counts.failed else 0


def headline(state: str, closed_because: str | None, failed: int) -> str:
    """How a run stands, in capitals: `OPEN`, `FINISHED WITH FAILURES`, `STOPPED (deadline)`."""
    if state != "closed":
        return state.upper()
    if closed_because != "finished":
        return f"STOPPED ({closed_because})"
    return "FINISHED WITH FAILURES" if failed else "FINISHED"


_RETRY = "try it again"
_WAYS_OUT = {  # what must be done first, for those that would fail again as they are
    "object_missing": "put its transcript back (debrief import), then try it again",
    "digest_mismatch": "put the transcript that was taken in back, then try it again",
    "checkpoint_corrupt": "try it again with --discard-checkpoints",
    "store_forbidden": "give the workers the missing permission, then try it again",
    "engine_rejected": "look into the engine's log: it refuses the request as it is",
    "content": "look at the interview: it cannot be judged as it stands",
    "bug": "look into the worker's log, and report it",
}


def way_out(code: str | None) -> str:
    """What to do about an interview that failed for this reason."""
    return _WAYS_OUT.get(code or "", _RETRY)


def retryable(code: str | None) -> bool:
    """Whether trying again is all that it takes."""
    return code not in _WAYS_OUT
