"""Rows as CSV: RFC 4180, UTF-8, moments in UTC as ISO 8601, and no cell that a spreadsheet takes for a formula."""

import csv
import io
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from evaluator.comparison import Comparison
from evaluator.exports.rows import (
    ComparedRow,
    Exported,
    LongRow,
    Value,
    WideRow,
    compared_rows,
    criteria_in,
    long_rows,
    wide_rows,
)
from evaluator.values import Frozen
from evaluator.words import iso

MEDIA_TYPE = "text/csv; charset=utf-8; header=present"
DECIMALS = 4
GUARD = "'"  # a spreadsheet takes what follows for text

_SIGNS = frozenset("=+-@")
_BLANKS = frozenset("\t\r\n")  # some spreadsheets drop them and read on


def long_csv(exported: Iterable[Exported]) -> Iterator[str]:
    """A line for each criterion of each scorecard, after the header."""
    return lines(tuple(LongRow.model_fields), (_flat(row) for row in long_rows(exported)))


def wide_csv(exported: Iterable[Exported], criteria: Sequence[str] | None = None) -> Iterator[str]:
    """A line for each scorecard, after the header; the criteria are columns `ai_level_*` and `human_level_*`.

    criteria: of all rubrics that come, in order; without them everything is held in memory to find them.
    """
    if criteria is None:
        exported = tuple(exported)
        criteria = criteria_in(one.rubric for one in exported)
    fixed = [name for name in WideRow.model_fields if name not in {"ai", "human"}]
    columns = [*fixed, *(f"{whose}_level_{c}" for whose in ("ai", "human") for c in criteria)]
    return lines(columns, (_wide(row) for row in wide_rows(exported)))


def compared_csv(comparison: Comparison) -> Iterator[str]:
    """A line for each criterion and candidate of a comparison, after the header."""
    return lines(tuple(ComparedRow.model_fields), (_flat(row) for row in compared_rows(comparison)))


def _flat(row: Frozen) -> Mapping[str, Value]:
    return row.model_dump()


def _wide(row: WideRow) -> Mapping[str, Value]:
    fixed = row.model_dump(exclude={"ai", "human"})
    levels = {f"ai_level_{c}": v for c, v in row.ai.items()} | {f"human_level_{c}": v for c, v in row.human.items()}
    return {**fixed, **levels}


def lines(columns: Sequence[str], rows: Iterable[Mapping[str, Value]]) -> Iterator[str]:
    """The header and a line for each row, each ended by CR LF; what a row lacks is empty."""
    yield _line(columns)
    for row in rows:
        yield _line([cell(row.get(name)) for name in columns])


def _line(cells: Sequence[str]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerow(cells)
    return text.getvalue()


def cell(value: Value) -> str:
    """How one value stands in a file; None is empty."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, float):
        return f"{round(value, DECIMALS):g}"
    return guarded(value) if isinstance(value, str) else str(value)


def guarded(text: str) -> str:
    """The text, with an apostrophe in front where a spreadsheet might take it for a formula.

    Full-width and small signs count, and so does what blanks or characters that are not drawn hide. A text that has
    such an apostrophe already gets another one, so that `unguarded` always finds the text again.
    """
    return GUARD + text if _is_formula(text.lstrip(GUARD)) else text


def unguarded(text: str) -> str:
    """What `guarded` was given."""
    return text[1:] if text.startswith(GUARD) and _is_formula(text.lstrip(GUARD)) else text


def _is_formula(text: str) -> bool:
    if text[:1] in _BLANKS:
        return True
    first = next((c for c in text if unicodedata.category(c)[0] not in "ZC"), "")
    return unicodedata.normalize("NFKC", first)[:1] in _SIGNS
