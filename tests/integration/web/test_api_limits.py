"""What is too large, too deep, of another kind, or no text that a row can hold is refused, and nothing fails."""

import json

import pytest
from fastapi.testclient import TestClient

from evaluator.web.app import create_app
from evaluator.web.bodies import DEPTH_MAX, QUERY_BYTES_MAX, VALUES_MAX
from tests.fakes import MemoryStore
from tests.integration.web.conftest import LOOPBACK, a_person, sign_in

JSON = "application/json"
VIEWS = "/v1/views"


@pytest.fixture
def session(database):
    """The administrator's browser, with what its scripts send."""
    client = TestClient(create_app(database, MemoryStore(), version="1"), base_url=LOOPBACK, follow_redirects=False)
    client.headers["X-CSRF-Token"] = sign_in(client, database, a_person(database, admin=True))
    return client


def refused(answer):
    """Status and code of the problem."""
    assert "application/problem+json" == answer.headers["content-type"], answer.text
    return answer.status_code, answer.json()["code"]


def post(session, content, kind=JSON):
    """What the saved views say to this body."""
    return session.post(VIEWS, content=content, headers={"Content-Type": kind} if kind else {})


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"", 422),
        (b"{", 422),
        (b"\xff\xfe{}", 422),
        (b'{"name": NaN}', 422),
        (b'{"name": "a", "name": "b"}', 422),
        (b'{"name": "a\\u0000b"}', 422),
        (b'{"name": "\\ud800"}', 422),
        (b'{"name\\u0000": 1}', 422),
        (b'{"name": 1e999}', 422),
        (b'{"name": ' + b"9" * 5_000 + b"}", 422),
        (b"[" * (DEPTH_MAX + 1) + b"]" * (DEPTH_MAX + 1), 422),
        (b"[" * 100_000, 422),
        (b"[" + b"1," * VALUES_MAX + b"1]", 413),
        (b'"' + b"a" * 2**20 + b'"', 413),
        (b'["' + b"[,{" * 1_000 + b'"]', 422),  # inside a text they are none; the body is still no view
    ],
)
def test_a_body_that_no_handler_should_see_is_refused(session, content, status):
    """With what is wrong, and never what was sent."""
    answer = post(session, content)

    assert (status, True) == (refused(answer)[0], len(answer.content) < 2_000)


def test_a_body_as_deep_as_may_be_reaches_the_model(session):
    """Which says what it misses."""
    answer = post(session, json.dumps({"filters": [[[[[1]]]]]}))

    assert "name: Field required" in answer.json()["detail"]


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", None]
)
def test_what_is_no_json_is_refused_as_such(session, kind):
    """Also what a form of another site could send."""
    assert (415, "unsupported_media_type") == refused(post(session, b'{"name": "a"}', kind))


@pytest.mark.parametrize("kind", ["application/json", "application/json; charset=utf-8", "Application/JSON"])
def test_json_is_json_however_it_is_spelt(session, kind):
    """By case and with a charset."""
    assert 201 == post(session, b'{"name": "a"}', kind).status_code


def test_a_session_needs_its_word_in_the_header(session):
    """There is no form to put it into."""
    del session.headers["X-CSRF-Token"]

    assert (403, "forbidden") == refused(post(session, b'{"name": "a"}'))


@pytest.mark.parametrize("path", ["/interviews", "/v1/interviews", "/login", "/runs", "/v1/rubrics", "/account"])
def test_an_address_with_a_nul_is_refused(session, path):
    """In whatever parameter."""
    assert 400 == session.get(f"{path}?q=a%00b").status_code


@pytest.mark.parametrize("path", ["/interviews", "/v1/interviews"])
def test_an_address_that_is_too_long_is_refused(session, path):
    """A page or a problem."""
    assert 414 == session.get(path, params={"q": "a" * QUERY_BYTES_MAX}).status_code


@pytest.mark.parametrize("text", ["a\x00b", "\x00"])
def test_a_form_with_a_nul_is_refused(session, text):
    """In the name of a field too."""
    form = {"csrf": session.headers.pop("X-CSRF-Token")}

    found = [session.post("/views", data={**form, "name": text}), session.post("/views", data={**form, text: "a"})]

    assert [422, 422] == [r.status_code for r in found]


@pytest.mark.parametrize(
    "path",
    [
        "/v1/views/0",
        "/v1/views/9223372036854775808",
        "/v1/views/" + "9" * 400,
        "/v1/views/1e3",
        "/v1/runs/%00",
        "/v1/runs/..",
        "/v1/interviews/a%0Ab",
        "/v1/scorecards/%ED%A0%80",
        "/v1/rubrics/a/%FF",
    ],
)
def test_an_id_that_can_be_nobodys_is_refused(session, path):
    """Without a question to the database that it cannot answer."""
    assert session.get(path).status_code in {404, 422}


def test_a_method_that_is_not_there_is_told_which_are(session):
    """All of the address, in one list."""
    found = session.request("PATCH", VIEWS)
    one = session.request("POST", f"{VIEWS}/1")

    assert (405, {"GET", "HEAD", "POST"}) == (found.status_code, set(found.headers["allow"].split(", ")))
    assert (405, {"GET", "HEAD", "PUT", "DELETE"}) == (one.status_code, set(one.headers["allow"].split(", ")))
