"""Intake on a real PostgreSQL: an inbox object becomes a row, or a refusal that says why and keeps the object."""

import json
import re
import threading

import pytest

from evaluator.errors import NotFound
from evaluator.intake import KEPT_BYTES_MAX, IntakeReport, intake, rescan, retry_rejected
from evaluator.layout import INBOX_REJECTED, manifest_key
from evaluator.manifest import MANIFEST_BYTES_MAX, Manifest, RecordingRef, TranscriptRef
from evaluator.storage.interviews import known_interviews, rejection_count, rejections
from evaluator.storage.locks import try_lock
from evaluator.storage.reading import interviews
from evaluator.transcript import Transcript
from evaluator.values import sha256
from rubrics.model import Rubric
from tests.factories import a_rubric, a_transcript
from tests.fakes import MemoryStore
from tests.integration.storage.builders import a_manifest, begin, change, claimed, row_of, rows


def find_rubric(ref: str) -> Rubric:
    """Knows the rubric of the factories and no other."""
    if ref == "backend@1":
        return a_rubric()
    raise NotFound(f"rubric {ref} is not known")


@pytest.fixture
def store() -> MemoryStore:
    """An empty store."""
    return MemoryStore()


def hand_over(store: MemoryStore, manifest: Manifest, transcript: Transcript | None = None) -> Manifest:
    """What the live agent leaves: the transcript, and last the manifest in the inbox."""
    store.objects[manifest.transcript.key] = (transcript or a_transcript()).to_bytes()
    store.create(manifest_key(manifest.interview_id), manifest.to_bytes())
    return manifest


def inbox(store: MemoryStore) -> list[str]:
    """What waits."""
    return store.names("inbox/")


def known(database) -> frozenset[str]:
    """The interviews that were taken in."""
    with database.begin() as db:
        return known_interviews(db)


def refusals(database) -> list[dict]:
    """What was refused, newest first."""
    with database.begin() as db:
        return [dict(row) for row in rejections(db)]


def test_manifest_becomes_a_row(database, store):
    """The inbox is emptied; the manifest lies beside the transcript for a later rescan."""
    manifest = hand_over(store, a_manifest())

    assert IntakeReport(new=1) == intake(database, store, find_rubric)

    assert frozenset({"iv-1"}) == known(database)
    assert [] == inbox(store)
    (archived,) = store.names("interviews/iv-1/manifest-")
    assert manifest.to_bytes() == store.objects[archived]


def test_same_manifest_again_changes_nothing(database, store):
    """A hand-over that is repeated is recognised and cleared away."""
    hand_over(store, a_manifest())
    intake(database, store, find_rubric)
    hand_over(store, a_manifest())

    assert IntakeReport(unchanged=1) == intake(database, store, find_rubric)
    assert [] == inbox(store)


def test_newer_manifest_updates_the_row(database, store):
    """A transcript uploaded again is what the next run scores."""
    other = a_transcript({"design": "We split the queue by region first."})
    hand_over(store, a_manifest())
    intake(database, store, find_rubric)
    hand_over(store, a_manifest(transcript=other), other)

    assert IntakeReport(updated=1) == intake(database, store, find_rubric)
    assert [{"d": other.digest}] == rows(database, "SELECT transcript_sha256 AS d FROM interview")


def test_withdrawal_of_consent_arrives_through_the_inbox(database, store):
    """What was waiting to be scored is blocked by the manifest that says so."""
    hand_over(store, a_manifest())
    intake(database, store, find_rubric)
    begin(database)
    hand_over(store, a_manifest(consent="withdrawn"))

    intake(database, store, find_rubric)

    assert "blocked" == row_of(database)["state"]
    assert claimed(database) is None


def test_intake_is_bounded(database, store):
    """One pass handles so many objects; the next one goes on."""
    for n in range(3):
        hand_over(store, a_manifest(f"iv-{n}"))

    assert [2, 1, 0] == [intake(database, store, find_rubric, limit=2).seen for _ in range(3)]


