"""Caption files as cues: WebVTT, SRT, SBV and the text form of a Teams transcript, read tolerantly, no word dropped.

What is no speech and left out: the header, NOTE, STYLE and REGION blocks and cue ids of WebVTT, the numbers of SRT.
What is broken and kept: a cue whose times cannot be read keeps its words and has no times; words outside of any cue
become a cue of their own without times. A cue may begin without a blank line before it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from evaluator.formats.document import Document
from evaluator.formats.speech import clock_s

CUES_MAX = 200_000
ID_WORDS_MAX = 3  # a longer line above a cue's times is speech that lost its own times
PROBE_CHARS = 2_000  # of the text, to tell whether it is captions; a cue quoted later in an interview is text

Kind = Literal["webvtt", "srt", "sbv"]

_ARROW = re.compile(r"[ \t]{0,8}(-?\d[\w:.,]{0,19})[ \t]{0,8}-->[ \t]{0,8}(-?\d[\w:.,]{0,19})(?:[ \t].*)?")
_COMMA = re.compile(r"[ \t]{0,8}(\d{1,3}:[\w:.]{1,15}),(\d{1,3}:[\w:.]{1,15})[ \t]*")
_UNPADDED = re.compile(r"-?\d+:(?:\d:\d+|\d+:\d)[.,]\d+")
_MAGIC = re.compile(r"WEBVTT(?![^\s])")
_NO_SPEECH = re.compile(r"(?:NOTE(?![^\s])|(?:STYLE|REGION)[ \t]*\Z)")
_LANGUAGE = re.compile(r"Language:[ \t]{0,8}([a-z]{2,3}(?:-[A-Za-z]{2,4})?)[ \t]*")
_NOTED_CONFIDENCE = re.compile(
    r"NOTE[ \t]{1,4}Confidence:[ \t]{0,4}([01](?:\.\d{1,20})?|\.\d{1,20})[ \t]*", re.IGNORECASE
)
_NOTED_LANGUAGE = re.compile(r"NOTE[ \t]{1,4}language:[ \t]{0,4}([a-z]{2,3}(?:-[A-Za-z]{2,4})?)[ \t]*", re.IGNORECASE)
_WEBEX_ID = re.compile(r"\d{1,6} \"([^\"]{1,200})\" \(\d{1,20}\)")


@dataclass(frozen=True, kw_only=True, slots=True)
class Cue:
    """One caption as the file has it."""

    id: str = ""
    started_s: float | None = None  # null where the times are missing or cannot be read
    ended_s: float | None = None
    lines: tuple[str, ...]  # as written, tags and all; none is blank
    confidence: float | None = None  # recognition's own, of a note above the cue, as Microsoft Stream writes it
    headed: bool = True  # false: words outside of any cue

    @property
    def speaker(self) -> str:
        """The speaker that a Webex id names (`1 "Anna Lee" (4711)`); empty for any other id."""
        match = _WEBEX_ID.fullmatch(self.id)
        return match[1] if match else ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Captions:
    """A caption file."""

    kind: Kind
    cues: tuple[Cue, ...]  # in the order of the file; each has lines
    unpadded: bool = False  # times such as 0:0:6.90, as Teams writes them
    ignored: int = 0  # blocks that are no speech
    language: str | None = None


@dataclass(kw_only=True, slots=True)
class _Reader:
    """What has been read so far; one line after another."""

    kind: Kind
    unpadded: bool
    cues: list[Cue] = field(default_factory=list)
    ignored: int = 0
    confidence: float | None = None  # that a note gives to the next cue
    language: str | None = None  # that a note gives to the file
    above: list[str] = field(default_factory=list)  # lines of a block before its times
    cue: tuple[str, float | None, float | None] | None = None  # the open cue: id and times
    lines: list[str] = field(default_factory=list)  # of the open cue

    def take(self, line: str) -> None:
        """One line, without its end."""
        if not line.strip():
            self.close()
        elif (times := _times(line, self.kind)) is not None:
            number = self._number_below()
            self._open(number, *times)
        elif self.cue is None:
            self.above.append(line)
        else:
            self.lines.append(line)

    def close(self) -> None:
        """The end of a block, or of the file."""
        if self.cue is not None:
            name, started_s, ended_s = self.cue
            self._add(
                Cue(
                    id=name,
                    started_s=started_s,
                    ended_s=ended_s,
                    lines=tuple(self.lines),
                    confidence=self.confidence,
                )
            )
            self.confidence = None
        elif self.kind == "webvtt" and self.above and _NO_SPEECH.match(self.above[0]):
            self._note(self.above[0])
        elif not (len(self.above) == 1 and self.kind == "srt" and self.above[0].strip().isdecimal()):
            numbered = self.kind == "srt" and self.above and self.above[0].strip().isdecimal()
            self._add(Cue(lines=tuple(self.above[1:] if numbered else self.above), headed=False))
        self.cue, self.lines, self.above = None, [], []

    def _note(self, line: str) -> None:
        """A block that is no speech; what a note says about the next cue or the file is kept."""
        self.ignored += 1
        if (share := _NOTED_CONFIDENCE.fullmatch(line)) is not None:
            self.confidence = float(share[1])
        elif self.language is None and (language := _NOTED_LANGUAGE.fullmatch(line)) is not None:
            self.language = language[1]

    def _open(self, name: str, started: str, ended: str) -> None:
        if self.cue is None and self.above and not name:
            name = self._id_above()
        self.close()
        moments = (clock_s(started, unpadded=self.unpadded), clock_s(ended, unpadded=self.unpadded))
        self.cue = (name, *moments) if None not in moments else (name, None, None)

    def _id_above(self) -> str:
        """The id among the lines above a cue's times, taken from them."""
        last = self.above[-1].strip()
        alone = len(self.above) == 1 and self.kind == "webvtt" and len(last.split()) <= ID_WORDS_MAX
        if self.kind != "sbv" and (alone or last.isdecimal() or _WEBEX_ID.fullmatch(last)):
            self.above.pop()
            return last
        return ""

    def _number_below(self) -> str:
        """The number of the next cue, where no blank line stands before it: taken from the open cue's lines."""
        if self.cue is None or not self.lines or not self.cue[0].isdecimal() or len(self.cue[0]) > 9:
            return ""
        following = str(int(self.cue[0]) + 1)
        return self.lines.pop().strip() if self.lines[-1].strip() == following else ""

    def _add(self, cue: Cue) -> None:
        if cue.lines:
            self.cues.append(cue)


