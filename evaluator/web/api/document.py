"""What the API says of itself: OpenAPI for programs and a page for people, both from the routes that are served."""

import copy
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.openapi.utils import get_openapi
from pydantic import Field

from evaluator.people import SCOPES
from evaluator.values import Frozen
from evaluator.web.api.conventions import REPLAYED, answer
from evaluator.web.bodies import API
from evaluator.web.pages.site import Site
from evaluator.web.rights import (
    CSRF_HEADER,
    SAFE,
    AsVisit,
    Globally,
    InRequisition,
    Need,
    Public,
    Route,
    SignedIn,
    Somewhere,
    add,
    routes,
)

DOCUMENT = "/v1/openapi.json"
JSON, PROBLEM = "application/json", "application/problem+json"
DEPTH_MAX = 12  # of an example that is put together from a schema

# Values for paths in examples; ids that cannot be told apart from real ones would be copied as they are.
PLACES = {
    "interview_id": "iv-0412",
    "ref": "sc_7F3K",
    "requisition_id": "REQ-114",
    "rubric_id": "backend-eng",
    "version": "4",
    "name": "night-2026-11-21",
    "view_id": 12,
    "person_id": 7,
    "webhook_id": 3,
    "number": 2,
}
PLACE_WORDS = {
    "interview_id": "An interview's id.",
    "ref": "A scorecard's id, or an interview's for its newest.",
    "requisition_id": "A requisition's id.",
    "rubric_id": "A rubric's id.",
    "version": "A version of it.",
    "name": "A run's name.",
    "view_id": "The number of a saved list.",
    "person_id": "The number of a person.",
    "webhook_id": "The number of a webhook.",
    "number": "The number of a record.",
}
SECURITY = {
    "token": {
        "type": "http",
        "scheme": "bearer",
        "description": "An API token from /account: its owner with fewer scopes (read, review, operate).",
    },
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "debrief",
        "description": "The session of a browser; behind a login provider its name is __Host-debrief.",
    },
    "form": {
        "type": "apiKey",
        "in": "header",
        "name": CSRF_HEADER,
        "description": "What forms of that session carry, beside the browser's own Origin; for what changes something.",
    },
}
DESCRIPTION = f"""\
What the pages do, for programs. Everything is JSON; failures are problem+json (RFC 9457) with a stable `code`.

* Reads carry a strong `ETag` over what the asker is shown; `If-None-Match` answers 304.
* Changes of what somebody else may have changed want `If-Match`: 428 without it, 412 when it is not the newest.
* `Idempotency-Key` on POST makes sending it again safe for 24 hours; such an answer has `{REPLAYED}: true`.
* Lists are pages: give `next` back as `cursor`.
* What one may not see answers as what does not exist (404). Nothing of the judge is told while a blind review hides it.
"""


class Problem(Frozen):
    """Why a request was not served, and what to do."""

    type: str = Field(examples=["about:blank"])
    title: str = Field(examples=["Nothing has this name"])
    status: int = Field(examples=[404])
    code: str = Field(description="Short and stable.", examples=["not_found"])
    detail: str = Field(examples=["there is no interview of this name, or none that you may see"])
    next: str = Field(examples=["Check the address, or look for it in the list of interviews."])
    request_id: str = Field(description="Leads to the place in the log.", examples=["a1b2c3d4e5f6"])
    number: int | None = Field(default=None, description="Of what stands there now, with 412 where it is known.")


