"""How a run went, from what its evaluations told: its pace of late, what was tried again, and where it stood still."""

import math
from collections.abc import Mapping
from datetime import date, datetime

from sqlalchemy import Connection, text

from evaluator.budgets import Budget
from evaluator.errors import NotFound
from evaluator.people import Viewer
from evaluator.storage.watching import HIDDEN, HIDDEN_MIN, RunSeen, viewer_values
from evaluator.values import Frozen

RECENT_MINUTES = 10
RECENT_EVENTS_MAX = 5_000  # the newest, of all runs, that are looked through; they may cover fewer minutes
MINUTE_S = 60.0
INVALID = (  # codes of answers of the judge that do not count
    "cut_answer",
    "unfinished_answer",
    "empty_answer",
    "answer_too_long",
    "not_json",
    "out_of_schema",
)


class Went(Frozen):
    """What happened to a run's sections between its start and its end, or now."""

    judged: int
    reused: int  # read from a checkpoint
    retries: int  # of evaluations
    invalid: int  # answers that did not count
    handed_back: int  # evaluations, by a worker that ended or vanished
    interruptions: int  # workers that did so
    standstill_s: float | None  # the longest time between two sections; None: there were none
    standstill_at: datetime | None  # when it began


class Evidence(Frozen):
    """What the run's scorecards cite; all zero where none may be counted."""

    kept: int = 0  # utterances, each as often as it is cited
    dropped: int = 0  # ids that are not the candidate's in that section
    without: int = 0  # criteria that have no level because all of their ids were dropped


_RECENT = text(
    """
    WITH r AS (
        SELECT id, created_at, coalesce(closed_at, clock_timestamp()) AS until FROM run WHERE name = :name
    ), newest AS MATERIALIZED (
        SELECT evaluation_id, kind, detail, at FROM evaluation_event ORDER BY id DESC LIMIT :most
    ), covered AS (
        SELECT least(:minutes * 60, extract(epoch FROM r.until - r.created_at), CASE WHEN n.number < :most
            THEN :minutes * 60 ELSE extract(epoch FROM r.until - n.oldest) END)::float AS seconds,
            n.number = :most AND n.oldest > greatest(r.created_at, r.until - make_interval(mins => :minutes)) AS cut
        FROM r, (SELECT count(*) AS number, min(at) AS oldest FROM newest) n
    )
    SELECT c.seconds, c.cut, floor(extract(epoch FROM r.until - v.at) / 60)::int AS ago, count(*) AS sections
    FROM r CROSS JOIN covered c JOIN newest v ON v.kind = 'section' AND v.detail ->> 'window' IS NULL
            AND NOT coalesce((v.detail ->> 'reused')::bool, false)
        JOIN run_member m ON m.run_id = r.id AND m.evaluation_id = v.evaluation_id AND m.skipped IS NULL
    WHERE v.at <= r.until AND v.at > r.until - make_interval(secs => c.seconds) GROUP BY 1, 2, 3
    UNION ALL SELECT seconds, cut, NULL, 0 FROM covered
    """
)


def run_minutes(db: Connection, name: str) -> tuple[int, ...]:
    """Sections judged in each of the run's last minutes, the oldest first; at most RECENT_MINUTES, none: no such run.

    It looks at so many events at most, for whoever watches a run asks again and again. Where these are less than a
    minute's, what they come to in a minute.
    """
    rows = db.execute(_RECENT, {"name": name, "minutes": RECENT_MINUTES, "most": RECENT_EVENTS_MAX}).all()
    if not rows:
        return ()
    seconds, cut = rows[0].seconds, rows[0].cut
    found = {row.ago: row.sections for row in rows if row.ago is not None}
    if cut and seconds < MINUTE_S:
        return (round(found.get(0, 0) * MINUTE_S / max(seconds, 1.0)),)
    whole = math.floor if cut else math.ceil  # of a run that is younger, the oldest minute is not over yet
    count = min(RECENT_MINUTES, max(1, whole(seconds / MINUTE_S)))
    return tuple(found.get(ago, 0) for ago in reversed(range(count)))


