"""Intake: a manifest in the inbox becomes an interview's row, or a refusal that says why.

Order of steps, so that a crash between any two loses nothing: prove the manifest's objects, release its rubric, keep a
copy of the manifest beside the transcript, write the row, remove the inbox object. Taking the same manifest in again
changes nothing.
"""

from collections.abc import Callable
from datetime import UTC, datetime

from evaluator.errors import ContentError, ManifestFault, ObjectExists, TranscriptFault, UsageFault
from evaluator.layout import (
    INBOX,
    INBOX_REJECTED,
    INTERVIEWS,
    archived_manifest_key,
    manifest_key,
    rejected_manifest_key,
)
from evaluator.manifest import MANIFEST_BYTES_MAX, Manifest, parse_manifest
from evaluator.ports import ObjectStore, walk
from evaluator.storage.database import Database
from evaluator.storage.interviews import CONSENT_DENIED, known_interviews, reject, release_rubric, take_in
from evaluator.storage.locks import lock, try_lock
from evaluator.transcript import TRANSCRIPT_BYTES_MAX, parse_transcript
from evaluator.values import Frozen, sha256
from rubrics.model import Rubric

INTAKE_MAX = 200  # inbox objects that one step handles
KEPT_BYTES_MAX = 64 * 1024 * 1024  # a refused object that is larger is not kept

FindRubric = Callable[[str], Rubric]  # "id@version" -> rubric; UsageFault when there is none


class IntakeReport(Frozen):
    """What one pass over the inbox did."""

    new: int = 0
    updated: int = 0
    unchanged: int = 0
    rejected: int = 0

    @property
    def seen(self) -> int:
        """Objects handled."""
        return self.new + self.updated + self.unchanged + self.rejected

    def plus(self, outcome: str) -> "IntakeReport":
        """The report with one more of this outcome."""
        return self.model_copy(update={outcome: getattr(self, outcome) + 1})


def intake(
    database: Database, store: ObjectStore, find_rubric: FindRubric, *, limit: int = INTAKE_MAX, wait: bool = True
) -> IntakeReport:
    """Takes in what waits in the inbox, at most `limit` objects; uses two connections at once.

    One process at a time: another one that had read an object before it was replaced could undo the replacement, or
    remove it unread. While one is at it, the next waits its turn, or with `wait=False` does nothing.
    """
    report = IntakeReport()
    with database.begin() as turn:
        if wait:
            lock(turn, "intake")
        elif not try_lock(turn, "intake"):
            return report
        for key in store.names(INBOX, limit=limit):
            outcome = _take_in_object(database, store, find_rubric, key)
            report = report.plus(outcome) if outcome else report
    return report


def _take_in_object(database: Database, store: ObjectStore, find_rubric: FindRubric, key: str) -> str | None:
    """One inbox object; None when it has gone."""
    try:
        data = store.get(key, bytes_max=KEPT_BYTES_MAX)
    except ContentError as error:
        with database.begin() as db:
            reject(db, key=key, kept_as=f"(removed) {key}", reason=f"{error}: too large to be kept")
        store.delete(key)
        return "rejected"
    if data is None:
        return None
    try:
        manifest = _trusted(store, key, data)
        _release(database, find_rubric, manifest)
    except UsageFault as fault:
        _refuse(database, store, key, data, str(fault))
        return "rejected"
    _create(store, archived_manifest_key(manifest.interview_id, datetime.now(UTC), sha256(data)), data)
    with database.begin() as db:
        outcome = take_in(db, manifest)
    store.delete(key)
    return outcome


def _trusted(store: ObjectStore, key: str, data: bytes) -> Manifest:
    """The manifest once all it claims of the store is proven; UsageFault otherwise."""
    manifest = parse_manifest(data)
    if key != manifest_key(manifest.interview_id):
        raise ManifestFault(f"{key} is the manifest of another interview, {manifest.interview_id}")
    prove_objects(store, manifest)
    return manifest


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
    if not spoke and manifest.consent.status not in CONSENT_DENIED:
        raise TranscriptFault(f"{where} has no turn of the candidate")


def _is_own(key: str, interview_id: str) -> bool:
    return key.startswith(f"{INTERVIEWS}{interview_id}/") and ".." not in key.split("/")


def _refuse(database: Database, store: ObjectStore, key: str, data: bytes, reason: str) -> None:
    kept_as = rejected_manifest_key(key, sha256(data))
    _create(store, kept_as, data)
    with database.begin() as db:
        reject(db, key=key, kept_as=kept_as, reason=reason)
    store.delete(key)


def _create(store: ObjectStore, key: str, data: bytes) -> None:
    """The key carries the digest, so an object that is there already is this one."""
    try:
        store.create(key, data)
    except ObjectExists:
        return


def rescan(database: Database, store: ObjectStore, find_rubric: FindRubric) -> IntakeReport:
    """Takes in every interview of the store that PostgreSQL does not know, as after a restore."""
    report = IntakeReport()
    with database.begin() as turn:
        lock(turn, "intake")
        manifests: dict[str, str] = {}
        for key in walk(store, INTERVIEWS):
            interview_id, _, name = key.removeprefix(INTERVIEWS).partition("/")
            if name.startswith("manifest-"):
                manifests[interview_id] = key  # the last one in order of time
        with database.begin() as db:
            known = known_interviews(db)
        for interview_id, key in manifests.items():
            if interview_id not in known:
                report = report.plus(_take_in_again(database, store, find_rubric, key))
    return report


def _take_in_again(database: Database, store: ObjectStore, find_rubric: FindRubric, key: str) -> str:
    try:
        manifest = parse_manifest(store.get(key, bytes_max=MANIFEST_BYTES_MAX) or b"")
        if not _is_own(key, manifest.interview_id):
            raise ManifestFault(f"{key} is the manifest of another interview, {manifest.interview_id}")
        prove_objects(store, manifest)
        _release(database, find_rubric, manifest)
    except (UsageFault, ContentError) as fault:
        with database.begin() as db:
            reject(db, key=key, kept_as=key, reason=str(fault))
        return "rejected"
    with database.begin() as db:
        return take_in(db, manifest)


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
        except (UsageFault, ContentError, ObjectExists):
            continue
        store.delete(key)
        back += 1
    return back
