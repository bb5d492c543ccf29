"""Schedules of night runs by the API: the list, one with its nights, adding, changing and removing."""

import itertools
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import FastAPI, Request, Response
from pydantic import AfterValidator, ConfigDict, Field
from sqlalchemy import Connection

from evaluator.budgets import budget_text
from evaluator.errors import UsageFault
from evaluator.evaluation import Only
from evaluator.nights import NAME_CHARS_MAX, Night, TimeOfDay, Until, Zone, coming, days_text, parse_days
from evaluator.scheduling import Changes, add, change, pause, remove, resume, wanted_of
from evaluator.storage.database import clock
from evaluator.storage.schedules import Kept, NightKept, find_schedule, nights_kept, schedule_list
from evaluator.values import ID_PATTERN, Frozen, Id, Moment
from evaluator.web.api.budgets import BudgetText, budget_of
from evaluator.web.api.conventions import (
    CursorText,
    Limit,
    Page,
    answer,
    cursor_of,
    etag,
    expected,
    idempotent,
    paged,
)
from evaluator.web.api.publishing import IDEMPOTENCY_KEY, IF_MATCH, Name, publish
from evaluator.web.pages.site import Site
from evaluator.web.rights import AsVisit, Globally

NIGHTS_SHOWN = 7


def _some_days(text: str) -> str:
    try:
        return days_text(parse_days(text))
    except UsageFault as fault:
        raise ValueError(str(fault)) from None


DaysText = Annotated[
    str,
    Field(max_length=40, description="Days on which a night begins: daily, mon-fri, sat,sun.", examples=["mon-fri"]),
    AfterValidator(_some_days),
]


class ScheduleItem(Frozen):
    """When which interviews are scored, what comes next, and what became of the last nights."""

    name: str = Field(examples=["night"])
    at: str = Field(description="When a night begins, by the clock of the zone.", examples=["22:00"])
    zone: str = Field(examples=["Europe/Berlin"])
    days: str = Field(description="On which days.", examples=["mon-fri"])
    until: str | None = Field(
        description="When it ends: a time of that clock, or hours; null, and at the latest: when the next one begins.",
        examples=["06:00"],
    )
    requisition: str | None = Field(description="null: all", examples=["REQ-114"])
    only: Only
    budget: str | None = Field(description="Of each night.", examples=["3h"])
    active: bool
    trouble: str | None = Field(description="Why the present night cannot begin.", examples=[None])
    coming: tuple[Night, ...] = Field(description="The next nights; none while it is paused.")
    nights: tuple[NightKept, ...] = Field(description="What became of the last ones, the newest first.")
    created_at: Moment


class NewSchedule(Frozen):
    """A schedule to add."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"name": "night", "at": "22:00", "zone": "Europe/Berlin", "days": "mon-fri", "until": "06:00"}]
        }
    )

    name: Annotated[str, Field(pattern=ID_PATTERN, max_length=NAME_CHARS_MAX)]
    at: TimeOfDay = Field(description="HH:MM", examples=["22:00"])
    zone: Zone = Field(description="As the zone database names it.", examples=["Europe/Berlin"])
    days: DaysText = "daily"
    until: Until | None = None
    requisition: Id | None = None
    only: Only = "missing"
    budget: BudgetText | None = None


class ScheduleChanges(Frozen):
    """What is to be different; what is left out stays as it is. Timed anew, it counts from now on."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"at": "23:00", "active": True}]})

    at: TimeOfDay = Field(default="00:00", description="HH:MM", examples=["22:00"])
    zone: Zone = Field(default="UTC", examples=["Europe/Berlin"])
    days: DaysText = "daily"
    until: Until | None = None
    requisition: Id | None = None
    only: Only = "missing"
    budget: BudgetText | None = None
    active: bool = Field(default=True, description="false pauses it, true resumes it.")

    @property
    def changes(self) -> Changes | None:
        """Those of the schedule itself; None: there are none."""
        given = {name: getattr(self, name) for name in self.model_fields_set - {"active"}}
        return Changes.model_validate(_fields(given)) if given else None


def _fields(given: dict[str, Any]) -> dict[str, Any]:
    """As schedules keep them."""
    days = {"days": parse_days(given["days"])} if "days" in given else {}
    budget = {"budget": budget_of(given["budget"])} if "budget" in given else {}
    return {**given, **days, **budget}


