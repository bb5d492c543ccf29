"""Webhooks, and the messages for them: written with what they tell, claimed, tried, and kept with what came of it.

A message about a scorecard or a run is written in the transaction that makes it, so neither can be without the other.
That a requisition is ready follows from many rows, and no transaction sees them all: a reconciler looks for it. Ids of
messages follow from what they tell, so nothing is written twice.

A try is claimed before it is made, and the next one is set then: a process that dies while it sends costs one try.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, DateTime, Row, bindparam, func, select, text
from sqlalchemy.dialects.postgresql import insert

from evaluator.errors import Conflict, NotFound
from evaluator.evaluation import RunCounts
from evaluator.manifest import CONSENT_DENIED
from evaluator.notices import (
    GONE,
    SECRETS_MAX,
    TRIES_MAX,
    Event,
    Message,
    Outcome,
    Told,
    TryError,
    after_try,
    blinded,
    requisition_ready,
    retry_delay_s,
    run_closed,
    scorecard_ready,
    trial_message,
)
from evaluator.storage.moments import from_now
from evaluator.storage.requisitions import find_requisition
from evaluator.storage.tables import webhook, webhook_delivery, webhook_try
from evaluator.values import Frozen

WEBHOOKS_MAX = 100  # per installation
DELIVERIES_SHOWN_MAX = 200
TRIES_SHOWN_MAX = 1_000
READY_MAX = 50  # requisitions that one look tells of
EXPIRED_MAX = 200  # tries given up in one step


class Webhook(Frozen):
    """Who gets which messages. Its secret is shown once, when it is made, and is in no value."""

    id: int
    requisition: str | None  # None: all
    url: str  # its query may be secret
    events: tuple[Event, ...]
    active: bool
    created_at: datetime
    secrets: int = 1  # that sign; 2 while the old one is being replaced
    pending: int = 0  # messages that wait, for their first try or the next
    failed: int = 0  # messages that were given up
    delivered_at: datetime | None = None  # of the newest that arrived


class Delivery(Frozen):
    """One message to one webhook, and what became of it; the answer's body is never kept."""

    id: int
    webhook_id: int
    message_id: str
    event: Told
    state: str  # pending, delivered or failed
    attempts: int
    not_before: datetime  # of the next try, while it is pending
    status: int | None  # of the last answer
    error: TryError | None  # of the last try
    created_at: datetime
    delivered_at: datetime | None


class Try(Frozen):
    """One try of a message, as it ended; one that was interrupted has none."""

    delivery_id: int
    number: int
    at: datetime
    status: int | None
    error: TryError | None  # None: delivered
    seconds: float


class Claimed(Frozen):
    """A try that this process is to make now, and nobody else."""

    id: int
    attempt: int  # 1, 2, ...; also the fence of what it writes
    webhook_id: int
    url: str
    secrets: tuple[str, ...]
    message: Message
    at: datetime  # of the claim, by the database's clock

    def __repr__(self) -> str:
        return f"Claimed(id={self.id}, attempt={self.attempt})"  # no secret in any log

    __str__ = __repr__


_COUNTED = """
    SELECT w.id, w.requisition, w.url, w.events, w.active, w.created_at,
        cardinality(string_to_array(trim(w.secret), ' ')) AS secrets,
        count(*) FILTER (WHERE d.state = 'pending') AS pending, count(*) FILTER (WHERE d.state = 'failed') AS failed,
        max(d.delivered_at) AS delivered_at
    FROM webhook w LEFT JOIN webhook_delivery d ON d.webhook_id = w.id {where} GROUP BY w.id ORDER BY w.id
"""


def add_webhook(
    db: Connection,
    *,
    url: str,
    events: Sequence[Event],
    requisition: str | None,
    secret: str,
    created_by: int | None = None,
) -> int:
    """Makes one; its id. NotFound: no such requisition. Conflict: the same exists, or there are too many."""
    if requisition is not None:
        find_requisition(db, requisition)
    db.execute(text("LOCK TABLE webhook IN SHARE ROW EXCLUSIVE MODE"))  # two that count at once would both fit
    others = db.execute(select(webhook.c.id, webhook.c.url, webhook.c.requisition)).all()
    if len(others) >= WEBHOOKS_MAX:
        raise Conflict(f"there are {WEBHOOKS_MAX} webhooks already; remove one first")
    if same := [other.id for other in others if (other.url, other.requisition) == (url, requisition)]:
        raise Conflict(f"webhook {same[0]} has this address and requisition already")
    values = {"url": url, "events": list(events), "requisition": requisition, "secret": secret}
    statement = insert(webhook).values(**values, created_by=created_by)
    return int(db.execute(statement.returning(webhook.c.id)).scalar_one())


