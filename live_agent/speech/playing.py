"""Plays phrases of a reply that were spoken beforehand; what cannot be played is for the session's own voice."""

import asyncio
import io
import logging
import re
import wave
from collections.abc import Sequence

from livekit import rtc

from evaluator.errors import ContentError, EngineRejected, EngineUnavailable, UsageFault
from evaluator.values import Frozen
from live_agent.accounting import Played
from live_agent.phrases import Part, Phrase
from live_agent.speech.cache import Account, SpeechCache
from live_agent.speech.voices import Tiers

log = logging.getLogger(__name__)

WAIT_S = 2.0  # for one phrase; after it the session's voice speaks, and the phrase is made for the next time
FRAMES_PER_S = 20


class Piece(Frozen):
    """Some words of a reply, in order."""

    text: str
    part: Part | None = None  # None: no phrase that is known


class PhrasePlayer:
    """The phrases of one interview; belongs to one event loop."""

    def __init__(self, phrases: Sequence[Phrase], cache: SpeechCache, tiers: Tiers) -> None:
        """phrases: everything that may be said word for word."""
        self._parts = {_plain(phrase.text): phrase.part for phrase in phrases}
        longest_first = sorted(self._parts, key=len, reverse=True)  # one may begin with another
        self._known = re.compile(rf"(?<!\S)(?:{'|'.join(map(re.escape, longest_first))})(?!\S)")
        self._cache = cache
        self._tiers = tiers
        self.played = Played()

    @property
    def account(self) -> Account:
        """What the cache did."""
        return self._cache.account

    def pieces(self, text: str) -> list[Piece]:
        """The text in pieces: phrases that are known, and what stands between them."""
        text, pieces, at = _plain(text), [], 0
        for found in self._known.finditer(text):
            pieces += [Piece(text=text[at : found.start()].strip()), Piece(text=found[0], part=self._parts[found[0]])]
            at = found.end()
        return [piece for piece in [*pieces, Piece(text=text[at:].strip())] if piece.text]

    async def frames(self, piece: Piece, sample_rate: int | None) -> list[rtc.AudioFrame] | None:
        """The piece as sound at that rate (None: its own); None when the session's voice has to speak it."""
        frames = None if piece.part is None else await self._found(piece.text, piece.part, sample_rate)
        if frames is None:
            failed = piece.part is not None
            self._count(spoken=1, failed=int(failed), characters_spoken=len(piece.text))
        else:
            self._count(played=1)
        return frames

    async def _found(self, text: str, part: Part, sample_rate: int | None) -> list[rtc.AudioFrame] | None:
        try:
            async with asyncio.timeout(WAIT_S):
                phrase = await self._cache.get(text, self._tiers.of(part))
            return frames_of(phrase.data, sample_rate)
        except TimeoutError:
            log.warning("speech: a phrase took more than %g s; the session's voice speaks it", WAIT_S)
        except (EngineUnavailable, EngineRejected, UsageFault, ContentError) as error:
            log.warning("speech: %s; the session's voice speaks it", error)
        return None

    def _count(self, **more: int) -> None:
        before = self.played
        self.played = before.model_copy(update={name: getattr(before, name) + value for name, value in more.items()})


def frames_of(data: bytes, sample_rate: int | None) -> list[rtc.AudioFrame]:
    """A WAV file (16 bits, one channel) as frames, at another rate if need be; ContentError for any other bytes."""
    try:
        with wave.open(io.BytesIO(data)) as file:
            if (file.getsampwidth(), file.getnchannels()) != (2, 1):
                raise ContentError("a phrase is not 16 bits in one channel")
            rate, samples = file.getframerate(), file.readframes(file.getnframes())
    except (wave.Error, EOFError):
        raise ContentError("a phrase is no WAV file") from None
    if not samples:
        raise ContentError("a phrase is without sound")
    size = max(1, rate // FRAMES_PER_S) * 2  # bytes
    pieces = [samples[at : at + size] for at in range(0, len(samples) - len(samples) % 2, size)]
    frames = [rtc.AudioFrame(piece, rate, 1, len(piece) // 2) for piece in pieces]
    return frames if sample_rate in (None, rate) else _resampled(frames, rate, sample_rate)


def _resampled(frames: Sequence[rtc.AudioFrame], rate: int, wanted: int) -> list[rtc.AudioFrame]:
    resampler = rtc.AudioResampler(rate, wanted, num_channels=1)
    return [*(out for frame in frames for out in resampler.push(frame)), *resampler.flush()]


def _plain(text: str) -> str:
    return " ".join(text.split())