@dataclass(frozen=True, kw_only=True, slots=True)
class ScheduleApi:
    """The handlers."""

    site: Site

    def schedules(
        self,
        visit: AsVisit,  # noqa: ARG002  the gate's
        request: Request,
        limit: Limit = 50,
        cursor: CursorText = None,
    ) -> Response:
        """All of them, by name."""
        place = cursor_of(cursor, of="schedules")
        after = str(place.key[0]) if place else ""
        with self.site.database.begin() as db:
            kept = [one for one in schedule_list(db) if one.schedule.name > after][: limit + 1]
            items = _items(db, kept)
        return answer(request, paged(items, limit=limit, of="schedules", key=lambda one: (one.name,)))

    def schedule(self, visit: AsVisit, request: Request, name: Name) -> Response:  # noqa: ARG002  the gate's
        """One."""
        with self.site.database.begin() as db:
            return answer(request, _item(db, name))

    def add(self, visit: AsVisit, request: Request, new: NewSchedule) -> Response:
        """Adds one; it begins with the next night. 409: the name is taken."""
        wanted = wanted_of(**_fields(new.model_dump()))

        def work(db: Connection) -> Response:
            add(db, visit.viewer, wanted, priced=self.site.priced)
            headers = {"Location": f"/v1/schedules/{wanted.name}"}
            return answer(request, _item(db, wanted.name), status=201, headers=headers)

        return idempotent(self.site, request, visit, work)

    def change(self, visit: AsVisit, request: Request, name: Name, wanted: ScheduleChanges) -> Response:
        """Changes, pauses or resumes it; a run that is open goes on as it is."""
        with self.site.database.begin() as db:
            find_schedule(db, name, to_change=True)
            expected(request, etag(_item(db, name)), noun="schedule")
            if wanted.changes is not None:
                change(db, visit.viewer, name, wanted.changes, priced=self.site.priced)
            if "active" in wanted.model_fields_set:
                (resume if wanted.active else pause)(db, visit.viewer, name)
            shown = _item(db, name)
            return answer(request, shown, tag=etag(shown))

    def remove(self, visit: AsVisit, name: Name) -> Response:
        """Ends it; its runs stay, and one that is open goes on."""
        with self.site.database.begin() as db:
            remove(db, visit.viewer, name)
        return Response(status_code=204)


def _item(db: Connection, name: str) -> ScheduleItem:
    (item,) = _items(db, [find_schedule(db, name)])
    return item


def _items(db: Connection, kept: list[Kept]) -> list[ScheduleItem]:
    now, nights = clock(db), nights_kept(db, [one.id for one in kept], limit=NIGHTS_SHOWN)
    items = []
    for one in kept:
        s = one.schedule
        following = itertools.islice(coming(s, now, one.last_night), NIGHTS_SHOWN) if s.active else ()
        items.append(
            ScheduleItem(
                name=s.name,
                at=s.at,
                zone=s.zone,
                days=days_text(s.days),
                until=s.until,
                requisition=s.requisition,
                only=s.only,
                budget=budget_text(s.budget) if s.budget else None,
                active=s.active,
                trouble=one.trouble,
                coming=tuple(following),
                nights=tuple(nights.get(one.id, ())),
                created_at=one.created_at,
            )
        )
    return items


def attach(app: FastAPI, site: Site) -> None:
    """The routes of this part of the API."""
    api, see, operate = ScheduleApi(site=site), Globally("see_runs"), Globally("operate_runs")
    all_, one = "/v1/schedules", "/v1/schedules/{name}"
    publish(app, all_, api.schedules, needs=see, answers=Page[ScheduleItem])
    publish(
        app,
        all_,
        api.add,
        needs=operate,
        answers=ScheduleItem,
        methods=("POST",),
        status=201,
        headers=(IDEMPOTENCY_KEY,),
    )
    publish(app, one, api.schedule, needs=see, answers=ScheduleItem)
    publish(app, one, api.change, needs=operate, answers=ScheduleItem, methods=("PATCH",), headers=(IF_MATCH,))
    publish(app, one, api.remove, needs=operate, methods=("DELETE",), status=204)