def edited(manifest: Manifest, **fields: object) -> bytes:
    """The manifest's JSON with other fields."""
    return json.dumps(json.loads(manifest.to_bytes()) | fields).encode()


GOOD = a_manifest("bad")
REF = {"key": GOOD.transcript.key, "sha256": GOOD.transcript.sha256}
REFUSED = {
    "not JSON": (b"{", "manifest does not parse"),
    "empty": (b"", "manifest does not parse"),
    "not UTF-8": (GOOD.to_bytes().replace(b"test/1", b"te\xff\xfe/"), "manifest does not parse"),
    "another schema": (edited(GOOD, schema_version=2), "schema_version: "),
    "unknown field": (edited(GOOD, extra=1), "extra: "),
    "hostile id": (edited(GOOD, interview_id="../../etc"), "interview_id: "),
    "another interview's name": (edited(GOOD, interview_id="iv-9"), "is the manifest of another interview, iv-9"),
    "transcript missing": (edited(GOOD, transcript={**REF, "key": "interviews/bad/gone.json"}), "is not in the store"),
    "digest differs": (edited(GOOD, transcript={**REF, "sha256": "0" * 64}), "sha256 differs"),
    "transcript of another": (edited(GOOD, transcript={**REF, "key": "interviews/x/t.json"}), "outside the interview"),
    "transcript by a detour": (
        edited(GOOD, transcript={**REF, "key": "interviews/bad/../x/t.json"}),
        "outside the interview",
    ),
    "recording of another": (
        edited(GOOD, recording={"status": "present", "key": "interviews/x/recording.mp4"}),
        "recording interviews/x/recording.mp4 lies outside the interview",
    ),
    "NUL in a name": (edited(GOOD, candidate={"ref": "C-1", "name": "Ada\x00"}), "candidate.name: "),
    "NUL in a version": (edited(GOOD, rubric_version="1\x00"), "rubric_version: "),
    "NUL in a language": (edited(GOOD, language="e\x00"), "language: "),
    "NUL in the consent's text": (
        edited(GOOD, consent={"status": "granted", "text_version": "\x00"}),
        "consent.text_version: ",
    ),
    "NUL in the agent": (edited(GOOD, agent_version="a\x00"), "agent_version: "),
    "half a character": (
        GOOD.to_bytes().replace(b'"agent_version":"test/1"', b'"agent_version":"\\ud800"'),
        "manifest does not parse",
    ),
    "a time before all times": (edited(GOOD, started_at="0001-01-01T00:00:00+14:00"), "started_at: .*year"),
    "a time after all times": (edited(GOOD, ended_at="9999-12-31T23:59:59-14:00"), "ended_at: .*year"),
    "unknown rubric": (edited(GOOD, rubric_id="juggling"), "rubric juggling@1 is not known"),
    "too large": (edited(GOOD, agent_version="x" * MANIFEST_BYTES_MAX), f"the limit is {MANIFEST_BYTES_MAX}"),
    "a list": (b"[" * 60_000, "manifest does not parse"),
}


@pytest.mark.parametrize(("data", "says"), REFUSED.values(), ids=REFUSED)
def test_bad_manifest_is_refused_and_kept(database, store, data, says):
    """The refusal says why, the object lies in inbox-rejected/, and the next one is taken in."""
    store.objects[GOOD.transcript.key] = a_transcript().to_bytes()
    store.objects["inbox/bad.json"] = data
    hand_over(store, a_manifest("good"))

    assert IntakeReport(new=1, rejected=1) == intake(database, store, find_rubric)

    (refusal,) = refusals(database)
    assert "inbox/bad.json" == refusal["key"]
    assert re.search(says, refusal["reason"])
    assert data == store.objects[refusal["kept_as"]]
    assert refusal["kept_as"].startswith(INBOX_REJECTED)
    assert [] == inbox(store)
    assert frozenset({"good"}) == known(database)


BAD_TRANSCRIPTS = {
    "not JSON": (b"{", "transcript does not parse"),
    "no candidate": (
        a_transcript({"design": None}).to_bytes(),
        "has no turn of the candidate",
    ),
}


