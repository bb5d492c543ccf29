"""The web application: routes, templates and failures put together; what it serves is in evaluator.web.pages."""

from importlib.resources import files

from fastapi import FastAPI
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from evaluator.errors import DebriefError
from evaluator.ports import ObjectStore
from evaluator.storage.database import Database
from evaluator.web.guard import Guard
from evaluator.web.pages import Pages
from evaluator.web.problems import Problem, problem_of, respond
from evaluator.web.words import ADVICE, iso, utc, visible


def create_app(database: Database, store: ObjectStore, *, version: str) -> FastAPI:
    """The read-only pages and their JSON over this database and store; nothing is opened before the first request."""
    templates = _templates()
    style = files("evaluator.web").joinpath("static/site.css").read_bytes()
    pages = Pages(database=database, store=store, templates=templates, version=version, style=style)
    # No interactive documentation: it would be loaded from a third party's servers.
    app = FastAPI(title="Debrief", version=version, docs_url=None, redoc_url=None, openapi_url=None)
    _add_routes(app, pages)
    _add_failures(app, templates)
    app.add_middleware(
        Guard, refuse=lambda request, status, detail: respond(request, _http_problem(status, detail), templates)
    )
    return app


def _templates() -> Environment:
    environment = Environment(
        loader=PackageLoader("evaluator.web"),
        autoescape=True,  # always: whatever the template's name, nothing from outside is markup
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(utc=utc, iso=iso, visible=visible)
    environment.globals["advice"] = ADVICE
    return environment


def _add_routes(app: FastAPI, pages: Pages) -> None:
    for path, handler in (
        ("/", pages.home),
        ("/interviews", pages.interviews),
        ("/interviews/{interview_id}", pages.interview),
        ("/scorecards/{ref}.json", pages.scorecard_data),  # before the page: its path would match this one too
        ("/scorecards/{ref}", pages.scorecard),
        ("/static/site.css", pages.stylesheet),
        ("/livez", pages.livez),
        ("/version", pages.version_of),
    ):
        app.add_api_route(path, handler, methods=["GET", "HEAD"], response_model=None)


def _add_failures(app: FastAPI, templates: Environment) -> None:
    async def known(request: Request, error: Exception) -> Response:
        assert isinstance(error, DebriefError)  # noqa: S101 - registered for nothing else
        return respond(request, problem_of(error), templates)

    async def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101 - registered for nothing else
        return respond(request, _http_problem(error.status_code, None), templates)

    app.add_exception_handler(DebriefError, known)
    app.add_exception_handler(HTTPException, http)


def _http_problem(status: int, detail: str | None) -> Problem:
    words = {404: "there is no page at this address", 405: "this address answers to GET and HEAD only"}
    return Problem(status=status, code=f"http_{status}", detail=detail or words.get(status, "the request was refused"))
