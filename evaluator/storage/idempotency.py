"""Answers to requests that carry an Idempotency-Key, so that sending one again does nothing twice."""

from collections.abc import Mapping
from datetime import timedelta

from sqlalchemy import Connection, delete, func, insert, select, text

from evaluator.storage.tables import idempotency
from evaluator.values import Frozen

KEPT_FOR = timedelta(hours=24)
_NAMESPACE = 0x1DE  # of the locks, beside others of this database


class Answered(Frozen):
    """What the first request of a key was answered."""

    request_sha256: str
    status: int
    body: str  # as it was sent
    headers: Mapping[str, str]


class Busy(Frozen):
    """The first request of a key is being answered at this moment."""


def claim(db: Connection, person_id: int, key: str) -> Answered | Busy | None:
    """Takes the person's key until the transaction ends; None: it is new, so do the work and `keep` its answer.

    What fails rolls the claim back with everything else, so the key stays good for another try.
    """
    lock = text("SELECT pg_try_advisory_xact_lock(:space, hashtext(:name))")
    if not db.execute(lock, {"space": _NAMESPACE, "name": f"{person_id} {key}"}).scalar_one():
        return Busy()
    columns = (idempotency.c.request_sha256, idempotency.c.status, idempotency.c.body, idempotency.c.headers)
    is_it = (idempotency.c.person_id == person_id) & (idempotency.c.key == key)
    db.execute(delete(idempotency).where(is_it, idempotency.c.at < _oldest()))
    row = db.execute(select(*columns).where(is_it)).mappings().one_or_none()
    return None if row is None else Answered.model_validate(dict(row))


def keep(db: Connection, person_id: int, key: str, answer: Answered) -> None:
    """Keeps the answer under the key that was claimed in this transaction."""
    db.execute(insert(idempotency).values(person_id=person_id, key=key, **answer.model_dump()))


def forget_old(db: Connection) -> int:
    """Removes what is older than keys are good for; how many."""
    return db.execute(delete(idempotency).where(idempotency.c.at < _oldest())).rowcount


def _oldest() -> object:
    return func.clock_timestamp() - KEPT_FOR
