"""What runs and interviews took of nodes, engines and tokens, and what that costs at the prices of its time.

Settled rows and what is not settled yet are summed up alike, so every figure reaches up to when each worker was last
seen. Money is counted per worker's life, because prices are its own.
"""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, TypeVar

from sqlalchemy import Connection, text

from evaluator.costs.accounts import (
    ClaimLine,
    InterviewCost,
    InterviewLine,
    Life,
    MonthCost,
    RunCost,
    Taken,
    account_of,
    line_of,
    money_for,
    use_of,
)
from evaluator.costs.attribution import OUTSIDE_RUNS
from evaluator.costs.money import Prices
from evaluator.errors import NotFound
from evaluator.storage.settling import SURE_AFTER_S, as_json, unsettled
from evaluator.values import Frozen

Key = TypeVar("Key", bound=Hashable)

DEAREST_MAX = 5  # interviews of a run that are named


class Spent(Frozen):
    """What was spent on something so far."""

    money: Decimal | None  # of all that has a price; None: nothing has one
    currency: str | None
    node_s: float  # paid for, with the idle time, cold starts and waste that fall to it
    engine_s: float  # in which the judge was at work on it
    prompt_tokens: int
    cached_tokens: int  # of the prompt's, as far as the endpoint told
    completion_tokens: int
    unpriced_s: float = 0.0  # node seconds at no known price; their money is missing above


_SUMS = """
    sum(c.work_s) AS work_s, sum(c.waste_s) AS waste_s, sum(c.engine_s) AS engine_s, sum(c.ended)::int AS ended,
    sum(c.calls)::int AS calls, sum(c.calls_wasted)::int AS calls_wasted, sum(c.prompt_tokens)::bigint AS prompt_tokens,
    sum(c.cached_tokens)::bigint AS cached_tokens, sum(c.completion_tokens)::bigint AS completion_tokens
"""
_JUDGED = """
    coalesce(sum(c.ended) FILTER (WHERE c.ending = 'done'), 0)::int AS judged,
    count(i.ended_at - i.started_at) FILTER (WHERE c.ended > 0 AND c.ending = 'done')::int AS timed,
    coalesce(sum(extract(epoch FROM i.ended_at - i.started_at))
        FILTER (WHERE c.ended > 0 AND c.ending = 'done'), 0)::float8 AS heard_s
"""
_OF_INTERVIEWS = "JOIN evaluation e ON e.id = c.evaluation_id JOIN interview i ON i.id = e.interview_id"
_IDLE_SUMS = """
    coalesce(sum(i.seconds) FILTER (WHERE i.kind = 'idle'), 0) AS idle_s,
    coalesce(sum(i.seconds) FILTER (WHERE i.kind = 'cold'), 0) AS cold_s
"""
_NIGHT = "(hour - interval '12 hours')::date AS night"  # from noon to noon


def _both(table: str, where: str) -> str:
    """Rows of the table, settled or not, that fulfil it."""
    live = f"jsonb_populate_recordset(NULL::{table}, cast(:live_{table} AS jsonb))"
    return f"(SELECT * FROM {table} x WHERE {where} UNION ALL SELECT * FROM {live} x WHERE {where})"