def webhook_list(db: Connection) -> tuple[Webhook, ...]:
    """All of them."""
    rows = db.execute(text(_COUNTED.format(where=""))).mappings()
    return tuple(Webhook.model_validate(dict(row)) for row in rows)


def find_webhook(db: Connection, webhook_id: int) -> Webhook:
    """One; NotFound."""
    row = db.execute(text(_COUNTED.format(where="WHERE w.id = :id")), {"id": webhook_id}).mappings().first()
    if row is None:
        raise _not_found(webhook_id)
    return Webhook.model_validate(dict(row))


def deliveries(db: Connection, webhook_id: int, *, limit: int = 50) -> tuple[Delivery, ...]:
    """Its messages, the newest first, at most DELIVERIES_SHOWN_MAX."""
    d = webhook_delivery.c
    query = select(*(d[name] for name in Delivery.model_fields)).where(d.webhook_id == webhook_id)
    rows = db.execute(query.order_by(d.id.desc()).limit(min(limit, DELIVERIES_SHOWN_MAX))).mappings()
    return tuple(Delivery.model_validate(dict(row)) for row in rows)


def find_delivery(db: Connection, delivery_id: int) -> Delivery:
    """One message; NotFound."""
    d = webhook_delivery.c
    row = db.execute(select(*(d[name] for name in Delivery.model_fields)).where(d.id == delivery_id)).mappings().first()
    if row is None:
        raise NotFound(f"message {delivery_id} does not exist; see: debrief webhook list WEBHOOK")
    return Delivery.model_validate(dict(row))


def tries(db: Connection, delivery_ids: Sequence[int]) -> tuple[Try, ...]:
    """How these messages were tried, the oldest first; at most TRIES_SHOWN_MAX, the newest of all."""
    t = webhook_try.c
    query = select(*(t[name] for name in Try.model_fields)).where(t.delivery_id.in_(delivery_ids))
    rows = db.execute(query.order_by(t.id.desc()).limit(TRIES_SHOWN_MAX)).mappings().all()
    return tuple(Try.model_validate(dict(row)) for row in reversed(rows))


def begin_rotation(db: Connection, webhook_id: int, secret: str) -> None:
    """From here on messages are signed with this secret and the one before. NotFound; Conflict: one is under way."""
    old = _locked(db, webhook_id).secret.split()
    if len(old) >= SECRETS_MAX:
        raise Conflict(f"webhook {webhook_id} has an old secret still; end that first, with --end")
    _set(db, webhook_id, secret=" ".join([secret, *old]))


def end_rotation(db: Connection, webhook_id: int) -> bool:
    """Only the newest secret signs from here on; False when it was alone. NotFound."""
    old = _locked(db, webhook_id).secret.split()
    _set(db, webhook_id, secret=old[0])
    return len(old) > 1


def remove_webhook(db: Connection, webhook_id: int) -> None:
    """Removes it and its messages; NotFound. Waits for whoever writes one just now, and keeps others from it."""
    _locked(db, webhook_id)
    db.execute(webhook_delivery.delete().where(webhook_delivery.c.webhook_id == webhook_id))
    db.execute(webhook.delete().where(webhook.c.id == webhook_id))


# The lock lets others write messages and keeps the webhook from being removed under them. A requisition that has no
# row is taken for a blind one.
_WANTED_SCORECARD = text(
    """
    SELECT w.id AS webhook_id, s.state, s.interview_id, s.created_at, i.requisition, coalesce(q.blind, true) AS blind
    FROM scorecard s JOIN interview i ON i.id = s.interview_id LEFT JOIN requisition q ON q.id = i.requisition
    JOIN webhook w ON w.active AND 'scorecard.ready' = ANY (w.events)
        AND (w.requisition IS NULL OR w.requisition = i.requisition)
    WHERE s.id = :id FOR KEY SHARE OF w
    """
)


def announce_scorecard(db: Connection, scorecard_id: str) -> int:
    """Writes that an interview has a scorecard, in the transaction that made it; to how many webhooks."""
    found = db.execute(_WANTED_SCORECARD, {"id": scorecard_id}).all()
    messages = [
        (
            row.webhook_id,
            scorecard_ready(
                row.webhook_id,
                scorecard_id=scorecard_id,
                interview_id=row.interview_id,
                requisition=row.requisition,
                state=None if row.blind else row.state,
                at=row.created_at,
            ),
        )
        for row in found
    ]
    return write_messages(db, messages)


