"""Brings a database to this version's head, and says where it stands."""

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, inspect, text

from evaluator.errors import OtherSchema
from evaluator.storage.database import Database
from migrations import role

if TYPE_CHECKING:
    from alembic.config import Config

HEAD = "0008"  # the newest step; a test holds it against the steps themselves, which are numbered in order
# The oldest head whose pages still work on the tables of HEAD: a step that only adds leaves it, one that takes away or
# changes what something means raises it to itself. A test holds it against the tables.
OLDEST = "0006"
_LOCK = 0x0DEB0001  # of the one who migrates; a second one waits
_OLDEST_IS = "pages from migration "  # a comment on the table of the head, so that older versions can read it


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

    OtherSchema when a newer version has migrated it.
    """
    from alembic import command

    with database.begin() as db:
        db.execute(text("SET LOCAL ROLE NONE"))  # tables belong to the URL's user, not to the product's role
        db.execute(text("SET LOCAL statement_timeout = 0"))
        db.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        before = current(db)
        _refuse_newer(database.where, before)
        if before != HEAD:
            settings = config()
            settings.attributes["connection"] = db
            command.upgrade(settings, "head")
            db.execute(text(f"COMMENT ON TABLE alembic_version IS '{_OLDEST_IS}{OLDEST}'"))
        role.ensure(db)
    database.reconnect()  # as the product's role, which there may not have been before
    return before, HEAD


def require_head(database: Database) -> None:
    """OtherSchema unless the database is at this version's head: what a process asks before it starts."""
    with database.begin() as db:
        at = current(db)
    _refuse(database.where, at)


def refuse_other(db: Connection, where: str) -> None:
    """The same for a process that runs already, in one statement: a newer version may have migrated meanwhile.

    Who works by rules that a newer version has changed (a budget, say) would break them without noticing.
    """
    _refuse(where, db.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none())


def require_tables(database: Database) -> None:
    """OtherSchema unless the pages of this version work on the database's tables.

    They do so at this version's head, and at a newer one that has only added to it: so pages are served on while a
    fleet is upgraded.
    """
    with database.begin() as db:
        at = current(db)
        if at is not None and at > HEAD and (oldest := _oldest(db)) is not None and oldest <= HEAD:
            return
    _refuse(database.where, at)


def _oldest(db: Connection) -> str | None:
    """The oldest head whose pages work on these tables, as the version that migrated them says; None: it does not."""
    said = db.execute(text("SELECT obj_description('alembic_version'::regclass, 'pg_class')")).scalar_one()
    return str(said).removeprefix(_OLDEST_IS) if said is not None and str(said).startswith(_OLDEST_IS) else None


def _refuse(where: str, at: str | None) -> None:
    _refuse_newer(where, at)
    if at != HEAD:
        raise OtherSchema(
            f"PostgreSQL at {where} is at migration {at or 'none'}, this version needs {HEAD}; run: debrief db upgrade"
        )


def _refuse_newer(where: str, at: str | None) -> None:
    if at is not None and at > HEAD:
        raise OtherSchema(
            f"PostgreSQL at {where} is at migration {at[:64]!a}, which this version does not know (its newest "
            f"is {HEAD}); use the version of debrief that migrated it, or a newer one"
        )
