"""Connections: what PostgreSQL's troubles become, and that nobody's password or name is told."""

import threading
import time

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from evaluator.errors import DatabaseUnavailable, UsageFault
from evaluator.storage.database import Database
from evaluator.storage.interviews import known_interviews, take_in
from tests.integration.storage.builders import a_manifest, stock, waiting_sessions


def unavailable(url: str) -> str:
    """What is said when the database of this URL is used."""
    database = Database(url)
    with pytest.raises(DatabaseUnavailable) as raised, database.begin() as db:
        known_interviews(db)
    database.close()
    return str(raised.value)


def elsewhere(url: str, **parts: object) -> str:
    """The same URL with other parts."""
    return make_url(url).set(**parts).render_as_string(hide_password=False)


def test_database_without_tables_names_the_command(database_url):
    """What is not migrated is told apart from what is down."""
    empty = Database(database_url)
    with empty.begin() as db:
        db.execute(text("DROP SCHEMA public CASCADE"))
        db.execute(text("CREATE SCHEMA public"))
    empty.close()

    assert "is not at this version's migrations; run: debrief db upgrade" in unavailable(database_url)


def test_database_that_lacks_a_column_names_the_command(database):
    """So is one of an older version."""
    with database.begin() as db:
        db.execute(text("ALTER TABLE interview DROP COLUMN language"))

    with pytest.raises(DatabaseUnavailable, match="run: debrief db upgrade"):
        stock(database, a_manifest())


@pytest.mark.parametrize(
    ("parts", "says"),
    [
        ({"port": 1}, "Connection refused"),
        ({"host": "no-such-host.invalid"}, "no-such-host.invalid"),
        ({"database": "nowhere"}, 'database "nowhere" does not exist'),
        ({"password": "hunter2"}, "password authentication failed"),
        ({"query": {"nonsense": "hunter2"}}, "invalid connection option"),
    ],
    ids=["refused", "unknown host", "no such database", "bad password", "bad option"],
)
def test_unreachable_database_is_one_line_without_the_password(database_url, parts, says):
    """Host, port and the reason are told, never a secret."""
    secret = make_url(database_url).password

    told = unavailable(elsewhere(database_url, **parts))

    assert says in told
    assert "\n" not in told
    assert not {"hunter2", secret} & set(told.replace(":", " ").replace("@", " ").split())
    assert secret not in told


@pytest.mark.parametrize("url", ["", "nonsense", "mysql://a:hunter2@b/c", "postgresql://a:b@c:hunter2/d", "http://x"])
def test_url_that_is_none_is_a_fault_of_the_setting(url):
    """The variable is named; its value is not repeated."""
    with pytest.raises(UsageFault, match=r"^DEBRIEF_DATABASE_URL ") as raised:
        Database(url)

    assert "hunter2" not in str(raised.value)


def test_role_without_rights_is_told_in_one_line(database, database_url):
    """A missing grant is the server's trouble, not a crash."""
    with database.begin() as db:
        db.execute(text("DROP ROLE IF EXISTS poor"))
        db.execute(text("CREATE ROLE poor LOGIN PASSWORD 'poor-secret'"))

    told = unavailable(elsewhere(database_url, username="poor", password="poor-secret"))

    assert "permission denied for table interview" in told


def test_session_that_the_server_ended_is_replaced(database):
    """A restart of the server costs at most the transaction in hand."""
    with database.begin() as db:
        pid = db.execute(text("SELECT pg_backend_pid()")).scalar_one()
    with database.begin() as one, pytest.raises(DatabaseUnavailable), database.begin() as other:
        mine = other.execute(text("SELECT pg_backend_pid()")).scalar_one()
        one.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": mine})
        other.execute(text("SELECT 1"))

    with database.begin() as db:
        assert pid != 0
        assert frozenset() == known_interviews(db)


def test_statement_that_takes_too_long_is_an_outage(database):
    """Nobody waits for ever; the row's lease would run out meanwhile."""
    with pytest.raises(DatabaseUnavailable, match="statement timeout"), database.begin() as db:
        db.execute(text("SET LOCAL statement_timeout = 50"))
        db.execute(text("SELECT pg_sleep(5)"))


def test_deadlock_may_be_tried_again(database):
    """The one that PostgreSQL rolled back lost nothing: it is told as an outage, not as a bug."""
    stock(database, a_manifest("iv-1"), a_manifest("iv-2"))
    lock = text("UPDATE interview SET language = 'de' WHERE id = :id")
    outcomes: list[Exception] = []

    def crosswise() -> None:
        try:
            with database.begin() as db:
                db.execute(lock, {"id": "iv-2"})
                db.execute(lock, {"id": "iv-1"})
        except DatabaseUnavailable as error:
            outcomes.append(error)

    try:
        with database.begin() as db:
            db.execute(lock, {"id": "iv-1"})
            other = threading.Thread(target=crosswise)
            other.start()
            _until_waiting(database)
            db.execute(lock, {"id": "iv-2"})
    except DatabaseUnavailable as error:
        outcomes.append(error)
    other.join(timeout=10)

    assert ["deadlock detected"] == [str(error).partition("(")[2].partition(")")[0] for error in outcomes]


def test_value_that_cannot_be_sent_is_no_outage(database):
    """A bug of ours must not look like a database that will come back."""
    stock(database)
    manifest = a_manifest().model_copy(update={"language": "e\x00"})

    with pytest.raises(DBAPIError) as raised, database.begin() as db:
        take_in(db, manifest)

    assert not isinstance(raised.value, DatabaseUnavailable)


def test_error_of_the_database_tells_no_values(database):
    """A failed statement is reported without its parameters and without the row, which hold a name."""
    with database.begin() as db:
        db.execute(text("ALTER TABLE interview ADD CONSTRAINT never CHECK (false)"))

    with pytest.raises(DBAPIError, match="never") as raised:
        stock(database, a_manifest())

    assert "Lovelace" not in f"{raised.value} {raised.value.__cause__}"


def _until_waiting(database: Database) -> None:
    deadline = time.monotonic() + 10
    with database.begin() as db:
        while not waiting_sessions(db) and time.monotonic() < deadline:
            time.sleep(0.02)
            db.execute(text("SELECT pg_stat_clear_snapshot()"))
