"""Amazon Transcribe's JSON of a batch job: words and punctuation with speaker labels, or of several channels.

Voices are called as Amazon Transcribe has them: `spk_0`, or `ch_0` where each channel is a person. Masks (`***` of a
vocabulary filter, `[PII]` of a redaction) are the source's words and stay. The confidence of a redaction says how sure
it is that something is private, not what was heard: such a word has none.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from evaluator.formats.document import Document, shown
from evaluator.formats.fields import (
    Entry,
    entries,
    entry,
    label_of,
    language_of,
    seconds,
    share,
    span,
    spelled,
    text_of,
)
from evaluator.formats.record import Record
from evaluator.formats.speech import record_of
from evaluator.formats.words import Word, in_order, pieces_of

ID = "aws-transcribe"
NO_VOICES = (
    "transcribe it again with speaker partitioning (ShowSpeakerLabels), "
    "or with channel identification where each person has a channel"
)
OPENING = frozenset("¿¡([{“«„‚")  # punctuation that belongs to the word behind it

Times = tuple[float | None, float | None]


def recognise(document: Document) -> str | None:
    """Known by the items and transcripts of its results."""
    results = entry(entry(document.json).get("results"))
    known = isinstance(results.get("items"), list) and isinstance(results.get("transcripts"), list)
    return "JSON with results.items and results.transcripts" if known else None


def read(document: Document, candidate_speaker: str | None) -> tuple[Record, ...]:
    """The file's one interview, named by its file: the job's name, which is the file's, may be a person's."""
    job = entry(document.json)
    results = entry(job.get("results"))
    if not isinstance(results.get("items"), list):
        status = text_of(job.get("status"))
        more = f" (status {shown(status)})" if status else ""
        raise document.fault(f"is no Amazon Transcribe transcript: it has no results.items{more}")
    labels = _labels(entry(results.get("speaker_labels")))
    pieces = in_order(document, [pieces_of(_words(items, labels)) for items in _channels(results)])
    return (
        record_of(document, pieces, candidate_speaker, source=ID, no_voices=NO_VOICES, language=_language(results)),
    )


def _channels(results: Entry) -> list[list[Entry]]:
    """The items of each channel under its label; all of them where there are not several channels."""
    labelled = entries(entry(results.get("channel_labels")).get("channels"))
    if len(labelled) < 2 or not any(entries(channel.get("items")) for channel in labelled):
        return [entries(results["items"])]
    return [
        [{**item, "speaker_label": channel.get("channel_label")} for item in entries(channel.get("items"))]
        for channel in labelled
    ]


def _words(items: Iterable[Entry], labels: Mapping[Times, str]) -> Iterator[Word]:
    """Words, each with the punctuation at it, which has no voice and no times of its own."""
    spoken: Word | None = None
    text: list[str] = []
    opening: list[str] = []
    for item in items:
        alternatives = entries(item.get("alternatives"))
        content = text_of(alternatives[0].get("content")) if alternatives else ""
        if item.get("type") != "punctuation" or any(map(str.isalnum, content)):
            if not content:
                continue
            if spoken is not None:
                yield replace(spoken, text="".join(text))
            spoken, text, opening = _word(item, alternatives[0], labels), [*opening, content], []
        else:
            (opening if spoken is None or content in OPENING else text).append(content)
    if spoken is not None:
        yield replace(spoken, text="".join(text))


def _word(item: Entry, best: Entry, labels: Mapping[Times, str]) -> Word:
    times = _times(item)
    return Word(
        voice=label_of(item.get("speaker_label")) or labels.get(times, ""),
        text=text_of(best.get("content")),
        started_s=times[0],
        ended_s=times[1],
        confidence=share(spelled(best.get("confidence"))),
    )


def _labels(speaker_labels: Entry) -> dict[Times, str]:
    """Who says the word of each time, by the segments; nobody where two voices have a word of the same times."""
    labels: dict[Times, str] = {}
    for segment in entries(speaker_labels.get("segments")):
        for item in entries(segment.get("items")):
            label = label_of(item.get("speaker_label")) or label_of(segment.get("speaker_label"))
            times = _times(item)
            labels[times] = label if None not in times and labels.get(times, label) == label else ""
    return labels


def _times(timed: Entry) -> Times:
    return span(seconds(spelled(timed.get("start_time"))), seconds(spelled(timed.get("end_time"))))


def _language(results: Entry) -> str | None:
    """The language of the job; where several were heard, none."""
    heard = {language_of(one.get("language_code")) for one in entries(results.get("language_codes"))}
    if len(heard) > 1:
        return None
    return heard.pop() if heard else language_of(results.get("language_code"))
