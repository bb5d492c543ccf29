"""Export formats: bytes of a file in, interviews as turns out; pure, one module per family of formats.

A new format is a module with `recognise` and `read`, and a line in FORMATS, in the order in which files are tried.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from evaluator.errors import TranscriptFault
from evaluator.formats import (
    assemblyai,
    aws_transcribe,
    bold_text,
    caption_files,
    deepgram,
    labelled_csv,
    labelled_text,
    livekit,
    rev,
    timed_text,
    whisper,
)
from evaluator.formats.document import FILE_BYTES_MAX, Document, open_document, shown
from evaluator.formats.record import RECORDS_MAX, Format, Record

__all__ = ["AUTO", "FILE_BYTES_MAX", "FORMATS", "RECORDS_MAX", "Detected", "Format", "Record", "detect", "read"]

AUTO = "auto"
FORMATS = (
    Format(
        id=livekit.SESSION,
        title="LiveKit session report (JSON)",
        recognise=livekit.recognise_session,
        read=livekit.read_session,
    ),
    Format(
        id=livekit.HISTORY,
        title="LiveKit chat history (JSON)",
        recognise=livekit.recognise_history,
        read=livekit.read_history,
    ),
    Format(id=deepgram.ID, title="Deepgram (JSON)", recognise=deepgram.recognise, read=deepgram.read),
    Format(id=assemblyai.ID, title="AssemblyAI (JSON)", recognise=assemblyai.recognise, read=assemblyai.read),
    Format(
        id=aws_transcribe.ID,
        title="Amazon Transcribe (JSON)",
        recognise=aws_transcribe.recognise,
        read=aws_transcribe.read,
    ),
    Format(id=whisper.ID, title="Whisper or WhisperX (JSON)", recognise=whisper.recognise, read=whisper.read),
    rev.FORMAT,
    Format(id=whisper.TSV, title="Whisper (TSV)", recognise=whisper.recognise_tsv, read=whisper.read_tsv),
    Format(
        id=labelled_csv.ID,
        title="CSV of speaker-labelled text, one interview a row",
        recognise=labelled_csv.recognise,
        read=labelled_csv.read,
    ),
    *caption_files.FORMATS,
    bold_text.MEET,
    *timed_text.FORMATS,
    bold_text.BOLD,
    Format(
        id=labelled_text.ID, title="speaker-labelled text", recognise=labelled_text.recognise, read=labelled_text.read
    ),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Detected:
    """The format of a file, and what told it."""

    format_id: str
    why: str


def detect(data: bytes, filename: str) -> Detected:
    """The format of a file by its content and suffix; TranscriptFault when it is none that we read."""
    return _detect(open_document(data, filename))


def read(
    data: bytes,
    filename: str,
    *,
    format: str = AUTO,  # noqa: A002  the flag's own name
    candidate_speaker: str | None = None,
) -> tuple[Record, ...]:
    """The interviews of a file, at least one, each with words of the candidate.

    `format` is "auto" or the id of one of FORMATS. `candidate_speaker` is the candidate's label where the format has
    labels and it is not among `speakers.LABELS`. Raises TranscriptFault, one line that names the file, what was
    seen in it and the way out; nothing else, whatever the bytes.
    """
    chosen = None if format == AUTO else _chosen(format)
    document = open_document(data, filename)
    return (chosen or _chosen(_detect(document).format_id)).read(document, candidate_speaker)


def _chosen(format_id: str) -> Format:
    for one in FORMATS:
        if one.id == format_id:
            return one
    known = ", ".join((AUTO, *(one.id for one in FORMATS)))
    raise TranscriptFault(f"format {shown(format_id)!r} is unknown; choose one of {known}")


def _detect(document: Document) -> Detected:
    for one in FORMATS:
        if why := one.recognise(document):
            found = Detected(format_id=one.id, why=why)
            rivals = (found, *_rivals(document, one)) if one.by_looks else (found,)
            if len(rivals) > 1:
                doubt = " or ".join(f"{rival.format_id} ({rival.why})" for rival in rivals)
                raise document.fault(f"may be {doubt}: choose one with --format")
            return found
    raise document.fault(_unknown(document))


def _rivals(document: Document, found: Format) -> Iterator[Detected]:
    """The other formats that fit the lines of a file, where looks are all there is to go by."""
    for one in FORMATS:
        if one.by_looks and one is not found and (why := one.recognise(document)):
            yield Detected(format_id=one.id, why=why)
    if why := labelled_text.labels_roles(document):
        yield Detected(format_id=labelled_text.ID, why=why)


def _unknown(document: Document) -> str:
    titles = "; ".join(one.title for one in FORMATS)
    if document.json_fault:
        return f"broken JSON, {document.json_fault}; export it again"
    if document.is_json:
        keys = list(document.json)[:8] if isinstance(document.json, dict) else []
        seen = f"keys {', '.join(map(shown, keys))}" if keys else f"a {type(document.json).__name__} without keys"
        return f"JSON of an unknown shape ({seen}); read are: {titles}"
    return f"nothing that is read; read are: {titles}"
