"""The log of acts: a chain in which a row that was changed, removed or slipped in is found."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from evaluator.errors import UsageFault
from evaluator.people import COMMAND, Viewer
from evaluator.storage.audit import BATCH, FIRST, Sought, actions, check, check_newest, entries, log, log_once, verify
from evaluator.storage.people import person_of
from tests.integration.storage.builders import as_owner, change, rows

ADA = Viewer(person_id=1, name="Ada", entry="session")
TOKEN = Viewer(person_id=2, name="Bob", entry="token")


def logged(database, viewer=ADA, action="reveal_name", of="interview iv-1", **more):
    """The id of a new entry."""
    with database.begin() as db:
        return log(db, viewer, action, of, **more)


def broken(database):
    """What the check finds."""
    with database.begin() as db:
        return verify(db)


def test_entry_is_read_back_as_it_was(database):
    """Who, how they came in, what, of what, and when by the database's clock."""
    number = logged(database, TOKEN, "export", "requisition REQ-1", requisition="REQ-1", detail={"rows": 3, "x": 1.0})

    with database.begin() as db:
        (found,) = entries(db)
    expected = {
        "id": number,
        "person_id": 2,
        "person": "Bob",
        "entry": "token",
        "action": "export",
        "object": "requisition REQ-1",
        "requisition": "REQ-1",
        "detail": {"rows": 3, "x": 1.0},
        "previous_sha256": FIRST,
    }
    assert expected == found.model_dump(include=expected.keys())
    assert abs(datetime.now(UTC) - found.at) < timedelta(minutes=1)


def test_entries_are_listed_newest_first_page_by_page(database):
    """Only those that match."""
    first = logged(database, ADA, "export", requisition="REQ-1")
    second = logged(database, TOKEN, "export", requisition="REQ-2")
    third = logged(database, ADA, "login")
    fourth = logged(database, COMMAND, "set_blind", requisition="REQ-1")

    both = Sought(person=1, action="export", requisition="REQ-1")

    with database.begin() as db:
        assert [fourth, third] == [e.id for e in entries(db, limit=2)]
        assert [second, first] == [e.id for e in entries(db, before=third)]
        assert [fourth] == [e.id for e in entries(db, Sought(by_command=True))]
        assert ["export", "login", "set_blind"] == list(actions(db))
        assert [third, first] == [e.id for e in entries(db, Sought(person=1))]
        assert [second, first] == [e.id for e in entries(db, Sought(action="export"))]
        assert [fourth, first] == [e.id for e in entries(db, Sought(requisition="REQ-1"))]
        assert [first] == [e.id for e in entries(db, both, before=second)]


def test_chain_of_nothing_and_of_some_is_whole(database):
    """Each row has the digest of the one before."""
    empty = broken(database)
    for n in range(3):
        logged(database, detail={"n": n})
    chain = rows(database, "SELECT previous_sha256, sha256 FROM audit ORDER BY id")

    assert (None, None) == (empty, broken(database))
    assert [FIRST, *(row["sha256"] for row in chain[:-1])] == [row["previous_sha256"] for row in chain]


DETAILS = [
    {},
    {"n": 1e22},
    {"n": -0.0},
    {"n": 0.1},
    {"n": 10**30},
    {"n": 1.50},
    {"b": 1, "a": [None, True]},
    {"é": "✓ \\"},
]


@pytest.mark.parametrize("detail", DETAILS, ids=str)
def test_chain_is_whole_whatever_the_detail(database, detail):
    """PostgreSQL spells numbers in its own way; what it keeps is what counts."""
    logged(database, detail=detail)

    assert broken(database) is None


def test_chain_is_whole_beyond_one_batch(database):
    """A check reads it piece by piece; a broken row in a later piece is found."""
    with database.begin() as db:
        ids = [log(db, ADA, "login", f"session {n}") for n in range(BATCH + 2)]
    whole = broken(database)
    change(database, "UPDATE audit SET object = 'x' WHERE id = :id", id=ids[BATCH])

    assert (None, ids[BATCH]) == (whole, broken(database))


@pytest.mark.parametrize(
    "field",
    [
        "at = at + interval '1 microsecond'",
        "person_id = 9",
        "person_id = NULL",
        "entry = 'token'",
        "action = 'login'",
        "object = 'interview iv-2'",
        "requisition = 'REQ-9'",
        "detail = '{\"n\": 7}'",
        f"previous_sha256 = '{FIRST}'",
        f"sha256 = '{FIRST}'",
    ],
)
def test_row_that_was_changed_is_found(database, field):
    """By whoever may, in whatever field that counts."""
    ids = [logged(database, requisition="REQ-1", detail={"n": n}) for n in range(3)]
    change(database, f"UPDATE audit SET {field} WHERE id = :id", id=ids[1])

    assert ids[1] == broken(database)


def test_name_may_be_forgotten(database):
    """The chain does not cover it."""
    logged(database)
    change(database, "UPDATE audit SET person = 'forgotten'")

    assert broken(database) is None


