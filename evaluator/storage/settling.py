"""Attributes nodes' time to claims and runs: once and for ever as soon as it can, else as it stands now.

A worker's life is settled from its start onwards, up to the first instant that is not sure yet: a claim that was open
then still goes on, or a transaction of then may not have ended. What is settled is never looked at again.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, text

from evaluator.costs.attribution import HOUR_S, Attribution, Called, ClaimKey, Held, Open, Part, Rest, Span, attribute
from evaluator.errors import Conflict
from evaluator.values import Frozen

SURE_AFTER_S = 60.0  # what was to be written about an instant has been written by then
SETTLE_EVERY_S = 60.0  # of a worker's life, at least, unless it has ended
KILLED_AFTER_S = 600.0  # a worker that was not seen for so long has said its last word
SETTLED_S_MAX = 3_600.0  # of one worker's life in one go
LIVES_MAX = 4  # in one transaction
_INSTANT_S = 0.000_01  # no time at all, as far as moments can be told apart
CLAIM_S_MAX = 3_600.0  # no claim is longer; a longer one's time counts as idle where its beginning is not found


@dataclass(frozen=True, kw_only=True, slots=True)
class Life:
    """A worker's life as far as it is not settled."""

    session_id: str
    settled_until: float  # this and all other times: seconds since the epoch
    known_until: float  # it lived until then at least
    ready_at: float  # infinite: it never was
    over: bool  # it ended, or was not seen for so long that it seems to have been killed
    now: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Claimed:
    """A claim on a worker's time."""

    held: Held
    run_id: int
    ending: str  # the kind of the event that ended it; "running": nothing has yet


@dataclass(frozen=True, kw_only=True, slots=True)
class Answered:
    """A call of the judge."""

    called: Called
    run_id: int
    kept: bool
    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int


class ClaimCost(Frozen):
    """What a claim took of a worker's time within one hour of the clock."""

    session_id: str
    evaluation_id: int
    fence: int
    hour: datetime
    run_id: int
    ending: str
    work_s: float
    waste_s: float
    engine_s: float
    ended: int = 0  # 1 in the hour in which it ended
    calls: int = 0
    calls_wasted: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0


class IdleCost(Frozen):
    """What of a worker's time within one hour of the clock no claim took; run 0: no run was open."""

    session_id: str
    hour: datetime
    run_id: int
    kind: str
    seconds: float


class Costs(Frozen):
    """Both, of some stretch of a worker's life."""

    claims: tuple[ClaimCost, ...]
    idle: tuple[IdleCost, ...]


_LIVES = """
    SELECT s.id, extract(epoch FROM s.settled_until)::float8 AS settled_until, s.ended_at IS NOT NULL AS ended,
        extract(epoch FROM s.ready_at)::float8 AS ready_at, extract(epoch FROM clock_timestamp())::float8 AS now,
        extract(epoch FROM coalesce(s.ended_at, greatest(s.seen_at,
            (SELECT max(v.at) FROM evaluation_event v WHERE v.session_id = s.id AND v.at > s.seen_at),
            (SELECT max(c.at) FROM judge_call c WHERE c.session_id = s.id AND c.at > s.seen_at)
        )))::float8 AS known_until
    FROM node_session s
    WHERE s.settled_until < coalesce(s.ended_at, s.seen_at)
        OR (s.ended_at IS NULL AND s.seen_at > clock_timestamp() - make_interval(secs => :killed_s))
"""
_CLAIMS = text(
    """
    SELECT c.evaluation_id, c.fence, c.run_id, extract(epoch FROM c.at)::float8 AS begin,
        extract(epoch FROM e.at)::float8 AS end, coalesce(e.kind, 'running') AS ending,
        extract(epoch FROM k.at)::float8 AS kept_at
    FROM evaluation_event c
    LEFT JOIN LATERAL (SELECT v.at, v.kind FROM evaluation_event v WHERE v.evaluation_id = c.evaluation_id
        AND v.id > c.id AND v.kind <> 'section' ORDER BY v.id LIMIT 1) e ON true
    LEFT JOIN LATERAL (SELECT max(v.at) AS at FROM evaluation_event v WHERE v.evaluation_id = c.evaluation_id
        AND v.id > c.id AND v.fence = c.fence AND v.kind = 'section' AND v.detail ->> 'reused' = 'false') k ON true
    WHERE c.session_id = :session AND c.kind = 'claimed' AND c.at > to_timestamp(:since) AND c.at < to_timestamp(:until)
        AND (e.at IS NULL OR e.at > to_timestamp(:from))
    """
)
_CALLS = text(
    """
    SELECT c.evaluation_id, c.fence, c.run_id, extract(epoch FROM c.at)::float8 AS at, c.duration_s, c.kept,
        coalesce(c.prompt_tokens, 0) AS prompt_tokens, coalesce(c.cached_tokens, 0) AS cached_tokens,
        coalesce(c.completion_tokens, 0) AS completion_tokens
    FROM judge_call c WHERE c.session_id = :session AND c.at > to_timestamp(:from)
        AND c.at - make_interval(secs => c.duration_s) < to_timestamp(:until)
    """
)
_RUNS = text(
    """
    SELECT r.id, extract(epoch FROM r.created_at)::float8 AS begin, extract(epoch FROM r.closed_at)::float8 AS end
    FROM run r WHERE r.created_at < to_timestamp(:until) AND (r.closed_at IS NULL OR r.closed_at > to_timestamp(:from))
    """
)
_OLDEST_OPEN = text(
    """
    SELECT extract(epoch FROM min(c.at))::float8 FROM evaluation_event c JOIN evaluation e ON e.id = c.evaluation_id
    WHERE c.session_id = :session AND c.kind = 'claimed' AND c.at > to_timestamp(:since)
        AND e.state = 'running' AND e.fence = c.fence
    """
)


