"""The judge's engine: vLLM, or any OpenAI-compatible endpoint, over HTTP."""

import asyncio
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import NoReturn

import aiohttp
import certifi

from evaluator.adapters.chat_completion import (
    LEVELS,
    TOP_MAX,
    Answer,
    LogprobChoice,
    body_of,
    completion_of,
    error_labels,
    read_answer,
    served_names,
    shows,
    token_ids,
    tokenize_body,
    trial_body,
    warm_up_body,
)
from evaluator.adapters.endpoint import endpoint_of
from evaluator.errors import EngineBusy, EngineRejected, EngineUnavailable
from evaluator.judging import Completion, JudgeRequest

CONNECT_S_MAX = 5.0
CANARY_S_MAX = 30.0  # an engine that takes longer for a few tokens is overloaded: no interview is to blame
CHECK_S_MAX = 10.0  # for what an engine answers at once: health, names, tokens
KEEP_ALIVE_S = 2.0  # vLLM's server closes idle connections after 5 s; reusing one in that moment would fail
RESPONSE_BYTES_MAX = 32 * 1024 * 1024  # 8,192 tokens with 20 alternatives each are about 16 MB
SPARE_CONNECTIONS = 4  # for checks while every slot is busy
WARM_UP_TOKENS = 8
NAMES_SHOWN_MAX = 10

CHAT = "/v1/chat/completions"
MODELS = "/v1/models"
TOKENIZE = "/tokenize"
HEALTH = "/health"

_TEMPORARY_4XX = {402, 408, 409, 425, 429}  # nothing is wrong with the request: too many, too early, not paid
_TOO_LONG = {"context_length_exceeded", "input_tokens"}


@cache
def _authorities() -> ssl.SSLContext:
    """Whom to trust, for all clients of this process: reading the list takes 20 ms, and each task makes a client."""
    return ssl.create_default_context(cafile=certifi.where())


@dataclass(frozen=True, kw_only=True, slots=True)
class _Open:
    """What belongs to one event loop."""

    loop: asyncio.AbstractEventLoop
    client: aiohttp.ClientSession
    slots: asyncio.Semaphore
    learning: asyncio.Lock


