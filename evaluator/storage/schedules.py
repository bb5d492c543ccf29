"""Schedules of night runs, what became of each night, and the opening of those that are due.

A night is claimed by its row, (schedule, night), in the transaction that opens its run: so however many reconcilers
look at once, each night has one run or none.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any, Literal

from sqlalchemy import Connection, Row, Select, func, select, text
from sqlalchemy.dialects.postgresql import insert

from evaluator.budgets import check_priced
from evaluator.errors import Conflict, NotFound, UsageFault
from evaluator.nights import Missed, Open, Schedule, Timing, Wanted, due
from evaluator.storage.database import clock
from evaluator.storage.runs import Judge, NightOf, Selection, selected, start_run, unfinished
from evaluator.storage.tables import run, schedule, schedule_night
from evaluator.values import Frozen

SCHEDULES_MAX = 500
OPENED_MAX = 5  # nights that one step opens; the next tick goes on
NAMES_MAX = 100  # of runs that somebody else gave a night's name
Outcome = Literal["opened", "nothing", "missed"]


class Kept(Frozen):
    """A schedule as it is kept."""

    id: int
    schedule: Schedule
    trouble: str | None  # why the present night could not be begun so far
    created_at: datetime
    last_night: date | None  # that is recorded


class NightKept(Frozen):
    """What became of a night."""

    night: date
    outcome: Outcome  # nothing: no interview was to be judged
    run: str | None
    run_state: str | None  # open or paused, or why it closed
    detail: str | None
    at: datetime


class NightsReport(Frozen):
    """What one step did."""

    opened: tuple[str, ...] = ()  # names of runs
    nothing: int = 0
    missed: int = 0
    refused: int = 0  # that cannot be begun as things stand; their schedules say why


def add_schedule(db: Connection, wanted: Wanted) -> Kept:
    """Keeps another schedule; what begins before now is not its. Conflict: the name is taken; UsageFault: too many."""
    count = db.execute(select(func.count()).where(schedule.c.removed_at.is_(None))).scalar_one()
    if count >= SCHEDULES_MAX:
        raise UsageFault(f"there are {SCHEDULES_MAX} schedules already; remove one first: debrief schedule list")
    statement = insert(schedule).values(name=wanted.name, **_columns(wanted)).on_conflict_do_nothing()
    if db.execute(statement.returning(schedule.c.id)).scalar_one_or_none() is None:
        raise Conflict(f"schedule {wanted.name} exists already; see: debrief schedule show {wanted.name}")
    return find_schedule(db, wanted.name)


def find_schedule(db: Connection, name: str, *, to_change: bool = False) -> Kept:
    """One schedule; NotFound. to_change: nobody else changes it, or opens a night of it, until the transaction ends."""
    query = _schedules().where(schedule.c.name == name)
    row = db.execute(query.with_for_update(of=schedule) if to_change else query).first()
    if row is None:
        raise NotFound(f"schedule {name} does not exist; see: debrief schedule list")
    return _kept(row)


def schedule_list(db: Connection) -> tuple[Kept, ...]:
    """All of them, by name."""
    rows = db.execute(_schedules().order_by(schedule.c.name).limit(SCHEDULES_MAX)).all()
    return tuple(_kept(row) for row in rows)


def change_schedule(db: Connection, kept: Kept, wanted: Wanted) -> Kept:
    """Makes it as wanted; one that is timed anew counts from now on, as if it were new. Its name stays."""
    timed = Timing.model_validate(kept.schedule.model_dump(include=set(Timing.model_fields)))
    anew = timed != Timing.model_validate(wanted.model_dump(include=set(Timing.model_fields)))
    values = {**_columns(wanted), "trouble": None, **({"since": func.clock_timestamp()} if anew else {})}
    db.execute(schedule.update().where(schedule.c.id == kept.id).values(values))
    return find_schedule(db, kept.schedule.name)


def switch_schedule(db: Connection, name: str, *, active: bool) -> None:
    """Pauses or resumes it; nights in between are nobody's. One that stands so already stays as it is. NotFound."""
    kept = find_schedule(db, name, to_change=True)
    if kept.schedule.active != active:
        values = {"active": active, "trouble": None, "since": func.clock_timestamp()}
        db.execute(schedule.update().where(schedule.c.id == kept.id).values(values))


def remove_schedule(db: Connection, name: str) -> None:
    """Ends it; its runs, and what became of its nights, stay. NotFound."""
    kept = find_schedule(db, name, to_change=True)
    values = {"removed_at": func.clock_timestamp(), "active": False}
    db.execute(schedule.update().where(schedule.c.id == kept.id).values(values))


def nights_kept(db: Connection, ids: Sequence[int], *, limit: int) -> Mapping[int, Sequence[NightKept]]:
    """Schedule id -> its newest nights, the newest first."""
    rows = db.execute(
        text(
            "SELECT s.id, n.night, n.outcome, n.detail, n.at, r.name AS run, coalesce(r.closed_because, r.state) AS "
            "run_state FROM unnest(cast(:ids AS bigint[])) s(id) CROSS JOIN LATERAL (SELECT * FROM schedule_night k "
            "WHERE k.schedule_id = s.id ORDER BY k.night DESC LIMIT :limit) n LEFT JOIN run r ON r.id = n.run_id "
            "ORDER BY s.id, n.night DESC"
        ),
        {"ids": list(ids), "limit": limit},
    ).mappings()
    found: dict[int, list[NightKept]] = {}
    for row in rows:
        found.setdefault(row["id"], []).append(NightKept.model_validate({k: row[k] for k in NightKept.model_fields}))
    return found


