"""`debrief review assign | unassign`: who is asked to review which interview."""

from typing import Annotated

import typer

from evaluator.commands.context import services
from evaluator.commands.output import out, put, put_json
from evaluator.commands.review import app, person_named
from evaluator.embedded import Part
from evaluator.people import COMMAND
from evaluator.reviewers import assign as assign_reviewer
from evaluator.reviewers import unassign as unassign_reviewer

__all__ = ["app"]  # the group, with these commands in it

InterviewId = Annotated[str, typer.Argument(help="the interview's id")]
PersonName = Annotated[str, typer.Argument(help="the person's number, or their name at the login")]


@app.command()
def assign(interview: InterviewId, person: PersonName) -> None:
    """Ask somebody to review an interview; they must have a role in its requisition that allows it."""
    with services(Part.DATABASE) as found, found.database.begin() as db:
        person_id = person_named(db, person).id
        added = assign_reviewer(db, COMMAND, interview, person_id)
    _report(interview, person_id, added, "is asked to review", "was asked already to review")


@app.command()
def unassign(interview: InterviewId, person: PersonName) -> None:
    """Ask somebody no longer; what they have submitted stays."""
    with services(Part.DATABASE) as found, found.database.begin() as db:
        person_id = person_named(db, person).id
        removed = unassign_reviewer(db, COMMAND, interview, person_id)
    _report(interview, person_id, removed, "is no longer asked to review", "was not asked to review")


def _report(interview: str, person_id: int, changed: bool, done: str, nothing: str) -> None:
    if out.json:
        put_json({"interview": interview, "person": person_id, "changed": changed})
    else:
        put(f"Person {person_id} {done if changed else nothing} {interview}.")
