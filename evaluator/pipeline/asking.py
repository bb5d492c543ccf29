"""Asking the judge for what a section still lacks: as few calls as the store allows, each kept before the next."""

import asyncio
from collections.abc import Coroutine, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from evaluator.errors import (
    AnswerInvalid,
    ContentError,
    DatabaseUnavailable,
    DebriefError,
    Drained,
    EngineRejected,
    EngineUnavailable,
    LeaseLost,
    StoreForbidden,
    StoreUnavailable,
    Unavailable,
)
from evaluator.judging import SEED_LIMIT, Checkpoint, Completion, JudgeRequest, Sampling, WindowPlan, Work
from evaluator.pipeline.sections import CUTS_MAX, Answer, Missing, Part, Shelf, settle
from evaluator.pipeline.tools import SectionFacts, Tools, facts_of_call, facts_of_section
from evaluator.pipeline.windows import TurnSizes, cuts_of
from evaluator.prompts import judge_request, request_sha256, tokens_needed
from evaluator.verdict import invalid_reason

MAX_TOKENS_LIMIT = 8_192
WINDOWS_AT_ONCE = 4  # calls of one section; a worker that drains begins no further one

Found = tuple[Answer, SectionFacts] | None  # of one section; None: too long for the judge even in windows
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True, slots=True)
class Asking:
    """One evaluation's way to the judge."""

    tools: Tools
    sizes: TurnSizes

    async def section(self, whole: Part) -> Found:
        """The section's answer and what it took; asks for what the store does not hold."""
        shelf, calls = Shelf(store=self.tools.store), list[SectionFacts]()
        while isinstance(standing := await asyncio.to_thread(settle, whole, shelf), Missing):
            for begin in range(0, len(standing.parts), WINDOWS_AT_ONCE):
                parts = standing.parts[begin : begin + WINDOWS_AT_ONCE]
                steps = await all_or_worst(self._step(part, shelf) for part in parts)
                if None in steps:
                    return None
                calls += [made for made in steps if isinstance(made, SectionFacts)]
        if not isinstance(standing, Answer):
            return None
        facts = facts_of_section(whole.section.id, standing.windows, calls)
        await asyncio.to_thread(self.tools.on_section, facts)
        return standing, facts

    async def _step(self, part: Part, shelf: Shelf) -> SectionFacts | WindowPlan | None:
        """The call that judged the part, or how it was cut because it does not fit; None: it cannot be cut."""
        sampling = await asyncio.to_thread(fitting, part.work, part.request, self.tools)
        if sampling is None:
            return await asyncio.to_thread(self._cut, part, shelf)
        if self.tools.control.draining():
            raise Drained(f"interview {part.work.interview_id}: stopped before section {part.label}")
        completion = await self._judged(part, part.request.model_copy(update={"sampling": sampling}))
        await asyncio.to_thread(shelf.keep, part, _checkpoint(part, sampling, completion))
        facts = facts_of_call(part.section.id, part.name.removeprefix("~") or None, completion)
        if part.name:
            await asyncio.to_thread(self.tools.on_section, facts)
        return facts

    def _cut(self, part: Part, shelf: Shelf) -> WindowPlan | None:
        if part.cuts >= CUTS_MAX:
            return None
        empty = judge_request(
            part.section, (), model=part.work.model, sampling=part.work.sampling, rationale=part.work.rubric.rationale
        )
        room = self.tools.context_tokens - tokens_needed(empty, self.tools.count_tokens)
        cuts = cuts_of(part.turns, self.sizes, room)
        if cuts is None:
            return None
        self._still_ours(part)
        plan = WindowPlan(
            interview_id=part.work.interview_id,
            evaluation_key=part.work.evaluation_key,
            section_id=part.section.id,
            request_sha256=request_sha256(part.request),
            cuts=cuts,
        )
        shelf.keep_plan(part, plan)
        return plan

    async def _judged(self, part: Part, sent: JudgeRequest) -> Completion:
        """An answer that counts, by the model that was asked, for a row that is still ours."""
        try:
            completion = await self.tools.judge.complete(sent)
        except (EngineUnavailable, EngineRejected) as error:
            raise type(error)(f"section {part.label}: {error}") from error
        if completion.model != part.work.model:
            raise EngineUnavailable(f"the engine answered as {completion.model[:100]!r}, {part.work.model} was asked")
        if reason := invalid_reason(completion, part.section):
            raise AnswerInvalid(part.label, reason)
        self._still_ours(part)
        return completion

    def _still_ours(self, part: Part) -> None:
        if self.tools.control.lost():
            raise LeaseLost(f"interview {part.work.interview_id}: lost before the checkpoint of {part.label}")


def fitting(work: Work, request: JudgeRequest, tools: Tools) -> Sampling | None:
    """This attempt's sampling, with as much room to answer as the window leaves; None: not even the base fits."""
    prompt = tokens_needed(request, tools.count_tokens) - request.sampling.max_tokens
    room = tools.context_tokens - prompt
    if room < request.sampling.max_tokens:
        return None
    sampling = attempt_sampling(request.sampling, work.attempt)
    return sampling.model_copy(update={"max_tokens": min(sampling.max_tokens, room)})


def attempt_sampling(base: Sampling, attempt: int) -> Sampling:
    """Another seed after each content error, and room for a longer answer; attempt 0 is the base itself."""
    if attempt == 0:
        return base
    tokens = min(base.max_tokens * 2**attempt, MAX_TOKENS_LIMIT)
    seed = (base.seed + 10_000 * attempt) % SEED_LIMIT
    return base.model_copy(update={"seed": seed, "max_tokens": max(tokens, base.max_tokens)})


def _checkpoint(part: Part, sampling: Sampling, completion: Completion) -> Checkpoint:
    return Checkpoint(
        interview_id=part.work.interview_id,
        evaluation_key=part.work.evaluation_key,
        section_id=part.section.id,
        request_sha256=request_sha256(part.request),
        sampling=sampling,
        completion=completion,
    )


# One call's outcome decides for the whole row: what forbids writing first, then what a retry cures, then the rest.
# The engine comes after other outages: only its failures may turn out to be this interview's fault.
_OUTAGES = (StoreUnavailable, StoreForbidden, DatabaseUnavailable)
_WORST_FIRST = (LeaseLost, Drained, _OUTAGES, Unavailable, ContentError, DebriefError)


async def all_or_worst(tasks: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """What all of them give; else, once all have ended, the error that decides."""
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    errors = [o for o in outcomes if isinstance(o, BaseException)]
    for error in errors:
        if not isinstance(error, DebriefError):
            raise error
    for kind in _WORST_FIRST:
        for error in errors:
            if isinstance(error, kind):
                raise error
    return [o for o in outcomes if not isinstance(o, BaseException)]
