"""`debrief scorecard`: show, export, verify, rescore."""

import csv
import io
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from evaluator.commands.context import services
from evaluator.commands.output import out, put, put_json, warn
from evaluator.commands.runs import default_name, one_reason
from evaluator.commands.scorecard_text import lines_of
from evaluator.embedded import Part
from evaluator.errors import DebriefError
from evaluator.judging import Work
from evaluator.pipeline import fetch_transcript, recompute
from evaluator.storage.interviews import load_rubric
from evaluator.storage.reading import StoredScorecard, find_scorecard, scorecards
from evaluator.storage.runs import Selection, selected, start_run
from evaluator.transcript import Transcript
from evaluator.verdict import Verdict
from evaluator.web.view import scorecard_json, scorecard_view
from evaluator.wiring import Services
from rubrics.model import Rubric

app = typer.Typer(help="Scorecards: one, or many as files.", no_args_is_help=True)

RefArgument = Annotated[str, typer.Argument(help="a scorecard's id, or an interview's")]


@app.command()
def show(ref: RefArgument) -> None:
    """One scorecard with its evidence."""
    with services(Part.DATABASE, Part.STORE) as found:
        stored, rubric = _load(found, ref)
        transcript, problem = _words(found, stored)
    if out.json:
        put_json(scorecard_json(stored, transcript, words_missing=problem))
        return
    for line in lines_of(scorecard_view(stored, rubric, transcript, words_missing=problem)):
        put(line)


@app.command()
def verify(ref: RefArgument) -> None:
    """Compute a scorecard again from its transcript, rubric and checkpoints; exit 0 when it is the same to the byte."""
    with services(Part.DATABASE, Part.STORE) as found:
        stored, rubric = _load(found, ref)
        again = recompute(work_of(stored, rubric), found.store)
    same = again.digest == stored.body_sha256
    if out.json:
        put_json({"scorecard": stored.id, "same": same, "stored": stored.body_sha256, "recomputed": again.digest})
    elif same:
        put(f"{stored.id}: recomputed from its checkpoints, the same to the byte ({again.digest[:16]})")
    if not same:
        warn(
            f"{stored.id}: the checkpoints give another scorecard ({again.digest[:16]}, not {stored.body_sha256[:16]})"
        )
        raise typer.Exit(3)


@app.command()
def rescore(
    refs: Annotated[list[str], typer.Argument(metavar="REF...", help="scorecards' or interviews' ids")],
    reason: Annotated[str, typer.Option(help="why they are judged again; kept with the run")],
    name: Annotated[str | None, typer.Option(help="the run's name; made from the date if not given")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="say what would be judged again, change nothing")] = False,
) -> None:
    """Judge interviews again, with another seed; the scorecards that they have are kept."""
    reason = one_reason(reason, "they are judged again")
    run = name or default_name("rescore")
    with services(Part.DATABASE) as found, found.database.begin() as db:
        ids = tuple(dict.fromkeys(find_scorecard(db, ref).interview_id for ref in refs))
        selection = Selection(only="all", interviews=ids, rescore=True, reason=reason)
        members = selected(db, selection, found.judge)
        if not dry_run:
            start_run(db, name=run, selection=selection, judge=found.judge)
    if out.json:
        put_json({"run": None if dry_run else run, "interviews": [m.interview_id for m in members], "reason": reason})
        return
    blocked = sum(m.blocked for m in members)
    also = f"; {blocked} of them may not be, for want of consent" if blocked else ""
    put(f"{'Would judge' if dry_run else 'To be judged'} again: {len(members)} interviews{also}.")
    if not dry_run:
        put(f"Go on with: debrief run resume {run}")


