"""The judgement: what the disturbed fleet made, held against an undisturbed run of the same input."""

import os
import threading
from collections import Counter
from pathlib import Path
from typing import Any

from sqlalchemy import text

from evaluator.layout import CHECKPOINTS
from evaluator.ports import ObjectStore, walk
from evaluator.settings import Settings
from evaluator.storage.database import Database
from tests.chaos.fleet import Fleet, engine_member, patiently
from workers.node import DRAIN_VARIABLE, Node
from workers.scoring import work_through


def rows(database: Database, query: str, **values: Any) -> list[dict[str, Any]]:
    """All rows, once the database is there."""

    def ask() -> list[dict[str, Any]]:
        with database.begin() as db:
            return [dict(row) for row in db.execute(text(query), values).mappings()]

    return patiently(ask)


def score_undisturbed(fleet: Fleet, settings: Settings) -> None:
    """Scores everything that is due in this process, with an engine of its own that answers at once."""
    os.environ[DRAIN_VARIABLE] = str(fleet.folder / "never-drained")
    engine = engine_member(fleet, "undisturbed", settings, 0.0)
    engine.start()
    node = Node.build(settings)
    try:
        patience = 50
        while True:
            if work_through(node):
                continue
            left = rows(node.services.database, "SELECT 1 FROM evaluation WHERE state IN ('pending', 'running')")
            if not left or patience == 0:
                break
            patience -= 1
            threading.Event().wait(0.1)
    finally:
        node.services.close()
        node.heartbeat_database.close()
        engine.end()


Made = tuple[str, str]  # interview id, evaluation key


def bodies(database: Database) -> dict[Made, str]:
    """The digest of each scorecard."""
    found = rows(database, "SELECT interview_id, evaluation_key, body_sha256 FROM scorecard")
    return {(row["interview_id"], row["evaluation_key"]): row["body_sha256"] for row in found}


def cancelled(database: Database) -> set[Made]:
    """Evaluations that were given up because a newer transcript took their place."""
    found = rows(database, "SELECT interview_id, evaluation_key FROM evaluation WHERE state = 'cancelled'")
    return {(row["interview_id"], row["evaluation_key"]) for row in found}


def lines(log: Path) -> list[str]:
    """The log's lines; none when nothing has been written."""
    return log.read_text().splitlines() if log.exists() else []


def calls(log: Path) -> Counter[str]:
    """How often each judgement was asked for and answered."""
    return Counter(digest for digest, fault in (line.split(" ", 1) for line in lines(log)) if fault == "ok")


def checkpoints(store: ObjectStore) -> set[str]:
    """Keys of all checkpoints in a store."""
    return set(walk(store, CHECKPOINTS))


_EVENTS = """
    SELECT evaluation_id AS row, kind, fence, worker, extract(epoch FROM at)::float AS at, detail
    FROM evaluation_event ORDER BY evaluation_id, id
"""


def gaps(database: Database) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
    """(last sign of life, next claim) of rows whose worker died, and (release, next claim); wall-clock seconds."""
    reclaims, hand_overs = [], []
    last: dict[int, float] = {}
    waiting: dict[int, tuple[str, float]] = {}
    for event in rows(database, _EVENTS):
        row, kind, at = event["row"], event["kind"], event["at"]
        if kind == "expired":
            waiting[row] = ("expired", last.get(row, at))
        elif kind == "released":
            waiting[row] = ("released", at)
        elif kind == "claimed":
            if row in waiting:
                why, since = waiting.pop(row)
                (reclaims if why == "expired" else hand_overs).append((since, at))
        elif kind in ("retry", "quarantined", "retried", "cancelled"):
            waiting.pop(row, None)
        last[row] = at
    return reclaims, hand_overs


def percentiles(spans: list[tuple[float, float]], outages: list[tuple[float, float]]) -> dict[str, Any]:
    """p50, p95 and max of spans that met no outage; the others apart."""
    clean = sorted(end - begin for begin, end in spans if not _meets(begin, end, outages))
    apart = sorted(end - begin for begin, end in spans if _meets(begin, end, outages))
    return {"n": len(clean), **_told(clean), "apart": {"n": len(apart), **_told(apart)}}


def _meets(begin: float, end: float, outages: list[tuple[float, float]]) -> bool:
    return any(begin < over and end > since for since, over in outages)


def _told(values: list[float]) -> dict[str, float]:
    if not values:
        return {}
    return {
        "p50_s": round(values[len(values) // 2], 2),
        "p95_s": round(values[min(len(values) - 1, int(len(values) * 0.95))], 2),
        "max_s": round(values[-1], 2),
    }


def claims_after_close(database: Database) -> int:
    """Rows that were claimed in the name of a run that had ended, or whose deadline had passed."""
    query = """
        SELECT 1 FROM evaluation_event e JOIN run r ON r.id = e.run_id
        WHERE e.kind = 'claimed' AND r.closed_because <> 'finished'
          AND e.at > least(r.closed_at, r.deadline) + interval '0.5 s'
    """
    return len(rows(database, query))


def duplicates(database: Database) -> int:
    """Interviews with two scorecards under one key, and rows that ended as done twice."""
    twice = rows(database, "SELECT 1 FROM scorecard GROUP BY interview_id, evaluation_key HAVING count(*) > 1")
    done = rows(
        database, "SELECT 1 FROM evaluation_event WHERE kind = 'done' GROUP BY evaluation_id HAVING count(*) > 1"
    )
    return len(twice) + len(done)
