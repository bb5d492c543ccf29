"""Posting to a real https server: the checked address, the name in the certificate, no redirects, and limits."""

import asyncio
import socket
import time
from contextlib import ExitStack

import pytest

from evaluator.adapters.webhook_targets import host_rules, is_public
from evaluator.adapters.webhooks import ANSWER_BYTES_MAX, WebhookSender, system_resolver
from evaluator.notices import Outcome
from tests.receiver import HOST, Authority, Receiver, huge, slow, status

BODY = b'{"type":"webhook.test"}'
LOOPBACK = ("127.0.0.1", "127.0.0.2")


class Names:
    """A resolver that answers by a list, the last for ever, and counts the questions."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.asked = []

    def __call__(self, host, port):
        """The next answer."""
        self.asked.append((host, port))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture(scope="module")
def authority():
    """The one that the sender of these tests trusts."""
    return Authority.make()


@pytest.fixture
def receive(authority, tmp_path):
    """Starts receivers with a certificate for HOST, or other names."""
    with ExitStack() as stack:

        def start(*names, by=authority, **fields):
            tls = by.serving(tmp_path, *(names or (HOST,)))
            return stack.enter_context(Receiver(tls=tls, **fields))

        yield start


@pytest.fixture
def receiver(receive):
    """One receiver that answers 204."""
    return receive()


@pytest.fixture
def send(authority):
    """Posts once to a receiver, by a resolver; loopback counts as public here."""

    def post(receiver, *, resolve=None, url=None, public=LOOPBACK.__contains__, try_s=5.0, tls=None):
        sender = WebhookSender(
            host_rules(f"{HOST}:{receiver.port}"),
            resolve=resolve or Names(["127.0.0.1"]),
            public=public,
            tls=tls or authority.trusting(),
            try_s=try_s,
        )
        headers = {"webhook-id": "msg_1", "webhook-timestamp": "1", "webhook-signature": "v1,x"}
        return asyncio.run(sender.post(url or receiver.url, headers=headers, body=BODY))

    return post


def test_message_arrives_as_it_was_signed(receiver, send):
    """Body, headers, path; the name in SNI and in the Host header, though the connection goes to an address."""
    assert Outcome(status=204) == send(receiver)

    (request,) = receiver.requests
    assert (BODY, "/debrief?key=k", HOST) == (request.body, request.path, request.server_name)
    assert f"{HOST}:{receiver.port}" == request.headers["host"]
    assert ("msg_1", "1", "v1,x") == tuple(request.headers[f"webhook-{n}"] for n in ("id", "timestamp", "signature"))
    assert "application/json" == request.headers["content-type"]


def test_second_answer_of_the_dns_is_never_asked_for(receive, send):
    """A name that is public when it is checked and something else when it is used (DNS rebinding)."""
    checked = receive()
    other = receive(address="127.0.0.2", port=checked.port)
    names = Names(["127.0.0.1"], ["127.0.0.2"])

    assert Outcome(status=204) == send(checked, resolve=names, public="127.0.0.1".__eq__)
    assert [(HOST, checked.port)] == names.asked
    assert (1, 0) == (checked.connections, other.connections)


def test_each_try_is_checked_anew(receiver, send):
    """What was public yesterday may point inwards today."""
    names = Names(["127.0.0.1"], ["127.0.0.2"])
    first = send(receiver, resolve=names, public="127.0.0.1".__eq__)

    assert Outcome(status=204) == first
    assert Outcome(error="address_not_public") == send(receiver, resolve=names, public="127.0.0.1".__eq__)
    assert 1 == receiver.connections


@pytest.mark.parametrize("addresses", [["127.0.0.1"], ["8.8.8.8", "127.0.0.1"], ["127.0.0.1", "8.8.8.8"], ["::1"]])
def test_one_address_that_is_not_public_is_enough_to_refuse(receiver, authority, addresses):
    """With the product's own check nothing reaches loopback, also behind a public address."""
    sender = WebhookSender(
        host_rules(f"{HOST}:{receiver.port}"), resolve=lambda *_: addresses, tls=authority.trusting()
    )

    assert Outcome(error="address_not_public") == asyncio.run(sender.post(receiver.url, headers={}, body=BODY))
    assert 0 == receiver.connections


