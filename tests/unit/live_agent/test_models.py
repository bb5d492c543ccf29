"""Asking models: the next one answers for one that fails, and an interview never pays beyond its budget."""

import asyncio
import json
from contextlib import asynccontextmanager, suppress

import pytest

from evaluator.errors import UsageFault
from live_agent.breaker import FAILURES_MAX, OPEN_S
from live_agent.memory import Message
from live_agent.models import BudgetSpent, Circuits, Models, NoModel
from live_agent.routing import TASK_TYPES, Budget, Choice, Provider, Routing, Task

SILENT_ON_USAGE = b'{"choices": [{"message": {"content": "Yes."}}]}'
ASKED = (Message(role="user", content="Hello"),)


class Clock:
    """A clock that tests move."""

    def __init__(self):
        self.now = 0.0

    def __call__(self):
        """Seconds."""
        return self.now


class Endpoint:
    """A scripted chat endpoint on loopback: real HTTP, no model."""

    def __init__(self):
        self.status, self.delay_s, self.body, self.seen = 200, 0.0, None, []
        self.tasks, self.content = [], None  # content: None, the model's name comes back

    async def serve(self, reader, writer):
        """One connection, one answer."""
        self.tasks.append(asyncio.current_task())
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        self.seen.append(json.loads(await reader.readexactly(length)))
        await asyncio.sleep(self.delay_s)
        usage = {"prompt_tokens": 10, "completion_tokens": 5}
        content = f"from {self.seen[-1]['model']}" if self.content is None else self.content
        message = {"message": {"content": content}, "finish_reason": "stop"}
        body = self.body if self.body is not None else json.dumps({"choices": [message], "usage": usage}).encode()
        writer.write(b"HTTP/1.1 %d X\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % (self.status, len(body)))
        writer.write(body)
        writer.close()
        await writer.wait_closed()


@asynccontextmanager
async def served(*endpoints):
    """Their addresses."""
    servers = [await asyncio.start_server(endpoint.serve, "127.0.0.1", 0) for endpoint in endpoints]
    try:
        yield [f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1" for server in servers]
    finally:
        for server in servers:
            server.close()
        await asyncio.gather(*(t for endpoint in endpoints for t in endpoint.tasks), return_exceptions=True)


def routing(first, second, *, budget=None, timeout_s=5.0):
    """Both providers for every task, in that order."""
    choices = (Choice(provider="one", model="a"), Choice(provider="two", model="b"))
    task = Task(choices=choices, max_tokens=20, temperature=0.5, timeout_s=timeout_s)
    providers = {"one": Provider(url=first), "two": Provider(url=second)}
    return Routing(providers=providers, tasks=dict.fromkeys(TASK_TYPES, task), budget=budget or Budget())


def talk(scenario, *, first=None, second=None, clock=None, **values):
    """Runs the scenario against two endpoints; (its result, the models)."""
    one, two = first or Endpoint(), second or Endpoint()

    async def run():
        async with served(one, two) as addresses:
            models = Models(routing(*addresses, **values), Circuits(clock or Clock()), interview_id="iv-1")
            try:
                return await scenario(models), models
            finally:
                await models.aclose()

    return asyncio.run(run())


def outcomes(models):
    """What became of each request."""
    return [(request.provider, request.outcome) for request in models.requests]


async def ask(models):
    """One request."""
    return (await models.ask("interview_turn", ASKED)).text


def test_the_first_model_answers():
    """The second is not asked."""
    answer, models = talk(ask)

    assert ("from a", [("one", "answered")]) == (answer, outcomes(models))


@pytest.mark.parametrize("status", [500, 503, 429, 401])
def test_the_next_model_answers_for_one_that_fails(status):
    """Within the same request of the interview."""
    broken = Endpoint()
    broken.status = status

    answer, models = talk(ask, first=broken)

    assert ("from b", [("one", "failed"), ("two", "answered")]) == (answer, outcomes(models))


@pytest.mark.parametrize("body", [b"", b"{}", b"not json", b'{"choices": []}'])
def test_an_answer_that_is_none_counts_as_a_failure(body):
    """The next model is asked."""
    odd = Endpoint()
    odd.body = body

    assert "from b" == talk(ask, first=odd)[0]


def test_a_slow_model_is_not_waited_for():
    """The task's limit holds for each choice."""
    slow = Endpoint()
    slow.delay_s = 1.0

    assert "from b" == talk(ask, first=slow, timeout_s=0.2)[0]


def test_when_none_answers_it_is_said():
    """So that the interview goes on by its script."""
    broken = Endpoint()
    broken.status = 500

    with pytest.raises(NoModel, match="one answers 500; two answers 500"):
        talk(ask, first=broken, second=broken)


def test_a_failing_provider_is_left_alone_then_tried_once():
    """Its circuit opens after failures in a row, and closes with an answer."""
    broken, clock = Endpoint(), Clock()
    broken.status = 500

    async def scenario(models):
        for _ in range(FAILURES_MAX + 1):
            await ask(models)
        before = len(broken.seen)
        broken.status, clock.now = 200, OPEN_S + 1
        return before, await ask(models)

    (asked, answer), models = talk(scenario, first=broken, clock=clock)

    assert FAILURES_MAX == asked
    assert ("one", "skipped") in outcomes(models)
    assert "from a" == answer


def test_a_request_at_fault_opens_no_circuit():
    """The provider is there."""
    strict = Endpoint()
    strict.status = 422

    async def scenario(models):
        for _ in range(FAILURES_MAX + 2):
            await ask(models)

    _, models = talk(scenario, first=strict)

    assert ("one", "skipped") not in outcomes(models)


def test_the_budget_ends_requests():
    """Fifteen tokens each, of 33 at most: a third might pass the budget."""

    async def scenario(models):
        await ask(models)
        await ask(models)
        with pytest.raises(BudgetSpent):
            await ask(models)

    _, models = talk(scenario, budget=Budget(tokens=60))

    assert 30 == models.usage.tokens


@pytest.mark.parametrize(
    ("trouble", "requests"),
    [({"body": SILENT_ON_USAGE}, 2), ({"delay_s": 1.5}, 2), ({"status": 503}, 6), ({"body": b"not json"}, 2)],
)
def test_what_an_endpoint_does_not_tell_counts_as_the_most_it_can_be(trouble, requests):
    """Two requests of 33 tokens at most fit in; what was refused was not served, and costs nothing."""
    endpoint, timeout_s = Endpoint(), 1.0 if "delay_s" in trouble else 5.0
    for name, value in trouble.items():
        setattr(endpoint, name, value)

    async def scenario(models):
        for _ in range(3):
            with suppress(NoModel):
                await models.ask("acknowledgment", ASKED)
        return len(endpoint.seen)

    asked, _ = talk(scenario, first=endpoint, second=endpoint, budget=Budget(tokens=70), timeout_s=timeout_s)

    assert requests == asked


def test_an_unknown_task_is_refused_before_anything_is_asked():
    """No default."""

    async def scenario(models):
        with pytest.raises(UsageFault):
            await models.ask("small_talk", ASKED)

    _, models = talk(scenario)

    assert () == models.requests
