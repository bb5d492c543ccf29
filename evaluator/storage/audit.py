"""Who did what, append-only; each row's digest covers the one before, so a row that was changed or removed is found.

What the chain cannot show by itself is that its last rows are gone: keep the newest digest elsewhere to see that.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, select, text
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.sql.expression import bindparam

from evaluator.people import Entry, Viewer
from evaluator.storage.keeping import keepable
from evaluator.storage.locks import SPACE
from evaluator.storage.tables import audit
from evaluator.values import Frozen, canonical, sha256

PAGE_MAX = 200
BATCH = 1_000  # rows that a check reads at once
FIRST = "0" * 64  # what the first row has for the digest before it
_LOCK = 0x0A0D  # within SPACE; of whoever appends

_HEAD = text(
    "SELECT clock_timestamp() AS at, CAST(:detail AS jsonb) AS detail, "
    "(SELECT sha256 FROM audit ORDER BY id DESC LIMIT 1) AS previous"
).bindparams(bindparam("detail", type_=JSONB))


class AuditEntry(Frozen):
    """One act of one person."""

    id: int
    at: datetime
    person_id: int | None  # None: the command line
    person: str  # their name then
    entry: Entry
    action: str
    object: str
    requisition: str | None
    detail: dict[str, Any]
    previous_sha256: str
    sha256: str


def log(
    db: Connection,
    viewer: Viewer,
    action: str,
    object: str,  # noqa: A002  what the column is called
    requisition: str | None = None,
    detail: Mapping[str, Any] | None = None,
) -> int:
    """Appends one act; its id. UsageFault: the detail is no JSON that can be kept.

    Nobody else can append until the transaction ends, so it comes last in it, after all other writes.
    """
    db.execute(text("SELECT pg_advisory_xact_lock(:space, :lock)"), {"space": SPACE, "lock": _LOCK})
    # A statement of its own: it must see what the one before us has committed. The detail comes back as PostgreSQL
    # keeps it (numbers change their spelling), since that is what can be checked later.
    head = db.execute(_HEAD, {"detail": keepable(detail or {}, "an audit entry")}).one()
    values = {
        "at": head.at,
        "person_id": viewer.person_id,
        "entry": viewer.entry,
        "action": action,
        "object": object,
        "requisition": requisition,
        "detail": head.detail,
    }
    previous = head.previous or FIRST
    row = {**values, "person": viewer.name, "previous_sha256": previous, "sha256": _digest(previous, values)}
    return int(db.execute(insert(audit).values(row).returning(audit.c.id)).scalar_one())


def entries(
    db: Connection,
    before: int | None = None,
    limit: int = 50,
    person: int | None = None,
    action: str | None = None,
    requisition: str | None = None,
) -> tuple[AuditEntry, ...]:
    """The newest first, at most PAGE_MAX; `before` is the last id of the page before, the rest what they must match."""
    query = select(audit).order_by(audit.c.id.desc()).limit(min(limit, PAGE_MAX))
    if before is not None:
        query = query.where(audit.c.id < before)
    for name, value in {"person_id": person, "action": action, "requisition": requisition}.items():
        if value is not None:
            query = query.where(audit.c[name] == value)
    return tuple(AuditEntry.model_validate(dict(row)) for row in db.execute(query).mappings())


def verify(db: Connection) -> int | None:
    """The id of the first row that is not what was appended, or does not follow the one before; None: all do."""
    at, previous = 0, FIRST
    while batch := db.execute(select(audit).where(audit.c.id > at).order_by(audit.c.id).limit(BATCH)).mappings().all():
        for row in batch:
            if row["previous_sha256"] != previous or row["sha256"] != _digest(previous, row):
                return int(row["id"])
            at, previous = row["id"], row["sha256"]
    return None


def _digest(previous: str, row: Mapping[Any, Any]) -> str:
    """The person's name is left out, so that it can be taken from the rows when it must be forgotten."""
    names = ("person_id", "entry", "action", "object", "requisition", "detail")
    at = row["at"].astimezone(UTC).isoformat(timespec="microseconds")
    return sha256(canonical({"previous": previous, "at": at, **{name: row[name] for name in names}}))
