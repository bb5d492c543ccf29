"""Fields of JSON from outside, read leniently: what is not of the right kind is as good as absent."""

import math
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from evaluator.formats.record import Record, clean

SECONDS_MAX = 86_400 * 7  # no interview lasts longer; a larger number is no offset in seconds
NUMBER_MAX = 1e15
NUMBER_CHARS_MAX = 32
LABEL_CHARS_MAX = 100

_LANGUAGE = re.compile(r"([A-Za-z]{2,3})(?:[-_]([A-Za-z]{2,4}))?(?:[-_].{0,16})?")
_SOURCE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{7,99}")  # shorter ones may repeat

Entry = Mapping[str, Any]


def entry(value: object) -> Entry:
    """The object, or an empty one."""
    return value if isinstance(value, dict) else {}


def entries(value: object) -> list[Entry]:
    """The objects of a list; all else in it is left out."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def text_of(value: object) -> str:
    """The words of a string, fit to be stored, without white space around them."""
    return clean(value).strip() if isinstance(value, str) else ""


def label_of(value: object) -> str:
    """A voice's label on one line: a name, or a number such as 0; empty where there is none."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value) if abs(value) < NUMBER_MAX else ""
    return " ".join(text_of(value).split())[:LABEL_CHARS_MAX].rstrip()


def number(value: object) -> float | None:
    """The number; null for what is none, for infinity, and for what is too large to mean anything."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or abs(value) > NUMBER_MAX:
        return None
    return float(value) if math.isfinite(value) else None


def spelled(value: object) -> float | None:
    """The number, also where it is written as a string, such as "0.49"."""
    if not isinstance(value, str):
        return number(value)
    try:
        return number(float(value)) if len(value) <= NUMBER_CHARS_MAX else None
    except ValueError:
        return None


def seconds(value: float | None, *, per_second: int = 1) -> float | None:
    """The offset in seconds, to the millisecond; null where it is negative or longer than a week."""
    if value is None or not 0 <= value / per_second <= SECONDS_MAX:
        return None
    return round(value / per_second, 3)


def span(started_s: float | None, ended_s: float | None) -> tuple[float | None, float | None]:
    """Both times; none of them where they contradict each other."""
    if started_s is not None and ended_s is not None and ended_s < started_s:
        return None, None
    return started_s, ended_s


def share(value: float | None) -> float | None:
    """The number where it is one from 0 to 1."""
    return value if value is not None and 0 <= value <= 1 else None


def language_of(value: object) -> str | None:
    """The language as `en` or `en-US`, however it is cased and joined; null for what is no such code."""
    match = _LANGUAGE.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return None
    return match[1].lower() + (f"-{_region(match[2])}" if match[2] else "")


def named(record: Record, source_id: object) -> Record:
    """The record under the id that the service gave it, as names of files repeat; as it is where that is no such id."""
    if not isinstance(source_id, str) or not _SOURCE_ID.fullmatch(source_id):
        return record
    return replace(record, name=source_id, name_is_file=False)


def _region(code: str) -> str:
    return code.title() if len(code) == 4 else code.upper()
