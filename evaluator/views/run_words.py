"""A run's figures in words: the same on its page, in its report, and in the terminal."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from evaluator.runs import Outlook, Punctuality, outlook
from evaluator.storage.watching import UNDER_REVIEW, Compared, RunSeen

PUNCTUALITY_WORDS: Mapping[Punctuality, str] = {
    "on_time": "on time",
    "at_risk": "at risk of its deadline",
    "late": "later than its deadline",
}

STANDING_WORDS = {
    "scored": "scored",
    "needs_review": "needs review",
    "unscorable": "unscorable",
    UNDER_REVIEW: "under blind review",
    "failed": "failed",
    "blocked": "blocked",
    "skipped": "skipped",
    "cancelled": "cancelled",
    "running": "running",
    "pending": "pending",
}


def run_outlook(run: RunSeen, minutes: Sequence[int]) -> Outlook:
    """How long the rest may take. minutes: sections judged in each of the last ones, the oldest first."""
    return outlook(
        sections_left=run.sections_total - run.sections_done,
        minutes=minutes,
        done=run.sections_done,
        elapsed_s=(run.now - run.created_at).total_seconds(),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class ComparedLine:
    """One figure of a run beside the same of the runs before it."""

    name: str
    this: str
    before: str
    change: str | None  # `−0.02`


def compared_lines(compared: Compared) -> tuple[ComparedLine, ...]:
    """The figures that there are for this viewer; none where there is no run before."""
    this, before = compared.this, compared.before
    if not before.runs:
        return ()
    shares = (
        ("Scorecards that a person overrode", this.overridden, before.overridden),
        ("Levels spread over 2 or more", this.spread, before.spread),
    )
    lines = [
        ComparedLine(name=name, this=_share(one), before=_share(other), change=_change(one, other, 100, 1, " points"))
        for name, one, other in shares
    ]
    mean = ComparedLine(
        name="Score mean",
        this=_mean(this.mean),
        before=_mean(before.mean),
        change=_change(this.mean, before.mean, 1, 2),
    )
    return (mean, *lines)


def _mean(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def _share(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f} %"


def _change(this: float | None, before: float | None, factor: int, digits: int, unit: str = "") -> str | None:
    if this is None or before is None:
        return None
    by = round(factor * (this - before), digits)
    return f"{'−' if by < 0 else '+' if by > 0 else '±'}{abs(by):.{digits}f}{unit}"


def span_words(span: timedelta) -> str:
    """`45 s`, `12 min`, `4 h 19 min`."""
    seconds = int(span.total_seconds())
    if seconds < 60:
        return f"{seconds} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, rest = divmod(minutes, 60)
    return f"{hours} h {rest} min" if rest else f"{hours} h"


def short(number: int) -> str:
    """A large number as `9.8 M` or `41.2 k`."""
    for size, name in ((1_000_000, "M"), (1_000, "k")):
        if number >= size:
            return f"{number / size:.1f} {name}"
    return str(number)