def test_system_finds_loopback_under_the_machines_own_name():
    """And the check knows every spelling in which the system answers."""
    found = system_resolver("localhost", 443)

    assert found
    assert not any(map(is_public, found))


def test_redirects_are_not_followed(receive, send):
    """They could point anywhere."""
    other = receive(address="127.0.0.2")
    first = receive(answer=status(307, Location=f"https://127.0.0.2:{other.port}/"))

    assert Outcome(status=307, error="redirect") == send(first)
    assert (1, 0) == (len(first.requests), other.connections)


@pytest.mark.parametrize(("code", "error"), [(200, None), (410, "gone"), (429, "status"), (500, "status")])
def test_status_decides(receive, send, code, error):
    """2xx is a delivery."""
    assert Outcome(status=code, error=error) == send(receive(answer=status(code)))


def test_huge_answer_is_not_read(receive, send):
    """64 KiB and what the system's buffers hold, of a gigabyte."""
    sent: list[int] = []
    receiver = receive(answer=huge(1 << 30, sent))

    assert Outcome(status=200) == send(receiver)
    deadline = time.monotonic() + 10
    while not sent and time.monotonic() < deadline:
        time.sleep(0.05)
    assert sent[0] < ANSWER_BYTES_MAX + (32 << 20)


def test_slow_answer_ends_at_the_limit(receive, send):
    """Also one whose bytes trickle, so that no single one is late."""
    started_at = time.monotonic()

    assert Outcome(error="timeout") == send(receive(answer=slow(30)), try_s=1.5)
    assert time.monotonic() - started_at < 10


def test_slow_resolver_ends_at_the_limit(receiver, send):
    """And nobody waits for its thread."""
    started_at = time.monotonic()

    def resolve(*_):
        time.sleep(20)
        return ["127.0.0.1"]

    assert Outcome(error="timeout") == send(receiver, resolve=resolve, try_s=0.5)
    assert time.monotonic() - started_at < 10


@pytest.mark.parametrize("answer", [OSError("no"), UnicodeError("label too long"), []])
def test_name_without_address_is_said(receiver, send, answer):
    """A mistyped one, or a DNS that is down."""
    assert Outcome(error="no_such_host") == send(receiver, resolve=Names(answer))


def test_certificate_of_another_name_is_refused(receive, send):
    """Its address is right; who answers there is not."""
    other = receive("other.example.org", "127.0.0.1")

    assert Outcome(error="certificate") == send(other)
    assert [] == other.requests


def test_certificate_of_another_authority_is_refused(receive, send):
    """As an attacker on the way would show."""
    other = receive(by=Authority.make())

    assert Outcome(error="certificate") == send(other)
    assert [] == other.requests


def test_nobody_listening_is_said(receiver, send):
    """The port of a socket that takes no connections."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        receiver.port = closed.getsockname()[1]
        assert Outcome(error="unreachable") == send(receiver)


def test_next_address_is_tried_when_one_cannot_be_reached(receiver, send):
    """A machine without a route to the first."""
    assert Outcome(status=204) == send(receiver, resolve=Names(["127.0.0.2", "127.0.0.1"]))


def test_host_that_is_no_longer_allowed_gets_nothing(receiver, send):
    """The list counts at each try, not only when the webhook was added."""
    names = Names(["127.0.0.1"])

    assert Outcome(error="not_allowed") == send(receiver, url="https://hooks.example.com/", resolve=names)
    assert [] == names.asked


def test_proxies_of_the_environment_are_ignored(receiver, send, monkeypatch):
    """A proxy would resolve the name itself, unchecked."""
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")

    assert Outcome(status=204) == send(receiver)
