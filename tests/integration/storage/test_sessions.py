"""What lets somebody in, and for how long, by the database's clock; only digests are stored."""

import threading
from datetime import timedelta

import pytest

from evaluator.errors import NotFound, UsageFault
from evaluator.people import Viewer
from evaluator.storage.people import set_active
from evaluator.storage.sessions import (
    TOKEN_LASTS_MAX,
    TOKENS_MAX,
    api_tokens,
    close_session,
    csrf_of,
    new_api_token,
    new_login_link,
    open_session,
    revoke_api_token,
    session_viewer,
    token_viewer,
    use_login_link,
)
from evaluator.values import sha256
from tests.integration.storage.builders import a_person, change, rows

IDLE, DAY = timedelta(hours=1), timedelta(days=1)
READ = frozenset({"read"})
ODD = ["", "dbr_", "x" * 10_000, "\x00", "\ud800", "é", "'; DROP TABLE session; --"]


@pytest.fixture
def ada(database):
    """Somebody with a role."""
    return a_person(database, "ada", REQ_1=["reviewer"])


def opened(database, person_id, absolute=DAY):
    """A new session."""
    with database.begin() as db:
        return open_session(db, person_id, absolute)


def who(database, token, idle=IDLE):
    """The person of a session's token."""
    with database.begin() as db:
        found = session_viewer(db, token, idle)
    return None if found is None else found.viewer.person_id


def whose(database, token):
    """The person of an API token."""
    with database.begin() as db:
        found = token_viewer(db, token)
    return None if found is None else found.person_id


def a_token(database, person_id, lasts=DAY, scopes=READ):
    """A new API token."""
    with database.begin() as db:
        return new_api_token(db, person_id, "export", scopes, lasts)


def test_session_stands_for_its_person(database, ada):
    """With their roles, and the digest of what its forms carry."""
    new = opened(database, ada)

    with database.begin() as db:
        found = session_viewer(db, new.token, IDLE)
    roles = {"REQ-1": frozenset({"reviewer"})}
    assert Viewer(person_id=ada, name="Ada", roles=roles, entry="session") == found.viewer
    assert sha256(new.csrf.encode()) == found.csrf_sha256
    assert new.csrf == csrf_of(new.token)


def test_secrets_are_stored_nowhere(database, ada):
    """No table holds a token, a part of it, or what a form carries."""
    session = opened(database, ada)
    with database.begin() as db:
        link = new_login_link(db, ada, DAY)
    token = a_token(database, ada)
    stored = "".join(
        str(row) for table in ("session", "login_link", "api_token") for row in rows(database, f"SELECT * FROM {table}")
    )

    assert [] == [s for s in (session.token, session.csrf, link, token, token[4:]) if s in stored]
    assert all(sha256(secret.encode()) in stored for secret in (session.token, session.csrf, link, token))


def test_no_two_secrets_are_alike(database, ada):
    """Each has 32 bytes of chance; what a form carries is none of the token."""
    sessions = [opened(database, ada) for _ in range(5)]

    assert 10 == len({secret for one in sessions for secret in (one.token, one.csrf)})
    assert {43} == {len(secret) for one in sessions for secret in (one.token, one.csrf)}


@pytest.mark.parametrize("token", ODD)
def test_odd_token_lets_nobody_in(database, ada, token):
    """Whatever it holds."""
    opened(database, ada)
    with database.begin() as db:
        assert [None] * 3 == [session_viewer(db, token, IDLE), token_viewer(db, token), use_login_link(db, token)]
        close_session(db, token)


def test_tokens_open_only_their_own_door(database, ada):
    """A session's is no API token, nor the other way round; nor is a digest a token."""
    session, token = opened(database, ada).token, a_token(database, ada)

    assert [None, None, None] == [
        whose(database, session),
        who(database, token),
        who(database, sha256(session.encode())),
    ]


def test_session_that_is_not_used_is_over(database, ada):
    """After the idle time, by the database's clock."""
    token = opened(database, ada).token
    change(database, "UPDATE session SET seen_at = clock_timestamp() - interval '59 minutes'")
    before = who(database, token, timedelta(minutes=59, seconds=30))
    change(database, "UPDATE session SET seen_at = clock_timestamp() - interval '61 minutes'")

    assert (ada, None) == (before, who(database, token))


