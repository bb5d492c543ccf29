"""An evaluation's life: claimed, renewed, finished, released, failed; each step fenced and told as an event.

Every write after the claim carries the fence. No row matched means that another worker owns it: LeaseLost, and
nothing was written. Only the database's clock counts.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, func, select, text
from sqlalchemy.dialects.postgresql import insert

from evaluator.errors import LeaseLost
from evaluator.evaluation import Decision, Quarantine, after_expiry
from evaluator.judging import Sampling, Work
from evaluator.scorecard import Scorecard
from evaluator.storage.interviews import load_rubric
from evaluator.storage.moments import from_now
from evaluator.storage.tables import evaluation, evaluation_event, node, scorecard
from evaluator.storage.webhooks import announce_scorecard
from evaluator.values import Frozen, canonical, sha256

FORGOTTEN_AFTER_S = 86_400.0
EXPIRED_MAX = 200  # leases that one reconciler step handles


class Claim(Frozen):
    """A row that this worker owns until its lease runs out."""

    id: int
    fence: int
    run_id: int
    worker: str
    attempts: int
    stalls: int
    work: Work
    session_id: str | None = None  # of the worker's life, whose time it takes; None: nobody counts that


class CallNote(Frozen):
    """One answered call of the judge, as it is written down."""

    section_id: str
    part: str | None = None
    ago_s: float = 0.0  # how long ago the answer came
    duration_s: float
    prompt_tokens: int
    cached_tokens: int | None = None
    completion_tokens: int
    kept: bool


# The run's row is not locked (FOR UPDATE OF e): with it 9 of 10 claims find nothing.
_CLAIM = text(
    """
    UPDATE evaluation SET state = 'running', fence = fence + 1, worker = :worker, code = NULL, detail = NULL,
        leased_until = clock_timestamp() + make_interval(secs => :lease_s), updated_at = clock_timestamp(),
        run_id = (SELECT min(m.run_id) FROM run_member m JOIN run r ON r.id = m.run_id
                  WHERE m.evaluation_id = evaluation.id AND m.skipped IS NULL AND m.outcome IS NULL AND r.state = 'open'
                    AND (r.deadline IS NULL OR r.deadline > clock_timestamp()))
    WHERE id = (
        SELECT e.id FROM evaluation e
        WHERE e.state = 'pending' AND e.not_before <= clock_timestamp() AND e.model = :model
          AND EXISTS (SELECT 1 FROM run_member m JOIN run r ON r.id = m.run_id
                      WHERE m.evaluation_id = e.id AND m.skipped IS NULL AND m.outcome IS NULL AND r.state = 'open'
                        AND (r.deadline IS NULL OR r.deadline > clock_timestamp()))
        ORDER BY (e.fence > 0) DESC, e.id LIMIT 1 FOR UPDATE OF e SKIP LOCKED)
    RETURNING *
    """
)


def claim(db: Connection, *, worker: str, model: str, lease_s: float, session_id: str | None = None) -> Claim | None:
    """The best due row of an open run that this judge may score; started ones first. None when nothing is due."""
    row = db.execute(_CLAIM, {"worker": worker, "model": model, "lease_s": lease_s}).mappings().first()
    if row is None:
        return None
    tell(db, row["id"], "claimed", fence=row["fence"], worker=worker, run_id=row["run_id"], session_id=session_id)
    return Claim(
        id=row["id"],
        fence=row["fence"],
        run_id=row["run_id"],
        worker=worker,
        attempts=row["attempts"],
        stalls=row["stalls"],
        work=work_of(db, dict(row)),
        session_id=session_id,
    )


def work_of(db: Connection, row: Mapping[str, Any]) -> Work:
    """What an evaluation's row asks for."""
    return Work(
        interview_id=row["interview_id"],
        evaluation_key=row["evaluation_key"],
        transcript_key=row["transcript_key"],
        transcript_sha256=row["transcript_sha256"],
        rubric=load_rubric(db, row["rubric_id"], row["rubric_version"]),
        model=row["model"],
        sampling=Sampling.model_validate(row["sampling"]),
        attempt=row["attempts"],
    )


def tell(
    db: Connection,
    evaluation_id: int,
    kind: str,
    *,
    fence: int,
    worker: str | None = None,
    run_id: int | None = None,
    session_id: str | None = None,
    **detail: object,
) -> None:
    """Appends one line to the row's story; ids and codes only. session_id: only of a claim."""
    told = {"evaluation_id": evaluation_id, "kind": kind, "fence": fence, "worker": worker, "run_id": run_id}
    db.execute(insert(evaluation_event).values(**told, session_id=session_id, detail=detail))


def _owned(claim: Claim) -> Any:
    return (evaluation.c.id == claim.id) & (evaluation.c.fence == claim.fence) & (evaluation.c.state == "running")


