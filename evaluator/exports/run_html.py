"""A run's report as HTML: the body that the page shows, and the same as one file that needs nothing else."""

from typing import Any

from markupsafe import Markup

from evaluator import __version__
from evaluator.exports.rendering import rendered
from evaluator.views.run_report import RunReport
from evaluator.views.run_report_rows import failure_rows, next_commands, notes, report_rows
from evaluator.words import ADVICE, utc, visible


def run_body(report: RunReport) -> Markup:
    """What stands in the page, with links to the interviews that failed."""
    return Markup(rendered("run_report_body.html", **_values(report), linked=True))  # noqa: S704  escaped there


def run_html(report: RunReport) -> str:
    """The whole document; it names nothing that would have to be fetched."""
    return rendered("run_report.html", **_values(report), linked=False, version=__version__, advice=ADVICE)


def _values(report: RunReport) -> dict[str, Any]:
    return {
        "title": f"Report of {visible(report.name)}",
        "headline": report.headline.capitalize(),
        "as_of": f"{'as it ended,' if report.finished_at else 'as of'} {utc(report.at)}",
        "notes": notes(report),
        "rows": report_rows(report),
        "failures": failure_rows(report),
        "failed": report.counts["failed"],
        "commands": next_commands(report),
    }
