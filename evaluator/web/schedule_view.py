"""Schedules of night runs as they are read: when, what, what comes next, and what became of the last nights."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from evaluator.budgets import budget_words
from evaluator.nights import DAYS, Night, Schedule, coming
from evaluator.storage.schedules import Kept, NightKept
from evaluator.words import visible

DAY_WORDS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
ONLY_WORDS = {
    "missing": "Without a scorecard",
    "failed": "Failed",
    "stale": "Of another judge or rubric",
    "all": "All",
}
_ENDS = {"open": "running", "paused": "paused", "finished": "finished", "stopped": "stopped"}


@dataclass(frozen=True, kw_only=True, slots=True)
class NightLine:
    """What became of one night."""

    night: str  # `Mon 23 Nov`
    run: str | None
    words: str
    tone: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ScheduleLine:
    """A schedule in the list."""

    name: str
    when: str  # `22:00 Europe/Berlin, Monday to Friday`
    until: str
    what: str  # interviews
    where: str
    budget: str | None
    state: str
    tone: str
    active: bool
    next: Night | None
    next_local: str | None  # `Tue 24 Nov 22:00 CET`
    nights: tuple[NightLine, ...]  # the newest first
    missed: int  # of these
    trouble: str | None


def schedule_line(kept: Kept, nights: Sequence[NightKept], now: datetime, *, currency: str) -> ScheduleLine:
    """One schedule with its newest nights."""
    one = kept.schedule
    following = next(coming(one, now, kept.last_night)) if one.active else None
    state, tone = ("Active", "good") if one.active else ("Paused", "attention")
    if kept.trouble:
        state, tone = "Cannot begin", "stop"
    return ScheduleLine(
        name=one.name,
        when=f"{one.at} {one.zone}, {days_words(one.days)}",
        until=_until(one),
        what=ONLY_WORDS[one.only],
        where=one.requisition or "all requisitions",
        budget=budget_words(one.budget, currency) if one.budget else None,
        state=state,
        tone=tone,
        active=one.active,
        next=following,
        next_local=f"{following.starts_at.astimezone(ZoneInfo(one.zone)):%a %-d %b %H:%M %Z}" if following else None,
        nights=tuple(_night(night) for night in nights),
        missed=sum(night.outcome == "missed" for night in nights),
        trouble=visible(kept.trouble) if kept.trouble else None,
    )


def days_words(days: Sequence[int]) -> str:
    """`every day`, `Monday to Friday`, `Saturday and Sunday`."""
    if len(days) == len(DAYS):
        return "every day"
    if len(days) > 2 and days[-1] - days[0] == len(days) - 1:
        return f"{DAY_WORDS[days[0]]} to {DAY_WORDS[days[-1]]}"
    words = [DAY_WORDS[day] for day in days]
    return " and ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else words[0]


def _until(schedule: Schedule) -> str:
    if schedule.until is None:
        return "until the next night begins"
    if schedule.until.endswith("h"):
        return f"for {schedule.until.removesuffix('h')} hours at most"
    return f"until {schedule.until}"


def _night(night: NightKept) -> NightLine:
    day = f"{night.night:%a %-d %b}"
    if night.outcome == "missed":
        return NightLine(night=day, run=None, words="missed", tone="stop")
    if night.run is None:
        blocked = f", {visible(night.detail)}" if night.detail else ""
        return NightLine(night=day, run=None, words=f"nothing to score{blocked}", tone="calm")
    state = night.run_state or ""
    words = _ENDS.get(state, f"ended on its {state}")
    tone = {"finished": "good", "open": "calm"}.get(state, "attention")
    return NightLine(night=day, run=night.run, words=words, tone=tone)
