"""Reading what an endpoint answers, however odd, and spelling what it is asked."""

import json
import math
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluator.adapters.chat_completion import (
    LEVELS,
    LOGPROB_FLOOR,
    Answer,
    LogprobChoice,
    body_of,
    completion_of,
    error_labels,
    read_answer,
    served_names,
    shows,
    token_ids,
)
from evaluator.judging import Completion, JudgeRequest, Sampling

NOW = datetime(2026, 11, 18, 1, 30, tzinfo=UTC)
REAL = Path(__file__).parent / "vllm_0_32_completion.json"  # as vLLM 0.32 answered, for an untrained model
SCHEMA = {"type": "object", "properties": {"c1": {"type": "integer"}}}
REQUEST = JudgeRequest(
    model="judge@1", system="rules", user="Zoë said \ud800", answer_schema=SCHEMA, sampling=Sampling(seed=7)
)


def answer(**changes: object) -> dict:
    """A small, sound answer as vLLM spells it."""
    token = {"token": "3", "logprob": -0.1, "top_logprobs": [{"token": "3", "logprob": -0.1}]}
    choice = {
        "message": {"role": "assistant", "content": "3"},
        "finish_reason": "stop",
        "logprobs": {"content": [token]},
        **changes,
    }
    usage = {"prompt_tokens": 10, "completion_tokens": 1, "prompt_tokens_details": {"cached_tokens": 8}}
    return {"model": "judge@1", "choices": [choice], "usage": usage, "unknown": {"field": [1]}}


