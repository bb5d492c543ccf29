"""Simulated interviews with their truth, judged through the product's own path."""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from evaluator.judging import Sampling, Work
from evaluator.layout import transcript_key
from evaluator.pipeline import Tools, evaluate
from evaluator.ports import JudgeEngine
from evaluator.prompts import key_for
from evaluator.scorecard import Scorecard
from evaluator.transcript import Transcript, segmented
from live_agent.simulate import SimulatedInterview, simulate_one_of
from live_agent.training.samples import Truth, truths_of
from rubrics.model import Rubric
from tests.fakes import MemoryStore

INTERVIEWS_AT_ONCE = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """One interview with what it was made to express."""

    rubric: Rubric
    interview: SimulatedInterview
    transcript: Transcript
    truths: dict[str, Truth]  # criterion -> truth; those cut short in mid-answer have none

    @property
    def ability(self) -> float | None:
        """The weighted mean of the levels that were expressed."""
        known = [(c.weight, t.level) for c in self.rubric.criteria if (t := self.truths.get(c.id)) and t.level]
        return sum(w * level for w, level in known) / sum(w for w, _ in known) if known else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Judged:
    """An interview with what the judge made of it."""

    told: Told
    scorecard: Scorecard
    calls: int


def cohort(rubrics: Sequence[Rubric], *, interviews: int, seed: int, allowed: Callable[[str], bool]) -> Iterator[Told]:
    """So many interviews, spread over the rubrics; phrasings of one split only."""
    for place, rubric in enumerate(rubrics):
        count = interviews // len(rubrics) + (place < interviews % len(rubrics))
        for number in range(1, count + 1):
            interview = simulate_one_of(
                rubric, number=number, count=count, seed=seed, prefix=f"eval-{seed}", allowed=allowed
            )
            turns = segmented(interview.turns)
            yield Told(
                rubric=rubric,
                interview=interview,
                transcript=Transcript(source="simulated", turns=turns),
                truths=dict(truths_of(interview, turns, rubric.criteria)),
            )


def judged(
    told: Sequence[Told], judge: JudgeEngine, *, model: str, context_tokens: int, say: Callable[[str], None]
) -> tuple[list[Judged], float]:
    """Every interview's scorecard, and the seconds that all of them took."""
    store = MemoryStore()

    async def run() -> list[Judged]:
        at_once = asyncio.Semaphore(INTERVIEWS_AT_ONCE)
        done = 0

        async def one(item: Told) -> Judged:
            nonlocal done
            async with at_once:
                work = _work(item, store, model)
                tools = Tools(
                    store=store, judge=judge, count_tokens=lambda text: len(text) // 3, context_tokens=context_tokens
                )
                evaluated = await evaluate(work, tools)
            done += 1
            if done % 50 == 0:
                say(f"{done}/{len(told)} interviews judged")
            return Judged(told=item, scorecard=evaluated.scorecard, calls=evaluated.model_calls)

        try:
            return await asyncio.gather(*map(one, told))
        finally:
            await judge.aclose()  # its connections belong to this loop

    began = time.monotonic()
    found = asyncio.run(run())
    return found, time.monotonic() - began


def _work(item: Told, store: MemoryStore, model: str) -> Work:
    data, digest, sampling = item.transcript.to_bytes(), item.transcript.digest, Sampling()
    interview_id = f"{item.interview.interview_id}-{item.rubric.digest[:8]}"
    key = transcript_key(interview_id, digest)
    store.create(key, data)
    return Work(
        interview_id=interview_id,
        evaluation_key=key_for(item.transcript, item.rubric, model=model, sampling=sampling),
        transcript_key=key,
        transcript_sha256=digest,
        rubric=item.rubric,
        model=model,
        sampling=sampling,
    )
