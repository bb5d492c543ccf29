"""What passes between the product and a judge: the request, the raw completion, and the checkpoint that keeps it."""

from collections.abc import Mapping
from typing import Literal, Protocol

from pydantic import Field

from evaluator.values import Frozen, Moment, Sha256
from rubrics.model import Rubric

SEED_LIMIT = 2**31


class Sampling(Frozen):
    """How the judge samples; part of what an evaluation is."""

    temperature: float = Field(default=0.0, ge=0, le=2)
    seed: int = Field(default=0, ge=0, lt=SEED_LIMIT)
    replicate: int = Field(default=0, ge=0, lt=1_000)
    max_tokens: int = Field(default=512, ge=16, le=8_192)

    def replicated(self, number: int) -> "Sampling":
        """The sampling of replicate `number` of the same inputs: another seed, nothing else."""
        seed = (self.seed - self.replicate + number) % SEED_LIMIT
        return self.model_copy(update={"replicate": number, "seed": seed})


class JudgeRequest(Frozen):
    """One call to the judge: messages in order, the closed answer schema, and sampling."""

    model: str  # name@revision, as served
    system: str  # the fixed rules and the section's rubric: the same for every candidate
    user: str  # this interview's part
    answer_schema: Mapping[str, object]
    sampling: Sampling


class TokenLogprob(Frozen):
    """One generated token; `top` holds the alternatives at its place (token -> natural logarithm)."""

    token: str
    logprob: float
    top: Mapping[str, float] = Field(default_factory=dict)


class Usage(Frozen):
    """Tokens of one call; cached is None where the endpoint does not say."""

    prompt_tokens: int = Field(ge=0)
    completion_tokens: int = Field(ge=0)
    cached_tokens: int | None = Field(default=None, ge=0)


class Completion(Frozen):
    """What came back, untouched; whether it counts is for `evaluator.verdict` to say."""

    text: str
    finish_reason: str  # only "stop" counts
    logprobs: tuple[TokenLogprob, ...] | None  # None: the endpoint gives none
    usage: Usage
    model: str  # the id that the endpoint says answered
    started_at: Moment
    duration_s: float = Field(ge=0)


class TokenCounter(Protocol):
    """Counts tokens as the served model would."""

    def __call__(self, text: str) -> int:
        """Tokens of the text, without a chat template."""
        ...


class Checkpoint(Frozen):
    """One finished section as the store keeps it: the raw completion and the request that it answers."""

    schema_version: Literal[1] = 1
    interview_id: str
    evaluation_key: Sha256
    section_id: str
    request_sha256: Sha256
    sampling: Sampling  # as sent: content attempts vary seed and tokens
    completion: Completion


class Cut(Frozen):
    """Where a window begins."""

    turn_id: str
    start: int = Field(ge=0)  # characters into the turn's text


class WindowPlan(Frozen):
    """Where a section that is longer than the judge's window was cut; kept before any window is judged.

    Once kept it is followed by every later attempt, whatever the context of the engine that it meets.
    """

    schema_version: Literal[1] = 1
    interview_id: str
    evaluation_key: Sha256
    section_id: str
    request_sha256: Sha256  # the request that was too long
    cuts: tuple[Cut, ...] = Field(min_length=1)


class Windows(Frozen):
    """How a section was read that is longer than the judge's window; `evaluator.pipeline` says how."""

    count: int = Field(ge=1)  # windows that were judged before the last call
    cited: tuple[str, ...]  # utterance ids that the last call was shown, in order; empty: no window named any


class Work(Frozen):
    """What is to be evaluated; with the rubric it names every input."""

    interview_id: str
    evaluation_key: str
    transcript_key: str
    transcript_sha256: str
    rubric: Rubric
    model: str
    sampling: Sampling
    attempt: int = 0  # content errors so far: each varies the seed
