"""`debrief run`: start, watch, pause, resume, retry, stop, status, list."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from evaluator.commands.context import services
from evaluator.commands.driving import drive
from evaluator.commands.output import out, put, put_json, put_table, say, warn
from evaluator.embedded import Part
from evaluator.errors import UsageFault
from evaluator.evaluation import COUNTS, Only
from evaluator.intake import intake
from evaluator.operating import checked_reason
from evaluator.operating import pause as pause_run
from evaluator.operating import resume as unpause_run
from evaluator.operating import retry as retry_run
from evaluator.operating import stop as stop_run
from evaluator.people import COMMAND
from evaluator.pipeline import discard_checkpoints as discard
from evaluator.runs import exit_code
from evaluator.storage.reading import interviews
from evaluator.storage.runs import (
    Retried,
    RunStatus,
    Selection,
    run_failures,
    run_list,
    run_status,
    selected,
    start_run,
    unfinished,
)
from evaluator.wiring import Services

app = typer.Typer(help="Score interviews: start a run and see it to its end.", no_args_is_help=True)

ALL_PARTS = (Part.ENGINE, Part.DATABASE, Part.BROKER, Part.STORE)

OnlyOption = Annotated[
    str, typer.Option("--only", help="missing: no scorecard yet | failed | stale: another judge or rubric | all")
]


@app.command()
def start(
    name: Annotated[str | None, typer.Option(help="the run's name; made from the date if not given")] = None,
    only: OnlyOption = "missing",
    requisition: Annotated[str | None, typer.Option("--requisition", "--req", help="only this requisition")] = None,
    rubric: Annotated[str | None, typer.Option(help="only this rubric, id@version")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="at most this many interviews")] = None,
    since: Annotated[datetime | None, typer.Option(help="taken in at or after (UTC)")] = None,
    until: Annotated[datetime | None, typer.Option(help="taken in before (UTC)")] = None,
    deadline: Annotated[str | None, typer.Option(help="claim nothing after HH:MM (UTC)")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="say what would be scored, score nothing")] = False,
    detach: Annotated[bool, typer.Option("--detach", help="open the run and leave it to the fleet")] = False,
) -> None:
    """Select interviews and score them."""
    selection = Selection(
        only=_only(only), requisition=requisition, rubric=rubric, limit=limit, since=_utc(since), until=_utc(until)
    )
    ends_at = _deadline(deadline)
    name = name or default_name()
    with services(Part.DATABASE, Part.STORE) as quick:
        for fault in intake(quick.database, quick.store, quick.find_rubric).faults:
            warn(f"an interview still waits in the inbox: {fault}")
        if dry_run:
            _plan(quick, selection)
        elif detach or not _anything_to_judge(quick, selection):
            _begin_and_report(quick, selection, name=name, deadline=ends_at)
        else:  # only now: loading a judge takes long
            with services(*ALL_PARTS, settings=quick.settings) as found:
                prove_judge(found)
                begin(found, selection, name=name, deadline=ends_at)
                finish(found, name)


def _anything_to_judge(found: Services, selection: Selection) -> bool:
    with found.database.begin() as db:
        return unfinished(db, selected(db, selection, found.judge)) > 0


def _begin_and_report(found: Services, selection: Selection, *, name: str, deadline: datetime | None) -> None:
    begun = begin(found, selection, name=name, deadline=deadline)
    if begun is None:
        _nothing_to_do(found)
    elif begun.state == "closed":
        _end(found, begun)
    else:
        _report(found, begun, resume=True)


def prove_judge(found: Services) -> None:
    """The engine answers and serves our model, before a run is opened over it; EngineUnavailable."""

    async def check() -> None:
        try:
            await found.engine.check(found.model)
        finally:
            await found.engine.aclose()

    asyncio.run(check())


@app.command()
def watch(name: Annotated[str, typer.Argument(help="the run's name")]) -> None:
    """Follow a run until it ends, without working on it."""
    with services(Part.DATABASE) as found:
        status = drive(found, name, events=out.json, work=False)
        _end(found, status)


@app.command()
def pause(name: Annotated[str, typer.Argument(help="the run's name")]) -> None:
    """Claim nothing more for a run until it is resumed; interviews in hand are finished."""
    with services(Part.DATABASE) as found:
        with found.database.begin() as db:
            pause_run(db, COMMAND, name)
        _report(found, _status(found, name))
    say(f"Go on with: debrief run resume {name}")


@app.command()
def resume(
    name: Annotated[str, typer.Argument(help="the run's name")],
    detach: Annotated[bool, typer.Option("--detach", help="leave the work to the fleet")] = False,
) -> None:
    """Go on with an interrupted or paused run; finished interviews and sections are kept."""
    with services(Part.DATABASE) as quick:
        status = _status(quick, name)
        if status.state == "closed":
            _end(quick, status)
            return
        if detach:
            _unpause(quick, status)
            _report(quick, _status(quick, name), resume=True)
            return
        with services(*ALL_PARTS, settings=quick.settings) as found:
            prove_judge(found)
            _unpause(found, status)
            done = status.counts.selected - status.counts.open
            say(f"Resumed: {done} finished interviews kept, {status.counts.open} to do.")
            finish(found, name)


def _unpause(found: Services, status: RunStatus) -> None:
    if status.state == "paused":
        with found.database.begin() as db:
            unpause_run(db, COMMAND, status.name)


@app.command()
def retry(
    name: Annotated[str, typer.Argument(help="the run's name")],
    reason: Annotated[str, typer.Option(help="why it should go better now; kept in each interview's history")],
    only_failed: Annotated[
        bool, typer.Option("--only-failed", help="not what a stopped run had left unfinished")
    ] = False,
    discard_checkpoints: Annotated[
        bool, typer.Option("--discard-checkpoints", help="judge anew where a checkpoint could not be read")
    ] = False,
) -> None:
    """Give the failed interviews of a run another chance; of a closed run in a new one, as its numbers never change."""
    reason = one_reason(reason, "it should go better now")
    parts = (Part.DATABASE, Part.STORE) if discard_checkpoints else (Part.DATABASE,)
    with services(*parts) as found:
        with found.database.begin() as db:  # the rows are nobody's until the checkpoints are gone
            retried = retry_run(
                db,
                COMMAND,
                name,
                reason=reason,
                only_failed=only_failed,
                require_consent=found.settings.require_consent,
            )
            if retried and discard_checkpoints:
                for interview_id, key in retried.corrupt:
                    discard(found.store, interview_id, key)
        if retried is None:
            _nothing_to_retry(found, name)
            return
        if not out.json:
            _tell_retried(retried, discarded=discard_checkpoints)
        _report(found, _status(found, retried.run))
    say(f"Go on with: debrief run resume {retried.run}")


def one_reason(value: str, why: str) -> str:
    """The reason on one line; UsageFault when it is too short to be one, or too long."""
    return checked_reason(value, what="--reason", why=why)


def _tell_retried(retried: Retried, *, discarded: bool) -> None:
    also = f", and {retried.taken_along} that it had left unfinished" if retried.taken_along else ""
    put(f"Trying {len(retried.interviews)} failed interviews again{also}, in run {retried.run}.")
    if retried.corrupt and discarded:
        put(f"Of {len(retried.corrupt)} the checkpoints were removed: their sections are judged anew.")
    elif retried.corrupt:
        warn(
            f"{len(retried.corrupt)} had a checkpoint that could not be read and will fail again while it is there; "
            "remove it with: --discard-checkpoints"
        )


def _nothing_to_retry(found: Services, name: str) -> None:
    if out.json:
        put_json(as_json(_status(found, name), ()))
    else:
        put(f"Nothing to retry: no interview of run {name} waits for a person.")


@app.command()
def stop(name: Annotated[str, typer.Argument(help="the run's name")]) -> None:
    """Close a run: nothing more is claimed for it."""
    with services(Part.DATABASE) as found:
        with found.database.begin() as db:
            stop_run(db, COMMAND, name)
        _report(found, _status(found, name))


@app.command()
def status(name: Annotated[str | None, typer.Argument(help="the run's name; the newest if not given")] = None) -> None:
    """Where a run stands."""
    with services(Part.DATABASE) as found:
        if name is None:
            with found.database.begin() as db:
                newest = run_list(db, limit=1)
            if not newest:
                _no_runs()
                return
            name = newest[0].name
        _report(found, _status(found, name))


@app.command("list")
def list_runs() -> None:
    """All runs, the newest first."""
    with services(Part.DATABASE) as found, found.database.begin() as db:
        runs = run_list(db)
    if out.json:
        put_json([as_json(run, ()) for run in runs])
    elif not runs:
        _no_runs()
    else:
        rows = [
            (
                r.name,
                r.closed_because or r.state,
                f"{r.counts.selected}",
                f"{r.counts.open}",
                f"{r.counts.failed}",
                f"{r.created_at:%Y-%m-%d %H:%M}",
            )
            for r in runs
        ]
        put_table(("run", "state", "selected", "to do", "failed", "started (UTC)"), rows, right=frozenset({2, 3, 4}))


def default_name(kind: str = "run") -> str:
    """A name made from the moment."""
    return f"{kind}-{datetime.now(UTC):%Y-%m-%d-%H%M%S}"


def begin(found: Services, selection: Selection, *, name: str, deadline: datetime | None = None) -> RunStatus | None:
    """Opens the run; None when the selection finds nothing."""
    with found.database.begin() as db:
        if not selected(db, selection, found.judge):
            return None
        start_run(db, name=name, selection=selection, judge=found.judge, deadline=deadline)
        return run_status(db, name)


def finish(found: Services, name: str) -> None:
    """Works on the run until it is closed, prints the summary, and exits with the run's code."""
    say(f"Run {name}: judge {found.model}. If interrupted: debrief run resume {name}")
    try:
        last = drive(found, name)
    except (KeyboardInterrupt, SystemExit):
        warn(f"Interrupted; finished sections are saved. Resume: debrief run resume {name}")
        raise
    _end(found, last)