def settle(db: Connection, *, lives_max: int = LIVES_MAX) -> int:
    """Settles what can be of the lives that have waited longest; how many it went on with."""
    settled = 0
    for row in db.execute(text(f"{_LIVES} ORDER BY s.settled_until"), {"killed_s": KILLED_AFTER_S}).all():
        life = _life(row)
        until = _sure_until(db, life)
        if until - life.settled_until < (_INSTANT_S if life.over else SETTLE_EVERY_S):
            continue
        _keep(db, life, costs_of(db, life, until=until), until)
        settled += 1
        if settled >= lives_max:
            break
    return settled


def _life(row: Any) -> Life:
    return Life(
        session_id=row.id,
        settled_until=row.settled_until,
        known_until=max(row.known_until, row.settled_until),
        ready_at=math.inf if row.ready_at is None else row.ready_at,
        over=row.ended or row.known_until < row.now - SURE_AFTER_S,
        now=row.now,
    )


def _sure_until(db: Connection, life: Life) -> float:
    """Up to where nothing about the life can change any more."""
    values = {"session": life.session_id, "since": life.settled_until - CLAIM_S_MAX}
    oldest = db.execute(_OLDEST_OPEN, values).scalar_one()
    sure = min(life.known_until, life.now - SURE_AFTER_S, math.inf if oldest is None else oldest)
    return min(sure, life.settled_until + SETTLED_S_MAX)


def unsettled(db: Connection) -> Costs:
    """What is not settled yet, of all lives, as it stands now."""
    lives = [_life(row) for row in db.execute(text(_LIVES), {"killed_s": KILLED_AFTER_S}).all()]
    found = [costs_of(db, life, until=life.known_until) for life in lives if life.known_until > life.settled_until]
    return Costs(
        claims=tuple(one for costs in found for one in costs.claims),
        idle=tuple(one for costs in found for one in costs.idle),
    )


def costs_of(db: Connection, life: Life, *, until: float) -> Costs:
    """Whose each second of the life was, from where it is settled to `until`."""
    values = {"session": life.session_id, "from": life.settled_until, "until": until}
    since = life.settled_until - CLAIM_S_MAX
    claims = [_claimed(row, until) for row in db.execute(_CLAIMS, {**values, "since": since}).all()]
    calls = [_answered(row) for row in db.execute(_CALLS, values).all()]
    runs = [
        Open(run_id=row.id, begin=row.begin, end=math.inf if row.end is None else row.end)
        for row in db.execute(_RUNS, values).all()
    ]
    found = attribute(
        Span(begin=life.settled_until, end=until),
        ready_at=life.ready_at,
        held=[one.held for one in claims],
        called=[one.called for one in calls],
        runs=runs,
    )
    return Costs(
        claims=tuple(_claim_costs(life, until, found, claims, calls)),
        idle=tuple(_idle_cost(life.session_id, rest) for rest in found.rests),
    )


def _claimed(row: Any, until: float) -> Claimed:
    end = until if row.end is None else row.end
    whole = row.ending in ("done", "running")  # what runs may come to waste yet; nobody knows
    work_until = end if whole else row.begin if row.kept_at is None else row.kept_at
    held = Held(claim=(row.evaluation_id, row.fence), begin=row.begin, end=max(end, row.begin), work_until=work_until)
    return Claimed(held=held, run_id=row.run_id, ending=row.ending)


