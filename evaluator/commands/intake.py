"""`debrief import` and `debrief intake`: interviews from export files, and from the inbox."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from evaluator.commands.context import services
from evaluator.commands.output import out, put, put_json, put_table, say, warn
from evaluator.embedded import Part
from evaluator.errors import NotFound, RubricFault, TranscriptFault, UsageFault
from evaluator.formats import AUTO, FILE_BYTES_MAX, FORMATS, Record, detect, read
from evaluator.importing import Prepared, hand_in, prepare
from evaluator.intake import IntakeReport, intake, rescan, retry_rejected
from evaluator.settings import read_settings
from evaluator.storage.interviews import rejections
from evaluator.wiring import Services, rubric_library
from rubrics.faults import RubricError, UnknownRubric
from rubrics.model import Rubric

REQUISITION = "imported"  # of interviews whose importer named none
SHOWN_MAX = 20


def import_files(
    paths: Annotated[list[Path], typer.Argument(help="export files: LiveKit JSON, labelled text, CSV")],
    rubric: Annotated[str, typer.Option(help="what to judge by: id or id@version, see: debrief rubric list")],
    requisition: Annotated[str, typer.Option("--requisition", "--req", help="the opening it is for")] = REQUISITION,
    candidate: Annotated[str | None, typer.Option(help="the candidate's reference, for a single interview")] = None,
    candidate_speaker: Annotated[str | None, typer.Option(help="the label of the candidate in the file")] = None,
    sections: Annotated[
        str, typer.Option(help="marked: by the rubric's intros | whole: judge every section on everything")
    ] = "marked",
    consent: Annotated[str, typer.Option(help="granted | refused | withdrawn | unknown")] = "unknown",
    file_format: Annotated[str, typer.Option("--format", help=" | ".join((AUTO, *(f.id for f in FORMATS))))] = AUTO,
    limit: Annotated[int | None, typer.Option(min=1, help="at most this many interviews")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="read and check, write nothing")] = False,
) -> None:
    """Take in interviews from export files."""
    wanted = find_rubric_file(rubric)
    records = _records(paths, file_format, candidate_speaker)[:limit]
    if candidate is not None and len(records) > 1:
        raise UsageFault(f"--candidate names one candidate, but the files hold {len(records)} interviews")
    prepared = [
        prepare(
            record,
            rubric=wanted,
            requisition=requisition,
            candidate_ref=candidate,
            sections=_one_of("--sections", sections, ("marked", "whole")),  # type: ignore[arg-type]
            consent=_one_of("--consent", consent, ("granted", "refused", "withdrawn", "unknown")),  # type: ignore[arg-type]
        )
        for record in records
    ]
    _no_twins(prepared)
    if dry_run:
        _report_dry_run(prepared, wanted)
        return
    with services(Part.DATABASE, Part.STORE) as found:
        outcomes = [(p.interview_id, hand_in(found.store, p)) for p in prepared]
        report = _take_all_in(found)
    _report_import(outcomes, report, wanted)


def find_rubric_file(ref: str) -> Rubric:
    """The rubric of that name among the files; UsageFault names what is there."""
    try:
        return rubric_library(read_settings()).find(ref)
    except UnknownRubric as error:
        raise NotFound(str(error)) from None
    except RubricError as error:
        raise RubricFault(error.faults) from None


def _one_of(option: str, value: str, known: tuple[str, ...]) -> str:
    if value not in known:
        raise UsageFault(f"{option} {value}: it is one of {', '.join(known)}")
    return value


def _records(paths: list[Path], file_format: str, candidate_speaker: str | None) -> list[Record]:
    """Every interview of every file; all faulty files are named at once."""
    _one_of("--format", file_format, (AUTO, *(f.id for f in FORMATS)))
    records: list[Record] = []
    faults: list[str] = []
    for path in paths:
        try:
            data = _bytes(path)
            if file_format == AUTO:
                seen = detect(data, path.name)
                say(f"{path.name}: {seen.format_id}, {seen.why}")
            records += read(data, path.name, format=file_format, candidate_speaker=candidate_speaker)
        except TranscriptFault as fault:
            faults.append(str(fault))
    if faults:
        raise TranscriptFault("\n".join(faults) + ("\nnothing was imported" if len(paths) > 1 else ""))
    return records


def _bytes(path: Path) -> bytes:
    try:
        if path.is_file() and path.stat().st_size > FILE_BYTES_MAX:
            raise TranscriptFault(f"{path}: is larger than {FILE_BYTES_MAX} bytes; split it")
        return path.read_bytes()
    except OSError as error:
        raise TranscriptFault(f"{path}: cannot be read ({error.strerror})") from None


def _no_twins(prepared: list[Prepared]) -> None:
    ids = [p.interview_id for p in prepared]
    if twins := sorted({i for i in ids if ids.count(i) > 1}):
        raise UsageFault(f"two files or rows would be the same interview: {', '.join(twins[:5])}; rename one")


def _take_all_in(found: Services) -> IntakeReport:
    """Pass after pass until one has dealt with nothing; what waits is as the last one found it."""
    total = IntakeReport()
    while (report := intake(found.database, found.store, found.find_rubric)).seen:
        total = _sum(total, report)
    return _sum(total, report)


def _sum(total: IntakeReport, report: IntakeReport) -> IntakeReport:
    return IntakeReport(
        new=total.new + report.new,
        updated=total.updated + report.updated,
        unchanged=total.unchanged + report.unchanged,
        rejected=total.rejected + report.rejected,
        waiting=report.waiting,
        faults=report.faults,
    )


def _tell_waiting(report: IntakeReport) -> None:
    """What could not be dealt with, and why."""
    for fault in report.faults:
        warn(fault)
    if report.waiting:
        warn(f"{report.waiting} stay where they are and are tried again next time")


def _report_dry_run(prepared: list[Prepared], rubric: Rubric) -> None:
    rows = [(p.interview_id, len(p.transcript.turns), sum(1 for _ in p.transcript.utterances())) for p in prepared]
    if out.json:
        put_json([{"interview": i, "turns": t, "utterances": u} for i, t, u in rows])
        return
    put_table(
        ("interview", "turns", "utterances"),
        [(i, str(t), str(u)) for i, t, u in rows[:SHOWN_MAX]],
        right=frozenset({1, 2}),
    )
    put(f"Would import {len(rows)} interviews for {rubric.ref}. Nothing was written.")


def _report_import(outcomes: Sequence[tuple[str, str]], report: IntakeReport, rubric: Rubric) -> None:
    known = sum(1 for _, outcome in outcomes if outcome == "known")
    if out.json:
        put_json({"interviews": [i for i, _ in outcomes], "known": known, "intake": report, "rubric": rubric.ref})
    else:  # what this command handed in; a reconciler may have been the one to take it in
        put(f"Imported {len(outcomes) - known} interviews for {rubric.ref} ({known} known already).")
        put("Score them: debrief run start")
    if report.rejected:
        warn(f"{report.rejected} objects of the inbox were refused; see: debrief intake --rejected")
    _tell_waiting(report)


def intake_command(
    rescan_store: Annotated[
        bool, typer.Option("--rescan", help="take in all that the store knows and the database does not")
    ] = False,
    rejected: Annotated[bool, typer.Option("--rejected", help="list what was refused, and why")] = False,
    retry: Annotated[bool, typer.Option("--retry-rejected", help="put refused manifests back into the inbox")] = False,
) -> None:
    """Take in the interviews that wait in the inbox."""
    with services(Part.DATABASE, Part.STORE) as found:
        if rejected:
            _list_rejections(found)
            return
        if retry:
            say(f"{retry_rejected(found.store)} manifests put back into the inbox")
        report = rescan(found.database, found.store, found.find_rubric) if rescan_store else _take_all_in(found)
    if out.json:
        put_json(report)
    else:
        r = report
        put(f"Taken in: {r.new} new, {r.updated} changed, {r.unchanged} known, {r.rejected} refused.")
    if report.rejected:
        warn("See why: debrief intake --rejected")
    _tell_waiting(report)
    if report.waiting:
        raise typer.Exit(4)


def _list_rejections(found: Services) -> None:
    with found.database.begin() as db:
        rows = rejections(db)
    if out.json:
        put_json(rows)
    elif not rows:
        put("Nothing was refused.")
    for row in rows if not out.json else ():
        put(f"{row['at']:%Y-%m-%d %H:%M}Z  {row['key']}\n    {row['reason']}\n    kept as {row['kept_as']}")
