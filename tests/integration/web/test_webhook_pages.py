"""Webhooks on their page and by the API: a secret is shown once, and the log says how each message was tried."""

import re

import pytest

from evaluator.adapters.webhook_targets import host_rules, target_of
from evaluator.notices import Outcome
from tests.integration.storage.builders import change, rows
from tests.integration.web.conftest import a_person
from tests.integration.web.world import World, text_of

URL = "https://hooks.example.org/debrief?token=t0ken"
SECRET = re.compile(r"whsec_[A-Za-z0-9+/=]{40,}")


class Posted:
    """Takes messages as a receiver would that answers so."""

    def __init__(self):
        self.outcome = Outcome(status=204)
        self.requests = []

    def target(self, url):
        """By the rules of one host."""
        return target_of(url, host_rules("hooks.example.org"))

    async def post(self, url, *, headers, body):
        """Keeps it."""
        self.requests.append((url, headers, body))
        return self.outcome


@pytest.fixture
def sent():
    """The receiver."""
    return Posted()


@pytest.fixture
def world(database, sent):
    """Pages that can send."""
    world = World(database, webhooks=sent)
    world.interview()
    with world.client:
        yield world


def post(world, path, **fields):
    """A form of the administrator's."""
    return world.client.post(path, data={"csrf": world.client.csrf, **fields}, follow_redirects=False)


def added(world, **more):
    """A webhook; the answer."""
    return post(world, "/webhooks", **{"url": URL, "events": ["scorecard.ready", "run.closed"], **more})


def test_a_secret_is_shown_once(world):
    """When it is made; no other page has it, nor the address's query, nor the log."""
    made = added(world)
    secret = SECRET.search(made.text)[0]
    later = [world.page(path) for path in ("/webhooks", "/webhooks/1", "/webhooks/1/remove")]

    assert 200 == made.status_code
    assert not [page for page in later if secret in page or "t0ken" in page]
    logged = str([dict(one) for one in rows(world.database, "SELECT * FROM audit")])
    assert "webhook.add" in logged
    assert not [word for word in (secret, "t0ken") if word in logged]


def test_what_cannot_be_added_is_said_beside_the_form(world):
    """With what was sent still in it."""
    refused = added(world, url="https://elsewhere.example.org/x")

    assert 422 == refused.status_code
    assert "elsewhere.example.org at port 443 is not one of the hosts" in text_of(refused.text)
    assert 'value="https://elsewhere.example.org/x"' in refused.text
    assert [] == rows(world.database, "SELECT id FROM webhook")


def test_for_one_requisition_only_what_fits_is_asked_for(world):
    """A run's numbers are about every requisition; the ticked box is no mistake."""
    added(world, requisition="REQ-114")

    (hook,) = rows(world.database, "SELECT requisition, events FROM webhook")
    assert ("REQ-114", ["scorecard.ready"]) == (hook["requisition"], hook["events"])


def test_a_test_is_sent_at_once_and_each_try_is_kept(world, sent):
    """With its answer and how long it took."""
    added(world)
    sent.outcome = Outcome(status=503, error="status")
    failed = post(world, "/webhooks/1/test")
    sent.outcome = Outcome(status=204)
    post(world, "/webhooks/1/messages/1/redeliver")
    shown = text_of(world.page("/webhooks/1"))

    assert (303, "/webhooks/1#messages") == (failed.status_code, failed.headers["location"])
    assert 2 == len(sent.requests)
    assert sent.requests[0][1]["webhook-id"] == sent.requests[1][1]["webhook-id"]
    assert re.search(r"status \(503\) in \d\.\d s .* delivered \(204\) in \d\.\d s", shown)
    found = rows(world.database, "SELECT number, status, error FROM webhook_try ORDER BY id")
    assert [(1, 503, "status"), (1, 204, None)] == [(one["number"], one["status"], one["error"]) for one in found]


def test_a_secret_is_replaced_in_two_steps(world, sent):
    """Both sign in between."""
    first = SECRET.search(added(world).text)[0]
    second = SECRET.search(post(world, "/webhooks/1/rotate").text)[0]
    between = world.page("/webhooks/1")
    refused = post(world, "/webhooks/1/rotate")
    post(world, "/webhooks/1/test")
    post(world, "/webhooks/1/rotate/end")
    post(world, "/webhooks/1/test")

    assert first != second
    assert "the new and the old one sign" in between
    assert "End the old secret" in between
    assert 409 == refused.status_code
    assert [2, 1] == [len(headers["webhook-signature"].split()) for _, headers, _ in sent.requests]


