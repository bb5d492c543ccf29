"""`cold`: how long the embedded engine takes until it is ready, and until its first judgement.

first: no compiled Python and no cache of the engine's own, as right after an installation; warm: both are there. What
the system keeps of files in memory is not dropped: that takes root, and would slow the whole machine down.
"""

import argparse
import asyncio
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from evaluator.adapters.vllm import VllmEngine
from evaluator.embedded.engine import Engine, installed_version
from evaluator.embedded.services import make_home
from evaluator.judging import Sampling
from evaluator.prompts import answer_schemas
from tests.bench import planted
from tests.bench.reporting import Report, at_most, machine, middle, say
from tests.bench.room import up

BYTECODE = "PYTHONPYCACHEPREFIX"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Sizes."""
    parser.add_argument("--repeats", type=int, default=2, help="each is one first and one warm start")


def run(options: argparse.Namespace) -> Report:
    """First and warm starts in turn."""
    times: dict[str, list[dict[str, float]]] = {"first": [], "warm": []}
    with machine() as told:
        for number in range(1, options.repeats + 1):
            with tempfile.TemporaryDirectory(prefix="debrief-bench-") as folder, compiled_into(Path(folder) / "pyc"):
                for kind, found in times.items():
                    found.append(started(Path(folder) / "home"))
                    say(f"{kind} start {number}/{options.repeats}: {found[-1]}")
    figures = {
        "engine": installed_version(),
        **{kind: {name: middle([one[name] for one in found], 2) for name in found[0]} for kind, found in times.items()},
    }
    limit_s = Engine(home=Path(), api_key="bench").ready_within_s
    promises = tuple(
        at_most(f"{kind}_ready_s", max(one["ready_s"] for one in found), limit_s) for kind, found in times.items()
    )
    return Report(bench="cold", figures=figures, promises=promises, machine=told)


@contextmanager
def compiled_into(folder: Path) -> Iterator[None]:
    """Python keeps compiled modules in this folder and looks nowhere else for them."""
    before, dropped = os.environ.get(BYTECODE), os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ[BYTECODE] = str(folder)
    try:
        yield
    finally:
        os.environ.pop(BYTECODE)
        os.environ.update({BYTECODE: before} if before is not None else {})
        os.environ.update({"PYTHONDONTWRITEBYTECODE": dropped} if dropped is not None else {})


def started(home: Path) -> dict[str, float]:
    """Seconds from the start of the embedded engine until it answers, and on to warm grammars and one judgement."""
    engine = Engine(home=make_home(home), api_key="bench")
    began = time.monotonic()
    with up(engine, home) as tenancy:
        ready_s = time.monotonic() - began
        warm_s, judged_s = asyncio.run(_first_words(engine.url(tenancy.port), engine.api_key, engine.model))
    return {"ready_s": round(ready_s, 2), "grammars_s": round(warm_s, 2), "first_judgement_s": round(judged_s, 2)}


async def _first_words(url: str, key: str, model: str) -> tuple[float, float]:
    client = VllmEngine(url, api_key=key, timeout_s=300.0)
    try:
        began = time.monotonic()
        await client.warm_up(answer_schemas(), model)
        warm_at = time.monotonic()
        await client.complete(planted.requests(planted.simulated(1), model=model, sampling=Sampling())[0])
        return warm_at - began, time.monotonic() - warm_at
    finally:
        await client.aclose()
