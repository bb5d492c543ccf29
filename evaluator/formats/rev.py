"""Rev's JSON transcript: monologues, each of one speaker, made of words with times and confidence."""

from collections.abc import Iterator, Mapping
from typing import Any

from evaluator.formats.document import Document
from evaluator.formats.record import Format, Record
from evaluator.formats.speech import Piece, record_of

ID = "rev"
CLOCK_S_MAX = 86_400 * 7

_SENTENCE_ENDS = ".?!。？！"


def recognise(document: Document) -> str | None:
    """Known by its monologues with elements."""
    monologues = document.json.get("monologues") if isinstance(document.json, dict) else None
    if not isinstance(monologues, list) or not all(isinstance(one, dict) and "elements" in one for one in monologues):
        return None
    return "JSON with monologues"


def read(document: Document, candidate_speaker: str | None) -> tuple[Record, ...]:
    """The file's one interview. A speaker is called by the name that the file gives, else `Speaker 0`."""
    transcript = document.json
    monologues = transcript.get("monologues") if isinstance(transcript, dict) else None
    if not isinstance(transcript, dict) or not isinstance(monologues, list):
        raise document.fault(f"is no Rev transcript: {document.json_fault or 'it has no monologues'}")
    names = _names(transcript)
    pieces = [piece for one in monologues if isinstance(one, dict) for piece in _pieces(one, names)]
    return (
        record_of(
            document, pieces, candidate_speaker, source=ID, no_voices="have the recording transcribed with speakers"
        ),
    )


def _names(transcript: Mapping[str, Any]) -> dict[object, str]:
    speakers = transcript.get("speakers")
    return {
        str(one.get("id")): one["name"]
        for one in (speakers if isinstance(speakers, list) else [])
        if isinstance(one, dict) and isinstance(one.get("name"), str) and one["name"].strip()
    }


def _pieces(monologue: Mapping[str, Any], names: Mapping[object, str]) -> Iterator[Piece]:
    """A monologue's sentences: short pieces keep the measured times of long speeches."""
    speaker = monologue.get("speaker")
    known = isinstance(speaker, (int, str)) and not isinstance(speaker, bool) and str(speaker).strip()
    label = names.get(str(speaker), speaker if isinstance(speaker, str) else f"Speaker {speaker}") if known else ""
    sentence: list[Mapping[str, Any]] = []
    elements = monologue.get("elements")
    for element in elements if isinstance(elements, list) else []:
        if not isinstance(element, dict) or not isinstance(element.get("value"), str):
            continue
        if element["value"].isspace() and sentence and sentence[-1]["value"].strip()[-1:] in _ENDS:
            yield _piece(label, sentence)
            sentence = []
        sentence.append(element)
    if sentence:
        yield _piece(label, sentence)


_ENDS = frozenset(_SENTENCE_ENDS)


def _piece(label: str, elements: list[Mapping[str, Any]]) -> Piece:
    shares = [share for one in elements if (share := _number(one.get("confidence"), 1)) is not None]
    starts = [moment for one in elements if (moment := _number(one.get("ts"), CLOCK_S_MAX)) is not None]
    ends = [moment for one in elements if (moment := _number(one.get("end_ts"), CLOCK_S_MAX)) is not None]
    return Piece(
        label=label,
        text="".join(one["value"] for one in elements),
        started_s=starts[0] if starts else None,
        ended_s=ends[-1] if ends else None,
        confidence=sum(shares) / len(shares) if shares else None,
    )


def _number(value: object, most: float) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if 0 <= value <= most else None


FORMAT = Format(id=ID, title="Rev transcript (JSON)", recognise=recognise, read=read)
