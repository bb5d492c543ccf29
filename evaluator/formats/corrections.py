"""The file in which a person sees, and corrects, which section each question of an import belongs to: CSV or JSON.

It has a row for every question: the interview, the turn, its section (what a person edits; empty is none), what was
proposed and by whom, how the question begins, and a check of its words. What is read back counts as a correction where
the section is another than the proposed one, or where nothing was proposed.
"""

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, get_args

from pydantic import Field, ValidationError

from evaluator.errors import TranscriptFault
from evaluator.formats.document import Document, open_document, shown
from evaluator.formats.sections import Assigner, Question, excerpt, question_turns
from evaluator.transcript import Turn, first_fault
from evaluator.values import Frozen, sha256
from rubrics.model import Rubric

COLUMNS = ("interview", "turn", "section", "proposed", "proposed_by", "model", "question", "check")
REQUIRED = ("interview", "turn", "section")
ROWS_MAX = 500_000
COLUMNS_MAX = 100
FAULTS_SHOWN_MAX = 10
CHECK_HEX_CHARS = 8
DELIMITERS = (",", ";", "\t")  # what spreadsheets write, by their language

_FORMULA = re.compile(r"^[\s]*[=+\-@]")
_MODEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9_./-]{0,99}@[A-Za-z0-9_.-]{1,99}")  # name@revision

Text = Annotated[str, Field(max_length=1_000)]


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One question as the file has it; nothing of it is checked against an interview yet."""

    place: str  # "line 7" or "interviews.0.questions.3"
    interview_id: str
    turn_id: str
    section_id: str | None
    proposed: str | None = None
    proposed_by: str | None = None
    model: str | None = None
    check: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Corrections:
    """A file's rows by interview."""

    filename: str  # fit for a message
    rows: Mapping[str, tuple[Row, ...]] = field(default_factory=dict)


class _QuestionEntry(Frozen):
    turn: Text
    section: Text | None
    proposed: Text | None = None
    proposed_by: Text | None = None
    model: Text | None = None
    question: Text | None = None
    check: Text | None = None


class _InterviewEntry(Frozen):
    interview: Text
    questions: tuple[_QuestionEntry, ...]


class _File(Frozen):
    rubric: Text | None = None
    interviews: tuple[_InterviewEntry, ...]


def as_csv(interviews: Mapping[str, Sequence[Question]]) -> str:
    """The questions of each interview (by id) as RFC 4180 CSV; a byte order mark tells spreadsheets UTF-8."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for interview_id, questions in interviews.items():
        for question in questions:
            entry = _entry(question)
            entry["question"] = _no_formula(entry["question"] or "")
            writer.writerow([interview_id, *(entry[name] or "" for name in COLUMNS[1:])])
    return "\ufeff" + text.getvalue()


def as_json(interviews: Mapping[str, Sequence[Question]], rubric: Rubric) -> str:
    """The same as JSON."""
    entries = [
        {"interview": interview_id, "questions": [_entry(question) for question in questions]}
        for interview_id, questions in interviews.items()
    ]
    return json.dumps({"rubric": rubric.ref, "interviews": entries}, ensure_ascii=False, indent=1) + "\n"


def read_corrections(data: bytes, filename: str) -> Corrections:
    """The rows of a CSV or JSON file; TranscriptFault names the faulty ones by line or place."""
    document = open_document(data, filename)
    if document.json_fault:
        raise document.fault(f"broken JSON, {document.json_fault}")
    rows = _json_rows(document) if document.is_json else list(_csv_rows(document))
    if not rows:
        raise document.fault("has no rows; write one with --sections-out and edit that")
    by_interview: dict[str, dict[str, Row]] = {}
    faults = []
    for row in rows:
        known = by_interview.setdefault(row.interview_id, {})
        if not row.interview_id or not row.turn_id:
            faults.append(f"{row.place}: the {'turn' if row.interview_id else 'interview'} is empty")
        elif (first := known.setdefault(row.turn_id, row)) is not row:
            faults.append(f"{row.place}: turn {shown(row.turn_id)} stands in {first.place} too")
    _raise(document.filename, faults)
    return Corrections(
        filename=document.filename,
        rows={interview_id: tuple(known.values()) for interview_id, known in by_interview.items()},
    )


def corrected(
    corrections: Corrections, interviews: Mapping[str, tuple[Turn, ...]], rubric: Rubric
) -> dict[str, tuple[Question, ...]]:
    """The questions of each interview that the file names, with the sections that it says.

    interviews: all that may be named, by id. TranscriptFault names, at once, every row whose interview, turn or
    section is not there, or whose question has other words now, and every interview with questions that have no row.
    """
    faults: list[str] = []
    result: dict[str, tuple[Question, ...]] = {}
    for interview_id, rows in corrections.rows.items():
        if interview_id not in interviews:
            faults.append(
                f"{rows[0].place}: interview {shown(interview_id)} is not among these files' "
                "(its id depends on --requisition)"
            )
            continue
        found = list(_faults(interview_id, rows, interviews[interview_id], rubric))
        faults += found
        if not found:
            result[interview_id] = tuple(_questions(rows, interviews[interview_id], rubric))
    _raise(corrections.filename, faults)
    return result


def check_of(text: str) -> str:
    """A short check of a question's words; the letter before it keeps spreadsheets from taking it for a number."""
    return f"t{sha256(text.encode('utf-8', 'surrogatepass'))[:CHECK_HEX_CHARS]}"


