"""VllmEngine over HTTP, against a stub endpoint that misbehaves on demand.

How an answer of the real vLLM is read, tests/unit/adapters/test_chat_completion.py says.
"""

import asyncio
import json
import math
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest

from evaluator.adapters.vllm import RESPONSE_BYTES_MAX, VllmEngine
from evaluator.errors import DebriefError, EngineRejected, EngineUnavailable
from evaluator.judging import Completion, JudgeRequest, Sampling
from tests.integration.adapters.scripted_s3 import free_port
from tests.stub_engine import CHAT, Abilities, Fault, Raw, StubEngine

T = TypeVar("T")
MODEL = "stub-judge@1"
KEY = "hunter2"
SECRET = "SECRET-WORDS-OF-A-CANDIDATE"
ONE = {
    "type": "object",
    "properties": {
        "evidence": {"type": "array", "items": {"type": "string", "pattern": "^U[0-9]{1,4}$"}, "maxItems": 3},
        "level": {"type": "integer", "enum": [0, 1, 2, 3, 4, 5]},
    },
    "required": ["evidence", "level"],
    "additionalProperties": False,
}
SCHEMA = {"type": "object", "properties": {"c1": ONE, "c2": ONE}, "required": ["c1", "c2"]}


def request(user: str = f"U1 {SECRET} U2 U17", **changes: object) -> JudgeRequest:
    """A judge's request about three utterances."""
    fields = {"model": MODEL, "system": "rules " * 200, "user": user, "answer_schema": SCHEMA, "sampling": Sampling()}
    return JudgeRequest.model_validate({**fields, **changes})


def run(
    base_url: str, action: Callable[[VllmEngine], Awaitable[T]], *, api_key: str | None = None, timeout_s: float = 10.0
) -> T:
    """What the action gives with a new engine, in a loop of its own."""

    async def use() -> T:
        engine = VllmEngine(base_url, api_key=api_key, timeout_s=timeout_s, concurrency=4)
        try:
            return await action(engine)
        finally:
            await engine.aclose()

    return asyncio.run(use())


def complete(stub: StubEngine, *, timeout_s: float = 10.0) -> Completion:
    """One completion of the stub."""
    return run(stub.url, lambda engine: engine.complete(request()), timeout_s=timeout_s)


def test_completion_comes_back_with_text_usage_and_times() -> None:
    """An answer by the schema, its tokens, the cached part of the prompt, and when it was."""
    with StubEngine(delay_s=0.05) as stub:
        found = complete(stub)

    answer = json.loads(found.text)
    assert set(answer) == {"c1", "c2"}
    assert set(answer["c1"]["evidence"]) <= {"U1", "U2", "U17"}
    assert found.finish_reason == "stop"
    assert found.usage.prompt_tokens > 200
    assert found.usage.cached_tokens is not None
    assert 0 < found.usage.cached_tokens <= found.usage.prompt_tokens
    assert 0.05 <= found.duration_s < 5
    assert found.started_at.tzinfo is not None
    assert found.model == MODEL


NO_TOKENIZE, NO_IDS = "the endpoint has no /tokenize", "the endpoint tells no logprobs of named tokens"
NOT_AVAILABLE = "not available: the endpoint tells no 20 alternatives of a token"


@pytest.mark.parametrize(
    ("abilities", "told"),
    [
        (Abilities(), "by token ids"),
        (Abilities(tokenize=False), f"by top 20: {NO_TOKENIZE}"),
        (Abilities(token_ids=False), f"by top 20: {NO_IDS}"),
        (Abilities(token_ids=False, unknown_fields="reject"), f"by top 20: {NO_IDS}"),
        (Abilities(glue="blank"), "by top 20: a level is no token of its own"),
        (Abilities(glue="brace"), "by top 20: a level's token takes in what follows it"),
        (Abilities(logprobs=False), NOT_AVAILABLE),
        (Abilities(logprobs=False, unknown_fields="reject"), NOT_AVAILABLE),
        (Abilities(tokenize=False, top_max=5), NOT_AVAILABLE),
    ],
)
def test_level_probabilities_come_in_the_best_way_that_the_endpoint_really_has(abilities: Abilities, told: str) -> None:
    """Endpoints that ignore, refuse or lack a field are told apart by trial, and the result can be read."""

    async def ways(engine: VllmEngine) -> tuple[object, object, Completion]:
        before = engine.level_probabilities
        found = await engine.complete(request())
        return before, engine.level_probabilities, found

    with StubEngine(abilities=abilities) as stub:
        before, after, found = run(stub.url, ways)

    assert (None, told) == (before, after)
    assert (found.logprobs is None) == (told == NOT_AVAILABLE)
    if found.logprobs is not None:
        level = next(token for token in found.logprobs if token.top)
        assert set("012345") <= set(level.top)
        assert math.isclose(1.0, sum(map(math.exp, level.top.values())), rel_tol=1e-6)


