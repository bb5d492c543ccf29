"""What operators do to a run from its page: pause, resume, stop after a confirmation, try again what failed."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import FastAPI, Form
from fastapi.responses import RedirectResponse, Response
from sqlalchemy import Connection

from evaluator.errors import Conflict
from evaluator.operating import REASON_CHARS_MAX, pause, resume, retry, stop
from evaluator.people import Viewer
from evaluator.storage.runs import Retried
from evaluator.storage.watching import run_seen
from evaluator.web.pages.site import Site, checked_name
from evaluator.web.rights import AsVisit, Globally, add
from evaluator.web.run_view import run_line

SEE_OTHER = 303
POST = ("POST",)
Operation = Callable[[Connection, Viewer, str], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class OperatingPages:
    """The handlers."""

    site: Site

    def pause(self, visit: AsVisit, name: str) -> Response:
        """Claims nothing more for the run until it is resumed."""
        return self._done(visit.viewer, pause, name)

    def resume(self, visit: AsVisit, name: str) -> Response:
        """Goes on with a paused run."""
        return self._done(visit.viewer, resume, name)

    def ask_stop(self, visit: AsVisit, name: str) -> Response:
        """Says what a stop leaves undone, and asks."""
        with self.site.database.begin() as db:
            run = run_seen(db, visit.viewer, checked_name("run", name))
        return self.site.page("run_stop.html", visit=visit, run=run, line=run_line(run))

    def stop(self, visit: AsVisit, name: str) -> Response:
        """Ends the run."""
        return self._done(visit.viewer, stop, name)

    def retry(
        self,
        visit: AsVisit,
        name: str,
        reason: Annotated[str, Form(max_length=REASON_CHARS_MAX)],
        only_failed: Annotated[bool, Form()] = False,
    ) -> Response:
        """Tries again what failed; leads to the run in whose name that happens."""
        with self.site.database.begin() as db:
            done = retried(db, self.site, visit.viewer, name, reason=reason, only_failed=only_failed)
        return RedirectResponse(f"/runs/{done.run}", SEE_OTHER)

    def _done(self, viewer: Viewer, operation: Operation, name: str) -> Response:
        with self.site.database.begin() as db:
            operation(db, viewer, checked_name("run", name))
        return RedirectResponse(f"/runs/{name}", SEE_OTHER)


def retried(db: Connection, site: Site, viewer: Viewer, name: str, *, reason: str, only_failed: bool) -> Retried:
    """What was brought back; Conflict where there is nothing."""
    done = retry(
        db,
        viewer,
        checked_name("run", name),
        reason=reason,
        only_failed=only_failed,
        require_consent=site.require_consent,
    )
    if done is None:
        raise Conflict(f"nothing of run {name} failed or was left undone, so there is nothing to try again")
    return done


def attach(app: FastAPI, site: Site) -> None:
    """The forms, and the page that asks before a stop."""
    pages, operate = OperatingPages(site=site), Globally("operate_runs")
    add(app, "/runs/{name}/pause", pages.pause, needs=operate, methods=POST)
    add(app, "/runs/{name}/resume", pages.resume, needs=operate, methods=POST)
    add(app, "/runs/{name}/stop", pages.ask_stop, needs=operate)
    add(app, "/runs/{name}/stop", pages.stop, needs=operate, methods=POST)
    add(app, "/runs/{name}/retry", pages.retry, needs=operate, methods=POST)
