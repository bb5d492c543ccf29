"""`cache`: how much of the rubric's part of a prompt comes from the engine's prefix cache, in whole blocks.

The engine has judged a few other interviews before, as in the middle of a night; nothing is reset.
"""

import argparse
from pathlib import Path

from evaluator.storage.runs import Selection
from tests.bench import planted
from tests.bench.calls import cached_share, calls_of, prefix_of, tokens_of
from tests.bench.ceiling import CACHED_MIN, SLOTS, WARM_UP
from tests.bench.models import SHAPES, shape_engine
from tests.bench.reporting import Report, at_least, exactly, machine
from tests.bench.room import room


def add_options(parser: argparse.ArgumentParser) -> None:
    """Sizes."""
    parser.add_argument("--model", choices=tuple(SHAPES), default="tiny")
    parser.add_argument("--sections", type=int, default=320)
    parser.add_argument("--slots", type=int, default=SLOTS)
    parser.add_argument("--keep", action="store_true", help="keep the folder with the logs")


def run(options: argparse.Namespace) -> Report:
    """One job, and what its checkpoints tell."""
    shape = SHAPES[options.model]
    engine = shape_engine(shape, Path())
    interviews = -(-options.sections // planted.sections())
    said = planted.simulated(interviews)
    with machine() as told, room(engine, slots=options.slots, keep=options.keep, engine_timeout_s=600.0) as made:
        made.take_in(planted.simulated(WARM_UP, seed=planted.SEED + 1), count=WARM_UP, requisition="WARM")
        made.take_in(said, count=interviews, requisition="JOB")
        made.score("warm", Selection(requisition="WARM"))
        job = made.score("job", Selection(requisition="JOB"))
        calls = calls_of(made.store, made.evaluations("job"))
    first = planted.requests(said[:1], model=engine.model, sampling=made.settings.sampling)
    prefixes = {
        section.id: tokens_of(prefix_of(request.system), engine.tokenizer)
        for section, request in zip(planted.rubric().sections, first, strict=True)
    }
    share = cached_share(calls, prefixes, block=shape.block_tokens)
    told_cached = [call.cached_tokens for call in calls if call.cached_tokens is not None]
    prompt = sum(call.prompt_tokens for call in calls)
    figures = {
        "model": shape.name,
        "sections": job.sections,
        "block_tokens": shape.block_tokens,
        "prefix_tokens": prefixes,
        "aligned_tokens": {name: n // shape.block_tokens * shape.block_tokens for name, n in prefixes.items()},
        "prompt_tokens": prompt,
        "cached_tokens": sum(told_cached),
        "cached_share_of_prompts": round(sum(told_cached) / prompt, 4) if prompt else None,
    }
    promises = (
        at_least("cached_prefix_share", share, CACHED_MIN),
        exactly("calls_that_told", len(told_cached), interviews * planted.sections()),
    )
    return Report(bench="cache", figures=figures, promises=promises, machine=told)
