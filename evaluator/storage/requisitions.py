"""Requisitions: their title and rules, and who has which role in them."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Connection, select
from sqlalchemy.dialects.postgresql import insert

from evaluator.errors import NotFound
from evaluator.people import Role
from evaluator.storage.tables import membership, person, requisition
from evaluator.values import Frozen

LIST_MAX = 1_000  # requisitions that one list holds
MEMBERS_MAX = 1_000


class Requisition(Frozen):
    """What interviews are held for."""

    id: str
    title: str  # may be empty
    blind: bool  # reviewers see the judge's scores only after their own
    reviewers_needed: int  # 1 to 9


class Member(Frozen):
    """One role of one person in a requisition."""

    person_id: int
    name: str  # as people call them; never in logs
    role: Role
    since: datetime


_FIELDS = tuple(requisition.c[name] for name in Requisition.model_fields)


def find_requisition(db: Connection, requisition_id: str, *, to_change: bool = False) -> Requisition:
    """One requisition; NotFound. to_change: nobody else changes it until the transaction ends."""
    query = select(*_FIELDS).where(requisition.c.id == requisition_id)
    row = db.execute(query.with_for_update(key_share=True) if to_change else query).mappings().first()
    if row is None:
        raise _not_found(requisition_id)
    return Requisition.model_validate(dict(row))


def requisition_list(db: Connection, only: Iterable[str] | None = None) -> tuple[Requisition, ...]:
    """Requisitions by id, at most LIST_MAX. only: these, such as those that somebody may see; None: all."""
    query = select(*_FIELDS).order_by(requisition.c.id).limit(LIST_MAX)
    if only is not None:
        query = query.where(requisition.c.id.in_(sorted(only)))
    return tuple(Requisition.model_validate(dict(row)) for row in db.execute(query).mappings())


def set_title(db: Connection, requisition_id: str, title: str) -> None:
    """Gives it another title; NotFound."""
    _set(db, requisition_id, title=title)


def set_blind(db: Connection, requisition_id: str, blind: bool) -> None:
    """Begins or ends blind review; NotFound."""
    _set(db, requisition_id, blind=blind)


def set_reviewers_needed(db: Connection, requisition_id: str, reviewers: int) -> None:
    """How many people must have reviewed a scorecard, 1 to 9; NotFound."""
    _set(db, requisition_id, reviewers_needed=reviewers)


def members(db: Connection, requisition_id: str) -> tuple[Member, ...]:
    """Who has which role in it, by name, at most MEMBERS_MAX; also those who are no longer active."""
    query = (
        select(membership.c.person_id, person.c.name, membership.c.role, membership.c.since)
        .join(person, person.c.id == membership.c.person_id)
        .where(membership.c.requisition == requisition_id)
        .order_by(person.c.name, person.c.id, membership.c.role)
        .limit(MEMBERS_MAX)
    )
    return tuple(Member.model_validate(dict(row)) for row in db.execute(query).mappings())


def add_member(db: Connection, requisition_id: str, person_id: int, role: Role) -> bool:
    """Gives somebody a role; False when they had it already. NotFound: no such requisition or person."""
    find_requisition(db, requisition_id)
    if db.execute(select(person.c.id).where(person.c.id == person_id)).first() is None:
        raise NotFound(f"person {person_id} is not known here; they are once they have logged in")
    values = {"requisition": requisition_id, "person_id": person_id, "role": role}
    statement = insert(membership).values(values).on_conflict_do_nothing().returning(membership.c.role)
    return db.execute(statement).first() is not None


def remove_member(db: Connection, requisition_id: str, person_id: int, role: Role) -> bool:
    """Takes a role away; False when they had it not."""
    m = membership.c
    statement = membership.delete().where(m.requisition == requisition_id, m.person_id == person_id, m.role == role)
    return db.execute(statement.returning(m.role)).first() is not None


def _set(db: Connection, requisition_id: str, **values: object) -> None:
    statement = requisition.update().where(requisition.c.id == requisition_id).values(values)
    if db.execute(statement.returning(requisition.c.id)).first() is None:
        raise _not_found(requisition_id)


def _not_found(requisition_id: str) -> NotFound:
    return NotFound(f"requisition {requisition_id} is not known here; it appears with its first interview")