@pytest.mark.parametrize(("data", "says"), BAD_TRANSCRIPTS.values(), ids=BAD_TRANSCRIPTS)
def test_bad_transcript_refuses_its_manifest(database, store, data, says):
    """What cannot be scored is told at the door."""
    digest = sha256(data)
    manifest = a_manifest("bad", transcript=None).model_copy(
        update={"transcript": TranscriptRef(key=f"interviews/bad/transcript-{digest[:16]}.json", sha256=digest)}
    )
    store.objects[manifest.transcript.key] = data
    store.objects["inbox/bad.json"] = manifest.to_bytes()

    assert IntakeReport(rejected=1) == intake(database, store, find_rubric)
    assert says in refusals(database)[0]["reason"]


def test_refusal_names_nobody(database, store):
    """A reason holds field names and ids, never a candidate's name."""
    store.objects["inbox/bad.json"] = edited(GOOD, candidate={"ref": "Ada Lovelace", "name": "Ada Lovelace"})

    intake(database, store, find_rubric)

    assert "Ada" not in refusals(database)[0]["reason"]


def test_object_of_no_manifest_s_name_is_refused(database, store):
    """Whatever lies in the inbox is dealt with, in folders too."""
    store.objects["inbox/deep/er/bad.json"] = GOOD.to_bytes()
    store.objects["inbox/readme"] = b"hello"

    assert IntakeReport(rejected=2) == intake(database, store, find_rubric)
    assert [] == inbox(store)


def test_object_too_large_to_keep_is_told_and_removed(database, store):
    """Nobody's memory is filled, and the inbox goes on."""
    store.objects["inbox/bad.json"] = bytes(KEPT_BYTES_MAX + 1)
    hand_over(store, a_manifest("good"))

    assert IntakeReport(new=1, rejected=1) == intake(database, store, find_rubric)
    assert "too large to be kept" in refusals(database)[0]["reason"]
    assert [] == inbox(store)


def test_rubric_that_was_changed_after_its_release_refuses_only_its_own(database, store):
    """A rubric file that was edited in place must not stop the interviews of other rubrics."""
    hand_over(store, a_manifest("iv-1"))
    intake(database, store, find_rubric)
    hand_over(store, a_manifest("iv-2"))
    hand_over(store, a_manifest("iv-3", rubric_version="2"))

    def edited_since(ref: str) -> Rubric:
        return a_rubric({"design": ("depth",)}).model_copy(update={"version": ref.partition("@")[2]})

    assert IntakeReport(new=1, rejected=1) == intake(database, store, edited_since)
    assert "give the changed rubric a new version" in refusals(database)[0]["reason"]
    assert [] == store.names("interviews/iv-2/manifest-")


class FailsAt(MemoryStore):
    """A store that is gone after so many calls, as if the process had died there."""

    def __init__(self, objects: dict[str, bytes], calls: int) -> None:
        super().__init__()
        self.objects = dict(objects)
        self.left = calls

    def _count(self) -> None:
        if self.left == 0:
            raise Crash
        self.left -= 1

    def get(self, key, *, bytes_max=64 * 1024 * 1024):
        """Counted."""
        self._count()
        return super().get(key, bytes_max=bytes_max)

    def create(self, key, data, *, media_type="application/json"):
        """Counted."""
        self._count()
        super().create(key, data, media_type=media_type)

    def names(self, prefix, *, after="", limit=1_000):
        """Counted."""
        self._count()
        return super().names(prefix, after=after, limit=limit)

    def delete(self, key):
        """Counted."""
        self._count()
        super().delete(key)


CALLS = 10  # of the store, for one manifest that is taken in and one that is refused


class Crash(BaseException):
    """The end of the process."""


