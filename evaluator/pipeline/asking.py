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
from evaluator.observing import Scalar, note, span
from evaluator.pipeline.sections import CUTS_MAX, Answer, Missing, Part, Shelf, settle
from evaluator.pipeline.tools import SectionFacts, Tools, call_of, facts_of_call, facts_of_section
from evaluator.pipeline.windows import TurnSizes, cuts_of
from evaluator.prompts import judge_request, tokens_at_most, tokens_needed
from evaluator.verdict import invalid_reason

MAX_TOKENS_LIMIT = 8_192
WINDOWS_AT_ONCE = 4  # calls of one section; a worker that drains begins no further one

Found = tuple[Answer, SectionFacts] | None  # of one section; None: too long for the judge even in windows
T = TypeVar("T")
_FINISHED = frozenset({"stop", "length", "content_filter", "error", "abort"})  # else it is the endpoint's own text


@dataclass(frozen=True, kw_only=True, slots=True)
class Asking:
    """One evaluation's way to the judge."""

    tools: Tools
    sizes: TurnSizes

    async def section(self, whole: Part) -> Found:
        """The section's answer and what it took; asks for what the store does not hold."""
        with span("section", section=whole.section.id):
            found = await self._section(whole)
            note(**_told(found))
            return found

    async def _section(self, whole: Part) -> Found:
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
        given = part.work, part.request, self.tools
        sampling = _uncounted(*given) or await asyncio.to_thread(_counted, *given)
        if sampling is None:
            return await asyncio.to_thread(self._cut, part, shelf)
        if self.tools.control.draining():
            raise Drained(f"interview {part.work.interview_id}: stopped before section {part.label}")
        completion = await self._kept(part, sampling, shelf)
        facts = facts_of_call(part.section.id, part.window, completion)
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
            request_sha256=part.request_sha256,
            cuts=cuts,
        )
        shelf.keep_plan(part, plan)
        return plan

    async def _kept(self, part: Part, sampling: Sampling, shelf: Shelf) -> Completion:
        """The judge's answer, its checkpoint written. What the call cost is told in any case, once it is answered."""
        with span("judge call", part=part.label, model=part.work.model):
            completion = await self._answered(part, part.request.model_copy(update={"sampling": sampling}))
            note(**_figures(completion))
        kept = False
        try:
            self._require_valid(part, completion)
            kept = await asyncio.to_thread(shelf.keep, part, _checkpoint(part, sampling, completion))
        finally:
            self.tools.on_call(call_of(part.section.id, part.window, completion, kept=kept))
        return completion

    async def _answered(self, part: Part, sent: JudgeRequest) -> Completion:
        try:
            return await self.tools.judge.complete(sent)
        except (EngineUnavailable, EngineRejected) as error:
            raise type(error)(f"section {part.label}: {error}") from error

    def _require_valid(self, part: Part, completion: Completion) -> None:
        """Raises unless the answer counts, is by the model that was asked, and for a row that is still ours."""
        if completion.model != part.work.model:
            raise EngineUnavailable(f"the engine answered as another model than {part.work.model}, which was asked")
        if reason := invalid_reason(completion, part.section):
            raise AnswerInvalid(part.label, reason)
        self._still_ours(part)

    def _still_ours(self, part: Part) -> None:
        if self.tools.control.lost():
            raise LeaseLost(f"interview {part.work.interview_id}: lost before the checkpoint of {part.label}")


def _told(found: Found) -> dict[str, Scalar]:
    """What a section's span says at its end."""
    if found is None:
        return {"outcome": "too_long"}
    facts = found[1]
    return {
        "outcome": "reused" if facts.reused else "judged",
        "calls": facts.calls,
        "windows": facts.windows,
        "prompt_tokens": facts.prompt_tokens,
        "cached_tokens": facts.cached_tokens,
        "completion_tokens": facts.completion_tokens,
    }


def _figures(completion: Completion) -> dict[str, Scalar]:
    """What a call's span says of its answer: never the answer."""
    usage = completion.usage
    return {
        "prompt_tokens": usage.prompt_tokens,
        "cached_tokens": usage.cached_tokens,
        "completion_tokens": usage.completion_tokens,
        "engine_s": round(completion.duration_s, 4),
        "finish_reason": completion.finish_reason if completion.finish_reason in _FINISHED else "other",
    }


def fitting(work: Work, request: JudgeRequest, tools: Tools) -> Sampling | None:
    """This attempt's sampling, with as much room to answer as the window leaves; None: not even the base fits."""
    return _uncounted(work, request, tools) or _counted(work, request, tools)


def _uncounted(work: Work, request: JudgeRequest, tools: Tools) -> Sampling | None:
    """The same for a text so short that its tokens need no counting, which costs more than all else about a call."""
    wanted = attempt_sampling(request.sampling, work.attempt)
    most = tokens_at_most(request.model_copy(update={"sampling": wanted}))
    return wanted if most <= tools.context_tokens else None


def _counted(work: Work, request: JudgeRequest, tools: Tools) -> Sampling | None:
    wanted = attempt_sampling(request.sampling, work.attempt)
    prompt = tokens_needed(request, tools.count_tokens) - request.sampling.max_tokens
    room = tools.context_tokens - prompt
    if room < request.sampling.max_tokens:
        return None
    return wanted.model_copy(update={"max_tokens": min(wanted.max_tokens, room)})


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
        request_sha256=part.request_sha256,
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
