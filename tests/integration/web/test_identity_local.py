"""One machine: a link from the terminal, the session that it opens, and what forms and tokens must bring."""

import re

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import text

from evaluator.people import ROLES
from evaluator.storage.audit import entries, verify
from evaluator.storage.sessions import session_viewer
from evaluator.web.entrance import local_login_link
from evaluator.web.identity import LINK_LASTS, ONE_MACHINE
from tests.integration.storage.builders import change
from tests.integration.web.conftest import LOOPBACK, a_person, a_token, sign_in


@pytest.fixture
def link(database):
    """The token of a new link."""
    with database.begin() as db:
        return local_login_link(db)


def enter(client, link, **headers):
    """Presses the button of the link's page."""
    return client.post("/enter", data={"link": link}, headers={"Origin": LOOPBACK, **headers})


def acts(database):
    """What the audit holds, oldest first."""
    with database.begin() as db:
        assert verify(db) is None
        return [(entry.action, entry.object) for entry in reversed(entries(db))]


def test_a_page_without_a_session_leads_to_the_login_and_back(client):
    """The address that was asked for goes along, its query too."""
    answer = client.get("/runs?state=open&q=a%20b")

    assert (303, "/login?next=/runs%3Fstate%3Dopen%26q%3Da%2520b") == (answer.status_code, answer.headers["location"])


def test_the_login_page_says_how_to_get_a_link(client):
    """The command is there to copy."""
    assert "debrief login" in client.get("/login").text


def test_machines_without_a_session_get_problem_json(client):
    """And how to say who they are."""
    answer = client.get("/interviews", headers={"Accept": "application/json"})

    assert (401, "http_401") == (answer.status_code, answer.json()["code"])
    assert answer.headers["www-authenticate"].startswith("Bearer")


def test_a_link_signs_in_once(client, link, database):
    """Looking at its page does not use it up; pressing the button does, for good."""
    for _ in range(2):
        assert f'value="{link}"' in client.get(f"/enter?link={link}").text

    first, second = enter(client, link), enter(client, link)

    assert (303, "/interviews", 403) == (first.status_code, first.headers["location"], second.status_code)
    assert 200 == client.get("/account").status_code
    assert [("login_link.create", "person:1"), ("session.open", "person:1")] == acts(database)


def test_a_link_ends_after_a_quarter_of_an_hour(client, link, database):
    """By the database's clock."""
    change(database, "UPDATE login_link SET ends_at = ends_at - :lasts", lasts=LINK_LASTS)

    assert 403 == enter(client, link).status_code
    assert "debrief" not in client.cookies


@pytest.mark.parametrize("link", ["", "x", "x" * 43, "é" * 40, "a\x00b"])
def test_a_link_that_was_never_given_signs_nobody_in(client, link):
    """Nor breaks anything."""
    assert 403 == enter(client, link).status_code