def test_session_that_is_used_ends_nevertheless(database, ada):
    """After the absolute time."""
    token = opened(database, ada, timedelta(hours=12)).token
    change(database, "UPDATE session SET ends_at = clock_timestamp() + interval '1 minute'")
    before = who(database, token)
    change(database, "UPDATE session SET ends_at = clock_timestamp()")

    assert (ada, None) == (before, who(database, token))


def test_end_of_a_session_is_where_it_was_set(database, ada):
    """Seeing it again does not move it."""
    opened(database, ada, timedelta(hours=12))

    (row,) = rows(database, "SELECT ends_at - created_at AS lasts FROM session")
    assert timedelta(hours=12) == pytest.approx(row["lasts"], abs=timedelta(seconds=1))


def test_use_is_written_down_once_a_minute_at_most(database, ada):
    """Not with each request; and a session that is in use stays."""
    token = opened(database, ada).token

    def seen():
        return rows(database, "SELECT seen_at FROM session")[0]["seen_at"]

    at_first = seen()
    who(database, token)
    same = seen()
    change(database, "UPDATE session SET seen_at = clock_timestamp() - interval '61 seconds'")
    earlier = seen()
    who(database, token)

    assert at_first == same
    assert earlier < at_first < seen()


def test_session_of_a_short_idle_time_stays_while_it_is_used(database, ada):
    """It is written down more often then."""
    token = opened(database, ada).token
    for _ in range(3):
        change(database, "UPDATE session SET seen_at = seen_at - interval '20 seconds'")
        assert ada == who(database, token, timedelta(seconds=30))


def test_closed_session_is_over(database, ada):
    """Others of the same person are not; closing twice is no fault."""
    first, second = opened(database, ada).token, opened(database, ada).token
    for _ in range(2):
        with database.begin() as db:
            close_session(db, first)

    assert (None, ada) == (who(database, first), who(database, second))


def test_ended_rows_are_cleared_away(database, ada):
    """By the next one that is opened."""
    opened(database, ada)
    with database.begin() as db:
        new_login_link(db, ada, DAY)
    change(database, "UPDATE session SET ends_at = clock_timestamp()")
    change(database, "UPDATE login_link SET ends_at = clock_timestamp()")
    opened(database, ada)
    with database.begin() as db:
        new_login_link(db, ada, DAY)

    assert [1, 1] == [len(rows(database, f"SELECT * FROM {table}")) for table in ("session", "login_link")]


def test_inactive_person_comes_in_nowhere(database, ada):
    """Session, link and token are over, and stay so when the person is active again."""
    session, token = opened(database, ada).token, a_token(database, ada)
    with database.begin() as db:
        link = new_login_link(db, ada, DAY)
    for active in (False, True):
        with database.begin() as db:
            set_active(db, ada, active)
            found = use_login_link(db, link)
        assert [None] * 3 == [who(database, session), whose(database, token), found]


def test_row_of_an_inactive_person_lets_nobody_in(database, ada):
    """Also when it was left standing."""
    session, token = opened(database, ada).token, a_token(database, ada)
    with database.begin() as db:
        link = new_login_link(db, ada, DAY)
    change(database, "UPDATE person SET active = false")

    with database.begin() as db:
        found = use_login_link(db, link)
    assert [None] * 3 == [who(database, session), whose(database, token), found]


def test_link_works_once(database, ada):
    """The second to ask gets nothing."""
    with database.begin() as db:
        link = new_login_link(db, ada, DAY)
    found = []
    for _ in range(2):
        with database.begin() as db:
            found.append(use_login_link(db, link))

    assert [ada, None] == found


def test_link_works_for_one_of_many_at_once(database, ada):
    """Who is first is PostgreSQL's decision."""
    with database.begin() as db:
        link = new_login_link(db, ada, DAY)
    found: list[int | None] = []
    start = threading.Barrier(4)

    def use() -> None:
        start.wait(10)
        with database.begin() as db:
            found.append(use_login_link(db, link))

    threads = [threading.Thread(target=use) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)

    assert [None, None, None, ada] == sorted(found, key=lambda one: one or 0)


