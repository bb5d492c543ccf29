"""`/v1/interviews/{id}/transcript` and `/recording`: facts for machines, nothing of the judge's in them."""

import pytest

from evaluator.manifest import RecordingRef
from tests.integration.web.conftest import a_person
from tests.integration.web.test_recordings import KEY, WAV, a_ref
from tests.integration.web.world import NAME, World


@pytest.fixture
def world(database):
    """One interview with its recording."""
    world = World(database)
    world.store.create(KEY, WAV)
    world.interview(recording=a_ref())
    with world.client:
        yield world


def test_recording_is_told(world):
    """Where it can be heard, and what it is."""
    assert {
        "interview_id": "iv-1",
        "status": "present",
        "words": "There is a recording.",
        "media_type": "audio/wav",
        "bytes": len(WAV),
        "seconds": 734.5,
        "url": "/interviews/iv-1/recording",
        "download_url": "/interviews/iv-1/recording?download=1",
    } == world.client.get("/v1/interviews/iv-1/recording").json()


def test_there_is_no_address_of_what_cannot_be_heard(world):
    """The status says why."""
    world.interview("iv-2", recording=RecordingRef(status="pending"))

    found = world.client.get("/v1/interviews/iv-2/recording").json()

    assert ("pending", None, None) == (found["status"], found["url"], found["download_url"])


def test_reviewer_gets_no_address_to_keep_it(world):
    """They may hear it."""
    client = world.visitor(a_person(world.database, "rev", roles=[("REQ-114", "reviewer")]))

    found = client.get("/v1/interviews/iv-1/recording").json()

    assert ("/interviews/iv-1/recording", None) == (found["url"], found["download_url"])


def test_transcript_is_what_was_said(world):
    """Turns with utterances and times; no name; 304 for a reader who has it."""
    answer = world.client.get("/v1/interviews/iv-1/transcript")
    found = answer.json()
    again = world.client.get("/v1/interviews/iv-1/transcript", headers={"If-None-Match": answer.headers["etag"]})

    transcript = world.transcripts["iv-1"]
    assert [turn.text for turn in transcript.turns] == [turn["text"] for turn in found["turns"]]
    said = [one["id"] for turn in found["turns"] for one in turn["utterances"]]
    assert [utterance.id for utterance in transcript.utterances()] == said
    assert transcript.digest == found["sha256"]
    assert NAME not in answer.text
    assert 304 == again.status_code


def test_lost_words_are_a_problem(world):
    """503: the store may come back."""
    world.store.objects.clear()

    assert 503 == world.client.get("/v1/interviews/iv-1/transcript").status_code
    assert "missing" == world.client.get("/v1/interviews/iv-1/recording").json()["status"]
