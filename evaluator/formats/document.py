"""A file's bytes as text and, where it is JSON, as a value; or one clear line that says why they are neither."""

import json
import re
from dataclasses import dataclass

from evaluator.errors import TranscriptFault

FILE_BYTES_MAX = 64 * 1024 * 1024
PROBE_BYTES = 8 * 1024  # how much is looked at to tell text from binary
CONTROL_SHARE_MAX = 0.05  # of the probed bytes; text has hardly any
CONTROLS_MAX = 8  # but a short text may have a few
SHOWN_CHARS_MAX = 120  # of a file name or a label in a message

_MAGIC = (
    (b"%PDF", "a PDF"),
    (b"PK\x03\x04", "a ZIP or Office file"),
    (b"\xd0\xcf\x11\xe0", "an old Office file"),
    (b"\x1f\x8b", "a gzip file"),
    (b"OggS", "an Ogg recording"),
    (b"RIFF", "a WAV or AVI recording"),
    (b"ID3", "an MP3 recording"),
    (b"fLaC", "a FLAC recording"),
    (b"\x1aE\xdf\xa3", "a WebM or Matroska recording"),
    (b"\x89PNG", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
)
_WIDE = (b"\xff\xfe", b"\xfe\xff")  # the byte order marks of UTF-16 (and, for the first, UTF-32)
_CONTROL = bytes(set(range(0x20)) - set(b"\t\n\r\f")) + b"\x7f"
_OPENS_JSON = re.compile(r"\s*[{\[]\s*[{\[\"}\]]")
_UNSHOWN = re.compile(r"[^\x20-\x7e\xa1-\u2027\u2030-\ud7ff\ue000-\ufdff]+")


@dataclass(frozen=True, kw_only=True, slots=True)
class Document:
    """One file as it was given: its text, and its JSON value where it is JSON."""

    filename: str  # as given, fit for a message
    text: str
    json: object = None  # the parsed value; null where the file is not JSON
    json_fault: str | None = None  # why a file that should be JSON is not

    @property
    def stem(self) -> str:
        """The file's name without folders and the last suffix."""
        return self._base.rsplit(".", 1)[0] or self._base

    @property
    def suffix(self) -> str:
        """The last suffix in small letters, with its dot; empty when there is none."""
        return "." + self._base.rsplit(".", 1)[1].lower() if "." in self._base else ""

    @property
    def is_json(self) -> bool:
        """Whether the file is JSON, or wants to be."""
        return self.json is not None or self.json_fault is not None

    @property
    def _base(self) -> str:
        return self.filename.replace("\\", "/").rsplit("/", 1)[-1]

    def fault(self, message: str) -> TranscriptFault:
        """A fault of this file, ready to be raised."""
        return TranscriptFault(f"{self.filename}: {message}")


def open_document(data: bytes, filename: str) -> Document:
    """The file's text; TranscriptFault when it is empty, too large, binary or not UTF-8. A JSON fault is kept in it."""
    bare = Document(filename=shown(filename), text="")
    if len(data) > FILE_BYTES_MAX:
        raise bare.fault(f"is {len(data)} bytes; the limit is {FILE_BYTES_MAX}: split the file")
    if not data.strip(b" \t\r\n\f\xef\xbb\xbf"):
        raise bare.fault("is empty; export the transcript again")
    text = _decoded(data, bare)
    value, fault = _json_of(text, wanted=bare.suffix == ".json")
    return Document(filename=bare.filename, text=text, json=value, json_fault=fault)


def shown(text: str) -> str:
    """A name from outside, short and on one line, for a message."""
    clean = _UNSHOWN.sub(" ", text).strip() or "(no name)"
    return clean if len(clean) <= SHOWN_CHARS_MAX else clean[: SHOWN_CHARS_MAX - 1] + "…"


def _decoded(data: bytes, bare: Document) -> str:
    if data.startswith(_WIDE):
        raise bare.fault("is UTF-16, not UTF-8; save it as UTF-8")
    for magic, kind in _MAGIC:
        if data.startswith(magic):
            raise bare.fault(f"is {kind}, not a transcript; export the transcript as text, CSV or JSON")
    probe = data[:PROBE_BYTES]
    if len(probe) - len(probe.translate(None, _CONTROL)) > max(CONTROLS_MAX, CONTROL_SHARE_MAX * len(probe)):
        raise bare.fault("is binary, not a transcript; export the transcript as text, CSV or JSON")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        offset = error.start + (3 if data.startswith(b"\xef\xbb\xbf") else 0)
        raise bare.fault(f"is not UTF-8: byte {data[offset]:#04x} at offset {offset}; save it as UTF-8") from None


def _json_of(text: str, *, wanted: bool) -> tuple[object, str | None]:
    """The JSON value, or why there is none; (None, None) for what does not even look like JSON."""
    if not wanted and not _OPENS_JSON.match(text):
        return None, None
    try:
        value = json.loads(text, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        return None, _in_words(error)
    except RecursionError:
        return None, "it is nested too deeply"
    except ValueError:  # from _refuse_constant, or an integer beyond Python's digit limit
        return None, "it holds NaN, Infinity or a number of thousands of digits"
    return (value, None) if value is not None else (None, "it holds only null")


def _in_words(error: json.JSONDecodeError) -> str:
    if error.msg == "Extra data":
        return f"line {error.lineno} begins another JSON value (JSON lines are not read)"
    cut = error.msg.startswith("Unterminated") or error.pos >= len(error.doc.rstrip()) - 1
    return f"line {error.lineno} column {error.colno}: {error.msg}{' (the file seems to be cut off)' if cut else ''}"


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON number")
