"""The asker by the API: who they are, what they may, and the lists that they keep under a name."""

from dataclasses import dataclass
from typing import Annotated
from urllib.parse import parse_qsl, urlencode

from fastapi import FastAPI, Path, Request, Response
from pydantic import ConfigDict, Field, StringConstraints
from sqlalchemy import Connection

from evaluator.errors import Conflict, NotFound, UsageFault
from evaluator.people import GLOBAL_ACTS, Entry, GlobalAct, Role, Scope
from evaluator.storage.saved_views import (
    VIEW_NAME_CHARS_MAX,
    SavedView,
    change_view,
    delete_view,
    save_view,
    saved_views,
)
from evaluator.values import Frozen
from evaluator.web.api.conventions import Page, answer, etag, expected, idempotent
from evaluator.web.api.filters import Filters
from evaluator.web.api.publishing import IDEMPOTENCY_KEY, IF_MATCH, publish
from evaluator.web.identity import person_asking
from evaluator.web.list_query import address, query_of, wanted_of
from evaluator.web.pages.site import Site
from evaluator.web.rights import AsVisit, SignedIn

BIGINT_MAX = 2**63 - 1
ViewId = Annotated[int, Path(ge=1, le=BIGINT_MAX)]
ViewName = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=VIEW_NAME_CHARS_MAX, pattern=r"^[^\x00-\x1f]+$"),
]


class Me(Frozen):
    """Who asks, as the rows say at this moment."""

    person_id: int | None = Field(examples=[7])
    name: str = Field(examples=["Reviewer A"])
    admin: bool
    entry: Entry = Field(description="How they came in.")
    scopes: tuple[Scope, ...] = Field(description="Of a token; empty for a session.", examples=[["read"]])
    roles: dict[str, tuple[Role, ...]] = Field(
        description="Requisition to roles; an administrator needs none.", examples=[{"REQ-114": ["reviewer"]}]
    )
    may: tuple[GlobalAct, ...] = Field(
        description="What they may do beside the acts of their roles.", examples=[["see_rubrics"]]
    )


class NewView(Frozen):
    """A list to keep."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"name": "My queue", "filters": {"reviewer": "me_open", "sort": "-intake"}}]}
    )

    name: ViewName
    filters: Filters = Filters()


class View(Frozen):
    """A list that its owner keeps under a name."""

    id: int = Field(examples=[12])
    name: str = Field(examples=["My queue"])
    filters: Filters
    page: str = Field(description="The address of the list with these filters.", examples=["/interviews?reviewer=me"])

    @classmethod
    def of(cls, kept: SavedView) -> "View":
        """As it is kept; what this version cannot read any more filters nothing."""
        try:
            wanted = wanted_of(dict(parse_qsl(kept.query)))
        except UsageFault:
            wanted = Filters().wanted
        return cls(id=kept.id, name=kept.name, filters=Filters.of(wanted), page=address(wanted))


@dataclass(frozen=True, kw_only=True, slots=True)
class MyApi:
    """The handlers."""

    site: Site

    def me(self, visit: AsVisit, request: Request) -> Response:
        """Who is asking, with their roles and, for a token, its scopes."""
        viewer = visit.viewer
        value = Me(
            person_id=viewer.person_id,
            name=viewer.name,
            admin=viewer.admin,
            entry=viewer.entry,
            scopes=tuple(sorted(viewer.scopes)),
            roles={requisition: tuple(sorted(held)) for requisition, held in sorted(viewer.roles.items())},
            may=tuple(act for act in GLOBAL_ACTS if viewer.may_globally(act)),
        )
        return answer(request, value)

    def views(self, visit: AsVisit, request: Request) -> Response:
        """The asker's own saved lists by name."""
        with self.site.database.begin() as db:
            kept = saved_views(db, person_asking(visit.viewer))
        return answer(request, Page[View](items=tuple(View.of(one) for one in kept)))

    def view(self, visit: AsVisit, request: Request, view_id: ViewId) -> Response:
        """One of the asker's own saved lists."""
        with self.site.database.begin() as db:
            found = _found(saved_views(db, person_asking(visit.viewer)), view_id)
        return answer(request, View.of(found))

    def add_view(self, visit: AsVisit, request: Request, new: NewView) -> Response:
        """Keeps a list under a name; 409 where the asker has one of that name."""
        person_id = person_asking(visit.viewer)

        def work(db: Connection) -> Response:
            if any(one.name == new.name for one in saved_views(db, person_id)):
                raise Conflict("there is a saved view of this name already; change that one, or choose another name")
            made = View.of(save_view(db, person_id, name=new.name, query=_query(new.filters)))
            return answer(request, made, status=201, tag=etag(made), headers={"Location": f"/v1/views/{made.id}"})

        return idempotent(self.site, request, visit, work)

    def change_view(self, visit: AsVisit, request: Request, view_id: ViewId, new: NewView) -> Response:
        """Gives a saved list another name or other filters."""
        person_id = person_asking(visit.viewer)
        with self.site.database.begin() as db:
            kept = saved_views(db, person_id, lock=True)
            expected(request, etag(View.of(_found(kept, view_id))), noun="saved view")
            if any(one.name == new.name and one.id != view_id for one in kept):
                raise Conflict("another saved view has this name; choose another one")
            changed = View.of(change_view(db, person_id, view_id, name=new.name, query=_query(new.filters)))
        return answer(request, changed, tag=etag(changed))

    def delete_view(self, visit: AsVisit, request: Request, view_id: ViewId) -> Response:
        """Forgets a saved list."""
        person_id = person_asking(visit.viewer)
        with self.site.database.begin() as db:
            kept = saved_views(db, person_id, lock=True)
            expected(request, etag(View.of(_found(kept, view_id))), noun="saved view")
            delete_view(db, person_id, view_id)
        return Response(status_code=204)


def _query(filters: Filters) -> str:
    return urlencode(query_of(filters.wanted))


def _found(kept: tuple[SavedView, ...], view_id: int) -> SavedView:
    for one in kept:
        if one.id == view_id:
            return one
    raise NotFound("you have no saved view of this number")


def attach(app: FastAPI, site: Site) -> None:
    """The routes of this part of the API. A token only reads here: what it keeps would outlive it."""
    api, read, change = MyApi(site=site), SignedIn(tokens=True), SignedIn()
    one = "/v1/views/{view_id}"
    publish(app, "/v1/me", api.me, needs=read, answers=Me)
    publish(app, "/v1/views", api.views, needs=read, answers=Page[View])
    publish(
        app,
        "/v1/views",
        api.add_view,
        needs=change,
        answers=View,
        methods=("POST",),
        status=201,
        headers=(IDEMPOTENCY_KEY,),
    )
    publish(app, one, api.view, needs=read, answers=View)
    publish(app, one, api.change_view, needs=change, answers=View, methods=("PUT",), headers=(IF_MATCH,))
    publish(app, one, api.delete_view, needs=change, methods=("DELETE",), status=204, headers=(IF_MATCH,))
