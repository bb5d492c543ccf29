"""`debrief compare`: candidates side by side, as a table for people, as JSON, or as CSV."""

from typing import Annotated

import typer

from evaluator.commands.compare_text import WIDTH, rendered
from evaluator.commands.context import services
from evaluator.commands.output import colours, out, put, put_json
from evaluator.comparing import Asked, asked, compared, gather
from evaluator.comparison import Comparison
from evaluator.embedded import Part
from evaluator.errors import UsageFault
from evaluator.exports.csv import compared_csv
from evaluator.people import COMMAND
from evaluator.wiring import Services


def compare(
    refs: Annotated[
        list[str], typer.Argument(metavar="C...", help="2 to 12 ids of scorecards or interviews, or candidates")
    ],
    rubric: Annotated[str | None, typer.Option(help="the version to compare on, id@version")] = None,
    mode: Annotated[str, typer.Option(help="final (a person's level where there is one), ai, or human")] = "final",
    order: Annotated[str, typer.Option(help="interviewed_at, candidate or score")] = "interviewed_at",
    pin: Annotated[str | None, typer.Option(help="the candidate that stands first")] = None,
    csv: Annotated[bool, typer.Option("--csv", help="a line for each criterion and candidate")] = False,
) -> None:
    """Show candidates side by side, criterion by criterion, with ties where noise explains the difference."""
    if csv and out.json:
        raise UsageFault("--csv and --json are two forms of one answer: give one of them")
    wanted = asked(refs, rubric=rubric, mode=mode, order=order, pin=pin)
    with services(Part.DATABASE) as found:
        comparison = _comparison(found, wanted)
    if out.json:
        put_json(comparison)
    elif csv:
        typer.echo("".join(compared_csv(comparison)), nl=False)
    else:
        _print(comparison)


def _comparison(found: Services, wanted: Asked) -> Comparison:
    """A command line is no one's blind reviewer: it reads the database itself."""
    with found.database.begin() as db:
        return compared(gather(db, COMMAND, wanted), wanted)


def _print(comparison: Comparison) -> None:
    from rich.console import Console

    console = Console(highlight=False, markup=False, emoji=False, no_color=not colours())
    console.width = min(console.width, WIDTH) if console.is_terminal else WIDTH
    with console.capture() as captured:
        for part in rendered(comparison):
            console.print(part)
    # rich fills each line with spaces up to the width
    put("\n".join(line.rstrip() for line in captured.get().splitlines()))
