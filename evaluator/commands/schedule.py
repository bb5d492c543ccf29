"""`debrief schedule`: night runs that the reconciler begins by the clock of a place."""

import itertools
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer

from evaluator.budgets import budget_words, parse_budget
from evaluator.commands.context import services
from evaluator.commands.output import out, plain, put, put_json, put_table, say, warn
from evaluator.embedded import Part
from evaluator.errors import UsageFault
from evaluator.nights import Night, coming, days_text, parse_days
from evaluator.people import COMMAND
from evaluator.scheduling import Changes, wanted_of
from evaluator.scheduling import add as add_schedule
from evaluator.scheduling import change as change_schedule
from evaluator.scheduling import pause as pause_schedule
from evaluator.scheduling import remove as remove_schedule
from evaluator.scheduling import resume as resume_schedule
from evaluator.storage.database import clock
from evaluator.storage.schedules import Kept, NightKept, find_schedule, nights_kept, schedule_list
from evaluator.wiring import Services

app = typer.Typer(help="Night runs: scored every night, by the clock of a place.", no_args_is_help=True)

NIGHTS_SHOWN = 7
Name = Annotated[str, typer.Argument(help="the schedule's name; see: debrief schedule list")]
At = Annotated[str | None, typer.Option(help="when a night begins, HH:MM of the place's clock")]
Zone = Annotated[str | None, typer.Option(help="the place, as the zone database names it: Europe/Berlin")]
Days = Annotated[str | None, typer.Option(help="daily, or on which days: mon-fri, sat,sun")]
Deadline = Annotated[str | None, typer.Option(help="when it ends: 06:00, or 8h; none: when the next one begins")]
Requisition = Annotated[str | None, typer.Option("--requisition", "--req", help="only this requisition; all: of all")]
Only = Annotated[str | None, typer.Option(help="missing: no scorecard yet | failed | stale: another judge | all")]
BudgetOption = Annotated[str | None, typer.Option(help="of each night: 10 (money), 3h (engine hours), 2Mtok; none")]


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="its name; its runs are called NAME-2026-11-21")],
    at: At = "22:00",
    zone: Zone = "UTC",
    days: Days = "daily",
    deadline: Deadline = None,
    requisition: Requisition = None,
    only: Only = "missing",
    budget: BudgetOption = None,
) -> None:
    """Begin a run every night."""
    wanted = wanted_of(name=name, **_fields(at, zone, days, deadline, requisition, only, budget))
    with services(Part.DATABASE) as found:
        with found.database.begin() as db:
            add_schedule(db, COMMAND, wanted, priced=found.settings.priced)
        _show(found, name)


@app.command()
def change(
    name: Name,
    at: At = None,
    zone: Zone = None,
    days: Days = None,
    deadline: Deadline = None,
    requisition: Requisition = None,
    only: Only = None,
    budget: BudgetOption = None,
) -> None:
    """Change what is given; timed anew, it counts from now on."""
    fields = _fields(at, zone, days, deadline, requisition, only, budget)
    if not fields:
        raise UsageFault("nothing to change: give at least one option (debrief schedule change --help)")
    wanted_of(**{"name": name, "at": "00:00", "zone": "UTC", **fields})  # told in the same words as for a new one
    with services(Part.DATABASE) as found:
        with found.database.begin() as db:
            changes = Changes.model_validate(fields)
            change_schedule(db, COMMAND, name, changes, priced=found.settings.priced)
        _show(found, name)


def _fields(
    at: str | None,
    zone: str | None,
    days: str | None,
    deadline: str | None,
    requisition: str | None,
    only: str | None,
    budget: str | None,
) -> dict[str, Any]:
    """Those options that were given, as schedules keep them."""
    given: dict[str, Any] = {"at": at, "zone": zone, "only": only}
    fields = {key: value for key, value in given.items() if value is not None}
    if days is not None:
        fields["days"] = parse_days(days)
    if deadline is not None:
        fields["until"] = None if deadline == "none" else deadline
    if requisition is not None:
        fields["requisition"] = None if requisition == "all" else requisition
    if budget is not None:
        fields["budget"] = None if budget == "none" else parse_budget(budget)
    return fields


@app.command("list")
def list_schedules() -> None:
    """All schedules, with the next night and the last."""
    with services(Part.DATABASE) as found, found.database.begin() as db:
        kept, now = schedule_list(db), clock(db)
        last = nights_kept(db, [one.id for one in kept], limit=1)
    if out.json:
        put_json([_facts(one, last.get(one.id, ()), now) for one in kept])
    elif not kept:
        put("No schedules yet. Add one: debrief schedule add night --at 22:00 --zone Europe/Berlin --deadline 06:00")
    else:
        rows = [
            (
                one.schedule.name,
                f"{one.schedule.at} {one.schedule.zone}",
                days_text(one.schedule.days),
                f"{night.starts_at:%Y-%m-%d %H:%M}" if (night := _next(one, now)) else "paused",
                _became(last[one.id][0]) if one.id in last else "-",
            )
            for one in kept
        ]
        put_table(("schedule", "at", "days", "next (UTC)", "last night"), rows)
        _warn_of_trouble(kept)


