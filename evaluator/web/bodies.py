"""What is sent to us, looked at before any handler: its size in depth and number, and text that no row can hold."""

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, NoReturn

from starlette.datastructures import FormData
from starlette.requests import Request

from evaluator.web.problems import Refusal

API = "/v1/"
QUERY_BYTES_MAX = 8_192  # of an address
DEPTH_MAX = 16  # of JSON, in brackets
VALUES_MAX = 20_000  # of one JSON body, about
DIGITS_MAX = 40  # of one number

_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_BRACKET = re.compile(rb"[\[\]{}]")
_LONG_NUMBER = re.compile(rb"[0-9.eE+-]{%d,}" % (DIGITS_MAX + 1))
_NUL = re.compile(r"%00|\x00")
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")

NUL = "text may not hold NUL characters"


def check_query(request: Request) -> None:
    """Refuses an address that no handler should have to look at."""
    if len(request.url.query) > QUERY_BYTES_MAX:
        raise Refusal(414, "query_too_long", f"a query may have {QUERY_BYTES_MAX} characters at most")
    if _NUL.search(request.url.query):
        raise Refusal(400, "usage", f"this address cannot be used: {NUL}")


def check_form(form: FormData) -> None:
    """Refuses text that PostgreSQL cannot keep."""
    if any(isinstance(part, str) and _UNSTORABLE.search(part) for pair in form.multi_items() for part in pair):
        raise _invalid(NUL)


async def check_json(request: Request) -> None:
    """Refuses a body that is no JSON, or more of it than a request has use for. The body is kept for the handler."""
    if not (body := await request.body()):
        return
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise Refusal(415, "unsupported_media_type", "what is sent here is JSON: Content-Type: application/json")
    _check_size(body)
    value = _parsed(body)
    if any(_UNSTORABLE.search(text) for text in _texts(value)):
        raise _invalid(f"{NUL} or halves of surrogate pairs")


def _check_size(body: bytes) -> None:
    """By its brackets and commas outside of strings, so that nothing deep is ever built."""
    bare = _STRING.sub(b"0", body)
    depth = deepest = 0
    for bracket in _BRACKET.findall(bare):
        depth += 1 if bracket in b"[{" else -1
        deepest = max(deepest, depth)
    if deepest > DEPTH_MAX:
        raise _invalid(f"JSON may be nested {DEPTH_MAX} deep at most")
    if bare.count(b",") >= VALUES_MAX:
        raise Refusal(413, "too_many_values", f"a request may hold {VALUES_MAX} values at most")
    if _LONG_NUMBER.search(bare):
        raise _invalid(f"a number may have {DIGITS_MAX} digits at most")


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body.decode("utf-8"), parse_constant=_no_number, object_pairs_hook=_each_once)
    except ValueError as error:  # no UTF-8, or no JSON; its message names a place and quotes nothing but our own words
        place = f", line {error.lineno} column {error.colno}" if isinstance(error, json.JSONDecodeError) else ""
        raise _invalid(f"the body is not JSON in UTF-8 with each name once{place}") from None


def _no_number(_: str) -> NoReturn:
    raise ValueError("not a number")


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name twice")
    return found


def _texts(value: Any) -> Iterator[str]:
    """All texts in it, names included."""
    waiting: list[Any] = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            yield one
        elif isinstance(one, dict):
            waiting += _flat(one.items())
        elif isinstance(one, list):
            waiting += one


def _flat(pairs: Iterable[tuple[Any, Any]]) -> Iterator[Any]:
    for pair in pairs:
        yield from pair


def _invalid(detail: str) -> Refusal:
    return Refusal(422, "invalid", detail)