def _entry(question: Question) -> dict[str, str | None]:
    return {
        "turn": question.turn_id,
        "section": question.section_id,
        "proposed": question.section_id,
        "proposed_by": question.by,
        "model": question.model,
        "question": excerpt(question.text),
        "check": check_of(question.text),
    }


def _questions(rows: Sequence[Row], turns: tuple[Turn, ...], rubric: Rubric) -> Iterator[Question]:
    known = {section.id for section in rubric.sections}
    by_turn = {row.turn_id: row for row in rows}
    for turn in question_turns(turns):
        row = by_turn[turn.id]
        by = _assigner(row.proposed_by) if row.section_id == row.proposed else None
        if turn.section_id in known:  # the source's word can be checked here, so the file's word for it does not count
            by = "source" if row.section_id == turn.section_id else "correction"
        yield Question(
            turn_id=turn.id,
            text=turn.text,
            section_id=row.section_id,
            by=by or "correction",
            model=row.model if by == "judge" else None,
        )


def _faults(interview_id: str, rows: Sequence[Row], turns: tuple[Turn, ...], rubric: Rubric) -> Iterator[str]:
    known = {section.id for section in rubric.sections}
    asked = {turn.id: turn for turn in question_turns(turns)}
    models = {row.model for row in rows if row.proposed_by == "judge"}
    for row in rows:
        for noun, section_id in (("section", row.section_id), ("proposed section", row.proposed)):
            if section_id is not None and section_id not in known:
                names = ", ".join(section.id for section in rubric.sections)
                yield f"{row.place}: {noun} {shown(section_id)!r} is not one of {rubric.ref}: {names} (empty: none)"
        if row.turn_id not in asked:
            yield f"{row.place}: turn {shown(row.turn_id)} is no question of the interviewer's in {interview_id}"
        elif row.check is not None and row.check != check_of(asked[row.turn_id].text):
            yield f"{row.place}: turn {row.turn_id} of {interview_id} has other words now; write the file again"
        if row.proposed_by is not None and _assigner(row.proposed_by) is None:
            yield f"{row.place}: proposed_by {shown(row.proposed_by)!r} is none of {', '.join(get_args(Assigner))}"
        if row.proposed_by == "judge" and not _MODEL.fullmatch(row.model or ""):
            yield f"{row.place}: proposed_by judge needs the judge's name@revision in model"
    if len(models) > 1:
        yield f"{rows[0].place}: {interview_id} has more than one model"
    listed = {row.turn_id for row in rows}
    if missing := [turn_id for turn_id in asked if turn_id not in listed]:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        yield f"{interview_id}: no row for question {missing[0]}{more}; each question needs one (empty section: none)"


def _assigner(text: str | None) -> Assigner | None:
    return next((way for way in get_args(Assigner) if way == text), None)


def _json_rows(document: Document) -> list[Row]:
    try:
        file = _File.model_validate_json(document.text)
    except ValidationError as error:
        raise document.fault(f"{first_fault(error)}; write one with --sections-out and edit that") from None
    rows = [
        _row(f"interviews.{n}.questions.{m}", {"interview": one.interview, **question.model_dump()})
        for n, one in enumerate(file.interviews)
        for m, question in enumerate(one.questions)
    ]
    if len(rows) > ROWS_MAX:
        raise document.fault(f"has more than {ROWS_MAX} rows")
    return rows


def _csv_rows(document: Document) -> Iterator[Row]:
    delimiter = max(DELIMITERS, key=document.text.partition("\n")[0].count)
    reader = csv.reader(io.StringIO(document.text, newline=""), delimiter=delimiter, strict=True)
    header: list[str] = []
    faults: list[str] = []
    rows = 0
    try:
        header = [name.strip().casefold() for name in next(reader)]
        if missing := [name for name in REQUIRED if name not in header]:
            raise document.fault(f"the first row names no column {', '.join(missing)}; it needs {', '.join(REQUIRED)}")
        if len(header) > COLUMNS_MAX:
            raise document.fault(f"has more than {COLUMNS_MAX} columns")
        for fields in reader:
            rows += 1
            if rows > ROWS_MAX:
                raise document.fault(f"has more than {ROWS_MAX} rows")
            if not any(map(str.strip, fields)):
                continue
            place = f"line {reader.line_num}"
            if len(fields) != len(header):
                faults.append(f"{place}: {len(fields)} fields where the first row has {len(header)}")
                continue
            yield _row(place, dict(zip(header, fields, strict=True)))
    except csv.Error as error:
        raise document.fault(f"line {reader.line_num}: {error}") from None
    _raise(document.filename, faults)


def _row(place: str, fields: Mapping[str, Any]) -> Row:
    def value(name: str) -> str | None:
        return (fields.get(name) or "").strip() or None

    return Row(
        place=place,
        interview_id=value("interview") or "",
        turn_id=value("turn") or "",
        section_id=value("section"),
        proposed=value("proposed"),
        proposed_by=value("proposed_by"),
        model=value("model"),
        check=value("check"),
    )


def _no_formula(text: str) -> str:
    """Spreadsheets compute what begins like a formula, wherever it came from."""
    return f"'{text}" if _FORMULA.match(text) else text


def _raise(filename: str, faults: Sequence[str]) -> None:
    if faults:
        more = [f"{filename}: and {len(faults) - FAULTS_SHOWN_MAX} more"] if len(faults) > FAULTS_SHOWN_MAX else []
        raise TranscriptFault("\n".join([*(f"{filename}: {fault}" for fault in faults[:FAULTS_SHOWN_MAX]), *more]))
