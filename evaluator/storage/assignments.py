"""Who is asked to review which interview."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection, text
from sqlalchemy.dialects.postgresql import insert

from evaluator.people import RIGHTS, ROLES
from evaluator.storage.tables import assignment
from evaluator.values import Frozen

REVIEWERS_MAX = 1_000  # people that one requisition offers
_REVIEWING = sorted(role for role in ROLES if "review" in RIGHTS[role])


class Assigned(Frozen):
    """Somebody who is asked to review an interview."""

    person_id: int
    name: str  # as people call them; never in logs
    at: datetime
    submitted: bool  # their own scores of its newest scorecard are in
    may_review: bool  # false: they lost the right since


class Reviewer(Frozen):
    """Somebody who may be asked to review in a requisition."""

    person_id: int
    name: str  # as people call them; never in logs


class Place(Frozen):
    """An interview of which reviewers are asked for."""

    interview_id: str
    candidate_ref: str
    requisition: str
    asked: Mapping[int, str]  # person -> name


_MAY_REVIEW = """(p.active AND (p.admin OR EXISTS (SELECT 1 FROM membership m
    WHERE m.person_id = p.id AND m.requisition = {requisition} AND m.role = ANY(:reviewing))))"""


def assigned(db: Connection, interview_id: str) -> tuple[Assigned, ...]:
    """Who is asked to review the interview, by name."""
    query = text(
        f"""
        SELECT a.person_id, p.name, a.at, {_MAY_REVIEW.format(requisition="i.requisition")} AS may_review,
            EXISTS (SELECT 1 FROM human_record h WHERE h.kind = 'review' AND h.person_id = a.person_id
                AND h.scorecard_id = (SELECT s.id FROM scorecard s WHERE s.interview_id = i.id
                    ORDER BY s.created_at DESC, s.id DESC LIMIT 1)) AS submitted
        FROM assignment a JOIN person p ON p.id = a.person_id JOIN interview i ON i.id = a.interview_id
        WHERE a.interview_id = :id ORDER BY p.name, p.id
        """
    )
    rows = db.execute(query, {"id": interview_id, "reviewing": _REVIEWING}).mappings()
    return tuple(Assigned.model_validate(dict(row)) for row in rows)


def reviewers(db: Connection, requisitions: Sequence[str]) -> tuple[Reviewer, ...]:
    """Who may review in all of these requisitions, by name, at most REVIEWERS_MAX."""
    query = text(
        f"""
        SELECT p.id AS person_id, p.name FROM person p
        WHERE NOT EXISTS (SELECT 1 FROM unnest(cast(:requisitions AS text[])) AS r(id)
            WHERE NOT {_MAY_REVIEW.format(requisition="r.id")}) AND p.active
        ORDER BY p.name, p.id LIMIT :most
        """
    )
    values = {"requisitions": list(requisitions), "reviewing": _REVIEWING, "most": REVIEWERS_MAX}
    return tuple(Reviewer.model_validate(dict(row)) for row in db.execute(query, values).mappings())


def places(db: Connection, interview_ids: Sequence[str]) -> Mapping[str, Place]:
    """These interviews by id, those that exist."""
    query = text(
        "SELECT i.id AS interview_id, i.candidate_ref, i.requisition, coalesce((SELECT jsonb_object_agg(p.id, p.name) "
        "FROM assignment a JOIN person p ON p.id = a.person_id WHERE a.interview_id = i.id), '{}') AS asked "
        "FROM interview i WHERE i.id = ANY(:ids)"
    )
    rows = db.execute(query, {"ids": list(interview_ids)}).mappings()
    return {row["interview_id"]: Place.model_validate(dict(row)) for row in rows}


def add_assignment(db: Connection, interview_id: str, person_id: int, *, by: int | None) -> bool:
    """Asks somebody to review; False when they were asked already. by: a person; None: the command line."""
    values = {"interview_id": interview_id, "person_id": person_id, "assigned_by": by}
    statement = insert(assignment).values(values).on_conflict_do_nothing().returning(assignment.c.person_id)
    return db.execute(statement).first() is not None


def remove_assignment(db: Connection, interview_id: str, person_id: int) -> bool:
    """Asks them no longer; False when they were not asked."""
    a = assignment.c
    statement = assignment.delete().where(a.interview_id == interview_id, a.person_id == person_id)
    return db.execute(statement.returning(a.person_id)).first() is not None
