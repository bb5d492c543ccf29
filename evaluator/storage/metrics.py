"""What a monitoring system reads: counts of where everything stands, in one look and without names of anybody."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, text

from evaluator.people import Viewer
from evaluator.storage.watching import RunSeen, runs_going
from evaluator.values import Frozen

ALIVE_WITHIN_S = 30.0


class Standing(Frozen):
    """Where everything stands at one moment; all of it counts, or seconds where it says so."""

    runs: Mapping[str, int]  # state -> runs
    going: tuple[RunSeen, ...]  # the newest run, and those that are open or paused
    interviews: Mapping[str, int]  # state of the latest evaluation, not_started for none -> interviews
    leases: Mapping[str, int]  # held, expired
    retries: int  # tries after the first, over all evaluations
    stalls: int
    interruptions: int
    oldest_due_s: float  # how long the first of the due rows has been due
    alive: Mapping[str, int]  # worker, reconciler
    deliveries: Mapping[str, int]  # state -> messages of webhooks
    rejections: int  # objects that intake refused


_INTERVIEWS = """
    SELECT coalesce(e.state, 'not_started') AS name, count(*) AS n FROM interview i
    LEFT JOIN evaluation e ON e.interview_id = i.id AND NOT EXISTS (
        SELECT FROM evaluation n WHERE n.interview_id = e.interview_id AND n.id > e.id) GROUP BY 1
"""
_LEASES = """
    SELECT CASE WHEN leased_until > clock_timestamp() THEN 'held' ELSE 'expired' END AS name, count(*) AS n
    FROM evaluation WHERE state = 'running' GROUP BY 1
"""
_NODES = """
    SELECT kind AS name, count(*) AS n FROM node
    WHERE seen_at > clock_timestamp() - make_interval(secs => :within_s) GROUP BY 1
"""
_TOTALS = """
    SELECT coalesce(sum(greatest(attempts - 1, 0)), 0)::bigint AS retries, coalesce(sum(stalls), 0)::bigint AS stalls,
        coalesce(sum(interruptions), 0)::bigint AS interruptions,
        (SELECT count(*) FROM intake_rejection) AS rejections,
        coalesce((SELECT greatest(extract(epoch FROM clock_timestamp() - min(d.not_before)), 0) FROM evaluation d
            WHERE d.state = 'pending' AND d.not_before <= clock_timestamp() AND EXISTS (SELECT FROM run_member m
                JOIN run r ON r.id = m.run_id WHERE m.evaluation_id = d.id AND r.state = 'open'
                AND m.skipped IS NULL)), 0)::float AS oldest_due_s
    FROM evaluation
"""


def standing(db: Connection, viewer: Viewer) -> Standing:
    """All of it, with accounts of runs as this viewer may see them."""
    return Standing(
        runs=_counts(db, "SELECT state AS name, count(*) AS n FROM run GROUP BY 1"),
        going=runs_going(db, viewer),
        interviews=_counts(db, _INTERVIEWS),
        leases=_counts(db, _LEASES),
        alive=_counts(db, _NODES, within_s=ALIVE_WITHIN_S),
        deliveries=_counts(db, "SELECT state AS name, count(*) AS n FROM webhook_delivery GROUP BY 1"),
        **_row(db, _TOTALS),
    )


def _counts(db: Connection, query: str, **values: object) -> Mapping[str, int]:
    return {row.name: row.n for row in db.execute(text(query), values)}


def _row(db: Connection, query: str) -> dict[str, Any]:
    return dict(db.execute(text(query)).mappings().one())
