"""The ways through the same sections that `ceiling` compares, each timed over one job with a loaded and warmed engine.

Before each job the prefix cache of the engine in question is emptied, and one interview that is in no job is judged:
so every arm begins with each rubric's prefix in the cache, as in the middle of a night, and with nothing else.
"""

import asyncio
import http.client
import json
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from evaluator.adapters.chat_completion import LogprobChoice, body_of
from evaluator.adapters.vllm import VllmEngine
from evaluator.embedded.process import Launch
from evaluator.judging import Completion, JudgeRequest
from evaluator.storage.runs import Selection
from tests.bench import planted
from tests.bench.calls import cached_share, calls_of, filled, prefix_of, tokens_of
from tests.bench.models import ShapeEngine
from tests.bench.processes import family_s, spent
from tests.bench.reporting import ROOT
from tests.bench.room import Program, Room, answering, service_pid, up

JOB_S_MAX = 7_200.0
REQUEST_S_MAX = 600.0
OFFLINE_READY_S = 300.0
JOB_REQUISITION = "JOB"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """One arm's job."""

    wall_s: float
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int | None
    cpu_s: Mapping[str, float]  # by kind of process
    more: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Input:
    """What every arm is given."""

    said: Sequence[planted.Said]
    before: Sequence[JudgeRequest]  # read before each job, so that the rubrics' prefixes are cached
    requests: Sequence[JudgeRequest]


Arm = Callable[[], Outcome]


def level_choice(tokenizer: Path) -> LogprobChoice:
    """How the product asks for level probabilities where each level is a token of its own."""
    from tokenizers import Tokenizer

    known = Tokenizer.from_file(str(tokenizer))
    ids = tuple(known.encode(f'"level":{level}', add_special_tokens=False).ids[-1] for level in range(6))
    return LogprobChoice(mode="ids", token_ids=ids)


def bodies(requests: Sequence[JudgeRequest], choice: LogprobChoice) -> list[dict[str, Any]]:
    """The requests as the product spells them on the wire."""
    return [json.loads(body_of(request, choice)) for request in requests]


# ---------------------------------------------------------------- through vLLM alone


@contextmanager
def offline(kind: str, engine: ShapeEngine, home: Path, given: Input) -> Iterator[Arm]:
    """`LLM.chat` (kind "chat") or run-batch (kind "batch") in a process of its own with the same engine arguments."""
    scratch = Path(tempfile.mkdtemp(prefix="debrief-bench-"))
    service = Offline(name=f"offline-{kind}", kind=kind, engine=engine, scratch=scratch)
    choice = level_choice(engine.tokenizer)
    before, requests = bodies(given.before, choice), bodies(given.requests, choice)
    with up(service, home) as tenancy:

        def arm() -> Outcome:
            _post(tenancy.port, {"requests": before, "reset": True})
            pid = service_pid(tenancy.place) or 0
            began = sum(family_s(pid))
            told = _post(tenancy.port, {"requests": requests, "reset": False})
            cpu_s = {kind: round(sum(family_s(pid)) - began, 3)}
            finished = told.pop("finished")
            return Outcome(cpu_s=cpu_s, more={"finished": finished}, **told)

        yield arm


@dataclass(kw_only=True)
class Offline(Program):
    """vLLM without its server, as a service of the bench."""

    kind: str
    engine: ShapeEngine
    scratch: Path
    command: Callable[[int], tuple[str, ...]] = field(default=lambda _: ())
    environment: Mapping[str, str] = field(default_factory=dict)
    ready: Callable[[int], bool] = field(default=answering("/"))
    ready_within_s: float = OFFLINE_READY_S

    def launch(self, port: int) -> Launch:
        """The offline program with exactly the arguments and the environment of the server's engine."""
        arguments = (self.kind, "--port", str(port), *self.engine.engine_arguments())
        return Launch(
            command=(sys.executable, "-m", "tests.bench.offline", *arguments),
            environment={**self.engine.environment(self.scratch), "PYTHONPATH": str(ROOT)},
            folder=self.scratch,
            scratch=(self.scratch,),
        )


