"""What was said: turns in order, and the candidate's turns cut into utterances that evidence points to."""

import re
from collections.abc import Iterable, Iterator
from typing import Annotated, Literal, Self

from pydantic import Field, ValidationError, field_validator, model_validator

from evaluator.errors import TranscriptFault
from evaluator.values import Frozen, Id, canonical, sha256

SCHEMA = 1
TURNS_MAX = 20_000
TURN_CHARS_MAX = 200_000
UTTERANCES_MAX = 9_999  # ids are U1..U9999: the judge's answer schema allows four digits
TRANSCRIPT_BYTES_MAX = 32 * 1024 * 1024
UTTERANCE_WORDS_MIN = 4  # a shorter sentence joins the next: "Yes." alone is no evidence
UTTERANCE_WORDS_MAX = 60  # a longer one is cut at a clause

Speaker = Literal["candidate", "interviewer", "other"]
Seconds = Annotated[float, Field(ge=0, le=86_400 * 7)]
Share = Annotated[float, Field(ge=0, le=1)]


class Span(Frozen):
    """One utterance: a stretch of its turn's text, about a sentence, with the id that evidence uses."""

    id: Annotated[str, Field(pattern=r"^U[1-9][0-9]{0,3}$")]
    start: Annotated[int, Field(ge=0)]  # characters into the turn's text
    end: Annotated[int, Field(gt=0)]


class Turn(Frozen):
    """One uninterrupted stretch of speech by one speaker."""

    id: Id
    speaker: Speaker
    section_id: Id | None = None  # null outside the rubric's sections (greeting, small talk)
    started_s: Seconds | None = None  # from the start of the recording; null where the source has none
    ended_s: Seconds | None = None
    time_estimated: bool = False  # interpolated, not measured
    text: Annotated[str, Field(max_length=TURN_CHARS_MAX)]
    confidence: Share | None = None  # speech recognition's own; null where the source has none
    interrupted: bool = False
    utterances: tuple[Span, ...] = ()  # candidate turns only

    @field_validator("text")
    @classmethod
    def _encodable(cls, text: str) -> str:
        if any("\ud800" <= c <= "\udfff" for c in text):
            raise ValueError("text holds half a character (a lone surrogate)")
        return text

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.utterances and self.speaker != "candidate":
            raise ValueError(f"turn {self.id}: only the candidate's turns have utterances")
        if self.started_s is not None and self.ended_s is not None and self.ended_s < self.started_s:
            raise ValueError(f"turn {self.id}: ends before it starts")
        edge = 0
        for span in self.utterances:
            if not edge <= span.start < span.end <= len(self.text):
                raise ValueError(f"turn {self.id}: utterance {span.id} lies outside its text or overlaps")
            edge = span.end
        return self


class Utterance(Frozen):
    """A candidate's utterance as it is shown and cited; read from the transcript, never written."""

    id: str
    turn_id: str
    section_id: str | None
    text: str
    started_s: float | None
    ended_s: float | None
    time_estimated: bool  # the turn has times, this part of it was interpolated
    confidence: float | None


class Transcript(Frozen):
    """A whole interview as text; its canonical JSON is what the store keeps and the digest covers."""

    schema_version: Literal[1] = 1
    language: Annotated[str, Field(pattern=r"^[a-z]{2,3}(-[A-Za-z]{2,4})?$")] = "en"
    source: Id  # the format it came from, such as "livekit-session" or "labelled-csv"
    sections: Literal["marked", "whole"] = "marked"  # whole: every section is judged on all turns
    turns: Annotated[tuple[Turn, ...], Field(max_length=TURNS_MAX)]

    @model_validator(mode="after")
    def _check(self) -> Self:
        ids = [turn.id for turn in self.turns]
        if len(set(ids)) < len(ids):
            raise ValueError("two turns have the same id")
        spans = [span.id for turn in self.turns for span in turn.utterances]
        if spans != [f"U{n}" for n in range(1, len(spans) + 1)]:
            raise ValueError("utterance ids must run U1, U2, ... in order")
        return self

    def to_bytes(self) -> bytes:
        """The canonical JSON."""
        return canonical(self.model_dump(mode="json"))

    @property
    def digest(self) -> str:
        """sha256 of the canonical JSON, hex."""
        return sha256(self.to_bytes())

    def in_section(self, section_id: str) -> tuple[Turn, ...]:
        """The turns that a section is judged on: its own, or all of them when sections are not marked."""
        if self.sections == "whole":
            return self.turns
        return tuple(turn for turn in self.turns if turn.section_id == section_id)

    def utterances(self) -> Iterator[Utterance]:
        """All of the candidate's utterances in order, with the times their turn allows."""
        return utterances_of(self.turns)


def utterances_of(turns: Iterable[Turn]) -> Iterator[Utterance]:
    """The candidate's utterances of these turns; a part of a turn gets times by its share of the characters."""
    for turn in turns:
        for span in turn.utterances:
            whole = len(turn.utterances) == 1
            yield Utterance(
                id=span.id,
                turn_id=turn.id,
                section_id=turn.section_id,
                text=turn.text[span.start : span.end],
                started_s=turn.started_s if whole else _moment_at(turn, span.start),
                ended_s=turn.ended_s if whole else _moment_at(turn, span.end),
                time_estimated=turn.started_s is not None and (turn.time_estimated or not whole),
                confidence=turn.confidence,
            )


def _moment_at(turn: Turn, offset: int) -> float | None:
    if offset == 0 or turn.started_s is None or turn.ended_s is None or not turn.text:
        return turn.started_s if offset == 0 else None  # a turn's start is known even where its end is not
    return round(turn.started_s + (turn.ended_s - turn.started_s) * offset / len(turn.text), 3)


