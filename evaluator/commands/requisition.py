"""`debrief requisition`: list, show, set; member add and remove."""

from collections.abc import Sequence
from typing import Annotated

import typer

from evaluator.commands.context import services
from evaluator.commands.output import out, put, put_json, put_table
from evaluator.commands.review import person_named
from evaluator.embedded import Part
from evaluator.errors import UsageFault
from evaluator.people import COMMAND, ROLES, Role
from evaluator.requisitions import REVIEWERS_MAX, Changes, add_role, change, remove_role
from evaluator.storage.reading import interviews_by_requisition
from evaluator.storage.requisitions import Member, Requisition, find_requisition, members, requisition_list
from evaluator.words import visible

app = typer.Typer(help="What interviews are held for: how they are reviewed, and by whom.", no_args_is_help=True)
member = typer.Typer(help="Give people roles in a requisition, or take them.", no_args_is_help=True)
app.add_typer(member, name="member")

RequisitionId = Annotated[str, typer.Argument(help="the requisition's id")]
PersonName = Annotated[str, typer.Argument(help="the person's number, or their name at the login")]
RoleName = Annotated[str, typer.Argument(help="recruiter, hiring_manager or reviewer")]


@app.command("list")
def list_requisitions() -> None:
    """All requisitions."""
    with services(Part.DATABASE) as found, found.database.begin() as db:
        requisitions, counts = requisition_list(db), interviews_by_requisition(db)
    if out.json:
        put_json([{**one.model_dump(mode="json"), "interviews": counts.get(one.id, 0)} for one in requisitions])
    elif not requisitions:
        put("No requisitions yet; one appears with its first interview: debrief import FILE --rubric ID --req REQ-1")
    else:
        rows = [
            (one.id, str(counts.get(one.id, 0)), _review(one), str(one.reviewers_needed), visible(one.title))
            for one in requisitions
        ]
        put_table(("requisition", "interviews", "review", "reviewers", "title"), rows, right=frozenset({1, 3}))


@app.command()
def show(requisition: RequisitionId) -> None:
    """One requisition with its members."""
    with services(Part.DATABASE) as found, found.database.begin() as db:
        one, people = find_requisition(db, requisition), members(db, requisition)
    _put(one, people)


@app.command("set")
def set_rules(
    requisition: RequisitionId,
    title: Annotated[str | None, typer.Option(help="what people call it")] = None,
    blind: Annotated[
        bool | None, typer.Option("--blind/--no-blind", help="reviewers see the AI's scores only after their own")
    ] = None,
    reviewers: Annotated[
        int | None, typer.Option(min=1, max=REVIEWERS_MAX, help="how many people review each interview")
    ] = None,
) -> None:
    """Change its title or how it is reviewed. Ending a blind review while reviews are open needs --yes."""
    changes = Changes(title=title, blind=blind, reviewers_needed=reviewers)
    if not changes.given:
        raise UsageFault("nothing to set: give --title, --blind, --no-blind or --reviewers")
    with services(Part.DATABASE) as found, found.database.begin() as db:
        one = change(db, COMMAND, requisition, changes, confirmed=out.yes)
        people = members(db, requisition)
    _put(one, people)


@member.command("add")
def add_member(requisition: RequisitionId, person: PersonName, role: RoleName) -> None:
    """Give somebody who has signed in once a role."""
    with services(Part.DATABASE) as found, found.database.begin() as db:
        add_role(db, COMMAND, requisition, person_named(db, person).id, _role(role))
        one, people = find_requisition(db, requisition), members(db, requisition)
    _put(one, people)


@member.command("remove")
def remove_member(requisition: RequisitionId, person: PersonName, role: RoleName) -> None:
    """Take a role away."""
    with services(Part.DATABASE) as found, found.database.begin() as db:
        remove_role(db, COMMAND, requisition, person_named(db, person).id, _role(role))
        one, people = find_requisition(db, requisition), members(db, requisition)
    _put(one, people)


def _role(text: str) -> Role:
    for known in ROLES:
        if text.replace("-", "_") == known:
            return known
    raise UsageFault(f"role {text}: it is one of {', '.join(ROLES)}")


def _review(one: Requisition) -> str:
    return "blind" if one.blind else "open"


def _put(one: Requisition, people: Sequence[Member]) -> None:
    if out.json:
        put_json({**one.model_dump(mode="json"), "members": people})
        return
    title = f"  {visible(one.title)}" if one.title else ""
    put(f"{one.id}{title}")
    put(f"  review: {_review(one)}, by {one.reviewers_needed}")
    if people:
        rows = [(str(p.person_id), visible(p.name), p.role) for p in people]
        put_table(("person", "name", "role"), rows, right=frozenset({0}))
    else:
        put("  nobody has a role here yet")
