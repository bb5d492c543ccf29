"""Where somebody is signed in, as they themselves and administrators look after it."""

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import Connection, text

from evaluator.values import Frozen, Moment


class OpenSession(Frozen):
    """A session of somebody, without what would open it."""

    id: str  # sha256 of its token
    created_at: Moment
    seen_at: Moment
    ends_at: Moment


def sessions_of(db: Connection, person_id: int, *, idle: timedelta) -> Sequence[OpenSession]:
    """Their sessions that are still open, the newest first. idle: after how long unused one is over."""
    query = text(
        "SELECT id_sha256 AS id, created_at, seen_at, ends_at FROM session WHERE person_id = :person "
        "AND ends_at > clock_timestamp() AND seen_at > clock_timestamp() - :idle ORDER BY created_at DESC LIMIT 100"
    )
    values = {"person": person_id, "idle": idle}
    return [OpenSession.model_validate(dict(row)) for row in db.execute(query, values).mappings()]


def close_sessions(db: Connection, person_id: int, *, but: str | None = None) -> int:
    """Ends their sessions but the one of this id; how many."""
    query = text("DELETE FROM session WHERE person_id = :person AND id_sha256 <> :but")
    return db.execute(query, {"person": person_id, "but": but or ""}).rowcount