_RUN_CLAIMS = text(
    f"SELECT c.session_id, c.ending, {_SUMS}, {_JUDGED} FROM {_both('claim_cost', 'x.run_id = :run')} c "
    f"{_OF_INTERVIEWS} GROUP BY c.session_id, c.ending"
)
_RUN_IDLE = text(f"SELECT i.session_id, {_IDLE_SUMS} FROM {_both('idle_cost', 'x.run_id = :run')} i GROUP BY 1")
_DEAREST_OF_RUN = text(
    f"""
    WITH c AS (SELECT * FROM {_both("claim_cost", "x.run_id = :run")} c),
    dearest AS (SELECT evaluation_id FROM c GROUP BY 1 ORDER BY sum(work_s + waste_s) DESC, 1 LIMIT :most)
    SELECT c.session_id, e.interview_id, {_SUMS} FROM dearest d JOIN c ON c.evaluation_id = d.evaluation_id
    JOIN evaluation e ON e.id = d.evaluation_id GROUP BY c.session_id, e.interview_id
    """
)
_CLAIMS_OF_INTERVIEW = text(
    f"""
    SELECT c.session_id, c.ending, r.name AS run, c.fence, s.node, k.at AS began_at, {_SUMS}
    FROM {_both("claim_cost", "x.evaluation_id IN (SELECT e.id FROM evaluation e WHERE e.interview_id = :id)")} c
    JOIN node_session s ON s.id = c.session_id LEFT JOIN run r ON r.id = c.run_id
    JOIN evaluation_event k ON k.evaluation_id = c.evaluation_id AND k.fence = c.fence AND k.kind = 'claimed'
    GROUP BY c.session_id, c.evaluation_id, c.ending, r.name, c.fence, s.node, k.at ORDER BY k.at
    """
)
_WITHIN = "x.hour >= :begin AND x.hour < :end"
_MONTH_CLAIMS = text(
    f"""
    SELECT c.session_id, c.ending, {_NIGHT},
        e.rubric_id || '@' || e.rubric_version AS rubric, {_SUMS}, {_JUDGED}
    FROM {_both("claim_cost", _WITHIN)} c {_OF_INTERVIEWS} GROUP BY 1, 2, 3, 4
    """
)
_MONTH_IDLE = text(
    f"""
    SELECT i.session_id, i.run_id, {_NIGHT}, {_IDLE_SUMS}
    FROM {_both("idle_cost", _WITHIN)} i GROUP BY 1, 2, 3
    """
)
_LIVES = text(
    """
    SELECT s.id, s.node_hour_price, s.prompt_price, s.cached_price, s.completion_price, s.currency, s.price_source,
        s.ended_at IS NULL AND s.seen_at < clock_timestamp() - make_interval(secs => :silent_s) AS killed
    FROM node_session s WHERE s.id = ANY(:ids)
    """
)


def run_spent(db: Connection, run_id: int) -> Spent:
    """What the run has taken so far, up to when each of its nodes was last seen."""
    found = _of_run(db, run_id, _live(db))
    money, use = money_for(found, _lives(db, found)), use_of(found)
    return Spent(
        money=money.total,
        currency=money.currency,
        node_s=use.node_s,
        engine_s=use.engine_s,
        prompt_tokens=use.prompt_tokens,
        cached_tokens=use.cached_tokens,
        completion_tokens=use.completion_tokens,
        unpriced_s=money.unpriced_s,
    )


def run_spent_named(db: Connection, name: str) -> Spent:
    """The same, of the run of that name; NotFound."""
    return run_spent(db, _run(db, name).id)


def _run(db: Connection, name: str) -> Any:
    found = db.execute(text("SELECT id, state FROM run WHERE name = :name"), {"name": name}).first()
    if found is None:
        raise NotFound(f"run {name} does not exist; see: debrief run list")
    return found


def run_cost(db: Connection, name: str, *, price: Decimal | None = None) -> RunCost:
    """What the run cost; price: of a node's hour, instead of those of its time. NotFound."""
    run = _run(db, name)
    live = _live(db)
    found = _of_run(db, run.id, live)
    lives = _lives(db, found, price=price)
    return RunCost(
        run=name,
        open=run.state != "closed",
        account=account_of(found, lives),
        dearest=_dearest(db, run.id, live, lives),
    )


def interview_cost(db: Connection, interview_id: str, *, price: Decimal | None = None) -> InterviewCost:
    """What the interview cost in all its evaluations; price as in `run_cost`. NotFound."""
    if db.execute(text("SELECT 1 FROM interview WHERE id = :id"), {"id": interview_id}).first() is None:
        raise NotFound(f"interview {interview_id} is not known; see: debrief interview list")
    rows = db.execute(_CLAIMS_OF_INTERVIEW, {"id": interview_id, **_live(db)}).mappings().all()
    found = [_taken(row) for row in rows]
    lives = _lives(db, found, price=price)
    claims = (_claim_line(row, one, lives) for row, one in zip(rows, found, strict=True))
    return InterviewCost(interview_id=interview_id, account=account_of(found, lives), claims=tuple(claims))