_BLIND_IN_RUN = """
    EXISTS (SELECT 1 FROM run_member m JOIN evaluation e ON e.id = m.evaluation_id
            JOIN interview i ON i.id = e.interview_id LEFT JOIN requisition q ON q.id = i.requisition
            WHERE m.run_id = r.id AND coalesce(q.blind, true))
"""
_WANTED_RUN = text(
    f"""
    SELECT w.id AS webhook_id, r.name, r.closed_because, r.closed_at, {_BLIND_IN_RUN} AS blind
    FROM run r JOIN webhook w ON w.active AND 'run.closed' = ANY (w.events) AND w.requisition IS NULL
    WHERE r.id = :id AND r.state = 'closed' FOR KEY SHARE OF w
    """
)


def announce_run(db: Connection, run_id: int, counts: RunCounts) -> int:
    """Writes that a run has ended, in the transaction that ended it; to how many webhooks."""
    found = db.execute(_WANTED_RUN, {"id": run_id}).all()
    messages = [
        (
            row.webhook_id,
            run_closed(
                row.webhook_id,
                run=row.name,
                because=row.closed_because,
                counts=counts,
                any_blind=row.blind,
                at=row.closed_at,
            ),
        )
        for row in found
    ]
    return write_messages(db, messages)


# Ready: nothing of it is worked on in an open run, and every interview that may be scored (consent allows it, and it
# did not break off unreleased) has a scorecard of its present transcript and rubric, or is blocked. Told once for each
# newest scorecard, and never of the time before the webhook was made.
_WANTED_REQUISITIONS = text(
    """
    WITH wanted AS MATERIALIZED (
        SELECT w.id AS webhook_id, w.created_at, q.id AS requisition
        FROM webhook w JOIN requisition q ON w.requisition IS NULL OR w.requisition = q.id
        WHERE w.active AND 'requisition.ready' = ANY (w.events)
    ), fresh AS MATERIALIZED (
        SELECT DISTINCT ON (i.requisition) i.requisition, s.id AS scorecard_id, s.created_at
        FROM (SELECT requisition, min(created_at) AS since FROM wanted GROUP BY requisition) q
        JOIN interview i ON i.requisition = q.requisition
        JOIN scorecard s ON s.interview_id = i.id AND s.created_at >= q.since
        ORDER BY i.requisition, s.created_at DESC, s.id DESC
    ), untold AS MATERIALIZED (
        SELECT w.webhook_id, f.requisition, f.scorecard_id
        FROM wanted w JOIN fresh f ON f.requisition = w.requisition AND f.created_at >= w.created_at
        WHERE NOT EXISTS (
            SELECT 1 FROM webhook_delivery d WHERE d.message_id = 'msg_' || left(encode(sha256(convert_to(
                w.webhook_id || '/requisition.ready/' || f.requisition || '/' || f.scorecard_id, 'UTF8')), 'hex'), 32))
    )
    SELECT u.webhook_id, u.requisition, u.scorecard_id, clock_timestamp() AS at FROM untold u
    WHERE NOT EXISTS (
        SELECT 1 FROM interview i WHERE i.requisition = u.requisition AND NOT (i.consent = ANY (:denied))
            AND NOT (coalesce(i.ending, '') = 'incomplete' AND i.released_sha256 IS DISTINCT FROM i.transcript_sha256)
            AND NOT EXISTS (
                SELECT 1 FROM evaluation e WHERE e.interview_id = i.id AND e.state IN ('done', 'blocked')
                    AND e.transcript_sha256 = i.transcript_sha256
                    AND e.rubric_id = i.rubric_id AND e.rubric_version = i.rubric_version))
      AND NOT EXISTS (
        SELECT 1 FROM interview i JOIN evaluation e ON e.interview_id = i.id
            JOIN run_member m ON m.evaluation_id = e.id JOIN run r ON r.id = m.run_id
        WHERE i.requisition = u.requisition AND e.state IN ('pending', 'running')
            AND m.skipped IS NULL AND m.outcome IS NULL AND r.state <> 'closed')
    ORDER BY u.webhook_id, u.requisition LIMIT :most
    """
)
_KEPT = text("SELECT id FROM webhook WHERE id = ANY (:ids) AND active FOR KEY SHARE")


