"""Connections and transactions; foreign errors become ours here."""

import re
import select
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from typing import Any

import psycopg
from sqlalchemy import Connection, create_engine, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, DisconnectionError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from evaluator.errors import DatabaseUnavailable, UsageFault
from evaluator.storage.tables import APP_ROLE

CONNECT_TIMEOUT_S = 5
PING_WITHIN_S = 5.0  # a pooled connection that does not answer by then is replaced
PATIENCE_S = 20.0  # the server ends a statement after this
ANSWER_MARGIN_S = 1.0  # and has this long to say so; then it is hung, or the network swallows everything
IDLE_IN_TRANSACTION_S = 15  # a frozen or vanished client would keep its locks for ever
TCP_UNANSWERED_MS = 10_000
_OWN_LIMIT = re.compile(r"SET LOCAL statement_timeout = (\d+)$")  # milliseconds; 0 is none
_UNMIGRATED = frozenset({"42P01", "42703", "3F000"})  # undefined table, column, schema
# By class: connection, authorisation, no such database, rolled back (a deadlock, say), resources, operator, system.
_OUTAGE_CLASSES = frozenset({"08", "28", "3D", "40", "53", "57", "58"})
_OUTAGES = frozenset({"25006", "25P03", "42501"})  # read-only, idle for too long, no permission

# One answer, also where there is nothing to adopt: no such role (a database that was not migrated yet), no right to
# become it, or none of its rights in this database, since roles belong to the whole server.
_ADOPT = """
    SELECT set_config('role', r.rolname, false) FROM pg_roles r
    WHERE r.rolname = %s AND pg_has_role(r.oid,
            CASE WHEN current_setting('server_version_num')::int >= 160000 THEN 'SET' ELSE 'MEMBER' END)
        AND has_table_privilege(r.oid, to_regclass('human_record')::oid, 'SELECT')
"""


class BoundedConnection(psycopg.Connection[Any]):
    """A connection that waits for each answer only so long: a frozen server keeps no time limit of its own."""

    answer_within_s: float | None = PATIENCE_S + ANSWER_MARGIN_S  # None: for ever
    generation: int = 0  # how often everything had to be connected anew when it was made

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        """The generator's result; OperationalError, and the connection is closed, when the server says nothing."""
        within_s = self.answer_within_s if timeout is None else timeout
        try:
            return super().wait(gen, interval, within_s)
        except psycopg.errors._WaitTimeout:  # its own name for it; it leaves the connection open and waiting
            self.pgconn.finish()  # sends nothing that would have to be answered
            raise psycopg.OperationalError(f"no answer within {within_s:g} s") from None


