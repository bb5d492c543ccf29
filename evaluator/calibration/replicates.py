"""Scores a sample of interviews again and again through the product's own pipeline, to see how far its answers move.

A replicate is an evaluation like any other, under a key of its own: its sections are checkpointed, so an interrupted
measurement goes on where it was and pays for nothing twice. It is never a row, and nobody sees it as a scorecard.
"""

import asyncio
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, permutations
from typing import Literal, cast

from sqlalchemy import Connection

from evaluator.calibration.noise import Noise, Scoring, measure, scoring_of
from evaluator.errors import AnswerInvalid, ContentError, EngineBusy, EngineRejected, EngineUnavailable
from evaluator.evaluation import ATTEMPTS_MAX
from evaluator.judging import JudgeRequest, Sampling, TokenCounter, Work
from evaluator.layout import checkpoint_key, checkpoints_prefix
from evaluator.pipeline import SectionFacts, Tools, evaluate, load_transcript, plan, recompute
from evaluator.ports import ObjectStore, walk
from evaluator.prompts import MESSAGE_TOKENS, PROMPT_VERSION, evaluation_key
from evaluator.scorecard import Scorecard
from evaluator.storage.calibrations import Calibration, Subject, latest_calibration, store_calibration
from evaluator.values import Frozen, sha256
from evaluator.verdict import RATIONALE_CHARS_MAX
from rubrics.model import Criterion, Rubric, Section

KIND: Literal["noise"] = "noise"
Order = Literal["same_order", "shuffled_order"]
CHARS_PER_TOKEN = 4  # English prose
ORDERS: tuple[Order, ...] = ("same_order", "shuffled_order")


class Replicate(Frozen):
    """One scoring to be done: which interview, the how-manieth time, under which order of criteria."""

    order: Order
    number: int  # 1..k
    work: Work


class Scored(Frozen):
    """What became of a replicate."""

    order: Order
    number: int
    interview_id: str
    scoring: Scoring | None  # None: nothing could be said of the interview, `code` tells why
    code: str | None = None
    judged: int = 0  # calls to the judge that were answered now
    reused: int = 0  # sections read from a checkpoint


def sample(found: Sequence[Subject], *, limit: int, seed: int) -> tuple[Subject, ...]:
    """At most `limit` of these, by chance that the seed fixes; a larger sample of the same seed holds the smaller."""
    drawn = sorted(found, key=lambda one: sha256(f"{seed}/{one.interview_id}".encode()))[:limit]
    return tuple(sorted(drawn, key=lambda one: one.interview_id))


def replicates(
    rubric: Rubric, found: Sequence[Subject], *, k: int, seed: int, model: str, sampling: Sampling
) -> tuple[Replicate, ...]:
    """All scorings of a measurement: k of each interview under the rubric's own order, and k under others.

    sampling: the product's own; a replicate differs in its number and its seed, by `Sampling.replicated`. One prompt
    after the other, so that an engine can go on with the rubric's part that it has read.
    """
    made = []
    for number in range(1, k + 1):
        own = sampling.replicated(number)
        for order in ORDERS:
            under = rubric if order == "same_order" else shuffled(rubric, number, seed=seed)
            digest = under.digest
            for one in found:
                key = evaluation_key(
                    transcript_sha256=one.transcript_sha256, rubric_digest=digest, model=model, sampling=own
                )
                work = Work(
                    interview_id=one.interview_id,
                    evaluation_key=key,
                    transcript_key=one.transcript_key,
                    transcript_sha256=one.transcript_sha256,
                    rubric=under,
                    model=model,
                    sampling=own,
                )
                made.append(Replicate(order=order, number=number, work=work))
    return tuple(made)


def shuffled(rubric: Rubric, number: int, *, seed: int) -> Rubric:
    """The rubric with the criteria of each section in another order; nothing else changes, their ids least of all."""
    sections = tuple(
        section.model_copy(update={"criteria": _reordered(section, number, seed)}) for section in rubric.sections
    )
    return rubric.model_copy(update={"sections": sections})


