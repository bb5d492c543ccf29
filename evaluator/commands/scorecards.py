"""`debrief scorecard`: show, export, verify, rescore, dismiss, restore."""

from typing import Annotated, get_args

import typer

from evaluator import deciding
from evaluator.commands.context import services
from evaluator.commands.output import out, put, put_json, warn
from evaluator.commands.runs import default_name, one_reason
from evaluator.commands.scorecard_export import export
from evaluator.commands.scorecard_text import lines_of
from evaluator.embedded import Part
from evaluator.errors import DebriefError
from evaluator.exports.gathering import exported_one
from evaluator.exports.json import scorecard_json
from evaluator.human import DismissalCause, HumanRecord
from evaluator.judging import Work
from evaluator.people import COMMAND
from evaluator.pipeline import fetch_transcript, recompute
from evaluator.storage.interviews import load_rubric
from evaluator.storage.reading import StoredScorecard, find_scorecard
from evaluator.transcript import Transcript
from evaluator.views.scorecard import scorecard_view
from evaluator.wiring import Services
from rubrics.model import Rubric

app = typer.Typer(help="Scorecards: one, or many as files.", no_args_is_help=True)

RefArgument = Annotated[str, typer.Argument(help="a scorecard's id, or an interview's")]


@app.command()
def show(ref: RefArgument) -> None:
    """One scorecard with its evidence."""
    with services(Part.DATABASE, Part.STORE) as found:
        with found.database.begin() as db:
            one = exported_one(db, COMMAND, ref)
        transcript, problem = _words(found, one.stored)
    if out.json:
        put_json(scorecard_json(one, transcript, words_missing=problem))
        return
    for line in lines_of(scorecard_view(one.stored, one.rubric, transcript, words_missing=problem)):
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
        done = deciding.rescore(db, COMMAND, *refs, judge=found.judge, reason=reason, name=run, dry_run=dry_run)
    if out.json:
        put_json({"run": None if dry_run else run, "interviews": done.interviews, "reason": reason})
        return
    also = f"; {done.blocked} of them may not be, {_why_blocked(done)}" if done.blocked else ""
    put(f"{'Would judge' if dry_run else 'To be judged'} again: {len(done.interviews)} interviews{also}.")
    if not dry_run:
        put(f"Go on with: debrief run resume {run}")


def _why_blocked(done: deciding.Rescored) -> str:
    """For want of consent, as they broke off, or for both."""
    whys = {"for want of consent": done.blocked - done.broke_off, "as they broke off": done.broke_off}
    return " or ".join(why for why, number in whys.items() if number)


@app.command()
def dismiss(
    ref: RefArgument,
    cause: Annotated[str, typer.Option(help=" | ".join(get_args(DismissalCause)))],
    reason: Annotated[str, typer.Option(help="at least 15 characters; kept with the scorecard")],
) -> None:
    """Say that a scorecard does not count; it is kept, and can be restored."""
    with services(Part.DATABASE) as found, found.database.begin() as db:
        held = deciding.dossier(db, ref)
        expected = held.number_for(COMMAND)
        record = deciding.dismiss(db, COMMAND, held.stored.id, cause=cause, text=reason, expected=expected)
    _put_record(record, f"Dismissed. Take it back with: debrief scorecard restore {record.scorecard_id} --reason ...")


@app.command()
def restore(
    ref: RefArgument,
    reason: Annotated[str, typer.Option(help="at least 15 characters; kept with the scorecard")],
) -> None:
    """Take a dismissal back."""
    with services(Part.DATABASE) as found, found.database.begin() as db:
        held = deciding.dossier(db, ref)
        record = deciding.restore(db, COMMAND, held.stored.id, text=reason, expected=held.number_for(COMMAND))
    _put_record(record, "Restored: it counts again.")


def _put_record(record: HumanRecord, words: str) -> None:
    if out.json:
        put_json({"scorecard": record.scorecard_id, "number": record.number, "kind": record.act.kind, "at": record.at})
        return
    put(f"{record.scorecard_id}: {words}")


app.command()(export)


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
