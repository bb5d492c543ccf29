"""What people add to scorecards: records that are only ever appended, and drafts that are their writer's own."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, func, select
from sqlalchemy.dialects.postgresql import insert

from evaluator.errors import Conflict, NotFound, Stale, UsageFault
from evaluator.human import DRAFT_BYTES_MAX, Act, HumanRecord, HumanState, Recommended, Review, folded
from evaluator.people import Viewer
from evaluator.storage.keeping import keepable
from evaluator.storage.tables import human_record, review_draft, scorecard
from evaluator.values import Frozen, Moment, canonical

_VERSIONS = 2**31 - 1  # what the column holds
_FIELDS = tuple(human_record.c[name] for name in HumanRecord.model_fields)


class Draft(Frozen):
    """Somebody's scores before they submit them."""

    version: int  # grows with each save; what the next save must name
    body: dict[str, Any]  # what the form holds, whether complete or not
    saved_at: Moment | None = None


def records(db: Connection, scorecard_id: str) -> tuple[HumanRecord, ...]:
    """All records of a scorecard, oldest first."""
    return tuple(_records(db, [scorecard_id]).get(scorecard_id, ()))


def state(db: Connection, scorecard_id: str) -> HumanState:
    """What they come to."""
    return folded(records(db, scorecard_id))


def states(db: Connection, scorecard_ids: Sequence[str]) -> Mapping[str, HumanState]:
    """The state of each of these scorecards, also of those without a record."""
    found = _records(db, scorecard_ids)
    return {scorecard_id: folded(found.get(scorecard_id, ())) for scorecard_id in scorecard_ids}


def append(db: Connection, scorecard_id: str, viewer: Viewer, act: Act, expected: int) -> HumanRecord:
    """Writes one act down as number expected + 1.

    expected: the number of the last record that the person has seen, 0 for none. Stale when there are others since,
    also one that is written at this very moment; Conflict for a second review of the same person; NotFound.
    """
    now = _seen(db, scorecard_id, expected)
    if isinstance(act, Review | Recommended) and viewer.person_id is None:
        raise UsageFault("a review and a recommendation are a person's; log in on the pages to give one")
    if isinstance(act, Review) and now.reviewed_by(viewer.person_id):
        raise Conflict(f"your own scores of scorecard {scorecard_id} are submitted, and stay as they are")
    values = {
        "scorecard_id": scorecard_id,
        "number": expected + 1,
        "person_id": viewer.person_id,
        "person": viewer.name,
        "kind": act.kind,
        "act": keepable(act.model_dump(mode="json"), "what you wrote"),
    }
    # Another one with this number that is not committed yet is waited for, and then counts.
    statement = insert(human_record).values(values).on_conflict_do_nothing().returning(*_FIELDS)
    row = db.execute(statement).mappings().first()
    if row is None:
        raise _stale(scorecard_id, None)
    return HumanRecord.model_validate(dict(row))


def draft(db: Connection, scorecard_id: str, person_id: int) -> Draft | None:
    """What this person has saved; None: nothing, or it was submitted."""
    d = review_draft.c
    query = select(d.version, d.body, d.updated_at.label("saved_at")).where(*_whose(scorecard_id, person_id))
    row = db.execute(query).mappings().first()
    return None if row is None else Draft.model_validate(dict(row))


def save_draft(db: Connection, scorecard_id: str, person_id: int, body: Mapping[str, Any], expected: int) -> int:
    """Saves what somebody has so far; its version.

    expected: the version that they have changed, 0 for none. Stale when it was saved elsewhere since; UsageFault when
    it is larger than DRAFT_BYTES_MAX or cannot be kept; NotFound.
    """
    kept = keepable(body, "the draft")
    if (size := len(canonical(kept))) > DRAFT_BYTES_MAX:
        raise UsageFault(f"the draft has {size} bytes, at most {DRAFT_BYTES_MAX} can be kept; shorten its notes")
    _require_scorecard(db, scorecard_id)
    if expected >= _VERSIONS:
        raise _elsewhere(scorecard_id)
    values = {"version": expected + 1, "body": kept, "updated_at": func.clock_timestamp()}
    if expected == 0:
        first = {**values, "scorecard_id": scorecard_id, "person_id": person_id}
        statement = insert(review_draft).values(first).on_conflict_do_nothing().returning(review_draft.c.version)
        version = db.execute(statement).scalar_one_or_none()
    else:
        whose = (*_whose(scorecard_id, person_id), review_draft.c.version == expected)
        changed = review_draft.update().where(*whose).values(values).returning(review_draft.c.version)
        version = db.execute(changed).scalar_one_or_none()
    if version is None:
        raise _elsewhere(scorecard_id)
    return int(version)


def drop_draft(db: Connection, scorecard_id: str, person_id: int) -> None:
    """Forgets what somebody had saved, as they have submitted it or no longer want it."""
    db.execute(review_draft.delete().where(*_whose(scorecard_id, person_id)))


def _records(db: Connection, scorecard_ids: Sequence[str]) -> Mapping[str, Sequence[HumanRecord]]:
    h = human_record.c
    query = select(*_FIELDS).where(h.scorecard_id == func.any(list(scorecard_ids))).order_by(h.scorecard_id, h.number)
    found: dict[str, list[HumanRecord]] = {}
    for row in db.execute(query).mappings():
        record = HumanRecord.model_validate(dict(row))
        found.setdefault(record.scorecard_id, []).append(record)
    return found


def _seen(db: Connection, scorecard_id: str, expected: int) -> HumanState:
    """The state, when it is still the one that the person has seen."""
    _require_scorecard(db, scorecard_id)
    now = state(db, scorecard_id)
    if now.number != expected:
        raise _stale(scorecard_id, now.number)
    return now


def _require_scorecard(db: Connection, scorecard_id: str) -> None:
    if db.execute(select(scorecard.c.id).where(scorecard.c.id == scorecard_id)).first() is None:
        raise NotFound(f"scorecard {scorecard_id} is not known here")


def _stale(scorecard_id: str, number: int | None) -> Stale:
    return Stale(
        f"scorecard {scorecard_id} was changed by somebody else meanwhile; look at the change, then decide again",
        number=number,
    )


def _elsewhere(scorecard_id: str) -> Stale:
    return Stale(f"your draft for scorecard {scorecard_id} was changed in another window; load the page again")


def _whose(scorecard_id: str, person_id: int) -> tuple[Any, ...]:
    return review_draft.c.scorecard_id == scorecard_id, review_draft.c.person_id == person_id