class Database:
    """One PostgreSQL server; opens nothing until the first transaction, so it may be made before a fork.

    Every call ends, also on a hung server: the start of a transaction within PING_WITHIN_S + CONNECT_TIMEOUT_S, each
    statement of it within the patience.
    """

    def __init__(
        self, url: str, *, connections: int = 2, patience_s: float = PATIENCE_S, role: str | None = APP_ROLE
    ) -> None:
        """url: `postgresql://user:password@host:port/name`; connections: the most held at once by this process.

        patience_s: how long a statement may take. role: whom to act as where the URL's user may, so that what is
        append-only stays so whatever the code does; None: as the URL's user.
        """
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
                "options": f"-c statement_timeout={int(patience_s * 1000)} -c timezone=UTC"
                f" -c idle_in_transaction_session_timeout={IDLE_IN_TRANSACTION_S * 1000}",
                "application_name": "debrief",
                "keepalives_idle": 10,
                "keepalives_interval": 5,
                "keepalives_count": 2,
                "tcp_user_timeout": TCP_UNANSWERED_MS,
            },
        )
        self._answer_within_s = patience_s + ANSWER_MARGIN_S
        self._role = role
        self._generation = 0
        event.listen(self.engine, "do_connect", self._connect)
        event.listen(self.engine, "checkin", self._wait_for_pings)
        event.listen(self.engine, "checkout", self._wait_for_statements)
        event.listen(self.engine, "before_cursor_execute", _follow_time_limit)

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """One transaction: committed at the end, rolled back on any error; DatabaseUnavailable."""
        with self._unavailable(), self.engine.begin() as connection:
            yield connection

    @contextmanager
    def listening(self, channel: str) -> Iterator[Callable[[float], bool]]:
        """Gives what waits so many seconds for a NOTIFY on the channel and tells whether one came.

        Holds a connection meanwhile. DatabaseUnavailable, also later, from the wait.
        """
        with self._unavailable(), self.engine.connect() as connection:
            connection.execution_options(isolation_level="AUTOCOMMIT")
            connection.execute(text(f"LISTEN {channel}"))
            try:
                driver: Any = connection.connection.driver_connection
                yield partial(_heard, driver)
            except psycopg.OperationalError as error:
                raise DatabaseUnavailable(f"PostgreSQL at {self.where} cannot be listened to any more") from error
            finally:
                connection.invalidate()  # the pool's next user has not asked to hear anything

    @contextmanager
    def _unavailable(self) -> Iterator[None]:
        try:
            yield
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

    def _connect(self, _dialect: object, _record: object, arguments: Any, parameters: Any) -> BoundedConnection:
        started_at, generation = time.monotonic(), self._generation
        connection = BoundedConnection.connect(*arguments, **parameters)
        if self._role is not None:
            connection.answer_within_s = max(CONNECT_TIMEOUT_S - (time.monotonic() - started_at), ANSWER_MARGIN_S)
            _adopt(connection, self._role)
        connection.generation, connection.answer_within_s = generation, self._answer_within_s
        return connection

    def _wait_for_pings(self, connection: BoundedConnection | None, _record: object) -> None:
        if connection is not None:  # else it is gone
            connection.answer_within_s = min(PING_WITHIN_S, self._answer_within_s)

    def _wait_for_statements(self, connection: BoundedConnection, _record: object, _proxy: object) -> None:
        if connection.generation != self._generation:
            raise DisconnectionError  # the pool makes another one
        connection.answer_within_s = self._answer_within_s

    def reconnect(self) -> None:
        """Replaces each connection before its next transaction: whom it may act as has changed."""
        self._generation += 1

    def close(self) -> None:
        """Closes pooled connections."""
        self.engine.dispose()


def clock(db: Connection) -> datetime:
    """What the database's clock says now; no other one counts."""
    now: datetime = db.execute(text("SELECT clock_timestamp()")).scalar_one()
    return now


def is_protected(db: Connection) -> bool:
    """Whether this connection can neither change nor delete what is append-only."""
    query = "SELECT has_table_privilege('scorecard', 'UPDATE') OR has_table_privilege('scorecard', 'DELETE')"
    return not db.execute(text(query)).scalar_one()


def _heard(connection: BoundedConnection, within_s: float) -> bool:
    """Whether anything was notified within so many seconds; OperationalError when the connection has ended."""
    ready, _, _ = select.select([connection.fileno()], [], [], within_s)
    if not ready:
        return False
    connection.pgconn.consume_input()
    heard = False
    while connection.pgconn.notifies():
        heard = True
    return heard


def _adopt(connection: BoundedConnection, role: str) -> None:
    """Acts as this role from here on, where that is possible."""
    try:
        connection.execute(_ADOPT, [role])
        connection.commit()  # a rollback would take it back
    except BaseException:
        connection.close()
        raise


def _follow_time_limit(_: Connection, cursor: Any, statement: str, *_more: object) -> None:
    """A transaction that sets a time limit of its own is waited for as long as that."""
    if found := _OWN_LIMIT.match(statement):
        cursor.connection.answer_within_s = int(found[1]) / 1000 + ANSWER_MARGIN_S if int(found[1]) else None


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