_REASONS = {
    400: ("usage", "What the address asks for cannot be meant."),
    401: ("http_401", "Nobody is signed in, or the session or token has ended."),
    403: ("forbidden", "The role, or the token's scopes, do not allow this."),
    404: ("not_found", "It does not exist, or the asker may not see it."),
    409: ("conflict", "It does not go with what is there, or the first request with this key is still being answered."),
    412: ("stale", "Somebody changed it in the meantime; read it again."),
    413: ("http_413", "The body is larger than 1 MiB, or holds too many values."),
    415: ("unsupported_media_type", "The body is not JSON."),
    422: ("invalid", "A value is not one of those that are allowed; the detail names it."),
    428: ("precondition_required", "If-Match is missing."),
    503: ("unavailable", "A service is not available; ask again after Retry-After."),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Parameter:
    """What an operation takes beside its body."""

    name: str
    where: str  # path, query, header
    required: bool
    words: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Operation:
    """One operation as the page shows it."""

    id: str
    tag: str
    method: str
    path: str
    summary: str
    description: str
    who: str
    curl: str
    takes: tuple[Parameter, ...]
    example: str | None  # of a success, as JSON
    failures: tuple[str, ...]  # statuses


@dataclass(kw_only=True)
class Document:
    """The API's description, made once from the routes."""

    app: FastAPI
    version: str

    @cached_property
    def openapi(self) -> dict[str, Any]:
        """The OpenAPI 3.1 document."""
        shown = list(_described(self.app))
        tree = get_openapi(
            title="Debrief",
            version=self.version,
            description=DESCRIPTION,
            routes=[route for route, _ in shown],
            servers=[{"url": "/", "description": "Where this document comes from."}],
        )
        parts = tree.setdefault("components", {})
        schemas = parts.setdefault("schemas", {})
        for name in ("HTTPValidationError", "ValidationError"):
            schemas.pop(name, None)
        schemas["Problem"] = Problem.model_json_schema()
        for schema in schemas.values():
            if "examples" in schema:
                schema["examples"] = [_whole(one, schema, schemas) for one in schema["examples"]]
        cookie = self.app.state.gate.access.cookie
        parts["securitySchemes"] = {**SECURITY, "session": {**SECURITY["session"], "name": cookie}}
        for route, method in shown:
            _complete(tree["paths"][route.path_format][method.lower()], route, method, schemas)
        return tree

    def operations(self, base: str) -> tuple[Operation, ...]:
        """What the page lists, in the order of the routes' groups; base: the address that examples are sent to."""
        found = [
            _operation(path, method.upper(), operation, base)
            for path, methods in self.openapi["paths"].items()
            for method, operation in methods.items()
        ]
        return tuple(sorted(found, key=lambda one: (one.tag, one.path, _METHODS.index(one.method))))


_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


def _operation(path: str, method: str, operation: Mapping[str, Any], base: str) -> Operation:
    success: Mapping[str, Any] = next((r for status, r in operation["responses"].items() if status.startswith("2")), {})
    example = success.get("content", {}).get(JSON, {}).get("example")
    return Operation(
        id=operation["operationId"],
        tag=operation["tags"][0],
        method=method,
        path=path,
        summary=operation["summary"],
        description=operation.get("description", ""),
        who=operation["x-debrief-need"],
        curl=_curl(path, method, operation, base),
        takes=tuple(
            Parameter(
                name=p["name"],
                where=p["in"],
                required=p.get("required", False),
                words=p.get("description") or p["schema"].get("description", ""),
            )
            for p in operation.get("parameters", ())
        ),
        example=None if example is None else json.dumps(example, indent=2, ensure_ascii=False),
        failures=tuple(sorted(status for status in operation["responses"] if status[0] in "45")),
    )


def _curl(path: str, method: str, operation: Mapping[str, Any], base: str) -> str:
    address = base + path
    for parameter in operation.get("parameters", ()):
        if parameter["in"] == "path":
            address = address.replace(f"{{{parameter['name']}}}", str(parameter.get("example", "...")))
    lines = [f"curl {address}" if method == "GET" else f"curl -X {method} {address}"]
    if {"token": []} in operation["security"]:
        lines.append('-H "Authorization: Bearer $DEBRIEF_TOKEN"')
    names = {p["name"] for p in operation.get("parameters", ()) if p["in"] == "header"}
    lines += [f"-H '{name}: {value}'" for name, value in _HEADERS.items() if name in names]
    body = operation.get("requestBody", {}).get("content", {}).get(JSON)
    if body:
        text = json.dumps(body["example"], ensure_ascii=False).replace("'", "'\\''")
        lines += ["-H 'Content-Type: application/json'", f"-d '{text}'"]
    return " \\\n     ".join(lines)


_HEADERS = {"If-Match": '"..."', "Idempotency-Key": "c7f1b2e0"}


def _described(app: FastAPI) -> Iterator[tuple[Route, str]]:
    """Each operation as a route of its own, so that each has one method and one stable id."""
    for route in routes(app):
        if not route.path.startswith(API) or route.path == DOCUMENT:
            continue
        for method in sorted(route.methods - {"HEAD"}):
            one = copy.copy(route)
            one.methods = {method}
            one.operation_id = route.operation_id or operation_id(method, route.path)
            one.tags = route.tags or [route.path.split("/")[2]]
            first, _, rest = (route.description or "").partition("\n\n")
            one.summary = route.summary or " ".join(first.split()).rstrip(".")
            one.description = " ".join(rest.split())
            yield one, method


def operation_id(method: str, path: str) -> str:
    """`get_scorecards_ref_records`: from what never changes within /v1."""
    parts = [part.strip("{}") for part in path.split("/")[2:]]
    return "_".join([method.lower(), *parts]).replace("-", "_").replace(".", "_")


def _complete(operation: dict[str, Any], route: Route, method: str, schemas: Mapping[str, Any]) -> None:
    """Adds what holds for all operations: who may, how it can fail, and examples."""
    operation["security"] = _security(route.need, method)
    operation["x-debrief-need"] = who(route.need)
    for parameter in operation.get("parameters", ()):
        if parameter["in"] == "path" and parameter["name"] in PLACES:
            parameter.setdefault("example", PLACES[parameter["name"]])
            parameter.setdefault("description", PLACE_WORDS[parameter["name"]])
    responses = operation["responses"]
    successes = [status for status in responses if status.startswith("2")]
    if (
        route.status_code is None
        and len(successes) > 1
        and not responses["200"].get("content", {}).get(JSON, {}).get("schema")
    ):
        del responses["200"]  # FastAPI's own, where a route tells of another one
    told = {int(status) for status in responses if status[0] in "45"}  # by the route itself
    for status in sorted({*_failures(operation, route, method), *told}):
        code, words = _REASONS[status]
        responses[str(status)] = _problem(status, code, words)
    if method in SAFE and (found := responses.get("200")) and JSON in found.get("content", {}):
        found.setdefault("headers", {})["ETag"] = {"schema": {"type": "string"}, "description": "Of what is shown."}
        responses["304"] = {"description": "The asker has this one: If-None-Match named its ETag."}
    contents = [r.get("content", {}) for r in (*responses.values(), operation.get("requestBody", {}))]
    for content in contents:
        media = content.get(JSON)
        if media and "schema" in media and "example" not in media:
            media["example"] = example_of(media["schema"], schemas)


def _security(need: Need, method: str) -> list[dict[str, list[str]]]:
    if isinstance(need, Public):
        return []
    browser: dict[str, list[str]] = {"session": []} if method in SAFE else {"session": [], "form": []}
    return [{"token": []}, browser] if for_tokens(need) else [browser]


def for_tokens(need: Need) -> bool:
    """Whether some scope of a token is enough."""
    match need:
        case SignedIn(tokens=tokens):
            return tokens
        case Somewhere(act) | Globally(act) | InRequisition(act, _):
            return any(act in acts for acts in SCOPES.values())
        case _:
            return True


def _failures(operation: Mapping[str, Any], route: Route, method: str) -> Sequence[int]:
    parameters = operation.get("parameters", ())
    sends = method not in SAFE
    conditional = any(p["name"].lower() == "if-match" for p in parameters)
    found = {
        400: True,
        401: not isinstance(route.need, Public),
        403: sends or not isinstance(route.need, Public),
        404: "{" in route.path or isinstance(route.need, Somewhere),
        409: sends,
        412: conditional,
        413: sends,
        415: sends,
        422: sends or bool(parameters),
        428: conditional,
        503: True,
    }
    return [status for status, holds in found.items() if holds]


def _problem(status: int, code: str, words: str) -> dict[str, Any]:
    example = {
        "type": "about:blank",
        "title": words,
        "status": status,
        "code": code,
        "detail": words,
        "next": "",
        "request_id": "a1b2c3d4e5f6",
    }
    schema = {"$ref": "#/components/schemas/Problem"}
    return {"description": words, "content": {PROBLEM: {"schema": schema, "example": example}}}


def who(need: Need) -> str:
    """Who may, in words."""
    return _who(need) + ("" if for_tokens(need) else "; in person, not with a token")


def _who(need: Need) -> str:
    match need:
        case Public():
            return "everybody"
        case SignedIn():
            return "everybody who is signed in"
        case Somewhere(act):
            return f"whoever may {act} in some requisition, and of those only"
        case Globally(act):
            return f"whoever may {act}"
        case InRequisition(act, _):
            return f"whoever may {act} in its requisition"


def example_of(schema: Mapping[str, Any], schemas: Mapping[str, Any], depth: int = 0) -> Any:
    """A value that the schema allows, from the examples that stand in it."""
    if "$ref" in schema:
        return example_of(schemas[schema["$ref"].rpartition("/")[2]], schemas, depth)
    for key in ("example", "const", "default"):
        if key in schema:
            return schema[key]
    for key in ("examples", "enum"):
        if schema.get(key):
            return schema[key][0]
    for key in ("anyOf", "oneOf", "allOf"):
        if key in schema:
            return example_of(schema[key][0], schemas, depth)
    return _built(schema, schemas, depth)


def _built(schema: Mapping[str, Any], schemas: Mapping[str, Any], depth: int) -> Any:
    if depth > DEPTH_MAX:
        raise ValueError("a schema that holds itself needs an example")
    match schema.get("type"):
        case "object":
            parts: Mapping[str, Any] = schema.get("properties", {})
            return {name: example_of(part, schemas, depth + 1) for name, part in parts.items()}
        case "array":
            return [example_of(schema["items"], schemas, depth + 1)] if schema.get("items") else []
        case "integer" | "number":
            return schema.get("minimum", 1)
        case "boolean":
            return False
        case "string":
            return _TEXTS.get(schema.get("format", ""), "text")
    return None


def _whole(value: Any, schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Any:
    """The example with its nulls, which FastAPI leaves out of what it gives."""
    if "$ref" in schema:
        return _whole(value, schemas[schema["$ref"].rpartition("/")[2]], schemas)
    if isinstance(value, list) and schema.get("items"):
        return [_whole(one, schema["items"], schemas) for one in value]
    if isinstance(value, dict) and (parts := schema.get("properties")):
        missing = {name: None for name in schema.get("required", ()) if name not in value}
        return {name: _whole(one, parts.get(name, {}), schemas) for name, one in {**value, **missing}.items()}
    return value


_TEXTS = {"date": "2026-11-18", "date-time": "2026-11-18T14:02:00Z"}


@dataclass(frozen=True, kw_only=True, slots=True)
class DocumentPages:
    """The handlers."""

    site: Site
    document: Document

    def openapi(self, request: Request) -> Response:
        """The OpenAPI document; it tells nothing of what is stored here."""
        return answer(request, self.document.openapi)

    def page(self, visit: AsVisit, request: Request) -> Response:
        """The same for people."""
        access = request.app.state.gate.access
        operations = self.document.operations(access.origin(request))
        return self.site.page(
            "api.html",
            visit=visit,
            groups=[(tag, list(found)) for tag, found in groupby(operations, key=lambda one: one.tag)],
            count=len(operations),
        )


def attach(app: FastAPI, site: Site) -> None:
    """The routes of this part of the API."""
    pages = DocumentPages(site=site, document=Document(app=app, version=site.version))
    add(app, DOCUMENT, pages.openapi, needs=Public())
    add(app, "/api", pages.page, needs=SignedIn())
