"""The day's digest for webhooks: how much waits for people, and which runs have ended; counts and runs' names only.

None of it follows from what the judge said: every newest scorecard waits for reviews, whatever stands in it, so a
blind review is kept. Ids of messages follow from the day, so whoever looks twice, or beside another, tells it once.
"""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Row, text

from evaluator.notices import Digest, Message, RunEnded, digest, message_id
from evaluator.storage.review_queue import WaitingCounts, waiting_counts
from evaluator.storage.webhooks import write_messages

OVERDUE_HOURS = 48  # that a scorecard waits for people's own scores
RUNS_TOLD_MAX = 20  # of a day, the newest

# Webhooks that want one and had none today; `since`: what was before it was told already, or before the webhook was.
_WANTED = text(
    """
    SELECT w.id, coalesce(d.created_at, w.created_at) AS since, d.body -> 'data' AS before, clock_timestamp() AS at
    FROM webhook w LEFT JOIN LATERAL (SELECT created_at, body FROM webhook_delivery l
        WHERE l.webhook_id = w.id AND l.event = 'digest' ORDER BY l.id DESC LIMIT 1) d ON true
    WHERE w.active AND w.requisition IS NULL AND 'digest' = ANY (w.events)
    ORDER BY w.id FOR KEY SHARE OF w
    """
)
_OTHERS = text(
    """
    SELECT (SELECT count(*) FROM evaluation e WHERE e.state = 'quarantined' AND NOT EXISTS (
            SELECT FROM evaluation n WHERE n.interview_id = e.interview_id AND n.id > e.id)) AS failed,
        (SELECT count(*) FROM schedule_night WHERE outcome = 'missed' AND at > :since) AS missed_nights,
        (SELECT count(*) FROM run WHERE state <> 'closed') AS open_runs
    """
)
_ENDED = text(
    """
    SELECT name AS run, closed_because FROM run WHERE closed_at > :since AND closed_at <= :at
    ORDER BY closed_at DESC, id DESC LIMIT :most
    """
)


def announce_digests(db: Connection, *, day: date, web_url: str | None) -> int:
    """Writes the day's digest for each webhook that wants it, had none for the day, and has something new; how many.

    day: the local date whose digest is due. Under the lock of the step `notices`.
    """
    wanted = [row for row in db.execute(_WANTED).all() if not _told(db, row.id, day)]
    if not wanted:
        return 0
    waiting = waiting_counts(db, overdue_hours=OVERDUE_HOURS)
    found = [(row.id, _message(db, row, waiting, day=day, web_url=web_url)) for row in wanted]
    return write_messages(db, [(webhook_id, message) for webhook_id, message in found if message])


def _told(db: Connection, webhook_id: int, day: date) -> bool:
    query = text("SELECT EXISTS (SELECT FROM webhook_delivery WHERE message_id = :id)")
    return bool(db.execute(query, {"id": message_id(webhook_id, "digest", day.isoformat())}).scalar_one())


def _message(
    db: Connection, row: Row[Any], waiting: WaitingCounts, *, day: date, web_url: str | None
) -> Message | None:
    """The digest; None when nothing has changed since the last one."""
    others = db.execute(_OTHERS, {"since": row.since}).one()
    counts = Digest(
        to_review=waiting.number,
        overdue=waiting.overdue,
        failed=others.failed,
        missed_nights=others.missed_nights,
        open_runs=others.open_runs,
    )
    ended = _ended(db, since=row.since, at=row.at)
    if not (ended or counts.missed_nights or counts.changed(row.before)):
        return None
    return digest(row.id, day=day, counts=counts, ended=ended, web_url=web_url, at=row.at)


def _ended(db: Connection, *, since: datetime, at: datetime) -> Sequence[RunEnded]:
    rows = db.execute(_ENDED, {"since": since, "at": at, "most": RUNS_TOLD_MAX}).mappings()
    return tuple(RunEnded.model_validate(dict(row)) for row in rows)
