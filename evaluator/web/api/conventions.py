"""What all of `/v1` has in common: ETags and conditions, pages behind opaque cursors, requests that repeat safely."""

import base64
import binascii
import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Generic, Literal, TypeVar

import anyio.from_thread
from fastapi import Query, Request, Response
from pydantic import BaseModel, Field, TypeAdapter, ValidationError
from pydantic_core import to_jsonable_python
from sqlalchemy import Connection

from evaluator.errors import Stale, UsageFault
from evaluator.storage import idempotency
from evaluator.storage.idempotency import Answered, Busy
from evaluator.values import Frozen, canonical, sha256
from evaluator.web.identity import Visit
from evaluator.web.pages.site import Site
from evaluator.web.problems import Refusal
from evaluator.web.rights import SAFE

LIMIT_USUAL, LIMIT_MAX = 50, 200  # items of a page
CURSOR_CHARS_MAX = 600
NUMBER_DIGITS_MAX = 9
BUSY_RETRY_S = 1
REPLAYED = "Idempotency-Replayed"  # says that an answer is the one that was given before

_TAG = re.compile(r'(?P<weak>W/)?"(?P<text>[\x21\x23-\x7e]*)"')
_NUMBER = re.compile(rf'"(0|[1-9][0-9]{{0,{NUMBER_DIGITS_MAX - 1}}})"')
_KEY = re.compile(r"[\x21-\x7e]{1,200}")
_KEPT_HEADERS = ("etag", "location", "content-type")

Item = TypeVar("Item")

Limit = Annotated[int, Query(ge=1, le=LIMIT_MAX, description="The most items of one page.")]
CursorText = Annotated[
    str | None,
    Query(
        max_length=CURSOR_CHARS_MAX,
        description="`next` or `previous` of a page, given back as it came, with the same filters.",
    ),
]


# --- ETags and conditions


def etag(value: object) -> str:
    """A strong ETag over what this viewer is shown: a value of ours, or one that JSON can spell."""
    return f'"{sha256(canonical(_plain(value)))[:32]}"'


