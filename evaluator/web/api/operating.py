"""What operators do to a run, by the API: each is accepted, and the run's own address tells how it goes on."""

from collections.abc import Callable
from dataclasses import dataclass

from fastapi import FastAPI, Request, Response
from pydantic import ConfigDict, Field
from sqlalchemy import Connection

from evaluator.operating import REASON_CHARS_MAX, REASON_CHARS_MIN, pause, resume, stop
from evaluator.people import Viewer
from evaluator.storage.watching import run_seen
from evaluator.values import Frozen
from evaluator.web.api.conventions import answer, idempotent
from evaluator.web.api.publishing import IDEMPOTENCY_KEY, Name, publish
from evaluator.web.api.runs import RunItem
from evaluator.web.pages.operating import retried
from evaluator.web.pages.site import Site
from evaluator.web.rights import AsVisit, Globally


class Again(Frozen):
    """Why it should go better now."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"reason": "the engine is back", "only_failed": True}]})

    reason: str = Field(
        max_length=REASON_CHARS_MAX,
        description=f"In {REASON_CHARS_MIN} to {REASON_CHARS_MAX} characters; kept in each interview's history.",
    )
    only_failed: bool = Field(default=False, description="Not what a stopped run had left unfinished.")


@dataclass(frozen=True, kw_only=True, slots=True)
class OperatingApi:
    """The handlers."""

    site: Site

    def pause(self, visit: AsVisit, request: Request, name: Name) -> Response:
        """Claims nothing more for the run until it is resumed; interviews in hand are finished."""
        return self._done(visit, request, name, pause)

    def resume(self, visit: AsVisit, request: Request, name: Name) -> Response:
        """Goes on with a paused run."""
        return self._done(visit, request, name, resume)

    def stop(self, visit: AsVisit, request: Request, name: Name) -> Response:
        """Ends the run for good; one that has ended stays as it is."""
        return self._done(visit, request, name, stop)

    def retry(self, visit: AsVisit, request: Request, name: Name, again: Again) -> Response:
        """Tries again what failed; of a closed run in a new one, which Location names. 409: nothing is to be tried."""

        def work(db: Connection) -> Response:
            done = retried(db, self.site, visit.viewer, name, reason=again.reason, only_failed=again.only_failed)
            return _accepted(db, request, visit.viewer, done.run)

        return idempotent(self.site, request, visit, work)

    def _done(
        self, visit: AsVisit, request: Request, name: str, operation: Callable[[Connection, Viewer, str], None]
    ) -> Response:
        def work(db: Connection) -> Response:
            operation(db, visit.viewer, name)
            return _accepted(db, request, visit.viewer, name)

        return idempotent(self.site, request, visit, work)


def _accepted(db: Connection, request: Request, viewer: Viewer, name: str) -> Response:
    run = RunItem.of(run_seen(db, viewer, name))
    return answer(request, run, status=202, headers={"Location": f"/v1/runs/{name}"})


def attach(app: FastAPI, site: Site) -> None:
    """The routes of this part of the API."""
    api = OperatingApi(site=site)
    for word, handler in (("pause", api.pause), ("resume", api.resume), ("stop", api.stop), ("retry", api.retry)):
        publish(
            app,
            f"/v1/runs/{{name}}/{word}",
            handler,
            needs=Globally("operate_runs"),
            answers=RunItem,
            methods=("POST",),
            status=202,
            headers=(IDEMPOTENCY_KEY,),
        )
