"""CSV (RFC 4180) with one interview a row: an id, and the interview as speaker-labelled text."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from evaluator.errors import TranscriptFault
from evaluator.formats import labelled_text
from evaluator.formats.document import Document, shown
from evaluator.formats.faulty import FaultyRows
from evaluator.formats.record import RECORDS_MAX, Record, clean

ID = "labelled-csv"
ID_COLUMNS = ("transcript_id", "interview_id", "id")
TEXT_COLUMNS = ("text", "transcript")
DELIMITERS = (",", ";", "\t")
SUFFIXES = (".csv", ".tsv")
ROW_ID_CHARS_MAX = 200
COLUMNS_MAX = 1_000
FAULTS_SHOWN_MAX = 5

# Our own reader: the csv module's limit on a field's size is one global for the whole process.
_QUOTED = re.compile(r'"([^"]*+(?:""[^"]*+)*+)"')
_BARE = {delimiter: re.compile(rf"[^{delimiter}\r\n]*") for delimiter in DELIMITERS}
_LINE_END = re.compile(r"\r\n|\n|\r")


@dataclass(frozen=True, kw_only=True, slots=True)
class Header:
    """The first row: which columns matter."""

    delimiter: str
    columns: tuple[str, ...]  # names in small letters
    id_column: int | None
    text_column: int | None


def recognise(document: Document) -> str | None:
    """Known by its suffix, or by a first row with the columns that we need."""
    if document.is_json:
        return None
    if document.suffix in SUFFIXES:
        return f"the suffix {document.suffix}"
    header = _header(document)
    known = len(header.columns) > 1 and header.id_column is not None and header.text_column is not None
    return f"the columns {', '.join(map(shown, header.columns[:4]))}" if known else None


def read(document: Document, candidate_speaker: str | None) -> tuple[Record, ...]:
    """One record a row, named by the row's id; FaultyRows names the rows that cannot be read and carries the others."""
    header = _header(document)
    if header.text_column is None or header.id_column is None:
        kind, wanted = ("a text", TEXT_COLUMNS) if header.text_column is None else ("an id", ID_COLUMNS)
        seen = ", ".join(map(shown, header.columns[:8]))
        raise document.fault(f"CSV without {kind} column: columns seen: {seen}; name one of them {' or '.join(wanted)}")
    records, faults = _records(document, header, header.id_column, header.text_column, candidate_speaker)
    if faults:
        more = f"; and {len(faults) - FAULTS_SHOWN_MAX} more" if len(faults) > FAULTS_SHOWN_MAX else ""
        message = str(document.fault("; ".join(faults[:FAULTS_SHOWN_MAX]) + more))
        raise FaultyRows(message, records=records, faults=faults)
    if not records:
        raise document.fault("CSV with a first row of column names and no interviews below it")
    return tuple(records)


def _records(
    document: Document, header: Header, id_column: int, text_column: int, candidate_speaker: str | None
) -> tuple[list[Record], list[str]]:
    records: dict[str, Record] = {}
    faults: list[str] = []
    for line, row in _rows_below(document, header):
        if len(records) + len(faults) >= RECORDS_MAX:
            raise document.fault(f"has more than {RECORDS_MAX} rows; split the file")
        if len(row) != len(header.columns):
            faults.append(f"line {line}: {len(row)} fields where the first row has {len(header.columns)}")
            continue
        name = clean(row[id_column]).strip()
        if fault := _id_fault(name, records):
            faults.append(f"line {line}: {fault}")
            continue
        place = Document(filename=f"line {line} ({shown(name)})", text="")
        try:
            turns = labelled_text.turns_of(place, row[text_column], candidate_speaker)
        except TranscriptFault as error:
            faults.append(str(error))
        else:
            records[name] = Record(name=name, turns=turns, source=ID)
    return list(records.values()), faults


def _id_fault(name: str, records: dict[str, Record]) -> str | None:
    if not name:
        return "the id is empty"
    if len(name) > ROW_ID_CHARS_MAX:
        return f"the id has {len(name)} characters; the limit is {ROW_ID_CHARS_MAX}"
    return f"the id {shown(name)} stands in an earlier row too" if name in records else None


def _header(document: Document) -> Header:
    """The first row under the delimiter that finds the text column, else under the one that finds most columns."""
    headers = [_header_under(document.text, delimiter) for delimiter in DELIMITERS]
    return max(headers, key=lambda h: (h.text_column is not None, h.id_column is not None, len(h.columns)))


def _header_under(text: str, delimiter: str) -> Header:
    try:
        _, row = next(_rows(Document(filename="", text=text), delimiter))
    except TranscriptFault:
        row = []
    columns = tuple(clean(name).strip().casefold() for name in row)
    return Header(
        delimiter=delimiter,
        columns=columns,
        id_column=_index(columns, ID_COLUMNS),
        text_column=_index(columns, TEXT_COLUMNS),
    )


def _index(columns: tuple[str, ...], wanted: tuple[str, ...]) -> int | None:
    return next((columns.index(name) for name in wanted if name in columns), None)


def _rows_below(document: Document, header: Header) -> Iterator[tuple[int, list[str]]]:
    rows = _rows(document, header.delimiter)
    next(rows)
    return (row for row in rows if row[1] != [""])  # blank lines are no rows


def _rows(document: Document, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """(line where it begins, fields) of each row; TranscriptFault where a quote is not closed, or closed too early."""
    text, at, line, row_line = document.text, 0, 1, 1
    row: list[str] = []
    while True:
        quoted = text.startswith('"', at)
        field = (_QUOTED if quoted else _BARE[delimiter]).match(text, at)
        if field is None:
            raise document.fault(f"CSV line {line}: a quoted field is never closed; the file seems to be cut off")
        row.append(field[1].replace('""', '"') if quoted else field[0])
        if len(row) > COLUMNS_MAX:
            raise document.fault(f"CSV line {line}: more than {COLUMNS_MAX} columns")
        line += field[0].count("\n")
        at = field.end()
        if text.startswith(delimiter, at):
            at += 1
            continue
        end = _LINE_END.match(text, at)
        if end is None and at < len(text):
            raise document.fault(f'CSV line {line}: text behind a closing quote; write a quote inside a field as ""')
        yield row_line, row
        if end is None or end.end() == len(text):
            return
        line += 1
        at, row, row_line = end.end(), [], line
