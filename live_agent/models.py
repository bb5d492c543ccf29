"""Asks the models of an interview: by task, with fallback, circuit breakers, a time limit for each, and a budget."""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Annotated, Literal

import httpx
from pydantic import BaseModel, Field, ValidationError

from evaluator.adapters.endpoint import Endpoint, endpoint_of
from evaluator.errors import EngineRejected, EngineUnavailable, Unavailable
from evaluator.values import Frozen
from live_agent.breaker import Breaker
from live_agent.memory import FRAME_TOKENS, OPENING_TOKENS, Message
from live_agent.routing import Choice, Request, Routing, Share, Spent, Task, TaskType, Usage, shares, usage_of

log = logging.getLogger(__name__)

CHAT = "/v1/chat/completions"
ANSWER_BYTES_MAX = 1_048_576
CONNECT_S_MAX = 2.0
TOKEN_BYTES_MIN = 3  # what a budget counts a token for, before the endpoint tells; English has four to five bytes each
# Nothing is wrong with the request: too many, too early, not paid, no such model just now.
_TEMPORARY_4XX = frozenset({401, 402, 403, 404, 408, 409, 425, 429})

TokenCount = Annotated[int, Field(ge=0, lt=2**31)]


class NoModel(Unavailable):
    """Raised when no model of a task answered; the interview goes on without."""

    code = "no_model"


class BudgetSpent(NoModel):
    """Raised instead of a request when the interview's budget is used up."""

    code = "budget_spent"


class NotServed(EngineUnavailable):
    """Raised where an endpoint says that it did nothing; anything else may have been billed."""


_NOT_SERVED = (NotServed, httpx.ConnectError, httpx.ConnectTimeout)


class Answer(Frozen):
    """What a model said."""

    text: str
    choice: Choice
    cut: bool  # the limit of tokens ended it


class _Message(BaseModel):
    content: str | None = None


class _Choice(BaseModel):
    message: _Message
    finish_reason: str | None = None


class _Usage(BaseModel):
    prompt_tokens: TokenCount = 0
    completion_tokens: TokenCount = 0


class _Completion(BaseModel):
    choices: list[_Choice] = Field(min_length=1)
    usage: _Usage | None = None


