"""A call: a job of LiveKit's becomes an interview in its room, from the first word to the handover."""

import asyncio
import logging
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from livekit import rtc
from livekit.agents import AgentSession, JobContext, room_io
from livekit.agents.voice import CloseEvent

from evaluator.errors import Conflict, DebriefError, NotFound, Unavailable, UsageFault
from evaluator.layout import archived_manifests_prefix, manifest_key
from evaluator.manifest import Candidate, Consent
from evaluator.observing import bound
from evaluator.observing.logs import carry_ids
from evaluator.ports import ObjectStore
from evaluator.settings import Settings
from evaluator.wiring import Services
from live_agent.accounting import InterviewAccount, keep_account
from live_agent.agent import InterviewAgent, session_of
from live_agent.conducting import Effect
from live_agent.configuration import Agent, agent_of
from live_agent.handoff import Recorder, opened, resumable
from live_agent.interview import Interview, Outcome
from live_agent.job import Job, job_of
from live_agent.keeping import Keeper
from live_agent.memory import CountTokens, chat_counter
from live_agent.models import Circuits, Models
from live_agent.phrases import phrases
from live_agent.plan import plan
from live_agent.providers import parts
from live_agent.recording import Egress, RoomRecording, StillRecording
from live_agent.sending import send
from live_agent.speech.cache import SpeechCache
from live_agent.speech.playing import PhrasePlayer
from rubrics.model import Rubric

log = logging.getLogger(__name__)

JOIN_S_MAX = 1_800.0  # how long the candidate is waited for
READY_S_MAX = 20.0  # how long a job waits for a store or database that is away
READY_RETRY_S = 2.0
SETTLE_S_MAX = 10.0
CIRCUITS = Circuits()  # of this process


