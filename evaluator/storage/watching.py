"""Runs as one viewer may see them: accounts, pace, failures, and when their sections were finished.

Whether an interview came out scored, in need of review or unscorable is the judge's saying. Where a blind review keeps
that from the viewer, the interview counts as `under_review`, so that every account still adds up.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import Connection, text

from evaluator.budgets import Budget
from evaluator.errors import NotFound
from evaluator.evaluation import COUNTS
from evaluator.people import Viewer
from evaluator.values import Frozen

UNDER_REVIEW = "under_review"
STANDINGS = ("scored", "needs_review", "unscorable", UNDER_REVIEW, *COUNTS[3:])
RUNS_MAX = 100
MEMBERS_MAX = 200  # interviews of one kind that a run's page names
COMPARED_RUNS = 7  # ended runs before one, with which it is compared
MEAN_MIN = 20  # scorecards of which a mean is shown to somebody who is no administrator
SPREAD_SCORECARDS_MAX = 400  # of a run, whose level distributions are opened
SPREAD_TAIL = 0.1  # of the probability, which is left out at either end of a distribution
HIDDEN_MIN = 20  # scorecards under blind review that are summed up; fewer could be told apart, and are left out


class RunSeen(Frozen):
    """A run with the account of its members; `selected` is always the sum of `counts`."""

    name: str
    state: Literal["open", "paused", "closed"]
    closed_because: str | None
    model: str
    selection: dict[str, Any]
    counts: Mapping[str, int]  # STANDINGS -> members
    sections_done: int
    sections_total: int
    created_at: datetime
    closed_at: datetime | None
    deadline: datetime | None
    budget: Budget | None = None
    now: datetime  # by the database's clock

    @property
    def selected(self) -> int:
        """All members."""
        return sum(self.counts.values())

    @property
    def open(self) -> int:
        """Members that are still to be worked on."""
        return self.counts["running"] + self.counts["pending"]


class RunMember(Frozen):
    """One interview of a run, with what held it up."""

    interview_id: str
    candidate_ref: str
    scorecard_id: str | None
    code: str | None
    detail: str | None
    attempts: int
    stalls: int


class Bin(Frozen):
    """What happened in one stretch of a run's time."""

    number: int  # from 0, at the run's start
    sections: int  # finished by the judge
    reused: int  # read from a checkpoint
    stops: int  # leases that ran out, and evaluations given back


class Effort(Frozen):
    """What the judge's calls of a run's scorecards took; None: not recorded."""

    sections: int  # judged, not read from a checkpoint
    prompt_tokens: int | None
    cached_tokens: int | None
    completion_tokens: int | None
    p50_s: float | None
    p95_s: float | None


class Figures(Frozen):
    """What the scorecards of some runs come to; a figure is None where there is none, or too few for the viewer."""

    runs: int
    scorecards: int  # that count here
    mean: float | None = None  # of their overall scores
    overridden: float | None = None  # share of them in which a person set another level
    levels: int = 0  # with a distribution, as far as they were opened
    spread: float | None = None  # share of these that stretch over two levels or more


class Compared(Frozen):
    """A run that has ended beside those before it."""

    this: Figures
    before: Figures


# Whether a blind review keeps the scorecard s of requisition q from the viewer.
HIDDEN = """(q.blind AND NOT :command AND NOT (:session AND EXISTS (SELECT 1 FROM human_record h
    WHERE h.scorecard_id = s.id AND h.kind = 'review' AND h.person_id = :me)))"""
