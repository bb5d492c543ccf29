"""What a run's numbers mean to the one who started it: how far, how long, and how it ended."""

from evaluator.evaluation import RunCounts
from evaluator.values import Frozen

RATE_MIN_DONE = 2  # sections that must be finished before an estimate is worth giving


class Pace(Frozen):
    """How long the rest may take, as a range in seconds."""

    low_s: float
    high_s: float


def finished(counts: RunCounts) -> int:
    """Members that need no more work."""
    return counts.selected - counts.open


def pace(*, sections_done: int, sections_left: int, elapsed_s: float) -> Pace | None:
    """Time left by the rate so far, as a range of a third each way; None while nothing can be said."""
    if sections_done < RATE_MIN_DONE or elapsed_s <= 0:
        return None
    rest = sections_left * elapsed_s / sections_done
    return Pace(low_s=rest * 2 / 3, high_s=rest * 4 / 3)


def exit_code(counts: RunCounts, closed_because: str | None) -> int:
    """0 done, 3 finished and some failed, 5 stopped on a budget or deadline."""
    if closed_because in ("deadline", "budget"):
        return 5
    return 3 if counts.failed else 0
