"""The role that the product acts as: it works with all tables, and can't change what is append-only."""

import pytest
from sqlalchemy import text

from evaluator.errors import DatabaseUnavailable
from evaluator.human import Dismissed
from evaluator.people import COMMAND
from evaluator.storage.audit import log
from evaluator.storage.calibrations import store_calibration
from evaluator.storage.database import Database, is_protected
from evaluator.storage.human import append
from evaluator.storage.tables import APP_ROLE, APPEND_ONLY, metadata
from migrations import history
from tests.integration.storage.builders import change, rows, scored

FIRST_COLUMN = {name: next(iter(table.c)).name for name, table in metadata.tables.items()}


@pytest.fixture
def filled(database):
    """A database with a row in each append-only table."""
    (scorecard,) = scored(database)
    with database.begin() as db:
        append(db, scorecard, COMMAND, Dismissed(cause="audio", text="The recording is empty."), 0)
        log(db, COMMAND, "recommend", scorecard)
        store_calibration(
            db, kind="noise", rubric_id="backend", rubric_version="1", model="m@1", prompt_version="p", body={}
        )
        db.execute(
            text("INSERT INTO webhook_try (webhook_id, delivery_id, number, at, seconds) VALUES (1, 1, 1, now(), 0)")
        )
        db.execute(
            text(
                "INSERT INTO judge_call (evaluation_id, fence, run_id, section_id, duration_s, kept) "
                "SELECT id, fence, run_id, 'design', 1, true FROM evaluation"
            )
        )
    return database


@pytest.mark.parametrize("table", sorted(APPEND_ONLY))
@pytest.mark.parametrize("verb", ["UPDATE", "DELETE", "TRUNCATE", "ALTER", "DROP"])
def test_append_only_rows_cannot_be_touched(filled, table, verb):
    """A bug, or SQL that somebody smuggled in, is refused by PostgreSQL itself."""
    column = FIRST_COLUMN[table]
    statement = {
        "UPDATE": f"UPDATE {table} SET {column} = {column}",
        "DELETE": f"DELETE FROM {table}",
        "TRUNCATE": f"TRUNCATE {table} CASCADE",
        "ALTER": f"ALTER TABLE {table} ADD COLUMN x integer",
        "DROP": f"DROP TABLE {table} CASCADE",
    }[verb]
    assert 0 < len(rows(filled, f"SELECT * FROM {table}"))

    with (
        pytest.raises(DatabaseUnavailable, match=r"permission denied for table|must be owner of table"),
        filled.begin() as db,
    ):
        db.execute(text(statement))
    assert 0 < len(rows(filled, f"SELECT * FROM {table}"))


def test_owner_could(filled):
    """The refusals above are the role's doing, not a missing row's."""
    change(filled, "UPDATE human_record SET person = 'x'")
    change(filled, "DELETE FROM human_record")

    assert [] == rows(filled, "SELECT * FROM human_record")


def test_rights_are_those_of_the_list(database):
    """All tables may be read and added to; exactly the append-only ones may not be changed or deleted from."""
    query = (
        "SELECT c.relname AS name, has_table_privilege(:role, c.oid, 'SELECT') AS read, "
        "has_table_privilege(:role, c.oid, 'INSERT') AS add, has_table_privilege(:role, c.oid, 'UPDATE') AS change, "
        "has_table_privilege(:role, c.oid, 'DELETE') AS remove, has_table_privilege(:role, c.oid, 'TRUNCATE') AS empty "
        "FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'public' AND c.relkind = 'r'"
    )
    found = {row.pop("name"): tuple(row.values()) for row in map(dict, rows(database, query, role=APP_ROLE))}

    expected = {name: (True, True, *[name not in APPEND_ONLY] * 2, False) for name in metadata.tables}
    assert {**expected, "alembic_version": (True, False, False, False, False)} == found


@pytest.mark.parametrize(
    "statement",
    [
        f"REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {APP_ROLE}",
        f"REVOKE INSERT ON node FROM {APP_ROLE}",
        f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {APP_ROLE}",
        f"GRANT UPDATE ON scorecard TO {APP_ROLE}",
        f"GRANT TRUNCATE ON audit TO {APP_ROLE}",
    ],
)
def test_rights_that_are_others_are_put_right(database, statement):
    """By the next upgrade, such as after a restore that left rights out: no more and no less than the list."""
    change(database, statement)
    history.upgrade(database)

    test_rights_are_those_of_the_list(database)


def test_product_acts_as_the_role(database):
    """Each of its connections, also after a transaction that was taken back, and one that acted as the owner."""
    with database.begin() as one, database.begin() as two:
        assert [APP_ROLE] * 2 == [db.execute(text("SELECT current_user")).scalar_one() for db in (one, two)]
        assert is_protected(one)
    with pytest.raises(KeyboardInterrupt), database.begin():
        raise KeyboardInterrupt
    change(database, "SELECT 1")

    assert [{"current_user": APP_ROLE}] == rows(database, "SELECT current_user")


def test_without_a_role_it_acts_as_the_urls_user(database_url):
    """What migrations need."""
    owner = Database(database_url, role=None)
    with owner.begin() as db:
        found = db.execute(text("SELECT current_user = session_user")).scalar_one()
        protected = is_protected(db)
    owner.close()

    assert (True, False) == (found, protected)


def test_role_that_there_is_none_of_changes_nothing(database_url):
    """An installation from before the role goes on as it was."""
    older = Database(database_url, role="nobody_has_made_this")
    with older.begin() as db:
        found = db.execute(text("SELECT current_user = session_user")).scalar_one()
    older.close()

    assert found


def test_user_who_is_no_member_goes_on_as_they_are(database, database_url):
    """With the rights that were granted to them."""
    change(database, "DROP ROLE IF EXISTS apart")
    change(database, "CREATE ROLE apart LOGIN PASSWORD 'x'")
    change(database, "GRANT SELECT ON node TO apart")
    other = Database(database_url.replace("://debrief:", "://apart:", 1).replace(_password(database_url), "x", 1))
    with other.begin() as db:
        found = db.execute(text("SELECT current_user, count(*) AS n FROM node")).one()
    other.close()

    assert ("apart", 0) == tuple(found)


def test_user_who_is_only_a_member_has_the_roles_rights(database, database_url):
    """How the product is connected where it must not be able to take the role off: its user owns nothing."""
    scored(database)
    change(database, "DROP ROLE IF EXISTS product")
    change(database, f"CREATE ROLE product LOGIN PASSWORD 'x' IN ROLE {APP_ROLE}")
    other = Database(database_url.replace("://debrief:", "://product:", 1).replace(_password(database_url), "x", 1))
    with other.begin() as db:
        found = db.execute(text("SELECT count(*) FROM scorecard")).scalar_one()
    with pytest.raises(DatabaseUnavailable, match="permission denied for table scorecard"), other.begin() as db:
        db.execute(text("SET LOCAL ROLE NONE"))
        db.execute(text("DELETE FROM scorecard"))
    other.close()

    assert 1 == found


def _password(url: str) -> str:
    password = Database(url).url.password
    assert password
    return password
