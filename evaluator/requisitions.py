"""What administrators change of a requisition: its title, blind review, the number of reviewers, and its members.

A change rests on what somebody was shown: whoever comes second is told what has changed, and changes nothing.
"""

from typing import Annotated, Any

from pydantic import Field
from sqlalchemy import Connection, text

from evaluator.errors import Conflict, Forbidden, Stale, UsageFault
from evaluator.people import Role, Viewer
from evaluator.storage import audit
from evaluator.storage.people import find_person
from evaluator.storage.requisitions import (
    Requisition,
    add_member,
    find_requisition,
    remove_member,
    set_blind,
    set_reviewers_needed,
    set_title,
)
from evaluator.values import Frozen, canonical, sha256

TITLE_CHARS_MAX = 200
REVIEWERS_MAX = 9
_VERSION_HEX = 16


class Changes(Frozen):
    """What is to be different; None: stays as it is."""

    title: Annotated[str, Field(max_length=TITLE_CHARS_MAX)] | None = None
    blind: bool | None = None
    reviewers_needed: Annotated[int, Field(ge=1, le=REVIEWERS_MAX)] | None = None

    @property
    def given(self) -> dict[str, Any]:
        """Those that are to be different."""
        return {name: value for name in Changes.model_fields if (value := getattr(self, name)) is not None}


class Opening(Frozen):
    """What the end of a blind review opens to people who have not submitted their own scores."""

    scorecards: int  # that have fewer reviews than are asked for
    asked: int  # reviews that somebody was asked for and has not submitted

    @property
    def any(self) -> bool:
        """Whether somebody's review would no longer be blind."""
        return bool(self.scorecards or self.asked)


class OpeningUnconfirmed(Conflict):
    """Raised when a blind review would end while reviews are open, and nobody has said that this is meant."""

    code = "confirmation_required"

    def __init__(self, requisition_id: str, opening: Opening) -> None:
        super().__init__(
            f"ending the blind review of {requisition_id} opens the AI evaluation of {opening.scorecards} scorecards "
            f"that wait for reviews, {opening.asked} of them asked for by name; say that this is meant (confirmed)"
        )
        self.opening = opening


class ChangedMeanwhile(Stale):
    """Raised when somebody else changed the requisition after it was shown."""

    def __init__(self, current: Requisition) -> None:
        super().__init__(f"somebody changed requisition {current.id} in the meantime; look again, then decide")
        self.current = current


def version_of(requisition: Requisition) -> str:
    """The version of its settings that a form carries: another one as soon as one of them differs."""
    return sha256(canonical(requisition.model_dump(mode="json")))[:_VERSION_HEX]


def opening(db: Connection, requisition_id: str) -> Opening:
    """What an end of the blind review would open now."""
    query = text(
        """
        SELECT count(*) FILTER (WHERE n.reviews < q.reviewers_needed) AS scorecards,
            coalesce(sum(n.asked), 0)::int AS asked
        FROM requisition q JOIN interview i ON i.requisition = q.id
        JOIN LATERAL (SELECT s.id FROM scorecard s WHERE s.interview_id = i.id
            ORDER BY s.created_at DESC, s.id DESC LIMIT 1) s ON true
        CROSS JOIN LATERAL (
            SELECT (SELECT count(*) FROM human_record h WHERE h.scorecard_id = s.id AND h.kind = 'review') AS reviews,
                (SELECT count(*) FROM assignment a WHERE a.interview_id = i.id AND NOT EXISTS (SELECT 1
                    FROM human_record h WHERE h.scorecard_id = s.id AND h.kind = 'review'
                        AND h.person_id = a.person_id)) AS asked) n
        WHERE q.id = :id
        """
    )
    return Opening.model_validate(dict(db.execute(query, {"id": requisition_id}).mappings().one()))


def change(
    db: Connection,
    viewer: Viewer,
    requisition_id: str,
    changes: Changes,
    *,
    expected: str | None = None,
    confirmed: bool = False,
) -> Requisition:
    """Changes what is given and differs; the requisition as it is then.

    expected: the version that the change rests on; None: whatever is there. confirmed: blind review may end although
    reviews are open. NotFound; Forbidden; ChangedMeanwhile; OpeningUnconfirmed.
    """
    _check(viewer, requisition_id)
    before = find_requisition(db, requisition_id, to_change=True)
    if expected is not None and expected != version_of(before):
        raise ChangedMeanwhile(before)
    wanted = before.model_copy(update=_tidied(changes))
    if wanted == before:
        return before
    opened = opening(db, requisition_id) if before.blind and not wanted.blind else None
    if opened is not None and opened.any and not confirmed:
        raise OpeningUnconfirmed(requisition_id, opened)
    _write(db, before, wanted)
    detail = _logged(before, wanted)
    if opened is not None:
        detail["opened"] = opened.model_dump(mode="json")
    audit.log(db, viewer, "requisition.change", f"requisition:{requisition_id}", requisition_id, detail)
    return wanted


def add_role(db: Connection, viewer: Viewer, requisition_id: str, person_id: int, role: Role) -> bool:
    """Gives somebody a role there; False when they had it. NotFound; Forbidden; Conflict: they are deactivated."""
    _check(viewer, requisition_id)
    if not find_person(db, person_id).active:
        raise Conflict(f"person {person_id} is deactivated; activate them first")
    added = add_member(db, requisition_id, person_id, role)
    if added:
        _log_member(db, viewer, "member.add", requisition_id, person_id, role)
    return added


def remove_role(db: Connection, viewer: Viewer, requisition_id: str, person_id: int, role: Role) -> bool:
    """Takes a role away; False when they had it not. NotFound; Forbidden."""
    _check(viewer, requisition_id)
    find_requisition(db, requisition_id)
    removed = remove_member(db, requisition_id, person_id, role)
    if removed:
        _log_member(db, viewer, "member.remove", requisition_id, person_id, role)
    return removed


def _check(viewer: Viewer, requisition_id: str) -> None:
    if not viewer.may("manage", requisition_id):
        raise Forbidden("only administrators change a requisition")


def _tidied(changes: Changes) -> dict[str, Any]:
    given = changes.given
    if "title" in given:
        given["title"] = " ".join(given["title"].split())
        if not given["title"].isprintable():
            raise UsageFault("a title is made of printable characters")
    return given


def _write(db: Connection, before: Requisition, wanted: Requisition) -> None:
    if before.title != wanted.title:
        set_title(db, before.id, wanted.title)
    if before.blind != wanted.blind:
        set_blind(db, before.id, wanted.blind)
    if before.reviewers_needed != wanted.reviewers_needed:
        set_reviewers_needed(db, before.id, wanted.reviewers_needed)


def _logged(before: Requisition, wanted: Requisition) -> dict[str, Any]:
    """What changed: a title only that it did, for it is a text."""
    values = {name: getattr(wanted, name) for name in ("blind", "reviewers_needed")}
    changed = {name: value for name, value in values.items() if value != getattr(before, name)}
    return {**changed, **({"title": "changed"} if before.title != wanted.title else {})}


def _log_member(db: Connection, viewer: Viewer, action: str, requisition_id: str, person_id: int, role: Role) -> None:
    audit.log(db, viewer, action, f"person:{person_id}", requisition_id, {"role": role})
