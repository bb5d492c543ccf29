"""Runs: the list, one run with its account and timeline, and its numbers for the page that stays open."""

from dataclasses import dataclass

from fastapi import FastAPI
from fastapi.responses import Response

from evaluator.storage.watching import (
    MEAN_MIN,
    members_standing,
    run_bins,
    run_compared,
    run_effort,
    run_seen,
    runs_seen,
)
from evaluator.web.pages.site import Site, checked_name
from evaluator.web.rights import AsVisit, Globally, add
from evaluator.web.run_view import compared_lines, run_json, run_line, run_view, timeline_length
from evaluator.web.sparkline import bin_width

FAILURES_SHOWN = 100
OTHERS_SHOWN = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class RunPages:
    """The handlers."""

    site: Site

    def runs(self, visit: AsVisit) -> Response:
        """The newest runs first."""
        with self.site.database.begin() as db:
            found = runs_seen(db, visit.viewer)
        return self.site.page("runs.html", visit=visit, runs=[run_line(run) for run in found])

    def run(self, visit: AsVisit, name: str) -> Response:
        """One run."""
        name, viewer = checked_name("run", name), visit.viewer
        with self.site.database.begin() as db:
            run = run_seen(db, viewer, name)
            view = run_view(
                run,
                run_bins(db, run, width=bin_width(timeline_length(run))),
                run_effort(db, viewer, name),
                failures=members_standing(db, viewer, name, "failed", limit=FAILURES_SHOWN),
                waiting=members_standing(db, viewer, name, "needs_review", limit=OTHERS_SHOWN),
                unscorable=members_standing(db, viewer, name, "unscorable", limit=OTHERS_SHOWN),
            )
            compared = run_compared(db, viewer, name) if run.state == "closed" else None
        return self.site.page(
            "run.html",
            visit=visit,
            view=view,
            state=run.state,
            operates=viewer.may_globally("operate_runs") and visit.csrf is not None,
            retries=run.counts["failed"] > 0 or run.closed_because not in {None, "finished"},
            compared=compared,
            compared_lines=compared_lines(compared) if compared else (),
            mean_min=MEAN_MIN,
        )

    def run_data(self, visit: AsVisit, name: str) -> Response:
        """The numbers of one run."""
        with self.site.database.begin() as db:
            run = run_seen(db, visit.viewer, checked_name("run", name))
        return self.site.data(run_json(run))


def attach(app: FastAPI, site: Site) -> None:
    """The routes of these pages."""
    pages, needs = RunPages(site=site), Globally("see_runs")
    add(app, "/runs", pages.runs, needs=needs)
    add(app, "/runs/{name}.json", pages.run_data, needs=needs)  # before the page, which would match it too
    add(app, "/runs/{name}", pages.run, needs=needs)
