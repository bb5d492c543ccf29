"""Voices of any endpoint that speaks OpenAI's speech protocol."""

import httpx

from evaluator.adapters.endpoint import endpoint_of
from evaluator.errors import EngineRejected, EngineUnavailable
from live_agent.speech.voices import MEDIA_TYPES, Spoken, Voice

SPEECH = "/v1/audio/speech"
TIMEOUT_S = 60.0
BYTES_MAX = 16 * 1024 * 1024
_TEMPORARY_4XX = frozenset({401, 402, 403, 404, 408, 409, 425, 429})


class CompatibleSpeech:
    """An Engine behind such an endpoint."""

    def __init__(self, url: str, *, api_key: str | None = None) -> None:
        """UsageFault for an address or key that cannot be one."""
        self._endpoint = endpoint_of(url, api_key)

    async def speak(self, text: str, voice: Voice) -> Spoken:
        """The text as the endpoint speaks it; EngineUnavailable, EngineRejected."""
        asked = {
            "model": voice.model,
            "voice": voice.voice,
            "input": text,
            "response_format": voice.format,
            "speed": voice.speed,
        }
        try:
            data = await self._post(asked, voice.provider)
        except httpx.HTTPError as error:
            raise EngineUnavailable(f"{voice.provider} gave no answer ({type(error).__name__})") from None
        if not data:
            raise EngineUnavailable(f"{voice.provider} answered with no sound")
        return Spoken(data=data, media_type=MEDIA_TYPES[voice.format])

    async def _post(self, asked: dict[str, object], provider: str) -> bytes:
        heard = bytearray()
        async with (
            httpx.AsyncClient(timeout=TIMEOUT_S, trust_env=False) as client,
            client.stream(
                "POST", self._endpoint.url(SPEECH), json=asked, headers={**self._endpoint.headers, "Accept": "audio/*"}
            ) as answer,
        ):
            if answer.status_code >= 500 or answer.status_code in _TEMPORARY_4XX:
                raise EngineUnavailable(f"{provider} answers {answer.status_code}")
            if answer.status_code != 200:
                raise EngineRejected(f"{provider} refuses this phrase ({answer.status_code})")
            async for chunk in answer.aiter_bytes():
                heard += chunk
                if len(heard) > BYTES_MAX:
                    raise EngineRejected(f"{provider} answers with more than {BYTES_MAX} bytes")
        return bytes(heard)
