"""What a speech recogniser heard, word by word, put together as pieces of speech, of which `speech` makes turns.

A piece is what one voice says up to the end of a sentence or a silence of more than SILENCE_S. Words are joined by one
space, and in scripts that put no space between words by none; no word is left out or changed.
Voices: the word's own label; for a word without one, that of the stretch (utterance, segment) that it stands in, where
no word of the stretch has another; else nobody's. A stretch in which several voices speak is taken apart by words.
Order: of one channel, the recogniser's. Of several channels, whose words overlap in time, the pieces are put in order
of their start: a "mm-hmm" in an answer comes behind the sentence in which it was said.
Times: from the earliest known start to the latest known end of the words, never estimated.
Confidence: the mean over the words that have one, else the stretch's own; null where the source has none.
"""

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from evaluator.formats.document import Document
from evaluator.formats.fields import span
from evaluator.formats.speech import Piece

SILENCE_S = 1.0

_SENTENCE_END = re.compile(r"[.!?…。！？][\"'”’)\]」』]*\Z")
_TAIL_CHARS = 8  # of a word, enough to see whether it ends a sentence
_UNSPACED = re.compile(r"[\u0e00-\u0eff\u3000-\u30ff\u3400-\u9fff\uff00-\uff60]")  # Thai, Lao, kana, Han


@dataclass(frozen=True, kw_only=True, slots=True)
class Word:
    """A word as the recogniser heard it, with the punctuation that it put there."""

    voice: str  # the source's label; empty where it does not say who speaks
    text: str
    started_s: float | None = None
    ended_s: float | None = None
    confidence: float | None = None
    glued: bool = False  # no space before it


def pieces_of(words: Iterable[Word]) -> list[Piece]:
    """The words of one channel, in their order, as pieces."""
    return [_piece(part, label=part[0].voice) for part in _parts(word for word in words if word.text)]


def stretch(whole: Piece, words: Iterable[Word]) -> list[Piece]:
    """What the recogniser wrote as one, by its words where it has them, else as it is.

    Words that have labels are the finer truth, and what they do not spell is not said. Words without labels are the
    whole's voice; where they do not spell its text, or have no times, the whole is kept.
    """
    words = list(words)
    labels = {word.voice for word in words}
    if not labels <= {"", whole.label}:
        return pieces_of(words)
    words = [replace(word, voice=whole.label) for word in words if word.text]
    spelled = not whole.text or joined(words).split() == whole.text.split()
    pieces = pieces_of(words)
    if len(pieces) > 1 and (spelled or labels != {""}) and any(piece.started_s is not None for piece in pieces):
        return pieces
    heard = _piece(words, label=whole.label)
    started_s, ended_s = span(_first(whole.started_s, heard.started_s), _first(whole.ended_s, heard.ended_s))
    one = Piece(
        label=whole.label,
        text=(whole.text if spelled or labels <= {""} else "") or heard.text,
        started_s=started_s,
        ended_s=ended_s,
        confidence=_first(heard.confidence, whole.confidence),
    )
    return [one] if one.text else []


def in_order(document: Document, channels: Iterable[Sequence[Piece]]) -> list[Piece]:
    """The pieces of several channels in the order of the talk; TranscriptFault where a channel has no times.

    A piece without a start stays behind the one before it on its channel.
    """
    spoken = [channel for channel in channels if channel]
    if len(spoken) == 1:
        return list(spoken[0])
    if not all(any(piece.started_s is not None for piece in channel) for channel in spoken):
        raise document.fault(
            "a channel's words have no times, so that nobody can tell who spoke when; export them with times"
        )
    timed = [pair for channel in spoken for pair in zip(_starts(channel), channel, strict=True)]
    return [piece for _, piece in sorted(timed, key=lambda pair: pair[0])]


def joined(words: Iterable[Word]) -> str:
    """The words as they are written."""
    parts: list[str] = []
    for word in words:
        if parts and not word.glued and not (_UNSPACED.match(parts[-1][-1]) and _UNSPACED.match(word.text)):
            parts.append(" ")
        parts.append(word.text)
    return "".join(parts)


def _parts(words: Iterable[Word]) -> Iterator[list[Word]]:
    part: list[Word] = []
    heard_s: float | None = None  # how far the part has come; words out of order do not bring it back
    for word in words:
        silent = heard_s is not None and word.started_s is not None and word.started_s - heard_s > SILENCE_S
        if part and (silent or word.voice != part[-1].voice or _SENTENCE_END.search(part[-1].text[-_TAIL_CHARS:])):
            yield part
            part, heard_s = [], None
        part.append(word)
        heard_s = max((at for at in (heard_s, word.started_s, word.ended_s) if at is not None), default=None)
    if part:
        yield part


def _piece(words: Sequence[Word], *, label: str) -> Piece:
    started_s = min((word.started_s for word in words if word.started_s is not None), default=None)
    ended_s = max((word.ended_s for word in words if word.ended_s is not None), default=None)
    started_s, ended_s = span(started_s, ended_s)
    heard = [word.confidence for word in words if word.confidence is not None]
    return Piece(
        label=label,
        text=joined(words),
        started_s=started_s,
        ended_s=ended_s,
        confidence=math.fsum(heard) / len(heard) if heard else None,
    )


def _starts(channel: Iterable[Piece]) -> Iterator[float]:
    """When each piece began, or the one before it where it has no start of its own."""
    start = 0.0
    for piece in channel:
        start = start if piece.started_s is None else piece.started_s
        yield start


def _first(*values: float | None) -> float | None:
    return next((value for value in values if value is not None), None)
