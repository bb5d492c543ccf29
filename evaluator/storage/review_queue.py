"""Interviews whose newest scorecard still waits for people's own scores."""

from datetime import datetime

from sqlalchemy import Connection, text

from evaluator.values import Frozen

QUEUE_MAX = 200  # lines of one look


class Waiting(Frozen):
    """One interview that people have not reviewed as often as its requisition asks for."""

    interview_id: str
    candidate_ref: str
    requisition: str
    scorecard_id: str  # the newest
    scored_at: datetime
    reviews: int  # people who have submitted their own scores
    reviewers_needed: int
    assigned: int  # people it is assigned to
    drafts: int  # people who have begun


class Queue(Frozen):
    """Those that have waited longest, at most QUEUE_MAX, and how many there are."""

    waiting: tuple[Waiting, ...]
    of: int


_QUEUE = """
    SELECT i.id AS interview_id, i.candidate_ref, i.requisition, s.id AS scorecard_id, s.created_at AS scored_at,
        h.reviews, q.reviewers_needed,
        (SELECT count(*) FROM assignment a WHERE a.interview_id = i.id) AS assigned,
        (SELECT count(*) FROM review_draft d WHERE d.scorecard_id = s.id) AS drafts, count(*) OVER () AS total
    FROM interview i
    JOIN requisition q ON q.id = i.requisition
    JOIN scorecard s ON s.interview_id = i.id AND NOT EXISTS (
        SELECT FROM scorecard n WHERE n.interview_id = s.interview_id AND (n.created_at, n.id) > (s.created_at, s.id))
    CROSS JOIN LATERAL (
        SELECT count(*) FILTER (WHERE r.kind = 'review') AS reviews,
            coalesce(bool_or(r.kind = 'review' AND r.person_id = :person), false) AS theirs,
            coalesce(max(r.number) FILTER (WHERE r.kind = 'dismissal'), 0)
                > coalesce(max(r.number) FILTER (WHERE r.kind = 'restoration'), 0) AS dismissed
        FROM human_record r WHERE r.scorecard_id = s.id) h
    WHERE NOT h.dismissed AND (cast(:requisition AS text) IS NULL OR i.requisition = :requisition)
        AND CASE WHEN cast(:person AS bigint) IS NULL THEN h.reviews < q.reviewers_needed
            ELSE NOT h.theirs AND EXISTS (
                SELECT FROM assignment a WHERE a.interview_id = i.id AND a.person_id = :person) END
    ORDER BY s.created_at, s.id LIMIT :limit
"""


def review_queue(
    db: Connection, *, requisition: str | None = None, person_id: int | None = None, limit: int = QUEUE_MAX
) -> Queue:
    """What waits for reviews, the longest first. person_id: what is assigned to them and waits for their scores."""
    values = {"requisition": requisition, "person": person_id, "limit": min(limit, QUEUE_MAX)}
    rows = [dict(row) for row in db.execute(text(_QUEUE), values).mappings()]
    total = rows[0]["total"] if rows else 0
    return Queue(waiting=tuple(Waiting.model_validate(_without_total(row)) for row in rows), of=total)


_COUNTS = text(
    f"""
    SELECT count(*) AS number, count(*) FILTER (WHERE w.scored_at < clock_timestamp() - make_interval(hours => :hours))
        AS overdue FROM ({_QUEUE}) w
    """
)


class WaitingCounts(Frozen):
    """How many interviews wait for people's own scores."""

    number: int
    overdue: int  # of them, those that have waited so long


def waiting_counts(db: Connection, *, overdue_hours: int) -> WaitingCounts:
    """Over all requisitions; whatever the judge said of them."""
    values = {"requisition": None, "person": None, "limit": None, "hours": overdue_hours}
    return WaitingCounts.model_validate(dict(db.execute(_COUNTS, values).mappings().one()))


def _without_total(row: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in row.items() if name != "total"}
