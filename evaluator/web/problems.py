"""Failures as answers: a page for people, problem+json (RFC 9457) for machines, both with the request id."""

from dataclasses import dataclass
from http import HTTPStatus

from jinja2 import Environment
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from evaluator.errors import DebriefError, NotFound, Unavailable, UsageFault
from evaluator.web.guard import request_id
from evaluator.web.words import visible

RETRY_AFTER_S = 10

_TITLES = {
    400: "This address cannot be used",
    404: "Nothing has this name",
    405: "This page can only be read",
    500: "This page cannot be shown",
    503: "A service is not available",
}
_NEXT = {
    400: "Check the address, or start at the list of interviews.",
    404: "Check the address, or look for it in the list of interviews.",
    405: "Nothing was changed.",
    500: "Trying again may help. If it does not, report the request id: it leads to the place in the log.",
    503: "Nothing is lost. Try again in a moment; `debrief doctor` checks each service and says what to do.",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """What went wrong with one request, why, and the way out."""

    status: int
    code: str  # short and stable, for machines
    detail: str

    @property
    def title(self) -> str:
        """One line for people."""
        return _TITLES.get(self.status, HTTPStatus(self.status).phrase)

    @property
    def next(self) -> str:
        """What to do now."""
        return _NEXT.get(self.status, "")

    @property
    def may_pass(self) -> bool:
        """Asking again is worth it."""
        return self.status in {500, 503}


def problem_of(error: DebriefError) -> Problem:
    """The answer to a failure that the product knows."""
    status = 500
    if isinstance(error, NotFound):
        status = 404
    elif isinstance(error, UsageFault):
        status = 400
    elif isinstance(error, Unavailable):
        status = 503
    return Problem(status=status, code=error.code, detail=visible(str(error)))


def respond(request: Request, problem: Problem, templates: Environment) -> Response:
    """The problem in the form that the asker reads."""
    headers = {"Retry-After": str(RETRY_AFTER_S)} if problem.status == HTTPStatus.SERVICE_UNAVAILABLE else {}
    if _wants_json(request):
        body = {
            "type": "about:blank",
            "title": problem.title,
            "status": problem.status,
            "code": problem.code,
            "detail": problem.detail,
            "next": problem.next,
            "request_id": request_id(),
        }
        return JSONResponse(body, problem.status, headers, media_type="application/problem+json")
    page = templates.get_template("problem.html").render(problem=problem, request_id=request_id())
    return HTMLResponse(page, problem.status, headers)


def _wants_json(request: Request) -> bool:
    accept = request.headers.get("accept", "")
    asked = "json" in accept and "text/html" not in accept
    return asked or request.url.path.endswith(".json") or request.url.path in {"/livez", "/version"}
