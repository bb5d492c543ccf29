"""Runs: the list, one run with its account and timeline, and its numbers for the page that stays open."""

from dataclasses import dataclass

from fastapi import FastAPI
from fastapi.responses import Response

from evaluator.budgets import budget_words
from evaluator.exports.run_html import run_body
from evaluator.storage.costs import run_spent_named
from evaluator.storage.run_facts import run_minutes
from evaluator.storage.watching import (
    HIDDEN_MIN,
    MEAN_MIN,
    UNDER_REVIEW,
    RunSeen,
    members_standing,
    run_bins,
    run_compared,
    run_effort,
    run_seen,
    runs_seen,
)
from evaluator.views.costs import spent_words
from evaluator.views.run_report import run_report
from evaluator.views.run_words import compared_lines
from evaluator.web.engine_view import engine_words
from evaluator.web.pages.site import Site, checked_name
from evaluator.web.rights import AsVisit, Globally, add
from evaluator.web.run_view import run_json, run_line, run_view, timeline_length
from evaluator.web.sparkline import bin_width
from evaluator.words import visible

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
                minutes=run_minutes(db, name) if run.state == "open" else (),
                failures=members_standing(db, viewer, name, "failed", limit=FAILURES_SHOWN),
                waiting=members_standing(db, viewer, name, "needs_review", limit=OTHERS_SHOWN),
                unscorable=members_standing(db, viewer, name, "unscorable", limit=OTHERS_SHOWN),
            )
            compared = run_compared(db, viewer, name) if run.state == "closed" else None
            spent = run_spent_named(db, name) if viewer.may_globally("see_costs") and _many_hidden(run) else None
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
            budget=budget_words(run.budget, self.site.currency) if run.budget else None,
            cost=spent_words(spent) if spent else None,
            engine=self._engine() if run.state == "open" else None,
        )

    def _engine(self) -> str | None:
        return engine_words(self.site.engine_load()) if self.site.engine_load is not None else None

    def report(self, visit: AsVisit, name: str) -> Response:
        """How one run went, to be read, printed and kept."""
        with self.site.database.begin() as db:
            found = run_report(db, visit.viewer, checked_name("run", name))
        return self.site.page("run_report.html", visit=visit, run=name, title=visible(name), body=run_body(found))

    def run_data(self, visit: AsVisit, name: str) -> Response:
        """The numbers of one run."""
        with self.site.database.begin() as db:
            run = run_seen(db, visit.viewer, checked_name("run", name))
            minutes = run_minutes(db, name) if run.state == "open" else ()
        return self.site.data({**run_json(run, minutes), "engine": self._engine() if run.state == "open" else None})


def _many_hidden(run: RunSeen) -> bool:
    """Not only some: of few interviews under blind review the cost would tell how much the judge wrote."""
    return not 0 < run.counts[UNDER_REVIEW] < HIDDEN_MIN


def attach(app: FastAPI, site: Site) -> None:
    """The routes of these pages."""
    pages, needs = RunPages(site=site), Globally("see_runs")
    add(app, "/runs", pages.runs, needs=needs)
    add(app, "/runs/{name}.json", pages.run_data, needs=needs)  # before the page, which would match it too
    add(app, "/runs/{name}/report", pages.report, needs=needs)
    add(app, "/runs/{name}", pages.run, needs=needs)
