"""Who says what in captions: voice spans (`<v Name>`), names before the words (`Name: ...`), and rolling captions.

The rule. In a file with voice spans the spans alone tell who speaks; what stands outside of them is nobody's. In any
other file a name and a colon at the start of a cue's line tell it. In a file that names the speaker of most cues, a cue
without a name is nobody's; in one that names the speaker only where it changes, the name holds until the next. Several
voices in one cue are split, each with the cue's times. Nobody's words stay in the transcript and are never evidence.
Captions that roll (each cue repeats the lines of the one before) are read once.
"""

import html
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import groupby, pairwise

from evaluator.formats.captions import Captions, Cue
from evaluator.formats.speakers import looks_like_name, role_of, same_label
from evaluator.formats.speech import Piece

LABEL_CHARS_MAX = 80
LABEL_WORDS_MAX = 8
SHORT_NAME_WORDS = 2  # more words that do not look like a name, once before a colon, are a part of a sentence
EACH_CUE_SHARE = 0.5  # from this share of named cues on, whatever stands before a line's first colon is a name
NAMED_SHARE_MIN = 0.1  # below it a name and a colon are something that was said
SELDOM_SHARE_MAX = 0.7  # of named cues, in a file that names speakers only where they change
REPEATS_SHARE_MAX = 0.1  # of the names there, that are the same as the one before
ROLLING_SHARE_MIN = 0.3  # of cues that repeat the end of the one before and go on
ROLLING_CUES_MIN = 3

