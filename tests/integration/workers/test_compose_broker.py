"""docker-compose.yml's broker settings on a real Valkey: its one user is enough for a fleet, and for nothing else."""

import re
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import NoPermissionError, RedisError, ResponseError

from evaluator.embedded.valkey import find_server
from evaluator.wiring import Services
from tests.integration.workers.fleet import hand_in, start, states
from tests.integration.workers.test_celery_worker import tick_until, wait_until, workers  # noqa: F401  a fixture
from tests.unit.test_compose import FILE, FILLED

READY_S = 20.0
RESTORES_EVERY_S = 11.0
OWNER = "owner"  # may look at what the server refused


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[str]:
    """Valkey as the file configures it, but for its port and folder; the fleet's URL."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    text = FILE["configs"]["valkey"]["content"]
    for name, value in {"port": port, "dir": tmp_path}.items():
        text = re.sub(rf"^{name} .*$", f"{name} {value}", text, flags=re.MULTILINE)
    (tmp_path / "valkey.conf").write_text(f"{text}\nbind 127.0.0.1\nuser {OWNER} on >{OWNER} allkeys allcommands\n")
    url = f"redis://debrief:{FILLED}@127.0.0.1:{port}/0"
    with subprocess.Popen((str(find_server()), str(tmp_path / "valkey.conf")), stdout=subprocess.DEVNULL) as process:
        try:
            deadline = time.monotonic() + READY_S
            while not answers(url):
                assert time.monotonic() < deadline
                assert process.poll() is None
                time.sleep(0.05)
            yield url
        finally:
            process.kill()


def answers(url: str) -> bool:
    """Whether it takes this user."""
    try:
        with Redis.from_url(url) as client:
            return bool(client.ping())
    except RedisError:
        return False


def test_fleet_works_with_the_rights_of_its_user(broker, stub, settings_of, workers, tmp_path):  # noqa: F811
    """A worker and a reconciler, from hint to scorecard; nothing that they do is refused."""
    with closing(Services(settings=settings_of(stub, broker_url=broker))) as services:
        hand_in(services, 4)
        start(services)
        worker = workers(services, slots=2)

        tick_until(services, lambda: states(services) == {"done": 4})

        wait_until(lambda: services.hints.length() == 0, 10, worker)
        time.sleep(RESTORES_EVERY_S)  # what was left unacknowledged is looked for, under a lock
    with Redis.from_url(re.sub(r"debrief:\w+@", f"{OWNER}:{OWNER}@", broker)) as owner:
        assert [] == owner.acl_log()
        assert b"debrief:_kombu.binding.hints" in owner.keys("*")
    assert worker.poll() is None
    assert "Traceback" not in (tmp_path / "worker-0.log").read_text()


def test_user_can_do_nothing_else(broker):
    """Neither see other keys, nor empty the server, nor change it; and without a password nobody is let in."""
    with Redis.from_url(broker) as client:
        for refused in (
            lambda: client.set("other", 1),
            lambda: client.get("other"),
            client.flushall,
            lambda: client.keys("*"),
            lambda: client.config_get("*"),
            client.acl_list,
        ):
            with pytest.raises((NoPermissionError, ResponseError), match=r"(?i)no permissions"):
                refused()
    with Redis.from_url(re.sub(r"debrief:\w+@", "", broker)) as nobody, pytest.raises(RedisError):
        nobody.ping()
