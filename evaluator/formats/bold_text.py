"""Text with names before paragraphs: the Markdown form (`**Anna Lee:** ...`) and Google Meet's transcripts.

In Markdown every bold label at the start of a line (and the same name where it is not bold) opens a turn, and
paragraphs without one go on with it, down to the next heading, below which they are nobody's; labels before nothing but
a time are left out. In Google Meet's transcripts, as Markdown or plain text, every paragraph (down to a blank line) has
its speaker, so one without is nobody's; what Meet says about itself (title, attendees, the note on errors, time
headings, the end) is left out.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from evaluator.formats.document import Document, shown
from evaluator.formats.record import Format, Record
from evaluator.formats.speakers import looks_like_name, role_of, same_label
from evaluator.formats.speech import Piece, record_of

MARKDOWN = "markdown"
GOOGLE_MEET = "google-meet"
LABELS_MIN = 2
NAME_WORDS_MAX = 8
PROBE_CHARS = 5_000
LINE_CHARS_MAX = 400  # a longer line is speech

_BOLD = re.compile(
    r"(?:[-*>][ \t]{1,4})?(?:\*\*|__)[ \t]{0,4}([^*_\s:][^*\n:]{0,79}?)[ \t]{0,4}"
    r"(?::[ \t]{0,4}(?:\*\*|__)|(?:\*\*|__)[ \t]{0,4}:)"
)
_PLAIN = re.compile(r"([^\s:#*][^\n:]{0,79}?)[ \t]{0,4}:[ \t]+(?=\S)")
_MEET_NOTE = re.compile(r"This editable transcript was computer generated", re.IGNORECASE)
_MEET_TITLE = re.compile(r"(?:#{1,6}[ \t]{1,4})?.{0,200}- Transcript\**[ \t]*")
_MEET_ITSELF = re.compile(
    r"[#*\s]{0,12}(?:This editable transcript was computer generated.{0,120}|Meeting ended after .{1,40}"
    r"|Attendees|Transcript|📖 ?Transcript|\d{1,2}:\d{2}(?::\d{2})?)[*\s]{0,12}"
)
_HEADING = re.compile(r"[ \t]{0,3}(?:#{1,6}[ \t].*|(?:[-*_][ \t]*){3,})")
_MARK = re.compile(r"\s*\\?\[[\d:.]{3,16}\\?\]\s*")  # `**Break:** [48:33]`: a place in the recording, no speech


@dataclass(frozen=True, kw_only=True, slots=True)
class Paragraph:
    """A line of the text, with the label that opens it."""

    label: str | None  # null: none
    text: str


def _recognise_markdown(document: Document) -> str | None:
    if document.is_json:
        return None
    labels = Counter(label for line in _lines(document.text) if (label := _labelled(line, _BOLD)[0]))
    if sum(labels.values()) < LABELS_MIN:
        return None
    return f"bold labels before paragraphs, such as {shown(next(iter(labels)))}"


def _recognise_meet(document: Document) -> str | None:
    if document.is_json:
        return None
    probe = document.text[:PROBE_CHARS]
    if _MEET_NOTE.search(probe):
        return "the note that Google Meet puts above its transcripts"
    lines = [line.strip() for line in _lines(probe)]
    titled = any(_MEET_TITLE.fullmatch(line) for line in lines[:8])
    attended = any(line.strip("#* ") == "Attendees" for line in lines)
    return "a title and attendees as Google Meet writes them" if titled and attended else None


def _read_markdown(document: Document, candidate_speaker: str | None) -> tuple[Record, ...]:
    names = _bold_names(_lines(document.text))
    lines = [part for line in _lines(document.text) for part in _apart(line, names)]
    paragraphs = [_paragraph(line, names) for line in lines]
    spoken = [one for one in paragraphs if not (one.label and _MARK.fullmatch(one.text))]
    pieces = _pieces(spoken, _seldom(spoken, candidate_speaker))
    ignored = len(paragraphs) - len(spoken)
    return (_record(document, pieces, candidate_speaker, source=MARKDOWN, ignored=ignored),)


def _read_meet(document: Document, candidate_speaker: str | None) -> tuple[Record, ...]:
    names = _bold_names(_lines(document.text))
    lines = [part for line in _lines(document.text) for part in _apart(line, names)]
    named = _by_bold_names(names) if len(names) >= LABELS_MIN else _by_plain_names
    start = next((n + 1 for n, line in enumerate(lines) if _MEET_NOTE.search(line[:LINE_CHARS_MAX])), 0)
    pieces: list[Piece] = []
    label, ignored, attendees = "", 0, False
    for number, line in enumerate(lines):
        if not line.strip():
            label = ""  # a speaker's paragraph ends here
        elif _is_meets_own(line, heads=number < start) or (attendees and ": " not in line):
            ignored += 1
            attendees = line.strip("#* \t") == "Attendees"
        else:
            found, text = named(line)
            label = found if found is not None and number >= start else label
            pieces.append(Piece(label=label, text=text if number >= start else line))
    return (_record(document, pieces, candidate_speaker, source=GOOGLE_MEET, ignored=ignored),)


def _is_meets_own(line: str, *, heads: bool) -> bool:
    """Whether Meet wrote the line itself; `heads`: it stands above the transcript."""
    short = len(line) < LINE_CHARS_MAX
    return short and bool(_MEET_ITSELF.fullmatch(line) or (heads and _MEET_TITLE.fullmatch(line)))


def _by_bold_names(names: frozenset[str]) -> Callable[[str], tuple[str | None, str]]:
    """Reads a line of a transcript with bold names. A plain one is a voice if it is bold elsewhere, else nobody's."""

    def named(line: str) -> tuple[str | None, str]:
        found, text = _labelled(line, _BOLD)
        if found is None and (plain := _labelled(line, _PLAIN))[0] is not None:
            if same_label(plain[0]) in names:
                return plain
            return ("", line) if looks_like_name(plain[0]) else (None, line)
        return found, text

    return named


