"""Migrations: they make exactly the tables that the code knows, whoever runs them and however often."""

import itertools
import threading
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Column, Integer, MetaData, Table, text

import migrations
from evaluator.errors import DatabaseUnavailable
from evaluator.storage.database import Database, is_protected
from evaluator.storage.tables import APP_ROLE, metadata
from migrations import history
from tests.integration.storage.builders import a_manifest, as_owner, change, rows, stock

_numbers = itertools.count(1)
ROOT = Path(__file__).parents[3]


@pytest.fixture
def empty(postgres: str) -> Iterator[Database]:
    """A database without any table, of this test alone."""
    server = Database(postgres, connections=1)
    name = f"empty_{next(_numbers)}"
    _outside_transactions(server, f"CREATE DATABASE {name} TEMPLATE template0")
    own = Database(server.url.set(database=name).render_as_string(hide_password=False), connections=4)
    yield own
    own.close()
    _outside_transactions(server, f"DROP DATABASE {name} WITH (FORCE)")
    server.close()


def _outside_transactions(server: Database, statement: str) -> None:
    with server.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(statement))


def differences(database: Database, tables: MetaData) -> list[object]:
    """What a new migration would have to do."""
    with database.begin() as db:
        context = MigrationContext.configure(db, opts={"compare_type": True, "compare_server_default": True})
        return list(compare_metadata(context, tables))


def a_copy() -> MetaData:
    """The tables of the code, to be changed."""
    copy = MetaData(naming_convention=metadata.naming_convention)
    for table in metadata.sorted_tables:
        table.to_metadata(copy)
    return copy


def checks(database: Database) -> dict[str, str]:
    """Check constraints by name, which Alembic does not compare."""
    query = "SELECT conname, pg_get_constraintdef(oid) AS definition FROM pg_constraint WHERE contype = 'c'"
    with database.begin() as db:
        return {row.conname: row.definition for row in db.execute(text(query))}


def indexes(database: Database) -> dict[str, str]:
    """Indexes as PostgreSQL spells them: expressions, order and conditions included."""
    query = "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename <> 'alembic_version'"
    with database.begin() as db:
        return {row.indexname: row.indexdef for row in db.execute(text(query))}


def test_migrations_make_the_tables_of_the_code(database):
    """Nothing is left for a further migration to do."""
    assert [] == differences(database, metadata)


@pytest.mark.parametrize(
    "change",
    [
        lambda t: t["interview"].append_column(Column("extra", Integer)),
        lambda t: Table("extra", t["interview"].metadata, Column("id", Integer)),
        lambda t: setattr(t["evaluation"].c.detail, "nullable", False),
        lambda t: setattr(t["evaluation"].c.detail, "type", Integer()),
        lambda t: setattr(t["evaluation"].c.attempts, "server_default", None),
    ],
    ids=["column", "table", "null", "type", "default"],
)
def test_difference_would_be_found(database, change):
    """The comparison above can fail: each kind of change is seen."""
    tables = a_copy()
    change(tables.tables)

    assert [] != differences(database, tables)


@pytest.mark.parametrize("part", [checks, indexes])
def test_constraints_and_indexes_are_those_of_the_code(database, empty, part):
    """What Alembic does not compare is compared with tables that the code makes itself."""
    with empty.begin() as db:
        metadata.create_all(db)

    assert part(empty) == part(database)
    assert len(part(empty)) > 5


def test_upgrade_brings_an_empty_database_to_the_head(empty):
    """And says from where to where."""
    assert (None, history.head()) == history.upgrade(empty)
    history.require_head(empty)


