"""Login through an OpenID provider: what comes to a session, and every way in which it must not."""

import logging
import time
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from fastapi.testclient import TestClient
from joserfc.jwk import RSAKey
from pydantic import SecretStr
from sqlalchemy import text

from evaluator.web.app import create_app
from evaluator.web.identity import Access, Provider
from tests.fakes import MemoryStore
from tests.integration.web.provider import CLIENT_ID, CLIENT_SECRET, foreign_provider

PAGES = "https://debrief.example"


@pytest.fixture
def provider():
    """The foreign service."""
    with foreign_provider(f"{PAGES}/login/callback") as provider:
        yield provider


@pytest.fixture
def access(provider):
    """Its login for our pages; one administrator is named."""
    named = Provider(issuer=provider.issuer, client_id=CLIENT_ID, client_secret=SecretStr(CLIENT_SECRET))
    return Access(web_url=PAGES, provider=named, admins=frozenset({"Ada@example.org"}))


@pytest.fixture
def browser(database, access):
    """A browser before the login."""
    app = create_app(database, MemoryStore(), version="1", access=access)
    with TestClient(app, base_url=PAGES, follow_redirects=False) as browser:
        yield browser


def to_provider(browser, wanted="/account"):
    """Our redirect to the provider."""
    answer = browser.get("/login/start", params={"next": wanted})
    assert 303 == answer.status_code
    return answer.headers["location"]


def back(address):
    """Where the provider sends the browser: path and query of ours."""
    answer = httpx.get(address)
    assert 302 == answer.status_code
    parts = urlsplit(answer.headers["location"])
    assert PAGES == f"{parts.scheme}://{parts.netloc}"
    return f"{parts.path}?{parts.query}"


def signed_in(browser, wanted="/account"):
    """The whole way; the last answer."""
    return browser.get(back(to_provider(browser, wanted)))


def is_out(browser):
    """Whether the browser has no session."""
    return 303 == browser.get("/account").status_code and "__Host-debrief" not in browser.cookies


def people(database):
    """All rows."""
    with database.begin() as db:
        return [tuple(row) for row in db.execute(text("SELECT issuer, subject, name, admin FROM person ORDER BY id"))]


def test_a_login_leads_to_a_session_and_to_what_was_asked_for(browser, provider, database):
    """The person is known by the provider's own subject from then on."""
    answer = signed_in(browser)

    assert (303, "/account") == (answer.status_code, answer.headers["location"])
    assert "Grace Hopper" in browser.get("/account").text
    assert [(provider.issuer, "user-1", "Grace Hopper", False)] == people(database)


def test_the_session_cookie_is_for_this_host_over_tls_alone(browser):
    """Name and flags are what browsers enforce."""
    cookie = next(c for c in signed_in(browser).headers.get_list("set-cookie") if c.startswith("__Host-debrief="))

    flags = {part.strip().lower() for part in cookie.split(";")[1:]}
    assert {"httponly", "secure", "samesite=lax", "path=/"} <= flags
    assert not any(flag.startswith("domain") for flag in flags)


def test_a_second_login_is_the_same_person_under_a_new_name(browser, provider, database):
    """People change their names; their subject stays."""
    signed_in(browser)
    provider.person["name"] = "Grace Murray Hopper"

    signed_in(browser)

    assert ["Grace Murray Hopper"] == [name for _, _, name, _ in people(database)]


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("Grace\x00 Hopper\n", "Grace Hopper"),
        ("x" * 5_000, "x" * 200),
        ("\u202eGrace", "Grace"),
        (" \x00 ", "user@login"),
        (7, "user@login"),
    ],
)
def test_a_name_is_kept_as_it_can_be_shown(browser, provider, database, name, kept):
    """One line without what nobody can see; else the next that the provider gives."""
    provider.person |= {"name": name, "preferred_username": "user@login"}

    signed_in(browser)

    assert [kept] == [name for _, _, name, _ in people(database)]