def _write(db: Connection, claim: Claim, **values: object) -> None:
    changed = db.execute(
        evaluation.update().where(_owned(claim)).values(updated_at=func.clock_timestamp(), **values)
    ).rowcount
    if changed != 1:
        raise _lost(claim)


def _lost(claim: Claim) -> LeaseLost:
    return LeaseLost(f"interview {claim.work.interview_id}: another worker owns it, or it was cancelled")


def renew(db: Connection, claim: Claim, *, lease_s: float) -> None:
    """Moves the lease on; LeaseLost when it is no longer ours."""
    _write(db, claim, leased_until=from_now(lease_s))


# One way to the server and back: this is done for every section, so it decides what a section costs beside the judge.
_CALLS = """
    INSERT INTO judge_call (evaluation_id, fence, run_id, session_id, section_id, part, at, duration_s, prompt_tokens,
        cached_tokens, completion_tokens, kept)
    SELECT :id, :fence, :run, :session, c.section_id, c.part, clock_timestamp() - make_interval(secs => c.ago_s),
        c.duration_s, c.prompt_tokens, c.cached_tokens, c.completion_tokens, c.kept
    FROM jsonb_to_recordset(cast(:calls AS jsonb)) AS c(section_id text, part text, ago_s float8, duration_s float8,
        prompt_tokens int, cached_tokens int, completion_tokens int, kept bool)
"""
_NOTE_CALLS = text(_CALLS)
_NOTE_SECTION = text(
    f"""
    WITH owned AS (
        UPDATE evaluation SET updated_at = clock_timestamp(), sections_done = sections_done + :done,
            stalls = CASE WHEN :progress THEN 0 ELSE stalls END
        WHERE id = :id AND fence = :fence AND state = 'running' RETURNING id
    ), called AS ({_CALLS} WHERE EXISTS (SELECT 1 FROM owned)),
    told AS (
        INSERT INTO evaluation_event (evaluation_id, kind, fence, worker, detail)
        SELECT id, 'section', :fence, :worker, cast(:detail AS jsonb) FROM owned)
    SELECT count(*) FROM owned
    """
)


def note_section(
    db: Connection,
    claim: Claim,
    *,
    section_id: str,
    reused: bool,
    window: str | None = None,
    calls: Sequence[CallNote] = (),
) -> None:
    """One more section is safe in the store. A new one is progress, so deaths are counted from zero again.

    A reused one is none: else a row that reads its checkpoints and then kills its worker would never be quarantined.
    window: it is only this part of the section; that is progress, and no section is done. calls: those answered
    since the last note. LeaseLost, and nothing is written, when the row is no longer ours.
    """
    told = {"section_id": section_id, "reused": reused} | ({"window": window} if window else {})
    values = {"done": int(window is None), "progress": not reused, "worker": claim.worker, "detail": json.dumps(told)}
    if db.execute(_NOTE_SECTION, {**values, **_told_of(claim, calls)}).scalar_one() != 1:
        raise _lost(claim)


def note_calls(db: Connection, claim: Claim, calls: Sequence[CallNote]) -> None:
    """What calls cost that no section has come of, also where the row is no longer ours."""
    db.execute(_NOTE_CALLS, _told_of(claim, calls))


def _told_of(claim: Claim, calls: Sequence[CallNote]) -> dict[str, object]:
    listed = ",".join(call.model_dump_json() for call in calls)
    of_claim = {"id": claim.id, "fence": claim.fence, "run": claim.run_id, "session": claim.session_id}
    return {**of_claim, "calls": f"[{listed}]"}


def finalize(db: Connection, claim: Claim, body: Scorecard, execution: Mapping[str, Any]) -> str:
    """Stores the scorecard and ends the row, both or neither; the scorecard's id."""
    _write(db, claim, state="done", leased_until=None, sections_done=evaluation.c.sections_total)
    scorecard_id = scorecard_id_of(claim.work)
    db.execute(
        insert(scorecard).values(
            id=scorecard_id,
            evaluation_id=claim.id,
            interview_id=claim.work.interview_id,
            evaluation_key=claim.work.evaluation_key,
            state=body.state,
            body=body.model_dump(mode="json"),
            body_sha256=body.digest,
            execution=dict(execution),
        )
    )
    tell(db, claim.id, "done", fence=claim.fence, worker=claim.worker, run_id=claim.run_id, state=body.state)
    announce_scorecard(db, scorecard_id)
    return scorecard_id


def scorecard_id_of(work: Work) -> str:
    """The same inputs of the same interview always get the same scorecard id."""
    return "sc_" + sha256(canonical([work.interview_id, work.evaluation_key]))[:12]


def release(db: Connection, claim: Claim, *, reason: str) -> None:
    """Gives the row back at once; an interruption limits nothing."""
    _write(
        db,
        claim,
        state="pending",
        leased_until=None,
        worker=None,
        sections_done=0,
        not_before=func.clock_timestamp(),
        interruptions=evaluation.c.interruptions + 1,
    )
    tell(db, claim.id, "released", fence=claim.fence, worker=claim.worker, run_id=claim.run_id, reason=reason)


