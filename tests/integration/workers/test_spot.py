"""The watch over a metadata service: what each answer makes of a worker, over real HTTP."""

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from tests.integration.workers.imds import NOTICE, REBALANCE, RECOMMENDED, TERMINATE, TOKEN, FakeImds
from workers.node import Drain
from workers.spot import ANSWER_BYTES_MAX, Imds, watch


@pytest.fixture
def fake() -> Iterator[FakeImds]:
    """A metadata service that has nothing to tell."""
    with FakeImds() as running:
        yield running


def told(fake: FakeImds, token: str | None = None) -> str:
    """What one poll brings."""
    return Imds.at(fake.url).poll(token).told


def test_nothing_to_tell(fake):
    """404 at both paths, asked with one token."""
    answer = Imds.at(fake.url).poll(None)

    assert ("nothing", "token-1") == (answer.told, answer.token)
    assert {"PUT": 1, NOTICE: 1, REBALANCE: 1} == fake.calls


def test_token_is_used_again(fake):
    """A good token is not asked for at each poll."""
    imds = Imds.at(fake.url)
    imds.poll(imds.poll(None).token)

    assert 1 == fake.tokens


def test_recommendation_is_told(fake):
    """The machine is likely to be taken away."""
    fake.bodies[REBALANCE] = RECOMMENDED

    assert "rebalance" == told(fake)


@pytest.mark.parametrize("action", ["terminate", "stop", "hibernate"])
def test_notice_is_told(fake, action):
    """The machine will be taken away, whatever becomes of it."""
    fake.bodies[NOTICE] = TERMINATE.replace(b"terminate", action.encode())
    fake.bodies[REBALANCE] = RECOMMENDED

    assert "notice" == told(fake)


def test_expired_token_is_renewed(fake):
    """401 brings a fresh token, and with it the answer."""
    fake.bodies[NOTICE] = TERMINATE
    fake.tokens = 7

    assert ("refused", "notice") == (told(fake, "token-1"), told(fake))


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>log in</html>", b"[" * ANSWER_BYTES_MAX, b"[]", b"{}", b'{"action": 5}', b'{"action": "dance"}'],
)
@pytest.mark.parametrize("path", [NOTICE, REBALANCE])
def test_somebody_else_at_that_address_stops_no_worker(fake, path, body):
    """A portal that answers everything with 200 is not the metadata service."""
    fake.bodies[path] = body

    assert "unreachable" == told(fake)


@pytest.mark.parametrize(
    ("path", "status"), [(TOKEN, 403), (TOKEN, 302), (NOTICE, 302), (NOTICE, 500), (REBALANCE, 429)]
)
def test_other_statuses_are_no_answer(fake, path, status):
    """Switched off, broken, or elsewhere: nothing is followed and nothing concluded."""
    fake.statuses[path] = status

    assert "unreachable" == told(fake)
    assert 1 == fake.calls["PUT"]


def test_hostile_token_is_not_sent_on(fake):
    """A token that would end the header line is refused, not raised."""
    fake.bodies[TOKEN] = b"a\r\nX: 1"

    assert "unreachable" == told(fake)
    assert {"PUT": 1} == fake.calls


def test_proxy_of_the_environment_is_not_used(fake, monkeypatch):
    """The service is on this machine; a token is nobody else's."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")

    assert "nothing" == told(fake)


def test_silent_address_costs_a_second():
    """Nobody answers: the time limit is short, so that polls stay regular."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        imds = Imds.at(f"http://127.0.0.1:{silent.getsockname()[1]}")
        started_at = time.monotonic()

        assert "unreachable" == imds.poll(None).told
        assert time.monotonic() - started_at < 2


def test_watch_ends_with_the_notice(fake):
    """It tells the worker once, and the thread is gone."""
    fake.bodies[NOTICE] = TERMINATE
    heard: list[Drain] = []

    watch(Imds.at(fake.url), heard.append, threading.Event())

    assert [Drain.STOP] == heard


def test_watch_ends_with_the_worker(fake):
    """A worker that stops does not wait for the next poll."""
    stop = threading.Event()
    thread = threading.Thread(target=watch, args=(Imds.at(fake.url), lambda _: None, stop))
    thread.start()

    stop.set()
    thread.join(timeout=2)

    assert not thread.is_alive()