_OUTCOMES: Mapping[Outcome, str] = {
    "handed_over": "handed over",
    "no_consent": "there was no consent, nothing is kept",
    "closed_elsewhere": "it was closed elsewhere meanwhile; what was kept until then is handed over there",
    "store_away": "the store is away; what it lacks waits in a file on this machine",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Kit:
    """What one call is made of, all of it there before a word is said."""

    settings: Settings
    agent: Agent
    store: ObjectStore
    rubric: Rubric
    count: CountTokens | None
    earlier: Recorder | None  # of a call that was cut off
    session: dict[str, Any]  # for `session_of`


async def entry(settings: Settings, context: JobContext) -> None:
    """What a job of the worker runs, in a process of its own; its log lines are written by the worker's."""
    carry_ids()
    with bound(job=context.job.id):
        await _entry(settings, context)


async def _entry(settings: Settings, context: JobContext) -> None:
    """A job that cannot be done is refused with a line in the log."""
    try:
        job = job_of(context.job.metadata, context.job.room.name)
        kit = await _ready(settings, job)
    except (UsageFault, Unavailable) as error:
        log.warning("job %s refused: %s", context.job.id, error)
        context.shutdown("refused")
        return
    with bound(interview=job.interview_id):  # what the call begins (tasks, threads) inherits it
        call = Call(context, job, kit, None if context.is_fake_job() else context.api.egress)
        context.add_shutdown_callback(call.finish)
        await call.begin()


async def _ready(settings: Settings, job: Job, *, within_s: float = READY_S_MAX, retry_s: float = READY_RETRY_S) -> Kit:
    """The kit, as soon as there is one: a store that is away for a moment costs nobody their interview."""
    until = time.monotonic() + within_s
    while True:
        try:
            return await asyncio.to_thread(kit_of, settings, job)
        except Unavailable as error:
            if time.monotonic() + retry_s > until:
                raise
            log.warning("interview %s: %s; asked again in %g s", job.interview_id, error, retry_s)
        await asyncio.sleep(retry_s)


def kit_of(settings: Settings, job: Job, environment: dict[str, str] | None = None) -> Kit:
    """Gathers it; UsageFault for a job that cannot be done, Unavailable when the store or database is away."""
    environment = dict(os.environ) if environment is None else environment
    agent = agent_of(settings, environment)
    services = Services(settings=settings)
    try:
        rubric = services.find_rubric(job.rubric)
        send(Path(settings.home) / "agent", services.store)  # what a crash left here belongs to the turns so far
        _refuse_finished(services.store, job.interview_id)
        return Kit(
            settings=settings,
            agent=agent,
            store=services.store,
            rubric=rubric,
            count=chat_counter(services.count_tokens) if agent.routing else None,
            earlier=_earlier(services.store, job.interview_id),
            session=parts(agent.choice.model_copy(update={"language": rubric.language}), environment),
        )
    finally:
        services.close()


class Call:
    """One interview in one room; belongs to one event loop."""

    def __init__(self, context: JobContext, job: Job, kit: Kit, egress: Egress | None) -> None:
        """egress: None for a job without a room, which is not recorded."""
        self._context = context
        self._job = job
        self._kit = kit
        name = job.interview_id
        self._models = Models(kit.agent.routing, CIRCUITS, interview_id=name) if kit.agent.routing else None
        self.interview = Interview(
            kit.rubric,
            Keeper(name, self._open, spool=Path(kit.settings.home) / "agent"),
            clock=_now,
            models=self._models,
            count=kit.count,
            time_budget_s=job.time_budget_minutes * 60 if job.time_budget_minutes else None,
        )
        self.recording = RoomRecording(
            egress, name, kit.settings.store_url or "", clock=_now, again=kit.earlier is not None
        )
        self.phrases = _player(kit)
        self.agent = InterviewAgent(
            self.interview, act=self._act, agreed=self.recording.start, phrases=self.phrases, clock=time.time
        )
        self.session: AgentSession[None] = session_of(**kit.session)
        self._finishing: asyncio.Future[None] | None = None

    async def begin(self) -> None:
        """Waits for the candidate, and says the first words."""
        if self._kit.earlier is not None and not await self._resumed(self._kit.earlier):
            return
        self.session.on("close", self._closed)
        if self._context.is_fake_job():  # the framework's own word for a job without a room
            await self.session.start(self.agent, record=False)
            return
        await self._context.connect()
        try:
            async with asyncio.timeout(JOIN_S_MAX):
                # Without a name for them the first who joins, agents aside, is taken for the candidate.
                candidate = await self._context.wait_for_participant(identity=self._job.candidate_identity)
        except TimeoutError:
            log.warning("interview %s: nobody came", self._job.interview_id)
            self._context.shutdown("nobody came")
            return
        await self._start_in(self._context.room, candidate)

    async def _resumed(self, earlier: Recorder) -> bool:
        """Goes on where it was cut off; whether it may."""
        name = self._job.interview_id
        try:
            await self.interview.resume(earlier.turns, earlier.consent)
        except Conflict as error:
            log.warning("interview %s: %s", name, error)
            self._finishing = asyncio.ensure_future(self._silence())  # closing it is not for this call
            self._context.shutdown("refused")
            return False
        if self.interview.reply.conduct.pending == "withdraw":
            await self._act("pause_recording")  # the crash may have come before it was stopped
        log.info("interview %s: goes on after %d turns", name, len(earlier.turns))
        return True

    async def _start_in(self, room: rtc.Room, candidate: rtc.RemoteParticipant) -> None:
        # record=False: LiveKit's own recording asks nobody for consent. Text would have no voice to be told apart by.
        options = room_io.RoomOptions(participant_identity=candidate.identity, text_input=False)
        await self.session.start(self.agent, room=room, room_options=options, record=False)

    async def finish(self) -> None:
        """Hands over what was said, however it ended; once, whoever asks."""
        if self._finishing is None:
            self._finishing = asyncio.create_task(self._finish())
        await self._finishing

    async def _silence(self) -> None:
        """Nothing records any more, and nobody is in the room."""
        try:
            await self.recording.stop()
        except StillRecording as error:
            log.error("%s; the room is deleted, which ends it", error)  # noqa: TRY400  known, and said whole
        await self._context.delete_room()

    async def _finish(self) -> None:
        name = self._job.interview_id
        try:
            async with asyncio.timeout(SETTLE_S_MAX):
                await self.agent.settle()
        except TimeoutError:
            log.warning("interview %s: the last words were not kept in time", name)
        await self._silence()
        try:
            manifest = await self.interview.close(recording=self.recording.told)
            if manifest is not None:
                await self._account()
        except DebriefError as error:
            log.error("interview %s: not handed over: %s", name, error)  # noqa: TRY400  known, and said whole
            return
        log.info("interview %s: %s", name, _OUTCOMES[self.interview.outcome or "no_consent"])

    async def _account(self) -> None:
        account = InterviewAccount(
            interview_id=self._job.interview_id,
            ended_at=_now(),
            ended=self.interview.ended or "cut off",
            provider=self._kit.agent.choice.provider,
            models=self._models.report() if self._models else (),
            phrases=self.phrases.account if self.phrases else None,
            played=self.phrases.played if self.phrases else None,
        )
        log.info("%s", account.line)
        try:
            await asyncio.to_thread(keep_account, self._kit.store, account)
        except DebriefError as error:
            log.warning("interview %s: its account is not kept: %s", self._job.interview_id, error)

    async def _act(self, effect: Effect) -> None:
        """What the interview wants done in the room."""
        name = self._job.interview_id
        match effect:
            case "pause_recording" | "withdraw":
                try:
                    await self.recording.stop()
                except StillRecording as error:
                    # Saying that it is paused would be untrue: without its room nothing is recorded.
                    log.error("%s; the call is ended", error)  # noqa: TRY400  known, and said whole
                    await self._context.delete_room()
            case "resume_recording":
                await self.recording.resume()
            case "note_person":
                log.info("interview %s: the candidate asked for a person", name)

    def _closed(self, event: CloseEvent) -> None:
        log.info("interview %s: the session closed (%s)", self._job.interview_id, event.reason.value)
        self._context.shutdown(event.reason.value)

    def _open(self, consent: Consent) -> Recorder:
        if self._kit.earlier is not None:
            return self._kit.earlier
        return opened(
            self._kit.store,
            interview_id=self._job.interview_id,
            candidate=Candidate(ref=self._job.candidate_ref),
            requisition=self._job.requisition,
            rubric=self._kit.rubric,
            consent=consent,
            clock=_now,
        )


def _player(kit: Kit) -> PhrasePlayer | None:
    """Plays phrases where a plain voice speaks; a speech-to-speech model says everything itself."""
    voices = kit.agent.voices
    if voices is None or "tts" not in kit.session:
        return None
    cache = SpeechCache(kit.store, voices.engine, clock=_now)
    return PhrasePlayer(phrases(plan(kit.rubric)), cache, voices.tiers)


def _refuse_finished(store: ObjectStore, interview_id: str) -> None:
    if store.head(manifest_key(interview_id)) or store.names(archived_manifests_prefix(interview_id), limit=1):
        raise UsageFault(f"interview {interview_id}: it was handed over already; another interview needs another id")


def _earlier(store: ObjectStore, interview_id: str) -> Recorder | None:
    try:
        found = resumable(store, interview_id)
    except NotFound:
        return None
    if found.recorder is None:
        raise UsageFault(f"interview {interview_id}: it was closed; another interview needs another id")
    return found.recorder


def _now() -> datetime:
    return datetime.now(UTC)
