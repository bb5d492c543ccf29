"""How a judge's request and answer are spelled in the chat completion protocol, the extensions of vLLM included."""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal, TypeVar

import msgspec
from pydantic_core import from_json

from evaluator.judging import Completion, JudgeRequest, TokenLogprob, Usage

LEVELS = ("0", "1", "2", "3", "4", "5")  # 0: cannot be judged
LOGPROB_FLOOR = -9_999.0  # vLLM's own word for "impossible"; also for what is no number
TOP_MAX = 20  # alternatives per token; the most that the protocol has
TOKENS_MAX = 2**31
_LABEL = re.compile(r"[A-Za-z0-9_.-]{1,64}")

Wire = TypeVar("Wire", bound=msgspec.Struct)
LogprobMode = Literal["ids", "top20", "none"]
TokenCount = Annotated[int, msgspec.Meta(ge=0, lt=TOKENS_MAX)]
Name = Annotated[str, msgspec.Meta(max_length=512)]


@dataclass(frozen=True, kw_only=True, slots=True)
class LogprobChoice:
    """How the level distribution is asked for: by the levels' own token ids, as the 20 likeliest tokens, or not."""

    mode: LogprobMode
    token_ids: tuple[int, ...] = ()
    lacking: str = ""  # why no better mode is to be had

    @property
    def told(self) -> str:
        """For people: how level probabilities come, and what is missing."""
        because = f": {self.lacking}" if self.lacking else ""
        return {"ids": "by token ids", "top20": f"by top {TOP_MAX}", "none": "not available"}[self.mode] + because

    def fields(self) -> dict[str, object]:
        """The request's fields that ask for it."""
        if self.mode == "ids":
            return {"logprobs": True, "logprob_token_ids": list(self.token_ids)}
        if self.mode == "top20":
            return {"logprobs": True, "top_logprobs": TOP_MAX}
        return {}


# What comes over the wire, unknown fields ignored. An answer is mostly logprobs, some hundred objects, which msgspec
# reads five times as fast as pydantic.
class _Alternative(msgspec.Struct):
    token: str
    logprob: float | None = None


class _Token(msgspec.Struct):
    token: str
    logprob: float | None = None
    top_logprobs: list[_Alternative] | None = None


class _Logprobs(msgspec.Struct):
    content: list[_Token] | None = None


class _Message(msgspec.Struct):
    content: str | None = None


class _Choice(msgspec.Struct):
    message: _Message
    finish_reason: Annotated[str, msgspec.Meta(max_length=64)] | None = None
    logprobs: _Logprobs | None = None


class _PromptDetails(msgspec.Struct):
    cached_tokens: TokenCount | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: TokenCount
    completion_tokens: TokenCount
    prompt_tokens_details: _PromptDetails | None = None


class Answer(msgspec.Struct):
    """A completion as it came over the wire."""

    model: Name
    choices: Annotated[list[_Choice], msgspec.Meta(min_length=1)]
    usage: _Usage


class _Served(msgspec.Struct):
    id: Name


class _ServedList(msgspec.Struct):
    data: list[_Served]


class _Tokens(msgspec.Struct):
    tokens: list[TokenCount]


def body_of(request: JudgeRequest, choice: LogprobChoice) -> bytes:
    """The request's JSON. ASCII, so that a lone surrogate in a text is the endpoint's to refuse and breaks nothing."""
    return _dump(
        {
            "model": request.model,
            "messages": [{"role": "system", "content": request.system}, {"role": "user", "content": request.user}],
            "response_format": response_format(request.answer_schema),
            "temperature": request.sampling.temperature,
            "seed": request.sampling.seed,
            "max_tokens": request.sampling.max_tokens,
            **choice.fields(),
        }
    )


def trial_body(model: str, choice: LogprobChoice) -> bytes:
    """A request for one token, to see whether the endpoint can tell logprobs in this way."""
    messages = [{"role": "user", "content": "Answer with one digit from 0 to 5."}]
    return _dump({"model": model, "messages": messages, "temperature": 0, "max_tokens": 1, **choice.fields()})


def warm_up_body(model: str, schema: Mapping[str, object], tokens: int) -> bytes:
    """A request whose only purpose is that the endpoint compiles the schema."""
    messages = [{"role": "system", "content": "Warm-up."}, {"role": "user", "content": "Answer as the schema says."}]
    fields = {"model": model, "messages": messages, "response_format": response_format(schema)}
    return _dump({**fields, "temperature": 0, "max_tokens": tokens})


def tokenize_body(model: str, text: str) -> bytes:
    """A request for the tokens of a text alone, without the tokens that a chat adds."""
    return _dump({"model": model, "prompt": text, "add_special_tokens": False})


