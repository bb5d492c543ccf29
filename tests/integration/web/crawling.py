"""All addresses of the pages: each route of the application, filled with what is there, and what pages link to."""

import re
from collections.abc import Iterator, Mapping, Sequence
from html import unescape
from html.parser import HTMLParser
from urllib.parse import urlencode, urlsplit

from fastapi.dependencies.models import Dependant
from fastapi.dependencies.utils import get_flat_dependant
from pydantic import BaseModel

from evaluator.web.rights import Route, routes

Values = Mapping[str, Sequence[str]]  # parameter of a path -> what it can be here

# What parameters of paths can be, where it matters little which; tests put their own interviews and scorecards over it.
# A new parameter of a route is told here, and all crawls go there from then on.
COMMON: dict[str, list[str]] = {
    "token_id": ["1"],
    "view_id": ["1"],
    "person_id": ["1"],
    "webhook_id": ["1"],
    "delivery_id": ["1"],
    "criterion_id": ["depth"],
    "number": ["1"],
    "message": ["1"],
    "role": ["reviewer"],
}

_PARAMETER = re.compile(r"{(\w+)(?::\w+)?}")


def paths(route: Route, values: Values) -> list[str]:
    """The route's addresses; AssertionError names a parameter that nobody has told how to fill."""
    names = _PARAMETER.findall(route.path)
    for name in names:
        assert values.get(name), (
            f"no test goes to {route.path}: say in the values of tests/integration/web what {{{name}}} can be"
        )
    most = max((len(values[name]) for name in names), default=1)
    found = []
    for n in range(most):
        filled = {name: values[name][n % len(values[name])] for name in names}
        found.append(_PARAMETER.sub(lambda m, filled=filled: filled[m[1]], route.path))
    return list(dict.fromkeys(found))


def readable(app) -> list[Route]:
    """The routes that answer GET."""
    return [route for route in routes(app) if "GET" in route.methods]


def writable(app) -> list[tuple[Route, str]]:
    """The routes that change something, each with a method."""
    return [(route, method) for route in routes(app) for method in sorted(route.methods - {"GET", "HEAD"})]


def query_names(route: Route) -> frozenset[str] | None:
    """Which parts of a query its handler reads; None: it may read any, as it is given the request."""
    if any(d.request_param_name and getattr(d.call, "__name__", "") != "_visit" for d in _all(route.dependant)):
        return None
    asked = get_flat_dependant(route.dependant).query_params
    kinds = [field.field_info.annotation for field in asked]
    if any(isinstance(kind, type) and issubclass(kind, BaseModel) for kind in kinds):
        return None
    return frozenset(field.alias for field in asked)


def _all(dependant: Dependant) -> Iterator[Dependant]:
    yield dependant
    for other in dependant.dependencies:
        yield from _all(other)


class _Ways(HTMLParser):
    """Where a page leads: its links, and each choice of its forms that read."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self._action: str | None = None  # of the form that is being read
        self._select: str | None = None
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        """Collects."""
        given = dict(attrs)
        if tag in {"a", "link"} and given.get("href"):
            self.found.append(given["href"])
        elif tag in {"audio", "video", "source", "img"} and given.get("src"):
            self.found.append(given["src"])
        elif tag == "form":
            reads = (given.get("method") or "get").lower() == "get"
            self._action = (given.get("action") or "") if reads else None
        elif tag == "select":
            self._select = given.get("name")
        elif tag == "option" and self._select and given.get("value"):
            self._choice(self._select, given["value"])
        elif tag == "input" and given.get("type") in {"radio", "checkbox"} and given.get("name"):
            self._choice(given["name"], given.get("value") or "on")

    def handle_endtag(self, tag):
        """A form or a select ends."""
        if tag == "form":
            self._action = None
        elif tag == "select":
            self._select = None

    def _choice(self, name: str, value: str) -> None:
        if self._action is not None:
            self.found.append(f"{self._action}?{urlencode({name: value})}")


def ways(html: str, here: str) -> Iterator[str]:
    """Addresses of ours that a page leads to, without their fragments."""
    for found in _Ways(html).found:
        parts = urlsplit(unescape(found))
        if parts.scheme or parts.netloc:
            continue
        path = parts.path or urlsplit(here).path
        if path.startswith("/"):
            yield path + (f"?{parts.query}" if parts.query else "")
