"""What is settled before any row is read: hosts, sizes, who sends a form, where a login may lead, who may be served."""

import socket

import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr

from evaluator.errors import UsageFault
from evaluator.settings import Settings
from evaluator.storage.database import Database
from evaluator.web.app import create_app
from evaluator.web.guard import BODY_BYTES_MAX
from evaluator.web.identity import HOME, ONE_MACHINE, Access, Provider, access_of, local_path
from evaluator.web.rights import Public, routes
from evaluator.web.serving import HEAD_BYTES_MAX, serve, serving
from tests.fakes import MemoryStore

FOREIGN = Provider(issuer="https://login.example", client_id="debrief", client_secret=SecretStr("s3cr3t"))
PUBLIC = Access(web_url="https://debrief.example:8443", provider=FOREIGN)


@pytest.fixture
def made():
    """Makes the pages over a database that refuses every connection."""
    database = Database("postgresql://debrief@127.0.0.1:1/debrief")
    yield lambda access=ONE_MACHINE: create_app(database, MemoryStore(), version="1", access=access)
    database.close()


@pytest.fixture
def client(made):
    """A browser on this machine."""
    return TestClient(made(), base_url="http://127.0.0.1", follow_redirects=False)


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("debrief.example:8443", 200),
        ("DEBRIEF.example:8443", 200),
        ("debrief.example", 400),
        ("debrief.example:8443.evil.example", 400),
        ("127.0.0.1", 400),
        ("localhost", 400),
        ("", 400),
    ],
)
def test_behind_a_provider_only_the_public_host_is_served(made, host, status):
    """Loopback's names would let a page of another site in (DNS rebinding)."""
    assert status == TestClient(made(PUBLIC), base_url=PUBLIC.web_url).get("/livez", headers={"Host": host}).status_code


def test_a_forwarded_host_is_not_believed(client):
    """Everybody can send the header."""
    headers = {"Host": "evil.example", "X-Forwarded-Host": "127.0.0.1", "Forwarded": "host=127.0.0.1"}

    assert 400 == client.get("/livez", headers=headers).status_code


def test_scripts_and_media_come_from_here_alone(client):
    """Nothing inline, nothing from elsewhere, no forms to elsewhere."""
    policy = client.get("/livez").headers["content-security-policy"]

    assert {
        "default-src 'none'",
        "script-src 'self'",
        "media-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    } <= set(policy.split("; "))
    assert "unsafe" not in policy


def test_referrers_stay_here_and_origins_are_named(client):
    """With no-referrer, browsers would send our own forms with the origin `null`."""
    assert "same-origin" == client.get("/livez").headers["referrer-policy"]


def test_the_ways_in_are_those_of_the_provider_or_of_one_machine(made):
    """Never both; all else is the same."""
    here, behind = ({f"{min(r.methods)} {r.path}": r.need for r in routes(made(a))} for a in (ONE_MACHINE, PUBLIC))

    assert {"GET /enter": Public(), "POST /enter": Public()}.items() == here.items() - behind.items()
    assert {"GET /login/start", "GET /login/callback"} == behind.keys() - here.keys()


def test_an_address_with_one_slash_too_many_is_none(client):
    """A redirect would name a scheme, and behind a proxy it would be the wrong one."""
    assert 404 == client.get("/livez/").status_code


@pytest.mark.parametrize("announced", [str(BODY_BYTES_MAX + 1), "9" * 40])
def test_a_body_that_is_announced_too_large_is_not_read(client, announced):
    """413, with all headers of an answer."""
    headers = {"Content-Length": announced, "Origin": "http://127.0.0.1"}

    answer = client.post("/enter", content=b"x", headers=headers)

    assert (413, True) == (answer.status_code, "x-request-id" in answer.headers)


def test_a_body_that_grows_too_large_is_cut_off(client):
    """Although nothing was announced."""
    parts = (b"link=" + b"x" * 65_536 for _ in range(32))
    headers = {"Origin": "http://127.0.0.1", "Content-Type": "application/x-www-form-urlencoded"}

    assert 413 == client.post("/enter", content=parts, headers=headers).status_code


def test_a_body_within_the_limit_is_read(client):
    """It reaches the handler, which finds the link too long."""
    headers = {"Origin": "http://127.0.0.1", "Content-Type": "application/x-www-form-urlencoded"}

    assert 422 == client.post("/enter", content=b"link=" + b"x" * 500_000, headers=headers).status_code


def test_the_head_of_a_request_is_bounded(made):
    """First line and headers together; the server answers 400 without waiting for the end."""
    with serving(made()) as url, socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])), 5) as peer:
        peer.sendall(b"GET /livez?" + b"x" * HEAD_BYTES_MAX)

        assert b"HTTP/1.1 400" == peer.recv(12)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "null"},
        {"Origin": "http://evil.example"},
        {"Origin": "http://127.0.0.1:80"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Origin": "http://127.0.0.1", "Sec-Fetch-Site": "cross-site"},
    ],
)
def test_what_another_site_sends_is_refused_before_anything_is_asked(client, headers):
    """The database is down here, and is not missed."""
    assert 403 == client.post("/logout", headers=headers).status_code


