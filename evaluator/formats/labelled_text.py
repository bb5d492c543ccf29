"""Text in which each speaker's words follow a label: `Interviewer: ...`, `Candidate: ...`.

Which labels open a turn: those of LABELS as written there or in capitals, and the label that was named as the
candidate's. A label opens a turn at the start of a paragraph (after a blank line); in a file where most labels follow
no blank line, at the start of any line. All else, such as `Result: it worked`, is text of the turn that it stands in.
Other labels that look like names are voices too where the candidate is known by name only, and where no label of an
interviewer occurs those that come back or open the file; so nobody else's words are taken for the candidate's. Beside
labels of LABELS for both, one that comes back at the start of turns may be somebody's or the candidate's own heading:
it is nobody's then, with all its words. Text before the first label is `other`.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from evaluator.formats.captions import kind_of
from evaluator.formats.document import Document, shown
from evaluator.formats.record import Record, clean, has_candidate, turn
from evaluator.formats.speakers import LABELS, LABELS_SHOWN_MAX, looks_like_name, same_label
from evaluator.transcript import Speaker, Turn

ID = "labelled-text"
NAME_WORDS_MAX = 8
SMALL_NAME_WORDS_MAX = 3  # of a name in small letters that comes once
SHORT_LABEL_WORDS = 2
ROLE_LABELS_MIN = 4  # so many labels for roles are not a quotation

_LABEL_LINE = re.compile(r"^[ \t]{0,8}([^\s:][^\n:]{0,79}):", re.MULTILINE)


@dataclass(frozen=True, kw_only=True, slots=True)
class Label:
    """Something that looks like a label at the start of a line."""

    name: str
    start: int  # of the line, in characters
    end: int  # behind the colon
    opens_paragraph: bool


def recognise(document: Document) -> str | None:
    """Any text may be speaker-labelled, unless it is JSON or captions; reading says when it has no labels."""
    if document.is_json or kind_of(document) is not None:
        return None
    labels = list(_labels(document.text))
    known = [label.name for label in labels if _known(label.name) is not None]
    count = Counter(label.name for label in labels if looks_like_name(label.name))
    named = known or [name for name, times in count.items() if times > 1]
    return f"text with the label {shown(named[0])}:" if named else "plain text"


def labels_roles(document: Document) -> str | None:
    """Why a file is surely labelled text: labels of LABELS for both interviewer and candidate, that come back."""
    known = Counter(label.name for label in _labels(document.text) if _known(label.name) is not None)
    roles = {_known(name) for name in known}
    if len(roles) < 2 or sum(known.values()) < ROLE_LABELS_MIN:
        return None
    return f"text with the labels {' and '.join(f'{name}:' for name in list(known)[:2])}"


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
    voices = _voices(document, labels, candidate_speaker)
    openings = _openings(labels, voices)
    unsure = _unsure(labels, openings, voices, named=same_label(candidate_speaker or "") in map(same_label, voices))
    openings = sorted([*openings, *unsure], key=lambda label: label.start)
    turns = tuple(_turns(document, text, openings, voices))
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
        if label.name in voices:
            yield turn(document, number, voices[label.name], text[label.end : end].strip())
        else:
            yield turn(document, number, "other", text[label.start : end].strip())


def _openings(labels: list[Label], voices: Mapping[str, Speaker]) -> list[Label]:
    """The labels that open a turn: the first, and those at the level (paragraph or line) where most of them stand."""
    known = [label for label in labels if label.name in voices]
    in_paragraphs = sum(label.opens_paragraph for label in known[1:])
    if 2 * in_paragraphs <= len(known[1:]):
        return known
    return known[:1] + [label for label in known[1:] if label.opens_paragraph]


def _unsure(labels: list[Label], openings: list[Label], voices: Mapping[str, Speaker], *, named: bool) -> list[Label]:
    """Labels where turns open that may be somebody's name, or a word of the one who speaks; nobody's then.

    Beside a named candidate: all short ones. Else those that look like a name, and come back if an interviewer is
    labelled; none where the candidate has the floor alone.
    """
    lines = any(not label.opens_paragraph for label in openings[1:])
    found = [
        label
        for label in labels
        if label.name not in voices
        and (lines or label.opens_paragraph)
        and openings
        and label.start > openings[0].start
        and (looks_like_name(label.name) or (named and len(label.name.split()) <= SHORT_LABEL_WORDS))
    ]
    if named:
        return found
    roles = Counter(_known(label.name) for label in openings)
    if roles["interviewer"]:
        count = Counter(label.name for label in found)
        return [label for label in found if count[label.name] > 1]
    return found if roles["candidate"] > 1 else []


def _voices(document: Document, labels: list[Label], candidate_speaker: str | None) -> dict[str, Speaker]:
    """Who speaks under each label that occurs."""
    wanted = same_label(candidate_speaker or "")
    names = dict.fromkeys(label.name for label in labels)
    voices = {name: speaker for name in names if (speaker := _known(name)) is not None}
    named = [name for name in names if wanted and same_label(name) == wanted]
    candidates = [name for name, speaker in voices.items() if speaker == "candidate"]
    if named:
        _check_named(document, named[0], voices)
        voices |= dict.fromkeys(candidates, "other")
        voices |= dict.fromkeys(named, "candidate")
    elif len({same_label(name) for name in candidates}) > 1:
        raise document.fault(f"several labels of a candidate: {', '.join(candidates)}; --candidate-speaker names one")
    if voices and (named or "interviewer" not in voices.values()):
        others = _others(labels, voices, named=bool(named))
        alone = len(others) == 1 and "interviewer" not in voices.values()
        voices |= dict.fromkeys(others, "interviewer" if alone else "other")
    return voices


def _check_named(document: Document, name: str, voices: Mapping[str, Speaker]) -> None:
    """TranscriptFault when the file's own labels say that the voice named as the candidate's is somebody else's."""
    if voices.get(name) == "interviewer":
        raise document.fault(f"--candidate-speaker names {shown(name)!r}, a label of interviewers; name another voice")
    candidates = [known for known, speaker in voices.items() if speaker == "candidate" and known != name]
    if candidates and name not in voices:
        raise document.fault(
            f"--candidate-speaker names {shown(name)!r}, but the file has the label {candidates[0]}; leave it out"
        )


