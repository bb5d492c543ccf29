"""Voices behind OpenAI's speech protocol, over real HTTP against a scripted endpoint: no real voice was tried."""

import asyncio

import pytest

from evaluator.errors import EngineRejected, EngineUnavailable
from live_agent.speech.compatible import CompatibleSpeech
from live_agent.speech.voices import Voice
from tests.unit.live_agent.test_models import Endpoint, served

VOICE = Voice(provider="hosted", voice="anna", model="m1", speed=1.2)


def speak(endpoint):
    """One phrase."""

    async def run():
        async with served(endpoint) as (url,):
            return await CompatibleSpeech(url, api_key="key").speak("Good morning.", VOICE)

    return asyncio.run(run())


class Voices(Endpoint):
    """Answers with bytes."""

    def __init__(self, status=200, body=b"RIFF...."):
        super().__init__()
        self.status, self.body = status, body


def test_a_phrase_is_asked_for_in_its_voice():
    """The whole of it."""
    endpoint = Voices()

    spoken = speak(endpoint)

    asked = {"model": "m1", "voice": "anna", "input": "Good morning.", "response_format": "wav", "speed": 1.2}
    assert [asked] == endpoint.seen
    assert (b"RIFF....", "audio/wav") == (spoken.data, spoken.media_type)


@pytest.mark.parametrize(
    ("status", "error"),
    [(500, EngineUnavailable), (401, EngineUnavailable), (429, EngineUnavailable), (400, EngineRejected)],
)
def test_an_error_is_told_apart(status, error):
    """What may pass, and what this phrase is to blame for."""
    with pytest.raises(error, match="hosted"):
        speak(Voices(status=status))


def test_silence_is_no_answer():
    """It is not kept."""
    with pytest.raises(EngineUnavailable, match="no sound"):
        speak(Voices(body=b""))


def test_nobody_there_is_unavailable():
    """Named by the voice's provider."""
    with pytest.raises(EngineUnavailable, match="hosted gave no answer"):
        asyncio.run(CompatibleSpeech("http://127.0.0.1:9/v1").speak("Good morning.", VOICE))
