"""People's levels from a CSV file, with every fault of the file named by its line.

Columns: interview, criterion (a criterion's id, or `overall`), rater, level; if wanted status, source, language and
rubric. Every other column is a group of the interview, such as the candidate's age band.
"""

import csv
import io
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from evaluator.errors import UsageFault
from evaluator.values import ID_PATTERN, sha256
from rubrics.model import LEVELS

BYTES_MAX = 20_000_000
LABELS_MAX = 200_000
COLUMNS_MAX = 64
CELL_CHARS_MAX = 64  # of a group's value or a column's name
RATERS_MAX = 100
FAULTS_SHOWN = 20
QUOTED_CHARS_MAX = 40  # of the file, in a message

OVERALL = "overall"  # in the column `criterion`: the interview as a whole
REQUIRED = ("interview", "criterion", "rater", "level")
LANGUAGE = "language"  # a group of every file, asked for or not
OPTIONAL = ("status", "source", LANGUAGE, "rubric")
UNSCORED = ("unscored", "not_asked", "not_answered", "insufficient_evidence", "failed")

Source = Literal["human", "model"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Label:
    """What one rater said about one criterion of one interview."""

    interview: str
    criterion: str  # a criterion's id, or OVERALL
    rater: str
    level: int | None  # 1-5; None: the rater gave none
    status: str  # "scored", or why there is no level: one of UNSCORED
    source: Source = "human"
    groups: Mapping[str, str] = field(default_factory=dict)  # column, language too -> value; without what is unknown
    line: int = 0  # where it begins in the file, from 1


@dataclass(frozen=True, kw_only=True, slots=True)
class LabelsFile:
    """The labels of one file."""

    labels: tuple[Label, ...]
    columns: tuple[str, ...]  # those that are groups
    sha256: str  # of the file


def parse_labels(data: bytes, *, name: str, rubric: str) -> LabelsFile:
    """The labels of a CSV file; UsageFault names all of its faults, each with its line.

    name: the file's, for messages. rubric: `id@version`, which a column `rubric` must repeat.
    """
    reader = _Reader(name=name, rubric=rubric)
    if len(data) > BYTES_MAX:
        raise UsageFault(f"{name} is larger than {BYTES_MAX // 1_000_000} MB; give it in parts")
    labels = reader.read(_text(data, name))
    raise_faults(name, reader.faults)
    if not labels:
        raise UsageFault(f"{name} holds no labels: one line for each interview, criterion and rater below the header")
    return LabelsFile(labels=tuple(labels), columns=reader.columns, sha256=sha256(data))


def misfits(
    labels: Sequence[Label],
    *,
    rubric: str,
    criteria: Collection[str],
    known: Collection[str],
    elsewhere: Mapping[str, Sequence[str]],
) -> list[str]:
    """What labels name that is not there, one line for each thing.

    known: interviews that there are. elsewhere: interview -> the rubric versions it belongs to, where that is not
    this one.
    """
    faults = []
    for criterion, lines in _lines_of(labels, "criterion").items():
        if criterion not in criteria and criterion != OVERALL:
            expected = f"its criteria are {', '.join(criteria)}, and {OVERALL}"
            faults.append((lines[0], f"{_lines(lines)}: {rubric} has no criterion {quoted(criterion)}; {expected}"))
    for interview, lines in _lines_of(labels, "interview").items():
        if interview not in known:
            faults.append((lines[0], f"{_lines(lines)}: there is no interview {interview} here"))
        elif other := elsewhere.get(interview):
            faults.append(
                (lines[0], f"{_lines(lines)}: interview {interview} is under {', '.join(other)}, not {rubric}")
            )
    return [message for _, message in sorted(faults)]


def group_values(labels: Sequence[Label], column: str) -> dict[str, str | None]:
    """Interview -> its value in that column, or in several joined by `+`; None: unknown.

    UsageFault where lines of one interview differ.
    """
    named = any(column in label.groups for label in labels)
    parts = (column,) if named else tuple(column.split("+"))
    found: dict[str, dict[str, str]] = {label.interview: {} for label in labels}
    faults = []
    for label in sorted(labels, key=lambda one: one.line):
        values = found[label.interview]
        for part in parts:
            value = label.groups.get(part)
            if value is not None and values.setdefault(part, value) != value:
                faults.append(
                    f"line {label.line}: interview {label.interview} has {quoted(value)} in column {part}, "
                    f"and {quoted(values[part])} in a line before; a group belongs to the interview"
                )
    raise_faults(f"column {column}", faults)
    return {
        interview: " + ".join(values[p] for p in parts) if all(p in values for p in parts) else None
        for interview, values in found.items()
    }


def raise_faults(name: str, faults: Sequence[str]) -> None:
    """UsageFault with all of them, one a line, as far as a person reads; nothing where there are none."""
    if not faults:
        return
    shown = list(faults[:FAULTS_SHOWN])
    if len(faults) > FAULTS_SHOWN:
        shown.append(f"and {len(faults) - FAULTS_SHOWN} more")
    raise UsageFault("\n".join([f"{name}: {len(faults)} fault{'s' if len(faults) > 1 else ''}", *shown]))


def quoted(text: str) -> str:
    """A piece of the file as a message may show it: short, and nothing that a terminal would obey."""
    shown = "".join(c if c.isprintable() else "?" for c in text[:QUOTED_CHARS_MAX])
    return f'"{shown}{"…" if len(text) > QUOTED_CHARS_MAX else ""}"'


def _text(data: bytes, name: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UsageFault(f"{name}: line {line} is not UTF-8; save the file as CSV in UTF-8") from None


def _lines_of(labels: Sequence[Label], attribute: str) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for label in sorted(labels, key=lambda one: one.line):
        found.setdefault(getattr(label, attribute), []).append(label.line)
    return found


def _lines(lines: Sequence[int]) -> str:
    more = f" and {len(lines) - 1} more" if len(lines) > 1 else ""
    return f"line {lines[0]}{more}"


class _Reader:
    """Reads one file and keeps what is wrong with it."""

    def __init__(self, *, name: str, rubric: str) -> None:
        self.faults: list[str] = []
        self.columns: tuple[str, ...] = ()  # groups
        self._name = name
        self._rubric = rubric
        self._first: dict[tuple[str, str, str], int] = {}  # rater, interview, criterion -> line
        self._sources: dict[str, tuple[Source, int]] = {}  # rater -> source, line

    def read(self, text: str) -> list[Label]:
        """The sound lines; faults are kept."""
        rows = self._rows(text)
        header = next(rows, None)
        if header is None or not self._header_stands(header[1]):
            return []
        names = [_folded(cell) for cell in header[1]]
        self.columns = tuple(n for n in names if n not in (*REQUIRED, *OPTIONAL))
        labels = []
        for line, cells in rows:
            if len(cells) != len(names):
                self.faults.append(f"line {line}: {len(cells)} cells where the header has {len(names)}")
            elif label := self._label(line, dict(zip(names, cells, strict=True))):
                labels.append(label)
            if len(labels) > LABELS_MAX:
                raise UsageFault(f"{self._name} holds more than {LABELS_MAX} labels; give it in parts")
        if len(self._sources) > RATERS_MAX:
            self.faults.append(f"{len(self._sources)} raters; {RATERS_MAX} at most")
        return labels

    def _rows(self, text: str) -> Iterator[tuple[int, list[str]]]:
        """Lines that hold something, with their numbers."""
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
        while True:
            line = reader.line_num + 1
            try:
                cells = [cell.strip() for cell in next(reader)]
            except StopIteration:
                return
            except csv.Error as error:
                self.faults.append(f"line {line}: not CSV ({error}); what follows was not read")
                return
            if any(cells):
                yield line, cells

    def _header_stands(self, cells: Sequence[str]) -> bool:
        names = [_folded(cell) for cell in cells]
        faults = []
        if missing := [n for n in REQUIRED if n not in names]:
            faults.append(f"line 1: no column {', '.join(missing)}; the columns are {', '.join(REQUIRED)}")
        if twins := sorted({n for n in names if names.count(n) > 1}):
            faults.append(f"line 1: twice the column {', '.join(map(quoted, twins))}")
        if len(names) > COLUMNS_MAX:
            faults.append(f"line 1: more than {COLUMNS_MAX} columns")
        if any(not _presentable(n) for n in names):
            faults.append(f"line 1: every column needs a name of 1 to {CELL_CHARS_MAX} characters")
        self.faults += faults
        return not faults

    def _label(self, line: int, cells: Mapping[str, str]) -> Label | None:
        wrong = [f"line {line}: {fault}" for fault in self._cell_faults(cells)]
        self.faults += wrong
        if wrong:
            return None
        level, status = _level(cells)
        label = Label(
            interview=cells["interview"],
            criterion=cells["criterion"],
            rater=cells["rater"],
            level=level,
            status=status,
            source="model" if cells.get("source", "").lower() == "model" else "human",
            groups={n: _group(n, cells[n]) for n in (LANGUAGE, *self.columns) if cells.get(n)},
            line=line,
        )
        return label if self._is_first(label) else None

    def _cell_faults(self, cells: Mapping[str, str]) -> Iterator[str]:
        for name in ("interview", "criterion", "rater"):
            if not re.fullmatch(ID_PATTERN, cells[name]):
                hint = "; give raters short ids rather than names" if name == "rater" else ""
                yield f"{name} {quoted(cells[name])} is no id: letters, digits, _ . and -, 64 at most{hint}"
        yield from _level_faults(cells)
        if "source" in cells and cells["source"].lower() not in ("human", "model"):
            yield f"source {quoted(cells['source'])} is neither human nor model"
        if cells.get("rubric", self._rubric) != self._rubric:
            yield f"the label is for rubric {quoted(cells['rubric'])}, not {self._rubric}"
        for name in (LANGUAGE, *self.columns):
            if cells.get(name) and not _presentable(cells[name]):
                yield f"{name} {quoted(cells[name])} is longer than {CELL_CHARS_MAX} characters, or cannot be shown"

    def _is_first(self, label: Label) -> bool:
        """Notes a second label of the same rater for the same thing, and a rater who is a human and a model."""
        before = self._first.setdefault((label.rater, label.interview, label.criterion), label.line)
        if before != label.line:
            self.faults.append(
                f"line {label.line}: rater {label.rater} has rated {label.criterion} of interview "
                f"{label.interview} in line {before} already"
            )
        source, line = self._sources.setdefault(label.rater, (label.source, label.line))
        if source != label.source:
            self.faults.append(
                f"line {label.line}: rater {label.rater} is a {label.source}, but a {source} in line {line}"
            )
        return before == label.line and source == label.source


def _delimiter(text: str) -> str:
    """Comma, semicolon or tab: whichever parts the first line into the columns that are needed."""
    first = text.lstrip("\r\n").partition("\n")[0]

    def hits(delimiter: str) -> int:
        return len({_folded(cell.strip().strip('"')) for cell in first.split(delimiter)} & set(REQUIRED))

    return max((",", ";", "\t"), key=hits)


def _folded(cell: str) -> str:
    return cell.strip().casefold()


def _group(column: str, cell: str) -> str:
    return cell.lower() if column == LANGUAGE else cell  # a language's tag has no case


def _presentable(cell: str) -> bool:
    return 0 < len(cell) <= CELL_CHARS_MAX and cell.isprintable()


def _level(cells: Mapping[str, str]) -> tuple[int | None, str]:
    """Level and status of a line without faults."""
    level, status = cells["level"], cells.get("status", "").lower()
    if level in _DIGITS:
        return int(level), "scored"
    return None, status or level.lower()


_DIGITS = tuple(map(str, LEVELS))


def _level_faults(cells: Mapping[str, str]) -> Iterator[str]:
    level, status = cells["level"], cells.get("status", "").lower()
    if status not in ("", "scored", *UNSCORED):
        yield f"status {quoted(status)} is none of scored, {', '.join(UNSCORED)}"
    elif level in _DIGITS:
        if status in UNSCORED:
            yield f"level {level} with status {status}: give one or the other"
    elif level.lower() not in ("", *UNSCORED):
        yield f"level {quoted(level)} is none of 1, 2, 3, 4, 5 and unscored"
    elif status == "scored" or not (status or level):
        yield "no level: give 1 to 5, or unscored where the rater gave none"
    elif status and level and level.lower() not in ("unscored", status):
        yield f"level {level} with status {status}: give one or the other"