def open_due_nights(db: Connection, judge: Callable[[], Judge], *, priced: bool) -> NightsReport:
    """Opens the nights that are due, and records those that were missed; each schedule by itself.

    judge: asked for only when a night is due. priced: whether money can be counted. A night that cannot be opened as
    things stand says why, and is tried again until its deadline.
    """
    report, now = NightsReport(), clock(db)
    waiting = [kept for kept in schedule_list(db) if due(kept.schedule, now, kept.last_night) is not None]
    for name in (kept.schedule.name for kept in waiting[:OPENED_MAX]):
        try:
            kept, night, missed = _caught_up(db, name)
        except NotFound:  # removed just now
            continue
        report = report.model_copy(update={"missed": report.missed + missed})
        trouble = None
        try:
            with db.begin_nested():
                report = _opened(db, kept, night, judge, report, priced=priced) if night else report
        except UsageFault as fault:
            trouble = str(fault)
            report = report.model_copy(update={"refused": report.refused + 1})
        db.execute(schedule.update().where(schedule.c.id == kept.id).values(trouble=trouble))
    return report


def _caught_up(db: Connection, name: str) -> tuple[Kept, Open | None, int]:
    """Records what was missed; the present night, if it is due, and how many were missed. NotFound.

    Nobody else opens a night of it until the transaction ends; what another one did meanwhile is seen.
    """
    kept = find_schedule(db, name, to_change=True)
    last, missed = _last_night(db, kept.id), 0
    while isinstance(decision := due(kept.schedule, clock(db), last), Missed):
        missed += sum(_record(db, kept.id, night, "missed", detail=kept.trouble) for night in decision.nights)
        last = decision.nights[-1]
    return kept, decision, missed


def _opened(
    db: Connection, kept: Kept, night: Open, judge: Callable[[], Judge], report: NightsReport, *, priced: bool
) -> NightsReport:
    wanted = kept.schedule
    check_priced(wanted.budget, priced=priced)
    by = judge()
    name = _free_name(db, night.name)
    if not _record(db, kept.id, night.night, "opened"):
        return report
    selection = Selection(only=wanted.only, requisition=wanted.requisition)
    members = selected(db, selection, by)
    if not unfinished(db, members):
        blocked = sum(member.blocked for member in members)
        _amend(db, kept.id, night.night, outcome="nothing", detail=f"{blocked} blocked" if blocked else None)
        return report.model_copy(update={"nothing": report.nothing + 1})
    start_run(
        db,
        name=name,
        selection=selection,
        judge=by,
        deadline=night.deadline,
        budget=wanted.budget,
        night=NightOf(schedule_id=kept.id, night=night.night),
        members=members,
    )
    run_id = db.execute(select(run.c.id).where(run.c.name == name)).scalar_one()
    _amend(db, kept.id, night.night, run_id=run_id)
    return report.model_copy(update={"opened": (*report.opened, name)})


def _record(db: Connection, schedule_id: int, night: date, outcome: Outcome, *, detail: str | None = None) -> bool:
    """Claims the night; False when somebody else has."""
    values = {"schedule_id": schedule_id, "night": night, "outcome": outcome, "detail": detail}
    return bool(db.execute(insert(schedule_night).values(values).on_conflict_do_nothing()).rowcount)


def _amend(db: Connection, schedule_id: int, night: date, **values: object) -> None:
    own = (schedule_night.c.schedule_id == schedule_id) & (schedule_night.c.night == night)
    db.execute(schedule_night.update().where(own).values(values))


def _free_name(db: Connection, name: str) -> str:
    """The name, or with a number behind it where somebody has given it to another run; Conflict."""
    taken = set(db.execute(select(run.c.name).where(run.c.name.startswith(name, autoescape=True))).scalars())
    free = next((candidate for candidate in _names(name) if candidate not in taken), None)
    if free is None:
        raise Conflict(f"run {name} exists already, and so do {NAMES_MAX} others that are called so")
    return free


def _names(name: str) -> Iterator[str]:
    yield name
    yield from (f"{name}-{n}" for n in range(2, NAMES_MAX + 1))


def _last_night(db: Connection, schedule_id: int) -> date | None:
    newest = select(func.max(schedule_night.c.night)).where(schedule_night.c.schedule_id == schedule_id)
    last: date | None = db.execute(newest).scalar_one()
    return last


def _schedules() -> Select[*tuple[Any, ...]]:
    newest = select(func.max(schedule_night.c.night)).where(schedule_night.c.schedule_id == schedule.c.id)
    return select(schedule, newest.scalar_subquery().label("last_night")).where(schedule.c.removed_at.is_(None))


def _columns(wanted: Wanted) -> dict[str, Any]:
    """The columns of what somebody wants, but for the name."""
    return {
        "requisition": wanted.requisition,
        "wanted": wanted.only,
        "at": wanted.at,
        "zone": wanted.zone,
        "days": list(wanted.days),
        "until": wanted.until,
        "budget": wanted.budget.model_dump(mode="json") if wanted.budget else None,
    }


def _kept(row: Row[*tuple[Any, ...]]) -> Kept:
    values = {name: getattr(row, name) for name in Schedule.model_fields if name != "only"}
    return Kept(
        id=row.id,
        schedule=Schedule.model_validate({**values, "only": row.wanted, "days": tuple(row.days)}),
        trouble=row.trouble,
        created_at=row.created_at,
        last_night=row.last_night,
    )
