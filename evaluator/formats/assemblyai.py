"""AssemblyAI's JSON of a transcript (`/v2/transcript/{id}`): utterances or words with speakers, times in milliseconds.

Voices are called as AssemblyAI has them: `A`, `B`, the names or roles that its speaker identification found, or of
several channels `1`, `1A`; where a file has channels and no speakers, `channel 1`.
"""

from evaluator.formats.document import Document, shown
from evaluator.formats.fields import (
    Entry,
    entries,
    entry,
    label_of,
    language_of,
    named,
    number,
    seconds,
    share,
    span,
    text_of,
)
from evaluator.formats.record import Record
from evaluator.formats.speech import Piece, record_of
from evaluator.formats.words import Word, in_order, stretch

ID = "assemblyai"
MARKS = ("audio_url", "audio_duration", "acoustic_model", "language_model", "speech_model", "speech_models")
NO_VOICES = "transcribe it again with speaker_labels (or with multichannel where each person has a channel)"


def recognise(document: Document) -> str | None:
    """Known by its utterances or words beside the settings that AssemblyAI repeats in each answer."""
    response = entry(document.json)
    if not ("utterances" in response or "words" in response):
        return None
    mark = next((mark for mark in MARKS if mark in response), None)
    if mark is not None:
        return f"JSON with words and {mark}"
    utterances = entries(response.get("utterances"))
    spoken = utterances and all("speaker" in one and "text" in one for one in utterances)
    return "JSON with utterances that have speaker and text" if spoken else None


def read(document: Document, candidate_speaker: str | None) -> tuple[Record, ...]:
    """The file's one interview, named by the transcript's id where it has one."""
    response = entry(document.json)
    status = text_of(response.get("status"))
    if status and status != "completed":
        raise document.fault(f"is no finished transcript: status {shown(status)}; fetch it when it is completed")
    if "utterances" not in response and "words" not in response:
        raise document.fault("is no AssemblyAI transcript: it has neither utterances nor words")
    pieces = _pieces(document, entries(response.get("utterances")))
    if not any(piece.label for piece in pieces):
        pieces = _pieces(document, [{"words": entries(response.get("words"))}])
    language = language_of(response.get("language_code"))
    record = record_of(document, pieces, candidate_speaker, source=ID, no_voices=NO_VOICES, language=language)
    return (named(record, response.get("id")),)


def _pieces(document: Document, utterances: list[Entry]) -> list[Piece]:
    """What was said, channel by channel, in the order of the talk."""
    channels: dict[str, list[Piece]] = {}
    for utterance in utterances:
        words = _by_channel(utterance)
        for channel, spoken in words.items():
            # The text of an utterance on two channels says nothing about whose words are whose.
            whole = _whole(utterance if len(words) == 1 else {}, channel)
            channels.setdefault(channel, []).extend(stretch(whole, (_word(word, channel) for word in spoken)))
    return in_order(document, channels.values())


def _by_channel(utterance: Entry) -> dict[str, list[Entry]]:
    own = label_of(utterance.get("channel"))
    channels: dict[str, list[Entry]] = {}
    for word in entries(utterance.get("words")):
        channels.setdefault(label_of(word.get("channel")) or own, []).append(word)
    return channels or {own: []}


def _whole(utterance: Entry, channel: str) -> Piece:
    started_s, ended_s = _times(utterance)
    return Piece(
        label=_voice(utterance, channel),
        text=text_of(utterance.get("text")),
        started_s=started_s,
        ended_s=ended_s,
        confidence=share(number(utterance.get("confidence"))),
    )


def _word(word: Entry, channel: str) -> Word:
    started_s, ended_s = _times(word)
    return Word(
        voice=_voice(word, channel),
        text=text_of(word.get("text")),
        started_s=started_s,
        ended_s=ended_s,
        confidence=share(number(word.get("confidence"))),
    )


def _voice(spoken: Entry, channel: str) -> str:
    """`speaker` tells people on all channels apart (`1A`); where it is absent the channel is the person."""
    return label_of(spoken.get("speaker")) or (f"channel {channel}" if channel else "")


def _times(timed: Entry) -> tuple[float | None, float | None]:
    started, ended = number(timed.get("start")), number(timed.get("end"))
    return span(seconds(started, per_second=1_000), seconds(ended, per_second=1_000))
