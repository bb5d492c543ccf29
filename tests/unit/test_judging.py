"""What passes between product and judge: closed values whose limits hold at the door."""

import math

import pytest
from pydantic import ValidationError

from evaluator.judging import Checkpoint, Completion, Sampling, TokenLogprob, Usage
from evaluator.prompts import judge_request
from tests.factories import a_checkpoint, a_completion, a_transcript, a_vllm_completion, a_work


@pytest.mark.parametrize(
    "fields",
    [
        {"temperature": -0.1},
        {"temperature": 2.1},
        {"temperature": math.nan},
        {"temperature": math.inf},
        {"seed": -1},
        {"seed": 2**31},
        {"seed": 1.5},
        {"replicate": -1},
        {"replicate": 1_000},
        {"max_tokens": 15},
        {"max_tokens": 8_193},
        {"top_p": 0.9},
    ],
)
def test_sampling_outside_its_limits_is_refused(fields):
    """So is a parameter that the evaluation key would not cover."""
    with pytest.raises(ValidationError):
        Sampling(**fields)


def test_the_default_sampling_is_greedy():
    """Temperature, seed and replicate 0."""
    assert Sampling(temperature=0.0, seed=0, replicate=0, max_tokens=512) == Sampling()


def test_values_cannot_be_changed():
    """A completion stays what came back."""
    with pytest.raises(ValidationError):
        a_completion().text = "better"


@pytest.mark.parametrize(
    "fields",
    [
        {"started_at": "2026-11-18T14:02:00"},
        {"duration_s": -1.0},
        {"duration_s": math.nan},
        {"usage": {"prompt_tokens": -1, "completion_tokens": 0}},
        {"text": None},
        {"finish_reason": None},
    ],
    ids=lambda fields: next(iter(fields)),
)
def test_a_completion_with_impossible_facts_is_refused(fields):
    """Moments know their zone; durations and tokens are not negative."""
    with pytest.raises(ValidationError):
        Completion(**{**a_completion().model_dump(), **fields})


@pytest.mark.parametrize("logprob", [math.nan, math.inf, -math.inf])
def test_a_logprob_that_is_no_number_is_refused(logprob):
    """Neither for the token nor among its alternatives."""
    with pytest.raises(ValidationError):
        TokenLogprob(token="3", logprob=logprob)
    with pytest.raises(ValidationError):
        TokenLogprob(token="3", logprob=0.0, top={"3": logprob})


def test_unknown_cached_tokens_stay_unknown():
    """Not zero: the endpoint did not say."""
    assert None is Usage(prompt_tokens=1, completion_tokens=1).cached_tokens


def test_a_checkpoint_survives_storing_with_its_logprobs():
    """Nothing of the raw completion is lost."""
    work = a_work()
    request = judge_request(work.rubric.sections[0], a_transcript().turns, model=work.model, sampling=work.sampling)
    checkpoint = a_checkpoint(work, "design", request, a_vllm_completion())

    assert checkpoint == Checkpoint.model_validate_json(checkpoint.model_dump_json())