@pytest.mark.parametrize(
    ("person", "admin"),
    [
        ({"email": "ada@example.org", "email_verified": True}, True),
        ({"email": "ada@example.org", "email_verified": False}, False),
        ({"email": "ada@example.org", "email_verified": "true"}, False),
        ({"sub": "Ada@example.org", "email": None}, True),
        ({"email": "grace@example.org"}, False),
    ],
)
def test_administrators_are_named_by_subject_or_verified_address(browser, provider, database, person, admin):
    """An address that nobody verified is a wish."""
    provider.person |= person

    signed_in(browser)

    assert [admin] == [is_admin for *_, is_admin in people(database)]


SPOILT = {
    "another nonce": {"nonce": "x" * 43},
    "no nonce": {"nonce": None},
    "expired": {"exp": 1_000_000_000, "iat": 999_999_000},
    "no expiry": {"exp": None},
    "from the future": {"iat": 4_000_000_000, "exp": 4_000_000_300},
    "another audience": {"aud": "somebody-else"},
    "no audience": {"aud": None},
    "several audiences, not for us": {"aud": [CLIENT_ID, "other"], "azp": "other"},
    "another issuer": {"iss": "https://evil.example"},
    "no subject": {"sub": None},
    "an empty subject": {"sub": ""},
    "a subject that is no text": {"sub": 5},
    "a subject with a NUL": {"sub": "user-1\x00"},
    "a subject that is too long": {"sub": "u" * 256},
}


@pytest.mark.parametrize("spoilt", SPOILT.values(), ids=SPOILT.keys())
def test_an_identity_token_that_is_not_right_is_no_login(browser, provider, database, spoilt, caplog):
    """No session, no person, and nothing of the token in the log."""
    provider.spoilt = spoilt

    with caplog.at_level(logging.DEBUG):
        answer = signed_in(browser)

    assert 403 == answer.status_code
    assert is_out(browser)
    assert [] == people(database)
    assert not [word for word in ("Grace", "grace@", "user-1", "eyJ") if word in caplog.text + answer.text]


def test_a_token_signed_with_a_key_that_the_provider_does_not_have_is_no_login(browser, provider):
    """Neither under a new key id nor under the known one."""
    for kid in ("k2", "k1"):
        provider.key = RSAKey.generate_key(2048, {"kid": kid}, private=True)

        assert 403 == signed_in(browser).status_code
        assert is_out(browser)


def test_keys_that_the_provider_changed_are_asked_for_again(browser, provider, monkeypatch):
    """An unknown key id leads to the new keys, once they may be asked for."""
    monkeypatch.setattr("evaluator.web.oidc.REFRESH_AFTER_S", 0.0)
    signed_in(browser)
    before = provider.asked_for_keys
    provider.key = RSAKey.generate_key(2048, {"kid": "k2"}, private=True)
    provider.published.append(provider.key)

    answer = signed_in(browser)

    assert (303, before + 1) == (answer.status_code, provider.asked_for_keys)


def test_a_state_that_is_not_this_browsers_is_no_login(browser):
    """Somebody else's way back, or a forged one."""
    other = back(to_provider(browser))
    mine = to_provider(browser)

    assert 403 == browser.get(other).status_code
    assert is_out(browser)
    assert parse_qs(urlsplit(mine).query)["state"] != parse_qs(urlsplit(other).query)["state"]


def test_a_way_back_without_the_browsers_own_cookie_is_no_login(browser):
    """A link that somebody sends around signs nobody in."""
    address = back(to_provider(browser))
    browser.cookies.clear()

    assert 403 == browser.get(address).status_code
    assert is_out(browser)


def test_a_cookie_that_we_did_not_seal_is_no_login(browser):
    """Its contents count only with our seal."""
    address = back(to_provider(browser))
    sealed = browser.cookies["__Host-debrief-login"]
    browser.cookies.clear()
    browser.cookies.set("__Host-debrief-login", sealed[:-1] + ("0" if sealed[-1] != "0" else "1"))

    assert 403 == browser.get(address).status_code
    assert is_out(browser)


