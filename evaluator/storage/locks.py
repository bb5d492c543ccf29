"""Advisory locks: work that only one process of a fleet does at a time, whoever comes first."""

from typing import Literal

from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError

from evaluator.errors import DatabaseUnavailable

SPACE = 0x0DEB  # first key of all these locks, the product's own
WAIT_MS = 120_000

Step = Literal["leases", "hints", "runs", "abandoned", "intake", "notices", "schedules", "costs"]
_NUMBERS: dict[Step, int] = {
    "leases": 1,
    "hints": 2,
    "runs": 3,
    "intake": 4,
    "notices": 5,
    "abandoned": 6,
    "schedules": 7,
    "costs": 8,
}
# How long a holder may do nothing on its connection before PostgreSQL ends it and frees the lock: a process that is
# frozen in a step must not keep the whole fleet from that step. Intake waits for the object store in between.
_IDLE_MS: dict[Step, int] = {
    "leases": 10_000,
    "hints": 30_000,
    "runs": 10_000,
    "abandoned": 120_000,
    "intake": 120_000,
    "notices": 10_000,
    "schedules": 60_000,
    "costs": 10_000,
}


def try_lock(db: Connection, step: Step) -> bool:
    """Takes the lock until the transaction ends; False when another process has it."""
    _end_when_idle(db, step)
    query = text("SELECT pg_try_advisory_xact_lock(:space, :step)")
    return bool(db.execute(query, {"space": SPACE, "step": _NUMBERS[step]}).scalar_one())


def lock(db: Connection, step: Step) -> None:
    """Waits for the lock, at most WAIT_MS, and keeps it until the transaction ends; DatabaseUnavailable after that."""
    db.execute(text(f"SET LOCAL statement_timeout = {WAIT_MS}"))
    _end_when_idle(db, step)
    db.execute(text("SELECT pg_advisory_xact_lock(:space, :step)"), {"space": SPACE, "step": _NUMBERS[step]})


def still_held(db: Connection) -> None:
    """Proves that the transaction, and so its lock, still stands; DatabaseUnavailable when PostgreSQL has ended it."""
    try:
        db.execute(text("SELECT 1"))
    except SQLAlchemyError as error:
        raise DatabaseUnavailable(
            f"the session that held a lock has ended ({type(error).__name__}); another process may go on with its work"
        ) from error


def _end_when_idle(db: Connection, step: Step) -> None:
    db.execute(text(f"SET LOCAL idle_in_transaction_session_timeout = {_IDLE_MS[step]}"))
