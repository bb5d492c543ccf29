"""A recording as it can be heard now: whether it is there, is the one that was handed over, and what it is."""

import re
from collections import OrderedDict
from dataclasses import dataclass
from hashlib import sha256 as hasher
from threading import Lock
from typing import Literal

from evaluator.errors import ContentError, ObjectMissing, Unavailable
from evaluator.layout import recording_key
from evaluator.manifest import RecordingRef
from evaluator.people import Viewer
from evaluator.ports import ObjectHead, ObjectStore
from evaluator.storage.reading import SpokenInterview
from evaluator.values import sha256

HASHED_BYTES_MAX = 64 * 1024 * 1024  # of a larger one only the size is compared: hashing it would take too long
HASH_PART_BYTES = 8 * 1024 * 1024
REMEMBERED_MAX = 1_000  # versions whose digest was taken by this process

State = Literal[
    "present",
    "none",  # nothing was recorded
    "pending",  # the recorder has not finished
    "failed",  # it never will
    "missing",  # it was there, or should be
    "changed",  # other bytes than were handed over
    "unplayable",  # of no kind that is safe to give a browser, or no recording at all
    "unavailable",  # the store does not answer
]

WORDS: dict[State, str] = {
    "present": "There is a recording.",
    "none": "There is no recording of this interview.",
    "pending": "There is no recording yet: it is still being made ready. Scoring does not wait for it.",
    "failed": "There is no recording: making it failed. The transcript is all there is.",
    "missing": "The recording is not in the store any more: it was deleted, or never arrived.",
    "changed": "The recording is not played: the store holds other bytes than were handed over with the interview.",
    "unplayable": "The recording is not played: what was handed over is no kind of recording that a browser can play.",
    "unavailable": "The recording cannot be reached right now. Nothing is lost; reload to try again.",
}
NOT_YOURS = "There is a recording, which your role does not let you hear."

