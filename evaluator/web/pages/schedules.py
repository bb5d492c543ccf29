"""Night runs: their schedules with what comes next and what became of the last nights, and a form for another one."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import FastAPI, Form
from fastapi.responses import RedirectResponse, Response
from sqlalchemy import Connection

from evaluator.budgets import parse_budget
from evaluator.errors import UsageFault
from evaluator.nights import NAME_CHARS_MAX, Wanted
from evaluator.people import Viewer
from evaluator.scheduling import add as add_schedule
from evaluator.scheduling import pause, remove, resume, wanted_of
from evaluator.storage.database import clock
from evaluator.storage.requisitions import requisition_list
from evaluator.storage.schedules import find_schedule, nights_kept, schedule_list
from evaluator.web.identity import Visit
from evaluator.web.pages.site import Site, checked_name
from evaluator.web.rights import AsVisit, Globally, add
from evaluator.web.schedule_view import DAY_WORDS, ONLY_WORDS, schedule_line

SEE_OTHER = 303
POST = ("POST",)
NIGHTS_SHOWN = 7
TEXT_CHARS_MAX = 64
ZONES = (  # that the form suggests; any name of the zone database can be given
    "UTC",
    "America/Los_Angeles",
    "America/New_York",
    "America/Sao_Paulo",
    "Asia/Kolkata",
    "Asia/Singapore",
    "Asia/Tokyo",
    "Australia/Sydney",
    "Europe/Berlin",
    "Europe/London",
)
Operation = Callable[[Connection, Viewer, str], None]
Text = Annotated[str, Form(max_length=TEXT_CHARS_MAX)]


@dataclass(frozen=True, kw_only=True, slots=True)
class SchedulePages:
    """The handlers."""

    site: Site

    def schedules(self, visit: AsVisit) -> Response:
        """All of them, and a form for another one."""
        return self._list(visit)

    def add(
        self,
        visit: AsVisit,
        name: Text = "",
        at: Text = "",
        zone: Text = "",
        until: Text = "",
        requisition: Text = "",
        only: Text = "missing",
        budget: Text = "",
        days: Annotated[list[int] | None, Form(max_length=7)] = None,
    ) -> Response:
        """Adds one; 422 with the reason where it cannot be."""
        sent = {"name": name, "at": at, "zone": zone, "until": until, "requisition": requisition, "only": only}
        given = {**sent, "budget": budget, "days": days or []}
        try:
            wanted = _wanted(given)
            with self.site.database.begin() as db:
                add_schedule(db, visit.viewer, wanted, priced=self.site.priced)
        except UsageFault as fault:
            page = self._list(visit, fault=str(fault), sent=given)
            page.status_code = 422
            return page
        return RedirectResponse("/schedules", SEE_OTHER)

    def pause(self, visit: AsVisit, name: str) -> Response:
        """No night begins until it is resumed."""
        return self._done(visit.viewer, pause, name)

    def resume(self, visit: AsVisit, name: str) -> Response:
        """Nights begin again, with the next one."""
        return self._done(visit.viewer, resume, name)

    def ask_removal(self, visit: AsVisit, name: str) -> Response:
        """Says what a removal ends, and asks."""
        with self.site.database.begin() as db:
            found = find_schedule(db, checked_name("schedule", name))
        return self.site.page("schedule_remove.html", visit=visit, schedule=found.schedule)

    def remove(self, visit: AsVisit, name: str) -> Response:
        """Ends it."""
        return self._done(visit.viewer, remove, name)

    def _done(self, viewer: Viewer, operation: Operation, name: str) -> Response:
        with self.site.database.begin() as db:
            operation(db, viewer, checked_name("schedule", name))
        return RedirectResponse("/schedules", SEE_OTHER)

    def _list(self, visit: Visit, *, fault: str | None = None, sent: Mapping[str, Any] | None = None) -> Response:
        with self.site.database.begin() as db:
            kept, now = schedule_list(db), clock(db)
            nights = nights_kept(db, [one.id for one in kept], limit=NIGHTS_SHOWN)
            names = [one.id for one in requisition_list(db)]
        lines = [schedule_line(one, nights.get(one.id, ()), now, currency=self.site.currency) for one in kept]
        blank = {"name": "", "at": "22:00", "zone": "UTC", "until": "06:00", "requisition": "", "only": "missing"}
        return self.site.page(
            "schedules.html",
            visit=visit,
            lines=lines,
            operates=visit.viewer.may_globally("operate_runs") and visit.csrf is not None,
            fault=fault,
            sent=sent or {**blank, "budget": "", "days": list(range(7))},
            requisitions=names,
            zones=ZONES,
            day_words=DAY_WORDS,
            only_words=ONLY_WORDS,
            name_max=NAME_CHARS_MAX,
            text_max=TEXT_CHARS_MAX,
        )


def _wanted(given: Mapping[str, Any]) -> Wanted:
    """What the form asks for; an empty field is none. UsageFault."""
    budget = given["budget"].strip()
    return wanted_of(
        name=given["name"].strip(),
        at=given["at"].strip(),
        zone=given["zone"].strip(),
        days=tuple(given["days"]),
        until=given["until"].strip() or None,
        requisition=given["requisition"].strip() or None,
        only=given["only"],
        budget=parse_budget(budget) if budget else None,
    )


def attach(app: FastAPI, site: Site) -> None:
    """The page and its forms."""
    pages, see, operate = SchedulePages(site=site), Globally("see_runs"), Globally("operate_runs")
    one = "/schedules/{name}"
    add(app, "/schedules", pages.schedules, needs=see)
    add(app, "/schedules", pages.add, needs=operate, methods=POST)
    add(app, f"{one}/pause", pages.pause, needs=operate, methods=POST)
    add(app, f"{one}/resume", pages.resume, needs=operate, methods=POST)
    add(app, f"{one}/remove", pages.ask_removal, needs=operate)
    add(app, f"{one}/remove", pages.remove, needs=operate, methods=POST)