_WENT = text(
    """
    WITH events AS MATERIALIZED (
        SELECT v.kind, v.worker, v.at, v.detail ->> 'code' AS code, coalesce((v.detail ->> 'reused')::bool, false)
            AS reused, v.detail ->> 'window' IS NOT NULL AS part
        FROM run r JOIN run_member m ON m.run_id = r.id AND m.skipped IS NULL
        JOIN evaluation_event v ON v.evaluation_id = m.evaluation_id
        WHERE r.name = :name AND v.at >= :since AND v.at <= :until
            AND v.kind IN ('section', 'retry', 'quarantined', 'expired', 'released')
    ), stood AS (
        SELECT s.at, s.at - lag(s.at) OVER (ORDER BY s.at) AS stood FROM events s WHERE s.kind = 'section'
    ), longest AS (SELECT stood, at - stood AS since FROM stood WHERE stood IS NOT NULL ORDER BY stood DESC LIMIT 1)
    SELECT count(*) FILTER (WHERE kind = 'section' AND NOT reused AND NOT part) AS judged,
        count(*) FILTER (WHERE kind = 'section' AND reused) AS reused,
        count(*) FILTER (WHERE kind = 'retry') AS retries,
        count(*) FILTER (WHERE kind IN ('retry', 'quarantined') AND code = ANY (:invalid)) AS invalid,
        count(*) FILTER (WHERE kind IN ('expired', 'released')) AS handed_back,
        count(DISTINCT worker) FILTER (WHERE kind IN ('expired', 'released')) AS interruptions,
        (SELECT extract(epoch FROM stood)::float FROM longest) AS standstill_s,
        (SELECT since FROM longest) AS standstill_at
    FROM events
    """
)


def run_went(db: Connection, run: RunSeen) -> Went:
    """How often something was tried again or handed back, and the longest standstill."""
    until = run.closed_at or run.now
    values = {"name": run.name, "since": run.created_at, "until": until, "invalid": list(INVALID)}
    return Went.model_validate(dict(db.execute(_WENT, values).mappings().one()))


_EVIDENCE = text(
    f"""
    WITH c AS (
        SELECT s.body, {HIDDEN} AS hidden
        FROM run r JOIN run_member m ON m.run_id = r.id AND m.skipped IS NULL
        JOIN scorecard s ON s.evaluation_id = m.evaluation_id JOIN interview i ON i.id = s.interview_id
        JOIN requisition q ON q.id = i.requisition WHERE r.name = :name)
    SELECT coalesce(sum(jsonb_array_length(x.result -> 'evidence')), 0)::int AS kept,
        coalesce(sum((x.result ->> 'evidence_dropped')::int), 0)::int AS dropped,
        count(*) FILTER (WHERE x.result ->> 'reason' = 'evidence_not_the_candidates') AS without
    FROM c CROSS JOIN LATERAL jsonb_path_query(c.body, '$."sections"[*]."results"[*]') x(result)
    WHERE NOT c.hidden OR (SELECT count(*) FROM c h WHERE h.hidden) >= :hidden_min
    """
)


def run_evidence(db: Connection, viewer: Viewer, name: str) -> Evidence:
    """What the scorecards cite; those that a blind review keeps from the viewer count only where they are many."""
    values: Mapping[str, object] = {"name": name, "hidden_min": HIDDEN_MIN, **viewer_values(viewer)}
    return Evidence.model_validate(dict(db.execute(_EVIDENCE, values).mappings().one()))


class Terms(Frozen):
    """What a run was begun under."""

    id: int
    budget: Budget | None
    schedule: str | None  # whose night it is; None: somebody started it
    night: date | None  # local, on which it began


_TERMS = text(
    """
    SELECT r.id, r.budget, s.name AS schedule, r.night FROM run r LEFT JOIN schedule s ON s.id = r.schedule_id
    WHERE r.name = :name
    """
)


def run_terms(db: Connection, name: str) -> Terms:
    """The run's number, budget and schedule; NotFound."""
    row = db.execute(_TERMS, {"name": name}).mappings().first()
    if row is None:
        raise NotFound(f"run {name} does not exist; see: debrief run list")
    return Terms.model_validate(dict(row))
