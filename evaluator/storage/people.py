"""People as they are known here, and the viewer that one of them is."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, select, text
from sqlalchemy.dialects.postgresql import insert

from evaluator.errors import NotFound
from evaluator.people import Entry, Role, Scope, Viewer
from evaluator.storage.tables import api_token, login_link, person, session
from evaluator.values import Frozen

LOCAL_ISSUER = "local"  # of the one administrator of a machine without an identity provider
LOCAL_SUBJECT = "admin"
LOCAL_NAME = "Administrator"
LIST_MAX = 1_000  # people that one list holds

# What a viewer is made of, from `person p`; whether they are active is the query's to ask.
VIEWER = """
    p.id AS person_id, p.name AS person_name, p.admin,
    coalesce((SELECT jsonb_agg(jsonb_build_array(m.requisition, m.role)) FROM membership m WHERE m.person_id = p.id),
        '[]'::jsonb) AS roles
"""


class Person(Frozen):
    """Somebody who has logged in here."""

    id: int
    issuer: str  # who vouches for them
    subject: str  # their name there, which never changes
    name: str  # as people call them; never in logs
    admin: bool
    active: bool
    created_at: datetime


def person_of(db: Connection, issuer: str, subject: str, name: str) -> Person:
    """Whom the issuer means, made known if they were not; their name here follows the one given."""
    statement = insert(person).values(issuer=issuer, subject=subject, name=name)
    changed = statement.on_conflict_do_update(
        index_elements=[person.c.issuer, person.c.subject], set_={"name": name}, where=person.c.name != name
    )
    row = db.execute(changed.returning(person)).mappings().first()
    if row is None:  # known, under that name
        query = select(person).where(person.c.issuer == issuer, person.c.subject == subject)
        row = db.execute(query).mappings().one()
    return Person.model_validate(dict(row))


def local_administrator(db: Connection) -> Person:
    """The administrator of a machine without an identity provider."""
    found = person_of(db, LOCAL_ISSUER, LOCAL_SUBJECT, LOCAL_NAME)
    if not found.admin:
        set_admin(db, found.id, True)
    return find_person(db, found.id)


def find_person(db: Connection, person_id: int) -> Person:
    """One person; NotFound."""
    row = db.execute(select(person).where(person.c.id == person_id)).mappings().first()
    if row is None:
        raise _not_found(person_id)
    return Person.model_validate(dict(row))


def people_list(db: Connection) -> tuple[Person, ...]:
    """Everybody by name, at most LIST_MAX."""
    query = select(person).order_by(person.c.name, person.c.id).limit(LIST_MAX)
    return tuple(Person.model_validate(dict(row)) for row in db.execute(query).mappings())


def set_admin(db: Connection, person_id: int, admin: bool) -> None:
    """Makes somebody an administrator, or no longer one; NotFound."""
    _set(db, person_id, admin=admin)


def set_active(db: Connection, person_id: int, active: bool) -> None:
    """Lets somebody in again, or out for good: sessions, links and API tokens end. NotFound."""
    _set(db, person_id, active=active)
    if not active:
        db.execute(session.delete().where(session.c.person_id == person_id))
        db.execute(login_link.delete().where(login_link.c.person_id == person_id))
        theirs = api_token.update().where(api_token.c.person_id == person_id, api_token.c.revoked_at.is_(None))
        db.execute(theirs.values(revoked_at=func.clock_timestamp()))


def viewer_of(db: Connection, person_id: int, entry: Entry, scopes: frozenset[Scope] = frozenset()) -> Viewer | None:
    """Who asks, with the roles they have now; None: not known, or no longer active."""
    query = text(f"SELECT {VIEWER} FROM person p WHERE p.id = :id AND p.active")
    row = db.execute(query, {"id": person_id}).mappings().first()
    return None if row is None else viewer_from(row, entry, scopes)


def viewer_from(row: Mapping[Any, Any], entry: Entry, scopes: frozenset[Scope] = frozenset()) -> Viewer:
    """The viewer in a row that has VIEWER's columns."""
    roles: dict[str, set[Role]] = {}
    for requisition, role in row["roles"]:
        roles.setdefault(requisition, set()).add(role)
    return Viewer(
        person_id=row["person_id"],
        name=row["person_name"],
        admin=row["admin"],
        roles={requisition: frozenset(held) for requisition, held in roles.items()},
        entry=entry,
        scopes=scopes,
    )


def _set(db: Connection, person_id: int, **values: object) -> None:
    statement = person.update().where(person.c.id == person_id).values(values)
    if db.execute(statement.returning(person.c.id)).first() is None:
        raise _not_found(person_id)


def _not_found(person_id: int) -> NotFound:
    return NotFound(f"person {person_id} is not known here; they are once they have logged in")
