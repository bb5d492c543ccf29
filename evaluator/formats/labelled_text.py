"""Text in which each speaker's words follow a label: `Interviewer: ...`, `Candidate: ...`.

Which labels open a turn: those of LABELS as written there or in capitals, and the label that was named as the
candidate's. A label opens a turn at the start of a paragraph (after a blank line); in a file where most labels follow
no blank line, at the start of any line. All else, such as `Result: it worked`, is text of the turn that it stands in.
Only where no label of an interviewer occurs, other labels that look like names and come back or open the file are
voices too, so that nobody else's words are taken for the candidate's. Text before the first label is `other`.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from evaluator.formats.document import Document, shown
from evaluator.formats.record import Record, clean, has_candidate, turn
from evaluator.transcript import Speaker, Turn

ID = "labelled-text"
LABELS: Mapping[str, Speaker] = {
    "Assistant": "interviewer",
    "AI": "interviewer",
    "Interviewer": "interviewer",
    "Agent": "interviewer",
    "Bot": "interviewer",
    "User": "candidate",
    "Candidate": "candidate",
    "Applicant": "candidate",
    "Interviewee": "candidate",
}
LABELS_SHOWN_MAX = 8

_LABEL_LINE = re.compile(r"^[ \t]{0,8}([^\s:][^\n:]{0,39}):", re.MULTILINE)
_NAME_LIKE = re.compile(r"[^\W\d_a-z][\w.'’-]*(?: (?:[^\W_a-z]|\()[\w.'’()-]*){0,3}")
_CAPTIONS = re.compile(r"\AWEBVTT|^[\d:.,]{4,16} {1,4}--> |^\d{1,2}:\d\d:\d\d[.]\d+,\d{1,2}:\d\d:\d\d", re.MULTILINE)
_CAPTION_PROBE_CHARS = 400  # captions show at once; a cue quoted later in an interview is text


@dataclass(frozen=True, kw_only=True, slots=True)
class Label:
    """Something that looks like a label at the start of a line."""

    name: str
    start: int  # of the line, in characters
    end: int  # behind the colon
    opens_paragraph: bool


def recognise(document: Document) -> str | None:
    """Any text may be speaker-labelled, unless it is JSON or captions; reading says when it has no labels."""
    if document.is_json or captions(document):
        return None
    known = [label for label in _labels(document.text) if _known(label.name) is not None]
    return f"text with the label {known[0].name}:" if known else "plain text"


def captions(document: Document) -> bool:
    """Whether the text is a caption file (WebVTT, SRT, SBV)."""
    return _CAPTIONS.search(document.text, 0, _CAPTION_PROBE_CHARS) is not None


def read(document: Document, candidate_speaker: str | None) -> tuple[Record, ...]:
    """The file's one interview, named by the file's stem."""
    turns = turns_of(document, document.text, candidate_speaker)
    return (Record(name=document.stem, name_is_file=True, turns=turns, source=ID),)


def turns_of(document: Document, text: str, candidate_speaker: str | None) -> tuple[Turn, ...]:
    """The turns of one labelled text, every word kept; TranscriptFault without labels or without a candidate.

    A label with nothing behind it is a turn without words, as the source has it.
    """
    text = clean(text)
    labels = list(_labels(text))
    voices = _voices(labels, candidate_speaker)
    turns = tuple(_turns(document, text, _openings(labels, voices), voices))
    if not has_candidate(turns):
        raise document.fault(_no_candidate(labels, voices, candidate_speaker))
    return turns


def _turns(document: Document, text: str, openings: list[Label], voices: Mapping[str, Speaker]) -> Iterator[Turn]:
    number = 0
    if preamble := text[: openings[0].start if openings else len(text)].strip():
        number += 1
        yield turn(document, number, "other", preamble)
    edges = [*(label.start for label in openings), len(text)]
    for label, end in zip(openings, edges[1:], strict=True):
        number += 1
        yield turn(document, number, voices[label.name], text[label.end : end].strip())


def _openings(labels: list[Label], voices: Mapping[str, Speaker]) -> list[Label]:
    """The labels that open a turn: the first, and those at the level (paragraph or line) where most of them stand."""
    known = [label for label in labels if label.name in voices]
    in_paragraphs = sum(label.opens_paragraph for label in known[1:])
    if 2 * in_paragraphs <= len(known[1:]):
        return known
    return known[:1] + [label for label in known[1:] if label.opens_paragraph]


def _voices(labels: list[Label], candidate_speaker: str | None) -> dict[str, Speaker]:
    """Who speaks under each label that occurs."""
    wanted = " ".join((candidate_speaker or "").split()).rstrip(":").casefold()
    voices: dict[str, Speaker] = {}
    for name in {label.name for label in labels}:
        speaker: Speaker | None = "candidate" if wanted and name.casefold() == wanted else _known(name)
        if speaker is not None:
            voices[name] = speaker
    if voices and "interviewer" not in voices.values():
        others = _others(labels, voices, named=bool(wanted))
        voices |= dict.fromkeys(others, "interviewer" if len(others) == 1 else "other")
    return voices


def _others(labels: list[Label], voices: Mapping[str, Speaker], *, named: bool) -> list[str]:
    """Names that open the file or come back: people who are not in LABELS.

    In a file that the candidate opens and holds alone (and was not named for) what comes back are headings.
    """
    count = Counter(label.name for label in labels)
    talk = named or labels[0].name not in voices or sum(count[name] for name in voices) > 1
    return [
        name
        for name, times in count.items()
        if name not in voices and _NAME_LIKE.fullmatch(name) and ((talk and times > 1) or name == labels[0].name)
    ]


def _known(name: str) -> Speaker | None:
    for label, speaker in LABELS.items():
        if name in (label, label.upper()):
            return speaker
    return None


def _labels(text: str) -> Iterator[Label]:
    for match in _LABEL_LINE.finditer(text):
        start = match.start()
        before = text.rfind("\n", 0, max(0, start - 1)) + 1  # where the line above begins
        blank_above = start == 0 or not text[before : start - 1].strip()
        yield Label(name=" ".join(match[1].split()), start=start, end=match.end(), opens_paragraph=blank_above)


def _no_candidate(labels: list[Label], voices: Mapping[str, Speaker], candidate_speaker: str | None) -> str:
    names = dict.fromkeys(label.name for label in labels if label.name in voices or _NAME_LIKE.fullmatch(label.name))
    seen = ", ".join(shown(name) for name in list(names)[:LABELS_SHOWN_MAX])
    seen += ", ..." if len(names) > LABELS_SHOWN_MAX else ""
    if not seen:
        return (
            'no speaker labels: put one such as "Interviewer:" or "Candidate:" at the start of each turn\'s paragraph'
        )
    if candidate_speaker:
        return f"no turn of the candidate {shown(candidate_speaker)!r}: labels seen: {seen}"
    return f"no turn of the candidate: labels seen: {seen}; name the candidate with --candidate-speaker"
