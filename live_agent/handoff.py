"""An interview's way into the object store: what was said as it is said, and the manifest last."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Literal

from pydantic import Field, ValidationError

from evaluator import layout
from evaluator.errors import Conflict, ManifestFault, NotFound, ObjectExists, ObjectMissing, UsageFault
from evaluator.manifest import Candidate, Consent, Manifest, RecordingRef, TranscriptRef
from evaluator.ports import ObjectStore, walk
from evaluator.transcript import Transcript, Turn, first_fault, segmented
from evaluator.values import Frozen, Id, Moment, canonical, sha256
from rubrics.model import Rubric

AGENT_VERSION = "debrief-agent/1"  # of what is said and handed over, not of the package
SOURCE = "debrief-agent"  # the transcript's source
RECORDING_BYTES_MAX = 64 * 1024 * 1024  # larger ones are written by the recorder itself and only referred to
EXTENSIONS = {
    "audio/mp4": "m4a",
    "audio/mpeg": "mp3",
    "audio/ogg": "ogg",
    "audio/wav": "wav",
    "audio/webm": "weba",
    "video/mp4": "mp4",
    "video/webm": "webm",
}


class Opening(Frozen):
    """What stands under `open/`: an interview is going on, whose it is, and what was agreed to."""

    schema_version: Literal[1] = 1
    interview_id: Id
    candidate: Candidate
    requisition: Id
    rubric_id: Id
    rubric_version: Annotated[str, Field(max_length=16)]
    language: Annotated[str, Field(max_length=8)] = "en"
    agent_version: Annotated[str, Field(max_length=64)] = AGENT_VERSION
    consent: Consent
    started_at: Moment

    def to_bytes(self) -> bytes:
        """The canonical JSON."""
        return canonical(self.model_dump(mode="json"))


@dataclass(frozen=True, kw_only=True, slots=True)
class Recording:
    """A recording's own bytes, for interviews whose recorder does not write to the store."""

    data: bytes
    media_type: str  # a key of EXTENSIONS


class Recorder:
    """Writes one interview into the store as it goes; one per interview, used by one thread.

    Every write is create-only, so each method may be called again after a failure or a crash (see `resume`): what is
    there already with the same bytes counts as written; other bytes raise Conflict. Any method may raise what the
    store raises. Needs to create and read under `open/`, `inbox/` and `interviews/{id}/`.
    """

    def __init__(self, store: ObjectStore, opening: Opening, *, turns: tuple[Turn, ...] = ()) -> None:
        """Goes on from an opening that the store holds; `opened` and `resume` are the ways here."""
        self._store = store
        self._opening = opening
        self._turns = list(turns)
        self._withdrawn: Consent | None = None

    @property
    def opening(self) -> Opening:
        """What the store holds under `open/`."""
        return self._opening

    @property
    def turns(self) -> tuple[Turn, ...]:
        """What was said and written so far."""
        return tuple(self._turns)

    @property
    def consent(self) -> Consent:
        """What holds now: a withdrawal outweighs what was agreed to at the start."""
        return self._withdrawn or self._opening.consent

    def said(self, turn: Turn) -> None:
        """Writes the next turn; Conflict without consent, so that nothing said after a refusal is kept."""
        if self.consent.status != "granted":
            raise Conflict(f"interview {self._opening.interview_id}: consent is {self.consent.status}, no turn is kept")
        key = layout.turn_key(self._opening.interview_id, len(self._turns) + 1)
        _create_once(self._store, key, canonical(turn.model_dump(mode="json")))
        self._turns.append(turn)

    def withdrawn(self, at: datetime) -> None:
        """The candidate took the consent back: nothing more is kept, and the manifest will say so."""
        agreed = self._opening.consent
        self._withdrawn = Consent(status="withdrawn", text_version=agreed.text_version, at=at)

    def finish(self, recording: Recording | RecordingRef | None = None) -> Manifest:
        """Writes transcript, recording and, last, the manifest that tells intake of the interview.

        The same turns and recording give the same keys and bytes, however often it runs: the end is the last turn's,
        not the clock's. The object under `open/` stays: removing it is for those who take the interview in.
        """
        opening = self._opening
        transcript = Transcript(language=opening.language, source=SOURCE, turns=segmented(self._turns))
        transcript_key = layout.transcript_key(opening.interview_id, transcript.digest)
        _create_once(self._store, transcript_key, transcript.to_bytes())
        recording = self._kept(recording) if isinstance(recording, Recording) else recording
        manifest = Manifest(
            interview_id=opening.interview_id,
            candidate=opening.candidate,
            requisition=opening.requisition,
            rubric_id=opening.rubric_id,
            rubric_version=opening.rubric_version,
            started_at=opening.started_at,
            ended_at=_ended_at(opening.started_at, self._turns),
            language=opening.language,
            consent=self.consent,
            transcript=TranscriptRef(key=transcript_key, sha256=transcript.digest),
            recording=recording or RecordingRef(status="none"),
            agent_version=opening.agent_version,
        )
        _create_once(self._store, layout.manifest_key(opening.interview_id), manifest.to_bytes())
        return manifest

    def _kept(self, recording: Recording) -> RecordingRef:
        extension = EXTENSIONS.get(recording.media_type)
        if extension is None:
            raise UsageFault(f"recording type {recording.media_type[:40]!r} is unknown: use {', '.join(EXTENSIONS)}")
        if len(recording.data) > RECORDING_BYTES_MAX:
            raise UsageFault(
                f"recording is {len(recording.data)} bytes; above {RECORDING_BYTES_MAX} let the recorder write it "
                "to the store and hand over what it reports"
            )
        key = layout.recording_key(self._opening.interview_id, extension)
        _create_once(self._store, key, recording.data, media_type=recording.media_type)
        return RecordingRef(
            status="present",
            key=key,
            bytes=len(recording.data),
            media_type=recording.media_type,
            sha256=sha256(recording.data),
        )


