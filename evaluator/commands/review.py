"""`debrief review`: what waits for people's own scores, and where they give them."""

import sys
from typing import Annotated

import typer
from sqlalchemy import Connection

from evaluator.commands.context import services
from evaluator.commands.output import out, put, put_json, put_table, say, warn
from evaluator.deciding import dossier
from evaluator.embedded import Part
from evaluator.errors import Conflict, NotFound
from evaluator.settings import Settings
from evaluator.storage.people import Person, people_list
from evaluator.storage.requisitions import find_requisition
from evaluator.storage.review_queue import Queue, review_queue
from evaluator.words import utc

app = typer.Typer(help="People's own scores: what waits for them, and where to give them.", no_args_is_help=True)


@app.command()
def queue(
    requisition: Annotated[str | None, typer.Option("--requisition", "--req", help="only this requisition")] = None,
    mine: Annotated[
        str | None,
        typer.Option(
            "--mine",
            metavar="PERSON",
            help="what is assigned to this person and waits for their scores: their number, or their name at the login",
        ),
    ] = None,
) -> None:
    """Interviews whose newest scorecard still needs reviews; what has waited longest comes first."""
    with services(Part.DATABASE) as found, found.database.begin() as db:
        if requisition is not None:
            find_requisition(db, requisition)
        person_id = None if mine is None else person_named(db, mine).id
        waiting = review_queue(db, requisition=requisition, person_id=person_id)
    if out.json:
        put_json({"of": waiting.of, "waiting": waiting.waiting})
        return
    _put_queue(waiting)


@app.command("open")
def open_page(ref: Annotated[str, typer.Argument(help="a scorecard's id, or an interview's")]) -> None:
    """Print the address where a scorecard is reviewed, and open it where a person sits at the terminal."""
    with services(Part.DATABASE) as found, found.database.begin() as db:
        held = dossier(db, ref)
        address = f"{_pages(found.settings)}/scorecards/{held.stored.id}/review"
    if held.state.dismissal is not None:
        raise Conflict(f"scorecard {held.stored.id} is dismissed; first: debrief scorecard restore {held.stored.id}")
    if held.stored.superseded_by is not None:
        warn(f"{held.stored.id} has been judged again since; reviews go to the newer one, {held.stored.superseded_by}")
    if out.json:
        put_json({"scorecard": held.stored.id, "url": address})
        return
    put(address)
    if sys.stdout.isatty() and sys.stdin.isatty():
        typer.launch(address)


def person_named(db: Connection, text: str) -> Person:
    """By number, or by what the login provider calls them; NotFound, Conflict: more than one."""
    found = [one for one in people_list(db) if text in {str(one.id), one.subject}]
    if not found:
        raise NotFound(f"person {text} is not known here; they are once they have logged in. Numbers are on /people")
    if len(found) > 1:
        raise Conflict(f"{text} means more than one person; give a number: {', '.join(str(one.id) for one in found)}")
    return found[0]


def _put_queue(found: Queue) -> None:
    if not found.waiting:
        say("Nothing waits for a review.")
        return
    columns = ("interview", "candidate", "requisition", "scorecard", "reviews", "assigned", "begun", "scored")
    put_table(
        columns,
        [
            (
                *(one.interview_id, one.candidate_ref, one.requisition, one.scorecard_id),
                *(f"{one.reviews}/{one.reviewers_needed}", str(one.assigned), str(one.drafts), utc(one.scored_at)),
            )
            for one in found.waiting
        ],
        right=frozenset({4, 5, 6}),
    )
    if found.of > len(found.waiting):
        say(f"{len(found.waiting)} of {found.of} shown; name a requisition with --req.")


def _pages(settings: Settings) -> str:
    return (settings.web_url or f"http://{settings.web_host}:{settings.web_port}").rstrip("/")
