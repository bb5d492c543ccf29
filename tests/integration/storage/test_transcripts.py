"""Where an interview's transcript lies, on a real PostgreSQL."""

import pytest

from evaluator.errors import NotFound
from evaluator.storage.interviews import take_in
from evaluator.storage.transcripts import transcript_of
from tests.factories import SAID, a_transcript
from tests.integration.storage.builders import a_manifest, stock


def test_the_newest_transcript_is_found(database):
    """By its key and digest; one that was uploaded again takes the place of the first."""
    revised = a_transcript({**SAID, "design": "On reflection we had two shards."})
    stock(database, a_manifest())
    with database.begin() as db:
        first = transcript_of(db, "iv-1")
        take_in(db, a_manifest(transcript=revised))
        second = transcript_of(db, "iv-1")

    assert (a_transcript().digest, revised.digest) == (first.sha256, second.sha256)
    assert first.key != second.key


def test_an_unknown_interview_is_not_found(database):
    """By name."""
    with database.begin() as db, pytest.raises(NotFound, match="interview iv-9 is not known here"):
        transcript_of(db, "iv-9")
