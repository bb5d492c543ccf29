"""An interview's way into the object store: what was said as it is said, and the manifest last."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import reduce
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, Field, ValidationError

from evaluator import layout
from evaluator.errors import (
    Conflict,
    ManifestFault,
    NotFound,
    ObjectExists,
    ObjectMissing,
    StoreUnavailable,
    Unavailable,
    UsageFault,
)
from evaluator.manifest import (
    CONSENT_DENIED,
    Candidate,
    Consent,
    Ending,
    Manifest,
    RecordingRef,
    TranscriptRef,
    consent_after,
)
from evaluator.ports import ObjectStore, walk
from evaluator.transcript import Transcript, Turn, first_fault, segmented
from evaluator.values import Frozen, Id, Moment, canonical, sha256
from rubrics.model import Rubric

AGENT_VERSION = "debrief-agent/1"  # of what is said and handed over, not of the package
SOURCE = "debrief-agent"  # the transcript's source
M = TypeVar("M", bound=BaseModel)

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


class InterviewClosed(Conflict):
    """Raised when an interview is over for the store: it was closed meanwhile, or taken in."""

    code = "interview_closed"


class NotOpened(StoreUnavailable):
    """Raised when the store was away at consent; carries what was to stand under `open/`."""

    def __init__(self, message: str, opening: Opening) -> None:
        super().__init__(message)
        self.opening = opening


class End(Frozen):
    """The entry after the last turn: nothing more is said, and how it ended."""

    ended: Ending
    wants_person: bool = False  # the candidate asked for a person

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

    def __init__(
        self,
        store: ObjectStore,
        opening: Opening,
        *,
        turns: Sequence[Turn] = (),
        statements: Sequence[Consent] = (),
        end: End | None = None,
    ) -> None:
        """Goes on from an opening that the store holds; `opened` and `resume` are the ways here.

        statements: what was said of the consent since. end: the entry that says that it is over.
        """
        self._store = store
        self._opening = opening
        self._turns = list(turns)
        self._statements = list(statements)
        self._end = end

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
        """What holds now: a withdrawal outweighs what was agreed to before it."""
        return reduce(consent_after, self._statements, self._opening.consent)

    @property
    def stated_at(self) -> datetime | None:
        """When something was said of the consent last, since the interview began; None: nothing was."""
        return self._statements[-1].at if self._statements else None

    @property
    def end(self) -> End | None:
        """How it ended, where that was written; None: it may go on."""
        return self._end

    @property
    def newest_at(self) -> datetime:
        """When the last thing was said that is kept, by the times of the opening and the turns."""
        return _ended_at(self._opening.started_at, self._turns) or self._opening.started_at

    def said(self, turn: Turn) -> None:
        """Writes the next turn; Conflict without consent, so that nothing said after a refusal is kept.

        InterviewClosed: somebody has closed the interview; the turn is nowhere.
        """
        if self.consent.status != "granted":
            raise Conflict(f"interview {self._opening.interview_id}: consent is {self.consent.status}, no turn is kept")
        self._enter(canonical(turn.model_dump(mode="json")))
        self._turns.append(turn)

    def withdrawn(self, at: datetime) -> None:
        """The candidate took the consent back: nothing more is kept, and the manifest says so, whoever writes it."""
        if self.consent.status not in CONSENT_DENIED:
            self._stated("withdrawn", at)

    def granted_again(self, at: datetime) -> None:
        """The candidate was asked whether to stop, and said no."""
        if self.consent.status == "withdrawn":
            self._stated("granted", at)

    def _stated(self, status: Literal["withdrawn", "granted"], at: datetime) -> None:
        known = self.consent
        # A clock that was set back must not make a withdrawal older than what it takes back.
        if known.at is not None and at <= known.at:
            at = known.at + timedelta(milliseconds=1)
        said = Consent(status=status, text_version=known.text_version, at=at)
        key = layout.consent_key(self._opening.interview_id, len(self._statements) + 1)
        _create_once(self._store, key, canonical(said.model_dump(mode="json")))
        self._statements.append(said)

    def _enter(self, data: bytes) -> None:
        """Writes the next entry of what was said: whoever comes first has the place, a turn or the end."""
        interview_id = self._opening.interview_id
        if self._end is not None:
            raise InterviewClosed(f"interview {interview_id} is closed ({self._end.ended}); nothing is added to it")
        key = layout.turn_key(interview_id, len(self._turns) + 1)
        try:
            _create_once(self._store, key, data)
        except Conflict:
            self._end = _end_in(self._store.get(key) or b"")
            if self._end is None:
                raise
            closed = (
                f"interview {interview_id} was closed meanwhile ({self._end.ended}); what came after it is not in it"
            )
            raise InterviewClosed(closed) from None

    def finish(
        self,
        recording: Recording | RecordingRef | None = None,
        *,
        ending: Ending | None = None,
        wants_person: bool = False,
    ) -> Manifest:
        """Writes the end, the transcript, the recording and, last, the manifest that tells intake of the interview.

        The same turns, ending and recording give the same keys and bytes, however often it runs: the end is the last
        turn's, not the clock's. The object under `open/` stays: intake removes it.

        ending: how it ended; None leaves it untold. InterviewClosed: somebody has closed it with another ending.
        """
        end = None if ending is None else End(ended=ending, wants_person=wants_person)
        if end is not None and end != self._end:
            self._enter(end.to_bytes())
            self._end = end
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
            ending=ending,
            sections_reached=None if ending is None else len({t.section_id for t in self._turns} - {None}),
            wants_person=wants_person,
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
    (`resume` goes on where it was); one that differs in whose it is, by which rubric or in consent raises Conflict,
    one that was taken in already InterviewClosed. ManifestFault when the id is not usable in a key; NotOpened when the
    store is away.
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
    try:
        return reopen(store, opening)
    except Unavailable as error:
        raise NotOpened(str(error), opening) from error


def reopen(store: ObjectStore, opening: Opening) -> Recorder:
    """As `opened`, with an opening that was made before."""
    if _taken_in(store, opening.interview_id):
        raise InterviewClosed(f"interview {opening.interview_id} was taken in already; choose another id")
    key = layout.open_key(opening.interview_id)
    try:
        store.create(key, opening.to_bytes())
    except ObjectExists:
        opening = _reopened(store, key, opening)
    return Recorder(store, opening)


def resume(store: ObjectStore, interview_id: str) -> Recorder:
    """The recorder of an interview that a crash cut off, with all that was written so far.

    NotFound when none is open; InterviewClosed when it was taken in. One whose end is written and that is not taken in
    yet says so (`end`), and may be finished with that.
    """
    opening = _read_opening(store, layout.open_key(interview_id))
    if opening is None:
        if _taken_in(store, interview_id):
            raise InterviewClosed(f"interview {interview_id} is over and was taken in")
        raise NotFound(f"interview {interview_id}: none is open; start it with consent")
    turns, end = _read_turns(store, interview_id)
    return Recorder(store, opening, turns=turns, statements=_read_statements(store, interview_id), end=end)


@dataclass(frozen=True, kw_only=True, slots=True)
class Resumable:
    """Whether an interview may go on."""

    recorder: Recorder | None  # None: it is over
    newest_at: datetime | None  # when the last thing was said that is kept; None: it is over

    @property
    def open(self) -> bool:
        """Whether it may."""
        return self.recorder is not None


def resumable(store: ObjectStore, interview_id: str) -> Resumable:
    """Whether the interview may go on, with its recorder; NotFound when it never began.

    Whoever goes on may still find it closed a moment later: `said` and `finish` raise InterviewClosed then.
    """
    try:
        recorder = resume(store, interview_id)
    except InterviewClosed:
        return Resumable(recorder=None, newest_at=None)
    if recorder.end is not None or handed_over(store, interview_id):
        return Resumable(recorder=None, newest_at=None)
    return Resumable(recorder=recorder, newest_at=recorder.newest_at)


def handed_over(store: ObjectStore, interview_id: str) -> bool:
    """Whether its manifest waits for intake, or was taken in."""
    return store.head(layout.manifest_key(interview_id)) is not None or _taken_in(store, interview_id)


def _taken_in(store: ObjectStore, interview_id: str) -> bool:
    return bool(store.names(layout.archived_manifests_prefix(interview_id), limit=1))


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


def _read_turns(store: ObjectStore, interview_id: str) -> tuple[list[Turn], End | None]:
    """All that was said, and the end where it is written."""
    turns: list[Turn] = []
    end: End | None = None
    for key, data in _entries(store, lambda seq: layout.turn_key(interview_id, seq)):
        if end is not None:
            raise ManifestFault(f"{key} stands behind the interview's end")
        if (end := _end_in(data)) is None:
            turns.append(_parsed(key, Turn, data))
    return turns, end


def _read_statements(store: ObjectStore, interview_id: str) -> list[Consent]:
    entries = _entries(store, lambda seq: layout.consent_key(interview_id, seq))
    return [_parsed(key, Consent, data) for key, data in entries]


def _entries(store: ObjectStore, key_of: Callable[[int], str]) -> list[tuple[str, bytes]]:
    """Numbered objects in their order; ObjectMissing where one is not there though later ones are."""
    prefix = key_of(1).rpartition("/")[0] + "/"
    found = []
    for seq, key in enumerate(walk(store, prefix), 1):
        if key != (expected := key_of(seq)):
            raise ObjectMissing(f"{expected} is missing though later ones are there")
        if (data := store.get(key)) is None:
            raise ObjectMissing(f"{key} was listed and is gone")
        found.append((key, data))
    return found


def _parsed(key: str, model: type[M], data: bytes) -> M:
    try:
        return model.model_validate_json(data)
    except ValidationError as error:
        raise ManifestFault(f"{key} does not parse: {first_fault(error)}") from None


def _end_in(data: bytes) -> End | None:
    """The end, where that is what these bytes say; a turn never parses as one."""
    try:
        return End.model_validate_json(data)
    except ValidationError:
        return None


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
