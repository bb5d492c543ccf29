"""`ceiling`: the whole pipeline against raw `LLM.chat` on the same prompts, with the same engine and output.

Also, with --arms: the article's loop (one section at a time), 5, 16 and 64 calls in flight through the server, and
vLLM's run-batch. One arm after another, in another order each round; every ratio is that of one round.
"""

import argparse
import os
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

from evaluator.judging import Sampling
from evaluator.storage.runs import Selection
from tests.bench import arms, planted
from tests.bench.arms import JOB_REQUISITION, Arm, Input, Outcome
from tests.bench.models import SHAPES, Shape, ShapeEngine, shape_engine
from tests.bench.processes import total
from tests.bench.reporting import (
    Promise,
    Report,
    at_least,
    at_most,
    exactly,
    machine,
    median,
    middle,
    paired_ratio,
    say,
)
from tests.bench.room import ORCHESTRATION, Room, room

RAW_MIN = 0.90  # pipeline / raw, on mid and larger
LOOP_MIN = 3.0  # pipeline / the article's loop, on tiny
IDLE_MAX = 0.10
CACHED_MIN = 0.95
TOKENS_APART_MAX = 0.01
SECTIONS_MIN = 320
SLOTS = 8  # times five sections: 40 calls at once, two and a half times what the engine takes
CORES = len(os.sched_getaffinity(0))  # raw takes the whole machine, or it would be no ceiling
WARM_UP = 10  # interviews: every child has compiled its grammars

FLIGHTS = {"loop": 1, "flight5": 5, "flight16": 16, "flight64": 64}
ARMS = ("raw", "pipeline", *FLIGHTS, "batch")
OFFLINE = {"raw": "chat", "batch": "batch"}
WHOLE = ("--models", "tiny,mid", "--pairs", "5", "--arms", ",".join(ARMS))


def add_options(parser: argparse.ArgumentParser) -> None:
    """Sizes and arms."""
    parser.add_argument("--models", default="mid", help=f"of {', '.join(SHAPES)}, with commas")
    parser.add_argument("--arms", default="raw,pipeline", help=f"of {', '.join(ARMS)}, with commas")
    parser.add_argument("--pairs", type=int, default=3, help="rounds; each arm runs once in each")
    parser.add_argument("--sections", type=int, default=SECTIONS_MIN, help="of a job")
    parser.add_argument("--slots", type=int, default=SLOTS, help="interviews that the worker scores at once")
    parser.add_argument("--threads", type=int, default=CORES, help="of the engine's arithmetic, in every arm")
    parser.add_argument("--store", choices=("folder", "moto"), default="folder")
    parser.add_argument("--keep", action="store_true", help="keep the folder with the logs")


def run(options: argparse.Namespace) -> Report:
    """Every model."""
    shapes = [SHAPES[name] for name in options.models.split(",")]
    return measure("ceiling", shapes, options)


def measure(bench: str, shapes: Sequence[Shape], options: argparse.Namespace) -> Report:
    """The report over these shapes."""
    figures: dict[str, Any] = {}
    promises: list[Promise] = []
    with machine() as told:
        for shape in shapes:
            outcomes = _compared(shape, options)
            figures[shape.name] = _figures(shape, outcomes, options)
            promises += _promises(shape, outcomes, options)
    return Report(bench=bench, figures=figures, promises=tuple(promises), machine=told)