@pytest.mark.parametrize("path", ["/interviews", "/interviews/iv-1", "/runs", "/account", "/people"])
def test_nobody_is_sent_to_the_login_without_asking_the_database(client, path):
    """Without a cookie there is nobody to look for."""
    answer = client.get(path)

    assert (303, "/login") == (answer.status_code, answer.headers["location"].partition("?")[0])


def test_a_session_that_cannot_be_looked_up_is_a_503_page(client):
    """Not a login page: the reader is still signed in when the database is back."""
    client.cookies.set("debrief", "x" * 43)

    assert 503 == client.get("/interviews").status_code


LEADS = {
    "/runs": "/runs",
    "/interviews?requisition=REQ-1&after=x": "/interviews?requisition=REQ-1&after=x",
    "/interviews/iv-1/transcript#t=723": "/interviews/iv-1/transcript#t=723",
    "": HOME,
    "interviews": HOME,
    "//evil.example": HOME,
    "///evil.example": HOME,
    "/\\evil.example": HOME,
    "\\\\evil.example": HOME,
    "https://evil.example": HOME,
    "https:evil.example": HOME,
    "javascript:alert(1)": HOME,
    "/\t/evil.example": HOME,
    "/\r\nSet-Cookie: a=b": HOME,
    "/login?next=/login": HOME,
    "/enter?link=x": HOME,
    "/" + "x" * 2_001: HOME,
}


@pytest.mark.parametrize(("wanted", "led"), LEADS.items())
def test_a_login_leads_to_paths_of_ours_alone(wanted, led):
    """Everything else leads to the first page."""
    assert led == local_path(wanted)


SET = {
    "web_url": "https://debrief.example/",
    "oidc_issuer": "https://login.example/realm",
    "oidc_client_id": "debrief",
    "oidc_client_secret": SecretStr("s3cr3t"),
}


def test_without_a_provider_it_is_one_machine():
    """A link on the terminal is the login."""
    assert access_of(Settings()).one_machine


def test_a_provider_is_read_from_the_settings():
    """With the public address as browsers name the origin, and the times."""
    access = access_of(Settings(**SET, oidc_admins="u1, ada@example.org,", session_idle_minutes=5, session_hours=1))

    assert ("https://debrief.example", {"u1", "ada@example.org"}) == (access.web_url, access.admins)
    assert (300.0, 3600.0) == (access.idle.total_seconds(), access.absolute.total_seconds())
    assert "s3cr3t" not in repr(access)


@pytest.mark.parametrize("given", SET)
def test_half_a_provider_names_all_that_is_missing(given):
    """One message for one correction, without a value."""
    with pytest.raises(UsageFault) as caught:
        access_of(Settings(**{given: SET[given]}))

    named = {name for name in SET if f"DEBRIEF_{name.upper()}" in str(caught.value)}
    assert set(SET) == named
    assert "example" not in str(caught.value)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.org", ""])
def test_others_are_served_only_behind_a_provider(made, host):
    """The refusal names every variable that is missing."""
    with pytest.raises(UsageFault) as caught:
        serve(made(), host, 0)

    assert not [name for name in SET if f"DEBRIEF_{name.upper()}" not in str(caught.value)]


def test_behind_a_provider_others_are_served(made):
    """The address is open; the host must still be the public one."""
    with serving(made(PUBLIC), "0.0.0.0") as url:
        port = int(url.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), 5) as peer:
            peer.sendall(b"GET /livez HTTP/1.1\r\nHost: debrief.example:8443\r\nConnection: close\r\n\r\n")
            served = peer.recv(12)

    assert b"HTTP/1.1 200" == served


def test_a_host_that_is_nobodys_names_the_way_out(made):
    """Also behind a provider."""
    with pytest.raises(UsageFault, match=r"use an address of this machine, or 0\.0\.0\.0"):
        serve(made(PUBLIC), "no-such-host.invalid", 0)


def test_a_request_is_logged_by_its_route_and_nothing_of_its_address(client, caplog):
    """Addresses hold ids, filters, and what opens a login."""
    caplog.set_level("INFO", logger="evaluator.web.guard")
    client.get("/enter?token=s3cr3t-token")
    client.get("/s3cr3t-token/page")

    lines = [record.__dict__ for record in caplog.records if record.getMessage() == "answered"]
    assert [("GET", "/enter"), ("GET", "-")] == [(line["method"], line["route"]) for line in lines]
    assert "s3cr3t" not in str(lines)


def test_what_is_asked_every_few_seconds_is_logged_at_debug_only(client, caplog):
    """Probes and scrapes would be most of the log."""
    caplog.set_level("INFO", logger="evaluator.web.guard")
    client.get("/livez")

    assert not caplog.records
