"""A night whose costs can be worked out on paper: one node of 20 minutes, two interviews, one of them interrupted.

    22:00        22:02      22:04      22:06   22:07      22:09   22:10      22:12      22:15      22:20
    cold start |  iv-1 ........................|        idle    |            idle        (run ends)
               |            iv-2 .....kept.................|    |  iv-2 ....|

At 3.60 an hour a second costs 0.001.
"""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from sqlalchemy import insert

from evaluator.storage.database import Database
from evaluator.storage.tables import evaluation_event, judge_call, node_session
from tests.integration.storage.builders import change, prepared, rows

BEGIN = datetime(2026, 11, 21, 22, tzinfo=UTC)
MODEL = "judge@1"
LINES_S = {"work": 210 + 60 + 120, "waste": 30 + 120, "idle": 60 + 8 * 60, "cold": 120}
OUTSIDE_S = 5 * 60  # idle, after the run


def minute(minutes: float) -> datetime:
    """So many minutes into the night."""
    return BEGIN + timedelta(minutes=minutes)


def a_life(database: Database, session_id: str = "life-1", *, ended: bool = True, **fields: object) -> None:
    """A worker that lived for the 20 minutes, ready after two."""
    values = {
        "id": session_id,
        "name": "node-1:7",
        "node": "node-1",
        "model": MODEL,
        "slots": 2,
        "billed_from": "worker",
        "started_at": BEGIN,
        "ready_at": minute(2),
        "seen_at": minute(20),
        "ended_at": minute(20) if ended else None,
        "settled_until": BEGIN,
        "node_hour_price": Decimal("3.60"),
        "currency": "USD",
        "price_source": "a test",
    }
    with database.begin() as db:
        db.execute(insert(node_session).values(**{**values, **fields}))


def tell(database: Database, number: int, kind: str, at: float, *, fence: int = 1, session: str | None = None) -> None:
    """One event of the evaluation of iv-number."""
    detail = {"section_id": "design", "reused": False} if kind == "section" else {}
    values = {"evaluation_id": number, "kind": kind, "fence": fence, "at": minute(at), "detail": detail}
    with database.begin() as db:
        db.execute(insert(evaluation_event).values(**values, run_id=1, session_id=session))


def call(database: Database, number: int, at: float, duration_s: float, *, fence: int = 1, **fields: object) -> None:
    """One answered call for iv-number."""
    values = {
        "evaluation_id": number,
        "fence": fence,
        "run_id": 1,
        "session_id": "life-1",
        "section_id": "design",
        "at": minute(at),
        "duration_s": duration_s,
        "prompt_tokens": 1_000,
        "cached_tokens": 600,
        "completion_tokens": 50,
        "kept": True,
    }
    with database.begin() as db:
        db.execute(insert(judge_call).values(**{**values, **fields}))


def a_night(database: Database, **life: object) -> None:
    """The night above."""
    prepared(database, 2)
    a_life(database, **life)
    change(database, "UPDATE run SET created_at = :begin, closed_at = :end", begin=BEGIN, end=minute(15))
    change(database, "UPDATE run SET state = 'closed', closed_because = 'finished'")
    for number, begin, end, ending, fence in ((1, 2, 7, "done", 1), (2, 4, 9, "released", 1), (2, 10, 12, "done", 2)):
        tell(database, number, "claimed", begin, fence=fence, session="life-1")
        if ending == "released":
            tell(database, number, "section", 6, fence=fence)
        tell(database, number, ending, end, fence=fence)
    call(database, 1, at=6, duration_s=120)
    call(database, 2, at=6, duration_s=60)
    call(database, 2, at=8, duration_s=60, kept=False)
    call(database, 2, at=12, duration_s=90, fence=2)
    change(database, "UPDATE evaluation SET state = 'done', fence = 2")


def ledger(database: Database) -> list[dict]:
    """What is settled of claims, in order."""
    query = "SELECT * FROM claim_cost ORDER BY evaluation_id, fence, hour"
    return [dict(row) for row in rows(database, query)]
