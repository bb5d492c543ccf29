"""Scores due rows one after another: claim, evaluate under a heartbeat, finalize, or hand back with a reason."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from contextvars import copy_context
from dataclasses import dataclass, field
from typing import Any

from celery.exceptions import SoftTimeLimitExceeded

from evaluator.adapters.vllm import VllmEngine
from evaluator.errors import (
    BrokerUnavailable,
    DatabaseUnavailable,
    DebriefError,
    Drained,
    EngineRejected,
    EngineUnavailable,
    LeaseLost,
    Unavailable,
)
from evaluator.evaluation import Decision, Delays, after_failure, after_time_limit
from evaluator.observing import Scalar, bound, note, span
from evaluator.pipeline import Evaluated, JudgeCall, SectionFacts, Tools, evaluate
from evaluator.prompts import answer_schemas
from evaluator.storage.evaluations import CallNote, Claim, claim, fail, finalize, note_calls, note_section, release
from evaluator.storage.interviews import rationales_asked
from migrations import history
from workers.heartbeat import Heartbeat
from workers.ledger import session_of_worker
from workers.node import Node

log = logging.getLogger(__name__)

ROWS_PER_HINT = 5  # a task that never ended would keep its worker from being replaced
CLAIM_WITHIN_S = 600.0  # no claim after this much time in one task
WRITE_AGAIN_S = 0.5  # between tries to write a failure while the database is away
EVALUATE_TIMEOUT_S = 840.0  # below Celery's soft limit, which asyncio can swallow


@dataclass(frozen=True, kw_only=True, slots=True)
class RowControl:
    """What the pipeline asks while it works on one row."""

    node: Node
    heartbeat: Heartbeat

    def draining(self) -> bool:
        """True: start no further model call."""
        return self.node.draining() or self.heartbeat.lost()

    def lost(self) -> bool:
        """True: write nothing."""
        return self.heartbeat.lost()


def work_through(node: Node) -> int:
    """Scores due rows until there is none, the worker drains, or a limit is reached; how many rows were claimed."""
    started_at = time.monotonic()
    claimed = 0
    with bound(worker=node.name), asyncio.Runner() as runner:
        engine = node.services.engine
        try:
            if not _ready(runner, engine, node):
                return 0
            while claimed < ROWS_PER_HINT and time.monotonic() - started_at < CLAIM_WITHIN_S and node.claiming():
                row = _claim(node)
                if row is None:
                    break
                claimed += 1
                with _observed(row):
                    goes_on = _score(runner, engine, node, row)
                if not goes_on:
                    break
        finally:
            runner.run(engine.aclose())
    return claimed


_warm: set[tuple[str, bool]] = set()  # models, without and with rationales, whose grammars were compiled for us


def _ready(runner: asyncio.Runner, engine: VllmEngine, node: Node) -> bool:
    """True when the engine serves our model with its grammars compiled; a worker without a judge claims nothing."""
    model = node.services.model
    try:
        runner.run(engine.check(model))
        warmth = (model, _rationales(node))
        if warmth not in _warm:
            runner.run(engine.warm_up(answer_schemas(rationales=warmth[1]), model))
            log.info("level probabilities of %s: %s", model, engine.level_probabilities)
            _warm.add(warmth)
    except (EngineUnavailable, EngineRejected, DatabaseUnavailable) as error:  # rejected: our schemas do not compile
        log.warning("not claiming: %s", error)
        return False
    return True


def _rationales(node: Node) -> bool:
    """Whether a rubric asks for rationales, whose grammar takes seconds to compile; DatabaseUnavailable."""
    with node.services.database.begin() as db:
        return rationales_asked(db)


def _claim(node: Node) -> Claim | None:
    settings = node.services.settings
    try:
        with node.services.database.begin() as db:
            history.refuse_other(db, node.services.database.where)
            return claim(
                db,
                worker=node.name,
                model=node.services.model,
                lease_s=settings.lease_s,
                session_id=session_of_worker(),
            )
    except DatabaseUnavailable as error:
        log.warning("not claiming: %s", error)
        return None


def _observed(row: Claim) -> AbstractContextManager[None]:
    """Log lines and spans of a claim carry its ids; all claims of an evaluation are one trace."""
    return span(
        "evaluation",
        trace=f"{row.work.interview_id} {row.work.evaluation_key}",
        run=row.run_id,
        interview=row.work.interview_id,
        evaluation=row.id,
        fence=row.fence,
        attempt=row.attempts,
        worker=row.worker,
    )


@dataclass(kw_only=True, slots=True)
class Progress:
    """What one claim has reached, and what that cost."""

    new_section: bool = False  # a checkpoint was written that was not there before
    answered: deque[tuple[float, JudgeCall]] = field(default_factory=deque)  # calls that are not written down yet

    def on_call(self, call: JudgeCall) -> None:
        """One call was answered."""
        self.answered.append((time.monotonic(), call))

    @contextmanager
    def calls(self) -> Iterator[Sequence[CallNote]]:
        """Those that are not written down, to be written in the block; what raises there leaves them for later."""
        taken = []
        with suppress(IndexError):  # several threads take at once
            while True:
                taken.append(self.answered.popleft())
        now = time.monotonic()
        try:
            yield [CallNote(ago_s=max(0.0, now - at), **call.model_dump()) for at, call in taken]
        except BaseException:
            self.answered.extend(taken)
            raise


def _score(runner: asyncio.Runner, engine: VllmEngine, node: Node, row: Claim) -> bool:
    """One row, to whatever end; False when the next one would end in the same outage.

    Anything unforeseen propagates, and the row's lease runs out: that is counted, so it cannot go on for ever.
    """
    settings, progress = node.services.settings, Progress()
    with Heartbeat(node.heartbeat_database, row, lease_s=settings.lease_s, every_s=settings.heartbeat_s) as heartbeat:
        try:
            return _attempt(runner, engine, node, row, heartbeat, progress)
        except SoftTimeLimitExceeded:
            _write_failure(node, row, _cut_off(row, progress, "the task's soft time limit"), heartbeat)
            raise
        except (SystemExit, KeyboardInterrupt):
            _release(node, row, reason="stopped")
            raise
        finally:
            _note_rest(node, row, progress)


def _note_rest(node: Node, row: Claim, progress: Progress) -> None:
    """Calls of which no section came are paid for, too; best effort."""
    if not progress.answered:
        return
    try:
        with progress.calls() as calls, node.services.database.begin() as db:
            note_calls(db, row, calls)
    except DatabaseUnavailable as error:
        log.warning("evaluation %d: %d calls not written down: %s", row.id, len(progress.answered), error)


def _attempt(
    runner: asyncio.Runner, engine: VllmEngine, node: Node, row: Claim, heartbeat: Heartbeat, progress: Progress
) -> bool:
    started_at = time.monotonic()
    try:
        # A runner's own context is from before the claim.
        evaluated = runner.run(_evaluate(engine, node, row, heartbeat, progress), context=copy_context())
        _finalize(node, row, evaluated, duration_s=time.monotonic() - started_at)
    except TimeoutError:
        _write_failure(node, row, _cut_off(row, progress, f"{EVALUATE_TIMEOUT_S:g} s"), heartbeat)
    except Drained:
        _release(node, row, reason="drained")
    except LeaseLost:
        note(outcome="lease_lost")
        log.warning("evaluation %d: lost the lease, wrote nothing more", row.id)
    except DebriefError as error:
        return _fail(runner, engine, node, row, heartbeat, error)
    return True


async def _evaluate(engine: VllmEngine, node: Node, row: Claim, heartbeat: Heartbeat, progress: Progress) -> Evaluated:
    """TimeoutError: it took longer than a row may."""
    services = node.services

    def on_section(facts: SectionFacts) -> None:
        progress.new_section |= not facts.reused
        with progress.calls() as calls, services.database.begin() as db:
            note_section(db, row, section_id=facts.section_id, reused=facts.reused, window=facts.window, calls=calls)

    tools = Tools(
        store=services.store,
        judge=engine,
        count_tokens=services.count_tokens,
        context_tokens=services.settings.context_tokens,
        control=RowControl(node=node, heartbeat=heartbeat),
        on_section=on_section,
        on_call=progress.on_call,
    )
    async with asyncio.timeout(EVALUATE_TIMEOUT_S):
        return await evaluate(row.work, tools)


def _finalize(node: Node, row: Claim, evaluated: Evaluated, *, duration_s: float) -> None:
    with node.services.database.begin() as db:
        scorecard_id = finalize(db, row, evaluated.scorecard, execution(node, row, evaluated, duration_s=duration_s))
    told = _figures(evaluated, duration_s=duration_s)
    note(outcome=evaluated.scorecard.state, **told)
    log.info("evaluation %d: %s as %s", row.id, evaluated.scorecard.state, scorecard_id, extra=told)


def _figures(evaluated: Evaluated, *, duration_s: float) -> dict[str, Scalar]:
    facts = evaluated.facts
    return {
        "sections": len(facts),
        "calls": evaluated.model_calls,
        "prompt_tokens": sum(f.prompt_tokens for f in facts),
        "cached_tokens": sum(f.cached_tokens or 0 for f in facts),
        "completion_tokens": sum(f.completion_tokens for f in facts),
        "duration_s": round(duration_s, 3),
    }


def execution(node: Node, row: Claim, evaluated: Evaluated, *, duration_s: float) -> Mapping[str, Any]:
    """Facts of this execution, stored beside the scorecard's body."""
    return {
        "worker": node.name,
        "fence": row.fence,
        "attempts": row.attempts,
        "model_calls": evaluated.model_calls,
        "level_probabilities": node.services.engine.level_probabilities,
        "duration_s": round(duration_s, 3),
        "sections": [facts.model_dump(mode="json") for facts in evaluated.facts],
    }


