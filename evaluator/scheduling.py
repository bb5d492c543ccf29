"""What administrators do with schedules of night runs: add, change, pause, resume, remove; each is logged."""

from typing import Any

from pydantic import ValidationError
from sqlalchemy import Connection

from evaluator.budgets import Budget, check_priced
from evaluator.errors import Forbidden, UsageFault
from evaluator.evaluation import Only
from evaluator.nights import Days, Schedule, TimeOfDay, Until, Wanted, Zone
from evaluator.people import Viewer
from evaluator.storage import audit
from evaluator.storage.runs import Limits, limit_run
from evaluator.storage.schedules import (
    Kept,
    add_schedule,
    change_schedule,
    find_schedule,
    remove_schedule,
    switch_schedule,
)
from evaluator.values import Frozen, Id


class Changes(Frozen):
    """What is to be different of a schedule; what is not given stays as it is, and a given null is meant."""

    at: TimeOfDay = "00:00"
    zone: Zone = "UTC"
    days: Days = tuple(range(7))
    until: Until | None = None
    requisition: Id | None = None
    only: Only = "missing"
    budget: Budget | None = None

    @property
    def given(self) -> dict[str, Any]:
        """Those that are to be different."""
        return {name: getattr(self, name) for name in self.model_fields_set}


def wanted_of(**fields: Any) -> Wanted:
    """What somebody asks for, checked; UsageFault names every fault at once."""
    try:
        return Wanted.model_validate(fields)
    except ValidationError as error:
        faults = error.errors(include_input=False, include_url=False, include_context=False)
        lines = [
            f"{'.'.join(str(part) for part in f['loc'])}: {f['msg'].removeprefix('Value error, ')}" for f in faults
        ]
        raise UsageFault("; ".join(lines)) from None


def add(db: Connection, viewer: Viewer, wanted: Wanted, *, priced: bool) -> Kept:
    """Another schedule. Forbidden; Conflict: the name is taken; UsageFault: a budget in money without a price."""
    _check(viewer)
    check_priced(wanted.budget, priced=priced)
    kept = add_schedule(db, wanted)
    audit.log(db, viewer, "schedule.add", f"schedule:{wanted.name}", wanted.requisition, _told(kept.schedule))
    return kept


def change(db: Connection, viewer: Viewer, name: str, changes: Changes, *, priced: bool) -> Kept:
    """Makes a schedule otherwise; timed anew, it counts from now on. NotFound; Forbidden; UsageFault as for `add`."""
    _check(viewer)
    kept = find_schedule(db, name, to_change=True)
    now = kept.schedule.model_dump(include=set(Wanted.model_fields))
    wanted = Wanted.model_validate({**now, **changes.given})
    check_priced(wanted.budget, priced=priced)
    changed = change_schedule(db, kept, wanted)
    audit.log(db, viewer, "schedule.change", f"schedule:{name}", wanted.requisition, _told(changed.schedule))
    return changed


def pause(db: Connection, viewer: Viewer, name: str) -> None:
    """No night begins until it is resumed; a run that is open goes on. NotFound; Forbidden."""
    _check(viewer)
    switch_schedule(db, name, active=False)
    audit.log(db, viewer, "schedule.pause", f"schedule:{name}")


def resume(db: Connection, viewer: Viewer, name: str) -> None:
    """Nights begin again, with the next one. NotFound; Forbidden."""
    _check(viewer)
    switch_schedule(db, name, active=True)
    audit.log(db, viewer, "schedule.resume", f"schedule:{name}")


def remove(db: Connection, viewer: Viewer, name: str) -> None:
    """Ends a schedule; its runs stay, and one that is open goes on. NotFound; Forbidden."""
    _check(viewer)
    remove_schedule(db, name)
    audit.log(db, viewer, "schedule.remove", f"schedule:{name}")


def limit(db: Connection, viewer: Viewer, run: str, limits: Limits, *, priced: bool) -> None:
    """Gives an open or paused run another deadline or budget. NotFound; Forbidden; Conflict: it is closed."""
    _check(viewer)
    check_priced(limits.budget, priced=priced)
    limit_run(db, run, deadline=limits.deadline, budget=limits.budget)
    audit.log(db, viewer, "run.limit", f"run:{run}", detail=limits.model_dump(mode="json", exclude_none=True))


def _told(schedule: Schedule) -> dict[str, Any]:
    """What the log keeps of it."""
    return schedule.model_dump(mode="json", exclude={"name", "since", "requisition"}, exclude_none=True)


def _check(viewer: Viewer) -> None:
    if not viewer.may_globally("operate_runs"):
        raise Forbidden("only administrators operate night runs")
