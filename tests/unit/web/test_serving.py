"""The pages on a real socket, on loopback only."""

import socket
import urllib.request

import pytest

from evaluator.errors import UsageFault
from evaluator.storage.database import Database
from evaluator.web.app import create_app
from evaluator.web.serving import serve, serving
from tests.fakes import MemoryStore

pytestmark = pytest.mark.timeout(30)


@pytest.fixture
def app():
    """Pages whose database is never asked."""
    database = Database("postgresql://debrief@127.0.0.1:1/debrief")
    yield create_app(database, MemoryStore(), version="1")
    database.close()


@pytest.fixture
def taken():
    """A port that somebody else listens on."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        yield other.getsockname()[1]


def fetched(url):
    """Status of the answer, without a proxy."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=5) as answer:
        return answer.status


def test_port_0_takes_a_free_one_and_gives_its_address(app):
    """What `serving` says is where the pages are."""
    with serving(app) as url:
        status = fetched(f"{url}/livez")

    assert 200 == status


def test_it_is_gone_after_the_block(app):
    """Nothing listens any more."""
    with serving(app) as url:
        pass

    with pytest.raises(OSError, match=r"refused"):
        fetched(f"{url}/livez")


def test_it_can_be_served_again_at_once_on_the_same_port(app):
    """A restart does not wait for the system to forget the old connections."""
    with serving(app) as url:
        fetched(f"{url}/livez")

    with serving(app, port=int(url.rpartition(":")[2])) as again:
        status = fetched(f"{again}/livez")

    assert 200 == status


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.org", ""])
def test_other_hosts_are_refused(app, host):
    """Without a login nobody else may read scorecards."""
    with pytest.raises(UsageFault, match="without a login provider the pages are served on loopback only"):
        serve(app, host, 0)


def test_a_port_in_use_names_the_way_out(app, taken):
    """One line that says which port and how to choose another."""
    with pytest.raises(UsageFault, match=rf"port {taken} is in use; .*DEBRIEF_WEB_PORT or --port"):
        serve(app, "127.0.0.1", taken)


def test_a_port_that_is_none_is_refused(app):
    """Numbers that no port has are a fault of usage, not a traceback."""
    with pytest.raises(UsageFault, match="port 70000 cannot be had"):
        serve(app, "127.0.0.1", 70_000)