def _post(port: int, job: Mapping[str, Any]) -> dict[str, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=JOB_S_MAX)
    try:
        connection.request("POST", "/job", body=json.dumps(job))
        answer = connection.getresponse()
        return dict(json.loads(answer.read()))
    finally:
        connection.close()


# ---------------------------------------------------------------- through the server


def in_flight(most: int, made: Room, engine: ShapeEngine, given: Input) -> Arm:
    """So many calls at once through the server, with the product's own client; 1: one section after another."""

    def arm() -> Outcome:
        warm(made, given)
        before = made.meter.read()
        own = time.process_time()
        began = time.monotonic()
        completions = asked(made, given.requests, most)
        wall_s = time.monotonic() - began
        served = spent(before, made.meter.read())[engine.name]
        cpu_s = {"engine": served, "client": round(time.process_time() - own, 3)}
        return Outcome(wall_s=wall_s, cpu_s=cpu_s, **tokens(completions))

    return arm


def asked(made: Room, requests: Sequence[JudgeRequest], most: int) -> list[Completion]:
    """The answers to all requests, with at most so many calls under way."""
    settings = made.settings
    key = settings.engine_api_key.get_secret_value() if settings.engine_api_key else None

    async def ask() -> list[Completion]:
        client = VllmEngine(settings.engine_url or "", api_key=key, timeout_s=REQUEST_S_MAX, concurrency=most)
        waiting = iter(requests)
        done: list[Completion] = []

        async def one_after_another() -> None:
            for request in waiting:
                done.append(await client.complete(request))  # noqa: PERF401  shared by all that go on at once

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(most, len(requests))):
                    group.create_task(one_after_another())
        finally:
            await client.aclose()
        return done

    return asyncio.run(ask())


def tokens(completions: Sequence[Completion]) -> dict[str, int]:
    """Sums over the answers."""
    return {
        "prompt_tokens": sum(one.usage.prompt_tokens for one in completions),
        "completion_tokens": sum(one.usage.completion_tokens for one in completions),
        "cached_tokens": sum(one.usage.cached_tokens or 0 for one in completions),
    }


def warm(made: Room, given: Input) -> None:
    """Empties the server's prefix cache, and reads the rubrics' prefixes."""
    root = (made.settings.engine_url or "").removesuffix("/v1")
    request = urllib.request.Request(f"{root}/reset_prefix_cache", method="POST")
    with urllib.request.urlopen(request, timeout=60) as answer:
        answer.read()
    asked(made, given.before, 1)


# ---------------------------------------------------------------- the product


def pipeline(made: Room, engine: ShapeEngine, given: Input) -> Arm:
    """The product: a run over interviews in the store, through queue and database, to scorecards."""
    prefixes = {
        section.id: tokens_of(prefix_of(request.system), engine.tokenizer)
        for section, request in zip(planted.rubric().sections, given.before, strict=True)
    }
    runs: list[str] = []

    def arm() -> Outcome:
        warm(made, given)
        name = f"job-{len(runs) + 1}"
        again = {"only": "all", "rescore": True} if runs else {}
        runs.append(name)
        before = made.meter.read()
        job = made.score(name, Selection(requisition=JOB_REQUISITION, **again))
        used = spent(before, made.meter.read())
        calls = calls_of(made.store, made.evaluations(name))
        full = filled(calls, at_once=engine.shape.sequences_max)
        return Outcome(
            wall_s=job.job_s,
            prompt_tokens=sum(call.prompt_tokens for call in calls),
            completion_tokens=sum(call.completion_tokens for call in calls),
            cached_tokens=sum(call.cached_tokens or 0 for call in calls),
            cpu_s=used,
            more={
                "sections": job.sections,
                "calls": len(calls),
                "ended_well": job.ended_well,
                "first_claim_s": round(job.first_claim_s, 3),
                "window_s": round(full.window_s, 3) if full else None,
                "idle_share": round(full.idle_share, 4) if full else None,
                "short_share": round(full.short_share, 4) if full else None,
                "calls_under_way": round(full.mean, 2) if full else None,
                "cached_prefix_share": cached_share(calls, prefixes, block=engine.shape.block_tokens),
            },
        )

    return arm
