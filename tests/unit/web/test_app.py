"""What every answer keeps, whatever stands behind the pages: here PostgreSQL is down."""

import logging
import re

import pytest
from fastapi.testclient import TestClient

from evaluator.people import Viewer
from evaluator.storage.database import Database
from evaluator.web.app import create_app
from evaluator.web.identity import ONE_MACHINE, Visit
from tests.fakes import MemoryStore

NOBODY = "postgresql://debrief:secret-password@127.0.0.1:1/debrief"  # port 1: refused at once


class OpenGate:
    """Lets everybody in as an administrator, without asking a database; the real gate is tested on PostgreSQL."""

    access = ONE_MACHINE

    def admit(self, request, need):
        """The same visit for all."""
        return Visit(viewer=Viewer(person_id=1, name="Ada", admin=True, entry="session"), csrf="x")


def pages_over(database):
    """The pages, behind an open gate."""
    app = create_app(database, MemoryStore(), version="1.2.3")
    app.state.gate = OpenGate()
    return TestClient(app, base_url="http://127.0.0.1")


@pytest.fixture
def client():
    """The pages over a database that refuses every connection."""
    database = Database(NOBODY)
    with pages_over(database) as client:
        yield client
    database.close()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost:8321", "[::1]:8321", "LOCALHOST"])
def test_this_machine_is_served_under_its_names(client, host):
    """Any port will do: a tunnel may change it."""
    assert 200 == client.get("/livez", headers={"Host": host}).status_code


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "localhost@evil.example", "", "localhost:", "[::1", "127.0.0.2"]
)
def test_any_other_host_is_refused(client, host):
    """A name that an attacker points at this machine gets nothing (DNS rebinding)."""
    answer = client.get("/interviews", headers={"Host": host})

    assert 400 == answer.status_code
    assert "served to this machine only" in answer.text


@pytest.mark.parametrize("path", ["/livez", "/static/site.css", "/nothing", "/interviews", "/"])
def test_every_answer_carries_the_headers(client, path):
    """Pages, errors and style alike: no frame, no cache, no referrer to elsewhere."""
    headers = client.get(path, follow_redirects=False).headers

    assert headers["content-security-policy"].startswith("default-src 'none'; style-src 'self';")
    assert ("nosniff", "same-origin", "no-store") == (
        headers["x-content-type-options"],
        headers["referrer-policy"],
        headers["cache-control"],
    )
    assert re.fullmatch("[0-9a-f]{12}", headers["x-request-id"])


def test_a_refused_host_carries_the_headers_too(client):
    """The refusal itself is an answer."""
    headers = client.get("/", headers={"Host": "evil.example"}).headers

    assert "frame-ancestors 'none'" in headers["content-security-policy"]


def test_each_request_has_its_own_id(client):
    """An id leads to one request."""
    first, second = client.get("/livez").headers["x-request-id"], client.get("/livez").headers["x-request-id"]

    assert first != second


def test_livez_and_version_need_no_service(client):
    """They say that this process answers, and which version it is."""
    assert {"status": "alive"} == client.get("/livez").json()
    assert {"name": "debrief", "version": "1.2.3"} == client.get("/version").json()


def test_the_first_page_is_the_list(client):
    """The root leads on."""
    answer = client.get("/", follow_redirects=False)

    assert (307, "/interviews") == (answer.status_code, answer.headers["location"])


def test_a_database_that_is_down_is_a_503_page(client):
    """Cause, request id, and a way to try again; neither traceback nor password."""
    answer = client.get("/interviews")

    assert (503, "10") == (answer.status_code, answer.headers["retry-after"])
    assert "PostgreSQL at 127.0.0.1:1/debrief cannot be used" in answer.text
    assert answer.headers["x-request-id"] in answer.text
    assert "Try again" in answer.text
    assert "secret-password" not in answer.text
    assert "Traceback" not in answer.text


@pytest.mark.parametrize(
    ("path", "headers"), [("/scorecards/sc_1.json", {}), ("/interviews", {"Accept": "application/json"})]
)
def test_machines_get_problem_json(client, path, headers):
    """By the address or by what they accept, in the form of RFC 9457."""
    answer = client.get(path, headers=headers)

    assert "application/problem+json" == answer.headers["content-type"]
    assert (503, "database", answer.headers["x-request-id"]) == tuple(
        answer.json()[key] for key in ("status", "code", "request_id")
    )


@pytest.mark.parametrize("path", ["/nothing", "/interviews/iv-1/nothing", "/scorecards/..%2Fx"])
def test_an_address_that_there_is_not_is_a_404_page(client, path):
    """No route leads there, so PostgreSQL, which is down here, is not asked."""
    assert 404 == client.get(path).status_code


@pytest.mark.parametrize("query", ["requisition=a%00b", "run=%27--", "after=x", "requisition=" + "a" * 65])
def test_a_filter_that_names_nothing_is_a_400_page(client, query):
    """Forged filters and cursors are told apart from empty results."""
    answer = client.get(f"/interviews?{query}")

    assert 400 == answer.status_code
    assert "<h1>This address cannot be used</h1>" in answer.text


def test_pages_cannot_be_written_to(client):
    """Only forms have addresses that take something."""
    assert 405 == client.post("/interviews").status_code


@pytest.mark.parametrize("path", ["/docs", "/redoc", "/openapi.json"])
def test_there_is_no_page_from_a_third_party(client, path):
    """Interactive documentation would load scripts from elsewhere."""
    assert 404 == client.get(path).status_code


def test_head_is_answered_like_get(client):
    """Health checks and link checkers ask with HEAD."""
    answer = client.head("/livez")

    assert (200, b"") == (answer.status_code, answer.content)


WORDS = "the candidate said something private"


class BrokenDatabase:
    """Fails in a way that nobody knows, with words of a transcript in its message."""

    def begin(self):
        """Raises."""
        raise ValueError(WORDS)


def test_a_bug_is_a_page_and_a_log_line_without_its_message(caplog):
    """The place is logged under the request id; what was said is neither shown nor logged."""
    client = pages_over(BrokenDatabase())

    with caplog.at_level(logging.ERROR, logger="evaluator.web.guard"):
        answer = client.get("/interviews")

    assert 500 == answer.status_code
    assert answer.headers["x-request-id"] in answer.text
    assert answer.headers["x-request-id"] in caplog.text
    assert "ValueError" in caplog.text
    assert WORDS not in answer.text + caplog.text
    assert "Traceback" not in answer.text
