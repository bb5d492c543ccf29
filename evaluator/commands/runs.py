"""`debrief run`: start, watch, pause, resume, retry, stop, status, report, bundle, list."""

import asyncio
from datetime import UTC, datetime
from typing import Annotated

import typer

from evaluator.commands.context import services
from evaluator.commands.driving import drive
from evaluator.commands.output import out, put, put_json, put_table, say, warn
from evaluator.commands.run_bundle import bundle
from evaluator.commands.run_plan import (
    BUDGET_HELP,
    DEADLINE_HELP,
    ZONE_HELP,
    check_limits,
    limits_of,
    planned,
    put_plan,
    put_plan_json,
    say_plan,
)
from evaluator.commands.run_report import report, tell_report
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
from evaluator.plans import RunPlan
from evaluator.runs import exit_code, headline
from evaluator.scheduling import limit as limit_run
from evaluator.storage.costs import run_spent_named
from evaluator.storage.reading import interviews
from evaluator.storage.runs import (
    Limits,
    Member,
    Retried,
    RunStatus,
    Selection,
    run_failures,
    run_list,
    run_status,
    selected,
    start_run,
)
from evaluator.views.costs import spent_json, spent_words
from evaluator.wiring import Services

app = typer.Typer(help="Score interviews: start a run and see it to its end.", no_args_is_help=True)
app.command()(report)
app.command()(bundle)

ALL_PARTS = (Part.ENGINE, Part.DATABASE, Part.BROKER, Part.STORE)

BudgetOption = Annotated[str | None, typer.Option(help=BUDGET_HELP)]
DeadlineOption = Annotated[str | None, typer.Option(help=DEADLINE_HELP)]
ZoneOption = Annotated[str, typer.Option(help=ZONE_HELP)]
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
    deadline: DeadlineOption = None,
    zone: ZoneOption = "UTC",
    budget: BudgetOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="say what it would take, and start nothing")] = False,
    detach: Annotated[bool, typer.Option("--detach", help="open the run and leave it to the fleet")] = False,
) -> None:
    """Select interviews, say what they will take, and score them."""
    selection = Selection(
        only=_only(only), requisition=requisition, rubric=rubric, limit=limit, since=_utc(since), until=_utc(until)
    )
    limits = limits_of(budget=budget, deadline=deadline, zone=zone)
    name = name or default_name()
    with services(Part.DATABASE, Part.STORE) as quick:
        check_limits(limits, quick.settings)
        for fault in intake(quick.database, quick.store, quick.find_rubric).faults:
            warn(f"an interview still waits in the inbox: {fault}")
        members, plan = planned(quick, selection)
        if dry_run:
            _put_plan(quick, members, plan, limits)
            return
        if plan.to_judge:
            say_plan(plan, limits, quick.settings)
        if detach or not plan.to_judge:
            _begin_and_report(quick, selection, name=name, limits=limits)
        else:  # only now: loading a judge takes long
            with services(*ALL_PARTS, settings=quick.settings) as found:
                prove_judge(found)
                begin(found, selection, name=name, limits=limits)
                finish(found, name)


def _begin_and_report(found: Services, selection: Selection, *, name: str, limits: Limits) -> None:
    begun = begin(found, selection, name=name, limits=limits)
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
    deadline: DeadlineOption = None,
    zone: ZoneOption = "UTC",
    budget: BudgetOption = None,
) -> None:
    """Go on with an interrupted or paused run, within other limits if given; what is finished is kept."""
    limits = limits_of(budget=budget, deadline=deadline, zone=zone)
    with services(Part.DATABASE) as quick:
        status = _status(quick, name)
        if status.state == "closed":
            _say_way_out(status)
            _end(quick, status)
            return
        if limits != Limits():
            with quick.database.begin() as db:
                limit_run(db, COMMAND, name, limits, priced=quick.settings.priced)
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


def _say_way_out(status: RunStatus) -> None:
    """A closed run's numbers never change: what it left is taken up by another one."""
    if status.closed_because != "finished":
        warn(
            f"Run {status.name} is closed ({status.closed_because}), and its numbers stay. Take up what it left, with "
            f"a budget or deadline if you like: debrief run retry {status.name} --reason TEXT"
        )


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
    deadline: DeadlineOption = None,
    zone: ZoneOption = "UTC",
    budget: BudgetOption = None,
) -> None:
    """Give the failed interviews of a run another chance; of a closed run in a new one, as its numbers never change."""
    reason = one_reason(reason, "it should go better now")
    limits = limits_of(budget=budget, deadline=deadline, zone=zone)
    parts = (Part.DATABASE, Part.STORE) if discard_checkpoints else (Part.DATABASE,)
    with services(*parts) as found:
        check_limits(limits, found.settings)
        with found.database.begin() as db:  # the rows are nobody's until the checkpoints are gone
            retried = retry_run(
                db,
                COMMAND,
                name,
                reason=reason,
                only_failed=only_failed,
                require_consent=found.settings.require_consent,
                limits=limits,
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


def begin(found: Services, selection: Selection, *, name: str, limits: Limits | None = None) -> RunStatus | None:
    """Opens the run; None when the selection finds nothing."""
    limits = limits or Limits()
    with found.database.begin() as db:
        members = selected(db, selection, found.judge)
        if not members:
            return None
        start_run(
            db,
            name=name,
            selection=selection,
            judge=found.judge,
            deadline=limits.deadline,
            budget=limits.budget,
            members=members,
        )
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
    tell_report(found, last.name)
    if code := exit_code(last.counts, last.closed_because):
        raise typer.Exit(code)


def _status(found: Services, name: str) -> RunStatus:
    with found.database.begin() as db:
        return run_status(db, name)


def _put_plan(found: Services, members: list[Member], plan: RunPlan, limits: Limits) -> None:
    if out.json:
        put_plan_json(members, plan, limits)
    else:
        put_plan(plan, limits, found.settings)


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
        failures, spent = run_failures(db, status.name), run_spent_named(db, status.name)
    if out.json:
        put_json({**as_json(status, failures), "cost": spent_json(spent)})
        return
    c = status.counts
    put(f"Run {status.name}  {_headline(status)}")
    put("  " + "   ".join(f"{n} {getattr(c, n)}" for n in ("selected", *COUNTS) if n == "selected" or getattr(c, n)))
    if status.sections_total:
        put(f"  sections {status.sections_done}/{status.sections_total}   judge {status.model}")
    if cost := spent_words(spent):
        put(f"  cost {cost}; more: debrief cost run {status.name}")
    for failure in failures:
        put(f"  failed {failure['interview']}: {failure['reason']}: {failure['detail']}")
    if failures:
        put(f"Try the failed ones again: debrief run retry {status.name} --reason TEXT")
    if resume:
        put(f"Follow it: debrief run watch {status.name}")


def _headline(status: RunStatus) -> str:
    return headline(status.state, status.closed_because, status.counts.failed)


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
        "deadline": status.deadline,
        "budget": status.budget,
        "resume": f"debrief run resume {status.name}" if status.state != "closed" else None,
    }


def _only(value: str) -> Only:
    for known in ("missing", "failed", "stale", "all"):
        if value == known:
            return known
    raise UsageFault(f"--only {value}: it is one of missing, failed, stale, all")


def _utc(moment: datetime | None) -> datetime | None:
    return moment if moment is None or moment.tzinfo else moment.replace(tzinfo=UTC)