def opened(
    store: ObjectStore,
    *,
    interview_id: str,
    candidate: Candidate,
    requisition: str,
    rubric: Rubric,
    consent: Consent,
    clock: Callable[[], datetime],
    agent_version: str = AGENT_VERSION,
) -> Recorder:
    """Starts an interview at consent: writes `open/{interview_id}.json` and gives its recorder.

    An interview opened before keeps the times it was opened with, and may be told again from its start word for word
    (`resume` goes on where it was); one that differs in whose it is, by which rubric or in consent raises Conflict.
    ManifestFault when the id is not usable in a key.
    """
    opening = Opening(
        interview_id=layout.checked(interview_id),
        candidate=candidate,
        requisition=layout.checked(requisition),
        rubric_id=rubric.id,
        rubric_version=rubric.version,
        language=rubric.language,
        agent_version=agent_version,
        consent=consent,
        started_at=clock(),
    )
    key = layout.open_key(interview_id)
    try:
        store.create(key, opening.to_bytes())
    except ObjectExists:
        opening = _reopened(store, key, opening)
    return Recorder(store, opening)


def resume(store: ObjectStore, interview_id: str) -> Recorder:
    """The recorder of an interview that a crash cut off, with the turns written so far; NotFound when none is open."""
    opening = _read_opening(store, layout.open_key(interview_id))
    if opening is None:
        raise NotFound(f"interview {interview_id}: none is open; start it with consent")
    return Recorder(store, opening, turns=_read_turns(store, interview_id))


def _reopened(store: ObjectStore, key: str, wanted: Opening) -> Opening:
    winner = _read_opening(store, key)
    if winner is None:
        raise ObjectMissing(f"{key} was there and is gone; is another process closing this interview?")
    if winner.model_copy(update={"started_at": wanted.started_at, "consent": wanted.consent}) != wanted:
        raise Conflict(f"{key} already stands for another interview; choose another id")
    if (winner.consent.status, winner.consent.text_version) != (wanted.consent.status, wanted.consent.text_version):
        raise Conflict(f"{key} already says that consent is {winner.consent.status}; choose another id")
    return winner


def _read_opening(store: ObjectStore, key: str) -> Opening | None:
    data = store.get(key)
    if data is None:
        return None
    try:
        return Opening.model_validate_json(data)
    except ValidationError as error:
        raise ManifestFault(f"{key} does not parse: {first_fault(error)}") from None


def _read_turns(store: ObjectStore, interview_id: str) -> tuple[Turn, ...]:
    prefix = layout.turn_key(interview_id, 1).rpartition("/")[0] + "/"
    turns = []
    for seq, key in enumerate(walk(store, prefix), 1):
        if key != (expected := layout.turn_key(interview_id, seq)):
            raise ObjectMissing(f"{expected} is missing though later turns are there")
        if (data := store.get(key)) is None:
            raise ObjectMissing(f"{key} was listed and is gone")
        try:
            turns.append(Turn.model_validate_json(data))
        except ValidationError as error:
            raise ManifestFault(f"{key} does not parse: {first_fault(error)}") from None
    return tuple(turns)


def _create_once(store: ObjectStore, key: str, data: bytes, *, media_type: str = "application/json") -> None:
    """Creates the object, or finds that the very same is there (a lost answer, a second run); Conflict otherwise."""
    try:
        store.create(key, data, media_type=media_type)
    except ObjectExists:
        if store.get(key) != data:
            raise Conflict(f"{key} already holds something else; it is left as it is") from None


def _ended_at(started_at: datetime, turns: list[Turn]) -> datetime | None:
    ends = [turn.ended_s for turn in turns if turn.ended_s is not None]
    return started_at + timedelta(seconds=max(ends)) if ends else None
