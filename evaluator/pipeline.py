"""One interview's evaluation: gather, judge what is missing, checkpoint each section, conclude."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from pydantic import BaseModel, ValidationError

from evaluator.errors import (
    AnswerInvalid,
    CheckpointCorrupt,
    ContentError,
    DatabaseUnavailable,
    DebriefError,
    DigestMismatch,
    Drained,
    EngineRejected,
    EngineUnavailable,
    LeaseLost,
    ObjectExists,
    ObjectMissing,
    StoreForbidden,
    StoreUnavailable,
    TranscriptFault,
    Unavailable,
)
from evaluator.judging import SEED_LIMIT, Checkpoint, Completion, JudgeRequest, Sampling, TokenCounter, Work
from evaluator.layout import checkpoint_key, checkpoints_prefix
from evaluator.ports import JudgeEngine, ObjectStore, walk
from evaluator.prompts import judge_request, key_for, request_sha256, tokens_needed
from evaluator.scorecard import Scorecard, conclude, without_a_call
from evaluator.transcript import TRANSCRIPT_BYTES_MAX, Transcript, first_fault, parse_transcript
from evaluator.values import Frozen, canonical, sha256
from evaluator.verdict import invalid_reason
from rubrics.model import Section

CHECKPOINT_BYTES_MAX = 4 * 1024 * 1024
TOO_LONG = "section_too_long"
MAX_TOKENS_LIMIT = 8_192


class SectionFacts(Frozen):
    """How one section was obtained; a fact of execution, never part of the scorecard's body."""

    section_id: str
    reused: bool  # read from a checkpoint, no model call
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int | None = None
    duration_s: float = 0.0


Outcome = tuple[Completion, SectionFacts] | None  # of one section; None: too long for the judge's window


class Evaluated(Frozen):
    """A finished evaluation."""

    scorecard: Scorecard
    facts: tuple[SectionFacts, ...]

    @property
    def model_calls(self) -> int:
        """Sections that were judged now rather than read from a checkpoint."""
        return sum(not f.reused for f in self.facts)


class Control(Protocol):
    """What the worker may be told while it works."""

    def draining(self) -> bool:
        """True: start no further model call."""

    def lost(self) -> bool:
        """True: another worker owns the row; write nothing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Undisturbed:
    """The control of a caller that nobody interrupts."""

    def draining(self) -> bool:
        """Never."""
        return False

    def lost(self) -> bool:
        """Never."""
        return False


def _ignore(_: SectionFacts) -> None:
    return None


@dataclass(frozen=True, kw_only=True, slots=True)
class Tools:
    """Everything outside that an evaluation touches."""

    store: ObjectStore
    judge: JudgeEngine
    count_tokens: TokenCounter
    context_tokens: int  # the served model's window
    control: Control = field(default_factory=Undisturbed)
    on_section: Callable[[SectionFacts], None] = _ignore  # called once a section's checkpoint is safe


async def evaluate(work: Work, tools: Tools) -> Evaluated:
    """Judges every section that has no checkpoint yet, several at once, and concludes.

    Raises Drained, LeaseLost, Unavailable or ContentError; sections that were finished before keep their checkpoints.
    """
    transcript = await asyncio.to_thread(load_transcript, work, tools.store)
    requests = plan(work, transcript)
    outcomes = await asyncio.gather(
        *(_section(work, section, request, tools) for section, request in requests), return_exceptions=True
    )
    done = _all_or_worst(outcomes)
    by_section = {section.id: one for (section, _), one in zip(requests, done, strict=True)}
    judged = {section_id: one[0] for section_id, one in by_section.items() if one is not None}
    failed = {section_id: TOO_LONG for section_id, one in by_section.items() if one is None}
    scorecard = conclude(transcript, work.rubric, judged, failed=failed, model=work.model, sampling=work.sampling)
    return Evaluated(scorecard=scorecard, facts=tuple(one[1] for one in done if one is not None))


def recompute(work: Work, store: ObjectStore) -> Scorecard:
    """The scorecard from the transcript and the checkpoints alone; no model is called, nothing is written."""
    transcript = load_transcript(work, store)
    completions, failed = {}, {}
    for section, request in plan(work, transcript):
        key = checkpoint_key(work.interview_id, work.evaluation_key, section.id)
        if (found := read_checkpoint(store, key, request, section)) is None:
            failed[section.id] = TOO_LONG  # the only reason for which a finished evaluation lacks a checkpoint
        else:
            completions[section.id] = found
    return conclude(transcript, work.rubric, completions, failed=failed, model=work.model, sampling=work.sampling)


def load_transcript(work: Work, store: ObjectStore) -> Transcript:
    """The transcript that the row names; its digest and the rest of the row must give the row's evaluation key."""
    transcript = fetch_transcript(store, key=work.transcript_key, digest=work.transcript_sha256)
    if key_for(transcript, work.rubric, model=work.model, sampling=work.sampling) != work.evaluation_key:
        raise DigestMismatch(f"interview {work.interview_id}: the inputs do not give evaluation {work.evaluation_key}")
    return transcript


