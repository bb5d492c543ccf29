"""When night runs begin and end, by the clocks of people: which night is due, which was missed, and when the next is.

A night is named by the local date on which it begins. Its moment is the first one at which the local clock shows the
wanted time or a later one: so a time that the clock leaps over begins where it lands, a time that it shows twice
begins with the first, and every date of the local calendar has one night, never two and never none. Pure: the time
and the last night are arguments.
"""

import difflib
import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from pydantic import AfterValidator, Field

from evaluator.budgets import Budget
from evaluator.errors import UsageFault
from evaluator.evaluation import Only
from evaluator.values import Frozen, Id, Moment

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
HOURS_MAX = 168  # that a night or a run may last
NAME_CHARS_MAX = 50  # of a schedule, so that a run's name can hold the date too
MISSED_MAX = 31  # nights that are recorded as missed at once; older ones with the next look
_ONE = timedelta(days=1)
_TIME = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")
_HOURS = re.compile(r"\+?([0-9]{1,3}(?:\.[0-9]{1,2})?)h")
_ZONE = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+){0,2}")
_NO_PLACE = ("localtime", "Factory", "posix/", "right/")  # names of some machines' databases; right/ has leap seconds


def zone_of(name: str) -> ZoneInfo:
    """The zone of this name; UsageFault, with names that look like it."""
    if _ZONE.fullmatch(name) and not name.startswith(_NO_PLACE):
        try:
            return ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):  # folders of the database are OSErrors
            pass
    close = difflib.get_close_matches(name[:64], _zone_names(), n=3)
    hint = f"did you mean {', '.join(close)}?" if close else "it is one such as Europe/Berlin, America/New_York or UTC"
    raise UsageFault(f"time zone {name[:64]!a} is not in the zone database; {hint}")


@lru_cache(maxsize=1)
def _zone_names() -> tuple[str, ...]:
    return tuple(sorted(name for name in available_timezones() if not name.startswith(_NO_PLACE)))


def parse_time(text: str) -> time:
    """A time of day, `22:00`; UsageFault."""
    found = _TIME.fullmatch(text.strip())
    if found is None:
        raise UsageFault(f"time {text[:20]!a}: give hours and minutes as HH:MM, for example 22:00")
    return time(int(found[1]), int(found[2]))


def parse_days(text: str) -> tuple[int, ...]:
    """Days of the week, 0 is Monday: `mon-fri`, `sat,sun`, `daily`; UsageFault."""
    if text.strip().lower() in {"", "daily", "all"}:
        return tuple(range(7))
    days: set[int] = set()
    for part in text.lower().split(","):
        first, _, last = (word.strip() for word in part.partition("-"))
        if first not in DAYS or (last and last not in DAYS) or ("-" in part and not last):
            raise UsageFault(f"days {text[:40]!a}: daily, or some of {', '.join(DAYS)}, as in mon-fri or sat,sun")
        start, length = DAYS.index(first), (DAYS.index(last or first) - DAYS.index(first)) % 7
        days |= {(start + n) % 7 for n in range(length + 1)}
    return tuple(sorted(days))


def days_text(days: Sequence[int]) -> str:
    """As `parse_days` reads it: `daily`, `mon-fri`, `sat,sun`."""
    if len(days) == 7:
        return "daily"
    if len(days) > 2 and days[-1] - days[0] == len(days) - 1:
        return f"{DAYS[days[0]]}-{DAYS[days[-1]]}"
    return ",".join(DAYS[day] for day in days)


def parse_until(text: str) -> str:
    """A night's deadline as schedules keep it: `06:00` of the local clock, or `8h`; UsageFault."""
    if (hours := _hours(text)) is not None:
        return f"{hours:g}h"
    try:
        return f"{parse_time(text):%H:%M}"
    except UsageFault:
        raise UsageFault(f"deadline {text[:40]!a}: a local time such as 06:00, or hours such as 8h") from None