def month_cost(db: Connection, begin: datetime, end: datetime, *, price: Decimal | None = None) -> MonthCost:
    """What the time from `begin` to `end` cost, both full hours; price as in `run_cost`."""
    values = {"begin": begin, "end": end, **_live(db)}
    claims = [(row, _taken(row)) for row in db.execute(_MONTH_CLAIMS, values).mappings()]
    idle = [(row, _taken(row)) for row in db.execute(_MONTH_IDLE, values).mappings()]
    found = [one for _, one in (*claims, *idle)]
    lives = _lives(db, found, price=price)
    nights: Mapping[date, Sequence[Taken]] = _grouped((row["night"], one) for row, one in (*claims, *idle))
    rubrics: Mapping[str, Sequence[Taken]] = _grouped((row["rubric"], one) for row, one in claims)
    outside = [one for row, one in idle if row["run_id"] == OUTSIDE_RUNS]
    return MonthCost(
        begin=begin,
        end=end,
        account=account_of(found, lives),
        by_night={night: account_of(those, lives) for night, those in sorted(nights.items())},
        by_rubric={name: account_of(those, lives) for name, those in sorted(rubrics.items())},
        outside_runs=line_of(outside, lives, lambda one: one.node_s),
        nodes=len(lives),
        killed=sum(life.killed for life in lives.values()),
    )


def _live(db: Connection) -> Mapping[str, str]:
    """What is not settled yet, for the queries."""
    costs = unsettled(db)
    return {"live_claim_cost": as_json(costs.claims), "live_idle_cost": as_json(costs.idle)}


def _of_run(db: Connection, run_id: int, live: Mapping[str, str]) -> Sequence[Taken]:
    values = {"run": run_id, **live}
    return [_taken(row) for query in (_RUN_CLAIMS, _RUN_IDLE) for row in db.execute(query, values).mappings()]


def _taken(row: Mapping[Any, Any]) -> Taken:
    return Taken.model_validate({name: row[name] for name in Taken.model_fields if name in row})


def _lives(db: Connection, found: Sequence[Taken], *, price: Decimal | None = None) -> Mapping[str, Life]:
    """The lives that the sums are of, at the prices of their time; price: another one of a node's hour."""
    ids = sorted({one.session_id for one in found})
    rows = db.execute(_LIVES, {"ids": ids, "silent_s": SURE_AFTER_S})
    return {row.id: _life(row, price) for row in rows}


def _life(row: Any, price: Decimal | None) -> Life:
    prices = Prices(
        node_hour=row.node_hour_price if price is None else price,
        prompt=row.prompt_price,
        cached=row.cached_price,
        completion=row.completion_price,
        currency=row.currency,
    )
    return Life(prices=prices, price_source=row.price_source if price is None else "", killed=row.killed)


def _dearest(
    db: Connection, run_id: int, live: Mapping[str, str], lives: Mapping[str, Life]
) -> tuple[InterviewLine, ...]:
    """The run's interviews that took the most node time."""
    rows = db.execute(_DEAREST_OF_RUN, {"run": run_id, "most": DEAREST_MAX, **live}).mappings()
    found: Mapping[str, Sequence[Taken]] = _grouped((row["interview_id"], _taken(row)) for row in rows)
    lines = (
        InterviewLine(interview_id=interview_id, money=money_for(those, lives), use=use_of(those))
        for interview_id, those in found.items()
    )
    return tuple(sorted(lines, key=lambda one: (-one.use.node_s, one.interview_id)))


def _claim_line(row: Mapping[Any, Any], taken: Taken, lives: Mapping[str, Life]) -> ClaimLine:
    return ClaimLine(
        run=row["run"],
        fence=row["fence"],
        ending=row["ending"],
        began_at=row["began_at"],
        node=row["node"],
        money=money_for([taken], lives),
        use=use_of([taken]),
        waste_s=taken.waste_s,
    )


def _grouped(found: Iterable[tuple[Key, Taken]]) -> Mapping[Key, Sequence[Taken]]:
    groups: defaultdict[Key, list[Taken]] = defaultdict(list)
    for key, one in found:
        groups[key].append(one)
    return groups
