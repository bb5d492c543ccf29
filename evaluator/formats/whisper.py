"""Whisper's segments as JSON or TSV, with the speakers that a diarisation beside it (WhisperX, OpenAI's API) adds.

Whisper itself hears words, not voices. Read are `segments` (openai-whisper, faster-whisper, WhisperX, OpenAI's
verbose_json and diarized_json) and `transcription` (whisper.cpp); and the TSV of start, end (both in milliseconds) and
text, with a column `speaker` or with `[SPEAKER_00]: ` before the text.
Confidence: the mean of the words' `probability` or `confidence`; else the segment's `confidence`; else
exp(avg_logprob), the geometric mean of its tokens' probabilities. WhisperX's `score` tells how well words fit the
sound, not whether they are right, and is left out.
"""

import math
import re
from collections.abc import Iterator

from evaluator.formats.document import Document
from evaluator.formats.fields import Entry, entries, entry, label_of, language_of, number, seconds, share, span, text_of
from evaluator.formats.record import Record
from evaluator.formats.speech import Piece, record_of
from evaluator.formats.words import Word, stretch

ID = "whisper"
TSV = "whisper-tsv"
NO_VOICES = (
    "Whisper alone does not tell voices apart: transcribe it again with diarisation, "
    "for example whisperx --diarize --output_format json, and import that JSON"
)
TEXT_KEYS = frozenset({"text", "task", "language", "languages", "duration", "logprobs", "usage"})  # of a bare answer
COLUMNS = frozenset({"start", "end", "text"})
LANGUAGES = {
    "arabic": "ar",
    "chinese": "zh",
    "czech": "cs",
    "danish": "da",
    "dutch": "nl",
    "english": "en",
    "finnish": "fi",
    "french": "fr",
    "german": "de",
    "greek": "el",
    "hebrew": "he",
    "hindi": "hi",
    "hungarian": "hu",
    "indonesian": "id",
    "italian": "it",
    "japanese": "ja",
    "korean": "ko",
    "norwegian": "no",
    "polish": "pl",
    "portuguese": "pt",
    "romanian": "ro",
    "russian": "ru",
    "spanish": "es",
    "swedish": "sv",
    "thai": "th",
    "turkish": "tr",
    "ukrainian": "uk",
    "vietnamese": "vi",
}  # OpenAI's API names them

_VOICE_BEFORE = re.compile(r"\[([^\[\]\n]{1,60})\]:\s+")
_MILLISECONDS = re.compile(r"\d{1,9}")


def recognise(document: Document) -> str | None:
    """Known by segments with text, by whisper.cpp's transcription, or by a text beside Whisper's own fields."""
    result = entry(document.json)
    for key in ("segments", "transcription"):
        found = result.get(key)
        if (
            isinstance(found, list)
            and (found or "text" in result)
            and all(isinstance(one, dict) and "text" in one for one in found)
        ):
            return f"JSON with {key} that have text"
    if isinstance(result.get("text"), str) and result.keys() <= TEXT_KEYS:
        return "JSON with one text"
    return None


def recognise_tsv(document: Document) -> str | None:
    """Known by its first row."""
    columns = None if document.is_json else _columns(document.text)
    return f"the columns {', '.join(columns)}" if columns else None


def read(document: Document, candidate_speaker: str | None) -> tuple[Record, ...]:
    """The file's one interview, named by its file."""
    result = entry(document.json)
    if recognise(document) is None:
        raise document.fault("is no Whisper transcript: it has no segments with text")
    segments = entries(result.get("segments")) or entries(result.get("transcription")) or [{"text": result.get("text")}]
    pieces = [piece for segment in segments for piece in _segment(segment)]
    return (record_of(document, pieces, candidate_speaker, source=ID, no_voices=NO_VOICES, language=_language(result)),)


def read_tsv(document: Document, candidate_speaker: str | None) -> tuple[Record, ...]:
    """The file's one interview, named by its file; TranscriptFault names a row that has too few fields."""
    columns = _columns(document.text)
    if columns is None:
        raise document.fault("is no Whisper TSV: its first row does not name the columns start, end and text")
    pieces = list(_rows(document, columns))
    return (record_of(document, pieces, candidate_speaker, source=TSV, no_voices=NO_VOICES),)


def _segment(segment: Entry) -> list[Piece]:
    started_s, ended_s = _times(segment)
    whole = Piece(
        label=label_of(segment.get("speaker")),
        text=text_of(segment.get("text")),
        started_s=started_s,
        ended_s=ended_s,
        confidence=_confidence(segment),
    )
    return stretch(whole, _words(entries(segment.get("words"))))


def _words(words: list[Entry]) -> Iterator[Word]:
    """The words; where they bring their own spaces (" Hello", ","), one without a space is glued to the one before."""
    written = [one if isinstance(one := word.get("word", word.get("text")), str) else "" for word in words]
    spaced = any(text[:1].isspace() for text in written)
    for word, text in zip(words, written, strict=True):
        started_s, ended_s = _times(word)
        yield Word(
            voice=label_of(word.get("speaker")),
            text=text_of(text),
            started_s=started_s,
            ended_s=ended_s,
            confidence=share(number(word.get("probability", word.get("confidence")))),
            glued=spaced and not text[:1].isspace(),
        )


def _times(timed: Entry) -> tuple[float | None, float | None]:
    offsets = entry(timed.get("offsets"))  # whisper.cpp's, in milliseconds
    if offsets:
        started, ended = number(offsets.get("from")), number(offsets.get("to"))
        return span(seconds(started, per_second=1_000), seconds(ended, per_second=1_000))
    return span(seconds(number(timed.get("start"))), seconds(number(timed.get("end"))))


def _confidence(segment: Entry) -> float | None:
    own, logprob = share(number(segment.get("confidence"))), number(segment.get("avg_logprob"))
    if own is not None or logprob is None or logprob > 0:
        return own
    return math.exp(logprob)


def _language(result: Entry) -> str | None:
    language = result.get("language") or entry(result.get("result")).get("language")
    name = text_of(language).casefold()
    return LANGUAGES.get(name) or language_of(name)


def _columns(text: str) -> tuple[str, ...] | None:
    """The names of the columns, where they are those of a Whisper TSV."""
    first = text.lstrip("\ufeff\r\n").split("\n", 1)[0][:200]
    columns = tuple(name.strip().casefold() for name in first.split("\t"))
    known = columns[-1] == "text" and frozenset(columns) - {"speaker"} == COLUMNS and len(set(columns)) == len(columns)
    return columns if known else None


def _rows(document: Document, columns: tuple[str, ...]) -> Iterator[Piece]:
    lines = iter(enumerate(document.text.split("\n"), start=1))
    next(line for _, line in lines if line.strip())  # the columns' names
    for line_number, line in lines:
        if not line.strip():
            continue
        fields = line.split("\t", len(columns) - 1)
        if len(fields) < len(columns):
            raise document.fault(f"line {line_number}: {len(fields)} fields where the first row has {len(columns)}")
        row = dict(zip(columns, fields, strict=True))
        label, text = row.get("speaker", ""), row["text"].strip()
        if "speaker" not in row and (before := _VOICE_BEFORE.match(text)):
            label, text = before[1], text[before.end() :]
        started_s, ended_s = span(_milliseconds(row["start"]), _milliseconds(row["end"]))
        yield Piece(label=label_of(label), text=text_of(text), started_s=started_s, ended_s=ended_s)


def _milliseconds(field: str) -> float | None:
    found = _MILLISECONDS.fullmatch(field.strip())
    return seconds(float(found[0]), per_second=1_000) if found else None
