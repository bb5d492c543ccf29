"""Failures as answers: a page for people, problem+json (RFC 9457) for machines, both with the request id."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

from jinja2 import Environment
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from evaluator.errors import Conflict, DebriefError, Forbidden, NotFound, Stale, Unavailable, UsageFault
from evaluator.web.guard import request_id
from evaluator.words import visible

RETRY_AFTER_S = 10

_FOR_MACHINES = ("/v1/", "/livez", "/readyz", "/metrics", "/version")

_TITLES = {
    400: "This address cannot be used",
    401: "You are not signed in",
    403: "You may not do this",
    404: "Nothing has this name",
    405: "This address does something else",
    409: "This does not go with what is there",
    412: "Somebody changed this in the meantime",
    413: "This is too much at once",
    414: "This address is too long",
    415: "This is not in a form that can be read",
    422: "Something in the form is not right",
    428: "This must say what it rests on",
    500: "This page cannot be shown",
    503: "A service is not available",
}
_NEXT = {
    400: "Check the address, or start at the list of interviews.",
    401: "Sign in, then open the address again. Nothing was changed.",
    403: "Nothing was changed.",
    404: "Check the address, or look for it in the list of interviews.",
    405: "Nothing was changed.",
    409: "Nothing was changed.",
    412: "Nothing was changed. Open the page again to see what is there now.",
    413: "Nothing was changed. Send less.",
    414: "Ask for less at once.",
    415: "Nothing was changed. Send JSON, with Content-Type: application/json.",
    422: "Nothing was changed. Go back, put it right, and send it again.",
    428: "Nothing was changed. Read it first, then send its ETag as If-Match.",
    500: "Trying again may help. If it does not, report the request id: it leads to the place in the log.",
    503: "Nothing is lost. Try again in a moment; `debrief doctor` checks each service and says what to do.",
}


_STATUSES: tuple[tuple[type[DebriefError], int], ...] = (
    (NotFound, 404),
    (Forbidden, 403),
    (Stale, 412),
    (Conflict, 409),
    (UsageFault, 400),  # after its own kinds
    (Unavailable, 503),
)


class Refusal(UsageFault):
    """Raised when a request cannot be served as it was put; carries the status of HTTP that says so."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        more: Mapping[str, object] | None = None,
    ) -> None:
        """code: short and stable; more: further members of problem+json."""
        super().__init__(detail)
        self.status = status
        self.code = code
        self.headers = headers or {}
        self.more = more or {}


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """What went wrong with one request, why, and the way out."""

    status: int
    code: str  # short and stable, for machines
    detail: str
    number: int | None = None  # of what stands there now, where somebody else was faster
    more: Mapping[str, object] = field(default_factory=dict)  # further members, for machines

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
    if isinstance(error, Refusal):
        return Problem(status=error.status, code=error.code, detail=visible(str(error)), more=error.more)
    status = next((status for kind, status in _STATUSES if isinstance(error, kind)), 500)
    number = error.number if isinstance(error, Stale) else None
    return Problem(status=status, code=error.code, detail=visible(str(error)), number=number)


def respond(
    request: Request, problem: Problem, templates: Environment, more: Mapping[str, str] | None = None
) -> Response:
    """The problem in the form that the asker reads; more: headers beside the usual."""
    headers = {**(more or {})}
    if problem.status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = str(RETRY_AFTER_S)
    if wants_json(request):
        body = {
            "type": "about:blank",
            "title": problem.title,
            "status": problem.status,
            "code": problem.code,
            "detail": problem.detail,
            "next": problem.next,
            "request_id": request_id(),
            **({} if problem.number is None else {"number": problem.number}),
            **problem.more,
        }
        return JSONResponse(body, problem.status, headers, media_type="application/problem+json")
    visit = getattr(request.state, "visit", None)
    page = templates.get_template("problem.html").render(problem=problem, request_id=request_id(), visit=visit)
    return HTMLResponse(page, problem.status, headers)


def wants_json(request: Request) -> bool:
    """Whether a machine asks: by what it accepts, how it shows who it is, or the address."""
    accept, path = request.headers.get("accept", ""), request.url.path
    asked = "json" in accept and "text/html" not in accept
    return asked or "authorization" in request.headers or path.endswith(".json") or path.startswith(_FOR_MACHINES)