@app.command()
def show(name: Name) -> None:
    """One schedule with its last nights."""
    with services(Part.DATABASE) as found:
        _show(found, name)


@app.command()
def pause(name: Name) -> None:
    """No night begins until it is resumed; a run that is open goes on."""
    with services(Part.DATABASE) as found:
        with found.database.begin() as db:
            pause_schedule(db, COMMAND, name)
        _show(found, name)
    say(f"Go on with: debrief schedule resume {name}")


@app.command()
def resume(name: Name) -> None:
    """Nights begin again, with the next one."""
    with services(Part.DATABASE) as found:
        with found.database.begin() as db:
            resume_schedule(db, COMMAND, name)
        _show(found, name)


@app.command()
def remove(name: Name) -> None:
    """End a schedule; its runs stay, and one that is open goes on."""
    with services(Part.DATABASE) as found, found.database.begin() as db:
        remove_schedule(db, COMMAND, name)
    if out.json:
        put_json({"schedule": name, "removed": True})
    else:
        put(f"Schedule {name} is removed. Its runs stay: debrief run list")


@app.command("next")
def next_nights(name: Name) -> None:
    """When the next seven nights begin and end, in UTC and by the place's clock; nothing is started."""
    with services(Part.DATABASE) as found, found.database.begin() as db:
        kept, now = find_schedule(db, name), clock(db)
    schedule = kept.schedule
    nights = list(itertools.islice(coming(schedule, now, kept.last_night), NIGHTS_SHOWN))
    if not schedule.active:
        warn(f"Schedule {name} is paused: none of these begins before: debrief schedule resume {name}")
    zone = ZoneInfo(schedule.zone)
    if out.json:
        put_json([{**plain(n), "starts_local": n.starts_at.astimezone(zone)} for n in nights])
        return
    rows = [
        (
            f"{n.night:%a %Y-%m-%d}",
            f"{n.starts_at.astimezone(zone):%H:%M %Z}",
            f"{n.ends_at.astimezone(zone):%a %H:%M}",
            f"{n.starts_at:%Y-%m-%d %H:%M}",
            f"{n.ends_at:%Y-%m-%d %H:%M}",
        )
        for n in nights
    ]
    put_table(("night", "begins", "ends", "begins (UTC)", "ends (UTC)"), rows)


def _show(found: Services, name: str) -> None:
    with found.database.begin() as db:
        kept, now = find_schedule(db, name), clock(db)
        last = nights_kept(db, [kept.id], limit=NIGHTS_SHOWN).get(kept.id, ())
    if out.json:
        put_json(_facts(kept, last, now))
        return
    s = kept.schedule
    put(f"Schedule {s.name}  {'ACTIVE' if s.active else 'PAUSED'}")
    put(f"  at {s.at} {s.zone}, {days_text(s.days)}, until {s.until or 'the next night'}")
    put(f"  scores {s.only} of {s.requisition or 'all requisitions'}")
    if s.budget:
        put(f"  budget {budget_words(s.budget, found.settings.currency)} a night")
    if night := _next(kept, now):
        local = night.starts_at.astimezone(ZoneInfo(s.zone))
        put(f"  next {local:%a %Y-%m-%d %H:%M %Z} ({night.starts_at:%Y-%m-%d %H:%M} UTC)")
    for one in last:
        put(f"  {one.night}  {_became(one)}" + (f"  {one.detail}" if one.detail else ""))
    _warn_of_trouble((kept,))


def _warn_of_trouble(kept: Sequence[Kept]) -> None:
    for one in kept:
        if one.trouble:
            warn(f"Schedule {one.schedule.name}: the present night cannot begin: {one.trouble}")


def _next(kept: Kept, now: datetime) -> Night | None:
    return next(coming(kept.schedule, now, kept.last_night)) if kept.schedule.active else None


def _became(one: NightKept) -> str:
    if one.run is not None:
        return f"{one.run} ({one.run_state})"
    return {"nothing": "nothing to score", "missed": f"{one.night} missed"}.get(one.outcome, one.outcome)


def _facts(kept: Kept, last: Sequence[NightKept], now: datetime) -> dict[str, Any]:
    """A schedule for programs."""
    night = _next(kept, now)
    return {
        **plain(kept.schedule),
        "days": days_text(kept.schedule.days),
        "next": plain({"starts_at": night.starts_at.astimezone(UTC), "ends_at": night.ends_at}) if night else None,
        "trouble": kept.trouble,
        "nights": plain(tuple(last)),
    }
