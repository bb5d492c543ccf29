"""`debrief demo`: simulated interviews through the real services, from the recorder to the page."""

import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from evaluator.commands.context import services
from evaluator.commands.driving import drive
from evaluator.commands.output import out, put, put_json, put_table, say, warn
from evaluator.commands.pages import pages_of
from evaluator.commands.rubric_files import find_rubric_file
from evaluator.commands.runs import ALL_PARTS, as_json, begin
from evaluator.evaluation import COUNTS
from evaluator.intake import intake
from evaluator.runs import exit_code
from evaluator.settings import read_settings
from evaluator.storage.reading import InterviewRow, interviews
from evaluator.storage.runs import RunStatus, Selection, run_list
from evaluator.wiring import Services
from live_agent.simulate import simulate_into

ROLES = (("backend-eng", "DEMO-ENG"), ("customer-sales", "DEMO-SALES"))
PER_ROLE = 6
NAME = "demo-"


def demo(
    once: Annotated[bool, typer.Option("--once", help="stop after the table instead of serving the pages")] = False,
    port: Annotated[int | None, typer.Option(min=0, max=65_535, help="of the pages; 0 takes a free one")] = None,
) -> None:
    """Simulate 12 interviews for two roles, score them with a real worker and engine, and show the scorecards."""
    began = time.monotonic()
    if not once:
        _check_pages()
    say("Debrief: simulated interviews, scored on this machine by real parts.")
    with services(*ALL_PARTS) as found:
        number = _next_number(found)
        ids = _simulate(found, number)
        _take_in(found)
        run = begin(found, Selection(only="missing", interviews=ids), name=f"{NAME}{number}")
        if run is None:
            raise RuntimeError("the interviews that were just simulated were not found")
        status = drive(found, run.name, on_first_section=lambda: say(f"first section scored {_since(began)}"))
        say(f"{status.counts.selected} interviews done {_since(began)}")
        _show(found, status)
        if not once:
            _serve(found, found.settings.web_port if port is None else port)
    if code := exit_code(status.counts, status.closed_because):
        raise typer.Exit(code)


def _since(began: float) -> str:
    return f"{time.monotonic() - began:.0f} s after the start, loading included"


def _next_number(found: Services) -> int:
    """Each demonstration simulates other people: what is scored already would not be scored again."""
    with found.database.begin() as db:
        numbers = [int(n) for r in run_list(db, limit=1_000) if (n := r.name.removeprefix(NAME)).isdigit()]
    return max(numbers, default=0) + 1


def _simulate(found: Services, number: int) -> tuple[str, ...]:
    ids: list[str] = []
    for n, (role, requisition) in enumerate(ROLES):
        rubric = find_rubric_file(role)
        made = simulate_into(
            found.store,
            rubric,
            count=PER_ROLE,
            seed=number,
            requisition=requisition,
            prefix=f"demo-{number}-{role}",
            first_candidate=(number - 1) * PER_ROLE * len(ROLES) + n * PER_ROLE + 1,
            base=datetime.now(UTC).replace(hour=9, minute=0, second=0, microsecond=0) - timedelta(days=7),
        )
        for interview in made:
            ids.append(interview.interview_id)
            say(f"interview {len(ids)}/{PER_ROLE * len(ROLES)} for {rubric.title}: {len(interview.turns)} turns")
    return tuple(ids)


def _take_in(found: Services) -> None:
    report = intake(found.database, found.store, found.find_rubric)
    say(f"intake: {report.new} interviews taken in")
    for fault in report.faults:
        warn(f"an interview still waits in the inbox: {fault}")


def _show(found: Services, status: RunStatus) -> None:
    with found.database.begin() as db:
        rows = interviews(db, run=status.name, limit=200)
    if out.json:
        put_json({**as_json(status, ()), "interviews": rows})
        return
    put("")
    put_table(
        ("candidate", "rubric", "state", "overall", "scored", "alerts"),
        [_line(row) for row in sorted(rows, key=lambda r: r.id)],
        right=frozenset({5}),
    )
    put("")
    put("  ".join(f"{n} {getattr(status.counts, n)}" for n in ("selected", *COUNTS) if getattr(status.counts, n)))
    for notice in sorted({row.judge_notice for row in rows if row.judge_notice}):
        put(f"!! {notice}")
    put(f"One of them: debrief scorecard show {next((r.id for r in rows if r.scorecard_id), 'ID')}")


def _line(row: InterviewRow) -> tuple[str, ...]:
    overall = (
        "-" if row.overall is None else f"{row.overall:.1f}" + ("" if row.spread is None else f" ±{row.spread:.1f}")
    )
    coverage = "-" if row.scored is None else f"{row.scored} of {row.of}"
    return (row.candidate_ref, row.rubric, row.state.replace("_", " "), overall, coverage, str(row.alerts))


def _check_pages() -> None:
    """UsageFault for what would keep the pages from being served, before anything else is done."""
    from evaluator.web.identity import access_of
    from evaluator.web.serving import refuse_open

    settings = read_settings()
    refuse_open(settings.web_host, access_of(settings))


def _serve(found: Services, port: int) -> None:
    from evaluator.commands.login import announce
    from evaluator.web.identity import access_of
    from evaluator.web.serving import serving

    access = access_of(found.settings)
    with serving(pages_of(found, access), found.settings.web_host, port) as url:
        announce(found, access, url)
        say("Serving until Ctrl-C.")
        threading.Event().wait()
