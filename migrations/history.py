"""Brings a database to this version's head, and says where it stands."""

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, inspect, text

from evaluator.errors import DatabaseUnavailable
from evaluator.storage.database import Database
from migrations import role

if TYPE_CHECKING:
    from alembic.config import Config

HEAD = "0006"  # the newest step; a test holds it against the steps themselves, which are numbered in order
_LOCK = 0x0DEB0001  # of the one who migrates; a second one waits


def config() -> "Config":
    """Alembic's configuration without a file; the steps lie in this package."""
    from alembic.config import Config  # a third of a second, which only an upgrade needs

    result = Config()
    result.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    return result


def head() -> str:
    """The newest step that this version knows."""
    return HEAD


def current(db: Connection) -> str | None:
    """The step that the database is at; None for an empty one."""
    if not inspect(db).has_table("alembic_version"):
        return None
    return db.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()


def upgrade(database: Database) -> tuple[str | None, str]:
    """Runs what is missing, in one transaction; (before, after). Two at once: the second waits, then does nothing.

    DatabaseUnavailable when a newer version has migrated it.
    """
    from alembic import command

    with database.begin() as db:
        db.execute(text("SET LOCAL ROLE NONE"))  # tables belong to the URL's user, not to the product's role
        db.execute(text("SET LOCAL statement_timeout = 0"))
        db.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        before = current(db)
        _refuse_newer(database, before)
        if before != HEAD:
            settings = config()
            settings.attributes["connection"] = db
            command.upgrade(settings, "head")
        role.ensure(db)
    database.reconnect()  # as the product's role, which there may not have been before
    return before, HEAD


def require_head(database: Database) -> None:
    """DatabaseUnavailable unless the database is at this version's head."""
    with database.begin() as db:
        at = current(db)
    _refuse_newer(database, at)
    if at != head():
        raise DatabaseUnavailable(
            f"PostgreSQL at {database.where} is at migration {at or 'none'}, this version needs {head()}; "
            "run: debrief db upgrade"
        )


def _refuse_newer(database: Database, at: str | None) -> None:
    if at is not None and at > HEAD:
        raise DatabaseUnavailable(
            f"PostgreSQL at {database.where} is at migration {at[:64]!a}, which this version does not know (its newest "
            f"is {HEAD}); use the version of debrief that migrated it, or a newer one"
        )
