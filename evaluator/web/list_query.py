"""The list's address: what it asks for, each filter in words, and the cursors of its pages."""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import get_args
from urllib.parse import urlencode

from pydantic import ValidationError

from evaluator.errors import UsageFault
from evaluator.storage.reviewing import ListedInterview, Place, Sort, Wanted, place_of
from evaluator.values import ID_PATTERN
from evaluator.web.listing import STATES
from evaluator.words import visible

SEARCH_CHARS_MAX = 64

_ID = re.compile(ID_PATTERN)
_RUBRIC = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}@[0-9.]{1,16}")
_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{6}Z", re.ASCII)
_FIGURE = re.compile(r"[0-9]{1,2}(\.[0-9]{1,20})?", re.ASCII)


def wanted_of(query: Mapping[str, str]) -> Wanted:
    """What the address asks for; UsageFault names the part that nobody can have meant."""
    given = {name: value.strip() for name, value in query.items() if value.strip()}
    sort = given.get("sort", "-intake")
    known = (*get_args(Sort), *(f"-{name}" for name in get_args(Sort)))
    if sort not in known:
        raise UsageFault(f"sort is one of {', '.join(known)}")
    if given.get("alerts", "any") not in {"any", "yes"}:
        raise UsageFault("alerts is yes, or left out")
    try:
        return Wanted(
            requisition=checked_filter("requisition", given.get("requisition")),
            state=given.get("state"),
            rubric=_checked_rubric(given.get("rubric")),
            reviewer=given.get("reviewer"),
            alerts=given.get("alerts") == "yes",
            since=_day("since", given.get("since")),
            until=_day("until", given.get("until")),
            search=_checked_search(given.get("q")),
            run=checked_filter("run", given.get("run")),
            sort=sort.lstrip("-"),
            ascending=not sort.startswith("-"),
        )
    except ValidationError as error:
        part = error.errors()[0]["loc"][0]
        raise UsageFault(f"{part} is not one of those that the filter offers") from None


def query_of(wanted: Wanted) -> dict[str, str]:
    """The same as it stands in an address, without what is left at its default."""
    parts = {
        "q": wanted.search,
        "requisition": wanted.requisition,
        "state": wanted.state,
        "rubric": wanted.rubric,
        "reviewer": wanted.reviewer,
        "alerts": "yes" if wanted.alerts else None,
        "since": wanted.since and wanted.since.isoformat(),
        "until": wanted.until and wanted.until.isoformat(),
        "run": wanted.run,
        "sort": sort_text(wanted) if sort_text(wanted) != "-intake" else None,
    }
    return {name: value for name, value in parts.items() if value}


def sort_text(wanted: Wanted) -> str:
    """`-intake`: the newest first."""
    return wanted.sort if wanted.ascending else f"-{wanted.sort}"


def address(wanted: Wanted, **more: str) -> str:
    """The list's address."""
    query = {**query_of(wanted), **more}
    return "/interviews" + (f"?{urlencode(query)}" if query else "")


def filters_of(wanted: Wanted) -> tuple[tuple[str, str], ...]:
    """Each filter in words, with the address of the list without it."""
    named = {
        "search": ("matching “{}”", wanted.search and visible(wanted.search)),
        "requisition": ("requisition {}", wanted.requisition),
        "state": ("state: {}", wanted.state and STATES[wanted.state][0].lower()),
        "rubric": ("rubric {}", wanted.rubric),
        "reviewer": ("{}", wanted.reviewer and _REVIEWER[wanted.reviewer]),
        "alerts": ("{}", "with alerts" if wanted.alerts else None),
        "since": ("interviewed since {}", wanted.since),
        "until": ("interviewed until {}", wanted.until),
        "run": ("run {}", wanted.run),
    }
    return tuple(
        (words.format(value), address(wanted.model_copy(update={name: False if name == "alerts" else None})))
        for name, (words, value) in named.items()
        if value
    )


_REVIEWER = {"me": "assigned to me", "me_open": "waiting for my review"}


def cursor_of(row: ListedInterview, sort: Sort) -> str:
    """Where a neighbouring page begins: at this line."""
    place = place_of(row, sort)
    return f"{_key_text(place.key)},{place.id}"


def _key_text(key: datetime | float | None) -> str:
    if isinstance(key, datetime):
        return f"{key.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}Z"
    return "-" if key is None else repr(float(key))


def parse_cursor(text: str, sort: Sort) -> Place:
    """The line that a page begins at; UsageFault for anything that `cursor_of` did not write for this order."""
    key, _, name = text.partition(",")
    try:
        return Place(key=_key_of(key, sort), id=_id_of(name))
    except ValueError:
        raise UsageFault("this link to another page of the list is not valid; start again: /interviews") from None


def _id_of(text: str) -> str:
    if not is_name(text):
        raise ValueError
    return text


def _key_of(text: str, sort: Sort) -> datetime | float | None:
    if sort == "score" and _FIGURE.fullmatch(text):
        return float(text)
    if sort != "score" and _MOMENT.fullmatch(text):
        return datetime.fromisoformat(text)
    if sort == "interviewed_at" and text == "-":
        return None
    raise ValueError


def is_name(text: str) -> bool:
    """Whether it can be anybody's id at all; what cannot is never asked for."""
    return _ID.fullmatch(text) is not None


def checked_filter(noun: str, text: str | None) -> str | None:
    """A name to filter by; None for no filter. UsageFault for what can be nobody's name."""
    if text and not is_name(text):
        raise UsageFault(f"{noun} is not usable as a name: letters, digits, '_', '.', '-', at most 64")
    return text or None


def _checked_rubric(text: str | None) -> str | None:
    if text and not _RUBRIC.fullmatch(text):
        raise UsageFault("rubric is written as id@version, for example backend-eng@4")
    return text


def _checked_search(text: str | None) -> str | None:
    if text and (len(text) > SEARCH_CHARS_MAX or not text.isprintable()):
        raise UsageFault(
            f"a search is a part of an interview's id or a candidate's reference, at most {SEARCH_CHARS_MAX} characters"
        )
    return text


def _day(noun: str, text: str | None) -> date | None:
    try:
        found = date.fromisoformat(text) if text else None
    except ValueError:
        found = date.min
    if found is not None and not 1900 <= found.year < 3000:
        raise UsageFault(f"{noun} is a day, written as 2026-11-18")
    return found