def response_format(schema: Mapping[str, object]) -> dict[str, object]:
    """What makes the endpoint answer by the schema."""
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema, "strict": True}}


def read_answer(body: bytes) -> Answer:
    """The answer in the bytes; ValueError, without any of its text, when it is none."""
    return _read(body, Answer)


def completion_of(answer: Answer, *, started_at: datetime, duration_s: float) -> Completion:
    """The port's completion: its text as it came, and logprobs that are always finite and at most 0."""
    chosen = answer.choices[0]
    text = chosen.message.content or ""
    tokens = chosen.logprobs.content if chosen.logprobs else None
    details = answer.usage.prompt_tokens_details
    return Completion(
        text=text,
        finish_reason=chosen.finish_reason or "none",
        logprobs=None if tokens is None else tuple(map(_token_logprob, _spelling(tokens, text))),
        usage=Usage(
            prompt_tokens=answer.usage.prompt_tokens,
            completion_tokens=answer.usage.completion_tokens,
            cached_tokens=details.cached_tokens if details else None,
        ),
        model=answer.model,
        started_at=started_at,
        duration_s=duration_s,
    )


def shows(answer: Answer, choice: LogprobChoice) -> bool:
    """Whether the answer to `trial_body` holds what the choice asked for."""
    tokens = answer.choices[0].logprobs.content if answer.choices[0].logprobs else None
    if choice.mode == "none":
        return True
    if not tokens:
        return False
    told = {alternative.token for alternative in tokens[0].top_logprobs or []}
    return told.issuperset(LEVELS) if choice.mode == "ids" else len(told) > 1


def served_names(body: bytes) -> tuple[str, ...]:
    """The ids in an answer to `/v1/models`; ValueError when it is none."""
    try:
        return tuple(model.id for model in _read(body, _ServedList).data)
    except ValueError:
        raise ValueError("no list of models") from None


def token_ids(body: bytes) -> tuple[int, ...]:
    """The ids in an answer to `/tokenize`; ValueError when it is none."""
    try:
        return tuple(_read(body, _Tokens).tokens)
    except ValueError:
        raise ValueError("no list of tokens") from None


def error_labels(body: bytes) -> tuple[str, ...]:
    """Type, code and parameter of an endpoint's error, as far as they are plain labels.

    Never its message: endpoints repeat the prompt there, and the prompt is an interview.
    """
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return ()
    error = found.get("error", found) if isinstance(found, dict) else None
    if not isinstance(error, dict):
        return ()
    labels = [str(error[name]) for name in ("type", "code", "param") if isinstance(error.get(name), (str, int))]
    return tuple(dict.fromkeys(label for label in labels if _LABEL.fullmatch(label)))


def _read(body: bytes, kind: type[Wire]) -> Wire:
    """The bytes as such a thing; ValueError with place and kind of the first fault."""
    try:
        return msgspec.json.decode(body, type=kind)
    except (ValueError, RecursionError):
        pass  # endpoints also write NaN, 12.0 for 12, and numbers as text
    try:
        return msgspec.convert(from_json(body), kind, strict=False)
    except msgspec.ValidationError as error:
        what, _, place = str(error).partition(" - at ")
        raise ValueError(f"{place.strip('`') or '$'}: {what}") from None
    except (ValueError, RecursionError):
        raise ValueError("$: no JSON") from None


def _spelling(tokens: list[_Token], text: str) -> list[_Token]:
    """The tokens that spell the text: vLLM tells the end-of-turn token too, which is no part of it.

    All of them where they do not start with the text; then no place in it can be told from them anyway.
    """
    size = 0
    for count, token in enumerate(tokens):
        if size >= len(text):
            return tokens[:count] if "".join(kept.token for kept in tokens[:count]) == text else tokens
        size += len(token.token)
    return tokens


def _token_logprob(token: _Token) -> TokenLogprob:
    """One token; its alternatives are kept only where a level can stand, which keeps checkpoints small."""
    top: dict[str, float] = {}
    if any(character in "0123456789" for character in token.token):
        for alternative in token.top_logprobs or []:
            # Spelled alike twice means the same token told twice, so not the sum.
            top[alternative.token] = max(_finite(alternative.logprob), top.get(alternative.token, LOGPROB_FLOOR))
    return TokenLogprob(token=token.token, logprob=_finite(token.logprob), top=top)


def _finite(logprob: float | None) -> float:
    if logprob is None or not math.isfinite(logprob):
        return LOGPROB_FLOOR
    return min(max(logprob, LOGPROB_FLOOR), 0.0)


def _dump(value: Mapping[str, object]) -> bytes:
    return json.dumps(value, separators=(",", ":"), allow_nan=False).encode("ascii")
