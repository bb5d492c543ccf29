"""Who speaks, and what a spoken phrase is kept under: everything that can be heard is part of its key."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Literal, Protocol, Self

from pydantic import Field, model_validator

from evaluator.values import Frozen, Id, canonical, sha256
from live_agent.phrases import PARTS, Part

TEXT_CHARS_MAX = 2_000  # of one phrase

Format = Literal["wav", "mp3", "ogg", "opus", "flac"]
MEDIA_TYPES: Mapping[Format, str] = {
    "wav": "audio/wav",
    "mp3": "audio/mpeg",
    "ogg": "audio/ogg",
    "opus": "audio/ogg",
    "flac": "audio/flac",
}


class Voice(Frozen):
    """One voice of one provider; a change of anything here is another voice, with phrases of its own."""

    provider: Id
    voice: Annotated[str, Field(min_length=1, max_length=200)]
    model: Annotated[str, Field(max_length=200)] = ""
    version: Annotated[str, Field(max_length=64)] = ""  # of the provider's engine or of our settings for it
    format: Format = "wav"
    sample_rate: int = Field(default=24_000, ge=8_000, le=48_000)  # samples per second
    speed: float = Field(default=1.0, ge=0.5, le=2.0)
    language: Annotated[str, Field(max_length=16)] = "en"
    price: Annotated[Decimal, Field(ge=0, le=10_000)] | None = None  # money per million characters; not in the key

    def key(self, text: str) -> str:
        """sha256, hex: of the text and of all that changes how it sounds."""
        heard = self.model_dump(mode="json", exclude={"price"})
        return sha256(canonical({"text": text, **heard}))

    def cost(self, characters: int) -> Decimal | None:
        """What speaking so much costs; None without a price."""
        return None if self.price is None else self.price * characters / 1_000_000


class Spoken(Frozen):
    """A phrase as sound."""

    data: bytes
    media_type: str
    seconds: Annotated[float, Field(ge=0)] | None = None  # None: the format does not tell without decoding it


class Engine(Protocol):
    """Speaks in its provider's voices."""

    async def speak(self, text: str, voice: Voice) -> Spoken:
        """The text as sound; EngineUnavailable, EngineRejected."""
        ...


class Tiers(Frozen):
    """Which voice speaks which part: the most natural one asks; phrases that all interviews share may be plainer."""

    persona: Voice
    transition: Voice
    common: Voice

    @model_validator(mode="after")
    def _one_language(self) -> Self:
        if len({self.of(part).language for part in PARTS}) > 1:
            raise ValueError("the voices of one interview speak one language")
        return self

    def of(self, part: Part) -> Voice:
        """The voice of that part."""
        return {"persona": self.persona, "transition": self.transition, "common": self.common}[part]


LOCAL = Voice(provider="espeak", voice="en-us", version="1.52", sample_rate=22_050, price=Decimal(0))
"""The voice that every machine has with the extra `speech`: plain, and free."""


def one_voice(voice: Voice) -> Tiers:
    """Every part by the same voice."""
    return Tiers(persona=voice, transition=voice, common=voice)