_OUTCOME = """
    CASE WHEN m.outcome IS NOT NULL THEN m.outcome WHEN m.skipped IS NOT NULL THEN 'skipped'
         WHEN e.state = 'done' THEN s.state WHEN e.state = 'quarantined' THEN 'failed' ELSE e.state END
"""
_MEMBERS = f"""
    FROM (SELECT m.run_id, m.skipped, e.id, e.interview_id, e.code, e.detail, e.attempts, e.stalls, e.sections_done,
            e.sections_total, s.id AS scorecard_id, i.candidate_ref, i.requisition, {_OUTCOME} AS outcome,
            {HIDDEN} AS hidden
          FROM run_member m JOIN evaluation e ON e.id = m.evaluation_id JOIN interview i ON i.id = e.interview_id
          JOIN requisition q ON q.id = i.requisition LEFT JOIN scorecard s ON s.evaluation_id = e.id) m
"""
_STANDING = f"""
    CASE WHEN m.hidden AND m.outcome IN ('scored', 'needs_review', 'unscorable') THEN '{UNDER_REVIEW}'
         ELSE m.outcome END
"""


def runs_seen(db: Connection, viewer: Viewer, *, limit: int = 50, before: str | None = None) -> tuple[RunSeen, ...]:
    """The newest runs first; before: the name of the last one of the page before."""
    where = "cast(:before AS text) IS NULL OR r.id < (SELECT b.id FROM run b WHERE b.name = :before)"
    return _runs(db, viewer, where, {"limit": min(limit, RUNS_MAX), "before": before})


def runs_going(db: Connection, viewer: Viewer, *, limit: int = 20) -> tuple[RunSeen, ...]:
    """The newest run of all, and those that are open or paused, the newest first."""
    where = "r.state <> 'closed' OR r.id = (SELECT max(id) FROM run)"
    return _runs(db, viewer, where, {"limit": min(limit, RUNS_MAX)})


def run_seen(db: Connection, viewer: Viewer, name: str) -> RunSeen:
    """One run; NotFound."""
    found = _runs(db, viewer, "r.name = :name", {"name": name, "limit": 1})
    if not found:
        raise NotFound(f"run {name} does not exist; see: debrief run list")
    return found[0]


def _runs(db: Connection, viewer: Viewer, where: str, values: Mapping[str, object]) -> tuple[RunSeen, ...]:
    query = text(
        f"""
        WITH r AS (SELECT * FROM run r WHERE {where} ORDER BY r.id DESC LIMIT :limit),
        a AS (SELECT m.run_id, {_STANDING} AS standing, count(*) AS n,
                  sum(m.sections_done) FILTER (WHERE m.skipped IS NULL) AS done,
                  sum(m.sections_total) FILTER (WHERE m.skipped IS NULL) AS total
              {_MEMBERS} WHERE m.run_id IN (SELECT id FROM r) GROUP BY 1, 2)
        SELECT r.name, r.state, r.closed_because, r.model, r.selection, r.created_at, r.closed_at, r.deadline, r.budget,
            clock_timestamp() AS now, coalesce(sum(a.done), 0)::int AS sections_done,
            coalesce(sum(a.total), 0)::int AS sections_total,
            coalesce(jsonb_object_agg(a.standing, a.n) FILTER (WHERE a.standing IS NOT NULL), '{{}}') AS counts
        FROM r LEFT JOIN a ON a.run_id = r.id GROUP BY r.id, r.name, r.state, r.closed_because, r.model, r.selection,
            r.created_at, r.closed_at, r.deadline, r.budget ORDER BY r.id DESC
        """
    )
    rows = db.execute(query, {**values, **viewer_values(viewer)}).mappings()
    return tuple(
        RunSeen.model_validate({**row, "counts": {name: row["counts"].get(name, 0) for name in STANDINGS}})
        for row in rows
    )


def members_standing(
    db: Connection, viewer: Viewer, name: str, standing: str, *, limit: int = 50
) -> Sequence[RunMember]:
    """Members of the run that stand there, of the requisitions that the viewer sees."""
    query = text(
        f"SELECT m.interview_id, m.candidate_ref, m.scorecard_id, m.code, m.detail, m.attempts, m.stalls {_MEMBERS} "
        f"JOIN run r ON r.id = m.run_id WHERE r.name = :name AND {_STANDING} = :standing "
        "AND (:all OR m.requisition = ANY(:only)) ORDER BY m.id LIMIT :limit"
    )
    only = viewer.requisitions_for("see_interviews")
    values = {"name": name, "standing": standing, "all": only is None, "only": sorted(only or ())}
    rows = db.execute(query, {**values, **viewer_values(viewer), "limit": min(limit, MEMBERS_MAX)}).mappings()
    return [RunMember.model_validate(dict(row)) for row in rows]


