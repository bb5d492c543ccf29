"""LiveKit's session reports and chat histories become records."""

import json
from datetime import UTC, datetime

import pytest

from evaluator.errors import TranscriptFault
from evaluator.formats import Record, read

START = 1_763_000_000.0


def message(role: str, *content, started=None, stopped=None, **fields) -> dict:
    """One message as livekit-agents writes it, times in seconds after START."""
    times = {"started_speaking_at": started, "stopped_speaking_at": stopped}
    metrics = {key: START + value for key, value in times.items() if value is not None}
    return {"type": "message", "role": role, "content": list(content), "metrics": metrics, **fields}


def history(*items: dict) -> Record:
    """The record of a chat history with these items."""
    (record,) = read(json.dumps({"items": items}).encode(), "chat.json")
    return record


def session(*items: dict, **fields) -> Record:
    """The record of a session report with these items and fields."""
    (record,) = read(json.dumps({"chat_history": {"items": items}, **fields}).encode(), "report.json")
    return record


HELLO = message("user", "Hello there.", started=5, stopped=7.5)


def test_roles_name_the_speakers():
    """The user is the candidate, the assistant the interviewer; system and developer messages are no turns."""
    record = history(message("system", "Be kind."), message("developer", "x"), message("assistant", "Hi."), HELLO)

    assert [("T1", "interviewer"), ("T2", "candidate")] == [(turn.id, turn.speaker) for turn in record.turns]
    assert 2 == record.ignored


def test_what_is_no_message_is_ignored_and_counted():
    """Function calls, their outputs and handoffs are no speech."""
    call = {"type": "function_call", "name": "f", "arguments": "{}"}
    record = history(call, {"type": "function_call_output", "output": "1"}, {"type": "agent_handoff"}, HELLO)

    assert (1, 3) == (len(record.turns), record.ignored)


def test_pictures_among_the_words_are_skipped():
    """A content part that is no string is left out; a message of nothing else is no turn."""
    picture = {"type": "image_content", "image": "data:..."}
    record = history(message("assistant", picture), message("user", "Look:", picture, "a cat."))

    assert ["Look:\na cat."] == [turn.text for turn in record.turns]


def test_session_times_count_from_the_recording():
    """Seconds start where the audio recording started."""
    record = session(HELLO, audio_recording_started_at=START + 2)

    assert (3.0, 5.5) == (record.turns[0].started_s, record.turns[0].ended_s)
    assert datetime.fromtimestamp(START + 2, UTC) == record.started_at


def test_session_times_without_recording_count_from_the_first_event():
    """Seconds start at the first event where nothing was recorded."""
    record = session(HELLO, audio_recording_started_at=None, events=[{"type": "x", "created_at": START + 1}])

    assert (4.0, 6.5) == (record.turns[0].started_s, record.turns[0].ended_s)


def test_turn_under_way_when_the_recording_starts_begins_at_zero():
    """A turn that began before the recording is heard from its start; one that ended before has no place in it."""
    record = session(HELLO, message("user", "Yes.", started=0, stopped=1), audio_recording_started_at=START + 6)

    assert [(0.0, 1.5), (None, None)] == [(turn.started_s, turn.ended_s) for turn in record.turns]


def test_absent_times_stay_null():
    """A history without times gives none, and no start."""
    record = history(message("user", "Hello."))

    assert (None, None, None) == (record.turns[0].started_s, record.turns[0].ended_s, record.started_at)


@pytest.mark.parametrize("bad", ["soon", True, -1, 5_000.0, START * 10, START * 1_000_000, 1e300, [], None])
def test_what_is_no_moment_is_no_time(bad):
    """Monotonic clocks, nanoseconds and other values are not taken for moments since 1970."""
    record = history({"role": "user", "content": "Hi.", "metrics": {"started_speaking_at": bad}})

    assert record.turns[0].started_s is None


def test_contradicting_times_are_dropped():
    """A turn that stops before it starts has no times."""
    record = history(message("assistant", "Hi.", started=0, stopped=1), message("user", "Hello.", started=9, stopped=8))

    assert (None, None) == (record.turns[1].started_s, record.turns[1].ended_s)


@pytest.mark.parametrize("scale", [1, 1_000])
def test_javascript_report_is_read_as_pythons(scale):
    """agents-js writes camelCase, and milliseconds in places: it gives the same record."""
    moments = {"startedSpeakingAt": (START + 5) * scale, "stoppedSpeakingAt": (START + 7.5) * scale}
    item = {
        "type": "message",
        "role": "user",
        "content": ["Hello there."],
        "transcriptConfidence": 0.9,
        "metrics": moments,
    }
    report = {
        "jobId": "AJ_9",
        "room": "room-1",
        "audioRecordingStartedAt": START * scale,
        "chatHistory": {"items": [item]},
    }
    (record,) = read(json.dumps(report).encode(), "report.json")

    twin = session(
        {**HELLO, "transcript_confidence": 0.9}, job_id="AJ_9", room="room-1", audio_recording_started_at=START
    )
    assert twin == record