_VOICE = re.compile(r"<v(?:\.[^\s<>]*+)?+(?:\s([^<>]*+))?+>|</v>|<v(?=[\s.])", re.IGNORECASE)
_TAG = re.compile(
    r"</?(?:c|i|b|u|s|v|ruby|rt|lang|font)(?:[.\s][^<>]*+)?+/?>|<\d{1,3}:[\d:.]{2,14}>|\{\\an?\d{1,2}\}", re.IGNORECASE
)
_SUNG = re.compile(r"<\d{1,3}:[\d:.]{2,14}><c")  # YouTube's own captions, which always roll
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z]\w{1,30});")
_NAMED = re.compile(r"\s{0,8}(?:(?:[-–—*•]|>>+)\s{0,4})?([^\s:：][^:：]{0,79}?)\s{0,4}(?::(?=\s|\Z)|：)\s*")
_COLON = re.compile(r":(?=\s|\Z)|：")
_SENTENCE_END = re.compile(r"[.!?…。！？][\"'”’)\]]*\Z")
_BRACKETED = re.compile(r"\s{0,8}[(\[](speaker[ _][\w?]{1,8})[)\]]:?\s*", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """One line of a cue, plain."""

    label: str | None  # of its voice; empty: nobody's; null: the line does not say
    text: str


def pieces_of(captions: Captions, candidate_speaker: str | None) -> list[Piece]:
    """What each voice says, in the order of the file, without the repetitions of rolling captions."""
    spans = _has_spans(captions)
    said = [list(_spans(cue) if spans else _plain(cue)) for cue in captions.cues]
    if not spans:
        said = _named(said, [cue.speaker for cue in captions.cues], candidate_speaker)
    if _rolls(captions.cues, said):
        said = _unrolled(said)
    holds = not spans and _named_at_changes(said)
    pieces: list[Piece] = []
    for cue, lines in zip(captions.cues, said, strict=True):
        pieces += _pieces(cue, lines, pieces[-1].label if holds and pieces else "")
    return pieces


def _has_spans(captions: Captions) -> bool:
    """Whether any cue has a voice span."""
    return any("<v" in line.lower() and _VOICE.search(line) for cue in captions.cues for line in cue.lines)


def plain(text: str) -> str:
    """Caption text without tags, with entities decoded and white space folded. `a < b` stays."""
    return " ".join(_ENTITY.sub(lambda match: html.unescape(match[0]), _TAG.sub("", text)).split())


def name_before(line: str) -> tuple[str, str] | None:
    """A name at the start of a line, and the words behind it; null where the line begins with none."""
    match = _BRACKETED.match(line) or _NAMED.match(line)
    if match is None or len(match[1].split()) > LABEL_WORDS_MAX:
        return None
    name = match[1].strip("[]*_ ")
    return (name, line[match.end() :]) if name else None


def _spans(cue: Cue) -> Iterator[Line]:
    """The lines of a cue's voice spans. A span ends with its cue; what follows a closed one is nobody's."""
    label = ""
    text = "\n".join(cue.lines)
    start = 0
    for match in _VOICE.finditer(text):
        yield from _lines(label, text[start : match.start()])
        label = plain(match[1] or "") if match[0].endswith(">") else ""
        start = match.end() if match[0].endswith(">") else match.start()
    yield from _lines(label, text[start:])


def _plain(cue: Cue) -> Iterator[Line]:
    """The lines of a cue without spans; none of them says yet whose it is."""
    yield from _lines(None, "\n".join(cue.lines))


def _lines(label: str | None, text: str) -> Iterator[Line]:
    for line in _TAG.sub("", text).split("\n"):  # a tag may run over two lines
        if said := plain(line):
            yield Line(label=label, text=said)


def _named(said: list[list[Line]], ids: list[str], candidate_speaker: str | None) -> list[list[Line]]:
    """The same lines with the names before their words taken as labels; ids that name the speaker come first."""
    names = _Names(said, candidate_speaker)
    result = []
    for lines, speaker in zip(said, ids, strict=True):
        if speaker:
            result.append([replace(line, label=speaker) for line in lines])
        else:
            result.append([names.line(line, opens=index == 0) for index, line in enumerate(lines)])
    voices = frozenset(same_label(line.label) for lines in result for line in lines if line.label)
    return [[part for line in lines for part in _apart(line, voices)] for lines in result]


def _apart(line: Line, voices: frozenset[str]) -> Iterator[Line]:
    """A line taken apart where another voice's name and a colon stand in it (`Yes. Bob: Why?`).

    Behind the end of a sentence that voice speaks; within a sentence it may be cited, so the rest is nobody's.
    """
    start, label = 0, line.label
    for colon in _COLON.finditer(line.text):
        name = _name_before(line.text, start, colon.start(), voices)
        if name is None:
            continue
        edge = colon.start() - len(name)
        before = line.text[start:edge].rstrip("-–—> ")
        if before.strip():
            yield Line(label=label, text=before.strip())
        speaks = not before.strip() or _SENTENCE_END.search(before[-4:]) is not None
        start, label = (colon.end(), name) if speaks else (edge, "")
    if (rest := line.text[start:].strip()) or start == 0:
        yield Line(label=label, text=rest)


def _name_before(text: str, start: int, end: int, voices: frozenset[str]) -> str | None:
    """The longest name of a voice that ends where a colon stands; null where none does."""
    words = text[max(start, end - LABEL_CHARS_MAX) : end].split(" ")[-LABEL_WORDS_MAX:]
    names = (" ".join(words[index:]) for index in range(len(words)))
    return next((name for name in names if same_label(name.strip("-–—>")) in voices), None) if voices else None


class _Names:
    """Which of the things that look like names before words are names, in one file."""

    def __init__(self, said: list[list[Line]], candidate_speaker: str | None) -> None:
        self._each_cue = (share := _share(said)) >= EACH_CUE_SHARE
        self._wanted = same_label(candidate_speaker or "")
        found = [(index == 0, name_before(line.text)) for lines in said for index, line in enumerate(lines)]
        self._count = Counter(same_label(name[0]) for _, name in found if name)
        self._opening = {same_label(name[0]) for opens, name in found if name and opens}
        self._regulars = sum(times > 1 for times in self._count.values())
        self._any = share >= NAMED_SHARE_MIN or self._wanted in self._count

    def line(self, line: Line, *, opens: bool) -> Line:
        """The line with its label, where it has one."""
        found = name_before(line.text) if self._any else None
        if found is None:
            return line
        name, words = found
        if self._is_voice(name, opens=opens):
            return Line(label=name, text=words)
        return line if self._is_text(name, opens=opens) else replace(line, label="")

    def _is_text(self, name: str, *, opens: bool) -> bool:
        """Whether what is no voice is surely a part of a sentence; else it may be a name, and is nobody's."""
        if self._count[same_label(name)] > 1 or looks_like_name(name) or (opens and self._each_cue):
            return False
        return len(name.split()) > SHORT_NAME_WORDS or not (opens or self._each_cue)

    def _is_voice(self, name: str, *, opens: bool) -> bool:
        key = same_label(name)
        if key == self._wanted or role_of(name) is not None:
            return True
        again = self._count[key] > 1
        if not self._each_cue:
            return again and looks_like_name(name)
        if opens or key in self._opening:
            return again or looks_like_name(name) or self._regulars < 2
        return again and looks_like_name(name)


def _share(said: list[list[Line]]) -> float:
    cues = [lines for lines in said if lines]
    return sum(name_before(lines[0].text) is not None for lines in cues) / max(1, len(cues))


def _named_at_changes(said: list[list[Line]]) -> bool:
    """Whether names stand only where the speaker changes: many cues have none, and hardly one comes twice running."""
    cues = [lines for lines in said if lines]
    named = [lines for lines in cues if any(line.label for line in lines)]
    labels = [same_label(label) for lines in named for label, _ in groupby(line.label or "" for line in lines) if label]
    repeats = sum(one == other for one, other in pairwise(labels))
    seldom = NAMED_SHARE_MIN * len(cues) <= len(named) <= SELDOM_SHARE_MAX * len(cues)
    return seldom and repeats <= REPEATS_SHARE_MAX * len(labels)


def _pieces(cue: Cue, lines: list[Line], before: str) -> Iterator[Piece]:
    """A cue's pieces, one a voice; lines that do not say whose they are go on where the line above left off."""
    label = before
    labelled: list[tuple[str, str]] = []
    for line in lines:
        label = label if line.label is None else line.label
        labelled.append((label, line.text))
    for voice, group in groupby(labelled, key=lambda pair: pair[0]):
        text = " ".join(words for _, words in group if words)
        yield Piece(label=voice, text=text, started_s=cue.started_s, ended_s=cue.ended_s, confidence=cue.confidence)


def _rolls(cues: Iterable[Cue], said: list[list[Line]]) -> bool:
    if any(_SUNG.search(line) for cue in cues for line in cue.lines):
        return True
    goes_on = sum(0 < _overlap(one, other) < len(other) for one, other in pairwise(said))
    return goes_on >= max(ROLLING_CUES_MIN, ROLLING_SHARE_MIN * len(said))


def _overlap(one: list[Line], other: list[Line]) -> int:
    """How many lines at the end of a cue are the lines that the next one begins with."""
    for size in range(min(len(one), len(other), 4), 0, -1):
        if all(_same(*pair) for pair in zip(one[-size:], other[:size], strict=True)):
            return size
    return 0


def _same(one: Line, other: Line) -> bool:
    """Whether a line may be the other one repeated."""
    return one.text == other.text and (other.label is None or one.label == other.label)


def _unrolled(said: list[list[Line]]) -> list[list[Line]]:
    """Each line once; a new line under repeated ones belongs to whom they belong to, if it does not say."""
    result: list[list[Line]] = []
    before: list[Line] = []
    for lines in said:
        repeated = _overlap(before, lines)
        carried = before[-1].label if repeated else None
        known = [*(before[-repeated:] if repeated else []), *lines[repeated:]]
        fresh = known[repeated:]
        if fresh and fresh[0].label is None:
            fresh = [replace(fresh[0], label=carried), *fresh[1:]]
        result.append(fresh)
        before = [*known[:repeated], *fresh] or before
    return result