def run_bins(db: Connection, run: RunSeen, *, width: timedelta) -> Sequence[Bin]:
    """Stretches of the run in which something happened, in order; `width` is one stretch's length."""
    query = text(
        """
        SELECT floor(extract(epoch FROM v.at - cast(:since AS timestamptz)) / :width)::int AS number,
            count(*) FILTER (WHERE v.kind = 'section' AND NOT coalesce((v.detail ->> 'reused')::bool, false)
                AND v.detail ->> 'window' IS NULL) AS sections,
            count(*) FILTER (WHERE v.kind = 'section' AND coalesce((v.detail ->> 'reused')::bool, false)) AS reused,
            count(*) FILTER (WHERE v.kind IN ('expired', 'released')) AS stops
        FROM run r JOIN run_member m ON m.run_id = r.id AND m.skipped IS NULL
        JOIN evaluation_event v ON v.evaluation_id = m.evaluation_id
        WHERE r.name = :name AND v.at >= :since AND v.at <= :until AND v.kind IN ('section', 'expired', 'released')
        GROUP BY 1 ORDER BY 1
        """
    )
    values = {
        "name": run.name,
        "since": run.created_at,
        "until": run.closed_at or run.now,
        "width": width.total_seconds(),
    }
    return [Bin.model_validate(dict(row)) for row in db.execute(query, values).mappings()]


def run_effort(db: Connection, viewer: Viewer, name: str) -> Effort:
    """Tokens and times of the calls that stand in the run's scorecards.

    How much the judge wrote about one interview depends on what it said: those that a blind review keeps from the
    viewer count only where they are many.
    """
    query = text(
        f"""
        WITH c AS (
            SELECT s.execution, {HIDDEN} AS hidden
            FROM run r JOIN run_member m ON m.run_id = r.id AND m.skipped IS NULL
            JOIN scorecard s ON s.evaluation_id = m.evaluation_id JOIN interview i ON i.id = s.interview_id
            JOIN requisition q ON q.id = i.requisition WHERE r.name = :name)
        SELECT count(*) AS sections, sum((x ->> 'prompt_tokens')::bigint)::bigint AS prompt_tokens,
            sum((x ->> 'cached_tokens')::bigint)::bigint AS cached_tokens,
            sum((x ->> 'completion_tokens')::bigint)::bigint AS completion_tokens,
            percentile_cont(0.5) WITHIN GROUP (ORDER BY (x ->> 'duration_s')::float) AS p50_s,
            percentile_cont(0.95) WITHIN GROUP (ORDER BY (x ->> 'duration_s')::float) AS p95_s
        FROM c CROSS JOIN LATERAL jsonb_array_elements(
            CASE WHEN jsonb_typeof(c.execution -> 'sections') = 'array' THEN c.execution -> 'sections' ELSE '[]' END) x
        WHERE x ->> 'reused' = 'false'
            AND (NOT c.hidden OR (SELECT count(*) FROM c h WHERE h.hidden) >= :hidden_min)
        """
    )
    values = {"name": name, "hidden_min": HIDDEN_MIN, **viewer_values(viewer)}
    return Effort.model_validate(dict(db.execute(query, values).mappings().one()))


