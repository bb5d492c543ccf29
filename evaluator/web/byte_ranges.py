"""Which bytes a request asks for: ranges and conditions of RFC 9110, read without believing them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

DIGITS_MAX = 18  # of a position; any longer one lies behind the end of everything

_ONE = re.compile(r"bytes=\s*(\d*)-(\d*)\s*", re.IGNORECASE | re.ASCII)
_TAG = re.compile(r'(W/)?"[\x21\x23-\x7e]*"')


@dataclass(frozen=True, kw_only=True, slots=True)
class Span:
    """Bytes of something, from `start` on; never empty."""

    start: int
    length: int

    def content_range(self, size: int) -> str:
        """The header of a 206."""
        return f"bytes {self.start}-{self.start + self.length - 1}/{size}"


class Unsatisfiable(Exception):
    """Raised when no byte is where a range begins: answered 416."""


def span_of(headers: Mapping[str, str], *, size: int, tag: str, most: int) -> Span | None:
    """The range of a GET, at most `most` bytes of it; None: the whole is asked for. Unsatisfiable.

    RFC 9110 lets a server answer with fewer bytes than were asked for; who wants more asks for the rest. Several
    ranges at once, other units and what cannot be read are answered with the whole, as it lets them be.
    """
    if not _still_the_same(headers.get("if-range"), tag):
        return None
    found = _ONE.fullmatch(headers.get("range", ""))
    if found is None or found.group(1, 2) == ("", ""):
        return None
    first, last = found.group(1, 2)
    if not first:  # the last so many bytes
        start, end = max(size - _position(last), 0), size
    else:
        start, end = _position(first), _position(last) + 1 if last else size
        if last and end <= start:
            return None  # no range at all
    end = min(end, size)
    if start >= end:
        raise Unsatisfiable
    return Span(start=start, length=min(end - start, most))


def not_modified(headers: Mapping[str, str], tag: str) -> bool:
    """Whether the reader has this version already: answered 304."""
    given = headers.get("if-none-match", "").strip()
    return given == "*" or tag in [found[0].removeprefix("W/") for found in _TAG.finditer(given)]


def has_changed(headers: Mapping[str, str], tag: str) -> bool:
    """Whether the reader wants no other version than one that this is not: answered 412."""
    given = headers.get("if-match")
    return given is not None and given.strip() != "*" and tag not in [found[0] for found in _TAG.finditer(given)]


def _still_the_same(condition: str | None, tag: str) -> bool:
    """If-Range: a date or a weak tag is never enough to put bytes together."""
    return condition is None or condition.strip() == tag


def _position(digits: str) -> int:
    bare = digits.lstrip("0")
    return 10**DIGITS_MAX if len(bare) > DIGITS_MAX else int(bare or "0")
