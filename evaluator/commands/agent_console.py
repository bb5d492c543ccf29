"""`debrief agent console`: an interview in this terminal, or one that was cut off and goes on."""

import asyncio
import os
import secrets
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from evaluator.commands.context import services
from evaluator.commands.output import out, put, put_json, say, warn
from evaluator.embedded import Part
from evaluator.errors import Conflict, DebriefError, NotFound, UsageFault
from evaluator.layout import OPEN
from evaluator.manifest import CONSENT_DENIED, Candidate, Consent, Manifest
from evaluator.settings import read_settings

if TYPE_CHECKING:
    from evaluator.wiring import Services
    from live_agent.handoff import Recorder
    from live_agent.interview import Outcome
    from live_agent.models import Models

NOT_IN_THE_STORE = 3  # the exit code where what was said waits in a file on this machine
OFFERED_MAX = 5  # interviews that were cut off
LOOKED_AT_MAX = 50
SILENT_S = 120.0  # without a word for so long, an interview counts as cut off; before, it may go on in a room
CANDIDATE = "C-console"

_SCORED = "Interview {name} is in the inbox. Take it in: debrief intake, then score it: debrief run start"
_WITHDRAWN = "Interview {name} is in the inbox without consent: nothing of it is scored. Take it in: debrief intake"
_BROKE_OFF = (
    "Interview {name} is in the inbox. It broke off, so it is not scored before a person releases it. Take it in: "
    "debrief intake, then release it: debrief interview release {name}"
)
_OUTCOMES = {
    "no_consent": "There was no consent, so nothing was kept.",
    "closed_elsewhere": (
        "Interview {name} was closed elsewhere meanwhile, with what was kept until then. What was said after that is "
        "not in it."
    ),
    "store_away": (
        "Interview {name} was not handed over: the store stayed away. What it lacks is on this machine; once the store "
        "is back: debrief agent send"
    ),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class _Wanted:
    """Which interview, and for what."""

    name: str
    rubric: str  # id or id@version
    requisition: str
    candidate: str
    earlier: "Recorder | None" = None  # of one that was cut off


def console(
    rubric: Annotated[str | None, typer.Argument(help="a rubric, id or id@version; see: debrief rubric list")] = None,
    requisition: Annotated[str | None, typer.Option("--requisition", "--req", help="what the interview is for")] = None,
    candidate: Annotated[
        str | None, typer.Option(help=f"the candidate's reference, such as C-0412; {CANDIDATE} if left out")
    ] = None,
    interview: Annotated[str | None, typer.Option(help="the interview's id; a new one if left out")] = None,
    resume: Annotated[str | None, typer.Option(metavar="ID", help="go on with an interview that was cut off")] = None,
    text: Annotated[bool, typer.Option("--text", help="typed, without a voice")] = False,
    model: Annotated[bool, typer.Option("--model/--no-model", help="let a model add a sentence")] = False,
) -> None:
    """Be interviewed in this terminal; the interview ends in the store like any other.

    A line is a turn, an empty line is silence, Ctrl-D hangs up. Killed in between, it goes on with --resume.
    """
    if not text:
        raise UsageFault("a voice needs a room; give --text to be interviewed in this terminal")
    _check_wanted(resume, rubric=rubric, requisition=requisition, candidate=candidate, interview=interview)
    engine = model and read_settings().agent_models is None
    parts = (Part.DATABASE, Part.STORE, *((Part.ENGINE,) if engine else ()))
    with services(*parts) as found:
        if resume is not None:
            wanted = _cut_off(found, resume)
        else:
            name = interview or f"iv-{secrets.token_hex(4)}"
            wanted = _Wanted(
                name=name, rubric=rubric or "", requisition=requisition or "", candidate=candidate or CANDIDATE
            )
            _offer(found)
        manifest, outcome = asyncio.run(_console(found, wanted, model=model))
    _tell(wanted.name, manifest, outcome)


def _check_wanted(resume: str | None, **others: str | None) -> None:
    """An interview that goes on has its rubric and all the rest; UsageFault names what is too much, or missing."""
    given = [f"--{name}" if name != "rubric" else "a rubric" for name, value in others.items() if value is not None]
    if resume is not None and given:
        raise UsageFault(f"--resume goes on with an interview as it was begun; leave out {', '.join(given)}")
    missing = [words for name, words in _NEEDED.items() if others[name] is None]
    if resume is None and missing:
        raise UsageFault(f"name {' and '.join(missing)}, or an interview to go on with: --resume ID")


_NEEDED = {"rubric": "a rubric", "requisition": "a requisition (--req)"}


def _cut_off(found: "Services", name: str) -> _Wanted:
    """The interview as it was begun, with what this machine still held of it; NotFound; Conflict: it is over."""
    from live_agent.handoff import resumable
    from live_agent.sending import send

    send(Path(found.settings.home) / "agent", found.store)
    try:
        earlier = resumable(found.store, name).recorder
    except NotFound:
        known = ", ".join(_left(found)) or "there is none that was cut off"
        raise NotFound(f"interview {name}: none of this id is open; {known}") from None
    if earlier is None:
        raise Conflict(f"interview {name} is over and was handed over; it cannot go on")
    opening = earlier.opening
    return _Wanted(
        name=name,
        rubric=f"{opening.rubric_id}@{opening.rubric_version}",
        requisition=opening.requisition,
        candidate=opening.candidate.ref,
        earlier=earlier,
    )


def _offer(found: "Services") -> None:
    """Says which interviews were cut off, before another one begins."""
    for name in _left(found):
        say(f"Interview {name} was cut off. Go on with it: debrief agent console --text --resume {name}")


def _left(found: "Services") -> list[str]:
    """Interviews that are open and in which nobody says anything; some of them, where there are many."""
    from live_agent.handoff import resumable

    silent_since = datetime.now(UTC) - timedelta(seconds=SILENT_S)
    names: list[str] = []
    for key in found.store.names(OPEN, limit=LOOKED_AT_MAX):
        name = key.removeprefix(OPEN).removesuffix(".json")
        try:
            open_ = resumable(found.store, name)
        except DebriefError:  # one that cannot be read is not for this command to mend
            continue
        if open_.newest_at is not None and open_.newest_at < silent_since:
            names.append(name)
    return names[:OFFERED_MAX]


async def _console(found: "Services", wanted: _Wanted, *, model: bool) -> "tuple[Manifest | None, Outcome]":
    from live_agent.accounting import InterviewAccount, keep_account
    from live_agent.console import converse
    from live_agent.interview import Interview
    from live_agent.keeping import Keeper
    from live_agent.memory import chat_counter

    models = _models(found, wanted.name) if model else None
    interview = Interview(
        found.find_rubric(wanted.rubric),
        Keeper(wanted.name, _opener(found, wanted), spool=Path(found.settings.home) / "agent"),
        clock=_now,
        models=models,
        count=chat_counter(found.count_tokens) if model else None,
    )
    if wanted.earlier is not None:
        await interview.resume(wanted.earlier.turns, wanted.earlier.consent)
    manifest = await converse(interview, read=_line, say=_speaker(), act=lambda effect: say(f"[{effect}]"))
    if manifest is not None:
        account = InterviewAccount(
            interview_id=wanted.name,
            ended_at=_now(),
            ended=interview.ended or "cut off",
            provider="text",
            models=models.report() if models else (),
        )
        keep_account(found.store, account)
    return manifest, interview.outcome or "no_consent"


def _opener(found: "Services", wanted: _Wanted) -> "Callable[[Consent], Recorder]":
    from live_agent.handoff import opened

    def open_(consent: Consent) -> "Recorder":
        if wanted.earlier is not None:
            return wanted.earlier
        return opened(
            found.store,
            interview_id=wanted.name,
            candidate=Candidate(ref=wanted.candidate),
            requisition=wanted.requisition,
            rubric=found.find_rubric(wanted.rubric),
            consent=consent,
            clock=_now,
        )

    return open_


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


def _tell(name: str, manifest: Manifest | None, outcome: "Outcome") -> None:
    if out.json:
        consent = None if manifest is None else manifest.consent.status
        put_json({"interview": name, "kept": manifest is not None, "consent": consent, "outcome": outcome})
    elif manifest is not None:
        put(_handed_over(manifest).format(name=name))
    elif outcome == "no_consent":
        put(_OUTCOMES[outcome])
    else:
        warn(_OUTCOMES[outcome].format(name=name))
    if outcome == "store_away":
        raise typer.Exit(NOT_IN_THE_STORE)


def _handed_over(manifest: Manifest) -> str:
    if manifest.consent.status in CONSENT_DENIED:
        return _WITHDRAWN
    return _BROKE_OFF if manifest.ending == "incomplete" else _SCORED


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


def _now() -> datetime:
    return datetime.now(UTC)
