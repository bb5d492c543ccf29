"""The web application: routes with what each needs, templates and failures put together; pages are made elsewhere."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from importlib.resources import files
from urllib.parse import urlsplit

from anyio.to_thread import current_default_thread_limiter
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from jinja2 import Environment
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Match

from evaluator.adapters.engine_load import Found
from evaluator.errors import DebriefError
from evaluator.exports.rendering import environment_of
from evaluator.ports import ObjectStore
from evaluator.storage.database import Database
from evaluator.storage.runs import Judge
from evaluator.telling import Sender
from evaluator.web import api, pages
from evaluator.web.accounts import Accounts
from evaluator.web.entrance import Entrance
from evaluator.web.guard import TOO_LARGE, Guard
from evaluator.web.identity import ONE_MACHINE, Access, login_address
from evaluator.web.oidc import CALLBACK, OpenIdLogin
from evaluator.web.pages.site import Site
from evaluator.web.problems import Problem, Refusal, problem_of, respond, wants_json
from evaluator.web.rights import (
    SAFE,
    DatabaseGate,
    Globally,
    Public,
    SignedIn,
    add,
    open_gate,
    routes,
)
from evaluator.words import ADVICE, visible

POST = ("POST",)
THREADS = 6  # requests that are worked on at once, in one process
STATIC_TYPES = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8"}


def create_app(
    database: Database,
    store: ObjectStore,
    *,
    version: str,
    access: Access = ONE_MACHINE,
    openid: OpenIdLogin | None = None,
    webhooks: Sender | None = None,
    require_consent: bool = False,
    judge: Judge | None = None,
    checks: Mapping[str, Callable[[], object]] | None = None,
    queue_length: Callable[[], int] | None = None,
    engine_load: Callable[[], Found] | None = None,
    priced: bool = False,
    currency: str = "USD",
) -> FastAPI:
    """The pages and their JSON over this database and store; nothing is opened before the first request.

    openid: another way to the login provider that `access` names than over the network's usual one. webhooks: what
    tries them; without it none is added here. require_consent: of interviews that an operator has tried again. judge:
    who judges again; without it nobody asks for that here. checks: service -> what raises when it cannot be used;
    without them only the database is asked. queue_length: of the broker, for /metrics. engine_load: how busy the
    judge's engine is, for /metrics and the page of a run. priced: whether a budget can be in money, and in which
    currency.
    """
    templates = _templates()
    app = _bare(version)
    open_gate(app, DatabaseGate(database=database, access=access))
    if openid is None and access.provider is not None and access.web_url is not None:
        openid = OpenIdLogin(access.provider, access.web_url)
    app.state.openid = openid
    entrance = Entrance(database=database, access=access, openid=openid, templates=templates, version=version)
    site = Site(
        database=database,
        store=store,
        templates=templates,
        version=version,
        webhooks=webhooks,
        require_consent=require_consent,
        judge=judge,
        checks=checks or {},
        queue_length=queue_length,
        engine_load=engine_load,
        priced=priced,
        currency=currency,
    )
    _add_static(app)
    _add_entrance(app, entrance)
    _add_accounts(app, Accounts(site=site, access=access))
    for attach in (*pages.ATTACHED, *api.ATTACHED):
        attach(app, site)
    # Fails here, not later, should a route have come in unguarded. A page links only to what is served.
    templates.globals["served"] = frozenset(route.path for route in routes(app))
    _add_failures(app, templates)
    app.add_middleware(
        Guard,
        host=urlsplit(access.web_url).netloc if access.web_url else None,
        refuse=lambda request, status, detail: respond(request, _http_problem(status, detail), templates),
    )
    return app


def _bare(version: str) -> FastAPI:
    """The application without a route.

    No interactive documentation: it would be loaded from a third party's servers. No redirects to addresses without a
    last slash: they would name the scheme, which a proxy before us has changed.
    """
    return FastAPI(
        title="Debrief",
        version=version,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        lifespan=_few_threads,
    )


@asynccontextmanager
async def _few_threads(_: FastAPI) -> AsyncIterator[None]:
    """Requests beyond these wait their turn: on two cores more of them at once only take the interpreter in turns."""
    current_default_thread_limiter().total_tokens = THREADS
    yield


def _templates() -> Environment:
    environment = environment_of("evaluator.web")
    environment.filters["visible"] = visible
    environment.globals["advice"] = ADVICE
    return environment


def _add_static(app: FastAPI) -> None:
    """The few files of the folder, by their names alone: no path leads out of it."""
    folder = files("evaluator.web").joinpath("static")
    kept = {f.name: f.read_bytes() for f in folder.iterdir() if f.name.rpartition(".")[2] in STATIC_TYPES}

    def static(name: str) -> Response:
        if name not in kept:
            raise HTTPException(404)
        return Response(kept[name], media_type=STATIC_TYPES[name.rpartition(".")[2]])

    add(app, "/static/{name}", static, needs=Public())


def _add_entrance(app: FastAPI, entrance: Entrance) -> None:
    add(app, "/login", entrance.login, needs=Public())
    add(app, "/logout", entrance.logout, needs=SignedIn(), methods=POST)
    if entrance.openid is None:
        add(app, "/enter", entrance.link, needs=Public())
        add(app, "/enter", entrance.enter, needs=Public(), methods=POST)
    else:
        add(app, "/login/start", entrance.start, needs=Public(), methods=("GET",))
        add(app, CALLBACK, entrance.callback, needs=Public(), methods=("GET",))


def _add_accounts(app: FastAPI, accounts: Accounts) -> None:
    people = Globally("manage_people")
    add(app, "/account", accounts.account, needs=SignedIn())
    add(app, "/account/tokens", accounts.add_token, needs=SignedIn(), methods=POST)
    add(app, "/account/tokens/{token_id}/revoke", accounts.revoke_token, needs=SignedIn(), methods=POST)
    add(app, "/account/sessions/end-others", accounts.end_other_sessions, needs=SignedIn(), methods=POST)
    add(app, "/people", accounts.people, needs=people)
    add(app, "/people/{person_id}/admin", accounts.set_admin, needs=people, methods=POST)
    add(app, "/people/{person_id}/active", accounts.set_active, needs=people, methods=POST)


def _add_failures(app: FastAPI, templates: Environment) -> None:
    async def known(request: Request, error: Exception) -> Response:
        assert isinstance(error, DebriefError)  # noqa: S101 - registered for nothing else
        return respond(request, problem_of(error), templates, error.headers if isinstance(error, Refusal) else None)

    async def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101 - registered for nothing else
        if error.status_code == 401 and request.method in SAFE and not wants_json(request):
            return RedirectResponse(login_address(request), 303)
        headers = {"Allow": ", ".join(_allowed(request))} if error.status_code == 405 else error.headers
        return respond(request, _http_problem(error.status_code, None), templates, headers)

    async def invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for nothing else
        faults = [f"{'.'.join(str(part) for part in f['loc'][1:]) or 'body'}: {f['msg']}" for f in error.errors()]
        problem = Problem(status=422, code="invalid", detail=visible("; ".join(faults)))  # no value of what was sent
        return respond(request, problem, templates)

    app.add_exception_handler(DebriefError, known)
    app.add_exception_handler(HTTPException, http)
    app.add_exception_handler(RequestValidationError, invalid)


def _allowed(request: Request) -> list[str]:
    """What the address answers to; the router itself knows only of the first route that fits."""
    fitting = (r for r in routes(request.app) if r.matches(request.scope)[0] is not Match.NONE)
    return sorted({method for route in fitting for method in route.methods})


def _http_problem(status: int, detail: str | None) -> Problem:
    words = {
        401: "nobody is signed in here, or the session or token has ended",
        404: "there is no page at this address",
        405: "this address does not answer to that method",
        413: TOO_LARGE,
    }
    return Problem(status=status, code=f"http_{status}", detail=detail or words.get(status, "the request was refused"))
