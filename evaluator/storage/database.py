"""Connections and transactions; foreign errors become ours here."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, create_engine
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from evaluator.errors import DatabaseUnavailable, UsageFault

CONNECT_TIMEOUT_S = 5
STATEMENT_TIMEOUT_MS = 20_000
_UNMIGRATED = frozenset({"42P01", "42703", "3F000"})  # undefined table, column, schema
# By class: connection, authorisation, no such database, rolled back (a deadlock, say), resources, operator, system.
_OUTAGE_CLASSES = frozenset({"08", "28", "3D", "40", "53", "57", "58"})
_OUTAGES = frozenset({"25006", "42501"})  # read-only, no permission


class Database:
    """One PostgreSQL server; opens nothing until the first transaction, so it may be made before a fork."""

    def __init__(self, url: str, *, connections: int = 2) -> None:
        """url: `postgresql://user:password@host:port/name`; connections: the most held at once by this process."""
        try:
            parsed = make_url(url)
        except (ArgumentError, ValueError):  # ValueError: a port that is no number
            raise UsageFault(
                "DEBRIEF_DATABASE_URL is not a URL; use postgresql://user:password@host:5432/name"
            ) from None
        if parsed.get_backend_name() not in ("postgresql", "postgres"):
            raise UsageFault(f"DEBRIEF_DATABASE_URL must name PostgreSQL, not {parsed.get_backend_name()}")
        self.url = parsed.set(drivername="postgresql+psycopg")
        self.where = f"{parsed.host or 'local socket'}:{parsed.port or 5432}/{parsed.database or ''}"
        self.engine = create_engine(
            self.url,
            pool_size=connections,
            max_overflow=0,
            pool_pre_ping=True,
            pool_timeout=10,
            hide_parameters=True,  # names would end up in logs
            connect_args={
                "connect_timeout": CONNECT_TIMEOUT_S,
                "options": f"-c statement_timeout={STATEMENT_TIMEOUT_MS} -c timezone=UTC",
                "application_name": "debrief",
            },
        )

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """One transaction: committed at the end, rolled back on any error; DatabaseUnavailable."""
        try:
            with self.engine.begin() as connection:
                yield connection
        except PoolTimeout as error:
            raise DatabaseUnavailable(f"PostgreSQL at {self.where}: no free connection within 10 s") from error
        except DBAPIError as error:
            _forget_values(error)
            if getattr(error.orig, "sqlstate", None) in _UNMIGRATED:
                raise DatabaseUnavailable(
                    f"PostgreSQL at {self.where} is not at this version's migrations; run: debrief db upgrade"
                ) from error
            if error.connection_invalidated or _is_outage(error):
                raise DatabaseUnavailable(
                    f"PostgreSQL at {self.where} cannot be used ({_reason(error)}); see: debrief doctor"
                ) from error
            raise

    def close(self) -> None:
        """Closes pooled connections."""
        self.engine.dispose()


def _is_outage(error: DBAPIError) -> bool:
    """Refused, shut down, out of connections, read-only, out of time: the server's trouble, not the statement's."""
    state = getattr(error.orig, "sqlstate", None)
    if state is None:  # the driver's own: no connection (then there is no statement), or a value that cannot be sent
        return error.statement is None or isinstance(error, OperationalError | InterfaceError)
    return state[:2] in _OUTAGE_CLASSES or state in _OUTAGES


def _forget_values(error: DBAPIError) -> None:
    """Keeps the first line of the server's message: the ones after it may quote a whole row, names included."""
    for one in (error, error.orig):
        if one is not None:
            one.args = tuple(str(part).strip().partition("\n")[0] for part in one.args[:1])


def _reason(error: DBAPIError) -> str:
    """The first line of the driver's message, which names host and port but no password."""
    return str(error.orig).strip().splitlines()[0][:200] if str(error.orig).strip() else type(error.orig).__name__