def test_link_is_over_at_its_end(database, ada):
    """By the database's clock."""
    with database.begin() as db:
        link = new_login_link(db, ada, DAY)
    change(database, "UPDATE login_link SET ends_at = clock_timestamp()")

    with database.begin() as db:
        assert use_login_link(db, link) is None


def test_api_token_is_its_owner_with_fewer_scopes(database, ada):
    """Its kind can be told from its first letters."""
    token = a_token(database, ada, scopes=frozenset({"read", "review"}))

    with database.begin() as db:
        found = token_viewer(db, token)
    roles = {"REQ-1": frozenset({"reviewer"})}
    scopes = frozenset({"read", "review"})
    assert Viewer(person_id=ada, name="Ada", roles=roles, entry="token", scopes=scopes) == found
    assert token.startswith("dbr_")


def test_api_token_is_over_at_its_end(database, ada):
    """By the database's clock."""
    token = a_token(database, ada)
    before = whose(database, token)
    change(database, "UPDATE api_token SET ends_at = clock_timestamp()")

    assert (ada, None) == (before, whose(database, token))


def test_revoked_api_token_is_over(database, ada):
    """At once and for good; when it was revoked stays as it was first."""
    token = a_token(database, ada)
    (known,) = listed(database, ada)
    revoked = []
    for _ in range(2):
        with database.begin() as db:
            revoke_api_token(db, ada, known.id)
        revoked.append(listed(database, ada)[0].revoked_at)

    assert whose(database, token) is None
    assert revoked[0] is not None
    assert revoked[0] == revoked[1]


def listed(database, person_id):
    """Somebody's API tokens."""
    with database.begin() as db:
        return api_tokens(db, person_id)


def test_api_token_of_another_is_not_found(database, ada):
    """Nor is it revoked."""
    bob, token = a_person(database, "bob"), a_token(database, ada)
    (known,) = listed(database, ada)

    with pytest.raises(NotFound, match=f"token {known.id} is not one of yours"), database.begin() as db:
        revoke_api_token(db, bob, known.id)
    assert () == listed(database, bob)
    assert ada == whose(database, token)


def test_list_of_api_tokens_shows_their_use(database, ada):
    """To a minute, the newest token first."""
    a_token(database, ada)
    whose(database, a_token(database, ada, scopes=frozenset({"operate"})))
    newest, oldest = listed(database, ada)

    assert (True, False) == (newest.used_at is not None, oldest.used_at is not None)
    assert (frozenset({"operate"}), READ) == (newest.scopes, oldest.scopes)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"name": ""}, "a name of 1 to 100 characters"),
        ({"name": "x" * 101}, "a name of 1 to 100 characters"),
        ({"name": "\x00"}, "a name of 1 to 100 characters"),
        ({"scopes": frozenset()}, "at least one scope of: operate, read, review"),
        ({"scopes": frozenset({"admin"})}, "at least one scope of: operate, read, review"),
        ({"lasts": TOKEN_LASTS_MAX + timedelta(seconds=1)}, "lasts 365 days at most"),
        ({"lasts": timedelta(0)}, "lasts 365 days at most"),
    ],
)
def test_api_token_that_cannot_be_is_refused(database, ada, change, says):
    """The reason is told, and nothing is stored."""
    asked = {"name": "export", "scopes": READ, "lasts": TOKEN_LASTS_MAX, **change}
    with pytest.raises(UsageFault, match=says), database.begin() as db:
        new_api_token(db, ada, **asked)

    assert () == listed(database, ada)


def test_api_tokens_have_a_limit(database, ada):
    """Those that were revoked or are over do not count."""
    a_token(database, ada)
    change(database, "UPDATE api_token SET ends_at = clock_timestamp()")
    for _ in range(TOKENS_MAX):
        a_token(database, ada)
    with pytest.raises(UsageFault, match="50 tokens already; revoke one"):
        a_token(database, ada)
    with database.begin() as db:
        revoke_api_token(db, ada, api_tokens(db, ada)[0].id)

    assert ada == whose(database, a_token(database, ada))
