"""Migrations that older pages are said to work with only add: what was there is there, and can be written as before."""

from alembic import command
from sqlalchemy import text

from evaluator.storage.database import Database
from migrations import history
from tests.integration.migrations.test_migrations import empty  # noqa: F401  a fixture
from tests.integration.storage.builders import as_owner, rows

COLUMNS = """
    SELECT table_name || '.' || column_name AS name, table_name, data_type, is_nullable = 'YES' AS nullable,
        column_default IS NOT NULL OR is_identity = 'YES' AS filled
    FROM information_schema.columns WHERE table_schema = 'public' AND table_name <> 'alembic_version'
"""


def columns(database: Database) -> dict:
    """Each column by table and name."""
    return {row["name"]: row for row in rows(database, COLUMNS)}


def faults(before: dict, after: dict) -> list[str]:
    """What would break a version that knows only the tables before."""
    tables = {row["table_name"] for row in before.values()}
    found = [f"{name} is gone" for name in before.keys() - after.keys()]
    for name in before.keys() & after.keys():
        if before[name]["data_type"] != after[name]["data_type"]:
            found.append(f"{name} has another type")
        if before[name]["nullable"] and not after[name]["nullable"]:
            found.append(f"{name} must be given now")
    new = [after[name] for name in after.keys() - before.keys() if after[name]["table_name"] in tables]
    must = [f"{column['name']} must be given now" for column in new if not (column["nullable"] or column["filled"])]
    return sorted(found + must)


def test_steps_since_the_oldest_only_add(empty):  # noqa: F811
    """So pages of that version are served on beside this one's."""
    with empty.begin() as db:
        as_owner(db)
        settings = history.config()
        settings.attributes["connection"] = db
        command.upgrade(settings, history.OLDEST)
    before = columns(empty)
    history.upgrade(empty)

    assert [] == faults(before, columns(empty))
    assert len(before) > 50


def test_what_takes_away_would_be_found(empty):  # noqa: F811
    """The comparison can fail: a column that goes, changes, or must be given."""
    history.upgrade(empty)
    before = columns(empty)
    with empty.begin() as db:
        as_owner(db)
        db.execute(text("ALTER TABLE node DROP COLUMN version"))
        db.execute(text("ALTER TABLE node ADD COLUMN region text NOT NULL"))
        db.execute(text("ALTER TABLE node ALTER COLUMN slots TYPE text"))
        db.execute(text("ALTER TABLE evaluation ALTER COLUMN detail SET NOT NULL"))

    expected = ["evaluation.detail must be given now", "node.region must be given now", "node.slots has another type"]
    assert [*expected, "node.version is gone"] == faults(before, columns(empty))


def test_upgrade_says_whose_pages_go_on(empty):  # noqa: F811
    """In the database, where older versions find it."""
    history.upgrade(empty)
    with empty.begin() as db:
        said = history._oldest(db)

    assert history.OLDEST == said
    history.require_tables(empty)