@pytest.mark.parametrize(("key", "value"), [("created_at", START + 3), ("createdAt", (START + 3) * 1_000)])
def test_when_a_message_was_written_is_no_time_of_speech(key, value):
    """Without speaking times a history says when the talk began, and no turn has times."""
    record = history({**message("user", "Hello."), key: value})

    assert (None, None) == (record.turns[0].started_s, record.turns[0].ended_s)
    assert datetime.fromtimestamp(START + 3, UTC) == record.started_at


def test_text_parts_are_words():
    """A content part of type text is words as a plain string is."""
    record = history(
        message("user", {"type": "text", "text": "One."}, {"text": "Two."}, {"type": "audio", "text": "x"})
    )

    assert "One.\nTwo." == record.turns[0].text


@pytest.mark.parametrize(
    "told",
    [
        {"egressId": "EG_1", "status": "EGRESS_COMPLETE"},
        {"egress_id": "EG_1", "files": [{"filename": "a.ogg"}]},
        {"event": "egress_ended", "egressInfo": {"egressId": "EG_1"}},
        {"items": [{"egressId": "EG_1"}]},
    ],
)
def test_egress_is_no_transcript(told):
    """What LiveKit tells of a recording is refused with the way to a transcript."""
    with pytest.raises(
        TranscriptFault, match="says where the recording lies, not what was said; give the session report"
    ):
        read(json.dumps(told).encode(), "egress.json")


def test_report_that_names_its_egress_is_a_report():
    """An egress id beside a chat history hides nothing."""
    assert ["Hello there."] == [turn.text for turn in session(HELLO, egress_id="EG_1").turns]


def test_all_real_egress_records_are_refused(shared_data):
    """Egress info in both spellings, a failed one and a manifest are not taken for transcripts."""
    paths = sorted((shared_data / "formats" / "livekit").glob("egress_*.json"))
    for path in paths:
        with pytest.raises(TranscriptFault, match=f"{path.name}: is a LiveKit egress record"):
            read(path.read_bytes(), path.name)

    assert 4 == len(paths)


@pytest.mark.parametrize(
    ("given", "kept"), [(0.93, 0.93), (1, 1.0), (None, None), (1.2, None), ("0.9", None), (True, None)]
)
def test_confidence_is_a_share_or_absent(given, kept):
    """Recognition's confidence is kept where it is a number from 0 to 1."""
    record = history({**HELLO, "transcript_confidence": given})

    assert kept == record.turns[0].confidence


def test_interruption_is_carried():
    """A turn that was cut off says so."""
    record = history({**HELLO, "interrupted": True})

    assert record.turns[0].interrupted


@pytest.mark.parametrize(
    ("heard", "language"), [(["de", "de", None], "de"), (["de", "en"], None), (["multi"], None), ([], None)]
)
def test_language_is_what_recognition_always_heard(heard, language):
    """One language that was heard throughout is the record's; else it is not known."""
    events = [{"type": "user_input_transcribed", "language": one} for one in heard]

    assert language == session(HELLO, events=events).language


def test_session_is_named_by_room_and_job():
    """A report's name does not hang on its file's name, which repeats from job to job."""
    assert "room-1-AJ_9" == session(HELLO, room="room-1", job_id="AJ_9").name


def test_session_without_job_is_named_by_its_file():
    """Where the report names no job the file's stem stands in."""
    assert "report" == session(HELLO, room="room-1").name


def test_silent_candidate_is_refused():
    """A history in which only the agent speaks is no interview."""
    with pytest.raises(TranscriptFault, match="no turn of the candidate: role user says nothing; heard: interviewer"):
        history(message("assistant", "Hello?"))


@pytest.mark.parametrize(
    "name", ["session_report_to_dict.json", "history_to_dict__default.json", "history_to_dict__with_timestamps.json"]
)
def test_real_exports_are_read_whole(shared_data, name):
    """What livekit-agents wrote is read message by message, words and order unchanged."""
    data = (shared_data / "formats" / "livekit" / name).read_bytes()
    (record,) = read(data, name)
    source = json.loads(data)

    items = source.get("chat_history", source)["items"]
    assert [item["content"][0].strip() for item in items] == [turn.text for turn in record.turns]
    assert 10 == sum(turn.speaker == "candidate" for turn in record.turns)
    assert all(turn.started_s <= turn.ended_s for turn in record.turns)


def test_real_empty_history_is_refused(shared_data):
    """A history that was exported before anybody spoke says so."""
    data = (shared_data / "formats" / "livekit" / "history_to_dict__empty.json").read_bytes()

    with pytest.raises(TranscriptFault, match=r"the chat history is empty"):
        read(data, "history_to_dict__empty.json")
