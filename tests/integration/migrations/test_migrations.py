"""Migrations: they make exactly the tables that the code knows, whoever runs them and however often."""

import itertools
import threading
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Column, Integer, MetaData, Table, text

import migrations
from evaluator.errors import DatabaseUnavailable
from evaluator.storage.database import Database
from evaluator.storage.tables import metadata
from migrations import history

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
    with database.begin() as db:
        db.execute(text("DELETE FROM alembic_version"))

    with pytest.raises(DatabaseUnavailable, match="run: debrief db upgrade"):
        history.require_head(database)


@pytest.mark.parametrize("command", [history.require_head, history.upgrade])
def test_newer_database_is_refused(database, command):
    """A database that a newer version has migrated is told as such, and left alone."""
    with database.begin() as db:
        db.execute(text("UPDATE alembic_version SET version_num = '9999'"))

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