def _answered(row: Any) -> Answered:
    key = (row.evaluation_id, row.fence)
    return Answered(
        called=Called(claim=key, begin=row.at - row.duration_s, end=row.at),
        run_id=row.run_id,
        kept=row.kept,
        prompt_tokens=row.prompt_tokens,
        cached_tokens=row.cached_tokens,
        completion_tokens=row.completion_tokens,
    )


def _claim_costs(
    life: Life, until: float, found: Attribution, claims: Sequence[Claimed], calls: Sequence[Answered]
) -> Iterator[ClaimCost]:
    """The claims' parts, with the calls that ended in them."""
    runs: dict[ClaimKey, tuple[int, str]] = {one.called.claim: (one.run_id, "lost") for one in calls}
    runs |= {one.held.claim: (one.run_id, one.ending) for one in claims}
    answered: dict[tuple[ClaimKey, int], list[Answered]] = {}
    for call in calls:
        if call.called.end <= until:
            answered.setdefault((call.called.claim, int(call.called.end // HOUR_S)), []).append(call)
    parts = {(part.claim, part.hour): part for part in found.parts}
    ended = {(one.held.claim, int(min(one.held.end, until) // HOUR_S)) for one in claims if _ended(one, life, until)}
    for key in parts.keys() | answered.keys() | ended:
        claim, hour = key
        part, made = parts.get(key) or Part(claim=claim, hour=hour), answered.get(key, ())
        run_id, ending = runs[claim]
        yield ClaimCost(
            session_id=life.session_id,
            evaluation_id=claim[0],
            fence=claim[1],
            hour=_moment(hour),
            run_id=run_id,
            ending=ending,
            work_s=part.work_s,
            waste_s=part.waste_s,
            engine_s=part.engine_s,
            ended=int(key in ended),
            calls=len(made),
            calls_wasted=sum(not one.kept for one in made),
            prompt_tokens=sum(one.prompt_tokens for one in made),
            cached_tokens=sum(one.cached_tokens for one in made),
            completion_tokens=sum(one.completion_tokens for one in made),
        )


def _ended(one: Claimed, life: Life, until: float) -> bool:
    """Whether the claim ended in this stretch; what was open when its worker was killed ended with it."""
    if one.ending == "running":
        return False
    return one.held.end <= until or (life.over and until >= life.known_until)


def _idle_cost(session_id: str, rest: Rest) -> IdleCost:
    return IdleCost(
        session_id=session_id, hour=_moment(rest.hour), run_id=rest.run_id, kind=rest.kind, seconds=rest.seconds
    )


def _moment(hour: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(hours=hour)


_ADDED = (
    *("work_s", "waste_s", "engine_s", "ended", "calls", "calls_wasted"),
    *("prompt_tokens", "cached_tokens", "completion_tokens"),
)
_CLAIM_COLUMNS = ("evaluation_id", "fence", "hour", "session_id", "run_id", "ending", *_ADDED)
_KEEP_CLAIMS = text(
    f"""
    INSERT INTO claim_cost ({", ".join(_CLAIM_COLUMNS)})
    SELECT {", ".join(_CLAIM_COLUMNS)} FROM jsonb_populate_recordset(NULL::claim_cost, cast(:rows AS jsonb))
    ON CONFLICT (evaluation_id, fence, hour) DO UPDATE
    SET ending = excluded.ending, {", ".join(f"{name} = claim_cost.{name} + excluded.{name}" for name in _ADDED)}
    """
)
_KEEP_IDLE = text(
    """
    INSERT INTO idle_cost (session_id, hour, run_id, kind, seconds)
    SELECT session_id, hour, run_id, kind, seconds FROM jsonb_populate_recordset(NULL::idle_cost, cast(:rows AS jsonb))
    ON CONFLICT (session_id, hour, run_id, kind) DO UPDATE SET seconds = idle_cost.seconds + excluded.seconds
    """
)


def _keep(db: Connection, life: Life, costs: Costs, until: float) -> None:
    moved = db.execute(
        text(
            "UPDATE node_session SET settled_until = to_timestamp(:until) "
            "WHERE id = :session AND settled_until = to_timestamp(:from)"
        ),
        {"session": life.session_id, "from": life.settled_until, "until": until},
    ).rowcount
    if moved != 1:
        raise Conflict(f"somebody else settles the costs of worker {life.session_id} at this moment; try again")
    for statement, rows in ((_KEEP_CLAIMS, costs.claims), (_KEEP_IDLE, costs.idle)):
        if rows:
            db.execute(statement, {"rows": as_json(rows)})


def as_json(rows: Sequence[Frozen]) -> str:
    """The rows as PostgreSQL's recordset functions read them."""
    return f"[{','.join(row.model_dump_json() for row in rows)}]"
