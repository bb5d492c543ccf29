"""One interview with one persona, and what the agent made of it."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from evaluator.manifest import Candidate as Who
from evaluator.manifest import Manifest
from live_agent.adding import INSTRUCTIONS, SUMMARISE, runs, secret_words
from live_agent.handoff import Recorder, opened
from live_agent.hearing import hear
from live_agent.interview import Interview
from live_agent.keeping import Keeper
from live_agent.memory import Limits
from live_agent.models import Circuits, Models
from live_agent.phrases import INSTRUCTED
from live_agent.plan import THIN_ANSWER_WORDS, follow_ups_left
from live_agent.routing import Provider, one_model
from rubrics.model import Rubric
from tests.agent_eval.personas import PERSONAS, Candidate
from tests.fakes import MemoryStore

STARTED = datetime(2026, 11, 18, 14, 2, tzinfo=UTC)
WORDS_PER_S = 2.5
SILENCE_S = 15.0
TURNS_MAX = 300


@dataclass(kw_only=True, slots=True)
class Led:
    """An interview as it went."""

    rubric: Rubric
    persona: str
    ended: str | None = None
    asked: list[str] = field(default_factory=list)  # ids of the script's steps, as often as they were said
    said: list[str] = field(default_factory=list)  # by the interviewer
    thin: int = 0  # answers that earned a follow-up, and there was one left
    followed: int = 0
    elapsed_s: float = 0.0
    budget_s: float = 0.0
    manifest: Manifest | None = None
    added: int = 0  # turns in which a model's words were spoken
    requests: int = 0

    @property
    def questions(self) -> tuple[int, int]:
        """Of the rubric's, how many were asked, and how many there are."""
        there = [f"{s.id}/q{n}" for s in self.rubric.sections for n in range(1, len(s.questions) + 1)]
        return sum(name in self.asked for name in there), len(there)

    @property
    def leaks(self) -> int:
        """Turns that hold words of an anchor, a definition, an example, or of what a model is told."""
        told = frozenset(run for text in (*INSTRUCTIONS.values(), SUMMARISE) for run in runs(text))
        secret = secret_words(self.rubric) | told
        return sum(any(run in secret for run in runs(text)) for text in self.said)

    @property
    def ended_well(self) -> bool:
        """As is right for the persona, handed over where there was a consent, within its time."""
        right = self.ended in PERSONAS[self.persona][1]
        kept = (self.manifest is not None) == (self.ended != "refused")
        status = self.manifest is None or (self.manifest.consent.status == "withdrawn") == (self.ended == "withdrawn")
        return right and kept and status


async def lead(rubric: Rubric, persona: str, *, seed: str, endpoint: str | None, spool: Path) -> Led:
    """One interview in text, with a clock of its own; endpoint: of the models, None for the script alone."""
    store, led = MemoryStore(), Led(rubric=rubric, persona=persona)
    models = None
    if endpoint is not None:
        models = Models(one_model(Provider(url=endpoint), "stub"), Circuits(), interview_id="iv-1")

    def open_(consent: object) -> Recorder:
        return opened(
            store,
            interview_id="iv-1",
            candidate=Who(ref="C-1"),
            requisition="REQ-1",
            rubric=rubric,
            consent=consent,  # type: ignore[arg-type]
            clock=lambda: STARTED,
        )

    interview = Interview(
        rubric,
        Keeper("iv-1", open_, spool=spool),
        clock=lambda: STARTED + timedelta(seconds=led.elapsed_s),
        models=models,
        count=(lambda messages: sum(len(m.content) // 4 + 8 for m in messages)) if models else None,
        limits=Limits(prompt_tokens=1_200, summary_tokens=200),
    )
    candidate = Candidate(rubric=rubric, seed=seed)
    led.budget_s = interview.plan.time_budget_s
    await _said(interview, led, interview.reply.text)
    while interview.ended is None and candidate.turns < TURNS_MAX:
        await _turn(interview, led, candidate, PERSONAS[persona][0](candidate, interview))
    led.ended = interview.ended
    if models is not None:
        led.requests = len(models.requests)
    led.manifest = await interview.close()
    return led


async def _turn(interview: Interview, led: Led, candidate: Candidate, text: str) -> None:
    started = led.elapsed_s
    led.elapsed_s += len(text.split()) / WORDS_PER_S if text else SILENCE_S
    before = interview.reply.conduct
    due = _follow_up_due(interview, text)
    words, _ = await interview.hear(text, started_s=started, ended_s=led.elapsed_s)
    candidate.turns += 1
    after = interview.reply.conduct
    in_time = interview.ended is None and after.position.part == before.position.part
    due = due and INSTRUCTED not in interview.reply.phrases  # that was no answer
    led.thin += due and in_time
    led.followed += due and in_time and len(after.position.follow_ups) > len(before.position.follow_ups)
    led.added += words != interview.reply.text
    await _said(interview, led, words)


async def _said(interview: Interview, led: Led, words: str) -> None:
    led.said.append(words)
    led.asked += [phrase.id.removeprefix("script/") for phrase in interview.reply.phrases]
    started = led.elapsed_s
    led.elapsed_s += len(words.split()) / WORDS_PER_S
    await interview.spoke(words, started_s=started, ended_s=led.elapsed_s)


def _follow_up_due(interview: Interview, text: str) -> bool:
    conduct = interview.reply.conduct
    found = hear(text)
    if conduct.position.stage != "section" or conduct.pending or found.wish or found.heard.declined or not text.strip():
        return False
    words = conduct.position.answer_words + found.heard.words
    left = follow_ups_left(interview.plan.parts[conduct.position.part], conduct.position)
    return 0 < words < THIN_ANSWER_WORDS and bool(left)


def lead_all(rubrics: Sequence[Rubric], *, seeds: Sequence[str], endpoint: str | None, spool: Path) -> list[Led]:
    """Every persona by every rubric by every seed, one after the other."""

    async def all_of_them() -> list[Led]:
        return [
            await lead(rubric, persona, seed=f"{seed}|{rubric.id}|{persona}", endpoint=endpoint, spool=spool)
            for rubric in rubrics
            for persona in PERSONAS
            for seed in seeds
        ]

    return asyncio.run(all_of_them())