class VllmEngine:
    """A JudgeEngine over HTTP. It never tries again: whether to is decided from the error, elsewhere.

    The connection pool is made at the first call, inside the running event loop, and given up by `aclose`; after
    that a later call, also in another loop, makes a new one. Proxy settings of the environment are ignored: an
    interview goes to the named address and nowhere else.

    Which logprobs the endpoint can tell is learned once per model, at the warm-up or the first completion, and then
    told by `level_probabilities`.
    """

    def __init__(self, base_url: str, *, api_key: str | None, timeout_s: float = 120.0, concurrency: int = 64) -> None:
        """An address with or without `/v1`; no key, or an empty one, sends none.

        At most `concurrency` completions at once, each of at most `timeout_s` from the moment it is sent. UsageFault
        for an address or key that cannot be one.
        """
        self._endpoint = endpoint_of(base_url, api_key)
        self._timeout_s = timeout_s
        self._concurrency = concurrency
        self._open: _Open | None = None
        self._learned: dict[str, LogprobChoice] = {}

    def __repr__(self) -> str:
        return f"VllmEngine({self._endpoint.root!r})"

    @property
    def level_probabilities(self) -> str | None:
        """How level distributions come, in words: "by token ids", "by top 20" (a level may be missing) or "not
        available", each with what a better one lacks. None until it is learned.
        """
        return next(reversed(self._learned.values())).told if self._learned else None

    async def complete(self, request: JudgeRequest) -> Completion:
        """One completion, untouched; EngineUnavailable or EngineRejected, with nothing of the prompt in either."""
        choice = await self._logprob_choice(request.model)
        body = body_of(request, choice)
        async with self._session().slots:  # waiting for a slot is no part of the duration
            started_at, started = datetime.now(UTC), time.monotonic()
            answer = await self._chat(body, request.model)
            duration_s = time.monotonic() - started
        return completion_of(answer, started_at=started_at, duration_s=duration_s)

    async def check(self, model: str) -> None:
        """The endpoint is healthy, where it has `/health`, and serves this model; EngineUnavailable otherwise."""
        status, _ = await self._exchange("GET", HEALTH, limit_s=CHECK_S_MAX)
        if status >= 500 and status != 501:
            raise EngineUnavailable(f"engine {self._endpoint.root} is not healthy: {HEALTH} answers {status}")
        served = await self._served()
        if model not in served:
            self._refuse_model(model, served)

    async def warm_up(self, schemas: tuple[Mapping[str, object], ...], model: str) -> None:
        """Has each answer grammar compiled by one tiny completion, and learns which logprobs there are.

        The errors of `complete`, with the number of the schema that failed.
        """
        await self._logprob_choice(model)
        for number, schema in enumerate(schemas, start=1):
            try:
                await self._chat(warm_up_body(model, schema, WARM_UP_TOKENS), model)
            except (EngineUnavailable, EngineRejected) as error:
                # vLLM answers a bare 500 to a schema that it cannot compile.
                raise type(error)(f"warm-up with answer schema {number} of {len(schemas)}: {error}") from error

    async def canary(self, model: str, schema: Mapping[str, object]) -> None:
        """One tiny judgement that has nothing of an interview: tells an engine that is down from one bad request.

        EngineUnavailable or EngineRejected when the engine cannot do even this now; it waits for no slot, and at most
        half a minute.
        """
        await self.check(model)
        try:
            async with asyncio.timeout(min(CANARY_S_MAX, self._timeout_s)):
                answer = await self._chat(warm_up_body(model, schema, WARM_UP_TOKENS), model)
        except TimeoutError:
            raise EngineUnavailable(
                f"engine {self._endpoint.root} gave no answer to a canary request within {CANARY_S_MAX:g} s"
            ) from None
        if answer.model != model:
            raise EngineUnavailable(f"engine {self._endpoint.root} answers as another model than {model!r}")

    async def aclose(self) -> None:
        """Closes the connections. What was learned stays."""
        opened, self._open = self._open, None
        if opened:
            await opened.client.close()

    def _session(self) -> _Open:
        loop = asyncio.get_running_loop()
        if self._open is None or self._open.loop is not loop:
            self._open = _Open(
                loop=loop,
                client=aiohttp.ClientSession(
                    headers=self._endpoint.headers,
                    timeout=aiohttp.ClientTimeout(total=None, sock_connect=min(CONNECT_S_MAX, self._timeout_s)),
                    connector=aiohttp.TCPConnector(
                        limit=self._concurrency + SPARE_CONNECTIONS, keepalive_timeout=KEEP_ALIVE_S, ssl=_authorities()
                    ),
                    cookie_jar=aiohttp.DummyCookieJar(),
                    auto_decompress=False,
                    trust_env=False,
                ),
                slots=asyncio.Semaphore(self._concurrency),
                learning=asyncio.Lock(),
            )
        return self._open

    async def _chat(self, body: bytes, model: str) -> Answer:
        status, data = await self._exchange("POST", CHAT, body=body, limit_s=self._timeout_s)
        if status != 200:
            await self._refuse(status, data, model)
        try:
            return read_answer(data)
        except ValueError as error:
            raise EngineUnavailable(
                f"engine {self._endpoint.root} answers 200 with something that is no completion ({error})"
            ) from None

    async def _exchange(self, method: str, path: str, *, limit_s: float, body: bytes = b"") -> tuple[int, bytes]:
        """Status and body of one request; EngineUnavailable when there is no whole answer in time."""
        root = self._endpoint.root
        try:
            async with asyncio.timeout(limit_s):
                return await self._transfer(method, path, body)
        except aiohttp.ClientConnectorError:
            raise EngineUnavailable(
                f"engine {root} cannot be reached; see that it runs and the address is right"
            ) from None
        except TimeoutError:
            raise EngineUnavailable(f"engine {root} gave no answer to {path} within {limit_s:g} s") from None
        except (aiohttp.ClientError, ValueError, OSError) as error:  # its text stays out: it may hold a header
            raise EngineUnavailable(f"engine {root} broke off at {path} ({type(error).__name__})") from None

    async def _transfer(self, method: str, path: str, body: bytes) -> tuple[int, bytes]:
        data = bytearray()
        url = self._endpoint.url(path)
        async with self._session().client.request(method, url, data=body or None, allow_redirects=False) as response:
            if response.headers.get("content-encoding", "identity") != "identity":
                raise EngineUnavailable(f"engine {self._endpoint.root} compresses its answers, unasked; turn that off")
            async for chunk in response.content.iter_any():
                data += chunk
                if len(data) > RESPONSE_BYTES_MAX:
                    raise EngineUnavailable(
                        f"engine {self._endpoint.root} answers {path} with more than {RESPONSE_BYTES_MAX} bytes"
                    )
        return response.status, bytes(data)

    async def _served(self) -> tuple[str, ...]:
        status, data = await self._exchange("GET", MODELS, limit_s=CHECK_S_MAX)
        if status != 200:
            self._refuse_status(status, data, MODELS)
        try:
            return served_names(data)
        except ValueError as error:
            raise EngineUnavailable(f"engine {self._endpoint.root} answers {MODELS} with {error}") from None

    async def _logprob_choice(self, model: str) -> LogprobChoice:
        if model not in self._learned:
            async with self._session().learning:
                if model not in self._learned:
                    self._learned[model] = await self._learn(model)
        return self._learned[model]

    async def _learn(self, model: str) -> LogprobChoice:
        """The best of the three ways in which the endpoint really tells logprobs, by trial.

        By trial, because endpoints ignore fields that they do not know as often as they refuse them.
        """
        ids, lacking = await self._level_token_ids(model)
        if ids:
            by_ids = LogprobChoice(mode="ids", token_ids=ids)
            if await self._shows(model, by_ids):
                return by_ids
            lacking = "the endpoint tells no logprobs of named tokens"
        by_top = LogprobChoice(mode="top20", lacking=lacking)
        if await self._shows(model, by_top):
            return by_top
        return LogprobChoice(mode="none", lacking=f"the endpoint tells no {TOP_MAX} alternatives of a token")

    async def _shows(self, model: str, choice: LogprobChoice) -> bool:
        try:
            return shows(await self._chat(trial_body(model, choice), model), choice)
        except EngineRejected:
            return False

    async def _level_token_ids(self, model: str) -> tuple[tuple[int, ...], str]:
        """The token of each level as it stands in an answer; none of them, and why, where that cannot be said.

        A level has a token of its own when `"level":3` is the tokens of `"level":` and one more, and when that one
        stays itself whatever an answer goes on with.
        """
        context = '"level":'
        before = await self._tokens(model, context)
        if before is None:
            return (), f"the endpoint has no {TOKENIZE}"
        ids: list[int] = []
        for level in LEVELS:
            tokens = await self._tokens(model, context + level)
            if tokens is None or tokens[:-1] != before:
                return (), "a level is no token of its own"
            ids.append(tokens[-1])
        going_on = await self._tokens(model, "".join(f"{context}{n}}},{context}{n},{context}{n}}}}}" for n in LEVELS))
        if going_on is None or any(going_on.count(token) != 3 for token in ids):
            return (), "a level's token takes in what follows it"
        return tuple(ids), ""

    async def _tokens(self, model: str, text: str) -> tuple[int, ...] | None:
        status, data = await self._exchange("POST", TOKENIZE, body=tokenize_body(model, text), limit_s=CHECK_S_MAX)
        if status >= 500 and status != 501:
            self._refuse_status(status, data, TOKENIZE)
        try:
            return token_ids(data) if status == 200 else None
        except ValueError:
            return None  # some gateways answer any path with a page

    async def _refuse(self, status: int, data: bytes, model: str) -> NoReturn:
        if status == 404:
            served = await self._served()
            if model not in served:
                self._refuse_model(model, served)
        self._refuse_status(status, data, CHAT)

    def _refuse_model(self, model: str, served: tuple[str, ...]) -> NoReturn:
        names = ", ".join(f"{name[:100]!a}" for name in served[:NAMES_SHOWN_MAX]) or "nothing"
        raise EngineUnavailable(
            f"engine {self._endpoint.root} does not serve {model!r}; it serves {names}. "
            "Start it with --served-model-name, or name a model that it serves"
        )

    def _refuse_status(self, status: int, data: bytes, path: str) -> NoReturn:
        """Raises what a status other than 200 stands for; of the body only labels are told."""
        labels = error_labels(data)
        said = f"engine {self._endpoint.root} answers {status} to {path}" + (
            f" ({', '.join(labels)})" if labels else ""
        )
        if status in (401, 403):
            raise EngineUnavailable(f"{said}: API key refused; correct the engine's key")
        if 300 <= status < 400:
            raise EngineUnavailable(f"{said}: a redirection, which is not followed; name the final address")
        if status == 404:
            raise EngineUnavailable(f"{said}: there is no such path; see that the address is an OpenAI-compatible one")
        if 400 <= status < 500 and status not in _TEMPORARY_4XX:
            hint = ": the prompt and the answer do not fit the model's context" if _TOO_LONG & set(labels) else ""
            raise EngineRejected(said + hint)
        if 400 <= status < 500:
            raise EngineBusy(f"{said}; try again later")
        raise EngineUnavailable(f"{said}; try again later")
