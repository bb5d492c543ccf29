"""`debrief import` and `debrief intake`: interviews from export files, and from the inbox."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, get_args

import typer

from evaluator.commands.context import services
from evaluator.commands.import_deciding import MODES_HELP, Decision, Facts, Mode, decide
from evaluator.commands.import_reading import (
    FORMATS_HELP,
    PATHS_HELP,
    consent_of,
    fault_lines,
    one_of,
    read_files,
)
from evaluator.commands.import_sections import (
    given_by,
    put_questions,
    put_summary,
    refuse_taken,
    sections_json,
    write_sections,
)
from evaluator.commands.output import out, put, put_json, put_table, say, warn
from evaluator.commands.rubric_files import find_rubric_file
from evaluator.embedded import Part
from evaluator.errors import TranscriptFault, UsageFault
from evaluator.formats import AUTO, Record
from evaluator.importing import Prepared, hand_in, interview_id_of, prepare, usable_id
from evaluator.intake import IntakeReport, intake, rescan, retry_rejected
from evaluator.storage.interviews import rejections
from evaluator.wiring import Services
from rubrics.model import Rubric

REQUISITION = "imported"  # of interviews whose importer named none
SHOWN_MAX = 20
SOME_FAILED = 3  # UX.md's exit code


def import_files(
    paths: Annotated[list[Path], typer.Argument(help=PATHS_HELP)],
    rubric: Annotated[str, typer.Option(help="what to judge by: id or id@version, see: debrief rubric list")],
    requisition: Annotated[str, typer.Option("--requisition", "--req", help="the opening it is for")] = REQUISITION,
    candidate: Annotated[str | None, typer.Option(help="the candidate's reference, for a single interview")] = None,
    candidate_speaker: Annotated[str | None, typer.Option(help="the label of the candidate in the file")] = None,
    sections: Annotated[str, typer.Option(help=MODES_HELP)] = "auto",
    sections_out: Annotated[
        Path | None,
        typer.Option(help="write which question is in which section, to be corrected: .csv or .json; with --dry-run"),
    ] = None,
    sections_from: Annotated[
        Path | None, typer.Option(help="the corrected file; interviews that it leaves out go by --sections")
    ] = None,
    consent: Annotated[str, typer.Option(help="granted | refused | withdrawn | unknown")] = "unknown",
    consent_at: Annotated[
        str | None, typer.Option(help="when that was said: 2026-11-18, or with time and zone")
    ] = None,
    file_format: Annotated[str, typer.Option("--format", help=FORMATS_HELP)] = AUTO,
    limit: Annotated[int | None, typer.Option(min=1, help="at most this many interviews")] = None,
    skip_faulty: Annotated[
        bool,
        typer.Option("--skip-faulty", help="import what is sound and list the rest (exit code 3), not all or none"),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="read, check and show the sections; write nothing. The judge may be asked")
    ] = False,
) -> None:
    """Take in interviews from export files."""
    facts = Facts(
        rubric=find_rubric_file(rubric),
        requisition=usable_id("requisition", requisition),
        candidate=None if candidate is None else usable_id("candidate", candidate),
        sections=one_of("--sections", sections, get_args(Mode)),
        consent=consent_of(consent, consent_at, now=datetime.now(UTC)),
    )
    _check_options(facts, sections_out, sections_from)
    reading = read_files(paths, file_format, candidate_speaker, rows=skip_faulty)
    faults = reading.faults
    if not skip_faulty or not reading.records:
        _refuse(faults, sound=reading.sound)
    records = reading.records[:limit]
    if candidate is not None and len(records) > 1:
        raise UsageFault(f"--candidate names one candidate, but the files hold {len(records)} interviews")
    _no_twins(records, facts.requisition)
    given = given_by(sections_from, reading.records, facts.rubric, requisition=facts.requisition)
    decisions = decide(records, facts, given=given)
    prepared, unusable = _prepared(records, decisions, facts)
    faults += unusable
    if not skip_faulty or not prepared:
        _refuse(faults, sound=len(prepared))
    if sections_out is not None:
        write_sections(sections_out, prepared, facts.rubric)
    if dry_run:
        _report_dry_run(prepared, facts.rubric, faults)
    else:
        with services(Part.DATABASE, Part.STORE) as found:
            outcomes = [(p.interview_id, hand_in(found.store, p)) for p in prepared]
            report = _take_all_in(found)
        _report_import(prepared, outcomes, report, facts.rubric, faults)
    if faults:
        raise typer.Exit(SOME_FAILED)


def _check_options(facts: Facts, sections_out: Path | None, sections_from: Path | None) -> None:
    if facts.sections == "whole" and (sections_out or sections_from):
        raise UsageFault("--sections whole has no sections to write or correct; leave out one of the two")
    refuse_taken(sections_out)
    if facts.consent.status == "granted" and facts.consent.at is None:
        say(
            "Consent is recorded as granted, without a date: a refusal that is recorded already stays in force. "
            "--consent-at says when it was given."
        )


def _refuse(faults: list[str], *, sound: int) -> None:
    """Ends the import where there are faults: it is whole, unless asked otherwise, or not at all."""
    if faults:
        hint = "; --skip-faulty leaves out what is faulty" if sound else ""
        ending = [f"nothing was imported{hint}"] if len(faults) + sound > 1 else []
        raise TranscriptFault("\n".join([*fault_lines(faults), *ending]))


def _prepared(
    records: Sequence[Record], decisions: Sequence[Decision], facts: Facts
) -> tuple[list[Prepared], list[str]]:
    """What is ready for the store, and why the rest is not."""
    prepared: list[Prepared] = []
    faults: list[str] = []
    for record, decision in zip(records, decisions, strict=True):
        try:
            if isinstance(decision, TranscriptFault):
                raise decision
            prepared.append(
                prepare(
                    record,
                    rubric=facts.rubric,
                    requisition=facts.requisition,
                    candidate_ref=facts.candidate,
                    sections="whole" if facts.sections == "whole" else "marked",
                    questions=decision,
                    consent=facts.consent,
                )
            )
        except TranscriptFault as fault:
            faults.append(str(fault))
    return prepared, faults


def _no_twins(records: Sequence[Record], requisition: str) -> None:
    ids = [interview_id_of(record, requisition=requisition) for record in records]
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


def _report_dry_run(prepared: list[Prepared], rubric: Rubric, faults: list[str]) -> None:
    rows = [(p.interview_id, len(p.transcript.turns), sum(1 for _ in p.transcript.utterances())) for p in prepared]
    if out.json:
        put_json(
            [
                {**sections_json(p, rubric, questions=True), "turns": turns, "utterances": utterances}
                for p, (_, turns, utterances) in zip(prepared, rows, strict=True)
            ]
        )
    else:
        put_table(
            ("interview", "turns", "utterances"),
            [(i, str(t), str(u)) for i, t, u in rows[:SHOWN_MAX]],
            right=frozenset({1, 2}),
        )
        if prepared[0].transcript.sections == "marked":
            put_questions(prepared)
            put("")
        put_summary(prepared, rubric)
        put(f"Would import {len(rows)} interviews for {rubric.ref}. Nothing was written.")
    _tell_skipped(faults)


def _report_import(
    prepared: list[Prepared],
    outcomes: Sequence[tuple[str, str]],
    report: IntakeReport,
    rubric: Rubric,
    faults: list[str],
) -> None:
    known = sum(1 for _, outcome in outcomes if outcome == "known")
    if out.json:
        put_json(
            {
                "interviews": [i for i, _ in outcomes],
                "known": known,
                "intake": report,
                "rubric": rubric.ref,
                "sections": [sections_json(p, rubric, questions=False) for p in prepared],
                "faulty": faults,
            }
        )
    else:  # what this command handed in; a reconciler may have been the one to take it in
        put(f"Imported {len(outcomes) - known} interviews for {rubric.ref} ({known} known already).")
        put_summary(prepared, rubric)
        put("Score them: debrief run start")
    if report.rejected:
        warn(f"{report.rejected} objects of the inbox were refused; see: debrief intake --rejected")
    _tell_waiting(report)
    _tell_skipped(faults)


def _tell_skipped(faults: list[str]) -> None:
    if faults:
        warn(f"Left out as faulty: {len(faults)}")
    for line in fault_lines(faults):
        warn(f"  {line}")


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
