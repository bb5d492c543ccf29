"""Requisitions by the API: the list, one with its members, changing how it is reviewed, and giving roles."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import FastAPI, Path, Request, Response
from pydantic import ConfigDict, Field
from sqlalchemy import Connection

from evaluator.people import Role
from evaluator.requisitions import REVIEWERS_MAX, TITLE_CHARS_MAX, Changes, add_role, change, remove_role
from evaluator.storage.reading import interviews_by_requisition
from evaluator.storage.requisitions import Requisition, find_requisition, members, requisition_list
from evaluator.values import Frozen, Moment
from evaluator.web.api.conventions import CursorText, Limit, Page, answer, cursor_of, etag, expected, paged
from evaluator.web.api.publishing import IF_MATCH, Name, publish
from evaluator.web.pages.site import Site
from evaluator.web.rights import AsVisit, InRequisition, Somewhere, of_requisition

BIGINT_MAX = 2**63 - 1
PersonId = Annotated[int, Path(ge=1, le=BIGINT_MAX)]


class RequisitionItem(Frozen):
    """What interviews are held for."""

    id: str = Field(examples=["REQ-114"])
    title: str = Field(description="May be empty.", examples=["Backend Engineer"])
    blind: bool = Field(description="Reviewers see the AI's scores only after their own.")
    reviewers_needed: int = Field(examples=[2])
    interviews: int = Field(examples=[320])


class MemberShown(Frozen):
    """One role of one person."""

    person_id: int = Field(examples=[7])
    name: str = Field(examples=["Reviewer A"])
    role: Role
    since: Moment


class RequisitionShown(Frozen):
    """One requisition; its ETag is what a change names in If-Match."""

    id: str = Field(examples=["REQ-114"])
    title: str = Field(examples=["Backend Engineer"])
    blind: bool
    reviewers_needed: int = Field(examples=[2])
    members: tuple[MemberShown, ...]


class Wanted(Frozen):
    """What is to be different; what is left out stays as it is."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"title": "Backend Engineer", "reviewers_needed": 2}]})

    title: Annotated[str, Field(max_length=TITLE_CHARS_MAX)] | None = None
    blind: bool | None = None
    reviewers_needed: Annotated[int, Field(ge=1, le=REVIEWERS_MAX)] | None = None
    confirmed: bool = Field(
        default=False, description="That a blind review ends although reviews are open; else 409, which counts them."
    )

    @property
    def changes(self) -> Changes:
        """Without the confirmation."""
        return Changes(title=self.title, blind=self.blind, reviewers_needed=self.reviewers_needed)


@dataclass(frozen=True, kw_only=True, slots=True)
class RequisitionApi:
    """The handlers."""

    site: Site

    def requisitions(self, visit: AsVisit, request: Request, limit: Limit = 50, cursor: CursorText = None) -> Response:
        """Those in which the asker may see interviews, by id."""
        place = cursor_of(cursor, of="requisitions")
        with self.site.database.begin() as db:
            found = requisition_list(db, visit.viewer.requisitions_for("see_interviews"))
            counts = interviews_by_requisition(db)
        after = str(place.key[0]) if place else ""
        items = [_item(one, counts.get(one.id, 0)) for one in found if one.id > after]
        return answer(request, paged(items[: limit + 1], limit=limit, of="requisitions", key=lambda one: (one.id,)))

    def requisition(self, visit: AsVisit, request: Request, requisition_id: Name) -> Response:  # noqa: ARG002  the gate's
        """One requisition with its members."""
        with self.site.database.begin() as db:
            return answer(request, _shown(db, requisition_id))

    def change(self, visit: AsVisit, request: Request, requisition_id: Name, wanted: Wanted) -> Response:
        """Changes how it is reviewed; only administrators in person may."""
        with self.site.database.begin() as db:
            expected(request, etag(_shown(db, requisition_id, to_change=True)), noun="requisition")
            change(db, visit.viewer, requisition_id, wanted.changes, confirmed=wanted.confirmed)
            shown = _shown(db, requisition_id)
            return answer(request, shown, tag=etag(shown))

    def add_role(
        self, visit: AsVisit, request: Request, requisition_id: Name, person_id: PersonId, role: Role
    ) -> Response:
        """Gives somebody who has signed in once a role; they may have it already."""
        with self.site.database.begin() as db:
            add_role(db, visit.viewer, requisition_id, person_id, role)
            shown = _shown(db, requisition_id)
            return answer(request, shown, tag=etag(shown))

    def remove_role(self, visit: AsVisit, requisition_id: Name, person_id: PersonId, role: Role) -> Response:
        """Takes a role away; they may not have it any more."""
        with self.site.database.begin() as db:
            remove_role(db, visit.viewer, requisition_id, person_id, role)
        return Response(status_code=204)


def _item(one: Requisition, interviews: int) -> RequisitionItem:
    return RequisitionItem(**one.model_dump(), interviews=interviews)


def _shown(db: Connection, requisition_id: str, *, to_change: bool = False) -> RequisitionShown:
    """As it is; to_change: nobody else changes it until the transaction ends."""
    found = find_requisition(db, requisition_id, to_change=to_change)
    people = tuple(MemberShown.model_validate(one.model_dump()) for one in members(db, requisition_id))
    return RequisitionShown(**found.model_dump(), members=people)


def attach(app: FastAPI, site: Site) -> None:
    """The routes of this part of the API."""
    api = RequisitionApi(site=site)
    see, manage = (InRequisition(act, of_requisition) for act in ("see_interviews", "manage"))
    one, role = "/v1/requisitions/{requisition_id}", "/v1/requisitions/{requisition_id}/members/{person_id}/{role}"
    publish(
        app,
        "/v1/requisitions",
        api.requisitions,
        needs=Somewhere("see_interviews"),
        answers=Page[RequisitionItem],
    )
    publish(app, one, api.requisition, needs=see, answers=RequisitionShown)
    publish(app, one, api.change, needs=manage, answers=RequisitionShown, methods=("PATCH",), headers=(IF_MATCH,))
    publish(app, role, api.add_role, needs=manage, answers=RequisitionShown, methods=("PUT",))
    publish(app, role, api.remove_role, needs=manage, methods=("DELETE",), status=204)
