"""`debrief run report`: how a run went, as text, for programs, or as a page to print and keep."""

from pathlib import Path
from typing import Annotated

import typer

from evaluator.commands.context import services
from evaluator.commands.files import write_new
from evaluator.commands.output import out, put, put_json, say
from evaluator.commands.run_text import run_text
from evaluator.embedded import Part
from evaluator.errors import UsageFault
from evaluator.exports.run_html import run_html
from evaluator.people import COMMAND
from evaluator.views.run_report import RunReport, report_json, run_report
from evaluator.wiring import Services


def report(
    name: Annotated[str, typer.Argument(help="the run's name")],
    file: Annotated[Path | None, typer.Argument(metavar="[FILE]", help="with --html: where the page is put")] = None,
    html: Annotated[bool, typer.Option("--html", help="as a page that prints well and needs nothing else")] = False,
    force: Annotated[bool, typer.Option("--force", help="write over FILE where it is there already")] = False,
) -> None:
    """How a run went, or how far it is: account, retries, speed, tokens, cost, failures and what to do next."""
    if html and out.json:
        raise UsageFault("choose one of --html and --json")
    if (file or force) and not html:
        raise UsageFault("a FILE, and --force, go with --html; text and --json go to the terminal, or use > FILE")
    with services(Part.DATABASE) as found:
        if not html:
            tell_report(found, name)
        elif file is None:
            put(run_html(report_of(found, name)))
        else:
            write_new(file, run_html(report_of(found, name)), force=force)
            say(f"The report of run {name} is in {file}.")


def tell_report(found: Services, name: str) -> None:
    """The report on stdout, for people or programs."""
    made = report_of(found, name)
    if out.json:
        put_json(report_json(made))
    else:
        put(run_text(made, web_url=found.settings.web_url))


def report_of(found: Services, name: str) -> RunReport:
    """The run's report, as the database's owner may see it; NotFound."""
    with found.database.begin() as db:
        return run_report(db, COMMAND, name)
