"""The role that the running product acts as, and its rights: it may not change what is append-only."""

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from evaluator.errors import DatabaseUnavailable
from evaluator.storage.tables import APP_ROLE, APPEND_ONLY, metadata

_NOT_PERMITTED = "42501"

# Another database of the same server may have made it, or be doing so right now.
_MAKE = f"""
    DO $$ BEGIN
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{APP_ROLE}') THEN
            CREATE ROLE {APP_ROLE} NOLOGIN;
        END IF;
    EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
    END $$
"""
# Whoever migrates is mostly who the product connects as. Where they may not join the role, it goes on as they are.
_JOIN = f"""
    DO $$ BEGIN
        IF NOT pg_has_role('{APP_ROLE}', 'MEMBER') THEN
            GRANT {APP_ROLE} TO CURRENT_USER;
        END IF;
    EXCEPTION WHEN insufficient_privilege OR unique_violation THEN NULL;
    END $$
"""
_AS_THEY_SHOULD_BE = f"""
    SELECT count(*) = cardinality(CAST(:tables AS text[])) FROM pg_roles r, unnest(CAST(:tables AS text[])) AS t
    WHERE r.rolname = '{APP_ROLE}' AND has_table_privilege(r.oid, 'alembic_version', 'SELECT')
        AND has_table_privilege(r.oid, t, 'SELECT') AND has_table_privilege(r.oid, t, 'INSERT')
        AND CASE WHEN t = ANY(CAST(:append_only AS text[]))
            THEN NOT has_table_privilege(r.oid, t, 'UPDATE, DELETE, TRUNCATE')
            ELSE has_table_privilege(r.oid, t, 'UPDATE') AND has_table_privilege(r.oid, t, 'DELETE') END
"""


def ensure(db: Connection) -> None:
    """Makes the role and gives it its rights in this database, all of them here at the head; does nothing when it has.

    Also after a restore that left rights out. DatabaseUnavailable says what an administrator must do where this user
    may not make roles.
    """
    values = {"tables": sorted(metadata.tables), "append_only": sorted(APPEND_ONLY)}
    if db.execute(text(_AS_THEY_SHOULD_BE), values).scalar_one():
        return
    _make(db)
    schema = db.execute(text("SELECT quote_ident(current_schema())")).scalar_one()
    usable = text(f"SELECT has_schema_privilege('{APP_ROLE}', current_schema(), 'USAGE')")
    if not db.execute(usable).scalar_one():  # mostly everybody may
        db.execute(text(f"GRANT USAGE ON SCHEMA {schema} TO {APP_ROLE}"))
    append_only, mutable = ", ".join(sorted(APPEND_ONLY)), ", ".join(sorted(metadata.tables.keys() - APPEND_ONLY))
    for statement in (
        f"REVOKE ALL ON alembic_version, {append_only}, {mutable} FROM {APP_ROLE}",
        f"GRANT SELECT ON alembic_version TO {APP_ROLE}",
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON {mutable} TO {APP_ROLE}",
        f"GRANT SELECT, INSERT ON {append_only} TO {APP_ROLE}",
    ):
        db.execute(text(statement))


def _make(db: Connection) -> None:
    try:
        with db.begin_nested():
            db.execute(text(_MAKE))
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) != _NOT_PERMITTED:
            raise
        user = db.execute(text("SELECT quote_ident(current_user)")).scalar_one()
        raise DatabaseUnavailable(
            f"PostgreSQL does not let the user {user} create the role {APP_ROLE}, which keeps scorecards and records "
            f"from being changed; let an administrator run: CREATE ROLE {APP_ROLE} NOLOGIN; "
            f"GRANT {APP_ROLE} TO {user}; then again: debrief db upgrade"
        ) from error
    db.execute(text(_JOIN))
