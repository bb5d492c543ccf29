"""`debrief agent`: an interview in the terminal, and phrases spoken beforehand."""

import asyncio
import secrets
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from evaluator.commands.context import services
from evaluator.commands.output import out, put, put_json, say
from evaluator.embedded import Part
from evaluator.errors import Unavailable, UsageFault
from evaluator.manifest import Candidate, Consent, Manifest
from rubrics.model import Rubric

if TYPE_CHECKING:
    from evaluator.wiring import Services
    from live_agent.models import Models

app = typer.Typer(help="The live interview agent.", no_args_is_help=True)

RubricRef = Annotated[str, typer.Argument(help="a rubric, id or id@version; see: debrief rubric list")]


@app.command()
def console(
    rubric: RubricRef,
    requisition: Annotated[str, typer.Option("--requisition", "--req", help="what the interview is for")],
    candidate: Annotated[str, typer.Option(help="the candidate's reference, such as C-0412")] = "C-console",
    interview: Annotated[str | None, typer.Option(help="the interview's id; a new one if left out")] = None,
    text: Annotated[bool, typer.Option("--text", help="typed, without a voice")] = False,
    model: Annotated[bool, typer.Option("--model/--no-model", help="let the engine add a sentence")] = False,
) -> None:
    """Be interviewed in this terminal; the interview ends in the store like any other.

    A line is a turn, an empty line is silence, Ctrl-D hangs up.
    """
    if not text:
        raise UsageFault("a voice needs a room; give --text to be interviewed in this terminal")
    name = interview or f"iv-{secrets.token_hex(4)}"
    parts = (Part.DATABASE, Part.STORE, *((Part.ENGINE,) if model else ()))
    with services(*parts) as found:
        manifest = asyncio.run(_console(found, found.find_rubric(rubric), name, requisition, candidate, model=model))
    if out.json:
        put_json({"interview": name, "kept": manifest is not None, "consent": _consent(manifest)})
    elif manifest is None:
        put("Nothing was kept.")
    else:
        put(f"Interview {name} is in the inbox. Take it in: debrief intake, then score it: debrief run start")


@app.command()
def prewarm(rubric: RubricRef) -> None:
    """Speak every scripted phrase of a rubric beforehand, and say what was new."""
    from live_agent.phrases import phrases
    from live_agent.plan import plan
    from live_agent.speech.cache import SpeechCache
    from live_agent.speech.espeak import Espeak
    from live_agent.speech.voices import LOCAL, one_voice

    with services(Part.DATABASE, Part.STORE) as found:
        spoken = phrases(plan(found.find_rubric(rubric)))
        cache = SpeechCache(found.store, lambda _: Espeak(), clock=lambda: datetime.now(UTC))
        done = asyncio.run(cache.prewarm(spoken, one_voice(LOCAL)))
    if out.json:
        put_json(done.model_dump(mode="json"))
    else:
        put(f"{len(done.made)} of {len(spoken)} phrases made, {len(done.there)} were there, {len(done.failed)} failed")
        put(f"{done.characters} characters, cost {'-' if done.cost is None else done.cost}")
    if done.failed:
        raise Unavailable(f"{len(done.failed)} phrases are not kept; what was made is, so run it again")


async def _console(
    found: "Services", rubric: Rubric, name: str, requisition: str, candidate: str, *, model: bool
) -> Manifest | None:
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

    interview = Interview(
        rubric,
        Keeper(name, open_, spool=Path(found.settings.home) / "agent"),
        clock=lambda: datetime.now(UTC),
        models=_models(found, name) if model else None,
        count=chat_counter(found.count_tokens) if model else None,
    )
    return await converse(interview, read=_line, say=_speaker(), act=lambda effect: say(f"[{effect}]"))


def _models(found: "Services", name: str) -> "Models":
    from live_agent.models import Circuits, Models
    from live_agent.routing import Provider, one_model

    settings = found.settings
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
