"""Connections: what PostgreSQL's troubles become, and that nobody's password or name is told."""

import threading
import time
from contextlib import ExitStack

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from evaluator.errors import DatabaseUnavailable, UsageFault
from evaluator.storage.database import CONNECT_TIMEOUT_S, IDLE_IN_TRANSACTION_S, Database
from evaluator.storage.interviews import known_interviews, take_in
from tests.integration.storage.builders import a_manifest, as_owner, change, stock, waiting_sessions
from tests.integration.storage.freezing import frozen


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
        as_owner(db)
        db.execute(text("DROP SCHEMA public CASCADE"))
        db.execute(text("CREATE SCHEMA public"))
    empty.close()

    assert "is not at this version's migrations; run: debrief db upgrade" in unavailable(database_url)


def test_database_that_lacks_a_column_names_the_command(database):
    """So is one of an older version."""
    change(database, "ALTER TABLE interview DROP COLUMN language")

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
    change(database, "DROP ROLE IF EXISTS poor")
    change(database, "CREATE ROLE poor LOGIN PASSWORD 'poor-secret'")

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


def test_what_is_notified_is_heard_once_it_is_committed(database):
    """Not before, not what was taken back, and not on another channel."""
    with database.listening("ours") as heard:
        with pytest.raises(ZeroDivisionError), database.begin() as db:
            db.execute(text("NOTIFY ours"))
            _ = 1 / 0
        with database.begin() as db:
            db.execute(text("NOTIFY others"))
            db.execute(text("NOTIFY ours"))
            early = heard(0.1)
        answers = [early, heard(5.0), heard(0.1)]

    assert [False, True, False] == answers


def test_listening_ends_with_its_session(database, database_url):
    """Whoever waits is told, rather than left to wait for ever; the next one gets a connection of its own."""
    with pytest.raises(DatabaseUnavailable, match="listened to"), database.listening("ours") as heard:
        owner = Database(database_url, role=None)
        change(owner, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query = 'LISTEN ours'")
        owner.close()
        for _ in range(3):  # the server's last word may come first
            heard(5.0)
    with database.listening("ours") as heard:
        assert not heard(0.0)


def test_statement_that_takes_too_long_is_an_outage(database):
    """Nobody waits for ever; the row's lease would run out meanwhile."""
    with pytest.raises(DatabaseUnavailable, match="statement timeout"), database.begin() as db:
        db.execute(text("SET LOCAL statement_timeout = 50"))
        db.execute(text("SELECT pg_sleep(5)"))


@pytest.fixture
def impatient(database_url):
    """Connections whose statements may take half a second."""
    database = Database(database_url, connections=1, patience_s=0.5)
    yield database
    database.close()


def test_statement_on_a_frozen_server_ends(database, impatient):
    """A server that stands still in mid-transaction keeps none of its own limits; the client's holds."""
    with pytest.raises(DatabaseUnavailable, match=r"no answer within 1\.5 s"), impatient.begin() as db:
        db.execute(text("SELECT 1"))
        with frozen(database):
            started_at = time.monotonic()
            try:
                db.execute(text("SELECT 1"))
            finally:
                took_s = time.monotonic() - started_at

    assert took_s == pytest.approx(1.5, abs=0.7)


def test_commit_on_a_frozen_server_ends(database, impatient):
    """So does a commit, of which nobody knows whether it counts."""
    with (
        ExitStack() as stack,
        pytest.raises(DatabaseUnavailable, match=r"no answer within 1\.5 s"),
        impatient.begin() as db,
    ):
        db.execute(text("INSERT INTO node (name, kind, version) VALUES ('a', 'worker', '0')"))
        stack.enter_context(frozen(database))


def test_transaction_on_a_frozen_server_ends(database, impatient):
    """A pooled connection is given up, a new one is not got: both within their limits."""
    with impatient.begin() as db:
        db.execute(text("SELECT 1"))

    with frozen(database):
        started_at = time.monotonic()
        with pytest.raises(DatabaseUnavailable), impatient.begin():
            pass
        took_s = time.monotonic() - started_at

    assert took_s < 1.5 + CONNECT_TIMEOUT_S + 2


def test_server_that_goes_on_is_used_again(database, impatient):
    """After the freeze the next transaction is as any other."""
    with frozen(database), pytest.raises(DatabaseUnavailable), impatient.begin():
        pass

    with impatient.begin() as db:
        assert 1 == db.execute(text("SELECT 1")).scalar_one()


def test_transaction_may_be_more_patient(impatient):
    """A longer time limit of its own is the client's too, and for this transaction only."""
    with impatient.begin() as db:
        db.execute(text("SET LOCAL statement_timeout = 5000"))
        db.execute(text("SELECT pg_sleep(2)"))

    with pytest.raises(DatabaseUnavailable, match="statement timeout"), impatient.begin() as db:
        db.execute(text("SELECT pg_sleep(2)"))


def test_lock_of_a_frozen_client_is_freed(impatient):
    """A client that stands still in mid-transaction loses it: others wait for its locks."""
    with pytest.raises(DatabaseUnavailable), impatient.begin() as db:
        db.execute(text("SET LOCAL idle_in_transaction_session_timeout = 100"))
        time.sleep(0.5)
        db.execute(text("SELECT 1"))

    with impatient.begin() as db:
        default = db.execute(text("SHOW idle_in_transaction_session_timeout")).scalar_one()
    assert f"{IDLE_IN_TRANSACTION_S}s" == default


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
    change(database, "ALTER TABLE interview ADD CONSTRAINT never CHECK (false)")

    with pytest.raises(DBAPIError, match="never") as raised:
        stock(database, a_manifest())

    assert "Lovelace" not in f"{raised.value} {raised.value.__cause__}"


def _until_waiting(database: Database) -> None:
    deadline = time.monotonic() + 10
    with database.begin() as db:
        while not waiting_sessions(db) and time.monotonic() < deadline:
            time.sleep(0.02)
            db.execute(text("SELECT pg_stat_clear_snapshot()"))
