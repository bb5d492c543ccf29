"""Intake: a manifest in the inbox becomes an interview's row, or a refusal that says why.

Order of steps, so that a crash between any two loses nothing: prove the manifest's objects, release its rubric, keep a
copy of the manifest beside the transcript, write the row, remove the inbox object. Taking the same manifest in again
changes nothing.
"""

import logging
import time
import traceback
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from itertools import groupby

from sqlalchemy import Connection

from evaluator.errors import (
    ContentError,
    DatabaseUnavailable,
    DebriefError,
    ManifestFault,
    ObjectExists,
    RubricFault,
    StoreForbidden,
    StoreUnavailable,
    TranscriptFault,
    Unavailable,
    UsageFault,
)
from evaluator.layout import (
    INBOX,
    INBOX_REJECTED,
    INTERVIEWS,
    archived_manifest_key,
    manifest_key,
    open_key,
    rejected_manifest_key,
    release_key,
)
from evaluator.manifest import CONSENT_DENIED, MANIFEST_BYTES_MAX, Manifest, parse_manifest, settled
from evaluator.people import COMMAND
from evaluator.ports import ObjectStore, walk
from evaluator.releases import Release, kept_release
from evaluator.storage import audit
from evaluator.storage.database import Database
from evaluator.storage.interviews import deny, reject, release, release_rubric, take_in
from evaluator.storage.locks import lock, still_held, try_lock
from evaluator.storage.runs import supersede
from evaluator.transcript import TRANSCRIPT_BYTES_MAX, parse_transcript
from evaluator.values import Frozen, sha256
from rubrics.model import Rubric

INTAKE_MAX = 200  # inbox objects that one pass handles
INTAKE_S_MAX = 60.0  # what one pass may take, and the object that it is at
OUTAGES_MAX = 3  # objects in a row for which the store is not to be had: then it is the store, not the object
FAULTS_TOLD_MAX = 5  # of objects that stay where they are, per pass
KEPT_BYTES_MAX = 64 * 1024 * 1024  # a refused object that is larger is not kept

log = logging.getLogger(__name__)

FindRubric = Callable[[str], Rubric]  # "id@version" -> rubric; UsageFault when there is none


class IntakeReport(Frozen):
    """What one pass over the inbox, or over the store, did."""

    new: int = 0
    updated: int = 0
    unchanged: int = 0
    rejected: int = 0
    waiting: int = 0  # could not be dealt with now and stay where they are, for a fault that is not theirs
    faults: tuple[str, ...] = ()  # why, the first FAULTS_TOLD_MAX of them

    @property
    def seen(self) -> int:
        """Objects dealt with."""
        return self.new + self.updated + self.unchanged + self.rejected

    def plus(self, outcome: str) -> "IntakeReport":
        """The report with one more of this outcome."""
        return self.model_copy(update={outcome: getattr(self, outcome) + 1})

    def kept_waiting(self, what: str, why: str) -> "IntakeReport":
        """The report with one more that has to wait."""
        faults = (*self.faults, f"{what}: {why}")[:FAULTS_TOLD_MAX]
        return self.model_copy(update={"waiting": self.waiting + 1, "faults": faults})


class _Pass:
    """One pass under the intake lock: what it did so far, and whether the store can be had at all."""

    def __init__(self, turn: Connection) -> None:
        self.report = IntakeReport()
        self._turn = turn  # its transaction holds the lock
        self._outages = 0  # in a row

    def handle(self, what: str, step: Callable[[], tuple[str, ...]]) -> None:
        """Does the step, whose outcomes are counted; a fault of its own keeps no other one from its turn."""
        still_held(self._turn)
        try:
            outcomes = step()
        except DatabaseUnavailable:
            raise
        except DebriefError as error:
            self._outages = self._outages + 1 if isinstance(error, StoreUnavailable) else 0
            if self._outages == OUTAGES_MAX:
                raise
            self._keep_waiting(what, str(error))
        except Exception as error:  # noqa: BLE001  what nobody foresaw in one of them must not stop the others, now and for ever
            place = traceback.extract_tb(error.__traceback__)[-1]
            # Its own text might quote what somebody said.
            self._keep_waiting(what, f"{type(error).__name__} at {place.filename}:{place.lineno}")
        else:
            self._outages = 0
            for outcome in outcomes:
                self.report = self.report.plus(outcome)

    def remove(self, store: ObjectStore, key: str) -> None:
        """Removes an inbox object that was dealt with, unless the lock is gone: it might be the next one by then."""
        still_held(self._turn)
        store.delete(key)

    def _keep_waiting(self, what: str, why: str) -> None:
        log.warning("%s stays where it is: %s", what, why)
        self.report = self.report.kept_waiting(what, why)


