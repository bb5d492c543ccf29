"""What a job's checkpoints tell of its model calls: when they were under way, their tokens, and what was cached."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tokenizers import Tokenizer

from evaluator.embedded.demo_judge import BEGIN, END, HEADER, HEADER_END
from evaluator.judging import Checkpoint
from evaluator.layout import checkpoints_prefix
from evaluator.ports import ObjectStore, walk

CHECKPOINT_BYTES_MAX = 4 * 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class Call:
    """One model call; moments in seconds of the wall clock."""

    interview_id: str
    section_id: str
    began: float
    ended: float
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int | None


def calls_of(store: ObjectStore, evaluations: Iterable[tuple[str, str]]) -> list[Call]:
    """The calls behind these (interview id, evaluation key), in the order in which they began."""
    found = []
    for interview_id, key in evaluations:
        for name in walk(store, checkpoints_prefix(interview_id, key)):
            data = store.get(name, bytes_max=CHECKPOINT_BYTES_MAX) or b""
            found.append(_call(Checkpoint.model_validate_json(data)))
    return sorted(found, key=lambda call: call.began)


def _call(kept: Checkpoint) -> Call:
    began = kept.completion.started_at.timestamp()
    usage = kept.completion.usage
    return Call(
        interview_id=kept.interview_id,
        section_id=kept.section_id,
        began=began,
        ended=began + kept.completion.duration_s,
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens,
        cached_tokens=usage.cached_tokens,
    )


@dataclass(frozen=True, kw_only=True)
class Filled:
    """How full the engine was between ramp and tail: from the first call's end to the last call's beginning."""

    window_s: float
    idle_share: float  # of the window: no call under way
    short_share: float  # of the window: fewer calls under way than the engine takes at once
    mean: float  # calls under way


def filled(calls: Sequence[Call], *, at_once: int) -> Filled | None:
    """None where no time lies between ramp and tail."""
    if not calls:
        return None
    begin, end = min(call.ended for call in calls), max(call.began for call in calls)
    if end <= begin:
        return None
    steps = sorted([(call.began, 1) for call in calls] + [(call.ended, -1) for call in calls])
    running, last, idle, short, area = 0, begin, 0.0, 0.0, 0.0
    for moment, change in steps:
        now = min(max(moment, begin), end)
        spell, last = now - last, now
        idle += spell if running == 0 else 0.0
        short += spell if running < at_once else 0.0
        area += spell * running
        running += change
    window = end - begin
    return Filled(window_s=window, idle_share=idle / window, short_share=short / window, mean=area / window)


def cached_share(calls: Sequence[Call], prefix_tokens: dict[str, int], *, block: int) -> float | None:
    """The share of the rubric's whole blocks that came from the cache; None where an endpoint does not say.

    prefix_tokens: by section, the tokens that its prompts have in common whoever the candidate is.
    """
    whole = reused = 0
    for call in calls:
        if call.cached_tokens is None:
            return None
        aligned = prefix_tokens[call.section_id] // block * block
        whole += aligned
        reused += min(call.cached_tokens, aligned)
    return reused / whole if whole else None


def prefix_of(system: str) -> str:
    """What stands before the interview in a prompt of the demonstration judge's chat template."""
    return f"{BEGIN}{HEADER}system{HEADER_END}\n\n{system.strip()}{END}{HEADER}user{HEADER_END}\n\n"


@cache
def _tokenizer(path: Path) -> Tokenizer:
    return Tokenizer.from_file(str(path))


def tokens_of(text: str, tokenizer: Path) -> int:
    """How many tokens a text has, its special tokens as one each."""
    return len(_tokenizer(tokenizer).encode(text, add_special_tokens=False).ids)
