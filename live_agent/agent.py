"""The interview as an agent of LiveKit: it hears and speaks there, and decides nothing there.

The session's own model is never asked: what is said comes from `live_agent.interview`, whatever speaks it. A plain
chain (recognition, then us, then a voice) and a text session run through `llm_node`; a speech-to-speech model is told
word for word what to say.
"""

import asyncio
import logging
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable
from typing import Any

from livekit import rtc
from livekit.agents import Agent, AgentSession, StopResponse, inference, llm
from livekit.agents.voice import ConversationItemAddedEvent, ModelSettings, UserStateChangedEvent

from live_agent.conducting import Effect
from live_agent.interview import Interview
from live_agent.speech.playing import PhrasePlayer

log = logging.getLogger(__name__)

SILENCE_S = 15.0  # without a word of the candidate's, until they are asked whether they are there
VERBATIM = "Say exactly the following, word for word, in the same order, and nothing before or after it:\n\n"

Act = Callable[[Effect], Awaitable[None]]


class NoModelOfItsOwn(llm.LLM[Any]):
    """Stands where a session demands a model: the interview speaks for itself."""

    def chat(self, **_: Any) -> llm.LLMStream:
        """Never: `InterviewAgent.llm_node` answers."""
        raise NotImplementedError("the interview decides what is said; the session's model is never asked")


def session_of(**parts: Any) -> AgentSession[None]:
    """A session for an interview over these parts of a provider (stt, tts, vad, or llm for speech-to-speech).

    Nothing is generated before a turn is over: an answer that goes on would be answered twice. When a turn is over is
    found on this machine: the framework's own choice may send the candidate's voice to LiveKit's cloud, which nobody
    was asked about.
    """
    turns = {
        "preemptive_generation": {"enabled": False},
        "turn_detection": inference.TurnDetector(version="v1-mini"),
        "interruption": {"mode": "vad"},
    }
    return AgentSession(**{"llm": NoModelOfItsOwn(), "turn_handling": turns, "user_away_timeout": SILENCE_S, **parts})


class InterviewAgent(Agent):
    """Leads one interview in a session."""

    def __init__(
        self,
        interview: Interview,
        *,
        act: Act | None = None,
        agreed: Callable[[], Awaitable[None]] | None = None,
        phrases: PhrasePlayer | None = None,
        clock: Callable[[], float],
    ) -> None:
        """act: does what the interview wants done in the room (pause the recording, ...). clock: seconds since 1970.

        agreed: runs once, behind the conversation, when there is a consent. phrases: plays what was spoken beforehand.
        """
        super().__init__(instructions="")
        self._agreed = agreed
        self._phrases = phrases
        self._interview = interview
        self._act = act
        self._clock = clock
        self._began = clock()
        self._items: asyncio.Queue[llm.ChatMessage] = asyncio.Queue()
        self._busy = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()

    async def on_enter(self) -> None:
        """The first words: the question for consent."""
        self._began = self._clock()
        self.session.on("conversation_item_added", self._noted)
        self.session.on("user_state_changed", self._changed)
        self._note_consent()
        await self._say(self._interview.reply.text)

    async def llm_node(self, chat_ctx: llm.ChatContext, tools: list[llm.Tool], model_settings: ModelSettings) -> str:
        """What is said after the candidate's turn."""
        del tools, model_settings
        said = _newest(chat_ctx, "user")
        if said is None:
            return self._interview.reply.text
        return await self._answer(said)

    async def on_user_turn_completed(self, turn_ctx: llm.ChatContext, new_message: llm.ChatMessage) -> None:
        """With a speech-to-speech model: the reply is given to it, in place of one of its own."""
        del turn_ctx
        if not isinstance(self.session.llm, llm.RealtimeModel):
            return
        await self._say(await self._answer(new_message))
        raise StopResponse

    async def tts_node(self, text: AsyncIterable[str], model_settings: ModelSettings) -> AsyncIterator[rtc.AudioFrame]:
        """The reply as sound: phrases that were spoken beforehand from the cache, the rest by the session's voice."""
        if self._phrases is None:
            async for frame in Agent.default.tts_node(self, text, model_settings):
                yield frame
            return
        voice = self.session.tts
        rate = None if voice is None else voice.sample_rate  # one rate for a whole turn
        for piece in self._phrases.pieces("".join([chunk async for chunk in text])):
            frames = await self._phrases.frames(piece, rate)
            if frames is None:
                async for frame in Agent.default.tts_node(self, _once(piece.text), model_settings):
                    yield frame
            for frame in frames or ():
                yield frame

    async def settle(self) -> None:
        """Waits until everything that was said is kept; the session may be over."""
        async with self._busy:
            await self._note_all()

    async def _answer(self, message: llm.ChatMessage) -> str:
        async with self._busy:
            await self._note_all()
            started, ended = self._times(message)
            words, effects = await self._interview.hear(
                message.text_content or "",
                started_s=started,
                ended_s=ended,
                confidence=message.transcript_confidence,
            )
            self._note_consent()
            for effect in effects:
                await self._do(effect)
        return words

    def _note_consent(self) -> None:
        """Once, as soon as there is a consent that nobody is about to take back."""
        conduct = self._interview.reply.conduct
        agreed = conduct.position.stage not in ("start", "consent") and conduct.pending != "withdraw"
        if self._agreed is not None and agreed and self._interview.ended != "withdrawn":
            begin, self._agreed = self._agreed, None
            self._start(begin())

    async def _do(self, effect: Effect) -> None:
        if self._act is not None:
            await self._act(effect)

    async def _say(self, words: str) -> None:
        if isinstance(self.session.llm, llm.RealtimeModel):
            self.session.generate_reply(instructions=VERBATIM + words)
        else:
            self.session.say(words)

    async def _silent(self) -> None:
        """The candidate has said nothing for a while."""
        async with self._busy:
            await self._note_all()
            now = self._since(self._clock())
            words, effects = await self._interview.hear("", started_s=now, ended_s=now)
            for effect in effects:
                await self._do(effect)
        await self._say(words)

    def _noted(self, event: ConversationItemAddedEvent) -> None:
        item = event.item
        if isinstance(item, llm.ChatMessage) and item.role == "assistant":
            self._items.put_nowait(item)
            self._start(self.settle())

    def _changed(self, event: UserStateChangedEvent) -> None:
        if event.new_state == "away" and self._interview.ended is None:
            self._start(self._silent())

    def _start(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _note_all(self) -> None:
        """Keeps what we were heard to say; after the last words, ends the session."""
        while not self._items.empty():
            item = self._items.get_nowait()
            started, ended = self._times(item)
            await self._interview.spoke(
                item.text_content or "", started_s=started, ended_s=ended, interrupted=item.interrupted
            )
            if self._interview.ended is not None and self._activity is not None:  # not over yet
                self.session.shutdown(drain=True)

    def _times(self, message: llm.ChatMessage) -> tuple[float, float]:
        """When it was spoken, in seconds since the interview's first word."""
        metrics = message.metrics or {}
        ended = self._since(metrics.get("stopped_speaking_at") or self._clock())
        started = self._since(metrics.get("started_speaking_at") or message.created_at)
        return min(started, ended), ended

    def _since(self, moment: float) -> float:
        return round(max(0.0, moment - self._began), 3)


async def _once(text: str) -> AsyncIterator[str]:
    yield text


def _newest(chat_ctx: llm.ChatContext, role: str) -> llm.ChatMessage | None:
    found = (item for item in reversed(chat_ctx.items) if isinstance(item, llm.ChatMessage) and item.role == role)
    return next(found, None)