def test_a_way_back_is_gone_once(browser):
    """Neither the cookie nor the code works again."""
    address = back(to_provider(browser))
    attempt = browser.cookies["__Host-debrief-login"]
    browser.get(address)
    browser.cookies.clear()

    without = browser.get(address)
    browser.cookies.set("__Host-debrief-login", attempt)
    replayed = browser.get(address)

    assert (403, 403) == (without.status_code, replayed.status_code)
    assert is_out(browser)


def test_a_login_that_takes_too_long_is_started_again(browser, monkeypatch):
    """Ten minutes from the button to the way back."""
    address = back(to_provider(browser))
    later = time.time() + 601
    monkeypatch.setattr(browser.app.state.openid, "_clock", lambda: later)

    assert 403 == browser.get(address).status_code


def test_a_login_that_the_provider_declined_says_so(browser):
    """Without what it said, which anybody could have written into the address."""
    state = parse_qs(urlsplit(to_provider(browser)).query)["state"][0]

    answer = browser.get("/login/callback", params={"error": "<b>access_denied</b>", "state": state})

    assert 403 == answer.status_code
    assert "access_denied" not in answer.text


@pytest.mark.parametrize(
    "wanted",
    ["//evil.example", "https://evil.example/", "/\\evil.example", "javascript:alert(1)", "/\t/evil", "/login"],
)
def test_a_login_leads_to_no_foreign_address(browser, wanted):
    """Only to paths of ours."""
    assert "/interviews" == signed_in(browser, wanted).headers["location"]


def test_each_login_has_its_own_secrets(browser):
    """State, nonce and challenge are never used twice."""
    first, second = (parse_qs(urlsplit(to_provider(browser)).query) for _ in range(2))

    assert not [name for name in ("state", "nonce", "code_challenge") if first[name] == second[name]]


def test_somebody_deactivated_does_not_come_in(browser, database):
    """Although the provider still knows them."""
    signed_in(browser)
    with database.begin() as db:
        db.execute(text("UPDATE person SET active = false"))

    assert is_out_after_login(browser)


def is_out_after_login(browser):
    """Signs in anew; whether that was refused."""
    browser.cookies.clear()
    return 403 == signed_in(browser).status_code and is_out(browser)


def test_a_login_takes_the_place_of_the_session_before(browser, database):
    """A session that somebody else had planted ends."""
    signed_in(browser)
    first = browser.cookies["__Host-debrief"]
    signed_in(browser)
    browser.cookies.clear()
    browser.cookies.set("__Host-debrief", first)

    assert 303 == browser.get("/account").status_code


def test_a_provider_that_does_not_answer_is_a_503_page(database):
    """It names the host, and nothing is lost."""
    gone = Provider(issuer="http://127.0.0.1:1", client_id="a", client_secret=SecretStr("b"))
    app = create_app(database, MemoryStore(), version="1", access=Access(web_url=PAGES, provider=gone))

    answer = TestClient(app, base_url=PAGES, follow_redirects=False).get("/login/start")

    assert 503 == answer.status_code
    assert "the login provider 127.0.0.1:1 cannot be reached" in answer.text


def test_a_provider_under_another_name_is_not_asked(browser, provider):
    """Its own description must say the issuer that the settings say."""
    provider.issuer = "https://evil.example"

    assert 503 == browser.get("/login/start").status_code


def test_there_are_no_links_of_one_machine_beside_a_provider(browser):
    """One way in at a time."""
    assert 404 == browser.get("/enter").status_code
    assert "debrief login" not in browser.get("/login").text


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost:8321", "debrief.example:8321", "evil.example", "DEBRIEF.example."]
)
def test_only_the_public_name_is_served(browser, host):
    """Also what a proxy says in its headers changes nothing."""
    answer = browser.get("/livez", headers={"Host": host, "X-Forwarded-Host": "debrief.example"})

    assert 400 == answer.status_code


def test_the_public_name_is_served_whatever_its_case_and_with_tls_from_then_on(browser):
    """Names have no case; browsers remember not to come without TLS."""
    answer = browser.get("/livez", headers={"Host": "Debrief.Example"})

    assert (200, "max-age=31536000") == (answer.status_code, answer.headers["strict-transport-security"])
