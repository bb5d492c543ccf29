"""Asking people to review interviews: who may ask, who may be asked, and what is logged of it."""

from collections.abc import Sequence

from sqlalchemy import Connection

from evaluator.errors import Conflict, Forbidden, NotFound, UsageFault
from evaluator.people import Viewer
from evaluator.storage import audit
from evaluator.storage.assignments import Place, add_assignment, places, remove_assignment
from evaluator.storage.people import find_person, viewer_of

ASSIGNED_MAX = 100  # interviews at once


def assign(db: Connection, viewer: Viewer, interview_id: str, person_id: int) -> bool:
    """Asks somebody to review the interview; False when they were asked already. Raises as `assign_all`."""
    return bool(assign_all(db, viewer, [interview_id], person_id))


def assign_all(db: Connection, viewer: Viewer, interview_ids: Sequence[str], person_id: int) -> tuple[str, ...]:
    """Asks somebody to review all of these, or none; the interviews of which they were not asked before.

    NotFound: an interview or person; Forbidden: the viewer may not assign there; Conflict: the person may not review
    there, or is no longer active. Logged for each.
    """
    found = chosen(db, viewer, interview_ids)
    _check_reviewer(db, person_id, found)
    added = [place for place in found if add_assignment(db, place.interview_id, person_id, by=viewer.person_id)]
    for place in added:
        _log(db, viewer, "reviewer.assign", place, person_id)
    return tuple(place.interview_id for place in added)


def unassign(db: Connection, viewer: Viewer, interview_id: str, person_id: int) -> bool:
    """Asks them no longer; what they have submitted stays. False when they were not asked. NotFound, Forbidden."""
    (place,) = chosen(db, viewer, [interview_id])
    removed = remove_assignment(db, interview_id, person_id)
    if removed:
        _log(db, viewer, "reviewer.unassign", place, person_id)
    return removed


def chosen(db: Connection, viewer: Viewer, interview_ids: Sequence[str]) -> tuple[Place, ...]:
    """These interviews in this order, each once; NotFound, Forbidden where the viewer may not assign, UsageFault."""
    ids = list(dict.fromkeys(interview_ids))
    if not 0 < len(ids) <= ASSIGNED_MAX:
        raise UsageFault(f"choose 1 to {ASSIGNED_MAX} interviews, then who is to review them")
    found = places(db, ids)
    for name in ids:
        place = found.get(name)
        if place is None or not (viewer.may("see_interviews", place.requisition) or _may(viewer, place)):
            raise NotFound("there is no interview of this name, or none that you may see")
        if not _may(viewer, place):
            raise Forbidden(f"your role in {place.requisition} does not allow to ask others for reviews")
    return tuple(found[name] for name in ids)


def _may(viewer: Viewer, place: Place) -> bool:
    return viewer.may("assign", place.requisition)


def _check_reviewer(db: Connection, person_id: int, found: Sequence[Place]) -> None:
    asked = viewer_of(db, person_id, "session")
    if asked is None:
        find_person(db, person_id)  # NotFound for nobody
        raise Conflict(f"person {person_id} is deactivated, so they cannot review")
    if wrong := sorted({place.requisition for place in found if not asked.may("review", place.requisition)}):
        raise Conflict(f"person {person_id} may not review in {', '.join(wrong)}: give them a role there first")


def _log(db: Connection, viewer: Viewer, action: str, place: Place, person_id: int) -> None:
    audit.log(db, viewer, action, f"interview:{place.interview_id}", place.requisition, {"person": person_id})