# The levels that a distribution stretches over, between its tails.
_STRETCH = """
    (SELECT max(u.level) FILTER (WHERE u.above >= :tail) - min(u.level) FILTER (WHERE u.below >= :tail) FROM (
        SELECT p.key::int AS level, sum(p.value::float) OVER (ORDER BY p.key::int) / t.mass AS below,
            sum(p.value::float) OVER (ORDER BY p.key::int DESC) / t.mass AS above
        FROM jsonb_each_text(x.result -> 'level_probability') p CROSS JOIN (SELECT sum(v.value::float) AS mass
            FROM jsonb_each_text(x.result -> 'level_probability') v) t WHERE t.mass > 0) u)
"""
_COMPARED = text(
    f"""
    WITH this AS (SELECT id FROM run WHERE name = :name),
    sides AS (
        SELECT id, true AS this FROM this UNION ALL
        (SELECT b.id, false FROM run b, this WHERE b.state = 'closed' AND b.id < this.id ORDER BY b.id DESC LIMIT :runs)
    ), cards AS (
        SELECT r.this, r.id AS run_id, s.id, s.overall, {HIDDEN} AS hidden,
            EXISTS (SELECT 1 FROM human_record h WHERE h.scorecard_id = s.id AND h.kind = 'final') AS overridden,
            row_number() OVER (PARTITION BY r.id ORDER BY s.evaluation_id) AS nth
        FROM sides r JOIN run_member m ON m.run_id = r.id AND m.outcome IN ('scored', 'needs_review', 'unscorable')
        JOIN scorecard s ON s.evaluation_id = m.evaluation_id JOIN interview i ON i.id = s.interview_id
        JOIN requisition q ON q.id = i.requisition
    ), hidden AS (SELECT this, count(*) AS n FROM cards WHERE hidden GROUP BY this),
    counted AS (
        SELECT c.* FROM cards c LEFT JOIN hidden h ON h.this = c.this WHERE NOT c.hidden OR h.n >= :hidden_min
    ), levels AS (
        SELECT c.this, count(w.width) AS levels, avg((w.width >= 2)::int)::float AS spread
        FROM counted c JOIN scorecard s ON s.id = c.id
        CROSS JOIN LATERAL jsonb_path_query(s.body, '$."sections"[*]."results"[*]') x(result)
        CROSS JOIN LATERAL (SELECT {_STRETCH} AS width
            WHERE jsonb_typeof(x.result -> 'level_probability') = 'object') w
        WHERE c.nth <= :opened GROUP BY c.this
    )
    SELECT v.this, (SELECT count(*) FROM sides r WHERE r.this = v.this) AS runs, count(c.id) AS scorecards,
        avg(c.overall)::float AS mean, avg(c.overridden::int)::float AS overridden,
        coalesce(max(l.levels), 0) AS levels, max(l.spread) AS spread
    FROM (VALUES (true), (false)) v(this) LEFT JOIN counted c ON c.this = v.this LEFT JOIN levels l ON l.this = v.this
    GROUP BY v.this
    """
)


def run_compared(db: Connection, viewer: Viewer, name: str) -> Compared:
    """The run beside the newest ones that ended before it began.

    Scorecards that a blind review keeps from the viewer count only where they are many, and means of few only for
    administrators; a token is nobody's here.
    """
    values = {
        "name": name,
        "runs": COMPARED_RUNS,
        "hidden_min": HIDDEN_MIN,
        "opened": SPREAD_SCORECARDS_MAX,
        "tail": SPREAD_TAIL,
        **viewer_values(viewer),
    }
    found = {row["this"]: row for row in db.execute(_COMPARED, values).mappings()}
    sees_few = viewer.admin and viewer.entry != "token"
    return Compared(this=_figures(found[True], sees_few), before=_figures(found[False], sees_few))


def _figures(row: Mapping[Any, Any], sees_few: bool) -> Figures:
    if row["scorecards"] < MEAN_MIN and not sees_few:
        return Figures(runs=row["runs"], scorecards=row["scorecards"])
    return Figures.model_validate({name: row[name] for name in Figures.model_fields})


def viewer_values(viewer: Viewer) -> dict[str, object]:
    """What HIDDEN asks of the viewer."""
    return {"me": viewer.person_id, "command": viewer.entry == "command", "session": viewer.entry == "session"}
