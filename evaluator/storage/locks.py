"""Advisory locks: work that only one process of a fleet does at a time, whoever comes first."""

from typing import Literal

from sqlalchemy import Connection, text

SPACE = 0x0DEB  # first key of all these locks, the product's own
WAIT_MS = 120_000

Step = Literal["leases", "hints", "runs", "intake"]
_NUMBERS: dict[Step, int] = {"leases": 1, "hints": 2, "runs": 3, "intake": 4}


def try_lock(db: Connection, step: Step) -> bool:
    """Takes the lock until the transaction ends; False when another process has it."""
    query = text("SELECT pg_try_advisory_xact_lock(:space, :step)")
    return bool(db.execute(query, {"space": SPACE, "step": _NUMBERS[step]}).scalar_one())


def lock(db: Connection, step: Step) -> None:
    """Waits for the lock, at most WAIT_MS, and keeps it until the transaction ends; DatabaseUnavailable after that."""
    db.execute(text(f"SET LOCAL statement_timeout = {WAIT_MS}"))
    db.execute(text("SELECT pg_advisory_xact_lock(:space, :step)"), {"space": SPACE, "step": _NUMBERS[step]})