def parse_transcript(data: bytes) -> Transcript:
    """The transcript in the store's own JSON; TranscriptFault says what is wrong with it, never its words."""
    if len(data) > TRANSCRIPT_BYTES_MAX:
        raise TranscriptFault(f"transcript is {len(data)} bytes; the limit is {TRANSCRIPT_BYTES_MAX}")
    try:
        return Transcript.model_validate_json(data)
    except ValidationError as error:
        raise TranscriptFault(f"transcript does not parse: {first_fault(error)}") from None


def first_fault(error: ValidationError) -> str:
    """The first fault of a validation in words, without the input's own text."""
    fault = error.errors(include_input=False, include_url=False, include_context=False)[0]
    # An unknown field's own name is part of the place: a hostile document chooses it.
    place = ".".join(str(part)[:40] for part in fault["loc"])[:120] or "document"
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    return f"{place}: {fault['msg']}{more}"


def segmented(turns: Iterable[Turn]) -> tuple[Turn, ...]:
    """The same turns with the candidate's cut into utterances U1..Un; TranscriptFault past U9999."""
    number = 0
    result: list[Turn] = []
    for turn in turns:
        spans: list[Span] = []
        if turn.speaker == "candidate":
            for start, end in segment(turn.text):
                number += 1
                if number > UTTERANCES_MAX:
                    raise TranscriptFault(f"transcript has more than {UTTERANCES_MAX} utterances; split the interview")
                spans.append(Span(id=f"U{number}", start=start, end=end))
        result.append(turn.model_copy(update={"utterances": tuple(spans)}))
    return tuple(result)


# Possessive, and only from a run's first mark, so that a text of nothing but marks takes linear time.
_SENTENCE_END = re.compile(
    r"(?<![.!?…。！？])[.!?…。！？]++[\"'”’)\]]*+(?=\s)|\n\s*\n|(?<=[。！？])[”’）」』]*+(?![。！？])"
)
_ABBREVIATION = re.compile(
    r"(?:\b(?:Mr|Mrs|Ms|Dr|Prof|Sr|Jr|St|vs|etc|e\.g|i\.e|approx|No|Inc|Ltd|Co|cf|al|Fig)|\b[A-Z])\.$", re.IGNORECASE
)
_ITEM = re.compile(r"^[ \t]{0,4}[0-9]{1,2}\.$", re.MULTILINE)  # "1." at the start of a line numbers what follows
_ABBREVIATION_CHARS_MAX = 8  # the longest, "approx.", and the character before it
_SPACE = re.compile(r"\s+")
_CLAUSE = re.compile(r"[,;:–—]\s|(?<=[，、；：。！？])|\s(?=(?:and|but|so|because|which|then)\s)")
# Written without spaces between words: kana and Han, and the scripts of Thailand, Laos, Myanmar and Cambodia.
_UNSPACED = {  # characters -> how many make a word
    re.compile(r"[\u3040-\u30ff\u3400-\u9fff]"): 2,
    re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff]"): 4,
}


def segment(text: str) -> tuple[tuple[int, int], ...]:
    """Spans of about a sentence each, in order, trimmed of white space; together they hold every word of the text."""
    joined = _join_short(text, _sentences(text))
    return tuple(part for span in joined for part in _cut_long(text, span))


def _sentences(text: str) -> list[tuple[int, int]]:
    spans, start = [], 0
    for match in _SENTENCE_END.finditer(text):
        end = match.end()
        before = max(start, end - _ABBREVIATION_CHARS_MAX)
        if end > start and not _ABBREVIATION.search(text, before, end) and not _ITEM.search(text, before, end):
            spans.append((start, end))
            start = end
    spans.append((start, len(text)))
    return [span for span in (_trimmed(text, *span) for span in spans) if span[0] < span[1]]


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return start, end


def words_in(text: str) -> int:
    """About how many words somebody said, in any script."""
    unspaced = (len(script.findall(text)) // chars_per_word for script, chars_per_word in _UNSPACED.items())
    return len(text.split()) + sum(unspaced)


def _words(text: str, span: tuple[int, int]) -> int:
    return words_in(text[span[0] : span[1]])


def _join_short(text: str, spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """A short sentence opens the next one ("Yes. We did ..."); a short last one closes the one before."""
    result: list[tuple[int, int]] = []
    words = UTTERANCE_WORDS_MIN  # of the last span in the result; added up, not counted again, to stay linear
    for span in spans:
        if words < UTTERANCE_WORDS_MIN:
            result[-1] = (result[-1][0], span[1])
            words += _words(text, span)
        else:
            result.append(span)
            words = _words(text, span)
    if len(result) > 1 and words < UTTERANCE_WORDS_MIN:
        last = result.pop()
        result[-1] = (result[-1][0], last[1])
    return result


def _cut_long(text: str, span: tuple[int, int]) -> Iterator[tuple[int, int]]:
    """Halves, at the clause nearest the middle, whatever is longer than a listener would call one thought."""
    if _words(text, span) <= UTTERANCE_WORDS_MAX:
        yield span
        return
    cut = _cut_near(text, span, (span[0] + span[1]) // 2)
    yield from (part for half in ((span[0], cut), (cut, span[1])) for part in _cut_long(text, _trimmed(text, *half)))


def _cut_near(text: str, span: tuple[int, int], middle: int) -> int:
    """The end of the clause nearest the middle, else of the word, else the middle itself."""
    for places in (_CLAUSE, _SPACE):
        cuts = [m.end() for m in places.finditer(text, *span) if span[0] < m.end() < span[1]]
        if cuts:
            return min(cuts, key=lambda cut: abs(cut - middle))
    return middle