def test_level_probabilities_are_learned_once() -> None:
    """Concurrent first calls share what is learned, and so do later ones."""

    async def five(engine: VllmEngine) -> None:
        await asyncio.gather(*(engine.complete(request()) for _ in range(5)))
        await engine.complete(request())

    with StubEngine() as stub:
        run(stub.url, five)

    assert (6, 7) == (stub.calls["judged"], stub.calls[CHAT])
    assert stub.calls["/tokenize"] == 8


@pytest.mark.parametrize(
    ("fault", "error", "text"),
    [
        ("status:500", EngineUnavailable, "answers 500"),
        ("status:503", EngineUnavailable, "try again later"),
        ("status:429", EngineUnavailable, "answers 429"),
        ("status:408", EngineUnavailable, "answers 408"),
        ("status:401", EngineUnavailable, "API key refused"),
        ("status:403", EngineUnavailable, "API key refused"),
        ("status:307", EngineUnavailable, "redirection"),
        ("status:404", EngineUnavailable, "no such path"),
        ("reject:400", EngineRejected, r"answers 400 to /v1/chat/completions \(BadRequestError, 400\)"),
        ("reject:413", EngineRejected, "answers 413"),
        ("reject:422", EngineRejected, "answers 422"),
        ("garbage", EngineUnavailable, "no completion"),
        ("empty", EngineUnavailable, "no completion"),
        ("cut", EngineUnavailable, "ClientPayloadError"),
        ("disconnect", EngineUnavailable, "broke off"),
        ("hang", EngineUnavailable, "within 1 s"),
        ("drip", EngineUnavailable, "within 1 s"),
        (Raw(body=b"{}"), EngineUnavailable, "no completion"),
        (Raw(body=b'{"choices":[]}', status=200), EngineUnavailable, "no completion"),
        (Raw(body=b"x", headers=(("Content-Encoding", "gzip"),)), EngineUnavailable, "compresses"),
        (Raw(body=b"x" * (RESPONSE_BYTES_MAX + 1)), EngineUnavailable, f"more than {RESPONSE_BYTES_MAX} bytes"),
        (Raw(body=f'{{"error":{{"message":"{SECRET}"}}}}'.encode(), status=400), EngineRejected, "answers 400"),
        (Raw(body=f'{{"error":{{"type":"{SECRET} x"}}}}'.encode(), status=500), EngineUnavailable, "answers 500"),
        (Raw(body=f'{{"model":"{SECRET}"}}'.encode()), EngineUnavailable, "missing required field `choices`"),
        (
            Raw(body=b'{"error":{"type":"BadRequestError","param":"input_tokens","code":400}}', status=400),
            EngineRejected,
            "do not fit the model's context",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_failure_has_its_error(fault: Fault, error: type[DebriefError], text: str) -> None:
    """What is wrong with the endpoint, or with this request, is told apart; key and prompt stay out of the message."""
    with StubEngine(faults=[fault]) as stub, pytest.raises(error, match=text) as raised:
        run(stub.url, lambda engine: engine.complete(request()), timeout_s=1.0, api_key=KEY)

    assert stub.url in str(raised.value)
    assert KEY not in str(raised.value)
    assert SECRET not in str(raised.value)


def test_after_a_failure_the_next_call_works() -> None:
    """A broken connection is not used again."""

    async def twice(engine: VllmEngine) -> Completion:
        with pytest.raises(EngineUnavailable):
            await engine.complete(request())
        return await engine.complete(request())

    with StubEngine(faults=["cut"]) as stub:
        assert run(stub.url, twice).finish_reason == "stop"


def test_nothing_is_tried_again() -> None:
    """One failure is one call: whether to try again is decided elsewhere."""
    with StubEngine(faults=["status:503", "ok"]) as stub:
        with pytest.raises(EngineUnavailable):
            complete(stub)

        assert stub.calls["judged"] == 1


def test_cut_answer_comes_back_as_cut() -> None:
    """max_tokens ends an answer half-way: that is a completion, and its finish reason says so."""
    with StubEngine(faults=["truncated"]) as stub:
        found = complete(stub)

    assert found.finish_reason == "length"
    assert found.usage.completion_tokens == 5


def test_refused_connection_names_the_address() -> None:
    """Nobody listens: soon known, and the address is in the message."""
    address = f"http://127.0.0.1:{free_port()}"

    started = time.monotonic()
    with pytest.raises(EngineUnavailable, match=f"{address} cannot be reached"):
        run(address, lambda engine: engine.check(MODEL), api_key=KEY)
    assert time.monotonic() - started < 3


def test_unknown_model_names_wanted_and_served() -> None:
    """Both the check and a completion say which model was wanted and which is there."""
    with StubEngine(model="llama@2") as stub:
        for action in (
            lambda engine: engine.check(MODEL),
            lambda engine: engine.complete(request()),
            lambda engine: engine.warm_up((SCHEMA,), MODEL),
        ):
            with pytest.raises(EngineUnavailable, match=r"does not serve 'stub-judge@1'; it serves 'llama@2'"):
                run(stub.url, action)


@pytest.mark.parametrize("abilities", [Abilities(), Abilities(health=False)])
def test_check_passes_for_a_served_model(abilities: Abilities) -> None:
    """With or without /health, with or without /v1 in the address."""
    with StubEngine(api_key=KEY, abilities=abilities) as stub:
        run(stub.url, lambda engine: engine.check(MODEL), api_key=KEY)
        run(f"{stub.url}/v1/", lambda engine: engine.check(MODEL), api_key=KEY)


@pytest.mark.parametrize("key", [None, "wrong-key"])
def test_wrong_key_is_said_to_be_refused(key: str | None) -> None:
    """A key that does not fit is not taken for a fault of the interview."""
    with StubEngine(api_key=KEY) as stub:
        for action in (lambda engine: engine.check(MODEL), lambda engine: engine.complete(request())):
            with pytest.raises(EngineUnavailable, match="API key refused") as raised:
                run(stub.url, action, api_key=key)
            assert str(key) not in str(raised.value) or key is None


def test_warm_up_sends_each_schema_once() -> None:
    """Every grammar is compiled before the first interview, by an answer of a few tokens."""
    with StubEngine() as stub:
        run(stub.url, lambda engine: engine.warm_up((SCHEMA, ONE), MODEL))

    assert stub.calls["judged"] == 2


@pytest.mark.parametrize(("fault", "error"), [("status:500", EngineUnavailable), ("reject:400", EngineRejected)])
def test_warm_up_names_the_schema_that_fails(fault: str, error: type[DebriefError]) -> None:
    """The engine answers a bare 500 to a schema that it cannot compile, so the number has to be said."""
    with StubEngine(faults=["ok", fault]) as stub, pytest.raises(error, match="answer schema 2 of 2"):
        run(stub.url, lambda engine: engine.warm_up((SCHEMA, ONE), MODEL))


def canary(stub: StubEngine, *, timeout_s: float = 10.0) -> None:
    """One canary request."""
    run(stub.url, lambda engine: engine.canary(MODEL, SCHEMA), timeout_s=timeout_s)


def test_canary_is_one_judgement_without_an_interview() -> None:
    """It learns nothing and asks nothing else of the engine's judge."""
    with StubEngine() as stub:
        canary(stub)

    assert (1, 1) == (stub.calls["judged"], stub.calls[CHAT])


@pytest.mark.parametrize("fault", ["status:500", "status:503", "status:429", "disconnect", "garbage", "hang"])
def test_canary_tells_that_the_engine_is_down(fault: Fault) -> None:
    """Whatever the engine does instead of answering."""
    with StubEngine(faults=[fault]) as stub, pytest.raises(EngineUnavailable):
        canary(stub, timeout_s=0.5)


def test_canary_waits_for_no_slot() -> None:
    """Interviews that hang in every slot do not make a healthy engine look down."""

    async def beside(engine: VllmEngine) -> None:
        await engine.warm_up((), MODEL)
        stuck = [asyncio.ensure_future(engine.complete(request(user=f"U{n}"))) for n in range(6)]
        await asyncio.sleep(0.2)
        await engine.canary(MODEL, SCHEMA)
        for one in stuck:
            one.cancel()
        await asyncio.gather(*stuck, return_exceptions=True)

    with StubEngine(faults=["hang"] * 4) as stub:
        run(stub.url, beside)


def test_no_more_calls_at_once_than_allowed() -> None:
    """The rest waits for a slot, and waiting counts neither against the time limit nor as duration."""

    async def many(engine: VllmEngine) -> list[Completion]:
        return await asyncio.gather(*(engine.complete(request(user=f"U{n}")) for n in range(12)))

    with StubEngine(delay_s=0.3) as stub:
        found = run(stub.url, many, timeout_s=0.8)

    assert stub.running_max == 4
    assert all(completion.duration_s < 0.8 for completion in found)


def test_check_passes_while_every_slot_is_busy() -> None:
    """A healthy engine under load is healthy."""

    async def both(engine: VllmEngine) -> None:
        work = [asyncio.create_task(engine.complete(request())) for _ in range(8)]
        await asyncio.sleep(0.2)
        async with asyncio.timeout(0.5):
            await engine.check(MODEL)
        await asyncio.gather(*work)

    with StubEngine(delay_s=0.5) as stub:
        run(stub.url, both)


def test_cancelling_a_call_frees_its_slot() -> None:
    """A worker that drains cancels its calls; the engine client goes on."""

    async def cancel(engine: VllmEngine) -> Completion:
        work = [asyncio.create_task(engine.complete(request())) for _ in range(4)]
        await asyncio.sleep(0.3)
        for task in work:
            task.cancel()
        await asyncio.gather(*work, return_exceptions=True)
        return await engine.complete(request())

    with StubEngine(faults=["hang"] * 4) as stub:
        assert run(stub.url, cancel).finish_reason == "stop"


def test_engine_serves_another_loop_after_aclose() -> None:
    """What was learned is kept; the connections are new."""
    with StubEngine() as stub:
        engine = VllmEngine(stub.url, api_key=None)
        for _ in range(2):
            with asyncio.Runner() as runner:
                runner.run(engine.complete(request()))
                runner.run(engine.aclose())

        assert stub.calls["/tokenize"] == 8
        assert stub.calls["judged"] == 2


def test_proxies_of_the_environment_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    """An interview goes to the named address and nowhere else."""
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")

    with StubEngine() as stub:
        assert complete(stub).finish_reason == "stop"


def test_lone_surrogate_in_a_prompt_breaks_nothing() -> None:
    """Text that is not Unicode is sent as JSON can spell it; the endpoint decides."""
    with StubEngine() as stub:
        found = run(stub.url, lambda engine: engine.complete(request(user="U1 \ud800")))

    assert found.finish_reason == "stop"


def test_stub_answers_by_request_and_seed_alone() -> None:
    """The same request and seed give the same answer; another of either gives another."""

    def texts(seed: int) -> list[str]:
        async def ask(engine: VllmEngine) -> list[str]:
            found = [await engine.complete(request(user=f"U1 U2 U3 {n // 2}")) for n in range(8)]
            return [completion.text for completion in found]

        with StubEngine(seed=seed) as stub:
            return run(stub.url, ask)

    first = texts(1)
    assert first == texts(1)
    assert first[::2] == first[1::2]
    assert len(set(first)) > 1
    assert first != texts(2)