def test_steps_can_be_taken_back(empty):
    """And taken again, to the same tables; at the bottom there are none."""
    history.upgrade(empty)
    settings = history.config()
    with empty.begin() as db:
        as_owner(db)
        settings.attributes["connection"] = db
        command.downgrade(settings, "base")
        left = db.execute(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")).scalars().all()
    history.upgrade(empty)

    assert ["alembic_version"] == left
    assert [] == differences(empty, metadata)


def test_second_upgrade_does_nothing(empty):
    """Rows stay as they are."""
    history.upgrade(empty)
    with empty.begin() as db:
        db.execute(text("INSERT INTO node (name, kind, version) VALUES ('a', 'worker', '0')"))

    assert (history.head(), history.head()) == history.upgrade(empty)
    with empty.begin() as db:
        assert 1 == db.execute(text("SELECT count(*) FROM node")).scalar_one()


def test_two_upgrades_at_once_migrate_once(empty):
    """The second waits for the first, and then has nothing to do."""
    results: list[tuple[str | None, str]] = []
    threads = [threading.Thread(target=lambda: results.append(history.upgrade(empty))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)

    assert {(None, history.head()), (history.head(), history.head())} == set(results)


def test_requisitions_of_known_interviews_get_their_rows(database):
    """What was taken in by an older version is found as well."""
    stock(database, *(a_manifest(f"iv-{n}", requisition=f"REQ-{n % 2}") for n in range(4)))
    with database.begin() as db:
        as_owner(db)
        settings = history.config()
        settings.attributes["connection"] = db
        command.downgrade(settings, "0003")
    history.upgrade(database)

    expected = [{"id": f"REQ-{n}", "title": "", "blind": False, "reviewers_needed": 1} for n in range(2)]
    assert expected == rows(database, "SELECT id, title, blind, reviewers_needed FROM requisition ORDER BY id")


def test_connections_from_before_the_upgrade_are_replaced(empty):
    """Whoever upgrades and then works does so as the product's role."""
    before = rows(empty, "SELECT current_user")
    history.upgrade(empty)

    assert [{"current_user": "debrief"}] == before
    assert [{"current_user": APP_ROLE}] == rows(empty, "SELECT current_user")


@pytest.fixture
def users(empty: Database) -> Iterator[Callable[[str], Database]]:
    """Makes the empty database an ordinary user's, with or without the right to make roles; as that user sees it."""
    made: list[Database] = []

    def make(rights: str) -> Database:
        name = f"user_{next(_numbers)}"
        change(empty, f"CREATE ROLE {name} LOGIN PASSWORD 'x' {rights}")
        change(empty, f"ALTER DATABASE {empty.url.database} OWNER TO {name}")
        change(empty, f"GRANT ALL ON SCHEMA public TO {name}")
        url = empty.url.set(username=name, password="x").render_as_string(hide_password=False)
        made.append(Database(url))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def without_role(empty: Database) -> Iterator[None]:
    """A server that does not have the product's role yet; afterwards it has the one it had."""
    change(empty, f"DO $$ BEGIN CREATE ROLE {APP_ROLE}; EXCEPTION WHEN duplicate_object THEN NULL; END $$")
    change(empty, f"ALTER ROLE {APP_ROLE} RENAME TO set_aside")
    yield
    made = rows(empty, "SELECT 1 FROM pg_roles WHERE rolname = :role", role=APP_ROLE)
    if made:
        change(empty, f"DROP OWNED BY {APP_ROLE}")
        change(empty, f"DROP ROLE {APP_ROLE}")
    change(empty, f"ALTER ROLE set_aside RENAME TO {APP_ROLE}")


def test_user_who_may_make_roles_makes_the_products(users, without_role):
    """And joins it: an ordinary user's product is protected from the first connection on."""
    own = users("CREATEROLE")
    history.upgrade(own)
    stock(own, a_manifest())

    assert [{"user": APP_ROLE, "of": 1}] == rows(own, 'SELECT current_user AS "user", count(*) AS "of" FROM interview')


def test_user_who_may_not_make_roles_is_told_what_to_do(users, without_role):
    """In one line, for an administrator to copy; the database stays as it was."""
    own = users("NOCREATEROLE")

    with pytest.raises(DatabaseUnavailable) as raised:
        history.upgrade(own)
    user = own.url.username
    assert f"CREATE ROLE {APP_ROLE} NOLOGIN; GRANT {APP_ROLE} TO {user}; then again: debrief db upgrade" in str(
        raised.value
    )
    assert "\n" not in str(raised.value)
    assert [] == rows(own, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")


def test_user_whose_administrator_made_the_role_needs_no_right(users, empty, without_role):
    """What the message above asks for is enough."""
    own = users("NOCREATEROLE")
    change(empty, f"CREATE ROLE {APP_ROLE} NOLOGIN")
    change(empty, f"GRANT {APP_ROLE} TO {own.url.username}")
    history.upgrade(own)

    assert [{"current_user": APP_ROLE}] == rows(own, "SELECT current_user")


def test_user_who_may_not_join_the_role_works_as_they_are(users):
    """The product runs, unprotected: nothing that ran before stops."""
    own = users("NOCREATEROLE")
    history.upgrade(own)
    stock(own, a_manifest())
    with own.begin() as db:
        protected = is_protected(db)

    assert not protected
    assert [{"current_user": own.url.username}] == rows(own, "SELECT current_user")


def test_upgrade_that_fails_leaves_nothing_behind(empty):
    """All steps are one transaction: a table in the way, and the database is as it was."""
    with empty.begin() as db:
        db.execute(text("CREATE TABLE scorecard (id integer)"))

    with pytest.raises(Exception, match="scorecard"):
        history.upgrade(empty)

    with empty.begin() as db:
        tables = db.execute(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")).scalars().all()
    assert ["scorecard"] == tables


def test_empty_database_is_refused_with_the_command(empty):
    """A command that needs tables says how to get them."""
    with pytest.raises(
        DatabaseUnavailable, match=r"is at migration none, this version needs .*run: debrief db upgrade"
    ):
        history.require_head(empty)


def test_older_database_is_refused_with_the_command(database):
    """So does one that lacks the last steps."""
    change(database, "DELETE FROM alembic_version")

    with pytest.raises(DatabaseUnavailable, match="run: debrief db upgrade"):
        history.require_head(database)


@pytest.mark.parametrize("command", [history.require_head, history.upgrade])
def test_newer_database_is_refused(database, command):
    """A database that a newer version has migrated is told as such, and left alone."""
    change(database, "UPDATE alembic_version SET version_num = '9999'")

    with pytest.raises(DatabaseUnavailable, match=r"'9999', which this version does not know.*or a newer one"):
        command(database)


def test_steps_lie_in_the_package(tmp_path, monkeypatch):
    """They are found from the package itself, whatever the working folder."""
    monkeypatch.chdir(tmp_path)
    location = Path(history.config().get_main_option("script_location"))

    assert Path(migrations.__file__).parent == location
    assert [history.head()] == ScriptDirectory.from_config(history.config()).get_heads()


def test_steps_are_numbered_in_order():
    """What is newer than another step can be told from its number alone."""
    walked = [step.revision for step in ScriptDirectory.from_config(history.config()).walk_revisions()]

    assert sorted(walked, reverse=True) == walked
    assert {4} == {len(number) for number in walked}


def test_wheel_takes_the_steps_along():
    """The package is among those of the wheel, which hatchling packs whole: nothing is left out by a rule.

    The build backend is not part of the environment, so no wheel is built here.
    """
    packed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]

    assert "migrations" in packed["packages"]
    assert {"exclude", "include", "only-include"}.isdisjoint(packed)
    assert (ROOT / "migrations" / "versions" / "__init__.py").is_file()
