"""How a route of `/v1` says what it takes and answers, so that the document tells it and tests can hold it to that."""

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any

from fastapi import FastAPI, Path

from evaluator.values import ID_PATTERN
from evaluator.web.rights import READ, Need, add

Responses = Mapping[int | str, Mapping[str, Any]]

IF_MATCH = {
    "name": "If-Match",
    "in": "header",
    "required": True,
    "schema": {"type": "string", "minLength": 1},
    "example": '"2"',
    "description": "The ETag that this had when you read it; without it the answer is 428, with another one 412.",
}
IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "pattern": "^[!-~]{1,200}$"},
    "description": "New for each thing to be done. Sent again within 24 hours, the first answer is given again.",
}

Name = Annotated[str, Path(pattern=ID_PATTERN)]


def publish(
    app: FastAPI,
    path: str,
    handler: Callable[..., Any],
    *,
    needs: Need,
    answers: Any = None,
    methods: Sequence[str] = READ,
    status: int = 200,
    headers: Sequence[Mapping[str, Any]] = (),
    more: Responses | None = None,
) -> None:
    """Adds a route with what it answers.

    answers: the model of a success, None for an empty body. headers: those beside Authorization that it reads, such as
    IF_MATCH. more: other successes than the usual one, by status.
    """
    facts: dict[str, Any] = {"status_code": status, "response_model": answers}
    if headers:
        facts["openapi_extra"] = {"parameters": list(headers)}
    if more:
        facts["responses"] = {code: dict(facts) for code, facts in more.items()}
    add(app, path, handler, needs=needs, methods=methods, **facts)
