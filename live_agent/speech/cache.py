"""Spoken phrases in the store: made once, found by everybody, made again when they are too old.

A phrase stands under `speech/{period}/{key}.{format}`; the period is a month-long stretch of days, so that age is in
the name: an object is never changed, and a lifecycle rule (or `expired`) removes whole periods.
"""

import asyncio
import io
import logging
import wave
from collections.abc import Callable, Iterator
from datetime import datetime
from decimal import Decimal
from typing import Literal

from pydantic import Field

from evaluator.errors import (
    EngineRejected,
    EngineUnavailable,
    ObjectExists,
    StoreForbidden,
    StoreUnavailable,
    UsageFault,
)
from evaluator.layout import speech_key, speech_prefix
from evaluator.ports import ObjectStore, walk
from evaluator.untrusted import spoken
from evaluator.values import Frozen
from live_agent.phrases import Phrase
from live_agent.speech.voices import MEDIA_TYPES, TEXT_CHARS_MAX, Engine, Spoken, Tiers, Voice

log = logging.getLogger(__name__)

PERIOD_DAYS = 30
PERIODS_KEPT = 2  # this one and the last: a phrase is played for 30 to 60 days
BYTES_MAX = 16 * 1024 * 1024


class Account(Frozen):
    """What a cache did and saved."""

    hits: int = 0
    misses: int = 0
    waited: int = 0  # asked for while another was making it
    unstored: int = 0  # made and played, but the store did not take it
    characters_played: int = 0  # of hits: not spoken again
    saved: Decimal | None = Field(default=Decimal(0))  # None: a price is missing

    @property
    def hit_share(self) -> float | None:
        """0-1; None before anything was asked."""
        asked = self.hits + self.misses + self.waited
        return (self.hits + self.waited) / asked if asked else None


class Prewarmed(Frozen):
    """What making phrases beforehand came to."""

    there: tuple[str, ...] = ()  # ids
    made: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    characters: int = 0  # of those made
    cost: Decimal | None = Decimal(0)  # of those made; None: a price is missing