def announce_requisitions(db: Connection) -> int:
    """Writes which requisitions have become ready; how many messages."""
    found = db.execute(_WANTED_REQUISITIONS, {"denied": sorted(CONSENT_DENIED), "most": READY_MAX}).all()
    if not found:
        return 0
    kept = set(db.execute(_KEPT, {"ids": [row.webhook_id for row in found]}).scalars())
    messages = [
        (
            row.webhook_id,
            requisition_ready(
                row.webhook_id, requisition=row.requisition, newest_scorecard=row.scorecard_id, at=row.at
            ),
        )
        for row in found
        if row.webhook_id in kept
    ]
    return write_messages(db, messages)


def announce_test(db: Connection, webhook_id: int, number: str) -> int:
    """Writes a test message, which waits for `claim_one`; its id. NotFound; Conflict: the webhook is not active."""
    found = _locked(db, webhook_id)
    if not found.active:
        raise _inactive(webhook_id)
    at = db.execute(select(func.clock_timestamp())).scalar_one()
    message = trial_message(webhook_id, number=number, at=at)
    statement = insert(webhook_delivery).values(_row(webhook_id, message)).returning(webhook_delivery.c.id)
    return int(db.execute(statement).scalar_one())


def redeliver(db: Connection, delivery_id: int) -> None:
    """Has a message tried again from the beginning, under the same id; NotFound; Conflict: the webhook is inactive."""
    found = find_delivery(db, delivery_id)
    if not _locked(db, found.webhook_id).active:
        raise _inactive(found.webhook_id)
    values = {"state": "pending", "attempts": 0, "not_before": func.clock_timestamp(), "delivered_at": None}
    db.execute(webhook_delivery.update().where(webhook_delivery.c.id == delivery_id).values(values))


# Of each webhook only so many, so that a slow one keeps no other waiting. Who holds the step's lock is alone with
# these rows but for a person's command, which the conditions at the end see.
_CLAIM = text(
    """
    WITH due AS MATERIALIZED (
        SELECT d.id, d.not_before, row_number() OVER (PARTITION BY d.webhook_id ORDER BY d.not_before, d.id) AS nth
        FROM webhook_delivery d JOIN webhook w ON w.id = d.webhook_id
        WHERE d.state = 'pending' AND d.not_before <= clock_timestamp() AND d.attempts < :tries AND w.active
            AND d.event <> 'webhook.test'
    ), chosen AS MATERIALIZED (
        SELECT id FROM due WHERE nth <= :each ORDER BY not_before, id LIMIT :most
    )
    SELECT d.id, d.attempts, d.webhook_id, d.message_id, d.event, d.body, w.url, w.secret, clock_timestamp() AS at
    FROM webhook_delivery d JOIN chosen c ON c.id = d.id JOIN webhook w ON w.id = d.webhook_id
    WHERE d.state = 'pending' AND d.not_before <= clock_timestamp()
    ORDER BY d.not_before, d.id FOR NO KEY UPDATE OF d SKIP LOCKED
    """
)
_CLAIM_ONE = text(
    """
    SELECT d.id, d.attempts, d.webhook_id, d.message_id, d.event, d.body, w.url, w.secret, clock_timestamp() AS at
    FROM webhook_delivery d JOIN webhook w ON w.id = d.webhook_id
    WHERE d.id = :id AND d.state = 'pending' AND w.active FOR NO KEY UPDATE OF d
    """
)


def claim_due(db: Connection, *, most: int, each: int) -> tuple[Claimed, ...]:
    """The messages that are due, at most `most`, and `each` of one webhook; the claim is the try's beginning."""
    rows = db.execute(_CLAIM, {"most": most, "each": each, "tries": TRIES_MAX}).all()
    return tuple(_claimed(db, row) for row in rows)


def claim_one(db: Connection, delivery_id: int) -> Claimed | None:
    """This message, due or not; None when it waits for nothing."""
    row = db.execute(_CLAIM_ONE, {"id": delivery_id}).first()
    return None if row is None else _claimed(db, row)


def _claimed(db: Connection, row: Row[*tuple[Any, ...]]) -> Claimed:
    attempt = row.attempts + 1
    values = {
        "attempts": attempt,
        "status": None,
        "error": "interrupted",
        "not_before": from_now(retry_delay_s(attempt)),
    }
    db.execute(webhook_delivery.update().where(webhook_delivery.c.id == row.id).values(values))
    body = blinded(row.body) if _told_of_blind(db, row.body) else row.body
    return Claimed(
        id=row.id,
        attempt=attempt,
        webhook_id=row.webhook_id,
        url=row.url,
        secrets=tuple(row.secret.split()),
        message=Message(id=row.message_id, event=row.event, body=body),
        at=row.at,
    )


