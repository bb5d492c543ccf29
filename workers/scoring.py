"""Scores due rows one after another: claim, evaluate under a heartbeat, finalize, or hand back with a reason."""

import asyncio
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
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
from evaluator.evaluation import after_failure
from evaluator.pipeline import Evaluated, SectionFacts, Tools, evaluate
from evaluator.prompts import answer_schemas
from evaluator.storage.evaluations import Claim, claim, fail, finalize, note_section, release
from workers.heartbeat import Heartbeat
from workers.node import Node

log = logging.getLogger(__name__)

ROWS_PER_HINT = 5  # a task that never ended would keep its worker from being replaced
CLAIM_WITHIN_S = 600.0  # no claim after this much time in one task
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
    with asyncio.Runner() as runner:
        engine = node.services.engine
        try:
            if not _ready(runner, engine, node):
                return 0
            while claimed < ROWS_PER_HINT and time.monotonic() - started_at < CLAIM_WITHIN_S and not node.draining():
                row = _claim(node)
                if row is None:
                    break
                claimed += 1
                if not _score(runner, engine, node, row):
                    break
        finally:
            runner.run(engine.aclose())
    return claimed


_warm: set[str] = set()  # models whose grammars this process has seen compiled


def _ready(runner: asyncio.Runner, engine: VllmEngine, node: Node) -> bool:
    """True when the engine serves our model with its grammars compiled; a worker without a judge claims nothing."""
    model = node.services.model
    try:
        runner.run(engine.check(model))
        if model not in _warm:
            runner.run(engine.warm_up(answer_schemas(), model))
            _warm.add(model)
    except (EngineUnavailable, EngineRejected) as error:  # rejected: it cannot compile our answer schemas
        log.warning("not claiming: %s", error)
        return False
    return True


def _claim(node: Node) -> Claim | None:
    settings = node.services.settings
    try:
        with node.services.database.begin() as db:
            return claim(db, worker=node.name, model=node.services.model, lease_s=settings.lease_s)
    except DatabaseUnavailable as error:
        log.warning("not claiming: %s", error)
        return None


def _score(runner: asyncio.Runner, engine: VllmEngine, node: Node, row: Claim) -> bool:
    """One row, to whatever end; False when the next one would end in the same outage.

    Anything unforeseen propagates, and the row's lease runs out: that is counted, so it cannot go on for ever.
    """
    settings = node.services.settings
    started_at = time.monotonic()
    with Heartbeat(node.heartbeat_database, row, lease_s=settings.lease_s, every_s=settings.heartbeat_s) as heartbeat:
        try:
            evaluated = runner.run(_evaluate(engine, node, row, heartbeat))
            _finalize(node, row, evaluated, duration_s=time.monotonic() - started_at)
        except Drained:
            _release(node, row, reason="drained")
        except LeaseLost:
            log.warning("evaluation %d: lost the lease, wrote nothing more", row.id)
        except DebriefError as error:
            _fail(node, row, error)
            return not isinstance(error, Unavailable)
        except (SoftTimeLimitExceeded, SystemExit, KeyboardInterrupt):
            _release(node, row, reason="stopped")
            raise
    return True


async def _evaluate(engine: VllmEngine, node: Node, row: Claim, heartbeat: Heartbeat) -> Evaluated:
    services = node.services

    def on_section(facts: SectionFacts) -> None:
        with services.database.begin() as db:
            note_section(db, row, section_id=facts.section_id, reused=facts.reused)

    tools = Tools(
        store=services.store,
        judge=engine,
        count_tokens=services.count_tokens,
        context_tokens=services.settings.context_tokens,
        control=RowControl(node=node, heartbeat=heartbeat),
        on_section=on_section,
    )
    try:
        async with asyncio.timeout(EVALUATE_TIMEOUT_S):
            return await evaluate(row.work, tools)
    except TimeoutError:
        raise EngineUnavailable(
            f"interview {row.work.interview_id} took more than {EVALUATE_TIMEOUT_S:.0f} s"
        ) from None


def _finalize(node: Node, row: Claim, evaluated: Evaluated, *, duration_s: float) -> None:
    with node.services.database.begin() as db:
        scorecard_id = finalize(db, row, evaluated.scorecard, execution(node, row, evaluated, duration_s=duration_s))
    log.info("evaluation %d: %s as %s", row.id, evaluated.scorecard.state, scorecard_id)


def execution(node: Node, row: Claim, evaluated: Evaluated, *, duration_s: float) -> Mapping[str, Any]:
    """Facts of this execution, stored beside the scorecard's body."""
    return {
        "worker": node.name,
        "fence": row.fence,
        "attempts": row.attempts,
        "model_calls": evaluated.model_calls,
        "duration_s": round(duration_s, 3),
        "sections": [facts.model_dump(mode="json") for facts in evaluated.facts],
    }


def _release(node: Node, row: Claim, *, reason: str) -> None:
    """Commits the release first and sends one hint last, best effort."""
    try:
        with node.services.database.begin() as db:
            release(db, row, reason=reason)
        node.services.hints.send(1)
    except (DatabaseUnavailable, LeaseLost, BrokerUnavailable) as error:
        log.warning("evaluation %d: not handed back (%s); its lease will run out", row.id, error.code)


def _fail(node: Node, row: Claim, error: DebriefError) -> None:
    decision = after_failure(row.attempts, error)
    log.warning("evaluation %d: %s (%s)", row.id, decision.kind, decision.code)
    try:
        with node.services.database.begin() as db:
            fail(db, row, decision)
    except (DatabaseUnavailable, LeaseLost) as second:
        log.warning("evaluation %d: failure not written (%s); its lease will run out", row.id, second.code)