def fail(db: Connection, claim: Claim, decision: Decision) -> None:
    """Writes what follows a failure: another try later, or a person."""
    common: dict[str, object] = {
        "leased_until": None,
        "worker": None,
        "attempts": evaluation.c.attempts + int(decision.counts == "attempt"),
        "stalls": evaluation.c.stalls + int(decision.counts == "stall"),
        "code": decision.code,
        "detail": decision.detail,
    }
    if isinstance(decision, Quarantine):
        _write(db, claim, state="quarantined", **common)
    else:
        _write(db, claim, state="pending", sections_done=0, not_before=from_now(decision.delay_s), **common)
    kind = "quarantined" if isinstance(decision, Quarantine) else "retry"
    tell(db, claim.id, kind, fence=claim.fence, worker=claim.worker, run_id=claim.run_id, **_told(decision))


def _told(decision: Decision) -> dict[str, Any]:
    """What an event keeps of a decision."""
    told: dict[str, Any] = {"code": decision.code, "detail": decision.detail, "counts": decision.counts}
    return told if isinstance(decision, Quarantine) else {**told, "delay_s": decision.delay_s}


def expire_leases(db: Connection, *, limit: int = EXPIRED_MAX) -> int:
    """Takes back rows whose worker stopped renewing; how many."""
    rows = db.execute(
        select(evaluation.c.id, evaluation.c.fence, evaluation.c.stalls, evaluation.c.worker, evaluation.c.run_id)
        .where(evaluation.c.state == "running", evaluation.c.leased_until < func.clock_timestamp())
        .order_by(evaluation.c.leased_until)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    for row in rows:
        decision = after_expiry(row.stalls)
        stuck = isinstance(decision, Quarantine)
        db.execute(
            evaluation.update()
            .where(evaluation.c.id == row.id)
            .values(
                state="quarantined" if stuck else "pending",
                fence=evaluation.c.fence + 1,
                leased_until=None,
                worker=None,
                sections_done=0,
                stalls=evaluation.c.stalls + 1,
                not_before=func.clock_timestamp(),
                code=decision.code,
                detail=decision.detail,
                updated_at=func.clock_timestamp(),
            )
        )
        tell(
            db,
            row.id,
            "quarantined" if stuck else "expired",
            fence=row.fence + 1,
            worker=row.worker,
            run_id=row.run_id,
            **_told(decision),
        )
    return len(rows)


_DUE = text(
    """
    SELECT count(*) FROM (
        SELECT 1 FROM evaluation e
        WHERE e.state = 'pending' AND e.not_before <= clock_timestamp()
          AND EXISTS (SELECT 1 FROM run_member m JOIN run r ON r.id = m.run_id
                      WHERE m.evaluation_id = e.id AND m.skipped IS NULL AND m.outcome IS NULL AND r.state = 'open'
                        AND (r.deadline IS NULL OR r.deadline > clock_timestamp()))
        LIMIT :most) due
    """
)


def due(db: Connection, *, most: int = 1_000_000) -> int:
    """Rows that could be claimed now, counted up to `most`; the measure of work to scale on."""
    return int(db.execute(_DUE, {"most": most}).scalar_one())


def seen(db: Connection, *, name: str, kind: str, version: str, slots: int = 0) -> None:
    """This worker (of so many slots) or reconciler is alive; those that vanished long ago are forgotten."""
    db.execute(node.delete().where(node.c.seen_at < from_now(-FORGOTTEN_AFTER_S)))
    statement = insert(node).values(name=name, kind=kind, version=version, slots=slots)
    db.execute(
        statement.on_conflict_do_update(
            index_elements=[node.c.name],
            set_={"kind": kind, "version": version, "slots": slots, "seen_at": func.clock_timestamp()},
        )
    )


def gone(db: Connection, *, name: str) -> None:
    """This worker or reconciler ends; nobody needs to wait until it has not been seen for a while."""
    db.execute(node.delete().where(node.c.name == name))


def alive(db: Connection, *, kind: str, within_s: float, machine: str | None = None) -> int:
    """How many workers or reconcilers were seen lately, on every machine or on the one of that name."""
    query = select(func.count()).select_from(node).where(node.c.kind == kind, node.c.seen_at > from_now(-within_s))
    if machine is not None:
        query = query.where(node.c.name.startswith(f"{machine}:", autoescape=True))
    return int(db.execute(query).scalar_one())


def slots_alive(db: Connection, *, within_s: float) -> int:
    """How many interviews the workers that were seen lately score at once, all together."""
    slots = select(func.coalesce(func.sum(node.c.slots), 0))
    return int(db.execute(slots.where(node.c.kind == "worker", node.c.seen_at > from_now(-within_s))).scalar_one())