def _others(labels: list[Label], voices: Mapping[str, Speaker], *, named: bool) -> list[str]:
    """Names of people who are not in LABELS.

    In a file whose candidate was named, all that may be a name where turns open; else those that look like names and
    open the file or come back. In a file that the candidate opens and holds alone what comes back are headings.
    """
    if named:
        return _may_be_names(labels, voices)
    count = Counter(label.name for label in labels)
    talk = labels[0].name not in voices or sum(count[name] for name in voices) > 1
    return [
        name
        for name, times in count.items()
        if name not in voices and looks_like_name(name) and ((talk and times > 1) or name == labels[0].name)
    ]


def _may_be_names(labels: list[Label], voices: Mapping[str, Speaker]) -> list[str]:
    """What looks like a name or comes back; also short ones in small letters, where the voices have such."""
    known = [label for label in labels if label.name in voices]
    lines = 2 * sum(label.opens_paragraph for label in known[1:]) <= len(known[1:])
    count = Counter(label.name for label in labels if lines or label.opens_paragraph)
    small = any(not looks_like_name(name) for name in voices)
    return [
        name
        for name, times in count.items()
        if name not in voices
        and len(name.split()) <= NAME_WORDS_MAX
        and (looks_like_name(name) or times > 1 or (small and len(name.split()) <= SMALL_NAME_WORDS_MAX))
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
    names = dict.fromkeys(label.name for label in labels if label.name in voices or looks_like_name(label.name))
    seen = ", ".join(shown(name) for name in list(names)[:LABELS_SHOWN_MAX])
    seen += ", ..." if len(names) > LABELS_SHOWN_MAX else ""
    if not seen:
        return (
            'no speaker labels: put one such as "Interviewer:" or "Candidate:" at the start of each turn\'s paragraph'
        )
    if candidate_speaker:
        return f"no turn of the candidate {shown(candidate_speaker)!r}: labels seen: {seen}"
    return f"no turn of the candidate: labels seen: {seen}; name the candidate with --candidate-speaker NAME"
