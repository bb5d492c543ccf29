"""What an evaluation works with: the outside world, whoever may interrupt it, and the facts that it tells."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from evaluator.judging import Completion, TokenCounter
from evaluator.ports import JudgeEngine, ObjectStore
from evaluator.values import Frozen


class SectionFacts(Frozen):
    """How one section, or one window of it, was obtained; a fact of execution, never part of the scorecard's body."""

    section_id: str
    window: str | None = None  # "1.2": the second window of the first cut; None: the section as a whole
    reused: bool  # read from a checkpoint, no model call
    calls: int = 0  # made now; more than one where a section was judged in windows
    windows: int = 0  # that the section was judged in before its last call
    prompt_tokens: int = 0  # this and the next three: of the calls made now
    completion_tokens: int = 0
    cached_tokens: int | None = None
    duration_s: float = 0.0


class JudgeCall(Frozen):
    """One call that the judge answered, whatever became of the answer; what it cost."""

    section_id: str
    part: str | None = (
        None  # of a section that is judged in windows: "1.2"; None: the section, or what its windows cited
    )
    duration_s: float
    prompt_tokens: int
    cached_tokens: int | None = None  # None: the endpoint does not tell
    completion_tokens: int
    kept: bool  # the answer is the checkpoint


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


def _ignore(_: SectionFacts | JudgeCall) -> None:
    return None


@dataclass(frozen=True, kw_only=True, slots=True)
class Tools:
    """Everything outside that an evaluation touches."""

    store: ObjectStore
    judge: JudgeEngine
    count_tokens: TokenCounter
    context_tokens: int  # the served model's window
    control: Control = field(default_factory=Undisturbed)
    on_section: Callable[[SectionFacts], None] = _ignore  # once a section's, or window's, checkpoint is safe
    on_call: Callable[[JudgeCall], None] = _ignore  # before that, and for answers that do not count; must not wait


def call_of(section_id: str, part: str | None, completion: Completion, *, kept: bool) -> JudgeCall:
    """What one answered call cost."""
    return JudgeCall(
        section_id=section_id,
        part=part,
        duration_s=round(completion.duration_s, 4),
        prompt_tokens=completion.usage.prompt_tokens,
        cached_tokens=completion.usage.cached_tokens,
        completion_tokens=completion.usage.completion_tokens,
        kept=kept,
    )


def facts_of_call(section_id: str, window: str | None, completion: Completion) -> SectionFacts:
    """What one model call took."""
    return SectionFacts(
        section_id=section_id,
        window=window,
        reused=False,
        calls=1,
        prompt_tokens=completion.usage.prompt_tokens,
        completion_tokens=completion.usage.completion_tokens,
        cached_tokens=completion.usage.cached_tokens,
        duration_s=round(completion.duration_s, 4),
    )


def facts_of_section(section_id: str, windows: int, calls: list[SectionFacts]) -> SectionFacts:
    """What all calls together took that were made now for one section; their durations overlap."""
    cached = [c.cached_tokens for c in calls if c.cached_tokens is not None]
    return SectionFacts(
        section_id=section_id,
        reused=not calls,
        calls=len(calls),
        windows=windows,
        prompt_tokens=sum(c.prompt_tokens for c in calls),
        completion_tokens=sum(c.completion_tokens for c in calls),
        cached_tokens=sum(cached) if cached else None,
        duration_s=round(sum(c.duration_s for c in calls), 4),
    )
