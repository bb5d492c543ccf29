"""The recording of a room, by LiveKit's own client: what is asked of the service, and what its failures come to."""

import asyncio
from datetime import UTC, datetime

import pytest

from live_agent.recording import TRIES, RoomRecording, StillRecording
from tests.integration.live_agent.livekit_stub import LiveKitStub, livekit

AT = datetime(2026, 11, 18, 14, 2, tzinfo=UTC)
KEY = "p/interviews/iv-1/recording"


def room(scenario, stub=None, **values):
    """Runs a scenario with a recording; the service as it was left."""
    stub = stub or LiveKitStub()

    async def run():
        async with livekit(stub) as client:
            recording = RoomRecording(client.egress, "iv-1", "s3://bucket/p", clock=lambda: AT, retry_s=0.01, **values)
            await scenario(recording)
            return recording

    return asyncio.run(asyncio.wait_for(run(), 30)), stub


async def whole(recording):
    """From consent to the end."""
    await recording.start()
    await recording.stop()


def test_a_recording_is_begun_and_stopped():
    """At the interview's place; the manifest waits for its report."""
    recording, stub = room(whole)

    assert ([f"{KEY}.ogg"], ["EG_1"], []) == (stub.paths, stub.stopped, stub.running)
    assert "pending" == recording.told.status


def test_without_consent_the_service_is_never_asked():
    """Not even to stop."""

    async def scenario(recording):
        await recording.stop()

    recording, stub = room(scenario, LiveKitStub())

    assert ([], [], "none") == (stub.started, stub.stopped, recording.told.status)


def test_after_a_pause_the_recording_goes_on_in_a_part_of_its_own():
    """What was recorded before keeps its place."""

    async def scenario(recording):
        await recording.start()
        await recording.stop()
        await recording.resume()

    _, stub = room(scenario)

    assert [f"{KEY}.ogg", f"{KEY}.20261118T140200.ogg"] == stub.paths
    assert ["EG_2"] == stub.running


def test_a_pause_that_comes_while_it_starts_stops_it():
    """Nothing records behind a pause."""

    async def scenario(recording):
        await asyncio.gather(recording.start(), recording.stop())

    _, stub = room(scenario)

    assert [] == stub.running


def test_after_a_pause_a_late_start_does_nothing():
    """The pause holds until it is taken back."""

    async def scenario(recording):
        await recording.stop()
        await recording.start()

    _, stub = room(scenario)

    assert [] == stub.started


def test_what_a_crash_left_running_goes_on():
    """It is not begun twice, and stops with the rest."""
    stub = LiveKitStub()
    stub.running = ["EG_before"]

    recording, stub = room(whole, stub, again=True)

    assert ([], ["EG_before"], "pending") == (stub.started, stub.stopped, recording.told.status)


def test_a_service_that_is_away_for_a_moment_is_asked_again():
    """For a start and for a stop."""
    stub = LiveKitStub()
    stub.refuse = {"StartRoomCompositeEgress": 1, "StopEgress": TRIES - 1}

    _, stub = room(whole, stub)

    assert ["EG_1"] == stub.stopped


def test_no_recording_is_no_end_of_the_interview(caplog):
    """It is logged by the interview's id, and the manifest says that it failed."""
    stub = LiveKitStub()
    stub.refuse = {"StartRoomCompositeEgress": TRIES}

    async def scenario(recording):
        await recording.start()

    recording, _ = room(scenario, stub)

    assert "failed" == recording.told.status
    assert "interview iv-1: no recording: LiveKit refuses" in caplog.text


def test_a_recording_that_does_not_stop_is_never_passed_over():
    """Whoever asked for it has to do more."""
    stub = LiveKitStub()
    stub.refuse = {"StopEgress": TRIES}

    with pytest.raises(StillRecording, match="iv-1"):
        room(whole, stub)