def answer(
    request: Request,
    value: BaseModel | Mapping[str, Any],
    *,
    status: int = 200,
    tag: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """The value as JSON with its ETag; 304 without a body where a reader says that they have this one.

    tag: in place of the ETag over the value. What a POST answers has an ETag only where `tag` gives it one.
    """
    reads = request.method in SAFE
    named = tag or (etag(value) if reads and status == 200 else None)
    more = {**(headers or {}), **({"ETag": named} if named else {})}
    if reads and named and status == 200 and _matches(request, "if-none-match", named, weakly=True):
        return Response(status_code=304, headers=more)
    body = json.dumps(_plain(value), ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    return Response(body, status, more, media_type="application/json")


def expected(request: Request, current: str, *, noun: str) -> None:
    """Refuses a change that rests on another version than `current`: 428 without If-Match, 412 with another tag.

    `*` would be no condition at all, and counts as none.
    """
    given = _given(request, "if-match")
    if not given or given == "*":
        raise _unconditional(f"the {noun}")
    if not _matches(request, "if-match", current, weakly=False):
        raise Stale(f"somebody changed the {noun} since you read it; read it again, then decide")


def expected_number(request: Request) -> int:
    """The number of the last record of a scorecard that the asker has seen: If-Match `"<number>"`; 428, 412."""
    given = _given(request, "if-match")
    if not given:
        raise _unconditional("its records")
    found = _NUMBER.fullmatch(given)
    if found is None:
        raise Stale('If-Match must be the ETag of the records, such as "3"; read them again')
    return int(found[1])


def number_tag(number: int) -> str:
    """The ETag that `expected_number` reads."""
    return f'"{number}"'


def _unconditional(what: str) -> Refusal:
    detail = f"send If-Match with the ETag that {what} had when you read it, so that nobody's change is lost"
    return Refusal(428, "precondition_required", detail)


def _given(request: Request, header: str) -> str:
    return ", ".join(request.headers.getlist(header)).strip()


def _matches(request: Request, header: str, current: str, *, weakly: bool) -> bool:
    given = _given(request, header)
    if weakly and given == "*":
        return True
    tags = [(found["weak"], f'"{found["text"]}"') for found in _TAG.finditer(given)]
    return any(text == current.removeprefix("W/") and (weakly or not weak) for weak, text in tags)


def _plain(value: object) -> Any:
    return to_jsonable_python(value)


# --- Pages of a list


class Page(Frozen, Generic[Item]):
    """One page of a list. `next` and `previous` are cursors: give one back as `cursor` with the same filters."""

    items: tuple[Item, ...]
    next: str | None = Field(default=None, description="Cursor of the page after this one; null: this is the last.")
    previous: str | None = Field(default=None, description="Cursor of the page before this one, where lists go back.")


class Cursor(Frozen):
    """Where a page begins after, or ends before: at the line with this key."""

    of: str  # the list and its order
    side: Literal["after", "before"] = "after"
    key: tuple[str | int | float | None, ...]


_CURSOR: TypeAdapter[Cursor] = TypeAdapter(Cursor)


def cursor_text(cursor: Cursor) -> str:
    """The cursor as it goes out: nobody needs to know what is in it."""
    return base64.urlsafe_b64encode(canonical(cursor.model_dump(mode="json"))).decode().rstrip("=")


def cursor_of(text: str | None, *, of: str) -> Cursor | None:
    """What came in, read again; UsageFault for anything that was not given out for this list in this order.

    The key's parts are as hostile as any other input: whoever wrote the cursor may not be us.
    """
    if not text:
        return None
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        cursor = _CURSOR.validate_json(raw, strict=True)
    except (ValueError, binascii.Error, ValidationError):
        raise _stray_cursor() from None
    if cursor.of != of or any(isinstance(part, str) and not part.isprintable() for part in cursor.key):
        raise _stray_cursor()
    return cursor


def _stray_cursor() -> UsageFault:
    return UsageFault("this cursor is not one of this list and order; start again without it")


def paged(
    found: Sequence[Item], *, limit: int, of: str, key: Callable[[Item], Sequence[str | int | float | None]]
) -> Page[Item]:
    """A page of a list that goes forward: `found` holds one more than `limit` where there is more.

    key: what the list is ordered by, of one item; it comes back as the cursor's.
    """
    items = tuple(found[:limit])
    more = len(found) > limit
    following = cursor_text(Cursor(of=of, key=tuple(key(items[-1])))) if more and items else None
    return Page[Any](items=items, next=following)


# --- Requests that repeat safely


def idempotent(site: Site, request: Request, visit: Visit, work: Callable[[Connection], Response]) -> Response:
    """Does the work in one transaction; with an Idempotency-Key only once, and the first answer is given again.

    The key is the person's own, for KEPT_FOR. 422 when it came with another request before, 409 when the first one
    is still being answered. What fails is not remembered: nothing was changed, so the same key may try again. For
    handlers that are not coroutines, of requests with a JSON body or none.
    """
    key, person_id = request.headers.get("idempotency-key"), visit.viewer.person_id
    if key is not None and not _KEY.fullmatch(key):
        raise UsageFault("Idempotency-Key is 1 to 200 visible ASCII characters, new for each thing to be done")
    digest = _request_digest(request, visit) if key is not None else ""
    with site.database.begin() as db:
        if key is None or person_id is None:
            return work(db)
        found = idempotency.claim(db, person_id, key)
        if found is not None:
            return _again(found, digest)
        response = work(db)
        headers = {name: response.headers[name] for name in _KEPT_HEADERS if name in response.headers}
        body = bytes(response.body).decode()
        kept = Answered(request_sha256=digest, status=response.status_code, body=body, headers=headers)
        idempotency.keep(db, person_id, key, kept)
        return response


def _again(found: Answered | Busy, digest: str) -> Response:
    if isinstance(found, Busy):
        detail = "the first request with this Idempotency-Key is still being answered; ask again in a moment"
        raise Refusal(409, "idempotency_in_progress", detail, headers={"Retry-After": str(BUSY_RETRY_S)})
    if found.request_sha256 != digest:
        detail = "this Idempotency-Key came with another request before; use a new one for each thing to be done"
        raise Refusal(422, "idempotency_key_reused", detail)
    return Response(found.body, found.status, {**found.headers, REPLAYED: "true"})


def _request_digest(request: Request, visit: Visit) -> str:
    """What must be the same for an answer to be given again: how somebody came in too, for that decides what they see.

    A session may see what a token of the same person may not.
    """
    body: bytes = anyio.from_thread.run(request.body)  # kept since it was parsed
    entry = [visit.viewer.entry, *sorted(visit.viewer.scopes)]
    condition = _given(request, "if-match")
    facts = [request.method, request.url.path, request.url.query, condition, *entry, sha256(body)]
    return sha256(canonical(facts))
