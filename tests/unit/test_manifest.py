"""Manifests: what hands an interview over, parsed once and trusted then."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluator.errors import ManifestFault
from evaluator.manifest import (
    MANIFEST_BYTES_MAX,
    Candidate,
    Consent,
    Manifest,
    SectionsBy,
    TranscriptRef,
    parse_manifest,
)

MANIFEST = Manifest(
    interview_id="talk-1",
    candidate=Candidate(ref="C-1", name="Ada Lovelace"),
    requisition="REQ-1",
    rubric_id="backend",
    rubric_version="1.0",
    started_at=datetime(2026, 11, 18, 14, 2, tzinfo=UTC),
    consent=Consent(status="granted"),
    transcript=TranscriptRef(key="interviews/talk-1/transcript-00.json", sha256="0" * 64),
    agent_version="test/1",
)


def changed(**fields) -> bytes:
    """The manifest's JSON with other fields."""
    return json.dumps(json.loads(MANIFEST.to_bytes()) | fields).encode()


def test_manifest_is_read_back_as_written():
    """The canonical JSON is the value."""
    assert parse_manifest(MANIFEST.to_bytes()) == MANIFEST


def test_who_told_the_sections_is_kept():
    """A page can say later that a model has assigned questions to sections."""
    manifest = MANIFEST.model_copy(update={"sections_by": SectionsBy(judge=11, correction=1, model="m@1")})

    assert manifest == parse_manifest(manifest.to_bytes())


def test_a_manifest_without_that_is_spelled_as_before():
    """An interview that was taken in before the field came is still known, byte for byte."""
    assert b"sections_by" not in MANIFEST.to_bytes()


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"interview_id": "../x"}, "interview_id: "),
        ({"consent": {"status": "maybe"}}, "consent.status: "),
        ({"started_at": "2026-11-18T14:02:00"}, "started_at: .*needs a time zone"),
        ({"transcript": {"key": "/etc/passwd", "sha256": "0" * 64}}, "transcript.key: "),
        ({"transcript": {"key": "a", "sha256": "0"}}, "transcript.sha256: "),
        ({"schema_version": 2}, "schema_version: "),
        ({"extra": 1}, "extra: "),
        ({"candidate": None}, "candidate: "),
        ({"sections_by": {"judge": -1}}, "sections_by.judge: "),
        ({"sections_by": {"model": "a\x00"}}, "sections_by.model: "),
    ],
)
def test_bad_field_is_named(fields, says):
    """A manifest that cannot be trusted is refused with the field's name."""
    with pytest.raises(ManifestFault, match=f"^manifest does not parse: {says}"):
        parse_manifest(changed(**fields))


def test_fault_does_not_quote_the_candidate():
    """A name never ends up in a message."""
    with pytest.raises(ManifestFault) as raised:
        parse_manifest(changed(candidate={"ref": "Ada Lovelace", "name": "Ada Lovelace"}))

    assert "Ada" not in str(raised.value)


def test_large_manifest_is_refused():
    """The limit on its size is checked first."""
    with pytest.raises(ManifestFault, match=f"the limit is {MANIFEST_BYTES_MAX}"):
        parse_manifest(bytes(MANIFEST_BYTES_MAX + 1))


@given(data=st.binary(max_size=200))
@settings(max_examples=100, deadline=None)
def test_any_bytes_are_refused_as_a_fault(data):
    """Bytes that are no manifest raise nothing but a ManifestFault."""
    with pytest.raises(ManifestFault):
        parse_manifest(data)
