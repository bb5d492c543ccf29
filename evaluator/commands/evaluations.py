"""`debrief evaluation`: the story of one interview's evaluations."""

from typing import Annotated

import typer

from evaluator.commands.context import services
from evaluator.commands.history_text import story
from evaluator.commands.output import out, put, put_json
from evaluator.embedded import Part
from evaluator.storage.reading import history as read_history

app = typer.Typer(help="What happened to an interview's evaluations.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """What happened to an interview's evaluations."""


@app.command()
def history(interview: Annotated[str, typer.Argument(help="the interview's id")]) -> None:
    """Every claim, section, failure and release, in order."""
    with services(Part.DATABASE) as found, found.database.begin() as db:
        events = read_history(db, interview)
    if out.json:
        put_json(events)
    elif not events:
        put(f"Nothing has happened to {interview} yet. Score it: debrief run start")
    else:
        for line in story(interview, events):
            put(line)
