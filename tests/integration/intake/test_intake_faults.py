"""Intake under faults: objects that cannot be read, rubrics of ours that are broken, consent out of order."""

from datetime import UTC, datetime, timedelta

import pytest

from evaluator.errors import DatabaseUnavailable, NotFound, RubricFault, StoreForbidden, StoreUnavailable
from evaluator.intake import FAULTS_TOLD_MAX, OUTAGES_MAX, IntakeReport, intake, rescan, retry_rejected
from evaluator.layout import INBOX_REJECTED, manifest_key
from evaluator.manifest import Consent, Manifest
from evaluator.settings import Settings
from evaluator.wiring import Services
from rubrics.faults import Fault
from rubrics.model import Rubric
from tests.factories import a_rubric, a_transcript
from tests.fakes import MemoryStore
from tests.integration.storage.builders import a_manifest, begin, change, row_of, rows

NOON = datetime(2026, 11, 18, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def find_rubric(ref: str) -> Rubric:
    """Knows the rubric of the factories and no other."""
    if ref == "backend@1":
        return a_rubric()
    raise NotFound(f"rubric {ref} is not known")


class FaultyStore(MemoryStore):
    """A store in which some objects cannot be read."""

    def __init__(self) -> None:
        super().__init__()
        self.broken: dict[str, Exception] = {}

    def get(self, key, *, bytes_max=64 * 1024 * 1024):
        """The object, or what is wrong with it."""
        if key in self.broken:
            raise self.broken[key]
        return super().get(key, bytes_max=bytes_max)


@pytest.fixture
def store() -> FaultyStore:
    """An empty store."""
    return FaultyStore()


def hand_over(store: MemoryStore, manifest: Manifest) -> Manifest:
    """What the live agent leaves: the transcript, and last the manifest in the inbox."""
    store.objects[manifest.transcript.key] = a_transcript().to_bytes()
    store.create(manifest_key(manifest.interview_id), manifest.to_bytes())
    return manifest


def saying(status: str, at: datetime | None = None, interview_id: str = "iv-1", **fields) -> Manifest:
    """A manifest whose candidate says this of consent, then."""
    return a_manifest(interview_id, **fields).model_copy(update={"consent": Consent(status=status, at=at)})


def manifest_text(manifest: Manifest) -> str:
    """As a row keeps it."""
    return manifest.to_bytes().decode()


def consents(database) -> dict[str, str]:
    """What holds of each interview."""
    return {row["id"]: row["consent"] for row in rows(database, "SELECT id, consent FROM interview")}


BROKEN = {
    "403": StoreForbidden("403: permission s3:GetObject is missing for inbox/*"),
    "500": StoreUnavailable("500 InternalError"),
    "unforeseen": RuntimeError("Ada said that"),
}


@pytest.mark.parametrize("error", BROKEN.values(), ids=BROKEN)
@pytest.mark.parametrize("part", ["manifest", "transcript"])
def test_object_that_cannot_be_read_stops_no_other(database, store, error, part):
    """It waits in the inbox and is told; once it can be read it is taken in."""
    manifests = [hand_over(store, a_manifest(f"iv-{n}")) for n in range(3)]
    key = manifest_key("iv-1") if part == "manifest" else manifests[1].transcript.key
    store.broken[key] = error

    report = intake(database, store, find_rubric)

    assert (2, 0, 1) == (report.new, report.rejected, report.waiting)
    assert [manifest_key("iv-1")] == store.names("inbox/")
    assert report.faults[0].startswith(f"{manifest_key('iv-1')}: ")
    assert "Ada" not in report.faults[0]
    store.broken.clear()
    assert IntakeReport(new=1) == intake(database, store, find_rubric)


def test_store_that_is_gone_ends_the_pass(database, store):
    """After a few objects in a row it is the store, not the object."""
    for n in range(OUTAGES_MAX + 2):
        hand_over(store, a_manifest(f"iv-{n}"))
        store.broken[manifest_key(f"iv-{n}")] = BROKEN["500"]

    with pytest.raises(StoreUnavailable):
        intake(database, store, find_rubric)


def test_those_that_wait_take_nobody_s_turn(database, store):
    """However many cannot be read, the pass goes on to its number of those that can; not all are told."""
    for n in range(FAULTS_TOLD_MAX + 5):
        hand_over(store, a_manifest(f"a-{n}"))
        store.broken[manifest_key(f"a-{n}")] = BROKEN["403"]
    for n in range(3):
        hand_over(store, a_manifest(f"b-{n}"))

    report = intake(database, store, find_rubric, limit=3)

    assert (3, FAULTS_TOLD_MAX + 5, FAULTS_TOLD_MAX) == (report.new, report.waiting, len(report.faults))


def test_rescan_goes_on_past_what_cannot_be_read(database, store):
    """One copy that gives 403 costs its own interview only, and that one until it can be read."""
    for n in range(3):
        hand_over(store, a_manifest(f"iv-{n}"))
    intake(database, store, find_rubric)
    change(database, "DELETE FROM interview")
    (key,) = store.names("interviews/iv-1/manifest-")
    store.broken[key] = BROKEN["403"]

    report = rescan(database, store, find_rubric)

    assert (2, 0, 1) == (report.new, report.rejected, report.waiting)
    store.broken.clear()
    assert IntakeReport(new=1, unchanged=2) == rescan(database, store, find_rubric)


def test_retry_goes_on_past_what_cannot_be_read(database, store):
    """Another one's 403 keeps no refused manifest from its second try."""
    for name in ("iv-1", "iv-2"):
        hand_over(store, a_manifest(name, rubric_id="juggling"))
    intake(database, store, find_rubric)
    store.broken[store.names(INBOX_REJECTED)[0]] = BROKEN["403"]

    assert 1 == retry_rejected(store)


def test_unreadable_rubric_folder_refuses_nothing(database, store, tmp_path):
    """A fault of our configuration is not the manifests': they wait, and the folder is named."""
    (tmp_path / "store").mkdir()
    missing = tmp_path / "rubrics"
    settings = Settings(home=tmp_path, rubrics=str(missing), store_url=f"file://{tmp_path}/store")
    for n in range(2):
        hand_over(store, a_manifest(f"iv-{n}"))

    report = intake(database, store, Services(settings=settings).find_rubric)

    assert (0, 0, 2) == (report.seen, report.rejected, report.waiting)
    assert str(missing) in report.faults[0]
    assert IntakeReport(new=2) == intake(database, store, find_rubric)


def test_faulty_rubric_file_keeps_only_its_own_waiting(database, store):
    """The interviews of the other rubrics are taken in."""
    hand_over(store, a_manifest("iv-1", rubric_version="2"))
    hand_over(store, a_manifest("iv-2"))

    def broken(ref: str) -> Rubric:
        if ref == "backend@2":
            raise RubricFault((Fault(path="backend@2.yaml", line=1, column=1, message="is faulty"),))
        return find_rubric(ref)

    report = intake(database, store, broken)

    assert (1, 0, 1) == (report.new, report.rejected, report.waiting)


TRUNCATED = a_manifest().to_bytes()[:-40]
HOSTILE = {
    "truncated": ("inbox/iv-1.json", TRUNCATED),
    "empty": ("inbox/iv-1.json", b""),
    "another name's": ("inbox/iv-2.json", a_manifest().to_bytes()),
    "a path": ("inbox/..%2f..%2fiv-1.json", a_manifest().to_bytes()),
    "markup": ("inbox/<script>alert(1)<", a_manifest().to_bytes()),
    "SQL": ("inbox/'; DROP TABLE interview; --.json", a_manifest().to_bytes()),
    "long": (f"inbox/{'x' * 250}", a_manifest().to_bytes()),
    "not ASCII": ("inbox/\u202eiv-1.json", a_manifest().to_bytes()),
    "deep": ("inbox/" + "a/" * 100 + "iv-1.json", a_manifest().to_bytes()),
}


@pytest.mark.parametrize(("key", "data"), HOSTILE.values(), ids=HOSTILE)
def test_hostile_object_is_refused_and_the_next_taken_in(database, store, key, data):
    """Whatever it is called and holds, it is kept under a safe name, told, and out of the inbox."""
    store.objects[key] = data
    hand_over(store, a_manifest("zz"))

    assert IntakeReport(new=1, rejected=1) == intake(database, store, find_rubric)

    assert {"zz": "granted"} == consents(database)
    assert [] == store.names("inbox/")
    (kept,) = store.names(INBOX_REJECTED)
    assert data == store.objects[kept]


def test_consent_withdrawn_is_not_undone_by_silence(database, store):
    """An import that knows nothing of consent changes nothing of it, and nothing is scored."""
    hand_over(store, saying("granted", NOON))
    intake(database, store, find_rubric)
    begin(database)
    for later in (saying("withdrawn", NOON + HOUR), saying("unknown"), saying("granted")):
        hand_over(store, later)
        intake(database, store, find_rubric)

        assert {"iv-1": "withdrawn"} == consents(database)
    assert "blocked" == row_of(database)["state"]


def test_consent_given_again_later_holds(database, store):
    """By its own date, not by its arrival: the grant of before the withdrawal does not undo it."""
    hand_over(store, saying("withdrawn", NOON))
    intake(database, store, find_rubric)
    hand_over(store, saying("granted", NOON - HOUR, agent_version="late/1"))

    assert IntakeReport(updated=1) == intake(database, store, find_rubric)
    assert {"iv-1": "withdrawn"} == consents(database)
    hand_over(store, saying("granted", NOON + HOUR))
    intake(database, store, find_rubric)
    assert {"iv-1": "granted"} == consents(database)


def test_retry_of_an_older_manifest_does_not_undo_a_withdrawal(database, store):
    """What was refused for its rubric and is tried again later is older than the withdrawal that came meanwhile."""
    hand_over(store, saying("granted", NOON, rubric_id="juggling"))
    intake(database, store, find_rubric)
    hand_over(store, saying("withdrawn", NOON + HOUR))
    intake(database, store, find_rubric)

    def knows_both(ref: str) -> Rubric:
        return a_rubric() if ref == "backend@1" else a_rubric().model_copy(update={"id": "juggling"})

    assert 1 == retry_rejected(store)
    intake(database, store, knows_both)
    assert {"iv-1": "withdrawn"} == consents(database)


def test_withdrawal_counts_even_when_the_rest_is_no_good(database, store):
    """The transcript may be gone by then: the manifest is refused, its withdrawal holds, also after a restore."""
    manifest = hand_over(store, saying("granted", NOON))
    intake(database, store, find_rubric)
    begin(database)
    hand_over(store, saying("withdrawn", NOON + HOUR))
    del store.objects[manifest.transcript.key]

    assert IntakeReport(rejected=1) == intake(database, store, find_rubric)

    assert {"iv-1": "withdrawn"} == consents(database)
    assert "blocked" == row_of(database)["state"]
    change(database, "UPDATE interview SET consent = 'granted', manifest = :m", m=manifest_text(manifest))
    rescan(database, store, find_rubric)
    assert {"iv-1": "withdrawn"} == consents(database)


def test_rescan_brings_a_withdrawal_to_a_known_interview(database, store):
    """A dump of before the withdrawal is put back: what was taken in since holds again, and what waited is blocked."""
    manifest = hand_over(store, saying("granted", NOON))
    intake(database, store, find_rubric)
    begin(database)
    hand_over(store, saying("withdrawn", NOON + HOUR))
    hand_over(store, saying("granted", NOON, "iv-2"))
    intake(database, store, find_rubric)
    change(
        database, "UPDATE interview SET consent = 'granted', manifest = :m WHERE id = 'iv-1'", m=manifest_text(manifest)
    )
    change(database, "UPDATE evaluation SET state = 'pending', code = NULL")

    assert IntakeReport(updated=1, unchanged=1) == rescan(database, store, find_rubric)

    assert {"iv-1": "withdrawn", "iv-2": "granted"} == consents(database)
    assert "blocked" == row_of(database)["state"]
    assert IntakeReport(unchanged=2) == rescan(database, store, find_rubric)


def test_rescan_weighs_all_that_was_said_of_consent(database, store):
    """The newest copy is silent about consent; the withdrawal of the one before it holds."""
    for manifest in (saying("granted", NOON), saying("withdrawn", NOON + HOUR), saying("unknown")):
        hand_over(store, manifest)
        intake(database, store, find_rubric)
    change(database, "DELETE FROM interview")

    assert IntakeReport(new=1) == rescan(database, store, find_rubric)
    assert {"iv-1": "withdrawn"} == consents(database)


class LosesTheLock(MemoryStore):
    """A store during whose first archiving PostgreSQL ends the session that holds intake's lock."""

    def __init__(self, database) -> None:
        super().__init__()
        self._database, self._done = database, False

    def create(self, key, data, *, media_type="application/json"):
        """Ends the session once, then writes as ever."""
        if "/manifest-" in key and not self._done:
            self._done = True
            change(
                self._database,
                "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND pid <> pg_backend_pid()"
                " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
            )
        super().create(key, data, media_type=media_type)


def test_inbox_object_is_not_removed_without_the_lock(database):
    """Another process may have dealt with it, and it may be the next one by now; the next pass finds out."""
    store = LosesTheLock(database)
    hand_over(store, a_manifest("iv-1"))
    hand_over(store, a_manifest("iv-2"))

    with pytest.raises(DatabaseUnavailable):
        intake(database, store, find_rubric)

    assert ["inbox/iv-1.json", "inbox/iv-2.json"] == store.names("inbox/")
    assert IntakeReport(new=1, unchanged=1) == intake(database, store, find_rubric)
    assert [] == store.names("inbox/")