@pytest.mark.parametrize(
    "headers", [{"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}]
)
def test_another_site_cannot_sign_a_browser_in(client, link, headers):
    """It could otherwise make somebody work in a session that it knows."""
    assert 403 == enter(client, link, **headers).status_code
    assert 303 == enter(client, link).status_code


def test_the_session_cookie_is_out_of_reach_of_scripts_and_other_sites(client, link):
    """On loopback there is no TLS, so it is not Secure and has no __Host- name."""
    name, *flags = (part.strip().lower() for part in enter(client, link).headers["set-cookie"].split(";"))

    assert name.startswith("debrief=")
    assert {"httponly", "samesite=lax", "path=/", "max-age=43200"} == set(flags)


@pytest.mark.parametrize("cookie", ["", "x", "x" * 43, "x" * 5_000, '"; drop table', "é" * 40])
def test_a_cookie_that_was_never_given_is_nobodys(client, cookie):
    """It leads to the login, whatever it is."""
    assert 303 == client.get("/account", headers={"Cookie": f"debrief={cookie}".encode()}).status_code


def test_an_unused_session_ends(client, admin, database):
    """After the hour that the settings give by default."""
    change(database, "UPDATE session SET seen_at = seen_at - interval '61 minutes'")

    assert 303 == client.get("/account").status_code


def test_a_session_ends_however_much_it_is_used(client, admin, database):
    """After twelve hours by default."""
    change(database, "UPDATE session SET ends_at = clock_timestamp()")

    assert 303 == client.get("/account").status_code


def test_signing_out_ends_the_session_on_the_server(client, admin, database):
    """A copy of the cookie is worth nothing afterwards."""
    kept = client.cookies["debrief"]

    answer = client.post("/logout", data={"csrf": admin})

    assert (303, "/login") == (answer.status_code, answer.headers["location"])
    assert re.match('debrief="";.* Max-Age=0;', answer.headers["set-cookie"])
    with database.begin() as db:
        assert session_viewer(db, kept, ONE_MACHINE.idle) is None


FORGED = {
    "no form token": ({}, {}),
    "an empty one": ({"csrf": ""}, {}),
    "another's": ({"csrf": "x" * 43}, {}),
    "letters of other alphabets": ({"csrf": "é"}, {}),
    "from another site": (None, {"Origin": "http://evil.example"}),
    "from another port": (None, {"Origin": "http://127.0.0.1:8000"}),
    "from a page without origin": (None, {"Origin": "null"}),
    "from TLS that is not ours": (None, {"Origin": "https://127.0.0.1"}),
    "from another site, as browsers say": (None, {"Sec-Fetch-Site": "cross-site"}),
    "a wrong header": (None, {"X-CSRF-Token": "wrong"}),
}


@pytest.mark.parametrize(("form", "headers"), FORGED.values(), ids=FORGED.keys())
def test_a_form_that_was_not_ours_changes_nothing(client, admin, form, headers):
    """The session is still there."""
    answer = client.post("/logout", data={"csrf": admin} if form is None else form, headers=headers)

    assert (403, 200) == (answer.status_code, client.get("/account").status_code)


def test_a_form_whose_sender_the_browser_does_not_name_changes_nothing(client, admin):
    """All browsers of today name it in one of two ways."""
    del client.headers["Origin"]

    assert 403 == client.post("/logout", data={"csrf": admin}).status_code


@pytest.mark.parametrize("send", ["field", "multipart", "header"])
def test_a_form_of_ours_is_taken(client, admin, send):
    """The word may stand in the form, or in a header that scripts set."""
    more = {
        "field": {"data": {"csrf": admin}},
        "multipart": {"files": {"csrf": (None, admin)}},
        "header": {"headers": {"X-CSRF-Token": admin}},
    }[send]

    assert 303 == client.post("/logout", **more).status_code


def test_a_form_token_is_one_sessions_own(client, admin, database, app):
    """Another session's word does not do."""
    other = TestClient(app, base_url=LOOPBACK, follow_redirects=False)
    theirs = sign_in(other, database, a_person(database, "second"))

    assert 403 == client.post("/logout", data={"csrf": theirs}).status_code


def test_a_token_reads_without_a_cookie_and_changes_nothing_without_its_scope(client, database):
    """It is its owner with fewer rights."""
    client.headers["Authorization"] = f"Bearer {a_token(database, a_person(database, admin=True), 'read')}"

    assert (200, 403) == (client.get("/interviews").status_code, client.get("/people").status_code)


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer ", "Bearer x", "Basic YTpi", "Bearer dbr_" + "x" * 43, "dbr_" + "x" * 43]
)
def test_with_a_wrong_token_a_cookie_does_not_count(client, admin, header):
    """Whoever says who they are is asked for nothing else."""
    assert 401 == client.get("/account", headers={"Authorization": header}).status_code


def test_two_tokens_are_none(client, database):
    """What stands behind could read the other one."""
    token = a_token(database, a_person(database, admin=True), "read")

    answer = client.get("/interviews", headers=[("Authorization", f"Bearer {token}"), ("Authorization", "Bearer x")])

    assert 401 == answer.status_code


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE api_token SET revoked_at = clock_timestamp()",
        "UPDATE api_token SET ends_at = clock_timestamp()",
        "UPDATE person SET active = false",
    ],
)
def test_a_token_that_is_over_is_none(client, database, statement):
    """Revoked, ended, or its owner was deactivated."""
    client.headers["Authorization"] = f"Bearer {a_token(database, a_person(database, admin=True), 'read')}"
    before = client.get("/interviews").status_code
    change(database, statement)

    assert (200, 401) == (before, client.get("/interviews").status_code)