@pytest.mark.parametrize("calls", range(CALLS))
def test_crash_between_any_two_steps_loses_nothing(database, store, calls):
    """Cut off after any call of the store, the next pass comes to the same end: one row, one refusal, empty inbox."""
    hand_over(store, a_manifest("iv-1"))
    store.objects["inbox/iv-2.json"] = b"{"
    broken = FailsAt(store.objects, calls)

    with pytest.raises(Crash):
        intake(database, broken, find_rubric)
    store.objects = broken.objects
    intake(database, store, find_rubric)

    assert frozenset({"iv-1"}) == known(database)
    assert ["inbox/iv-2.json"] == [refusal["key"] for refusal in refusals(database)]
    assert [] == inbox(store)
    assert b"{" in (store.objects[key] for key in store.names(INBOX_REJECTED))
    assert store.names("interviews/iv-1/manifest-")


def test_crashes_above_cover_every_step(database, store):
    """With that many calls both objects are dealt with, so no step is left in which to crash."""
    hand_over(store, a_manifest("iv-1"))
    store.objects["inbox/iv-2.json"] = b"{"

    assert IntakeReport(new=1, rejected=1) == intake(database, FailsAt(store.objects, CALLS), find_rubric)


def test_crash_of_the_database_after_the_copy_loses_nothing(database, store):
    """The inbox object goes last, so a row that was not written is written by the next pass."""
    hand_over(store, a_manifest())
    change(database, "ALTER TABLE interview ADD CONSTRAINT never CHECK (false)")

    assert 1 == intake(database, store, find_rubric).waiting
    assert 1 == intake(database, store, find_rubric).waiting
    change(database, "ALTER TABLE interview DROP CONSTRAINT never")

    assert IntakeReport(new=1) == intake(database, store, find_rubric)
    assert 1 == len(store.names("interviews/iv-1/manifest-"))


def test_rescan_finds_what_the_database_has_lost(database, store):
    """After an older dump is put back every interview taken in since is found, none twice."""
    for n in range(3):
        hand_over(store, a_manifest(f"iv-{n}"))
    intake(database, store, find_rubric)
    change(database, "DELETE FROM interview WHERE id <> 'iv-0'")
    change(database, "DELETE FROM rubric")

    assert IntakeReport(new=2, unchanged=1) == rescan(database, store, find_rubric)
    assert IntakeReport(unchanged=3) == rescan(database, store, find_rubric)
    assert frozenset({"iv-0", "iv-1", "iv-2"}) == known(database)


def test_rescan_takes_the_last_manifest(database, store):
    """An interview that was changed comes back as it was last."""
    hand_over(store, a_manifest())
    intake(database, store, find_rubric)
    hand_over(store, a_manifest(consent="withdrawn"))
    intake(database, store, find_rubric)
    change(database, "DELETE FROM interview")

    rescan(database, store, find_rubric)

    assert [{"consent": "withdrawn"}] == rows(database, "SELECT consent FROM interview")


RESCANNED = {
    "not JSON": (b"{", "manifest does not parse"),
    "another interview's": (a_manifest("iv-1").to_bytes(), "is the manifest of another interview"),
    "transcript gone": (a_manifest("bad").to_bytes(), "is not in the store"),
    "unknown rubric": (a_manifest("bad", rubric_id="juggling").to_bytes(), "juggling"),
    "too large": (bytes(MANIFEST_BYTES_MAX + 1), "larger"),
}


@pytest.mark.parametrize(("data", "says"), RESCANNED.values(), ids=RESCANNED)
def test_rescan_refuses_what_it_cannot_trust(database, store, data, says):
    """A bad copy is told, changes no other interview, and does not stop the rest."""
    hand_over(store, a_manifest("iv-1", consent="withdrawn"))
    intake(database, store, find_rubric)
    hand_over(store, a_manifest("iv-2"))
    intake(database, store, find_rubric)
    change(database, "DELETE FROM interview WHERE id = 'iv-2'")
    if "juggling" in says:
        store.objects[a_manifest("bad").transcript.key] = a_transcript().to_bytes()
    store.objects["interviews/bad/manifest-20261118T140200.000000-00.json"] = data

    assert IntakeReport(new=1, unchanged=1, rejected=1) == rescan(database, store, find_rubric)
    assert says in refusals(database)[0]["reason"]
    assert [{"consent": "withdrawn"}] == rows(database, "SELECT consent FROM interview WHERE id = 'iv-1'")


