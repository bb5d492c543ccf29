"""The agent's voice in a real session: phrases from the store as sound, in order, and never silence instead."""

import asyncio
import time
from datetime import UTC, datetime

import pytest

from evaluator.errors import EngineUnavailable
from live_agent.agent import InterviewAgent, session_of
from live_agent.phrases import phrases
from live_agent.speech.cache import SpeechCache
from live_agent.speech.espeak import Espeak
from live_agent.speech.playing import PhrasePlayer, frames_of
from live_agent.speech.voices import LOCAL, Tiers, one_voice
from tests.fakes import MemoryStore
from tests.integration.live_agent.voices import RATE, Ear, LocalVoice
from tests.unit.live_agent.test_interview import FULL, FlakyStore, Room

OTHER = LOCAL.model_copy(update={"voice": "en-us+f3", "sample_rate": RATE})


class NoEngine:
    """A voice that is out of order."""

    async def speak(self, text, voice):
        """Never."""
        raise EngineUnavailable("the voice is out of order")


class Heard:
    """What came of a call."""

    def __init__(self, ear, voice, player, interview):
        self.ear, self.voice, self.player, self.interview = ear, voice, player, interview


def call(tmp_path, *lines, speech=None, engine=None, tiers=None):
    """An interview of these turns, spoken; what was heard."""
    speech = MemoryStore() if speech is None else speech

    async def run():
        room = Room(FlakyStore(), tmp_path / "spool")
        cache = SpeechCache(speech, lambda _: engine or Espeak(), clock=lambda: datetime(2026, 11, 18, tzinfo=UTC))
        player = PhrasePlayer(phrases(room.interview.plan), cache, tiers or one_voice(LOCAL))
        agent = InterviewAgent(room.interview, phrases=player, clock=time.time)
        ear, voice = Ear(), LocalVoice()
        async with session_of(tts=voice) as session:
            session.output.audio = ear
            await session.start(agent, record=False)
            for line in lines:
                await session.run(user_input=line)
            await asyncio.wait_for(ear.heard.wait(), 20)
            await agent.settle()
        await room.interview.close()
        return Heard(ear, voice, player, room.interview)

    return asyncio.run(asyncio.wait_for(run(), 120))


def test_scripted_words_come_from_the_cache_as_sound(tmp_path):
    """The session's own voice has nothing to say."""
    heard = call(tmp_path, "Yes, sure.", FULL)

    assert [] == heard.voice.said
    assert heard.ear.seconds > 10
    assert heard.player.played.played >= 4
    assert heard.player.account.misses == heard.player.played.played


def test_the_second_interview_plays_from_the_store(tmp_path):
    """The same sound, and nothing is made."""
    store = MemoryStore()
    first = call(tmp_path / "1", "Yes, sure.", speech=store)
    second = call(tmp_path / "2", "Yes, sure.", speech=store, engine=NoEngine())

    assert 1.0 == second.player.account.hit_share
    assert pytest.approx(first.ear.seconds, rel=0.02) == second.ear.seconds
    assert 0 == second.player.played.failed


def test_another_voice_is_not_played_from_what_the_first_spoke(tmp_path):
    """A changed voice misses."""
    store = MemoryStore()
    call(tmp_path / "1", "Yes, sure.", speech=store)
    second = call(tmp_path / "2", "Yes, sure.", speech=store, tiers=one_voice(OTHER))

    assert 0.0 == second.player.account.hit_share


def test_without_a_working_engine_the_sessions_voice_speaks(tmp_path):
    """All of it: never silence."""
    heard = call(tmp_path, "Yes, sure.", engine=NoEngine())

    assert 0 == heard.player.played.played
    assert heard.player.played.failed == heard.player.played.spoken >= 2
    assert heard.ear.seconds > 5
    assert heard.interview.plan.consent.text.startswith(heard.voice.said[0][:20])


def test_frames_are_brought_to_the_sessions_rate():
    """So that a turn of both voices has one rate."""
    spoken = asyncio.run(Espeak().speak("Would you like to end the interview here?", LOCAL))

    frames = frames_of(spoken.data, 24_000)

    assert {24_000} == {frame.sample_rate for frame in frames}
    assert pytest.approx(spoken.seconds, abs=0.1) == sum(frame.duration for frame in frames)


def test_tiers_may_speak_with_different_voices(tmp_path):
    """Questions in one, common phrases in another."""
    tiers = Tiers(persona=LOCAL, transition=OTHER, common=OTHER)

    heard = call(tmp_path, "Yes, sure.", "Could you repeat the question?", tiers=tiers)

    assert 0 == heard.player.played.failed
    assert heard.player.played.played >= 3
