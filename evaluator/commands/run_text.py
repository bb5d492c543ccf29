"""A run's report for a terminal of 80 columns: labels on the left, facts beside them, and what to do next."""

import textwrap
from collections.abc import Iterator, Sequence
from urllib.parse import quote

from evaluator.views.run_report import RunReport
from evaluator.views.run_report_rows import FailureRow, failure_rows, next_commands, notes, report_rows
from evaluator.words import visible

WIDTH = 80
LABEL = 14
GAP = "   "


def run_text(report: RunReport, *, web_url: str | None = None) -> str:
    """The whole report. web_url: where its page is found."""
    return "\n".join(_lines(report, web_url))


def _lines(report: RunReport, web_url: str | None) -> Iterator[str]:
    yield f"Run {visible(report.name)}  {report.headline}"
    for row in report_rows(report):
        yield from _row(row.label, row.facts)
    failed = failure_rows(report)
    if failed:
        yield "Failed"
    for one in failed:
        yield from _failure(one)
    for note in notes(report):
        yield from textwrap.wrap(note, WIDTH)
    for n, command in enumerate(next_commands(report)):
        yield f"{'Next' if n == 0 else '    '}  {command}"
    if web_url:
        yield f"Web   {web_url.rstrip('/')}/runs/{quote(report.name, safe='')}/report"


def _row(label: str, facts: Sequence[str]) -> Iterator[str]:
    """A label and its facts; what does not fit goes on below, never inside a fact."""
    head, line = f"  {label:<{LABEL}}", ""
    for fact in facts:
        wider = f"{line}{' ' if fact.startswith('+ ') else GAP}{fact}" if line else fact
        if line and len(head) + len(wider) > WIDTH:
            yield head + line
            head, wider = " " * len(head), fact
        line = wider
    yield head + line


def _failure(one: FailureRow) -> Iterator[str]:
    section = f"  section {one.section}" if one.section != "–" else ""
    yield f"  {one.interview}{section}  {one.tries}"
    yield from textwrap.wrap(one.detail or one.why, WIDTH, initial_indent=" " * 4, subsequent_indent=" " * 4)
    yield f"    {one.way_out[:1].upper()}{one.way_out[1:]}."