def _told_of_blind(db: Connection, body: dict[str, Any]) -> bool:
    """Whether somebody reviews blind by now what this tells about."""
    data = body["data"]
    if "counts" in data:
        query = text(f"SELECT {_BLIND_IN_RUN} FROM run r WHERE r.name = :name")
        return bool(db.execute(query, {"name": data["run"]}).scalar())
    if "state" in data:
        query = text("SELECT blind FROM requisition WHERE id = :name")
        return db.execute(query, {"name": data["requisition"]}).scalar() is not False
    return False


def record(db: Connection, claimed: Claimed, outcome: Outcome) -> bool:
    """Writes what a try came to; False when the message was claimed, given up or delivered otherwise meanwhile.

    That it was tried is written in any case.
    """
    _remember(db, claimed, outcome)
    following = after_try(claimed.message.event, attempts=claimed.attempt, outcome=outcome)
    if following.deactivates:  # before the message, as everywhere: two orders would lock each other out
        db.execute(select(webhook.c.id).where(webhook.c.id == claimed.webhook_id).with_for_update())
    d = webhook_delivery.c
    values: dict[str, object] = {"state": following.state, "status": outcome.status, "error": outcome.error}
    if following.state == "delivered":
        values["delivered_at"] = func.clock_timestamp()
    elif following.state == "pending":  # counted from the try's end
        values["not_before"] = from_now(retry_delay_s(claimed.attempt))
    owned = (d.id == claimed.id) & (d.attempts == claimed.attempt) & (d.state == "pending")
    if db.execute(webhook_delivery.update().where(owned).values(values)).rowcount != 1:
        return False
    if following.deactivates:
        _deactivate(db, claimed.webhook_id)
    return True


def _remember(db: Connection, claimed: Claimed, outcome: Outcome) -> None:
    took = func.extract("epoch", func.clock_timestamp() - bindparam("begun", claimed.at, DateTime(timezone=True)))
    values = {"webhook_id": claimed.webhook_id, "delivery_id": claimed.id, "number": claimed.attempt, "at": claimed.at}
    ended = {"status": outcome.status, "error": outcome.error, "seconds": func.greatest(took, 0)}
    db.execute(insert(webhook_try).values(**values, **ended))


def give_up(db: Connection) -> int:
    """Ends messages whose last try, or whose only one, was interrupted; how many."""
    statement = text(
        """
        UPDATE webhook_delivery SET state = 'failed' WHERE id IN (
            SELECT id FROM webhook_delivery WHERE state = 'pending' AND not_before <= clock_timestamp()
                AND (attempts >= :tries OR (event = 'webhook.test' AND attempts > 0))
            ORDER BY id LIMIT :most FOR NO KEY UPDATE SKIP LOCKED)
        """
    )
    return db.execute(statement, {"tries": TRIES_MAX, "most": EXPIRED_MAX}).rowcount


def _deactivate(db: Connection, webhook_id: int) -> None:
    """Its receiver wants nothing more (410): what still waits is given up."""
    d = webhook_delivery.c
    _set(db, webhook_id, active=False)
    waiting = webhook_delivery.update().where(d.webhook_id == webhook_id, d.state == "pending")
    db.execute(waiting.values(state="failed", error="gone", status=GONE))


def write_messages(db: Connection, messages: Sequence[tuple[int, Message]]) -> int:
    """Writes each for its webhook, but for those that are there already; how many."""
    if not messages:
        return 0
    rows = [_row(webhook_id, message) for webhook_id, message in messages]
    statement = insert(webhook_delivery).values(rows).on_conflict_do_nothing(index_elements=["message_id"])
    return len(db.execute(statement.returning(webhook_delivery.c.id)).all())


def _row(webhook_id: int, message: Message) -> dict[str, object]:
    return {"webhook_id": webhook_id, "message_id": message.id, "event": message.event, "body": message.body}


def _locked(db: Connection, webhook_id: int) -> Row[*tuple[Any, ...]]:
    found = db.execute(select(webhook).where(webhook.c.id == webhook_id).with_for_update()).first()
    if found is None:
        raise _not_found(webhook_id)
    return found


def _set(db: Connection, webhook_id: int, **values: object) -> None:
    db.execute(webhook.update().where(webhook.c.id == webhook_id).values(values))


def _not_found(webhook_id: int) -> NotFound:
    return NotFound(f"webhook {webhook_id} does not exist; see: debrief webhook list")


def _inactive(webhook_id: int) -> Conflict:
    return Conflict(f"webhook {webhook_id} is not active: its receiver answered 410; remove it and add it anew")
