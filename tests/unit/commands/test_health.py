"""`debrief serve --check`: asks the pages that are served here whether they are ready, by their own name."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from evaluator.commands.health import check_ready
from evaluator.errors import EmbeddedFailed
from evaluator.settings import Settings


class Pages(HTTPServer):
    """Answers as it is told, and keeps what it was asked."""

    status = 200

    def __init__(self) -> None:
        self.asked: list[tuple[str, str | None]] = []
        super().__init__(("127.0.0.1", 0), Asked)


class Asked(BaseHTTPRequestHandler):
    """One request."""

    server: Pages

    def do_GET(self) -> None:
        """The status, and a word."""
        self.server.asked.append((self.path, self.headers["Host"]))
        self.send_response(self.server.status)
        self.end_headers()
        self.wfile.write(b'{"database": "failing"}')

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def pages() -> Iterator[Pages]:
    """Pages on a free port."""
    with Pages() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_pages_behind_a_proxy_are_asked_by_their_public_name(pages, host):
    """Any other name they refuse; whoever listens everywhere listens on loopback too."""
    check_ready(Settings(web_host=host, web_port=pages.server_port, web_url="https://debrief.example:8443"))

    assert [("/readyz", "debrief.example:8443")] == pages.asked


def test_pages_of_one_machine_are_asked_by_their_address(pages):
    """As the browser does."""
    check_ready(Settings(web_port=pages.server_port))

    assert [("/readyz", f"127.0.0.1:{pages.server_port}")] == pages.asked


def test_what_is_not_ready_is_told(pages):
    """With the answer, which names what fails."""
    pages.status = 503

    with pytest.raises(EmbeddedFailed, match=r'/readyz answers 503: \{"database": "failing"\}'):
        check_ready(Settings(web_port=pages.server_port))


def test_pages_that_are_not_there_are_told():
    """An exit code of 4, for a supervisor to act on."""
    with pytest.raises(EmbeddedFailed, match="gives no answer") as raised:
        check_ready(Settings(web_port=1))

    assert 4 == raised.value.exit_code
