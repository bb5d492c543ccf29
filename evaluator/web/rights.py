"""The one gate of the pages: every route says what it needs, and nothing is served before that was found to hold.

A route is an object that can't be made without its need, so that nobody can forget it. Whoever may not even see a
requisition gets the same answer for what is in it as for what does not exist.
"""

import hmac
import re
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, Protocol

from fastapi import Depends, FastAPI, Request, Response
from fastapi.routing import APIRoute
from sqlalchemy import Connection
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from evaluator.errors import Forbidden, NotFound
from evaluator.people import Act, GlobalAct, Viewer
from evaluator.storage.database import Database
from evaluator.storage.placing import requisition_of_interview, requisition_of_scorecard, requisition_there
from evaluator.storage.sessions import csrf_of, session_viewer, token_viewer
from evaluator.values import ID_PATTERN, sha256
from evaluator.web.bodies import API, check_form, check_json, check_query
from evaluator.web.identity import Access, Credentials, Visit, credentials

_ID = re.compile(ID_PATTERN)
FIELDS_MAX = 500  # of a form
CSRF_FIELD, CSRF_HEADER = "csrf", "X-CSRF-Token"
SAFE = frozenset({"GET", "HEAD"})
READ = ("GET", "HEAD")

STRAY = "this form was not sent from a page of Debrief, or its page is too old; open the page again, then send it again"
NO_ROLE = "you have no role in any requisition that allows this; an administrator can give you one"
NOT_YOURS = "your role does not allow this; an administrator can say who may"
IN_PERSON = "this is for people who signed in; an API token cannot do it"


@dataclass(frozen=True, kw_only=True, slots=True)
class Public:
    """Everybody, unasked; no database is needed to answer."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SignedIn:
    """Everybody who is in, about themselves; API tokens only where it is said."""

    tokens: bool = False


@dataclass(frozen=True, slots=True)
class Somewhere:
    """Those who may do this in some requisition; the handler shows only what is in `viewer.requisitions_for(act)`."""

    act: Act


@dataclass(frozen=True, slots=True)
class Globally:
    """Those who may do this at all."""

    act: GlobalAct


@dataclass(frozen=True, slots=True)
class Place:
    """How a path says which requisition it is about."""

    noun: str
    parameter: str  # of the path
    find: Callable[[Connection, str], str | None]

    @property
    def unseen(self) -> NotFound:
        """The one answer for what does not exist and for what one may not see."""
        return NotFound(f"there is no {self.noun} of this name, or none that you may see")


@dataclass(frozen=True, slots=True)
class InRequisition:
    """Those who may do this in the requisition that the address is about."""

    act: Act
    place: Place


Need = Public | SignedIn | Somewhere | Globally | InRequisition

of_interview = Place("interview", "interview_id", requisition_of_interview)
of_scorecard = Place("scorecard", "ref", requisition_of_scorecard)  # an interview's id stands for its newest
of_requisition = Place("requisition", "requisition_id", requisition_there)


class Gate(Protocol):
    """Who is let in, and to what."""

    @property
    def access(self) -> Access:
        """How people come in here."""
        ...

    def admit(self, request: Request, need: Need) -> Visit:
        """The visit of whoever asks. HTTPException 401, Forbidden, NotFound, DatabaseUnavailable. Waits for rows."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class DatabaseGate:
    """The gate over sessions, tokens and memberships as PostgreSQL has them at this moment."""

    database: Database
    access: Access

    def admit(self, request: Request, need: Need) -> Visit:
        """One transaction: who it is, what they may, and where the thing is that they ask for."""
        brought = credentials(request, self.access)
        if brought is None:
            raise unknown()
        with self.database.begin() as db:
            visit = self._recognised(db, brought)
            request.state.visit = visit  # the page that refuses them is theirs as well: with their name, and a way out
            _check(db, request, need, visit.viewer)
        return visit

    def _recognised(self, db: Connection, brought: Credentials) -> Visit:
        if brought.bearer is not None:
            owner = token_viewer(db, brought.bearer)
            if owner is None:
                raise unknown()
            return Visit(viewer=owner, csrf=None)
        session = brought.session or ""
        found = session_viewer(db, session, self.access.idle)
        if found is None:
            raise unknown()
        csrf = csrf_of(session)
        return Visit(viewer=found.viewer, csrf=csrf, session=sha256(session.encode()))


def unknown() -> HTTPException:
    """Nobody we know: not signed in, or no longer."""
    return HTTPException(401, headers={"WWW-Authenticate": 'Bearer realm="debrief"'})