@pytest.mark.parametrize("gone", [0, 1])
def test_row_that_was_removed_is_found(database, gone):
    """At the one after it, the first included."""
    ids = [logged(database) for _ in range(3)]
    change(database, "DELETE FROM audit WHERE id = :id", id=ids[gone])

    assert ids[gone + 1] == broken(database)


def test_rows_that_changed_places_are_found(database):
    """Their order counts."""
    ids = [logged(database, detail={"n": n}) for n in range(3)]
    change(
        database,
        "UPDATE audit SET id = CASE id WHEN :one THEN :other ELSE :one END + 100 WHERE id IN (:one, :other)",
        one=ids[1],
        other=ids[2],
    )

    assert broken(database) is not None


def test_entry_of_a_transaction_that_was_taken_back_leaves_no_hole(database):
    """Its number is missing, the chain is whole."""
    logged(database)
    with pytest.raises(KeyboardInterrupt), database.begin() as db:
        log(db, ADA, "login", "session")
        raise KeyboardInterrupt
    logged(database)

    assert broken(database) is None
    assert 2 == len(rows(database, "SELECT id FROM audit"))


def test_many_writers_at_once_leave_one_chain(database):
    """Four of them, twenty-five entries each: none is lost, none stands beside another."""

    def write(person: int) -> None:
        for n in range(25):
            logged(database, Viewer(person_id=person, name="x", entry="session"), detail={"n": n})

    threads = [threading.Thread(target=write, args=[n]) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)

    assert broken(database) is None
    assert [{"n": 100, "before": 100}] == rows(
        database, "SELECT count(*) AS n, count(DISTINCT previous_sha256) AS before FROM audit"
    )


def test_detail_that_cannot_be_kept_is_refused(database):
    """Before anything is written."""
    with pytest.raises(UsageFault, match="an audit entry holds a NUL character"):
        logged(database, detail={"note": "\x00"})
    assert [] == rows(database, "SELECT id FROM audit")


ANOTHER = {  # of each column that the digest covers, another value than any row has
    "at": "at + make_interval(secs => CAST(:n AS integer))",
    "person_id": "coalesce(person_id, 0) + CAST(:n AS bigint)",
    "entry": "CASE entry WHEN 'session' THEN 'token' ELSE 'session' END",
    "action": "action || CAST(:n AS text)",
    "object": "object || CAST(:n AS text)",
    "requisition": "coalesce(requisition, '') || CAST(:n AS text)",
    "detail": "detail || jsonb_build_object('changed', CAST(:n AS integer))",
    "previous_sha256": "md5(CAST(:n AS text)) || md5(previous_sha256)",
    "sha256": "md5(CAST(:n AS text)) || md5(sha256)",
}


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(column=st.sampled_from(sorted(ANOTHER)), row=st.integers(0, 5), n=st.integers(1, 10**6))
def test_any_change_of_any_row_is_found_there(database, column, row, n):
    """By whoever may change rows at all: the owner of the tables. The change is taken back for the next one."""
    with database.begin() as db:
        while len(ids := [e.id for e in reversed(entries(db))]) < 6:
            log(db, (ADA, TOKEN, COMMAND)[len(ids) % 3], "export", f"o-{len(ids)}", None, {"n": len(ids)})
    with database.engine.connect() as db:
        as_owner(db)
        db.execute(text(f"UPDATE audit SET {column} = {ANOTHER[column]} WHERE id = :id"), {"id": ids[row], "n": n})
        found = check(db)
        db.rollback()

    assert (ids[row], row) == (found.broken, found.rows)
    assert broken(database) is None


def test_check_begins_where_it_is_told(database):
    """What went before is trusted; the newest few are checked without reading the rest."""
    ids = [logged(database, detail={"n": n}) for n in range(6)]
    change(database, "UPDATE audit SET object = 'x' WHERE id = :id", id=ids[1])

    with database.begin() as db:
        assert (ids[1], 1) == (check(db).broken, check(db).rows)
        assert (None, 3, ids[3]) == (
            check(db, since=ids[3]).broken,
            check(db, since=ids[3]).rows,
            check_newest(db, 3).first,
        )
        assert ids[1] == check_newest(db, 5).broken
        assert ids[1] == check_newest(db, 50).broken


def test_the_same_act_is_one_entry_for_a_while(database):
    """Of one person, on one thing, in one way; many at once write one."""
    with database.begin() as db:
        ada = Viewer(person_id=person_of(db, "local", "ada", "Ada").id, name="Ada", entry="session")
        bob = Viewer(person_id=person_of(db, "local", "bob", "Bob").id, name="Bob", entry="session")

    def listen(viewer=ada, of="interview:iv-1"):
        with database.begin() as db:
            return log_once(db, viewer, "recording.read", of, "REQ-1", within=timedelta(minutes=5))

    threads = [threading.Thread(target=listen) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    others = [listen(bob), listen(of="interview:iv-2"), listen(ada.model_copy(update={"entry": "token"}))]
    again = listen()
    change(database, "UPDATE audit SET at = at - interval '5 minutes 1 second'")
    later = listen()

    assert again is None
    assert None not in [*others, later]
    assert 5 == len(rows(database, "SELECT id FROM audit"))
