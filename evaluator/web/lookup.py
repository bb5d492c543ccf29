"""What the pages ask of PostgreSQL beyond the named operations of evaluator.storage."""

from sqlalchemy import Connection, select

from evaluator.errors import NotFound
from evaluator.storage.reading import PAGE_MAX, InterviewRow, interviews
from evaluator.storage.tables import interview

REQUISITIONS_MAX = 200  # names that the filter offers; any other is reached through its link in the list


def find_interview(db: Connection, interview_id: str) -> InterviewRow:
    """One interview with its latest evaluation; NotFound."""
    taken_in = db.execute(select(interview.c.taken_in_at).where(interview.c.id == interview_id)).scalar_one_or_none()
    if taken_in is not None:
        # The list, from just before this interview's microsecond: its line is among the first.
        for row in interviews(db, after=(taken_in, ""), limit=PAGE_MAX):
            if row.id == interview_id:
                return row
    raise NotFound(f"interview {interview_id} is not known here; it may still wait in the inbox: debrief intake")


def requisitions(db: Connection) -> tuple[str, ...]:
    """The requisitions that have interviews, in order."""
    names = select(interview.c.requisition).distinct().order_by(interview.c.requisition).limit(REQUISITIONS_MAX)
    return tuple(db.execute(names).scalars())