def made(client, csrf, **form):
    """Asks for a new token."""
    return client.post("/account/tokens", data={"csrf": csrf, "name": "ci", "days": "30", "scopes": ["read"]} | form)


def test_a_token_is_made_and_shown_once(client, admin, database):
    """The database has its hash only, and the audit what it is for."""
    page = made(client, admin, scopes=["read", "operate"]).text
    token = next(word for word in page.replace("<", " ").replace(">", " ").split() if word.startswith("dbr_"))

    assert token not in client.get("/account").text
    assert (
        200
        == TestClient(client.app, base_url=LOOPBACK, headers={"Authorization": f"Bearer {token}"})
        .get("/interviews")
        .status_code
    )
    with database.begin() as db:
        assert not [row for row in db.execute(text("SELECT * FROM api_token")) if token in str(row)]
    assert [("token.create", "person:1")] == acts(database)


@pytest.mark.parametrize(
    "form", [{"days": "366"}, {"days": "0"}, {"days": "x"}, {"scopes": []}, {"scopes": ["all"]}, {"name": ""}]
)
def test_a_token_that_cannot_be_is_refused(client, admin, form):
    """The page says which field; the value is not repeated."""
    answer = made(client, admin, **form)

    assert (422, True) == (answer.status_code, next(iter(form)) in answer.text)


def test_a_token_is_revoked_by_its_owner_alone(client, admin, database):
    """Numbers can be guessed; owners can't."""
    a_token(database, a_person(database, "second"), "read")
    a_token(database, 1, "read")

    answers = [client.post(f"/account/tokens/{n}/revoke", data={"csrf": admin}).status_code for n in (1, 2)]

    assert [404, 303] == answers
    with database.begin() as db:
        rows = db.execute(text("SELECT id, revoked_at IS NULL FROM api_token ORDER BY id")).all()
    assert [(1, True), (2, False)] == [tuple(row) for row in rows]


def test_one_signs_out_everywhere_else(client, admin, database, app):
    """The other browser is out, this one is not."""
    other = TestClient(app, base_url=LOOPBACK, follow_redirects=False)
    sign_in(other, database, 1)

    client.post("/account/sessions/end-others", data={"csrf": admin})

    assert (200, 303) == (client.get("/account").status_code, other.get("/account").status_code)


def test_an_administrator_makes_another_and_shuts_people_out(client, admin, database, app):
    """What they may do follows at once, and each step is in the audit."""
    second = a_person(database, "second")
    other = TestClient(app, base_url=LOOPBACK, follow_redirects=False)
    sign_in(other, database, second)
    seen = [other.get("/people").status_code]
    for path, form in (("admin", {"admin": "true"}), ("active", {"active": "false"}), ("active", {"active": "true"})):
        assert 303 == client.post(f"/people/{second}/{path}", data={"csrf": admin, **form}).status_code
        seen.append(other.get("/people").status_code)

    assert [403, 200, 303, 303] == seen
    assert ["person.admin", "person.active", "person.active"] == [action for action, _ in acts(database)]


@pytest.mark.parametrize(("path", "form"), [("admin", {"admin": "false"}), ("active", {"active": "false"})])
def test_nobody_shuts_themselves_out(client, admin, path, form):
    """So there is always an administrator."""
    assert 409 == client.post(f"/people/1/{path}", data={"csrf": admin, **form}).status_code


def test_names_of_people_are_markup_nowhere(client, admin, database):
    """Whatever the provider calls them."""
    change(database, "UPDATE person SET name = '<script>alert(1)</script>' || chr(8238)")

    pages = [client.get(path).text for path in ("/people", "/account", "/interviews")]

    assert not [page for page in pages if "<script>alert" in page or chr(8238) in page]


@pytest.mark.parametrize("role", ROLES)
def test_the_account_page_says_ones_roles(client, database, role):
    """In words."""
    sign_in(client, database, a_person(database, "second", roles=[("REQ-1", role)]))

    assert role.replace("_", " ") in client.get("/account").text


def test_every_form_carries_its_word(client, admin):
    """None of the pages forgets it."""
    for path in ("/account", "/people"):
        page = client.get(path).text

        assert page.count('method="post"') == page.count(f'name="csrf" value="{admin}"') > 0