def test_refused_manifest_may_be_tried_again(database, store):
    """Once the rubric is there the same object is taken in."""
    hand_over(store, a_manifest())

    def none(ref: str) -> Rubric:
        raise NotFound(f"rubric {ref} is not known")

    intake(database, store, none)

    assert 1 == retry_rejected(store)
    assert IntakeReport(new=1) == intake(database, store, find_rubric)
    assert [] == store.names(INBOX_REJECTED)


def test_hopeless_refusals_stay_where_they_are(database, store):
    """What does not parse, or lay under another interview's name, is not put back."""
    store.objects["inbox/iv-1.json"] = b"{"
    store.objects["inbox/iv-2.json"] = a_manifest("iv-3").to_bytes()
    store.objects["inbox/iv-4.json"] = bytes(MANIFEST_BYTES_MAX + 1)
    intake(database, store, find_rubric)

    assert 0 == retry_rejected(store)
    assert 3 == len(store.names(INBOX_REJECTED))
    assert [] == inbox(store)


def test_retry_leaves_what_waits_alone(database, store):
    """A newer manifest in the inbox is not overwritten; the refused one stays refused."""
    store.objects["inbox/iv-1.json"] = a_manifest("iv-1", rubric_id="juggling").to_bytes()
    intake(database, store, find_rubric)
    hand_over(store, a_manifest("iv-1"))

    assert 0 == retry_rejected(store)
    assert a_manifest("iv-1").to_bytes() == store.objects["inbox/iv-1.json"]


def test_refused_again_is_one_line_with_the_new_reason(database, store):
    """A retry that fails for another reason says the other reason."""
    store.objects["inbox/iv-1.json"] = a_manifest("iv-1").to_bytes()
    intake(database, store, lambda _: a_rubric())
    store.objects[a_manifest().transcript.key] = a_transcript().to_bytes()
    retry_rejected(store)

    def none(ref: str) -> Rubric:
        raise NotFound(f"rubric {ref} is not known")

    intake(database, store, none)

    with database.begin() as db:
        assert 1 == rejection_count(db)
    assert "backend@1 is not known" in refusals(database)[0]["reason"]


def test_two_intakes_at_once_take_each_object_once(database, store):
    """The second waits its turn and finds the rest, or nothing."""
    for n in range(10):
        hand_over(store, a_manifest(f"iv-{n}"))
    reports: list[IntakeReport] = []
    threads = [
        threading.Thread(target=lambda: reports.append(intake(database, store, find_rubric, limit=8))) for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)

    assert [2, 8] == sorted(report.new for report in reports)
    assert 10 == len([key for key in store.objects if "/manifest-" in key])


def test_intake_that_need_not_wait_leaves_it_to_the_other(database, store):
    """While another process is at it, a reconciler does nothing."""
    hand_over(store, a_manifest())
    with database.begin() as other:
        assert try_lock(other, "intake")

        assert IntakeReport() == intake(database, store, find_rubric, wait=False)
    assert IntakeReport(new=1) == intake(database, store, find_rubric, wait=False)


def test_row_can_be_listed_whatever_the_manifest_said(database, store):
    """Every moment that intake accepts can be read back."""
    hand_over(store, a_manifest("old", started_at="1900-01-01T00:00:00+14:00"))
    hand_over(store, a_manifest("far", started_at="2999-12-31T23:59:59-14:00"))
    intake(database, store, find_rubric)

    with database.begin() as db:
        assert {"old", "far"} == {row.id for row in interviews(db)}


def test_own_recording_is_fine(database, store):
    """A recording in the interview's own folder is what the layout says."""
    recording = RecordingRef(status="present", key="interviews/iv-1/recording.m4a", media_type="audio/mp4")
    hand_over(store, a_manifest(recording=recording))

    assert IntakeReport(new=1) == intake(database, store, find_rubric)