# Extension -> media types that it may have, the usual one first. Nothing else is ever sent, whatever a manifest says.
MEDIA_TYPES: dict[str, tuple[str, ...]] = {
    "aac": ("audio/aac",),
    "flac": ("audio/flac",),
    "m4a": ("audio/mp4",),
    "mp3": ("audio/mpeg",),
    "mp4": ("video/mp4", "audio/mp4"),
    "oga": ("audio/ogg",),
    "ogg": ("audio/ogg", "video/ogg"),
    "ogv": ("video/ogg",),
    "opus": ("audio/ogg",),
    "wav": ("audio/wav",),
    "weba": ("audio/webm",),
    "webm": ("video/webm", "audio/webm"),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Heard:
    """What can be said of an interview's recording now; the last three only where it is present."""

    interview_id: str
    state: State
    key: str | None = None
    media_type: str | None = None
    head: ObjectHead | None = None

    @property
    def words(self) -> str:
        """The same for people."""
        return WORDS[self.state]

    @property
    def video(self) -> bool:
        """Whether there is something to see."""
        return (self.media_type or "").startswith("video/")

    @property
    def tag(self) -> str:
        """A strong ETag of its bytes."""
        assert self.key is not None and self.head is not None  # noqa: S101  only asked of one that is present
        return f'"{sha256(f"{self.key} {self.head.version}".encode())[:32]}"'

    @property
    def file_name(self) -> str:
        """What it is called when it is kept: nothing of a person is in it."""
        return f"{self.interview_id}.{_extension(self.key or '')}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Player:
    """What a page plays, by the macro of player.html."""

    src: str
    video: bool
    media_type: str
    keep: str | None  # where the file can be downloaded, by those who may


def player_of(heard: Heard, viewer: Viewer, requisition: str) -> Player | None:
    """A player for this viewer; None where there is nothing to play, or nothing for them."""
    if heard.media_type is None or not viewer.may("hear_recording", requisition):
        return None
    src = f"/interviews/{heard.interview_id}/recording"
    keep = f"{src}?download=1" if viewer.may("export", requisition) else None
    return Player(src=src, video=heard.video, media_type=heard.media_type, keep=keep)


def unheard_words(heard: Heard, viewer: Viewer, requisition: str) -> str | None:
    """Why this viewer hears nothing; None: they can hear it."""
    if heard.state != "present":
        return heard.words
    return None if viewer.may("hear_recording", requisition) else NOT_YOURS


class Recordings:
    """Finds recordings in a store. Safe to use from several threads; every call waits for the store."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._hashed: OrderedDict[tuple[str, str], str] = OrderedDict()
        self._lock = Lock()

    def of(self, interview: SpokenInterview) -> Heard:
        """How it stands with an interview's recording; never raises what the store may raise."""
        state, media_type, head = self._looked_up(interview.id, interview.recording)
        here = state == "present"
        return Heard(
            interview_id=interview.id,
            state=state,
            key=interview.recording.key if here else None,
            media_type=media_type if here else None,
            head=head if here else None,
        )

    def _looked_up(self, interview_id: str, ref: RecordingRef) -> tuple[State, str | None, ObjectHead | None]:
        # A recorder writes its object when it has finished, which may be long after the interview was handed over.
        if ref.status in ("none", "failed") or (ref.status == "pending" and ref.key is None):
            return ref.status, None, None
        media_type = media_type_of(interview_id, ref)
        if ref.key is None or media_type is None:
            return "unplayable", None, None
        try:
            head = self._store.head(ref.key)
            return self._state(ref, ref.key, head), media_type, head
        except ObjectMissing:
            return "changed", None, None
        except (Unavailable, ContentError):
            return "unavailable", None, None

    def _state(self, ref: RecordingRef, key: str, head: ObjectHead | None) -> State:
        if head is None:
            return "pending" if ref.status == "pending" else "missing"
        if head.bytes == 0:
            return "unplayable"
        return "present" if self._is_the_one(key, ref, head) else "changed"

    def _is_the_one(self, key: str, ref: RecordingRef, head: ObjectHead) -> bool:
        """Whether these are the bytes that were handed over, as far as the manifest says."""
        if ref.bytes is not None and ref.bytes != head.bytes:
            return False
        if ref.sha256 is None or head.bytes > HASHED_BYTES_MAX:
            return True
        return self._digest(key, head) == ref.sha256

    def _digest(self, key: str, head: ObjectHead) -> str:
        """Taken once for each version that this process meets."""
        with self._lock:
            known = self._hashed.get((key, head.version))
        if known is not None:
            return known
        digest = hasher()
        for start in range(0, head.bytes, HASH_PART_BYTES):
            length = min(HASH_PART_BYTES, head.bytes - start)
            digest.update(self._store.part(key, start=start, length=length, version=head.version))
        with self._lock:
            self._hashed[key, head.version] = digest.hexdigest()
            while len(self._hashed) > REMEMBERED_MAX:
                self._hashed.popitem(last=False)
        return digest.hexdigest()


def media_type_of(interview_id: str, ref: RecordingRef) -> str | None:
    """What its bytes are sent as; None: nothing that is safe to send, or not where recordings lie.

    The interview's folder holds its manifest too, with the candidate's name: only `recording.*` is a recording.
    """
    extension = _extension(ref.key or "")
    known = MEDIA_TYPES.get(extension.lower())
    if known is None or not _is_recording(interview_id, ref.key or ""):
        return None
    return ref.media_type if ref.media_type in known else known[0]


def _is_recording(interview_id: str, key: str) -> bool:
    """`recording.ogg`, and `recording.1795000000.ogg`, which was recorded after a pause."""
    name = key.removeprefix(recording_key(interview_id, "x").removesuffix("x"))
    return name != key and re.fullmatch(r"([0-9A-Za-z]{1,40}\.)?[A-Za-z0-9]{1,8}", name) is not None


def _extension(key: str) -> str:
    return key.rpartition(".")[2]
