"""`debrief agent`: interviews in rooms and in the terminal, phrases spoken beforehand, and what it all cost."""

import asyncio
import os
import secrets
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from evaluator.commands.agent_room import listen, start
from evaluator.commands.agent_send import send
from evaluator.commands.agent_speech import prewarm
from evaluator.commands.context import services
from evaluator.commands.output import out, put, put_json, put_table, say
from evaluator.embedded import Part
from evaluator.errors import NotFound, UsageFault
from evaluator.manifest import Candidate, Consent, Manifest
from evaluator.settings import read_settings
from rubrics.model import Rubric

if TYPE_CHECKING:
    from evaluator.wiring import Services
    from live_agent.models import Models
    from live_agent.routing import Share

app = typer.Typer(help="The live interview agent.", no_args_is_help=True)

RubricRef = Annotated[str, typer.Argument(help="a rubric, id or id@version; see: debrief rubric list")]
_SHARE_COLUMNS = ("task", "requests", "answered", "failed", "skipped", "tokens", "cost", "of requests", "of cost")


@app.command()
def console(
    rubric: RubricRef,
    requisition: Annotated[str, typer.Option("--requisition", "--req", help="what the interview is for")],
    candidate: Annotated[str, typer.Option(help="the candidate's reference, such as C-0412")] = "C-console",
    interview: Annotated[str | None, typer.Option(help="the interview's id; a new one if left out")] = None,
    text: Annotated[bool, typer.Option("--text", help="typed, without a voice")] = False,
    model: Annotated[bool, typer.Option("--model/--no-model", help="let a model add a sentence")] = False,
) -> None:
    """Be interviewed in this terminal; the interview ends in the store like any other.

    A line is a turn, an empty line is silence, Ctrl-D hangs up.
    """
    if not text:
        raise UsageFault("a voice needs a room; give --text to be interviewed in this terminal")
    name = interview or f"iv-{secrets.token_hex(4)}"
    engine = model and read_settings().agent_models is None
    parts = (Part.DATABASE, Part.STORE, *((Part.ENGINE,) if engine else ()))
    with services(*parts) as found:
        manifest = asyncio.run(_console(found, found.find_rubric(rubric), name, requisition, candidate, model=model))
    if out.json:
        put_json({"interview": name, "kept": manifest is not None, "consent": _consent(manifest)})
    elif manifest is None:
        put("Nothing was kept.")
    else:
        put(f"Interview {name} is in the inbox. Take it in: debrief intake, then score it: debrief run start")


app.command()(start)
app.command()(listen)
app.command()(prewarm)
app.command()(send)


@app.command()
def report(interview: Annotated[str, typer.Argument(help="an interview that the agent led")]) -> None:
    """What an interview's models and voices did and cost, by type of task."""
    from live_agent.accounting import accounts_of

    with services(Part.STORE) as found:
        accounts = accounts_of(found.store, interview)
    if not accounts:
        raise NotFound(f"interview {interview}: there is no account; the agent leaves one at the end of an interview")
    if out.json:
        put_json([account.model_dump(mode="json") for account in accounts])
        return
    for account in accounts:
        put(account.line)
        if account.models:
            put_table(_SHARE_COLUMNS, [_share_row(share) for share in account.models], right=frozenset(range(1, 7)))


async def _console(
    found: "Services", rubric: Rubric, name: str, requisition: str, candidate: str, *, model: bool
) -> Manifest | None:
    from live_agent.accounting import InterviewAccount, keep_account
    from live_agent.console import converse
    from live_agent.handoff import Recorder, opened
    from live_agent.interview import Interview
    from live_agent.keeping import Keeper
    from live_agent.memory import chat_counter

    def open_(consent: Consent) -> Recorder:
        return opened(
            found.store,
            interview_id=name,
            candidate=Candidate(ref=candidate),
            requisition=requisition,
            rubric=rubric,
            consent=consent,
            clock=lambda: datetime.now(UTC),
        )

    models = _models(found, name) if model else None
    interview = Interview(
        rubric,
        Keeper(name, open_, spool=Path(found.settings.home) / "agent"),
        clock=lambda: datetime.now(UTC),
        models=models,
        count=chat_counter(found.count_tokens) if model else None,
    )
    manifest = await converse(interview, read=_line, say=_speaker(), act=lambda effect: say(f"[{effect}]"))
    if manifest is not None:
        account = InterviewAccount(
            interview_id=name,
            ended_at=datetime.now(UTC),
            ended=interview.ended or "cut off",
            provider="text",
            models=models.report() if models else (),
        )
        keep_account(found.store, account)
    return manifest


def _models(found: "Services", name: str) -> "Models":
    from live_agent.configuration import models_of
    from live_agent.models import Circuits, Models
    from live_agent.routing import Provider, one_model

    settings = found.settings
    if (routing := models_of(settings, os.environ)) is not None:
        return Models(routing, Circuits(), interview_id=name)
    if settings.engine_url is None:
        raise UsageFault("DEBRIEF_ENGINE_URL is not set: name an engine, or leave --model out")
    provider = Provider(url=settings.engine_url, key=settings.engine_api_key)
    return Models(one_model(provider, found.model), Circuits(), interview_id=name)


def _speaker() -> Callable[[str], Any]:
    """With --json the conversation goes to stderr, so that stdout holds one object."""
    return say if out.json else put


async def _line() -> str | None:
    def read() -> str | None:
        if sys.stdin.isatty():
            print("> ", end="", file=sys.stderr, flush=True)  # noqa: T201  a prompt, where somebody reads it
        line = sys.stdin.readline()
        return line.rstrip("\n") if line else None

    return await asyncio.to_thread(read)


def _consent(manifest: Manifest | None) -> str | None:
    return None if manifest is None else manifest.consent.status


def _share_row(share: "Share") -> tuple[str, ...]:
    usage = share.usage
    counts = (usage.requests, usage.answered, usage.failed, usage.skipped, usage.tokens)
    cost = "-" if usage.cost is None else str(usage.cost)
    shares = ("-" if part is None else f"{part:.0%}" for part in (share.of_requests, share.of_cost))
    return (share.task, *map(str, counts), cost, *shares)