class Circuits:
    """The breakers of all providers; one for all interviews of a process, so that one's outage warns the others."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """clock: seconds that never go back."""
        self.clock = clock
        self._breakers: dict[str, Breaker] = {}

    def of(self, provider: str) -> Breaker:
        """The state of that provider."""
        return self._breakers.get(provider, Breaker())

    def put(self, provider: str, breaker: Breaker) -> None:
        """The state after something happened; a change is logged."""
        before, now = self.of(provider), self.clock()
        self._breakers[provider] = breaker
        if before.state(now) != breaker.state(now):
            log.warning("provider %s: circuit %s", provider, breaker.state(now))


class Models:
    """The models of one interview; belongs to one event loop."""

    def __init__(self, routing: Routing, circuits: Circuits, *, interview_id: str) -> None:
        """circuits: of the process. UsageFault for an address or key that cannot be one."""
        self._routing = routing
        self._circuits = circuits
        self._interview_id = interview_id
        self._endpoints: dict[str, Endpoint] = {
            name: endpoint_of(provider.url, provider.key.get_secret_value() if provider.key else None)
            for name, provider in routing.providers.items()
        }
        self._client: httpx.AsyncClient | None = None
        self._requests: list[Request] = []
        self._spent = Spent()  # with the most that requests on their way may come to

    @property
    def requests(self) -> tuple[Request, ...]:
        """Everything that was asked so far."""
        return tuple(self._requests)

    @property
    def usage(self) -> Usage:
        """What it came to."""
        return usage_of(self._requests)

    def report(self) -> tuple[Share, ...]:
        """The same by type of task."""
        return shares(self._requests)

    async def ask(self, name: TaskType, messages: Sequence[Message]) -> Answer:
        """The first answer that one of the task's models gives, in their order.

        UsageFault for a task type that is none; BudgetSpent; NoModel when each failed, or is left alone after failures.
        """
        task = self._routing.task(name)
        tried, within_budget = [], False
        for choice in task.choices:
            if not self._routing.budget.allows(self._spent, _most(task, choice, messages)):
                continue  # another one may be cheaper
            within_budget = True
            if not self._circuits.of(choice.provider).allows(self._circuits.clock()):
                self._requests.append(_request(name, choice, "skipped"))
                tried.append(f"{choice.provider} is left alone after failures")
                continue
            try:
                return await self._ask(name, task, choice, messages)
            except (EngineUnavailable, EngineRejected) as error:
                tried.append(str(error))
                log.warning("interview %s: task %s: %s", self._interview_id, name, error)
        if not within_budget:
            raise BudgetSpent(f"interview {self._interview_id}: the budget for models is used up")
        raise NoModel(f"interview {self._interview_id}: no model for task {name}: {'; '.join(tried)}")

    async def aclose(self) -> None:
        """Gives the connections up."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    async def _ask(self, name: TaskType, task: Task, choice: Choice, messages: Sequence[Message]) -> Answer:
        circuits, provider = self._circuits, choice.provider
        started = circuits.clock()
        circuits.put(provider, circuits.of(provider).sent(started))
        request = _request(name, choice, "failed")
        # What gives no answer, or does not tell what it used, counts as all that it may have used.
        most = charge = _most(task, choice, messages)
        self._spent = self._spent.plus(most)
        try:
            async with asyncio.timeout(task.timeout_s):
                completion = await self._complete(task, choice, messages)
            request = _answered(request, choice, completion.usage)
            if completion.usage is not None:
                charge = choice.spends(request.prompt_tokens, request.completion_tokens)
            circuits.put(provider, Breaker())
        except (TimeoutError, httpx.HTTPError, EngineUnavailable) as error:
            circuits.put(provider, circuits.of(provider).failed(circuits.clock()))
            charge = Spent() if isinstance(error, _NOT_SERVED) else most
            if isinstance(error, EngineUnavailable):
                raise
            raise EngineUnavailable(f"{provider} gave no answer ({type(error).__name__})") from None
        except EngineRejected:
            circuits.put(provider, Breaker())  # it is there; the request was at fault
            charge = Spent()
            raise
        finally:
            self._spent = self._spent.less(most).plus(charge)
            self._requests.append(request.model_copy(update={"seconds": circuits.clock() - started}))
        first = completion.choices[0]
        return Answer(text=first.message.content or "", choice=choice, cut=first.finish_reason == "length")

    async def _complete(self, task: Task, choice: Choice, messages: Sequence[Message]) -> _Completion:
        endpoint = self._endpoints[choice.provider]
        body = {
            "model": choice.model,
            "messages": [message.model_dump() for message in messages],
            "max_tokens": task.max_tokens,
            "temperature": task.temperature,
        }
        data = bytearray()
        client = self._opened()
        async with client.stream("POST", endpoint.url(CHAT), json=body, headers=endpoint.headers) as response:
            if response.status_code != 200:
                raise _refusal(choice.provider, response.status_code)
            async for chunk in response.aiter_bytes():
                data += chunk
                if len(data) > ANSWER_BYTES_MAX:
                    raise EngineUnavailable(f"{choice.provider} answers more than {ANSWER_BYTES_MAX} bytes")
        with suppress(ValidationError):
            return _Completion.model_validate_json(bytes(data))
        raise EngineUnavailable(f"{choice.provider} answers with what is no chat completion")

    def _opened(self) -> httpx.AsyncClient:
        if self._client is None:
            limit = httpx.Timeout(None, connect=CONNECT_S_MAX)  # the whole request has the task's limit
            self._client = httpx.AsyncClient(timeout=limit, trust_env=False)
        return self._client


def _most(task: Task, choice: Choice, messages: Sequence[Message]) -> Spent:
    """The most that this request may come to, as far as it can be told without the model's own tokenizer."""
    told = sum(
        FRAME_TOKENS + len(message.content.encode("utf-8", "replace")) // TOKEN_BYTES_MIN for message in messages
    )
    return choice.spends(OPENING_TOKENS + told, task.max_tokens)


def _request(name: TaskType, choice: Choice, outcome: Literal["failed", "skipped"]) -> Request:
    return Request(task=name, provider=choice.provider, model=choice.model, outcome=outcome)


def _answered(request: Request, choice: Choice, usage: _Usage | None) -> Request:
    """The request with what it used; an endpoint that does not say leaves the cost unknown."""
    used = usage or _Usage()
    update = {
        "outcome": "answered",
        "prompt_tokens": used.prompt_tokens,
        "completion_tokens": used.completion_tokens,
        "cost": None if usage is None else choice.cost(used.prompt_tokens, used.completion_tokens),
    }
    return request.model_copy(update=update)


def _refusal(provider: str, status: int) -> EngineUnavailable | EngineRejected:
    if status >= 500 or status in _TEMPORARY_4XX:
        return NotServed(f"{provider} answers {status}")
    return EngineRejected(f"{provider} refuses this request ({status})")
