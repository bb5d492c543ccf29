"""In which requisition a thing is: what rights are asked for."""

from sqlalchemy import Connection, text


def requisition_of_interview(db: Connection, interview_id: str) -> str | None:
    """The interview's requisition; None where there is no such interview."""
    return db.execute(
        text("SELECT requisition FROM interview WHERE id = :id"), {"id": interview_id}
    ).scalar_one_or_none()


def requisition_of_scorecard(db: Connection, ref: str) -> str | None:
    """The requisition of the scorecard of this id, else of the interview of this id; None where there is neither."""
    found = db.execute(
        text("SELECT i.requisition FROM scorecard s JOIN interview i ON i.id = s.interview_id WHERE s.id = :id"),
        {"id": ref},
    ).scalar_one_or_none()
    return found if found is not None else requisition_of_interview(db, ref)


def requisition_there(db: Connection, requisition_id: str) -> str | None:
    """The requisition's own id; None where there is none."""
    return db.execute(text("SELECT id FROM requisition WHERE id = :id"), {"id": requisition_id}).scalar_one_or_none()
