"""Caption files of meeting tools and players: Zoom, Teams, and any WebVTT, SRT or SBV that names its speakers."""

import re
from functools import partial

from evaluator.formats.caption_voices import pieces_of
from evaluator.formats.captions import Captions, Cue, Kind, kind_of, read_captions
from evaluator.formats.document import Document
from evaluator.formats.record import Format, Record
from evaluator.formats.speech import Piece, record_of

ZOOM = "zoom"
TEAMS = "teams"
TEAMS_TEXT = "teams-text"
WEBVTT = "webvtt"
SRT = "srt"
SBV = "sbv"

_ZOOM_NAME = re.compile(r"(?:\A|[/\\])GMT\d{8}-\d{6}\w{0,40}|\.(?:transcript|cc)\.vtt\Z")
_TEAMS_ID = re.compile(r"[0-9a-fA-F]{8}-[0-9a-fA-F-]{27}/\d{1,9}-\d{1,9}")
_TEAMS_TEXT = re.compile(r"-?\d{1,3}:\d{1,2}:\d{1,2}\.\d{1,3} --> -?\d{1,3}:\d{1,2}:\d{1,2}\.\d{1,3}[ \t]*")
_TIMES = re.compile(r"^[ \t]{0,8}-?\d[\w:.,]{0,19}[ \t]{0,8}-->", re.MULTILINE)
_TEAMS_PROBE_CHARS = 20_000
_NO_VOICES = {
    ZOOM: (
        "Zoom's closed captions (.cc.vtt) have no names: export the audio transcript (.transcript.vtt), "
        "in which each caption begins with its speaker's name"
    ),
    TEAMS: "export the meeting's transcript as .vtt, in which each caption has its speaker (<v Name>)",
    TEAMS_TEXT: "export the meeting's transcript as .vtt, in which each caption has its speaker (<v Name>)",
    WEBVTT: "export captions with their speakers: voice spans (<v Name>), or Name: before the words of each caption",
    SRT: "export captions with their speakers: Name: before the words of each caption",
    SBV: "export captions with their speakers: Name: before the words of each caption",
}


def _zoom(document: Document) -> str | None:
    if kind_of(document) != "webvtt" or "<v" in document.text:
        return None
    if _ZOOM_NAME.search(document.filename):
        return "WebVTT under a name that Zoom gives"
    return None


def _teams(document: Document) -> str | None:
    if kind_of(document) != "webvtt" or "<v" not in document.text:
        return None
    probe = document.text[:_TEAMS_PROBE_CHARS].splitlines()
    if any(_TEAMS_ID.fullmatch(line.strip()) for line in probe if len(line) < 80):
        return "WebVTT with voice spans and cue ids that Teams gives"
    if any(len(line) < 80 and _unpadded(line) for line in probe):
        return "WebVTT with voice spans and times without leading zeros, as Teams writes them"
    return None


def _teams_text(document: Document) -> str | None:
    if kind_of(document) != "srt" or document.suffix == ".srt":
        return None
    first = [line for line in document.text[:_TEAMS_PROBE_CHARS].splitlines() if line.strip()][:3]
    if len(first) == 3 and _unpadded(first[0]) and not _TIMES.match(first[1]) and not _TIMES.match(first[2]):
        return "times without leading zeros above a speaker's name, as Teams writes them"
    return None


def _unpadded(line: str) -> bool:
    return _TEAMS_TEXT.fullmatch(line) is not None and re.search(r":\d(?=[:.])", line) is not None


def _of_kind(document: Document, *, kind: Kind, title: str) -> str | None:
    if kind_of(document) != kind:
        return None
    if kind == "webvtt" and "<v" in document.text:
        return f"{title} with voice spans"
    headed = kind == "webvtt" and document.text.lstrip("\ufeff \t\r\n").startswith("WEBVTT")
    return f"{title} by its first line" if headed else f"the times of {title}, or its suffix"


def _read(document: Document, candidate_speaker: str | None, *, source: str) -> tuple[Record, ...]:
    captions = read_captions(document)
    pieces = pieces_of(captions, candidate_speaker)
    return (_record(document, captions, pieces, candidate_speaker, source=source),)


def _read_teams_text(document: Document, candidate_speaker: str | None) -> tuple[Record, ...]:
    """Below its times, the first line of each entry is the speaker and the rest the words."""
    captions = read_captions(document)
    names = {cue.lines[0] for cue in captions.cues if cue.headed and len(cue.lines) > 1}
    pieces = [_teams_piece(cue) for cue in captions.cues if cue.lines[0] not in names or len(cue.lines) > 1]
    return (_record(document, captions, pieces, candidate_speaker, source=TEAMS_TEXT),)


def _teams_piece(cue: Cue) -> Piece:
    named = cue.headed and len(cue.lines) > 1
    return Piece(
        label=cue.lines[0] if named else "",
        text=" ".join(cue.lines[1:] if named else cue.lines),
        started_s=cue.started_s,
        ended_s=cue.ended_s,
    )


def _record(
    document: Document, captions: Captions, pieces: list[Piece], candidate_speaker: str | None, *, source: str
) -> Record:
    return record_of(
        document,
        pieces,
        candidate_speaker,
        source=source,
        no_voices=_NO_VOICES[source],
        ignored=captions.ignored,
        language=captions.language,
    )


FORMATS = (
    Format(id=ZOOM, title="Zoom transcript (.transcript.vtt)", recognise=_zoom, read=partial(_read, source=ZOOM)),
    Format(id=TEAMS, title="Teams transcript (.vtt)", recognise=_teams, read=partial(_read, source=TEAMS)),
    Format(
        id=WEBVTT,
        title="WebVTT",
        recognise=partial(_of_kind, kind="webvtt", title="WebVTT"),
        read=partial(_read, source=WEBVTT),
    ),
    Format(id=TEAMS_TEXT, title="Teams transcript (text)", recognise=_teams_text, read=_read_teams_text),
    Format(id=SRT, title="SRT", recognise=partial(_of_kind, kind="srt", title="SRT"), read=partial(_read, source=SRT)),
    Format(id=SBV, title="SBV", recognise=partial(_of_kind, kind="sbv", title="SBV"), read=partial(_read, source=SBV)),
)