def fetch_transcript(store: ObjectStore, *, key: str, digest: str) -> Transcript:
    """The transcript under the key, proven by its sha256."""
    data = store.get(key, bytes_max=TRANSCRIPT_BYTES_MAX)
    if data is None:
        raise ObjectMissing(f"transcript {key} is not in the store; import the interview again")
    if sha256(data) != digest:
        raise DigestMismatch(f"transcript {key} is not the one that was taken in (sha256 differs)")
    try:
        return parse_transcript(data)
    except TranscriptFault as fault:
        raise ContentError(str(fault)) from None


def plan(work: Work, transcript: Transcript) -> Sequence[tuple[Section, JudgeRequest]]:
    """The sections that a judge must read, with the call for each."""
    return [
        (
            section,
            judge_request(section, transcript.in_section(section.id), model=work.model, sampling=work.sampling),
        )
        for section in work.rubric.sections
        if without_a_call(transcript, section) is None
    ]


async def _section(work: Work, section: Section, request: JudgeRequest, tools: Tools) -> Outcome:
    """One section's completion, from its checkpoint or the judge; None when it does not fit the judge's window."""
    key = checkpoint_key(work.interview_id, work.evaluation_key, section.id)
    found = await asyncio.to_thread(read_checkpoint, tools.store, key, request, section)
    if found is not None:
        return found, await _noted(tools, SectionFacts(section_id=section.id, reused=True))
    sampling = await asyncio.to_thread(fitting, work, request, tools)
    if sampling is None:
        return None
    if tools.control.draining():
        raise Drained(f"interview {work.interview_id}: stopped before section {section.id}")
    completion = await _judged(work, section, request.model_copy(update={"sampling": sampling}), tools)
    kept = await asyncio.to_thread(
        _keep, tools.store, key, _checkpoint(work, section, request, sampling, completion), request, section
    )
    return kept, await _noted(tools, _facts(section.id, completion))


async def _noted(tools: Tools, facts: SectionFacts) -> SectionFacts:
    await asyncio.to_thread(tools.on_section, facts)
    return facts


def fitting(work: Work, request: JudgeRequest, tools: Tools) -> Sampling | None:
    """This attempt's sampling, with as much room to answer as the window leaves; None: not even the base fits."""
    prompt = tokens_needed(request, tools.count_tokens) - request.sampling.max_tokens
    room = tools.context_tokens - prompt
    if room < request.sampling.max_tokens:
        return None
    sampling = attempt_sampling(work.sampling, work.attempt)
    return sampling.model_copy(update={"max_tokens": min(sampling.max_tokens, room)})


async def _judged(work: Work, section: Section, sent: JudgeRequest, tools: Tools) -> Completion:
    """An answer that counts, by the model that was asked, for a row that is still ours."""
    try:
        completion = await tools.judge.complete(sent)
    except (EngineUnavailable, EngineRejected) as error:
        raise type(error)(f"section {section.id}: {error}") from error
    if completion.model != work.model:
        raise EngineUnavailable(f"the engine answered as {completion.model[:100]!r}, {work.model} was asked")
    if reason := invalid_reason(completion, section):
        raise AnswerInvalid(section.id, reason)
    if tools.control.lost():
        raise LeaseLost(f"interview {work.interview_id}: lost before the checkpoint of {section.id}")
    return completion


def _checkpoint(
    work: Work, section: Section, request: JudgeRequest, sampling: Sampling, completion: Completion
) -> Checkpoint:
    return Checkpoint(
        interview_id=work.interview_id,
        evaluation_key=work.evaluation_key,
        section_id=section.id,
        request_sha256=request_sha256(request),
        sampling=sampling,
        completion=completion,
    )