def _reordered(section: Section, number: int, seed: int) -> tuple[Criterion, ...]:
    """The number-th of all orders as the seed puts them in a row, the section's own at its end.

    None comes twice before each came once.
    """

    def place(order: tuple[Criterion, ...]) -> tuple[bool, str]:
        return order == section.criteria, sha256("/".join([str(seed), section.id, *(c.id for c in order)]).encode())

    orders = sorted(permutations(section.criteria), key=place)
    return orders[(number - 1) % len(orders)]


async def score(
    wanted: Sequence[Replicate],
    tools: Tools,
    *,
    at_once: int = 1,
    allowed: Callable[[str], bool] = lambda _: True,
    on_scored: Callable[[Scored], None] = lambda _: None,
) -> tuple[Scored, ...]:
    """All replicates, `at_once` of them at a time; what was scored before is read from its checkpoints.

    allowed: asked with the interview's id before each replicate, in a thread: consent may be withdrawn meanwhile.
    Raises Unavailable when the engine, the store or the database cannot serve: finished sections are kept.
    """
    done: list[Scored] = []
    groups: dict[tuple[str, str], list[Replicate]] = {}
    for one in wanted:
        groups.setdefault((one.work.interview_id, one.work.evaluation_key), []).append(one)
    waiting = iter(groups.values())  # the same evaluation is not begun twice at once: the second reads the first's
    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(max(1, at_once)):
                group.create_task(_work_through(waiting, tools, allowed, done, on_scored))
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from None
    return tuple(done)


async def _work_through(
    waiting: Iterator[Sequence[Replicate]],
    tools: Tools,
    allowed: Callable[[str], bool],
    done: list[Scored],
    on_scored: Callable[[Scored], None],
) -> None:
    for one in chain.from_iterable(waiting):
        permitted = await asyncio.to_thread(allowed, one.work.interview_id)
        scored = await score_one(one, tools) if permitted else _left_out(one, "consent")
        done.append(scored)
        on_scored(scored)


@dataclass(slots=True)
class _Calls:
    """Tells, over all attempts at one replicate, how its sections came by their answers."""

    judged: int = 0
    _judged_ids: set[str] = field(default_factory=set)
    _read_ids: set[str] = field(default_factory=set)

    @property
    def reused(self) -> int:
        return len(self._read_ids - self._judged_ids)

    def note(self, facts: SectionFacts) -> None:
        if facts.window is None:  # a section's facts hold those of its windows
            self.judged += facts.calls
            (self._read_ids if facts.reused else self._judged_ids).add(facts.section_id)


async def score_one(one: Replicate, tools: Tools) -> Scored:
    """One replicate; a section whose answer does not count in any attempt is failed in it, the others count.

    An interview whose transcript or checkpoint cannot be used is left out as a whole. Unavailable.
    """
    calls = _Calls()
    try:
        scorecard = await _scorecard(one.work, replace(tools, on_section=calls.note))
    except ContentError as error:
        return _left_out(one, error.code)
    return Scored(
        order=one.order,
        number=one.number,
        interview_id=one.work.interview_id,
        scoring=scoring_of(one.work.interview_id, one.number, scorecard),
        judged=calls.judged,
        reused=calls.reused,
    )


def _left_out(one: Replicate, code: str) -> Scored:
    return Scored(order=one.order, number=one.number, interview_id=one.work.interview_id, scoring=None, code=code)


async def _scorecard(work: Work, tools: Tools) -> Scorecard:
    """Tries again as a worker does, and then takes what there is."""
    for attempt in range(ATTEMPTS_MAX):
        try:
            return (await evaluate(work.model_copy(update={"attempt": attempt}), tools)).scorecard
        except (AnswerInvalid, EngineRejected):
            continue
        except EngineBusy:
            raise
        except EngineUnavailable:
            await tools.judge.check(work.model)  # the engine is well, so the fault is with this section
    return await asyncio.to_thread(recompute, work, tools.store)