def _check(db: Connection, request: Request, need: Need, viewer: Viewer) -> None:
    match need:
        case SignedIn(tokens=tokens):
            if viewer.entry == "token" and not tokens:
                raise Forbidden(IN_PERSON)
        case Somewhere(act):
            if viewer.requisitions_for(act) == frozenset():
                raise Forbidden(NO_ROLE)
        case Globally(act):
            if not viewer.may_globally(act):
                raise Forbidden(NOT_YOURS)
        case InRequisition(act, place):
            _check_place(db, viewer, act, place, request.path_params[place.parameter])


def _check_place(db: Connection, viewer: Viewer, act: Act, place: Place, name: str) -> None:
    requisition = place.find(db, name) if _ID.fullmatch(name) else None
    if requisition is None:
        raise place.unseen
    if viewer.may(act, requisition):
        return
    raise Forbidden(NOT_YOURS) if viewer.may("see_interviews", requisition) else place.unseen


class Route(APIRoute):
    """A route with what it needs; FastAPI's own way of adding one fails, for it gives none."""

    def __init__(self, path: str, endpoint: Callable[..., Any], *, need: Need, **facts: Any) -> None:
        """facts: as FastAPI takes them, such as methods, responses, summary."""
        self.need = need
        super().__init__(path, endpoint, **facts)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler behind the gate: nothing of the request is parsed before somebody is let in."""
        return partial(_guarded, self.need, super().get_route_handler())


def add(
    app: FastAPI,
    path: str,
    handler: Callable[..., Any],
    *,
    needs: Need,
    methods: Sequence[str] = READ,
    **facts: Any,
) -> None:
    """Adds a route; the only way to do it. Handlers get who asks as an `AsViewer` or `AsVisit` argument."""
    facts.setdefault("response_model", None)
    app.router.routes.append(Route(path, handler, need=needs, methods=list(methods), **facts))


def routes(app: FastAPI) -> tuple[Route, ...]:
    """All routes; TypeError names one that came in past `add`, which nobody guards."""
    for route in app.routes:
        if not isinstance(route, Route):
            raise TypeError(f"the route {getattr(route, 'path', route)!r} was not added by evaluator.web.rights.add")
    return tuple(route for route in app.routes if isinstance(route, Route))


def open_gate(app: FastAPI, gate: Gate) -> None:
    """Puts the gate before all routes of the application, and FastAPI's own ways of adding routes out of use."""
    app.state.gate = gate
    app.router.route_class = Route


async def _guarded(
    need: Need, handler: Callable[[Request], Coroutine[Any, Any, Response]], request: Request
) -> Response:
    gate: Gate = request.app.state.gate
    unsafe = request.method not in SAFE
    if unsafe and "authorization" not in request.headers:
        _check_sender(request, gate.access)
    check_query(request)
    csrf = None
    if not isinstance(need, Public):
        visit = await run_in_threadpool(gate.admit, request, need)
        request.state.visit, csrf = visit, visit.csrf
    if unsafe and request.url.path.startswith(API):  # before forms are looked for: a body can be read once
        await check_json(request)
    if unsafe and csrf is not None:
        await _check_form(request, csrf)
    return await handler(request)


def _check_sender(request: Request, access: Access) -> None:
    """Refuses what another site made the browser send. Browsers say who sends it in one of two headers at least."""
    site, origin = request.headers.getlist("sec-fetch-site"), request.headers.getlist("origin")
    if not site and not origin:
        raise Forbidden(STRAY)
    if any(value not in {"same-origin", "none"} for value in site) or any(
        value.lower() != access.origin(request) for value in origin
    ):
        raise Forbidden(STRAY)


async def _check_form(request: Request, csrf: str) -> None:
    """Refuses what does not carry the session's own word, in its header or its form."""
    given = request.headers.get(CSRF_HEADER)
    if given is None and request.headers.get("content-type", "").startswith(
        ("application/x-www-form-urlencoded", "multipart/form-data")
    ):
        form = await request.form(max_files=0, max_fields=FIELDS_MAX)
        check_form(form)
        field = form.get(CSRF_FIELD)
        given = field if isinstance(field, str) else None
    if given is None or not hmac.compare_digest(given.encode(), csrf.encode()):
        raise Forbidden(STRAY)


def _visit(request: Request) -> Visit:
    visit: Visit = request.state.visit
    return visit


def _viewer(request: Request) -> Viewer:
    return _visit(request).viewer


AsVisit = Annotated[Visit, Depends(_visit)]
AsViewer = Annotated[Viewer, Depends(_viewer)]