class SpeechCache:
    """The phrases of one process's interviews; belongs to one event loop."""

    def __init__(self, store: ObjectStore, engines: Callable[[str], Engine], *, clock: Callable[[], datetime]) -> None:
        """engines: by provider's name; UsageFault for one that is not configured. clock: of the day, in UTC."""
        self._store = store
        self._engines = engines
        self._clock = clock
        self._making: dict[str, asyncio.Task[Spoken]] = {}
        self.account = Account()

    async def get(self, text: str, voice: Voice) -> Spoken:
        """The phrase as sound: from the store, or made now and put there.

        One caller makes it and the others wait for it. What the store does not take is played all the same.
        EngineUnavailable or EngineRejected when it has to be made and can't be.
        """
        key = voice.key(checked(text))
        if (making := self._making.get(key)) is not None:
            found = await asyncio.shield(making)
            self._count(waited=1, characters=len(text), voice=voice)
            return found
        kept = await asyncio.to_thread(self._kept, key, voice)
        if kept is not None:
            self._count(hits=1, characters=len(text), voice=voice)
            return kept
        if (making := self._making.get(key)) is None:
            making = self._making[key] = asyncio.create_task(self._made(key, text, voice))
            making.add_done_callback(lambda _: self._making.pop(key, None))
            self._count(misses=1)
        return await asyncio.shield(making)

    async def prewarm(
        self, phrases: tuple[Phrase, ...], tiers: Tiers, *, progress: Callable[[int], None] = lambda _: None
    ) -> Prewarmed:
        """Makes those of the phrases that are not there yet, and nothing else. progress: how many were looked at."""
        outcomes = []
        for number, phrase in enumerate(phrases, 1):
            outcomes.append((phrase, tiers.of(phrase.part), await self._prewarmed(phrase, tiers)))
            progress(number)
        made = [(phrase, voice) for phrase, voice, outcome in outcomes if outcome == "made"]
        costs = [voice.cost(len(phrase.text)) for phrase, voice in made]
        return Prewarmed(
            there=tuple(phrase.id for phrase, _, outcome in outcomes if outcome == "there"),
            made=tuple(phrase.id for phrase, _ in made),
            failed=tuple(phrase.id for phrase, _, outcome in outcomes if outcome == "failed"),
            characters=sum(len(phrase.text) for phrase, _ in made),
            cost=None if None in costs else sum((cost for cost in costs if cost is not None), Decimal(0)),
        )

    async def lacking(self, phrases: tuple[Phrase, ...], tiers: Tiers) -> Prewarmed:
        """What `prewarm` would make and what it would cost; nothing is made."""
        voiced = [(phrase, tiers.of(phrase.part)) for phrase in phrases]
        kept = [await asyncio.to_thread(self._kept, v.key(checked(p.text)), v) is not None for p, v in voiced]
        missing = [one for one, there in zip(voiced, kept, strict=True) if not there]
        costs = [voice.cost(len(phrase.text)) for phrase, voice in missing]
        return Prewarmed(
            there=tuple(phrase.id for (phrase, _), there in zip(voiced, kept, strict=True) if there),
            made=tuple(phrase.id for phrase, _ in missing),
            characters=sum(len(phrase.text) for phrase, _ in missing),
            cost=None if None in costs else sum((cost for cost in costs if cost is not None), Decimal(0)),
        )

    async def _prewarmed(self, phrase: Phrase, tiers: Tiers) -> Literal["there", "made", "failed"]:
        voice = tiers.of(phrase.part)
        if await asyncio.to_thread(self._kept, voice.key(checked(phrase.text)), voice) is not None:
            return "there"
        before = self.account.unstored
        try:
            await self.get(phrase.text, voice)
        except (EngineUnavailable, EngineRejected) as error:
            log.warning("speech: %s: %s", phrase.id, error)
            return "failed"
        return "failed" if self.account.unstored > before else "made"

    def expired(self) -> Iterator[str]:
        """Keys of phrases that are too old to be played; removing them is the caller's."""
        oldest = self._period() - PERIODS_KEPT + 1
        for key in walk(self._store, speech_prefix()):
            period = key.removeprefix(speech_prefix()).partition("/")[0]
            if period.isdecimal() and int(period) < oldest:
                yield key

    def _period(self) -> int:
        return self._clock().date().toordinal() // PERIOD_DAYS

    def _kept(self, key: str, voice: Voice) -> Spoken | None:
        """The phrase from the store; None where it is not there, too old, or the store is away."""
        for age in range(PERIODS_KEPT):
            try:
                data = self._store.get(speech_key(self._period() - age, key, voice.format), bytes_max=BYTES_MAX)
            except (StoreUnavailable, StoreForbidden) as error:
                log.warning("speech: %s", error)
                return None
            if data:
                return sound(data, voice)
        return None

    async def _made(self, key: str, text: str, voice: Voice) -> Spoken:
        made = await self._engines(voice.provider).speak(text, voice)
        name = speech_key(self._period(), key, voice.format)
        try:
            await asyncio.to_thread(self._store.create, name, made.data, media_type=made.media_type)
        except ObjectExists:
            pass  # another process was as fast, and made the same
        except (StoreUnavailable, StoreForbidden) as error:
            log.warning("speech: %s; the phrase is played and not kept", error)
            self.account = self.account.model_copy(update={"unstored": self.account.unstored + 1})
        return made

    def _count(
        self, *, voice: Voice | None = None, hits: int = 0, misses: int = 0, waited: int = 0, characters: int = 0
    ) -> None:
        before = self.account
        price = Decimal(0) if voice is None else voice.cost(characters)
        self.account = before.model_copy(
            update={
                "hits": before.hits + hits,
                "misses": before.misses + misses,
                "waited": before.waited + waited,
                "characters_played": before.characters_played + characters,
                "saved": None if price is None or before.saved is None else before.saved + price,
            }
        )


def checked(text: str) -> str:
    """The text as it is spoken and kept; UsageFault for nothing, or too much."""
    words = spoken(text).strip()
    if not words or len(words) > TEXT_CHARS_MAX:
        raise UsageFault(f"a phrase has 1 to {TEXT_CHARS_MAX} characters, this one {len(words)}")
    return words


def sound(data: bytes, voice: Voice) -> Spoken:
    """Bytes of the store as a phrase."""
    return Spoken(data=data, media_type=MEDIA_TYPES[voice.format], seconds=seconds_of(data))


def seconds_of(data: bytes) -> float | None:
    """How long a WAV file lasts; None for anything else."""
    if not data.startswith(b"RIFF"):
        return None
    try:
        with wave.open(io.BytesIO(data)) as file:
            return float(file.getnframes() / file.getframerate())
    except (wave.Error, EOFError):
        return None
