"""The recording of a room: what is asked for, and reports that come early, late, twice or from strangers."""

import base64
import hashlib
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from livekit import api

from evaluator.errors import UsageFault
from evaluator.layout import archived_manifest_key, manifest_key
from evaluator.manifest import Candidate, Consent, Manifest, RecordingRef, TranscriptRef, parse_manifest
from live_agent.egress import keep, received, recording_of, report_of, request, room_of, tell_all
from tests.fakes import MemoryStore

KEY = "interviews/iv-1/recording.ogg"
AT = 1_795_000_000 * 10**9
RECEIVER = api.WebhookReceiver(api.TokenVerifier(api_key="key", api_secret="s" * 32))
MANIFEST = Manifest(
    interview_id="iv-1",
    candidate=Candidate(ref="C-1"),
    requisition="REQ-1",
    rubric_id="backend-eng",
    rubric_version="1",
    consent=Consent(status="granted"),
    transcript=TranscriptRef(key="interviews/iv-1/transcript.json", sha256="0" * 64),
    recording=RecordingRef(status="pending"),
    agent_version="test",
)
PRESENT = RecordingRef(status="present", key=KEY, bytes=1_000, media_type="audio/ogg")


def an_egress(status="EGRESS_COMPLETE", *, filename=KEY, size=1_000, egress_id="EG_1", room="interview-iv-1", at=AT):
    """The egress's own account."""
    files = [{"filename": filename, "size": size, "duration": 60 * 10**9}] if size else []
    values = {"egress_id": egress_id, "room_name": room, "status": status, "updated_at": at, "file_results": files}
    return api.EgressInfo(
        **{**values, "status": api.EgressStatus.Value(status), "file_results": [_file(**f) for f in files]}
    )


def _file(**values):
    kind = api.EgressInfo.DESCRIPTOR.fields_by_name["file_results"].message_type._concrete_class
    return kind(**values)


def a_report(status="EGRESS_COMPLETE", **values):
    """The same as a report."""
    return report_of("iv-1", an_egress(status, **values))


def signed(event, *, secret="s" * 32, room="interview-iv-1", body=None):
    """A webhook's body and header, as LiveKit sends them."""
    told = body or json.dumps(
        {
            "event": event,
            "egressInfo": {
                "egressId": "EG_1",
                "roomName": room,
                "status": "EGRESS_COMPLETE",
                "updatedAt": str(AT),
                "fileResults": [{"filename": KEY, "size": "1000", "duration": "60000000000"}],
            },
        }
    )
    digest = base64.b64encode(hashlib.sha256(told.encode()).digest()).decode()
    return told.encode(), api.AccessToken("key", secret).with_sha256(digest).to_jwt()


def taken_in(store, manifest=MANIFEST, *, minute=0):
    """What intake leaves of a manifest."""
    at = datetime(2026, 11, 18, 15, minute, tzinfo=UTC)
    store.create(archived_manifest_key("iv-1", at, f"{minute:016d}"), manifest.to_bytes())


def test_the_recording_is_written_to_the_interviews_place():
    """Under the store's own prefix, without a key of ours, and without pictures."""
    asked = request("iv-1", "s3://bucket/debrief?endpoint=http://127.0.0.1:9000")

    file = asked.file_outputs[0]
    assert (room_of("iv-1"), True) == (asked.room_name, asked.audio_only)
    assert (f"debrief/{KEY}", "bucket") == (file.filepath, file.s3.bucket)
    assert ("", "") == (file.s3.access_key, file.s3.secret)


def test_a_folder_is_no_store_for_a_room():
    """The egress service is another machine."""
    with pytest.raises(UsageFault, match="s3://bucket"):
        request("iv-1", "file:///var/debrief")


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("EGRESS_STARTING", "pending"),
        ("EGRESS_ACTIVE", "pending"),
        ("EGRESS_ENDING", "pending"),
        ("EGRESS_COMPLETE", "present"),
        ("EGRESS_LIMIT_REACHED", "present"),
        ("EGRESS_FAILED", "failed"),
        ("EGRESS_ABORTED", "failed"),
    ],
)
def test_every_state_of_an_egress_means_something(status, expected):
    """For the manifest."""
    assert expected == a_report(status).recording.status