def _release(node: Node, row: Claim, *, reason: str) -> None:
    """Commits the release first and sends one hint last, best effort."""
    note(outcome="released", reason=reason)
    try:
        with node.services.database.begin() as db:
            release(db, row, reason=reason)
        node.services.hints.send(1)
    except (DatabaseUnavailable, LeaseLost, BrokerUnavailable) as error:
        log.warning("evaluation %d: not handed back (%s); its lease will run out", row.id, error.code)


def _fail(
    runner: asyncio.Runner, engine: VllmEngine, node: Node, row: Claim, heartbeat: Heartbeat, error: DebriefError
) -> bool:
    """Writes what follows the error; False for an outage that the next row would meet too."""
    if isinstance(error, Unavailable) and node.draining():  # others may be well, and there is no time to ask
        _release(node, row, reason="drained")
        return False
    canary_ok = _canary(runner, engine, node) if isinstance(error, EngineUnavailable) else None
    settings = node.services.settings
    delays = Delays(infrastructure_s=settings.infrastructure_delay_s, content_s=settings.content_delay_s)
    decision = after_failure(row.attempts, error, canary_ok=canary_ok, delays=delays)
    _write_failure(node, row, decision, heartbeat)
    return decision.counts != "nothing"


def _canary(runner: asyncio.Runner, engine: VllmEngine, node: Node) -> bool:
    """True when the engine still judges, so that its failure was about one interview's content."""
    try:
        runner.run(engine.canary(node.services.model, answer_schemas()[0]))
    except (EngineUnavailable, EngineRejected) as error:
        log.warning("canary: %s", error)
        return False
    return True


def _cut_off(row: Claim, progress: Progress, limit: str) -> Decision:
    return after_time_limit(row.stalls, progressed=progress.new_section, limit=limit)


def _write_failure(node: Node, row: Claim, decision: Decision, heartbeat: Heartbeat) -> None:
    """Tried for as long as the row is ours: a short outage of the database must not look like a worker's death."""
    note(outcome=decision.kind, code=decision.code)
    log.warning("evaluation %d: %s (%s)", row.id, decision.kind, decision.code)
    while True:
        try:
            with node.services.database.begin() as db:
                return fail(db, row, decision)
        except LeaseLost as second:
            return log.warning("evaluation %d: failure not written (%s)", row.id, second.code)
        except DatabaseUnavailable as second:
            if heartbeat.lost() or node.draining():
                return log.warning("evaluation %d: failure not written (%s); its lease runs out", row.id, second.code)
        time.sleep(WRITE_AGAIN_S)
