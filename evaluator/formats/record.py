"""What every format yields: a record, which is one interview as turns, before it is cut and marked."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from evaluator.formats.document import Document
from evaluator.transcript import TURN_CHARS_MAX, TURNS_MAX, Speaker, Turn

RECORDS_MAX = 10_000  # interviews in one file

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_HALF_CHARACTER = re.compile(r"[\ud800-\udfff]")


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """One interview of a file: its turns as the source has them, not yet cut into utterances or marked by section."""

    name: str  # unique in its file: a CSV row's id, a session's room and job, else the file's stem
    name_is_file: bool = False  # the file's stem, which may be a person's name: never part of an id
    turns: tuple[Turn, ...]  # T1..Tn
    source: str  # the format's id, such as "labelled-csv"
    started_at: datetime | None = None  # with its zone; null where the source does not say
    language: str | None = None  # such as "en" or "en-US"; null where the source does not say
    ignored: int = 0  # entries of the source that are no speech: tool calls, handoffs, system messages, pictures


@dataclass(frozen=True, kw_only=True, slots=True)
class Format:
    """One export format: how a file of it is known, and how it is read."""

    id: str  # fits evaluator.values.Id
    title: str  # what people call it
    recognise: Callable[[Document], str | None]  # why a file is of this format; null when it is not
    read: Callable[[Document, str | None], tuple[Record, ...]]  # (file, label of the candidate); TranscriptFault
    by_looks: bool = False  # known by how some lines look only: where two such formats fit a file, a person chooses


def clean(text: str) -> str:
    """The source's words, fit to be stored: control characters become spaces, half characters U+FFFD."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return _HALF_CHARACTER.sub("\ufffd", _CONTROL.sub(" ", text))


def turn(document: Document, number: int, speaker: Speaker, text: str, **facts: Any) -> Turn:
    """Turn number `number` (from 1) of an interview; TranscriptFault when it breaks a limit."""
    if number > TURNS_MAX:
        raise document.fault(f"has more than {TURNS_MAX} turns in one interview; split it")
    if len(text) > TURN_CHARS_MAX:
        raise document.fault(f"turn {number} has {len(text)} characters; the limit is {TURN_CHARS_MAX}")
    return Turn(id=f"T{number}", speaker=speaker, text=text, **facts)


def has_candidate(turns: tuple[Turn, ...]) -> bool:
    """Whether the candidate says anything at all."""
    return any(turn.speaker == "candidate" and turn.text.strip() for turn in turns)