@app.command()
def export(
    requisition: Annotated[str | None, typer.Option("--requisition", "--req", help="only this requisition")] = None,
    run: Annotated[str | None, typer.Option(help="only this run's")] = None,
    wide: Annotated[
        bool, typer.Option("--wide", help="CSV with one line per scorecard instead of per criterion")
    ] = False,
    jsonl: Annotated[bool, typer.Option("--jsonl", help="one JSON object per scorecard, with evidence")] = False,
) -> None:
    """All scorecards as CSV (a line per scorecard and criterion), or as JSON lines."""
    with services(Part.DATABASE, Part.STORE) as found:
        stored = _all(found, requisition, run)
        if jsonl or out.json:
            for one in stored:
                transcript, problem = _words(found, one)
                put_json(scorecard_json(one, transcript, words_missing=problem))
            return
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\r\n")
        for n, row in enumerate(_wide(stored) if wide else _long(stored)):
            if n == 0:
                writer.writerow(row.keys())
            writer.writerow([_guarded(value) for value in row.values()])
    typer.echo(text.getvalue(), nl=False)


def work_of(stored: StoredScorecard, rubric: Rubric) -> Work:
    """What this scorecard was made from."""
    return Work(
        interview_id=stored.interview_id,
        evaluation_key=stored.body.provenance.evaluation_key,
        transcript_key=stored.transcript_key,
        transcript_sha256=stored.transcript_sha256,
        rubric=rubric,
        model=stored.body.provenance.model,
        sampling=stored.body.provenance.sampling,
    )


def _load(found: Services, ref: str) -> tuple[StoredScorecard, Rubric]:
    with found.database.begin() as db:
        stored = find_scorecard(db, ref)
        return stored, load_rubric(db, stored.rubric_id, stored.rubric_version)


def _words(found: Services, stored: StoredScorecard) -> tuple[Transcript | None, str | None]:
    try:
        return fetch_transcript(found.store, key=stored.transcript_key, digest=stored.transcript_sha256), None
    except DebriefError as error:
        return None, str(error)


def _all(found: Services, requisition: str | None, run: str | None) -> list[StoredScorecard]:
    result: list[StoredScorecard] = []
    while True:
        with found.database.begin() as db:
            page = scorecards(db, requisition=requisition, run=run, after=result[-1].id if result else "")
        if not page:
            return result
        result += page


def _base(one: StoredScorecard) -> dict[str, Any]:
    return {
        "scorecard": one.id,
        "interview": one.interview_id,
        "candidate": one.candidate_ref,
        "requisition": one.requisition,
        "rubric": f"{one.rubric_id}@{one.rubric_version}",
        "model": one.body.provenance.model,
        "judge_notice": one.body.provenance.judge_notice,
        "scored_at": one.created_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


def _long(stored: list[StoredScorecard]) -> Iterator[dict[str, Any]]:
    for one in stored:
        for section in one.body.sections:
            for r in section.results:
                scored = isinstance(r, Verdict)
                yield _base(one) | {
                    "section": section.section_id,
                    "criterion": r.criterion_id,
                    "ai_status": r.status,
                    "ai_level": r.level if isinstance(r, Verdict) else None,
                    "ai_expected_level": r.expected_level if isinstance(r, Verdict) else None,
                    "ai_spread": r.spread if isinstance(r, Verdict) else None,
                    "scale_min": 1,
                    "scale_max": 5,
                    "evidence": " ".join(r.evidence) if isinstance(r, Verdict) else "",
                    "reason": "" if scored else getattr(r, "reason", ""),
                }


def _wide(stored: list[StoredScorecard]) -> Iterator[dict[str, Any]]:
    for one in stored:
        mean = one.body.overall
        yield _base(one) | {
            "ai_state": one.body.state,
            "ai_overall": mean.value,
            "ai_withheld_for": " ".join(one.body.withheld),
            "ai_spread": mean.spread,
            "ai_scored": mean.scored,
            "criteria": mean.of,
            "scale_min": 1,
            "scale_max": 5,
            "alerts": " ".join(sorted({a.code for a in one.body.alerts})),
        }


def _guarded(value: object) -> object:
    """A cell that a spreadsheet cannot take for a formula."""
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r"):
        return "'" + value
    return round(value, 4) if isinstance(value, float) else value