def intake(
    database: Database, store: ObjectStore, find_rubric: FindRubric, *, limit: int = INTAKE_MAX, wait: bool = True
) -> IntakeReport:
    """Takes in what waits in the inbox, at most `limit` objects; uses two connections at once.

    What cannot be read, or needs a rubric whose file or folder is faulty, stays in the inbox and is reported.
    Unavailable: the database, or the store as a whole.

    One process at a time: another one that had read an object before it was replaced could undo the replacement, or
    remove it unread. While one is at it, the next waits its turn, or with `wait=False` does nothing.
    """
    with database.begin() as turn:
        if wait:
            lock(turn, "intake")
        elif not try_lock(turn, "intake"):
            return IntakeReport()
        current = _Pass(turn)
        until = time.monotonic() + INTAKE_S_MAX
        for key in _waiting(store, current, limit):
            if time.monotonic() > until:
                break
            current.handle(key, partial(_take_in_object, database, store, find_rubric, key, current))
        return current.report


def _waiting(store: ObjectStore, current: _Pass, limit: int) -> Iterator[str]:
    """Keys of the inbox until `limit` of them were dealt with: those that have to wait are passed over."""
    after = ""
    while (wanted := limit - current.report.seen) > 0:
        keys = store.names(INBOX, after=after, limit=wanted)
        yield from keys
        if len(keys) < wanted:
            return
        after = keys[-1]


def _take_in_object(
    database: Database, store: ObjectStore, find_rubric: FindRubric, key: str, current: _Pass
) -> tuple[str, ...]:
    """One inbox object's outcome; none when it has gone."""
    try:
        data = store.get(key, bytes_max=KEPT_BYTES_MAX)
    except ContentError as error:
        with database.begin() as db:
            reject(db, key=key, kept_as=f"(removed) {key}", reason=f"{error}: too large to be kept")
        current.remove(store, key)
        return ("rejected",)
    if data is None:
        return ()
    try:
        manifest = _named_rightly(key, data)
        if manifest.consent.status in CONSENT_DENIED:
            _archive(store, manifest, data)  # first, so that a rescan knows of it even where the rest is no good
        _prove(database, store, find_rubric, manifest)
    except RubricFault:
        raise  # ours to mend: the manifest is as good as it was
    except UsageFault as fault:
        _refuse(database, store, key, data, str(fault))
        current.remove(store, key)
        return ("rejected",)
    _archive(store, manifest, data)
    with database.begin() as db:
        outcome = _write(db, manifest)
    _no_longer_open(store, manifest)
    current.remove(store, key)
    return (outcome,)


def _no_longer_open(store: ObjectStore, manifest: Manifest) -> None:
    """Removes what says that the interview is going on; no reason to wait where that is not allowed."""
    try:
        store.delete(open_key(manifest.interview_id))
    except StoreForbidden as error:
        log.warning("interview %s stays among the open ones: %s", manifest.interview_id, error)


def _write(db: Connection, manifest: Manifest) -> str:
    """The interview's row; what is under way for an earlier transcript of it is not judged any further."""
    outcome = take_in(db, manifest)
    if outcome == "updated":
        supersede(db, manifest.interview_id)
    return outcome


