"""The hint queue against a broker that hangs, refuses, or wants TLS; nobody waits for it for long."""

import socket
import threading
import time
from collections.abc import Iterator

import pytest
from kombu.exceptions import OperationalError
from redis import Redis

from evaluator.adapters.celery_queue import SEND_WITHIN_S, CeleryHints, celery_app
from evaluator.errors import BrokerUnavailable

PATIENCE_S = SEND_WITHIN_S + 0.5
CLIENT_HELLO = b"\x16\x03"  # a TLS record that begins a handshake


class Silent:
    """Accepts connections, keeps what comes first on each, and never answers."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self._kept: list[socket.socket] = []
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            self._kept.append(connection)
            connection.settimeout(5)
            self.heard.append(connection.recv(4_096))

    def close(self) -> None:
        """Hangs up."""
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        for connection in self._kept:
            connection.close()


@pytest.fixture
def silent() -> Iterator[Silent]:
    """A broker that hangs."""
    server = Silent()
    yield server
    server.close()


@pytest.fixture
def hints() -> Iterator:
    """Makes queues, closed at the end."""
    made: list[CeleryHints] = []

    def make(url: str) -> CeleryHints:
        made.append(CeleryHints(url))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.mark.parametrize("call", [lambda queue: queue.send(4), lambda queue: queue.length()], ids=["send", "length"])
def test_hung_broker_is_given_up(silent, hints, call):
    """A worker that hands a row back does not wait for a broker that says nothing."""
    queue = hints(f"redis://:pw@127.0.0.1:{silent.port}/0")
    started_at = time.monotonic()

    with pytest.raises(BrokerUnavailable):
        call(queue)

    assert time.monotonic() - started_at < PATIENCE_S


def test_refusing_broker_is_given_up_at_once(hints):
    """Nor does it try again."""
    queue = hints("redis://127.0.0.1:1/0")
    started_at = time.monotonic()

    with pytest.raises(BrokerUnavailable):
        queue.send(4)

    assert time.monotonic() - started_at < 1


def test_queue_works_again_after_an_outage(broker_url, hints):
    """Connections that were cut are replaced by the call that finds them so, or the next one."""
    queue = hints(broker_url)
    queue.send(1)
    with Redis.from_url(broker_url) as client:
        client.client_kill_filter(_type="normal", skipme=True)
    try:
        queue.send(1)
    except BrokerUnavailable:
        queue.send(1)

    assert 2 == queue.length()


@pytest.mark.parametrize("call", [lambda queue: queue.send(1), lambda queue: queue.length()], ids=["send", "length"])
def test_rediss_speaks_tls(silent, hints, call):
    """Neither a password nor a hint goes over the network in plain text."""
    queue = hints(f"rediss://:hunter2@127.0.0.1:{silent.port}/0")

    with pytest.raises(BrokerUnavailable):
        call(queue)

    assert [CLIENT_HELLO] == [heard[:2] for heard in silent.heard]


def test_worker_speaks_tls_too(silent):
    """The consumer's connection is the same transport."""
    app = celery_app(f"rediss://:hunter2@127.0.0.1:{silent.port}/0", answer_within_s=0.5, patient=False)

    with app.connection_for_read() as connection, pytest.raises(OperationalError):
        connection.default_channel  # noqa: B018  connects

    assert [CLIENT_HELLO] == [heard[:2] for heard in silent.heard]


def test_certificates_are_checked_unless_the_url_says_otherwise():
    """The default is to refuse a server that cannot prove its name; a deployment's own authority can be named."""
    plain = celery_app("rediss://h:1/0").connection().ssl
    own = celery_app("rediss://h:1/0?ssl_ca_certs=/ca.pem").connection().ssl

    assert {"ssl_cert_reqs": 2} == plain
    assert {"ssl_ca_certs": "/ca.pem"} == own


def test_loopback_stays_plain():
    """redis:// is as before."""
    assert not celery_app("redis://h:1/0").connection().ssl
