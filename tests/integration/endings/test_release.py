"""A person releases an interview that broke off: from its page, by the API, and found again after a restore."""

import pytest

from evaluator.errors import StoreUnavailable
from evaluator.intake import rescan
from evaluator.layout import archived_manifest_key, release_key
from evaluator.operating import release_interview
from evaluator.people import COMMAND
from evaluator.releases import kept_release
from tests.factories import AT, a_rubric, a_transcript
from tests.fakes import MemoryStore
from tests.integration.storage.builders import a_manifest, change, rows, stock
from tests.integration.web.conftest import a_person, a_token
from tests.integration.web.world import World, text_of

REASON = "only its closing question is missing"
OFF = {"ending": "incomplete", "sections_reached": 1, "wants_person": True}


@pytest.fixture
def world(database):
    """The pages over one interview that broke off and one that did not."""
    world = World(database)
    world.interview("iv-1", **OFF)
    world.interview("iv-2", ending="finished", sections_reached=1)
    with world.client:
        yield world


def released(world):
    """Interviews that are, by the list of the API."""
    listed = world.client.get("/v1/interviews").json()["items"]
    return {one["id"]: one["released"] for one in listed}


def kept(world, interview_id="iv-1"):
    """What lies beside the interview."""
    return kept_release(world.store, interview_id, world.transcripts[interview_id].digest)


def test_its_page_offers_it_to_whoever_operates(world):
    """And says in words how it ended."""
    page = text_of(world.page("/interviews/iv-1"))
    other = world.page("/interviews/iv-2")

    assert "Release it" in page
    assert "broke off; 1 of 3 sections reached; the candidate asked for a person" in page
    assert "/release" not in other
    assert "came to its closing words; 1 of 3 sections reached" in text_of(other)


def test_nobody_else_is_offered_it(world):
    """A reviewer reads that it broke off."""
    reviewer = world.visitor(a_person(world.database, "rev", roles=[("REQ-114", "reviewer")]))

    page = reviewer.get("/interviews/iv-1").text

    assert "Incomplete: it broke off in section 1 of 3" in text_of(page)
    assert "/release" not in page


def test_it_is_released_from_its_page(world):
    """The word is in the log and beside the interview; the page offers it no more."""
    form = {"csrf": world.client.csrf, "reason": f"  {REASON} "}

    answer = world.client.post("/interviews/iv-1/release", data=form, follow_redirects=False)

    assert (303, "/interviews/iv-1") == (answer.status_code, answer.headers["location"])
    assert {"iv-1": True, "iv-2": False} == released(world)
    assert REASON == kept(world).reason
    page = world.page("/interviews/iv-1")
    assert "/interviews/iv-1/release" not in page
    assert "released by a person" in text_of(page)
    (entry,) = rows(world.database, "SELECT * FROM audit WHERE action = 'interview.release'")
    assert REASON == entry["detail"]["reason"]


@pytest.mark.parametrize(
    ("interview_id", "reason", "status"),
    [("iv-1", "no", 400), ("iv-2", REASON, 409), ("iv-9", REASON, 404), ("iv-1", "x" * 501, 422)],
)
def test_what_makes_no_sense_is_refused_by_the_api(world, interview_id, reason, status):
    """And nothing is kept."""
    token = a_token(world.database, a_person(world.database, admin=True), "operate")
    headers = {"Authorization": f"Bearer {token}"}

    answer = world.client.post(f"/v1/interviews/{interview_id}/release", json={"reason": reason}, headers=headers)

    assert status == answer.status_code
    assert [] == [key for key in world.store.objects if "/release-" in key]


def test_it_is_released_by_the_api(world):
    """With the right to operate alone; the same key again gives the same answer."""
    token = a_token(world.database, a_person(world.database, admin=True), "operate")
    headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": "k1"}

    first, again = (
        world.client.post("/v1/interviews/iv-1/release", json={"reason": REASON}, headers=headers) for _ in range(2)
    )

    digest = world.transcripts["iv-1"].digest
    assert (200, {"id": "iv-1", "transcript_sha256": digest, "new": True}) == (first.status_code, first.json())
    assert first.json() == again.json()
    assert {"iv-1": True, "iv-2": False} == released(world)
    assert 1 == len(rows(world.database, "SELECT id FROM audit WHERE action = 'interview.release'"))


def test_where_the_store_is_away_nothing_is_released(database):
    """It would be lost after a restore."""

    class Away(MemoryStore):
        def create(self, key, data, *, media_type="application/json"):
            raise StoreUnavailable("away")

    stock(database, a_manifest(**OFF))
    with pytest.raises(StoreUnavailable), database.begin() as db:
        release_interview(db, Away(), COMMAND, "iv-1", reason=REASON)

    assert [{"released_sha256": None}] == rows(database, "SELECT released_sha256 FROM interview")
    assert [] == rows(database, "SELECT id FROM audit")


def restored(database, spoil=lambda key, store: None):
    """What a rescan finds after a release that the database has forgotten, twice; the log's entries of releases."""
    store, manifest = MemoryStore(), a_manifest(**OFF)
    stock(database, manifest)
    store.objects[manifest.transcript.key] = a_transcript().to_bytes()
    store.create(archived_manifest_key("iv-1", AT, manifest.transcript.sha256), manifest.to_bytes())
    with database.begin() as db:
        release_interview(db, store, COMMAND, "iv-1", reason=REASON)
    change(database, "UPDATE interview SET released_sha256 = NULL")
    spoil(release_key("iv-1", manifest.transcript.sha256), store)
    reports = [rescan(database, store, lambda _: a_rubric()) for _ in range(2)]
    (row,) = rows(database, "SELECT released_sha256 = transcript_sha256 AS released FROM interview")
    return row["released"], reports, rows(database, "SELECT detail FROM audit WHERE action = 'interview.release'")


def test_a_rescan_finds_it_again(database):
    """And says so in the log, once."""
    found, reports, entries = restored(database)

    assert found
    assert [0, 0] == [report.rejected for report in reports]
    assert [None, "rescan"] == [entry["detail"].get("found") for entry in entries]


def test_one_that_cannot_be_read_is_refused(database):
    """The interview stays blocked, which is the safe side."""
    found, reports, entries = restored(database, lambda key, store: store.objects.update({key: b"{}"}))

    assert not found
    assert [1, 1] == [report.rejected for report in reports]
    assert 1 == len(entries)
