"""What there is to learn from before a run begins: the calls and the times of past runs of the same judge."""

from collections import Counter
from collections.abc import Sequence

from sqlalchemy import Connection, text

from evaluator.plans import Past, PastRun, Range, RunPlan, forecast
from evaluator.storage.costs import run_spent
from evaluator.storage.runs import Judge, Member, to_judge

RUNS_MAX = 10  # the newest that have ended, from which is learnt

_RUNS = text(
    """
    SELECT r.id, extract(epoch FROM r.closed_at - r.created_at)::float AS wall_s, c.sections
    FROM run r CROSS JOIN LATERAL (
        SELECT count(DISTINCT (j.evaluation_id, j.section_id)) AS sections
        FROM run_member m JOIN evaluation e ON e.id = m.evaluation_id
        JOIN judge_call j ON j.evaluation_id = m.evaluation_id AND j.run_id = r.id
        WHERE m.run_id = r.id AND m.skipped IS NULL AND j.kept
            AND e.rubric_id || '@' || e.rubric_version = ANY(:rubrics)) c
    WHERE r.state = 'closed' AND r.model = :model AND c.sections > 0
        AND r.id IN (SELECT id FROM run WHERE state = 'closed' AND model = :model ORDER BY id DESC LIMIT :most)
    ORDER BY r.id DESC
    """
)
_TOKENS = text(
    """
    SELECT s.rubric, percentile_cont(0.1) WITHIN GROUP (ORDER BY s.tokens) AS low,
        percentile_cont(0.5) WITHIN GROUP (ORDER BY s.tokens) AS median,
        percentile_cont(0.9) WITHIN GROUP (ORDER BY s.tokens) AS high
    FROM (
        SELECT e.rubric_id || '@' || e.rubric_version AS rubric, j.evaluation_id, j.section_id,
            sum(j.prompt_tokens + j.completion_tokens) AS tokens
        FROM run_member m JOIN evaluation e ON e.id = m.evaluation_id
        JOIN judge_call j ON j.evaluation_id = e.id AND j.run_id = m.run_id
        WHERE m.run_id = ANY(:runs) AND e.rubric_id || '@' || e.rubric_version = ANY(:rubrics)
        GROUP BY 1, 2, 3 HAVING bool_or(j.kept) AND count(*) = count(j.prompt_tokens + j.completion_tokens)) s
    GROUP BY s.rubric HAVING count(DISTINCT s.evaluation_id) >= :interviews_min
    """
)


def past_of(db: Connection, model: str, rubrics: Sequence[str], *, interviews_min: int = 1) -> Past:
    """What the newest ended runs with this judge tell of these rubrics (`id@version`).

    interviews_min: of a rubric, to learn from. How much the judge wrote about one depends on what it said, which a
    blind review may keep from the viewer.
    """
    found = db.execute(_RUNS, {"model": model, "rubrics": list(rubrics), "most": RUNS_MAX}).all()
    values = {"runs": [row.id for row in found], "rubrics": list(rubrics), "interviews_min": interviews_min}
    rows = db.execute(_TOKENS, values).all()
    tokens = {row.rubric: Range(low=row.low, median=row.median, high=row.high) for row in rows}
    return Past(tokens=tokens, runs=tuple(_past_run(db, row.id, row.sections, row.wall_s) for row in found))


def _past_run(db: Connection, run_id: int, sections: int, wall_s: float) -> PastRun:
    spent = run_spent(db, run_id)
    money = None if spent.unpriced_s else spent.money  # else a part of it would pass for the whole
    return PastRun(sections=sections, wall_s=wall_s, engine_s=spent.engine_s, money=money, currency=spent.currency)


def plan_of(db: Connection, members: Sequence[Member], judge: Judge, *, interviews_min: int = 1) -> RunPlan:
    """What a run over these members would be; interviews_min: as for `past_of`."""
    wanted = to_judge(db, members)
    interviews, sections = Counter[str](), Counter[str]()
    for member in wanted:
        rubric = f"{member.row['rubric_id']}@{member.row['rubric_version']}"
        interviews[rubric] += 1
        sections[rubric] += member.row["sections_total"]
    past = past_of(db, judge.model, sorted(interviews), interviews_min=interviews_min)
    found = forecast(sections, past)
    return RunPlan(
        interviews=len(members),
        to_judge=len(wanted),
        blocked=sum(member.blocked for member in members),
        sections=sections.total(),
        rubrics=dict(interviews),
        model=judge.model,
        forecast=found,
        unknown=() if found else tuple(sorted(r for r in interviews if r not in past.tokens)),
    )