def read_captions(document: Document) -> Captions:
    """The file's cues; TranscriptFault when there are none, or more than CUES_MAX."""
    lines = document.text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    kind = kind_of(document) or "srt"
    unpadded = any(_UNPADDED.search(line[:60]) for line in lines if "-->" in line)
    reader = _Reader(kind=kind, unpadded=unpadded)
    header = list(_header(lines))
    for line in lines[len(header) :]:
        reader.take(line)
        if len(reader.cues) > CUES_MAX:
            raise document.fault(f"has more than {CUES_MAX} captions; split the file")
    reader.close()
    if not reader.cues or all(cue.started_s is None for cue in reader.cues):
        raise document.fault(f"holds no captions (no line such as {_EXAMPLE[kind]}); export it again")
    languages = (match[1] for line in header if (match := _LANGUAGE.fullmatch(line)))
    return Captions(
        kind=kind,
        cues=tuple(reader.cues),
        unpadded=unpadded,
        ignored=reader.ignored,
        language=next(languages, reader.language),
    )


_EXAMPLE: dict[Kind, str] = {
    "webvtt": "00:00:01.000 --> 00:00:02.000",
    "srt": "00:00:01,000 --> 00:00:02,000",
    "sbv": "0:00:01.000,0:00:02.000",
}


def kind_of(document: Document) -> Kind | None:
    """Which kind of captions a file holds by its first line, its suffix, or its first lines; null when none."""
    if document.is_json:
        return None
    if _MAGIC.match(document.text.lstrip("\ufeff \t\r\n")):
        return "webvtt"
    by_suffix: dict[str, Kind] = {".vtt": "webvtt", ".srt": "srt", ".sbv": "sbv"}
    if document.suffix in by_suffix:
        return by_suffix[document.suffix]
    first = [line for line in document.text[:PROBE_CHARS].splitlines() if line.strip()][:4]
    if any(_ARROW.fullmatch(line) for line in first[:3]):
        return "srt"
    return "sbv" if any(_COMMA.fullmatch(line) for line in first[:1]) else None


def _times(line: str, kind: Kind) -> tuple[str, str] | None:
    """The two times of a line that opens a cue, as written; null for any other line."""
    match = (_COMMA if kind == "sbv" else _ARROW).fullmatch(line)
    return (match[1], match[2]) if match else None


def _header(lines: list[str]) -> Iterator[str]:
    """The lines of WebVTT's header: down to the first blank line or cue."""
    opened = False
    for line in lines:
        if opened and (not line.strip() or _times(line, "webvtt") is not None):
            return
        if line.strip() and not opened:
            if not _MAGIC.match(line.lstrip("\ufeff \t")):
                return
            opened = True
        yield line
