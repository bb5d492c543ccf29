"""What a monitoring system reads: counts of where everything stands, in one look and without names of anybody."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, text

from evaluator.people import Viewer
from evaluator.storage.watching import RunSeen, runs_going
from evaluator.values import Frozen

ALIVE_WITHIN_S = 30.0
RECENT_S = 300.0
RECENT_EVENTS_MAX = 50_000  # that are looked at: 166 a second for five minutes
NIGHTS_DAYS = 7

SECTION_SOURCES = ("judge", "checkpoint")
EVENTS = ("retry", "quarantined", "expired", "released")


class Standing(Frozen):
    """Where everything stands at one moment; all of it counts, or seconds where it says so."""

    runs: Mapping[str, int]  # state -> runs
    going: tuple[RunSeen, ...]  # the newest run, and those that are open or paused
    interviews: Mapping[str, int]  # state of the latest evaluation, not_started for none -> interviews
    leases: Mapping[str, int]  # held, expired
    retries: int  # tries after the first, over all evaluations
    stalls: int
    interruptions: int
    due: int  # evaluations of open runs that could be claimed now
    delayed: int  # those that wait until they may be tried again
    slots: int  # interviews that the workers seen lately score at once
    oldest_due_s: float  # how long the first of the due rows has been due
    alive: Mapping[str, int]  # worker, reconciler
    deliveries: Mapping[str, int]  # state -> messages of webhooks
    rejections: int  # objects that intake refused
    quarantined: Mapping[str, int]  # code -> evaluations
    sections: Mapping[str, int]  # judge, checkpoint -> sections finished lately (RECENT_S)
    events: Mapping[str, int]  # retry, expired, released, quarantined -> how often lately
    schedules: Mapping[str, int]  # active, paused, troubled (could not begin the present night) -> schedules
    nights: Mapping[str, int]  # opened, nothing, missed -> nights of the last NIGHTS_DAYS


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
_DUE = """
    SELECT count(*) FILTER (WHERE e.not_before <= clock_timestamp())::int AS due,
        count(*) FILTER (WHERE e.not_before > clock_timestamp())::int AS delayed,
        coalesce(greatest(extract(epoch FROM clock_timestamp() - min(e.not_before)), 0), 0)::float AS oldest_due_s,
        (SELECT coalesce(sum(slots), 0) FROM node WHERE kind = 'worker'
            AND seen_at > clock_timestamp() - make_interval(secs => :within_s))::int AS slots
    FROM evaluation e WHERE e.state = 'pending' AND EXISTS (SELECT FROM run_member m JOIN run r ON r.id = m.run_id
        WHERE m.evaluation_id = e.id AND m.skipped IS NULL AND m.outcome IS NULL AND r.state = 'open'
        AND (r.deadline IS NULL OR r.deadline > clock_timestamp()))
"""
# By the key, as there is no index on the time: what happened lately stands at the table's end.
_RECENT = """
    SELECT CASE WHEN kind <> 'section' THEN kind WHEN (detail ->> 'reused')::boolean THEN 'checkpoint' ELSE 'judge' END
        AS name, count(*) AS n
    FROM evaluation_event WHERE id > (SELECT coalesce(max(id), 0) - :most FROM evaluation_event)
        AND at > clock_timestamp() - make_interval(secs => :within_s) AND NOT detail ? 'window' GROUP BY 1
"""
_QUARANTINED = "SELECT code AS name, count(*) AS n FROM evaluation WHERE state = 'quarantined' GROUP BY 1"
_SCHEDULES = """
    SELECT CASE WHEN NOT active THEN 'paused' WHEN trouble IS NOT NULL THEN 'troubled' ELSE 'active' END AS name,
        count(*) AS n
    FROM schedule WHERE removed_at IS NULL GROUP BY 1
"""
_NIGHTS = """
    SELECT outcome AS name, count(*) AS n FROM schedule_night
    WHERE at > clock_timestamp() - make_interval(days => :days) GROUP BY 1
"""
_TOTALS = """
    SELECT coalesce(sum(greatest(attempts - 1, 0)), 0)::bigint AS retries, coalesce(sum(stalls), 0)::bigint AS stalls,
        coalesce(sum(interruptions), 0)::bigint AS interruptions,
        (SELECT count(*) FROM intake_rejection) AS rejections
    FROM evaluation
"""


def standing(db: Connection, viewer: Viewer) -> Standing:
    """All of it, with accounts of runs as this viewer may see them."""
    recent = _counts(db, _RECENT, within_s=RECENT_S, most=RECENT_EVENTS_MAX)
    return Standing(
        runs=_counts(db, "SELECT state AS name, count(*) AS n FROM run GROUP BY 1"),
        going=runs_going(db, viewer),
        interviews=_counts(db, _INTERVIEWS),
        leases=_counts(db, _LEASES),
        alive=_counts(db, _NODES, within_s=ALIVE_WITHIN_S),
        deliveries=_counts(db, "SELECT state AS name, count(*) AS n FROM webhook_delivery GROUP BY 1"),
        quarantined=_counts(db, _QUARANTINED),
        sections={name: recent.get(name, 0) for name in SECTION_SOURCES},
        events={name: recent.get(name, 0) for name in EVENTS},
        schedules=_counts(db, _SCHEDULES),
        nights=_counts(db, _NIGHTS, days=NIGHTS_DAYS),
        **_row(db, _DUE, within_s=ALIVE_WITHIN_S),
        **_row(db, _TOTALS),
    )


def _counts(db: Connection, query: str, **values: object) -> Mapping[str, int]:
    return {row.name: row.n for row in db.execute(text(query), values)}


def _row(db: Connection, query: str, **values: object) -> dict[str, Any]:
    return dict(db.execute(text(query), values).mappings().one())