def _named_rightly(key: str, data: bytes) -> Manifest:
    """The manifest, when it lies under its own interview's name; ManifestFault otherwise."""
    manifest = parse_manifest(data)
    if key != manifest_key(manifest.interview_id):
        raise ManifestFault(f"{key} is the manifest of another interview, {manifest.interview_id}")
    return manifest


def _prove(database: Database, store: ObjectStore, find_rubric: FindRubric, manifest: Manifest) -> None:
    """All that the manifest claims is proven, and its rubric is known; UsageFault otherwise.

    A denial of consent counts even then: whatever is wrong with the rest, nothing may be scored any more.
    """
    try:
        prove_objects(store, manifest)
        _release(database, find_rubric, manifest)
    except (UsageFault, Unavailable):
        if manifest.consent.status in CONSENT_DENIED:
            with database.begin() as db:
                deny(db, manifest)
        raise


def _release(database: Database, find_rubric: FindRubric, manifest: Manifest) -> None:
    """Makes the manifest's rubric known; UsageFault when there is none, or another one of that name was released."""
    rubric = find_rubric(f"{manifest.rubric_id}@{manifest.rubric_version}")
    with database.begin() as db:
        release_rubric(db, rubric)


def prove_objects(store: ObjectStore, manifest: Manifest) -> None:
    """Its objects are its own, and its transcript is there, is the one it names, parses, and has a candidate."""
    where = f"interview {manifest.interview_id}: transcript {manifest.transcript.key}"
    for name, key in (("transcript", manifest.transcript.key), ("recording", manifest.recording.key)):
        if key is not None and not _is_own(key, manifest.interview_id):
            raise ManifestFault(
                f"interview {manifest.interview_id}: {name} {key} lies outside the interview's own folder"
            )
    try:
        data = store.get(manifest.transcript.key, bytes_max=TRANSCRIPT_BYTES_MAX)
    except ContentError as error:
        raise ManifestFault(f"{where}: {error}") from None
    if data is None:
        raise ManifestFault(f"{where} is not in the store")
    if sha256(data) != manifest.transcript.sha256:
        raise ManifestFault(f"{where} is not what the manifest says (sha256 differs)")
    transcript = parse_transcript(data)
    if transcript.digest != manifest.transcript.sha256:
        raise ManifestFault(f"{where} is not spelled canonically, so its digest does not name its content")
    spoke = any(turn.speaker == "candidate" for turn in transcript.turns)
    # One that broke off before the first answer is shown as that, and is not scored.
    if not spoke and manifest.consent.status not in CONSENT_DENIED and manifest.ending != "incomplete":
        raise TranscriptFault(f"{where} has no turn of the candidate")


def _is_own(key: str, interview_id: str) -> bool:
    return key.startswith(f"{INTERVIEWS}{interview_id}/") and ".." not in key.split("/")


def _refuse(database: Database, store: ObjectStore, key: str, data: bytes, reason: str) -> None:
    kept_as = rejected_manifest_key(key, sha256(data))
    _create(store, kept_as, data)
    with database.begin() as db:
        reject(db, key=key, kept_as=kept_as, reason=reason)


def _archive(store: ObjectStore, manifest: Manifest, data: bytes) -> None:
    """Keeps the manifest beside the transcript, once for as long as no other one follows it."""
    digest = sha256(data)
    newest = max(walk(store, f"{INTERVIEWS}{manifest.interview_id}/manifest-"), default="")
    if not newest.endswith(f"-{digest[:16]}.json"):
        _create(store, archived_manifest_key(manifest.interview_id, datetime.now(UTC), digest), data)


def _create(store: ObjectStore, key: str, data: bytes) -> None:
    """The key carries the digest, so an object that is there already is this one."""
    try:
        store.create(key, data)
    except ObjectExists:
        return