def test_a_complete_egress_without_a_file_has_failed():
    """A manifest must not point to nothing."""
    assert "failed" == a_report(size=0).status


def test_a_file_elsewhere_is_refused():
    """The manifest names only what stands where it was asked for."""
    with pytest.raises(UsageFault, match="cannot be read"):
        a_report(filename="interviews/iv-2/recording.ogg")


def test_a_recording_is_told_as_the_egress_reports_it():
    """Its size, and no digest: nobody computed one."""
    assert PRESENT == a_report().recording


def test_a_signed_event_is_read():
    """As a report."""
    assert PRESENT == received(*signed("egress_ended"), RECEIVER).recording


@pytest.mark.parametrize(("event", "room"), [("room_started", "interview-iv-1"), ("egress_ended", "standup")])
def test_other_events_are_none_of_ours(event, room):
    """Whatever rooms the same server has."""
    assert received(*signed(event, room=room), RECEIVER) is None


@pytest.mark.parametrize(
    "sent",
    [
        signed("egress_ended", secret="x" * 32),
        (signed("egress_ended")[0] + b" ", signed("egress_ended")[1]),
        (signed("egress_ended")[0], None),
        (b"\xff\xfe", "nonsense"),
        signed("", body="not json"),
        (b"x" * 1_000_000, "t"),
    ],
)
def test_what_is_not_signed_by_ours_is_refused(sent):
    """A stranger's key, a changed body, no signature, no event."""
    with pytest.raises(UsageFault):
        received(*sent, RECEIVER)


@given(body=st.binary(max_size=200), header=st.none() | st.text(max_size=60))
def test_no_event_is_believed_unsigned(body, header):
    """Whatever is sent."""
    with pytest.raises(UsageFault):
        received(body, header, RECEIVER)


def test_a_late_report_brings_the_manifest_into_the_inbox_again():
    """With the recording, and everything else as it was."""
    store = MemoryStore()
    taken_in(store)

    keep(store, a_report())

    assert MANIFEST.model_copy(update={"recording": PRESENT}) == parse_manifest(store.get(manifest_key("iv-1")))


def test_an_early_report_waits_for_the_interview():
    """Whoever finishes it asks for what was reported."""
    store = MemoryStore()

    assert not keep(store, a_report())
    assert PRESENT == recording_of(store, "iv-1")
    assert store.get(manifest_key("iv-1")) is None


def test_a_report_while_the_manifest_waits_in_the_inbox_is_told_later():
    """It must not take the place of what intake has not seen yet."""
    store = MemoryStore()
    store.create(manifest_key("iv-1"), MANIFEST.to_bytes())
    keep(store, a_report())
    store.delete(manifest_key("iv-1"))
    taken_in(store)

    left = tell_all(store)

    assert 1 == left  # until intake has taken it in
    assert PRESENT == parse_manifest(store.get(manifest_key("iv-1"))).recording


def test_a_report_twice_changes_nothing_more():
    """Also long after intake has taken it in."""
    store = MemoryStore()
    taken_in(store)
    keep(store, a_report())
    store.delete(manifest_key("iv-1"))
    taken_in(store, MANIFEST.model_copy(update={"recording": PRESENT}), minute=1)

    assert keep(store, a_report())
    assert store.get(manifest_key("iv-1")) is None
    assert 0 == tell_all(store)


@pytest.mark.parametrize("order", [("EGRESS_FAILED", "EGRESS_COMPLETE"), ("EGRESS_COMPLETE", "EGRESS_FAILED")])
def test_what_is_there_outweighs_what_failed(order):
    """A second try that succeeded, in whichever order the reports come."""
    store = MemoryStore()
    for number, status in enumerate(order):
        keep(store, a_report(status, egress_id=f"EG_{number}"))

    assert PRESENT == recording_of(store, "iv-1")


def test_a_failed_recording_is_told_as_such():
    """Not left pending for ever."""
    store = MemoryStore()
    taken_in(store)

    keep(store, a_report("EGRESS_FAILED"))

    assert "failed" == parse_manifest(store.get(manifest_key("iv-1"))).recording.status