def _end(found: Services, last: RunStatus) -> None:
    _report(found, last)
    if code := exit_code(last.counts, last.closed_because):
        raise typer.Exit(code)


def _status(found: Services, name: str) -> RunStatus:
    with found.database.begin() as db:
        return run_status(db, name)


def _plan(found: Services, selection: Selection) -> None:
    with found.database.begin() as db:
        members = selected(db, selection, found.judge)
    sections = sum(m.row["sections_total"] for m in members)
    if out.json:
        put_json({"interviews": [m.interview_id for m in members], "sections": sections, "model": found.model})
    else:
        put(f"Would score {len(members)} interviews, {sections} sections, with {found.model}. Nothing was started.")


def _nothing_to_do(found: Services) -> None:
    with found.database.begin() as db:
        some = bool(interviews(db, limit=1))
    if out.json:
        put_json({"run": None, "state": "nothing_to_do", "exit_code": 0})
    elif some:
        put("Nothing to do: no interview matches. Score again with: debrief run start --only all (or failed, stale)")
    else:
        put("No interviews yet. Import some: debrief import FILE --rubric ID, or try: debrief demo")


def _no_runs() -> None:
    if out.json:
        put_json([])
    else:
        put("No runs yet. Start one: debrief run start")


def _report(found: Services, status: RunStatus, *, resume: bool = False) -> None:
    with found.database.begin() as db:
        failures = run_failures(db, status.name)
    if out.json:
        put_json(as_json(status, failures))
        return
    c = status.counts
    put(f"Run {status.name}  {_headline(status)}")
    put("  " + "   ".join(f"{n} {getattr(c, n)}" for n in ("selected", *COUNTS) if n == "selected" or getattr(c, n)))
    if status.sections_total:
        put(f"  sections {status.sections_done}/{status.sections_total}   judge {status.model}")
    for failure in failures:
        put(f"  failed {failure['interview']}: {failure['reason']}: {failure['detail']}")
    if failures:
        put(f"Try the failed ones again: debrief run retry {status.name} --reason TEXT")
    if resume:
        put(f"Follow it: debrief run watch {status.name}")