def test_a_removal_is_asked_for_first(world):
    """It says how many messages are dropped."""
    added(world)
    change(
        world.database,
        "INSERT INTO webhook_delivery (webhook_id, message_id, event, body) VALUES (1, 'msg_1', 'run.closed', '{}')",
    )
    asked = text_of(world.page("/webhooks/1/remove"))
    before = rows(world.database, "SELECT id FROM webhook")
    done = post(world, "/webhooks/1/remove")

    assert "1 message that waits is dropped" in asked
    assert 1 == len(before)
    assert (303, "/webhooks") == (done.status_code, done.headers["location"])
    assert "No webhooks yet" in world.page("/webhooks")
    assert 404 == world.client.get("/webhooks/1").status_code


def test_one_that_answered_410_offers_no_test(world, sent):
    """It says what to do instead."""
    added(world)
    sent.outcome = Outcome(status=410, error="gone")
    post(world, "/webhooks/1/test")
    shown = world.page("/webhooks/1")

    assert "Its receiver answered 410" in shown
    assert "/webhooks/1/test" not in shown
    assert 409 == post(world, "/webhooks/1/test").status_code


def test_a_message_of_another_webhook_is_not_sent(world, sent):
    """The address names both."""
    added(world)
    added(world, url="https://hooks.example.org/other")
    post(world, "/webhooks/1/test")

    assert 404 == post(world, "/webhooks/2/messages/1/redeliver").status_code
    assert 1 == len(sent.requests)


def test_pages_without_a_way_to_send_say_so(database):
    """Nothing is added."""
    world = World(database)
    with world.client:
        refused = added(world)

    assert 422 == refused.status_code
    assert "no webhook can be added or tried here" in refused.text


def test_only_administrators_get_there(world):
    """A recruiter sees neither page nor link."""
    client = world.visitor(a_person(world.database, "rec", roles=[("REQ-114", "recruiter")]))

    assert 403 == client.get("/webhooks").status_code
    assert 'href="/webhooks"' not in client.get("/interviews").text
    assert 'href="/webhooks"' in world.page("/interviews")


# --- API


def test_api_does_the_same(world, sent):
    """Add, list, test, rotate, messages, redeliver, remove."""
    head = {"X-CSRF-Token": world.client.csrf}
    client = world.client
    new = client.post("/v1/webhooks", json={"url": URL, "requisition": "REQ-114"}, headers=head)
    listed = client.get("/v1/webhooks").json()["items"]
    tried = client.post("/v1/webhooks/1/test", headers=head).json()
    rotated = client.post("/v1/webhooks/1/rotate", headers=head).json()
    two = client.get("/v1/webhooks/1").json()["secrets"]
    ended = client.post("/v1/webhooks/1/rotate/end", headers=head)
    again = client.post("/v1/webhooks/1/messages/1/redeliver", headers=head).json()
    (message,) = client.get("/v1/webhooks/1/messages").json()["items"]
    gone = client.delete("/v1/webhooks/1", headers=head)

    assert (201, "/v1/webhooks/1") == (new.status_code, new.headers["location"])
    assert SECRET.fullmatch(new.json()["secret"])
    assert SECRET.fullmatch(rotated["secret"])
    assert [("https://hooks.example.org/debrief?...", ["scorecard.ready", "requisition.ready"])] == [
        (one["url"], one["events"]) for one in listed
    ]
    assert {"delivered": True, "status": 204, "error": None} == tried == again
    assert (2, 204, 204) == (two, ended.status_code, gone.status_code)
    assert ("delivered", [1, 1]) == (message["state"], [one["number"] for one in message["tries"]])
    assert [] == client.get("/v1/webhooks").json()["items"]


def test_api_refuses_what_cannot_be(world):
    """The same twice, a run's numbers for one requisition, an address that is not allowed."""
    head = {"X-CSRF-Token": world.client.csrf}
    bodies = (
        {"url": URL},
        {"url": URL},
        {"url": URL, "requisition": "REQ-114", "events": ["run.closed"]},
        {"url": "https://10.0.0.1/x"},
        {"url": URL, "requisition": "REQ-77"},
    )
    found = [world.client.post("/v1/webhooks", json=body, headers=head).status_code for body in bodies]

    assert [201, 409, 400, 400, 404] == found
