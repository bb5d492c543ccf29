"""Deepgram's JSON of a recording (`/v1/listen`): utterances, or words with speakers, of one channel or several.

Voices are called as Deepgram numbers them: `0`, `1`; of several channels `channel 0`, or, where diarisation hears
several people on it, `channel 0 speaker 1`.
"""

from collections.abc import Mapping

from evaluator.formats.document import Document
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
from evaluator.formats.words import Word, in_order, pieces_of, stretch

ID = "deepgram"
NO_VOICES = (
    "transcribe it again with diarize=true, or with multichannel=true where each person has a channel, "
    'and name the candidate, such as --candidate-speaker "channel 1"'
)

Names = Mapping[tuple[str, str], str]  # (channel, speaker) to label


def recognise(document: Document) -> str | None:
    """Known by the channels of its results."""
    results = entry(entry(document.json).get("results"))
    return "JSON with results.channels" if isinstance(results.get("channels"), list) else None


def read(document: Document, candidate_speaker: str | None) -> tuple[Record, ...]:
    """The file's one interview, named by the request's id where it has one."""
    response = entry(document.json)
    results = entry(response.get("results"))
    if not isinstance(results.get("channels"), list):
        raise document.fault("is no Deepgram transcript: it has no results.channels")
    channels = [entry(channel) for channel in results["channels"]]  # a channel's place is its number
    words = [_best(channel) for channel in channels]
    utterances = entries(results.get("utterances"))
    names = _names(words, utterances)
    pieces = _of_utterances(document, utterances, names)
    if not any(piece.label for piece in pieces):
        pieces = _of_words(document, words, names)
    record = record_of(
        document, pieces, candidate_speaker, source=ID, no_voices=NO_VOICES, language=_language(channels)
    )
    return (named(record, entry(response.get("metadata")).get("request_id")),)


def _best(channel: Entry) -> list[Entry]:
    """The words of the channel's best alternative, which is the first."""
    alternatives = entries(channel.get("alternatives"))
    return entries(alternatives[0].get("words")) if alternatives else []


def _of_words(document: Document, channels: list[list[Entry]], names: Names) -> list[Piece]:
    spoken = (pieces_of(_word(word, str(index), names) for word in words) for index, words in enumerate(channels))
    return in_order(document, spoken)


def _of_utterances(document: Document, utterances: list[Entry], names: Names) -> list[Piece]:
    channels: dict[str, list[Piece]] = {}
    for utterance in utterances:
        channel = _channel(utterance)
        channels.setdefault(channel, []).extend(_utterance(utterance, channel, names))
    return in_order(document, channels.values())


def _utterance(utterance: Entry, channel: str, names: Names) -> list[Piece]:
    started_s, ended_s = _times(utterance)
    whole = Piece(
        label=_voice(utterance, channel, names),
        text=text_of(utterance.get("transcript")),
        started_s=started_s,
        ended_s=ended_s,
        confidence=share(number(utterance.get("confidence"))),
    )
    return stretch(whole, (_word(word, channel, names) for word in entries(utterance.get("words"))))


def _word(word: Entry, channel: str, names: Names) -> Word:
    started_s, ended_s = _times(word)
    return Word(
        voice=_voice(word, channel, names),
        text=text_of(word.get("punctuated_word")) or text_of(word.get("word")),
        started_s=started_s,
        ended_s=ended_s,
        confidence=share(number(word.get("confidence"))),
    )


def _times(timed: Entry) -> tuple[float | None, float | None]:
    return span(seconds(number(timed.get("start"))), seconds(number(timed.get("end"))))


def _channel(utterance: Entry) -> str:
    return label_of(utterance.get("channel")) or "0"


def _voice(spoken: Entry, channel: str, names: Names) -> str:
    return names.get((channel, label_of(spoken.get("speaker"))), "")


def _names(channels: list[list[Entry]], utterances: list[Entry]) -> dict[tuple[str, str], str]:
    """What the voice of each speaker on each channel is called."""
    heard: dict[str, set[str]] = {}
    for index, words in enumerate(channels):
        heard.setdefault(str(index), set()).update(label_of(word.get("speaker")) for word in words)
    for utterance in utterances:
        spoken = (utterance, *entries(utterance.get("words")))
        heard.setdefault(_channel(utterance), set()).update(label_of(one.get("speaker")) for one in spoken)
    several = len(heard) > 1
    return {
        (channel, speaker): _name(channel, speaker, alone=len(speakers - {""}) < 2) if several else speaker
        for channel, speakers in heard.items()
        for speaker in speakers
    }


def _name(channel: str, speaker: str, *, alone: bool) -> str:
    if alone:
        return f"channel {channel}"
    return f"channel {channel} speaker {speaker}" if speaker else ""


def _language(channels: list[Entry]) -> str | None:
    """The language that was detected, where it is the same on all channels."""
    detected = {language_of(channel.get("detected_language")) for channel in channels}
    return detected.pop() if len(detected) == 1 else None