def _hours(text: str) -> float | None:
    found = _HOURS.fullmatch(text.strip())
    if found is None:
        return None
    hours = float(found[1])
    if not 0 < hours <= HOURS_MAX:
        raise UsageFault(f"deadline {text[:40]!a}: more than 0 and at most {HOURS_MAX} hours")
    return hours


def _a_zone(name: str) -> str:
    try:
        return zone_of(name).key
    except UsageFault as fault:
        raise ValueError(str(fault)) from None


def _a_time(text: str) -> str:
    try:
        return f"{parse_time(text):%H:%M}"
    except UsageFault as fault:
        raise ValueError(str(fault)) from None


def _an_until(text: str) -> str:
    try:
        return parse_until(text)
    except UsageFault as fault:
        raise ValueError(str(fault)) from None


def _some_days(days: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(sorted(set(days)))


Zone = Annotated[str, Field(max_length=64), AfterValidator(_a_zone)]
TimeOfDay = Annotated[str, Field(max_length=5), AfterValidator(_a_time)]  # HH:MM
Until = Annotated[str, Field(max_length=8), AfterValidator(_an_until)]  # HH:MM, or hours as in 8h
Day = Annotated[int, Field(ge=0, le=6)]  # 0 is Monday
Days = Annotated[tuple[Day, ...], Field(min_length=1, max_length=7), AfterValidator(_some_days)]


class Timing(Frozen):
    """When a schedule's nights begin and end."""

    at: TimeOfDay
    zone: Zone
    days: Days = tuple(range(7))  # on which a night begins
    until: Until | None = None  # its deadline; None: until the next night begins


class Wanted(Timing):
    """When which interviews are to be scored, as somebody asks for it."""

    name: Annotated[Id, Field(max_length=NAME_CHARS_MAX)]
    requisition: Id | None = None  # None: all
    only: Only = "missing"
    budget: Budget | None = None  # of each night


class Schedule(Wanted):
    """When which interviews are scored, and from when on that counts."""

    active: bool = True
    since: Moment  # nights that begin earlier are nobody's: it was made, timed anew or switched on then


class Open(Frozen):
    """Begin this night's run."""

    night: date
    name: str  # of the run
    deadline: datetime


class Missed(Frozen):
    """These nights have passed and nobody began them; record them, then ask again."""

    nights: tuple[date, ...]  # oldest first


class Night(Frozen):
    """One night that will be, or was to be."""

    night: date
    starts_at: datetime  # UTC
    ends_at: datetime  # UTC; never later than the next one starts


def due(schedule: Schedule, now: datetime, last_night: date | None) -> Open | Missed | None:
    """What to do about the schedule at this moment; last_night: the newest one that is recorded.

    At most one night is open at any moment, for none lasts until the next begins: what began earlier is missed, and is
    recorded before the present one is begun, however late in it.
    """
    if not schedule.active:
        return None
    waiting = list(itertools.islice(_waiting(schedule, now, last_night), MISSED_MAX))
    missed = [one.night for one in waiting if one.ends_at <= now]
    if missed:
        return Missed(nights=tuple(missed))
    return next((Open(night=n.night, name=run_name(schedule, n.night), deadline=n.ends_at) for n in waiting), None)


def run_name(schedule: Schedule, night: date) -> str:
    """What the run of this night is called."""
    return f"{schedule.name}-{night.isoformat()}"


def coming(schedule: Schedule, now: datetime, last_night: date | None = None) -> Iterator[Night]:
    """The nights that are to begin from now on, the next first, without end; those of an active schedule."""
    first = _local_date(schedule, max(now, schedule.since))
    for one in nights(schedule, first - _ONE):
        if one.starts_at > now and one.starts_at >= schedule.since and (last_night is None or one.night > last_night):
            yield one


def _waiting(schedule: Schedule, now: datetime, last_night: date | None) -> Iterator[Night]:
    """Nights that have begun by the clock and are not recorded, oldest first."""
    first = _local_date(schedule, schedule.since) - _ONE
    if last_night is not None:
        first = max(first, last_night + _ONE)
    for one in nights(schedule, first):
        if one.starts_at > now:
            return
        if one.starts_at >= schedule.since:
            yield one


def nights(timing: Timing, first: date) -> Iterator[Night]:
    """Every night from this local date on, in order, without end."""
    zone = ZoneInfo(timing.zone)
    started = _starts(timing, zone, first)
    for (night, start), (_, following) in itertools.pairwise(started):
        yield Night(night=night, starts_at=start, ends_at=min(_end(timing, zone, night, start), following))


def _starts(timing: Timing, zone: ZoneInfo, first: date) -> Iterator[tuple[date, datetime]]:
    at = parse_time(timing.at)
    for night in _dates(first):
        if night.weekday() in timing.days and _exists(night, zone):
            yield night, first_at(datetime.combine(night, at), zone)


def _dates(first: date) -> Iterable[date]:
    return (first + timedelta(days=n) for n in itertools.count())


def _exists(day: date, zone: ZoneInfo) -> bool:
    """Whether the local calendar has this date; a zone that crosses the date line skips one (Apia, 30 Dec 2011)."""
    midnight = datetime.combine(day, time())
    return first_at(midnight, zone) < first_at(midnight + _ONE, zone)


def _end(timing: Timing, zone: ZoneInfo, night: date, start: datetime) -> datetime:
    """When the night is over, by its own deadline; later than its start, whatever the clock does."""
    if timing.until is None:
        return start + timedelta(days=8)  # the next one begins earlier
    if (hours := _hours(timing.until)) is not None:
        return start + timedelta(hours=hours)
    at, until = (datetime.combine(night, parse_time(text)) for text in (timing.at, timing.until))
    until = until if until > at else until + _ONE
    end = first_at(until, zone)
    return end if end > start else start + (until - at)  # the clock leapt over both


def first_at(local: datetime, zone: ZoneInfo) -> datetime:
    """The first moment (UTC) at which the local clock shows this time or a later one; `local` has no zone."""
    before = local.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if before.astimezone(zone).replace(tzinfo=None) == local:
        return before
    low, high = local.replace(tzinfo=zone, fold=1).astimezone(UTC), before  # the clock leaps between these
    while high - low > timedelta(seconds=1):
        middle = low + timedelta(seconds=(high - low) // timedelta(seconds=1) // 2)
        if middle.astimezone(zone).replace(tzinfo=None) >= local:
            high = middle
        else:
            low = middle
    return high


def _local_date(timing: Timing, moment: datetime) -> date:
    return moment.astimezone(ZoneInfo(timing.zone)).date()


def deadline_of(text: str, *, now: datetime, zone: ZoneInfo) -> datetime:
    """A run's deadline as people write it: `06:00` (the next one in this zone), `+6h`, or an ISO moment; UsageFault."""
    wanted = text.strip()
    if wanted.startswith("+") and (hours := _hours(wanted)) is not None:
        return now + timedelta(hours=hours)
    if _TIME.fullmatch(wanted):
        return _next_time(parse_time(wanted), now, zone)
    try:
        moment = datetime.fromisoformat(wanted)
    except ValueError:
        raise UsageFault(
            f"deadline {text[:40]!a}: a time of day as HH:MM, hours from now such as +6h, or a moment such as "
            "2026-11-24T06:00:00Z"
        ) from None
    moment = (first_at(moment, zone) if moment.tzinfo is None else moment).astimezone(UTC)
    if moment <= now:
        raise UsageFault(f"deadline {text[:40]!a}: that moment has passed")
    return moment


def _next_time(at: time, now: datetime, zone: ZoneInfo) -> datetime:
    today = now.astimezone(zone).date()
    moments = (first_at(datetime.combine(today + timedelta(days=n), at), zone) for n in range(3))
    return next(moment for moment in moments if moment > now)
