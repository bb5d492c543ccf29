"""The sections of an import, shown and written for correction, and read back."""

import os
from collections.abc import Sequence
from pathlib import Path

from rich.cells import cell_len, set_cell_size

from evaluator.commands.import_reading import bytes_of, interviews
from evaluator.commands.output import put, put_table, say
from evaluator.errors import Conflict, UsageFault
from evaluator.formats import Record
from evaluator.formats.corrections import as_csv, as_json, corrected, read_corrections
from evaluator.formats.sections import Assigner, Question, excerpt, sections_found
from evaluator.importing import Prepared, interview_id_of
from rubrics.model import Rubric

WIDTH = 80  # columns
SECTION_CHARS_MAX = 20
QUESTION_CHARS_MIN = 20
INTERVIEWS_SHOWN_MAX = 20
NONE = "-"  # stands for "in no section"

_BY: dict[Assigner, str] = {
    "source": "the files",
    "intro": "the rubric's intros",
    "judge": "the judge",
    "correction": "your corrections",
}


def given_by(
    path: Path | None, records: Sequence[Record], rubric: Rubric, *, requisition: str
) -> dict[int, tuple[Question, ...]]:
    """The questions of the records (by index) that a file of corrections names; TranscriptFault for a faulty file."""
    if path is None:
        return {}
    index = {interview_id_of(record, requisition=requisition): n for n, record in enumerate(records)}
    corrections = read_corrections(bytes_of(path), path.name)
    found = corrected(corrections, {i: records[n].turns for i, n in index.items()}, rubric)
    return {index[interview_id]: questions for interview_id, questions in found.items()}


def refuse_taken(path: Path | None) -> None:
    """Before anything costs: a file that is there is never overwritten."""
    if path is not None and path.exists():
        raise _taken(path)


def _taken(path: Path) -> Conflict:
    return Conflict(f"{path} exists already and stays as it is; name another file with --sections-out")


def write_sections(path: Path, prepared: Sequence[Prepared], rubric: Rubric) -> None:
    """Writes the questions for correction, for the owner's eyes alone: they are the interviewer's words."""
    interviews = {one.interview_id: one.questions for one in prepared}
    text = as_json(interviews, rubric) if path.suffix.lower() == ".json" else as_csv(interviews)
    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise _taken(path) from None
    except OSError as error:
        raise UsageFault(f"cannot write {path}: {error.strerror}; name another file with --sections-out") from None
    with os.fdopen(file, "w", encoding="utf-8", newline="") as stream:
        stream.write(text)
    say(f"Sections written to {path}. Correct its column `section`, then import with --sections-from {path}")


def put_questions(prepared: Sequence[Prepared]) -> None:
    """Each interview's questions with their sections, for people: WIDTH columns."""
    for one in prepared[:INTERVIEWS_SHOWN_MAX]:
        put("")
        put(f"{one.interview_id}: {len(one.questions)} questions")
        _put_table(one.questions)
    if (more := len(prepared) - INTERVIEWS_SHOWN_MAX) > 0:
        put(f"\nand {more} more; all of them: --sections-out FILE")


def _put_table(questions: Sequence[Question]) -> None:
    rows = [(q.turn_id, _cut(q.section_id or NONE, SECTION_CHARS_MAX), q.by) for q in questions]
    taken = sum(max(map(len, column)) + 2 for column in zip(("turn", "section", "by"), *rows, strict=True))
    room = max(WIDTH - taken, QUESTION_CHARS_MIN)
    put_table(
        ("turn", "section", "by", "question"),
        [(*row, _cut(excerpt(q.text), room)) for row, q in zip(rows, questions, strict=True)],
    )


def _cut(text: str, columns: int) -> str:
    return text if cell_len(text) <= columns else set_cell_size(text, columns - 1).rstrip() + "…"


def put_summary(prepared: Sequence[Prepared], rubric: Rubric) -> None:
    """How the sections were told, and which interviews lack some of them."""
    marked = [one for one in prepared if one.transcript.sections == "marked"]
    for ways, count in _ways(marked).items():
        put(f"Sections of {interviews(count)} by {ways}.")
    partial = [one for one in marked if missing(one, rubric)]
    for one in partial[:INTERVIEWS_SHOWN_MAX]:
        put(f"  {one.interview_id}{_missing_words(one, rubric)}")
    if (more := len(partial) - INTERVIEWS_SHOWN_MAX) > 0:
        put(f"  and {more} more")


def missing(prepared: Prepared, rubric: Rubric) -> list[str]:
    """The rubric's sections that no turn of the interview is in."""
    found = sections_found(prepared.transcript.turns, rubric)
    return [section.id for section in rubric.sections if section.id not in found]


def sections_json(prepared: Prepared, rubric: Rubric, *, questions: bool) -> dict[str, object]:
    """What is known of one interview's sections, for programs; questions: with how each begins."""
    facts: dict[str, object] = {
        "interview": prepared.interview_id,
        "sections": prepared.transcript.sections,
        "sections_by": prepared.manifest.sections_by,
        "missing": missing(prepared, rubric) if prepared.transcript.sections == "marked" else [],
    }
    if questions:
        facts["questions"] = [
            {"turn": q.turn_id, "section": q.section_id, "by": q.by, "question": excerpt(q.text)}
            for q in prepared.questions
        ]
    return facts


def _ways(prepared: Sequence[Prepared]) -> dict[str, int]:
    result: dict[str, int] = {}
    for one in prepared:
        told = {question.by for question in one.questions if question.section_id is not None}
        # Without a section, questions between the source's marks say nothing of intros.
        words = [f"{name} {_judge(one)}" if way == "judge" else name for way, name in _BY.items() if way in told]
        key = " and ".join(words) or _BY["source"]
        result[key] = result.get(key, 0) + 1
    return result


def _judge(prepared: Prepared) -> str:
    return (prepared.manifest.sections_by.model if prepared.manifest.sections_by else None) or ""


def _missing_words(prepared: Prepared, rubric: Rubric) -> str:
    without = missing(prepared, rubric)
    return f", nothing for: {', '.join(without)}" if without else ""
