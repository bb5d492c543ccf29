"""Pieces of speech (cues, timed lines, utterances of a recogniser) become the turns of one interview.

The rule. Pieces of the same voice one after another are one turn. A new turn begins where the voice changes, where a
pause longer than PAUSE_S_MAX is heard, and at the end of a sentence once the turn has lasted TURN_S: the times inside a
turn are estimated, so turns with measured times are kept short. A turn begins with its first piece and ends with its
last. Where the source has beginnings only, a turn's end is the beginning of the next one, marked as estimated.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice, pairwise

from evaluator.formats.document import Document
from evaluator.formats.record import Record, clean, has_candidate, turn
from evaluator.formats.speakers import NO_VOICES, Voice, assign, same_label
from evaluator.transcript import TURN_CHARS_MAX, Speaker, Turn

PAUSE_S_MAX = 5.0  # between two pieces of one turn
TURN_S = 60.0  # after so long a turn ends with its sentence
PIECES_MAX = 500_000  # of one file
MOMENT_S_MAX = 86_400 * 7  # a later moment is none

_CLOCK = re.compile(r"(?:(\d{1,3}):)?(\d{1,3}):(\d{1,2})(?:[.,](\d{1,3}))?")
_SENTENCE_END = re.compile(r"[.!?…。！？][\"'”’)\]]*\Z")


@dataclass(frozen=True, kw_only=True, slots=True)
class Piece:
    """A stretch of speech as the source has it, by one voice."""

    label: str  # of the voice, as the source has it; empty where it does not say
    text: str
    started_s: float | None = None  # from the start of the recording; null where the source does not say
    ended_s: float | None = None
    confidence: float | None = None  # recognition's own, 0 to 1


def clock_s(text: str, *, unpadded: bool = False) -> float | None:
    """Seconds of `1:02:03.450`, `02:03,450` or `2:03`; null when it is no such time.

    `unpadded`: the digits behind the point are a number of milliseconds, as Teams writes them (`0:0:6.90` is 6.09 s).
    """
    match = _CLOCK.fullmatch(text)
    if match is None or int(match[3]) >= 60 or (match[1] is not None and int(match[2]) >= 60):
        return None
    fraction = match[4] or "0"
    millis = int(fraction) if unpadded else int(fraction.ljust(3, "0"))
    return round(int(match[1] or 0) * 3600 + int(match[2]) * 60 + int(match[3]) + millis / 1000, 3)


def record_of(
    document: Document,
    pieces: Iterable[Piece],
    candidate_speaker: str | None,
    *,
    source: str,
    roles: Mapping[str, Speaker] | None = None,
    no_voices: str = NO_VOICES,
    ignored: int = 0,
    language: str | None = None,
) -> Record:
    """The one interview of a file. `roles`: label -> role, where the source has one; else as `speakers.assign` has it.

    TranscriptFault as `speakers.assign` raises it, without words at all, and past the limits of a turn.
    """
    given = list(islice(pieces, PIECES_MAX + 1))
    if len(given) > PIECES_MAX:
        raise document.fault(f"has more than {PIECES_MAX} captions or sentences; split it")
    pieces = [kept for piece in given if (kept := _kept(piece)).text]
    if not pieces:
        raise document.fault("holds no words; export the transcript again")
    voices = [Voice(label=p.label, words=len(p.text.split()), role=(roles or {}).get(p.label)) for p in pieces]
    speakers = assign(document, voices, candidate_speaker, no_voices=no_voices)
    turns = tuple(_turns(document, pieces, speakers))
    if not has_candidate(turns):
        raise document.fault("the candidate says nothing")
    return Record(name=document.stem, name_is_file=True, turns=turns, source=source, ignored=ignored, language=language)


def _kept(piece: Piece) -> Piece:
    """The piece with its text fit to be stored, and without times that cannot be."""
    started, ended = _moment(piece.started_s), _moment(piece.ended_s)
    if started is None or (ended is not None and ended < started):
        ended = None
    share = piece.confidence
    return replace(
        piece,
        label=" ".join(clean(piece.label).split()),
        text=clean(piece.text).strip(),
        started_s=started,
        ended_s=ended,
        confidence=share if share is not None and 0 <= share <= 1 else None,
    )


def _moment(seconds: float | None) -> float | None:
    return round(seconds, 3) if seconds is not None and 0 <= seconds <= MOMENT_S_MAX else None


def _turns(document: Document, pieces: list[Piece], speakers: Mapping[str, Speaker]) -> Iterator[Turn]:
    spoken = list(_joined(pieces))
    following = [later.started_s for _, later in pairwise(spoken)] + [None]
    for number, (piece, next_s) in enumerate(zip(spoken, following, strict=True), start=1):
        open_ended = piece.started_s is not None and piece.ended_s is None
        estimated = open_ended and next_s is not None and next_s >= (piece.started_s or 0.0)
        yield turn(
            document,
            number,
            speakers[piece.label],
            piece.text,
            started_s=piece.started_s,
            ended_s=next_s if estimated else piece.ended_s,
            time_estimated=estimated,
            confidence=piece.confidence,
        )


def _joined(pieces: list[Piece]) -> Iterator[Piece]:
    """Pieces of one voice put together, each as long as a turn."""
    parts: list[Piece] = []
    chars = 0
    for piece in pieces:
        if parts and (chars + 1 + len(piece.text) > TURN_CHARS_MAX or not _goes_on(parts, piece)):
            yield _one(parts)
            parts, chars = [], 0
        parts.append(piece)
        chars += 1 + len(piece.text)
    if parts:
        yield _one(parts)


def _goes_on(parts: list[Piece], piece: Piece) -> bool:
    """Whether the piece belongs to the turn of the parts before it."""
    first, last = parts[0], parts[-1]
    if same_label(piece.label) != same_label(first.label):
        return False
    if piece.started_s is None or last.started_s is None:
        return True
    if piece.started_s - (last.ended_s if last.ended_s is not None else last.started_s) > PAUSE_S_MAX:
        return last.ended_s is None  # with beginnings only, a pause cannot be told from speech
    lasted_s = piece.started_s - (first.started_s if first.started_s is not None else piece.started_s)
    return lasted_s < TURN_S or _SENTENCE_END.search(last.text[-8:]) is None


def _one(parts: list[Piece]) -> Piece:
    """The parts as one piece; its confidence is the mean by words over the parts that have one."""
    timed = all(part.started_s is not None for part in parts)
    ends = [part.ended_s for part in parts if part.ended_s is not None]
    weights = [(len(part.text.split()), part.confidence) for part in parts if part.confidence is not None]
    words = sum(weight for weight, _ in weights)
    return Piece(
        label=parts[0].label,
        text=" ".join(part.text for part in parts),
        started_s=min(part.started_s or 0.0 for part in parts) if timed else None,
        ended_s=max(ends) if timed and len(ends) == len(parts) else None,
        confidence=round(sum(weight * share for weight, share in weights) / words, 4) if words else None,
    )
