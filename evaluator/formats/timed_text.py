"""Text in which a line with a name and a time opens each turn: Otter, Teams (copied or new form), Rev, `[0:12] Anna:`.

A line opens a turn where it has the form that most such lines of the file have. Times are where a turn begins; it ends,
as an estimate, where the next one begins. Text before the first such line is nobody's. Lines that the tools add about
themselves are left out.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from evaluator.formats.document import Document, shown
from evaluator.formats.record import Format, Record
from evaluator.formats.speakers import looks_like_name, role_of, same_label
from evaluator.formats.speech import Piece, clock_s, record_of

OTTER = "otter"
REV_TEXT = "rev-text"
TIMED_TEXT = "timed-text"
NAME_WORDS_MAX = 8
LINE_CHARS_MAX = 400  # of a line looked at for a name and a time at its start
OPENINGS_MIN = 2  # one line with a name and a time may be something that was said

_TIME = r"(?P<time>(?:\d{1,2}:)?\d{1,2}:\d{2})(?:[.,]\d{1,3})?"
_SHAPES: dict[str, re.Pattern[str]] = {
    # Anna Lee  0:12
    OTTER: re.compile(
        r"(?:\*\*(?P<bold>[^*\n]{1,80})\*\*[ \t]{1,8}|(?P<name>\S[^\t\n*]{0,79}?)(?:[ ]{2}|\t)[ \t]{0,8}+)"
        rf"{_TIME}[ \t]*"
    ),
    # Anna Lee (00:12):   and   Speaker 0    00:00:12    Hi
    REV_TEXT: re.compile(
        rf"(?P<name>[^\s(:][^\n(:]{{0,79}}?)(?:[ \t]{{0,4}}+\({_TIME}\):[ \t]*(?P<text>.*)"
        rf"|[ \t]{{2,8}}+(?P<at>\d\d:\d\d:\d\d)(?:[.,]\d{{1,3}})?[ \t]{{2,8}}(?P<words>\S.*))"
    ),
    # [00:12] Anna Lee: Hi
    TIMED_TEXT: re.compile(
        rf"[(\[]?{_TIME}[)\]]?[ \t]{{0,4}}[-–—]?[ \t]{{1,4}}(?P<name>[^\s:][^\n:]{{0,79}}?):[ \t]*(?P<text>.*)"
    ),
}
_LIKE = {
    OTTER: "a name, two spaces and a time",
    REV_TEXT: "a name and a time, as in Name (00:12):",
    TIMED_TEXT: "a time and a name, as in [00:12] Name:",
}
_ABOUT_ITSELF = re.compile(
    r"Transcribed by https://otter\.ai|.{1,80} (?:started|stopped) transcription"
    r"|\*{0,2}\[?end of transcript\]?\*{0,2}",
    re.IGNORECASE,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Opening:
    """A line that opens a turn."""

    name: str
    started_s: float | None
    words: str  # that stand on the line itself


def _recognise(document: Document, *, shape: str) -> str | None:
    if document.is_json:
        return None
    openings = [found for line in document.text.splitlines() if (found := _opening(line, shape))]
    names = {opening.name for opening in openings}
    if len(openings) < OPENINGS_MIN or len(names) > len(openings) / 2 + 2:
        return None
    return f"lines with a name and a time, such as that of {shown(openings[0].name)}"


def _read(document: Document, candidate_speaker: str | None, *, shape: str) -> tuple[Record, ...]:
    lines = document.text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    kept = [line for line in lines if not (len(line) < LINE_CHARS_MAX and _ABOUT_ITSELF.fullmatch(line.strip()))]
    return (
        record_of(
            document,
            _pieces(kept, shape, candidate_speaker),
            candidate_speaker,
            source=shape,
            no_voices=f"no line has {_LIKE[shape]}; export the transcript with speaker names and timestamps",
            ignored=len(lines) - len(kept),
        ),
    )


def _pieces(lines: list[str], shape: str, candidate_speaker: str | None) -> Iterator[Piece]:
    openings = [_opening(line, shape) for line in lines]
    count = Counter(same_label(opening.name) for opening in openings if opening)
    wanted = same_label(candidate_speaker or "")
    current = Opening(name="", started_s=None, words="")
    below: list[str] = []
    for line, found in zip(lines, openings, strict=True):
        if found is None:
            below.append(line.rstrip())
            continue
        yield _piece(current, below)
        once = count[same_label(found.name)] == 1 and same_label(found.name) != wanted
        if once and role_of(found.name) is None and not looks_like_name(found.name):
            current = Opening(name="", started_s=None, words=line)  # perhaps said, perhaps somebody's name: nobody's
        else:
            current = found
        below = []
    yield _piece(current, below)


def _piece(opening: Opening, below: list[str]) -> Piece:
    text = "\n".join([opening.words, *below]).strip()
    return Piece(label=opening.name, text=text, started_s=opening.started_s)


def _opening(line: str, shape: str) -> Opening | None:
    match = _SHAPES[shape].fullmatch(line) if line[:1].strip() and ":" in line[:LINE_CHARS_MAX] else None
    if match is None:
        return None
    groups = match.groupdict()
    name = " ".join((groups.get("bold") or groups.get("name") or "").strip("*_ ").split())
    if not name or len(name.split()) > NAME_WORDS_MAX:
        return None
    return Opening(
        name=name,
        started_s=clock_s(groups.get("at") or groups["time"]),
        words=groups.get("text") or groups.get("words") or "",
    )


FORMATS = tuple(
    Format(
        id=shape,
        title=title,
        recognise=partial(_recognise, shape=shape),
        read=partial(_read, shape=shape),
        by_looks=True,
    )
    for shape, title in (
        (OTTER, "Otter or Teams text (name and time above the words)"),
        (REV_TEXT, "Rev transcript (text)"),
        (TIMED_TEXT, "text with a time and a name before the words"),
    )
)
