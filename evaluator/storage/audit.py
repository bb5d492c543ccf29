"""Who did what, append-only; each row's digest covers the one before, so a row that was changed or removed is found.

What the chain cannot show by itself is that its last rows are gone: keep the newest digest elsewhere to see that.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Select, func, select, text
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
LATELY_MAX = 200  # of a person's newest entries, among which one is looked for
_LOCK = 0x0A0D  # within SPACE; of whoever appends

_HEAD = text(
    "SELECT clock_timestamp() AS at, CAST(:detail AS jsonb) AS detail, "
    "(SELECT sha256 FROM audit ORDER BY id DESC LIMIT 1) AS previous"
).bindparams(bindparam("detail", type_=JSONB))


# One action after the other by its index, since there are few of them and many entries.
_ACTIONS = text("""
    WITH RECURSIVE known AS (
        (SELECT action FROM audit ORDER BY action LIMIT 1)
        UNION ALL
        SELECT (SELECT a.action FROM audit a WHERE a.action > known.action ORDER BY a.action LIMIT 1) FROM known
        WHERE known.action IS NOT NULL
    )
    SELECT action FROM known WHERE action IS NOT NULL LIMIT 500
""")
_LATELY = text("""
    SELECT EXISTS (
        SELECT FROM (SELECT * FROM audit WHERE person_id = :person ORDER BY id DESC LIMIT :most) newest
        WHERE action = :action AND object = :object AND entry = :entry AND at > clock_timestamp() - :within
    )
""")


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


def log_once(
    db: Connection,
    viewer: Viewer,
    action: str,
    object: str,  # noqa: A002
    requisition: str | None,
    *,
    within: timedelta,
) -> int | None:
    """As `log`, unless the same person did the same to it within this time, in the same way; None: they did."""
    if _lately(db, viewer, action, object, within):
        return None
    # Several requests of one page come at once: the first one writes, the others see it.
    db.execute(text("SELECT id FROM person WHERE id = :id FOR NO KEY UPDATE"), {"id": viewer.person_id})
    if _lately(db, viewer, action, object, within):
        return None
    return log(db, viewer, action, object, requisition)


def _lately(db: Connection, viewer: Viewer, action: str, of: str, within: timedelta) -> bool:
    values = {"person": viewer.person_id, "action": action, "object": of, "entry": viewer.entry, "within": within}
    return bool(db.execute(_LATELY, {**values, "most": LATELY_MAX}).scalar_one())


class Sought(Frozen):
    """Which entries; what is left out is not asked."""

    person: int | None = None
    by_command: bool = False  # only those that no person made
    action: str | None = None
    requisition: str | None = None
    object: str | None = None
    since: datetime | None = None
    until: datetime | None = None  # exclusive


ALL = Sought()


def entries(
    db: Connection, sought: Sought = ALL, *, before: int | None = None, limit: int = 50
) -> tuple[AuditEntry, ...]:
    """The newest first, at most PAGE_MAX; `before` is the last id of the page before."""
    query = _matching(select(audit), sought).order_by(audit.c.id.desc()).limit(min(limit, PAGE_MAX))
    if before is not None:
        query = query.where(audit.c.id < before)
    return tuple(AuditEntry.model_validate(dict(row)) for row in db.execute(query).mappings())


def actions(db: Connection) -> tuple[str, ...]:
    """All actions of which there is an entry, in order."""
    return tuple(db.execute(_ACTIONS).scalars())


def _matching(query: Select[Any], sought: Sought) -> Select[Any]:
    for name, value in {
        "person_id": sought.person,
        "action": sought.action,
        "requisition": sought.requisition,
        "object": sought.object,
    }.items():
        if value is not None:
            query = query.where(audit.c[name] == value)
    if sought.by_command:
        query = query.where(audit.c.person_id.is_(None))
    if sought.since is not None:
        query = query.where(audit.c.at >= sought.since)
    if sought.until is not None:
        query = query.where(audit.c.at < sought.until)
    return query


class Link(Frozen):
    """One row of the chain."""

    id: int
    at: datetime
    sha256: str


class Chain(Frozen):
    """What a check of the chain found."""

    rows: int  # that are what was appended and follow the one before
    first: int | None  # id of the first one that was looked at; None: there is none
    last: Link | None  # the newest of those rows
    broken: int | None  # id of the first row that is not, or does not; nothing after it was looked at


def check(db: Connection, *, since: int = 1) -> Chain:
    """Checks the chain from the row of this id on; what that one follows is taken as it stands."""
    before = select(audit.c.sha256).where(audit.c.id < since).order_by(audit.c.id.desc()).limit(1)
    previous = db.execute(before).scalar_one_or_none() or FIRST
    rows, first, last = 0, None, None
    for row in _rows(db, since):
        first = row["id"] if first is None else first
        if row["previous_sha256"] != previous or row["sha256"] != _digest(previous, row):
            return Chain(rows=rows, first=first, last=last, broken=row["id"])
        rows, previous = rows + 1, row["sha256"]
        last = Link(id=row["id"], at=row["at"], sha256=previous)
    return Chain(rows=rows, first=first, last=last, broken=None)


def check_newest(db: Connection, rows: int) -> Chain:
    """Checks that many of the newest rows; how long it takes does not grow with the chain."""
    start = select(audit.c.id).order_by(audit.c.id.desc()).offset(rows - 1).limit(1)
    return check(db, since=db.execute(start).scalar_one_or_none() or 1)


def verify(db: Connection) -> int | None:
    """The id of the first row that is not what was appended, or does not follow the one before; None: all do."""
    return check(db).broken


def digests(db: Connection, numbers: Sequence[int]) -> Mapping[int, str]:
    """Digests of the rows of these ids, as they stand; of those that are there."""
    found: dict[int, str] = {}
    for start in range(0, len(numbers), BATCH):
        query = select(audit.c.id, audit.c.sha256).where(audit.c.id.in_(numbers[start : start + BATCH]))
        found |= {row.id: row.sha256 for row in db.execute(query)}
    return found


def has_digest(db: Connection, sha256: str) -> bool:
    """Whether some row has this digest; reads them all."""
    return bool(db.execute(select(func.count()).select_from(audit).where(audit.c.sha256 == sha256)).scalar_one())


def _rows(db: Connection, since: int) -> Iterator[Mapping[Any, Any]]:
    at = since - 1
    while batch := db.execute(select(audit).where(audit.c.id > at).order_by(audit.c.id).limit(BATCH)).mappings().all():
        yield from batch
        at = batch[-1]["id"]


def _digest(previous: str, row: Mapping[Any, Any]) -> str:
    """The person's name is left out, so that it can be taken from the rows when it must be forgotten."""
    names = ("person_id", "entry", "action", "object", "requisition", "detail")
    at = row["at"].astimezone(UTC).isoformat(timespec="microseconds")
    return sha256(canonical({"previous": previous, "at": at, **{name: row[name] for name in names}}))
