"""The interview in a real session of the framework, in text: what is said there is what the store holds."""

import asyncio
import time

import pytest

from evaluator.transcript import Transcript
from live_agent.agent import InterviewAgent, session_of
from live_agent.handoff import resume
from tests.unit.live_agent.test_interview import FULL, RUBRIC, FlakyStore, Room


class Call(Room):
    """A session in text, as a candidate meets it."""

    def __init__(self, store, spool):
        super().__init__(store, spool)
        self.done = []

    async def act(self, effect):
        """What is done in the room."""
        self.done.append(effect)

    async def talk(self, *lines, rest=None):
        """These turns, then the rest until the interview ends; the manifest."""
        agent = InterviewAgent(self.interview, act=self.act, clock=time.time)
        async with session_of() as session:
            await session.start(agent, record=False)
            await asyncio.sleep(0.05)  # the first words are spoken
            for line in lines:
                await self.turn(session, line)
            while rest is not None and not self.interview.ended:
                await self.turn(session, rest)
            await agent.settle()
        return await self.interview.close()

    async def turn(self, session, line):
        """One turn of the candidate."""
        result = await session.run(user_input=line)
        self.said += [event.item.text_content for event in result.events if event.type == "message"]


def meet(tmp_path, *lines, rest=None):
    """A call; (the manifest, the call)."""

    async def run():
        call = Call(FlakyStore(), tmp_path / "spool")
        return await asyncio.wait_for(call.talk(*lines, rest=rest), 60), call

    return asyncio.run(run())


def test_a_whole_interview_in_a_session(tmp_path):
    """Every question is asked, in order, and everything is handed over."""
    manifest, call = meet(tmp_path, "Yes, sure.", rest=FULL)

    transcript = Transcript.model_validate_json(call.store.get(manifest.transcript.key))
    spoken = " ".join(turn.text for turn in transcript.turns if turn.speaker == "interviewer")
    questions = [question for section in RUBRIC.sections for question in section.questions]
    assert "finished" == call.interview.ended
    assert questions == sorted(questions, key=spoken.index)
    assert all(turn.started_s is not None for turn in transcript.turns)


def test_what_was_said_is_in_the_store_before_the_next_turn(tmp_path):
    """So a crash loses nothing of it."""

    async def run():
        call = Call(FlakyStore(), tmp_path / "spool")
        agent = InterviewAgent(call.interview, act=call.act, clock=time.time)
        async with session_of() as session:
            await session.start(agent, record=False)
            await asyncio.sleep(0.05)
            await call.turn(session, "Yes, sure.")
            await call.turn(session, FULL)
            await agent.settle()
            return [turn.text for turn in resume(call.store, "iv-1").turns], call

    texts, call = asyncio.run(run())

    assert ["Yes, sure.", call.said[0], FULL, call.said[1]] == texts[1:]


@pytest.mark.parametrize("answer", ["Yes, stop it.", "No, go on."])
def test_a_withdrawal_pauses_the_recording_in_the_room(tmp_path, answer):
    """And a plain no takes it up again."""
    manifest, call = meet(tmp_path, "Yes.", FULL, "Please stop the recording.", answer)

    withdrawn = answer.startswith("Yes")
    assert ["pause_recording", "withdraw" if withdrawn else "resume_recording"] == call.done
    assert ("withdrawn" if withdrawn else "granted") == manifest.consent.status


def test_without_consent_the_session_ends_and_nothing_is_kept(tmp_path):
    """Politely."""
    manifest, call = meet(tmp_path, "No, I'd rather not.")

    assert (None, {}) == (manifest, call.store.objects)
    assert "goodbye" in call.said[-1]


def test_no_voice_leaves_for_a_cloud_that_nobody_agreed_to(monkeypatch):
    """Turns and interruptions are found on this machine, whatever the framework would choose where LiveKit hosts it."""
    for name, value in {"URL": "wss://x.livekit.cloud", "API_KEY": "k", "API_SECRET": "s", "DEV_MODE": "1"}.items():
        monkeypatch.setenv(f"LIVEKIT_{name}", value)

    async def run():
        return session_of()

    session = asyncio.run(run())

    assert ("turn-detector-v1-mini", None) == (session.turn_detection.model, session.turn_detection._cloud_opts)
    assert "vad" == session.interruption_detection