def attempt_sampling(base: Sampling, attempt: int) -> Sampling:
    """Another seed after each content error, and room for a longer answer; attempt 0 is the base itself."""
    if attempt == 0:
        return base
    tokens = min(base.max_tokens * 2**attempt, MAX_TOKENS_LIMIT)
    seed = (base.seed + 10_000 * attempt) % SEED_LIMIT
    return base.model_copy(update={"seed": seed, "max_tokens": max(tokens, base.max_tokens)})


def _facts(section_id: str, completion: Completion) -> SectionFacts:
    return SectionFacts(
        section_id=section_id,
        reused=False,
        prompt_tokens=completion.usage.prompt_tokens,
        completion_tokens=completion.usage.completion_tokens,
        cached_tokens=completion.usage.cached_tokens,
        duration_s=round(completion.duration_s, 4),
    )


def read_checkpoint(store: ObjectStore, key: str, request: JudgeRequest, section: Section) -> Completion | None:
    """The completion kept under the key; None when there is none. CheckpointCorrupt when it cannot be trusted."""
    try:
        data = store.get(key, bytes_max=CHECKPOINT_BYTES_MAX)
    except ContentError as error:  # too large to be one
        raise CheckpointCorrupt(f"checkpoint {key} cannot be read: {error}") from None
    if data is None:
        return None
    try:
        checkpoint = Checkpoint.model_validate_json(data)
    except ValidationError as error:
        raise CheckpointCorrupt(f"checkpoint {key} {_unreadable(data, error)}") from None
    if checkpoint.request_sha256 != request_sha256(request):
        raise CheckpointCorrupt(f"checkpoint {key} answers another request")
    if reason := invalid_reason(checkpoint.completion, section):
        raise CheckpointCorrupt(f"checkpoint {key} holds an answer that does not count ({reason})")
    return checkpoint.completion


class _Versioned(BaseModel):
    """What a checkpoint of any schema says first."""

    schema_version: int


def _unreadable(data: bytes, fault: ValidationError) -> str:
    """Why the bytes are no checkpoint of ours: those of a newer version are nobody's fault."""
    ours = Checkpoint.model_fields["schema_version"].default
    try:
        theirs = _Versioned.model_validate_json(data).schema_version
    except ValidationError:
        theirs = ours
    if theirs > ours:
        return f"was written by a newer version (schema {theirs}, this one reads {ours}); upgrade this worker"
    return f"does not parse: {first_fault(fault)}"


def discard_checkpoints(store: ObjectStore, interview_id: str, evaluation_key: str) -> int:
    """Removes all checkpoints of one evaluation, so that each section is judged again; how many.

    Only while the caller holds the row: a worker in between would read what is about to go.
    """
    keys = list(walk(store, checkpoints_prefix(interview_id, evaluation_key)))
    for key in keys:
        store.delete(key)
    return len(keys)


def _keep(store: ObjectStore, key: str, checkpoint: Checkpoint, request: JudgeRequest, section: Section) -> Completion:
    """Writes the checkpoint; whoever came first wins, and the winner's completion is what counts."""
    try:
        store.create(key, canonical(checkpoint.model_dump(mode="json")))
    except ObjectExists:
        winner = read_checkpoint(store, key, request, section)
        if winner is None:
            raise CheckpointCorrupt(f"checkpoint {key} was taken and is gone again") from None
        return winner
    return checkpoint.completion


# One section's outcome decides for the whole row: what forbids writing first, then what a retry cures, then the rest.
# The engine comes after other outages: only its failures may turn out to be this interview's fault.
_OUTAGES = (StoreUnavailable, StoreForbidden, DatabaseUnavailable)
_WORST_FIRST = (LeaseLost, Drained, _OUTAGES, Unavailable, ContentError, DebriefError)


def _all_or_worst(outcomes: Sequence[Outcome | BaseException]) -> Sequence[Outcome]:
    errors = [o for o in outcomes if isinstance(o, BaseException)]
    for error in errors:
        if not isinstance(error, DebriefError):
            raise error
    for kind in _WORST_FIRST:
        for error in errors:
            if isinstance(error, kind):
                raise error
    return [o for o in outcomes if not isinstance(o, BaseException)]