def _by_plain_names(line: str) -> tuple[str | None, str]:
    """Reads a line of a transcript as plain text."""
    return _labelled(line, _PLAIN)


def _record(
    document: Document, pieces: list[Piece], candidate_speaker: str | None, *, source: str, ignored: int
) -> Record:
    return record_of(
        document,
        pieces,
        candidate_speaker,
        source=source,
        no_voices="no paragraph begins with a name such as **Candidate:**; export it with speaker names",
        ignored=ignored,
    )


def _pieces(paragraphs: list[Paragraph], seldom: frozenset[str]) -> list[Piece]:
    """One piece a label, with the paragraphs below it."""
    pieces: list[Piece] = []
    label, parts = "", list[str]()
    for paragraph in paragraphs:
        if paragraph.label is not None:
            pieces.append(Piece(label=label, text="\n".join(parts)))
            unsure = paragraph.label != "" and same_label(paragraph.label) in seldom
            label, parts = ("", [f"{paragraph.label}:"]) if unsure else (paragraph.label, [])
        parts.append(paragraph.text)
    return [*pieces, Piece(label=label, text="\n".join(parts))]


def _seldom(paragraphs: list[Paragraph], candidate_speaker: str | None) -> frozenset[str]:
    """Labels that occur once where others come back (a bold `Result:` in an answer): nobody's, to be sure."""
    labels = [same_label(paragraph.label) for paragraph in paragraphs if paragraph.label]
    count = Counter(labels)
    if sum(times > 1 for times in count.values()) < 2:
        return frozenset()
    kept = {labels[0], same_label(candidate_speaker or "")}
    return frozenset(
        label for label, times in count.items() if times == 1 and label not in kept and role_of(label) is None
    )


def _apart(line: str, names: frozenset[str]) -> Iterator[str]:
    """A line taken apart where the bold name of a voice stands in it."""
    start = 0
    for match in _BOLD.finditer(line):
        if match.start() > start and same_label(match[1]) in names:
            yield line[start : match.start()]
            start = match.start()
    yield line[start:]


def _bold_names(lines: Iterable[str]) -> frozenset[str]:
    return frozenset(same_label(label) for line in lines if (label := _labelled(line, _BOLD)[0]))


def _paragraph(line: str, names: frozenset[str]) -> Paragraph:
    """A line with the name that opens it: a bold one, or a plain one that is bold elsewhere."""
    if _HEADING.fullmatch(line):
        return Paragraph(label="", text=line.strip())
    label, text = _labelled(line, _BOLD)
    if label is None and (plain := _labelled(line, _PLAIN))[0] is not None and same_label(plain[0]) in names:
        label, text = plain
    return Paragraph(label=label, text=text)


def _labelled(line: str, shape: re.Pattern[str]) -> tuple[str | None, str]:
    """The label that opens a line and the words behind it."""
    match = shape.match(line.lstrip(" \t") if len(line) - len(line.lstrip(" \t")) < 4 else line)
    if match is None or len(match[1].split()) > NAME_WORDS_MAX:
        return None, line
    return " ".join(match[1].split()), line.lstrip(" \t")[match.end() :].strip()


def _lines(text: str) -> Iterator[str]:
    yield from text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


MEET = Format(
    id=GOOGLE_MEET, title="Google Meet transcript (text or Markdown)", recognise=_recognise_meet, read=_read_meet
)
BOLD = Format(
    id=MARKDOWN, title="Markdown with bold names", recognise=_recognise_markdown, read=_read_markdown, by_looks=True
)