def _compared(shape: Shape, options: argparse.Namespace) -> dict[str, list[Outcome]]:
    """Each arm's outcomes, round by round."""
    wanted = options.arms.split(",")
    if unknown := set(wanted) - set(ARMS):
        raise SystemExit(f"arms that do not exist: {', '.join(sorted(unknown))}; there are {', '.join(ARMS)}")
    say(f"{shape.name}: {shape.parameters / 1e6:,.1f} million weights, {options.threads} threads")
    engine = shape_engine(shape, Path(), threads=options.threads)
    interviews = -(-options.sections // planted.sections())
    given = _input(engine, interviews)
    with ExitStack() as stack:
        made = stack.enter_context(
            room(engine, slots=options.slots, store=options.store, keep=options.keep, engine_timeout_s=600.0)
        )
        _prepare(made, given)
        made_arms = {name: _arm(stack, name, made, engine, given) for name in wanted}
        return _rounds(made_arms, options.pairs)


def _input(engine: ShapeEngine, interviews: int) -> Input:
    """The job, and one interview more that is in no job."""
    said = planted.simulated(interviews + 1)
    sampling = Sampling()
    return Input(
        said=said[1:],
        before=planted.requests(said[:1], model=engine.model, sampling=sampling),
        requests=planted.requests(said[1:], model=engine.model, sampling=sampling),
    )


def _prepare(made: Room, given: Input) -> None:
    """All interviews taken in, and every process of the fleet warmed by some of its own."""
    made.take_in(planted.simulated(WARM_UP, seed=planted.SEED + 1), count=WARM_UP, requisition="WARM")
    made.take_in(list(given.said), count=len(given.said), requisition=JOB_REQUISITION)
    job = made.score("warm", Selection(requisition="WARM"))
    say(f"warm: {job.sections} sections in {job.job_s:.1f} s")


def _arm(stack: ExitStack, name: str, made: Room, engine: ShapeEngine, given: Input) -> Arm:
    if name == "pipeline":
        return arms.pipeline(made, engine, given)
    if name in FLIGHTS:
        return arms.in_flight(FLIGHTS[name], made, engine, given)
    return stack.enter_context(arms.offline(OFFLINE[name], engine, made.home, given))


def _rounds(made: Mapping[str, Arm], pairs: int) -> dict[str, list[Outcome]]:
    """Each arm once a round; the order turns by one, so that none is always first."""
    outcomes: dict[str, list[Outcome]] = {name: [] for name in made}
    names = list(made)
    for number in range(pairs):
        at = number % len(names)
        for name in names[at:] + names[:at]:
            outcome = made[name]()
            outcomes[name].append(outcome)
            say(
                f"round {number + 1}/{pairs}: {name} {outcome.wall_s:.2f} s, {outcome.prompt_tokens} tokens in "
                f"({outcome.cached_tokens} cached), {outcome.completion_tokens} out, CPU s {dict(outcome.cpu_s)} "
                f"{dict(outcome.more)}"
            )
    return outcomes


# ---------------------------------------------------------------- what it says


def ratio(outcomes: Mapping[str, Sequence[Outcome]], of: str, to: str) -> float | None:
    """How many times as fast as `to` an arm is: the median over the rounds; None where an arm did not run."""
    if not outcomes.get(of) or not outcomes.get(to):
        return None
    return paired_ratio([o.wall_s for o in outcomes[to]], [o.wall_s for o in outcomes[of]])


def tokens_apart(outcomes: Mapping[str, Sequence[Outcome]], name: str) -> float | None:
    """By how much the most unequal round's output of two arms differs, as a share."""
    pairs = zip(outcomes.get("pipeline", ()), outcomes.get(name, ()), strict=False)
    shares = [abs(a.completion_tokens / b.completion_tokens - 1) for a, b in pairs]
    return max(shares) if shares else None


def _more(outcomes: Mapping[str, Sequence[Outcome]], name: str) -> float | None:
    """The median of one of the pipeline's own figures; None where it could not be had."""
    values = [o.more.get(name) for o in outcomes.get("pipeline", ())]
    return None if not values or None in values else median([float(v) for v in values if v is not None])


def _figures(shape: Shape, outcomes: Mapping[str, Sequence[Outcome]], options: argparse.Namespace) -> dict[str, Any]:
    sections = -(-options.sections // planted.sections()) * planted.sections()
    return {
        "shape": asdict(shape),
        "parameters": shape.parameters,
        "sections": sections,
        "slots": options.slots,
        "threads": options.threads,
        "store": options.store,
        "arms": {name: _arm_figures(runs, sections) for name, runs in outcomes.items()},
        "pipeline_to": {name: r for name in outcomes if (r := _rounded(ratio(outcomes, "pipeline", name))) is not None},
        "to_raw": {name: r for name in outcomes if (r := _rounded(ratio(outcomes, name, "raw"))) is not None},
        "tokens_apart": {name: _rounded(tokens_apart(outcomes, name)) for name in outcomes if name != "pipeline"},
    }


def _arm_figures(runs: Sequence[Outcome], sections: int) -> dict[str, Any]:
    kinds = sorted({kind for one in runs for kind in one.cpu_s})
    return {
        "wall_s": middle([one.wall_s for one in runs]),
        "sections_per_s": middle([sections / one.wall_s for one in runs]),
        "cpu_ms_per_section": {
            kind: middle([1000 * one.cpu_s.get(kind, 0.0) / sections for one in runs], 2) for kind in kinds
        },
        "orchestration_cpu_ms_per_section": middle(
            [1000 * total(one.cpu_s, ORCHESTRATION) / sections for one in runs], 2
        ),
        "prompt_tokens": [one.prompt_tokens for one in runs],
        "completion_tokens": [one.completion_tokens for one in runs],
        "cached_tokens": [one.cached_tokens for one in runs],
        "more": [dict(one.more) for one in runs],
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def _promises(
    shape: Shape, outcomes: Mapping[str, Sequence[Outcome]], options: argparse.Namespace
) -> Sequence[Promise]:
    """What must hold of this shape, of the arms that ran."""
    name, found = shape.name, list[Promise]()
    if "pipeline" in outcomes:
        found += [
            at_most(f"{name}_engine_idle_share", _more(outcomes, "idle_share"), IDLE_MAX),
            at_least(f"{name}_cached_prefix_share", _more(outcomes, "cached_prefix_share"), CACHED_MIN),
        ]
        done = sum(int(one.more["ended_well"]) for one in outcomes["pipeline"])
        wanted = options.pairs * -(-options.sections // planted.sections())
        found.append(exactly(f"{name}_interviews_done", done, wanted))
    if "raw" in outcomes and "pipeline" in outcomes:
        found.append(at_most(f"{name}_output_tokens_apart", tokens_apart(outcomes, "raw"), TOKENS_APART_MAX))
        pairs = zip(outcomes["raw"], outcomes["pipeline"], strict=True)
        same = all(raw.prompt_tokens == ours.prompt_tokens for raw, ours in pairs)
        found.append(exactly(f"{name}_input_tokens_equal", int(same), 1))
        if shape.name != "tiny":
            found.append(at_least(f"{name}_pipeline_to_raw", ratio(outcomes, "pipeline", "raw"), RAW_MIN))
    if shape.name == "tiny" and "loop" in outcomes and "pipeline" in outcomes:
        found.append(at_least("tiny_pipeline_to_article_loop", ratio(outcomes, "pipeline", "loop"), LOOP_MIN))
    return found
