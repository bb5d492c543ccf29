"""Brings a database to this version's head, and says where it stands."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from evaluator.errors import DatabaseUnavailable
from evaluator.storage.database import Database

_LOCK = 0x0DEB0001  # of the one who migrates; a second one waits


def config() -> Config:
    """Alembic's configuration without a file; the steps lie in this package."""
    result = Config()
    result.set_main_option("script_location", str(Path(__file__).parent))
    return result


def head() -> str:
    """The newest step that this version knows."""
    found = ScriptDirectory.from_config(config()).get_current_head()
    if found is None:
        raise RuntimeError("no migration steps are installed")
    return found


def current(db: Connection) -> str | None:
    """The step that the database is at; None for an empty one."""
    return MigrationContext.configure(db).get_current_revision()


def upgrade(database: Database) -> tuple[str | None, str]:
    """Runs what is missing, in one transaction; (before, after). Two at once: the second waits, then does nothing."""
    with database.begin() as db:
        db.execute(text("SET LOCAL statement_timeout = 0"))
        db.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        before = current(db)
        settings = config()
        settings.attributes["connection"] = db
        command.upgrade(settings, "head")
        return before, head()


def require_head(database: Database) -> None:
    """DatabaseUnavailable unless the database is at this version's head."""
    with database.begin() as db:
        at = current(db)
    if at != head():
        raise DatabaseUnavailable(
            f"PostgreSQL at {database.where} is at migration {at or 'none'}, this version needs {head()}; "
            "run: debrief db upgrade"
        )