class Estimate(Frozen):
    """What a measurement would ask of the judge."""

    replicates: int
    calls: int
    kept: int  # sections that have their answer already
    prompt_tokens: int
    answer_tokens: int


def estimate(
    wanted: Sequence[Replicate], store: ObjectStore, count_tokens: TokenCounter, *, context_tokens: int
) -> Estimate:
    """What is still to be asked, without asking it. An interview that cannot be read counts no call.

    context_tokens: the served model's window; of sections that do not fit it says roughly how often they are cut.
    """
    calls = kept = prompt_tokens = answer_tokens = 0
    works = {(one.work.interview_id, one.work.evaluation_key): one.work for one in wanted}  # an order may come again
    for (interview_id, key), work in works.items():
        there = set(walk(store, checkpoints_prefix(interview_id, key)))
        for section, request in _planned(work, store):
            if checkpoint_key(interview_id, key, section.id) in there:
                kept += 1
                continue
            fixed, said = count_tokens(request.system) + MESSAGE_TOKENS, count_tokens(request.user)
            room = max(1, context_tokens - fixed - request.sampling.max_tokens)
            times = 1 if said <= room else -(-said // room) + 1  # the windows, and the call about what they cite
            calls += times
            prompt_tokens += times * fixed + said + (room if times > 1 else 0)
            answer_tokens += times * _answer_tokens(request, count_tokens)
    return Estimate(
        replicates=len(wanted), calls=calls, kept=kept, prompt_tokens=prompt_tokens, answer_tokens=answer_tokens
    )


def _planned(work: Work, store: ObjectStore) -> Sequence[tuple[Section, JudgeRequest]]:
    try:
        return plan(work, load_transcript(work, store))
    except ContentError:
        return ()


def _answer_tokens(request: JudgeRequest, count_tokens: TokenCounter) -> int:
    """Those of a full answer: three ids for each criterion, and a sentence where one is asked for."""
    asked = [str(key) for key in cast("list[str]", request.answer_schema["required"])]
    text = json.dumps({key: {"evidence": ["U112", "U114", "U118"], "level": 3} for key in asked}, separators=(",", ":"))
    sentence = "x" * RATIONALE_CHARS_MAX if "rationale" in json.dumps(request.answer_schema) else ""
    return count_tokens(text) + len(asked) * len(sentence) // CHARS_PER_TOKEN


def measured(scored: Iterable[Scored], rubric: Rubric, *, k: int, seed: int, temperature: float) -> Noise:
    """The measurement that these replicates give."""
    found = [(one.order, one.scoring) for one in scored if one.scoring is not None]
    same, other = ([scoring for order, scoring in found if order == wanted] for wanted in ORDERS)
    criteria = [c.id for c in rubric.criteria]
    return measure(same, other, criteria, k=k, seed=seed, temperature=temperature)


def store_noise(db: Connection, noise: Noise, rubric: Rubric, *, model: str) -> Calibration:
    """Appends the measurement, for this prompt version."""
    return store_calibration(
        db,
        kind=KIND,
        rubric_id=rubric.id,
        rubric_version=rubric.version,
        model=model,
        prompt_version=PROMPT_VERSION,
        body=noise.model_dump(mode="json"),
    )


def latest_noise(
    db: Connection, *, rubric_id: str, rubric_version: str, model: str, prompt_version: str, temperature: float
) -> Noise | None:
    """What comparison may rely on: the newest measurement under exactly this judge and rubric; None: never measured.

    One that was made at another temperature is none.
    """
    found = latest_calibration(
        db,
        kind=KIND,
        rubric_id=rubric_id,
        rubric_version=rubric_version,
        model=model,
        prompt_version=prompt_version,
    )
    noise = None if found is None else Noise.model_validate(found.body)
    return noise if noise is not None and noise.temperature == temperature else None
