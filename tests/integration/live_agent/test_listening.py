"""LiveKit's webhooks over real HTTP into real stores: signed ones are kept, once, whenever they come."""

import json
import socket
import threading
import time
from contextlib import contextmanager

import httpx
import pytest
from livekit import api

from evaluator.errors import StoreUnavailable
from evaluator.layout import manifest_key
from evaluator.manifest import parse_manifest
from live_agent.egress import BODY_BYTES_MAX, recording_of
from live_agent.listening import PATH, listener, server
from tests.fakes import MemoryStore
from tests.unit.live_agent.test_egress import PRESENT, signed, taken_in

SECRET = "s" * 32


@contextmanager
def listening(store, *, tell_every_s=60.0):
    """The listener on a free port; a client of it."""
    receiver = api.WebhookReceiver(api.TokenVerifier(api_key="key", api_secret=SECRET))
    running = server(listener(store, receiver, tell_every_s=tell_every_s), "127.0.0.1", 0)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        thread = threading.Thread(target=running.run, args=([taken],), daemon=True)
        thread.start()
        while not running.started:
            time.sleep(0.01)
        with httpx.Client(base_url=f"http://127.0.0.1:{taken.getsockname()[1]}", trust_env=False) as client:
            yield client
        running.should_exit = True
        thread.join(10)


def post(client, event="egress_ended", **values):
    """One webhook."""
    body, token = signed(event, **values)
    return client.post(PATH, content=body, headers={"Authorization": token})


def inbox(store):
    """The manifest that waits for intake."""
    data = store.get(manifest_key("iv-1"))
    return None if data is None else parse_manifest(data)


@pytest.mark.usefixtures("credentials")
def test_a_report_is_kept_and_told_to_intake(store):
    """In a folder and in S3."""
    taken_in(store)
    with listening(store) as client:
        answer = post(client)

    assert 200 == answer.status_code
    assert PRESENT == inbox(store).recording


@pytest.mark.usefixtures("credentials")
def test_twice_is_once(store):
    """And at the same time, too."""
    with listening(store) as client:
        answers = []
        threads = [threading.Thread(target=lambda: answers.append(post(client).status_code)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert [200] * 4 == answers
    assert 1 == len(store.names("interviews/iv-1/egress/"))


def test_a_report_before_the_handover_is_told_after_it():
    """By the loop, without another webhook."""
    memory = MemoryStore()
    with listening(memory, tell_every_s=0.05) as client:
        post(client)
        assert inbox(memory) is None
        taken_in(memory)
        deadline = time.monotonic() + 10
        while inbox(memory) is None and time.monotonic() < deadline:
            time.sleep(0.02)

    assert PRESENT == inbox(memory).recording


def test_strangers_are_refused():
    """By another secret, without a signature, and with another body than was signed."""
    memory = MemoryStore()
    with listening(memory) as client:
        body, token = signed("egress_ended")
        other = post(client, secret="x" * 32).status_code
        none = client.post(PATH, content=body).status_code
        changed = client.post(PATH, content=body + b" ", headers={"Authorization": token}).status_code

    assert (401, 401, 401) == (other, none, changed)
    assert {} == memory.objects


def test_too_much_is_refused_as_it_comes():
    """Whatever its head says of its size."""
    with listening(MemoryStore()) as client:
        whole = client.post(PATH, content=b"x" * (BODY_BYTES_MAX + 1)).status_code
        pieces = client.post(PATH, content=(b"x" * 65_536 for _ in range(6))).status_code

    assert (413, 413) == (whole, pieces)


@pytest.mark.parametrize(("event", "room"), [("room_started", "interview-iv-1"), ("egress_ended", "lunch")])
def test_what_is_not_ours_is_no_fault(event, room):
    """LiveKit must not send it again."""
    memory = MemoryStore()
    with listening(memory) as client:
        answer = post(client, event, room=room)

    assert (200, {}) == (answer.status_code, memory.objects)


def test_a_signed_report_that_contradicts_itself_is_refused():
    """Its file lies in another interview's place."""
    info = {
        "egressId": "EG_1",
        "roomName": "interview-iv-1",
        "status": "EGRESS_COMPLETE",
        "updatedAt": "1795000000000000000",
        "fileResults": [{"filename": "interviews/iv-2/recording.ogg", "size": "1"}],
    }
    memory = MemoryStore()
    with listening(memory) as client:
        answer = post(client, body=json.dumps({"event": "egress_ended", "egressInfo": info}))

    assert (400, {}) == (answer.status_code, memory.objects)


class AwayStore(MemoryStore):
    """Takes nothing until it is back."""

    away = True

    def create(self, key, data, *, media_type="application/json"):
        """Refused while it is away."""
        if self.away:
            raise StoreUnavailable("the store is away")
        super().create(key, data, media_type=media_type)


def test_a_store_that_is_away_makes_livekit_send_it_again():
    """And then it is kept."""
    away = AwayStore()
    with listening(away) as client:
        first = post(client).status_code
        away.away = False
        second = post(client).status_code

    assert (503, 200) == (first, second)
    assert PRESENT == recording_of(away, "iv-1")


def test_one_broken_interview_does_not_keep_others_from_being_told():
    """Its objects stay as they are."""
    memory = MemoryStore()
    memory.create("recordings/iv-0.json", b"{}")
    memory.create("interviews/iv-0/egress/EG_0-present.json", b"broken")
    memory.create("interviews/iv-0/manifest-x.json", b"broken")
    with listening(memory, tell_every_s=0.05) as client:
        post(client)
        taken_in(memory)
        deadline = time.monotonic() + 10
        while inbox(memory) is None and time.monotonic() < deadline:
            time.sleep(0.02)

    assert PRESENT == inbox(memory).recording


def test_other_ways_lead_nowhere():
    """One address, one method, and a page of health."""
    with listening(MemoryStore()) as client:
        codes = (client.get(PATH).status_code, client.post("/").status_code, client.get("/healthz").status_code)

    assert (405, 404, 200) == codes