def completion(body: object) -> Completion:
    """The completion in an answer."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return completion_of(read_answer(raw), started_at=NOW, duration_s=1.5)


def test_real_answer_is_read_whole() -> None:
    """Text, usage and model of a real answer come through, and its tokens make up its text."""
    found = completion(REAL.read_bytes())

    assert json.loads(found.text)["c1"] == {"evidence": [], "level": 4}
    assert found.finish_reason == "stop"
    assert (found.usage.prompt_tokens, found.usage.completion_tokens, found.usage.cached_tokens) == (443, 89, None)
    assert found.model == "demo-judge-untrained@1"
    assert found.logprobs is not None
    assert found.text == "".join(token.token for token in found.logprobs)


def test_alternatives_are_kept_at_digits_alone() -> None:
    """A level can stand only where a digit does; all six levels are told there, and nothing elsewhere."""
    found = completion(REAL.read_bytes())

    assert found.logprobs is not None
    with_top = [token for token in found.logprobs if token.top]
    assert all(any(c.isdigit() for c in token.token) for token in with_top)
    assert all(set(LEVELS) <= set(token.top) for token in with_top)
    assert any(math.isclose(1.0, sum(map(math.exp, token.top.values())), rel_tol=1e-3) for token in with_top)


@pytest.mark.parametrize(
    ("tokens", "kept"),
    [
        (["3", "<|eot_id|>"], ["3"]),
        (["3", "<|eot_id|>", "<|end|>"], ["3"]),
        (["3"], ["3"]),
        (["3", ""], ["3"]),
        (["4", "<|eot_id|>"], ["4", "<|eot_id|>"]),
        (["3<|eot_id|>"], ["3<|eot_id|>"]),
        ([], []),
    ],
)
def test_tokens_after_the_text_are_left_out(tokens: list[str], kept: list[str]) -> None:
    """The engine tells the end-of-turn token as well; a place in the text is counted in tokens without it."""
    found = completion(answer(logprobs={"content": [{"token": token, "logprob": -1.0} for token in tokens]}))

    assert found.logprobs is not None
    assert kept == [token.token for token in found.logprobs]


def test_absent_logprobs_are_none() -> None:
    """An endpoint that tells no logprobs leaves None, never an invented distribution."""
    assert completion(answer(logprobs=None)).logprobs is None
    assert completion(answer(logprobs={"content": None})).logprobs is None
    assert completion(answer(logprobs={"content": []})).logprobs == ()


@pytest.mark.parametrize(
    "value", ["null", "-Infinity", "NaN", "Infinity", "-1e999", '"-inf"', '"nan"', "-9999.0", "-1e12"]
)
def test_logprobs_that_are_no_number_become_the_floor(value: str) -> None:
    """What cannot be a logarithm of a probability counts as impossible and breaks nothing."""
    body = json.dumps(answer()).replace("-0.1", value).encode()

    found = completion(body)

    assert found.logprobs is not None
    assert found.logprobs[0].logprob == LOGPROB_FLOOR
    assert found.logprobs[0].top == {"3": LOGPROB_FLOOR}


def test_logprob_above_zero_is_zero() -> None:
    """No probability is above 1, whatever rounding or malice says."""
    found = completion(json.dumps(answer()).replace("-0.1", "1e300").encode())

    assert found.logprobs is not None
    assert found.logprobs[0].logprob == 0.0


def test_alternative_told_twice_counts_once() -> None:
    """The likelier of two entries with one spelling stays."""
    top = [{"token": "3", "logprob": -5.0}, {"token": "3", "logprob": -1.0}, {"token": "3", "logprob": -2.0}]
    found = completion(answer(logprobs={"content": [{"token": "3", "logprob": -1.0, "top_logprobs": top}]}))

    assert found.logprobs is not None
    assert found.logprobs[0].top == {"3": -1.0}


@pytest.mark.parametrize(("reason", "text"), [("length", '{"c1'), (None, None), ("content_filter", None)])
def test_unfinished_answers_come_through_as_they_are(reason: str | None, text: str | None) -> None:
    """Whether an answer counts is for the verdict to say; here it only keeps its shape."""
    found = completion(answer(finish_reason=reason, message={"content": text}))

    assert found.finish_reason == (reason or "none")
    assert found.text == (text or "")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b"<html>",
        b"\xff\xfe",
        b"[" * 100_000,
        json.dumps({**answer(), "choices": []}).encode(),
        json.dumps({**answer(), "usage": None}).encode(),
        json.dumps({**answer(), "usage": {"prompt_tokens": -1, "completion_tokens": 1}}).encode(),
        json.dumps({**answer(), "usage": {"prompt_tokens": 10**30, "completion_tokens": 1}}).encode(),
        json.dumps({**answer(), "model": ["SECRET"]}).encode(),
        json.dumps(answer(message="SECRET")).encode(),
        json.dumps(answer(logprobs={"content": [{"token": 1}]})).encode(),
    ],
)
def test_what_is_no_completion_is_a_value_error_without_its_text(body: bytes) -> None:
    """Any other body is refused by place and kind; its text stays out of the message."""
    with pytest.raises(ValueError, match=r": ") as raised:
        read_answer(body)

    assert "SECRET" not in str(raised.value)


@given(st.binary(max_size=200))
def test_reading_bytes_raises_nothing_but_value_error(body: bytes) -> None:
    """Parsers end in a value or a ValueError."""
    for parse in (read_answer, served_names, token_ids):
        try:
            parse(body)
        except ValueError as error:
            assert str(error)
    assert isinstance(error_labels(body), tuple)


@pytest.mark.parametrize(
    ("body", "labels"),
    [
        ('{"error":{"message":"SECRET","type":"BadRequestError","param":null,"code":400}}', ("BadRequestError", "400")),
        ('{"object":"error","message":"SECRET","type":"NotFoundError","code":404}', ("NotFoundError", "404")),
        ('{"error":{"type":"SECRET words","code":"a b","param":"input_tokens"}}', ("input_tokens",)),
        ('{"error":"SECRET"}', ()),
        ('{"detail":"SECRET"}', ()),
        ('"SECRET"', ()),
        ("SECRET", ()),
        ("[" * 100_000, ()),
    ],
)
def test_errors_are_told_by_label_only(body: str, labels: tuple[str, ...]) -> None:
    """Messages of an endpoint repeat the prompt, so nothing but plain labels is taken from an error."""
    assert labels == error_labels(body.encode())


@pytest.mark.parametrize(
    ("choice", "fields"),
    [
        (LogprobChoice(mode="ids", token_ids=(15, 16)), {"logprobs": True, "logprob_token_ids": [15, 16]}),
        (LogprobChoice(mode="top20"), {"logprobs": True, "top_logprobs": 20}),
        (LogprobChoice(mode="none"), {}),
    ],
)
def test_request_is_spelled_as_the_protocol_asks(choice: LogprobChoice, fields: dict) -> None:
    """System before user, a closed schema, the sampling, and what the logprob mode needs; ASCII bytes."""
    sent = json.loads(body_of(REQUEST, choice).decode("ascii"))

    expected = {
        "model": "judge@1",
        "messages": [{"role": "system", "content": "rules"}, {"role": "user", "content": "Zoë said \ud800"}],
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "answer", "schema": SCHEMA, "strict": True},
        },
        "temperature": 0.0,
        "seed": 7,
        "max_tokens": 512,
        **fields,
    }
    assert expected == sent


def test_trial_is_judged_by_what_it_shows() -> None:
    """All six levels prove the ids, two alternatives the top, and nothing proves 'none'."""
    ids, top20, none = LogprobChoice(mode="ids"), LogprobChoice(mode="top20"), LogprobChoice(mode="none")
    six = [{"token": level, "logprob": -2.0} for level in LEVELS]

    def told(top: list | None) -> Answer:
        tokens = None if top is None else {"content": [{"token": "3", "logprob": -1.0, "top_logprobs": top}]}
        return read_answer(json.dumps(answer(logprobs=tokens)).encode())

    def shown(top: list | None) -> list[bool]:
        return [shows(told(top), choice) for choice in (ids, top20, none)]

    assert shown(six) == [True, True, True]
    assert shown(six[:5]) == [False, True, True]
    assert shown([]) == [False, False, True]
    assert shown(None) == [False, False, True]