def _headline(status: RunStatus) -> str:
    if status.state != "closed":
        return status.state.upper()
    if status.closed_because != "finished":
        return f"STOPPED ({status.closed_because})"
    return "FINISHED WITH FAILURES" if status.counts.failed else "FINISHED"


def as_json(status: RunStatus, failures: object) -> dict[str, object]:
    """A run for programs."""
    return {
        "run": status.name,
        "state": _headline(status).lower().replace(" ", "_"),
        "exit_code": exit_code(status.counts, status.closed_because),
        "model": status.model,
        "counts": status.counts,
        "sections": {"done": status.sections_done, "total": status.sections_total},
        "failures": failures,
        "started_at": status.created_at,
        "finished_at": status.closed_at,
        "resume": f"debrief run resume {status.name}" if status.state != "closed" else None,
    }


def _only(value: str) -> Only:
    for known in ("missing", "failed", "stale", "all"):
        if value == known:
            return known
    raise UsageFault(f"--only {value}: it is one of missing, failed, stale, all")


def _utc(moment: datetime | None) -> datetime | None:
    return moment if moment is None or moment.tzinfo else moment.replace(tzinfo=UTC)


def _deadline(value: str | None) -> datetime | None:
    """The next HH:MM in UTC."""
    if value is None:
        return None
    try:
        time = datetime.strptime(value, "%H:%M").replace(tzinfo=UTC).time()
    except ValueError:
        raise UsageFault(f"--deadline {value}: give a time of day in UTC as HH:MM, for example 06:00") from None
    now = datetime.now(UTC)
    at = now.replace(hour=time.hour, minute=time.minute, second=0, microsecond=0)
    return at if at > now else at + timedelta(days=1)