def rescan(database: Database, store: ObjectStore, find_rubric: FindRubric) -> IntakeReport:
    """Takes in what the store knows and PostgreSQL does not, as after a restore.

    Each interview becomes what its archived manifests say together: one that is not known is found again, and one
    that is known gets what was taken in since, such as a withdrawal; what a person released is released again. Done
    again it changes nothing.
    """
    with database.begin() as turn:
        lock(turn, "intake")
        current = _Pass(turn)
        for prefix, keys in groupby(_archived(store), key=lambda key: key.rpartition("/")[0]):
            current.handle(prefix, partial(_take_in_again, database, store, find_rubric, tuple(keys)))
        return current.report


def _archived(store: ObjectStore) -> Iterator[str]:
    """Keys of all archived manifests; those of an interview follow each other in the order of time."""
    for key in walk(store, INTERVIEWS):
        _, _, name = key.removeprefix(INTERVIEWS).partition("/")
        if name.startswith("manifest-") and "/" not in name:
            yield key


def _take_in_again(
    database: Database, store: ObjectStore, find_rubric: FindRubric, keys: tuple[str, ...]
) -> tuple[str, ...]:
    """One interview's outcomes: a refusal for each copy that is no good, and what the others came to."""
    manifests: list[Manifest] = []
    refused: list[tuple[str, str]] = []
    for key in keys:
        try:
            manifests.append(_archived_manifest(store, key))
        except (UsageFault, ContentError) as fault:
            refused.append((key, str(fault)))
    outcomes: tuple[str, ...] = ()
    if manifests:
        manifest = settled(manifests)
        released, faulty = _kept_release(store, manifest)
        refused += faulty
        try:
            _prove(database, store, find_rubric, manifest)
        except RubricFault:
            raise
        except UsageFault as fault:
            refused.append((keys[-1], str(fault)))
        else:
            with database.begin() as db:
                outcomes = (_write(db, manifest),)
                if released is not None:
                    _release_again(db, released)
    for key, reason in refused:
        with database.begin() as db:
            reject(db, key=key, kept_as=key, reason=reason)
    return (*("rejected" for _ in refused), *outcomes)


def _kept_release(store: ObjectStore, manifest: Manifest) -> tuple[Release | None, list[tuple[str, str]]]:
    """A person's word that this may be scored although it broke off; one that cannot be read is refused."""
    if manifest.ending != "incomplete":
        return None, []
    try:
        return kept_release(store, manifest.interview_id, manifest.transcript.sha256), []
    except ContentError as fault:
        return None, [(release_key(manifest.interview_id, manifest.transcript.sha256), str(fault))]


def _release_again(db: Connection, kept: Release) -> None:
    """The database forgot it: an older dump was restored. The log then says that it was found again."""
    released = release(db, kept.interview_id)
    if not released.new:
        return
    said = {"reason": kept.reason, "transcript": kept.transcript_sha256, "found": "rescan"}
    audit.log(db, COMMAND, "interview.release", f"interview:{kept.interview_id}", released.requisition, said)


def _archived_manifest(store: ObjectStore, key: str) -> Manifest:
    manifest = parse_manifest(store.get(key, bytes_max=MANIFEST_BYTES_MAX) or b"")
    if not _is_own(key, manifest.interview_id):
        raise ManifestFault(f"{key} is the manifest of another interview, {manifest.interview_id}")
    return manifest


def retry_rejected(store: ObjectStore) -> int:
    """Puts refused manifests back into the inbox, for example once the missing rubric is there; how many.

    Only under the name that they were refused under: what lay under another interview's name stays refused.
    """
    back = 0
    for key in list(walk(store, INBOX_REJECTED)):
        try:
            data = store.get(key, bytes_max=MANIFEST_BYTES_MAX)
            inbox_key = manifest_key(parse_manifest(data or b"").interview_id)
            if data is None or key != rejected_manifest_key(inbox_key, sha256(data)):
                continue
            store.create(inbox_key, data)
            store.delete(key)
        except (UsageFault, ContentError, ObjectExists):
            continue
        except StoreForbidden as error:  # of one object; when it is the store, the next listing says so
            log.warning("%s stays refused: %s", key, error)
            continue
        back += 1
    return back
