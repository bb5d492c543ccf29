"""`debrief interview`: what people do to an interview."""

from typing import Annotated

import typer

from evaluator.commands.context import services
from evaluator.commands.output import out, put, put_json
from evaluator.embedded import Part
from evaluator.operating import release_interview
from evaluator.people import COMMAND

app = typer.Typer(help="Interviews: release one that broke off.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """Interviews."""


@app.command()
def release(
    interview: Annotated[str, typer.Argument(help="the interview's id")],
    reason: Annotated[str, typer.Option(help="why it should be scored although it broke off; kept in the audit log")],
) -> None:
    """Let an interview that broke off be scored as far as it went."""
    with services(Part.DATABASE, Part.STORE) as found, found.database.begin() as db:
        released = release_interview(db, found.store, COMMAND, interview, reason=reason)
    if out.json:
        put_json({"interview": interview, "released": released.new, "transcript": released.transcript_sha256})
        return
    put(f"Interview {interview} {'may be scored as far as it went' if released.new else 'was released before'}.")
    put("Score it: debrief run start")
