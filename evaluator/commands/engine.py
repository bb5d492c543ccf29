"""`debrief engine`: whether a model fits into a GPU before one is rented or an engine started."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from textwrap import fill
from typing import Annotated, Any

import typer

from evaluator.commands.output import out, put, put_json, warn
from evaluator.errors import UsageFault
from evaluator.planning.fit import (
    BATCHED_TOKENS,
    CONTEXT_MAX,
    CONTEXT_MIN,
    RUNTIME_BYTES,
    SEQUENCE_TOKENS,
    SEQUENCES_MAX,
    UTILIZATION,
    Choice,
    Fit,
    Line,
    Precision,
    Serving,
    fit,
    nearest,
)
from evaluator.planning.gpus import GB, GPUS_MAX, Accelerators, accelerators
from evaluator.planning.precisions import named_precision, precision_of
from evaluator.planning.shape import CONFIG_BYTES_MAX, ModelConfig, read_config, require_shape

WIDTH = 80  # columns
FP8_ARITHMETIC, BF16_ARITHMETIC = (8, 9), (8, 0)  # CUDA compute capabilities

app = typer.Typer(help="Whether a model fits into GPU memory.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Keeps `fit` a word of its own while it is the only command."""


@app.command("fit")
def fit_command(
    *,
    model: Annotated[str, typer.Option(metavar="NAME|config.json", help="Llama-3.1-8B, or a model's config.json")],
    precision: Annotated[
        str | None, typer.Option(metavar="bf16|fp8|int8|int4", help="of the weights; as the model says if unset")
    ] = None,
    context: Annotated[int, typer.Option(min=CONTEXT_MIN, max=CONTEXT_MAX, help="tokens of the longest call")] = 16_384,
    sequences: Annotated[
        int, typer.Option(min=1, max=SEQUENCES_MAX, help="calls at once that must find room; one of full context")
    ] = 1,
    sequence_tokens: Annotated[
        int, typer.Option(min=1, max=CONTEXT_MAX, help="tokens of each other call")
    ] = SEQUENCE_TOKENS,
    gpu: Annotated[str | None, typer.Option(metavar="g5.xlarge|A10G|...", help="a machine of EC2, or a chip")] = None,
    gpu_memory_gb: Annotated[float | None, typer.Option(min=1, max=10_000, help="of each GPU, 10^9 bytes")] = None,
    gpus: Annotated[int | None, typer.Option(min=1, max=GPUS_MAX, help="that share the model")] = None,
    utilization: Annotated[float, typer.Option(min=0.1, max=1, help="share the engine may take")] = float(UTILIZATION),
    kv_cache: Annotated[str, typer.Option(metavar="bf16|fp8", help="values of the KV cache")] = "bf16",
    batched_tokens: Annotated[int, typer.Option(min=1, max=CONTEXT_MAX, help="of one step")] = BATCHED_TOKENS,
    overhead_gb: Annotated[float, typer.Option(min=0, max=100, help="CUDA and the engine")] = RUNTIME_BYTES / GB,
) -> None:
    """The whole sum: weights, KV cache, activations, engine; exit 2 with the nearest choice where it does not fit."""
    config = _model(model)
    serving = Serving(
        precision=precision_of(model, config.quantization, precision),
        context=context,
        sequences=sequences,
        sequence_tokens=sequence_tokens,
        kv_value_bytes=_kv_bytes(kv_cache),
        batched_tokens=batched_tokens,
        utilization=Decimal(str(utilization)),
        runtime_bytes=round(overhead_gb * GB),
    )
    found = fit(config.shape, serving, _gpus(gpu, gpu_memory_gb, gpus))
    choices = () if found.fits else nearest(found)
    if out.json:
        put_json(fit_json(found, choices))
    else:
        put("\n".join(fit_lines(found, choices)))
    if not found.fits:
        if out.json:
            warn(f"debrief: {found.shape.name} does not fit")
        raise typer.Exit(UsageFault.exit_code)


def _model(name: str) -> ModelConfig:
    path = Path(name)
    if path.is_dir():
        path /= "config.json"
    if path.suffix != ".json":
        return ModelConfig(shape=require_shape(name), quantization=None)
    try:
        with path.open("rb") as file:
            content = file.read(CONFIG_BYTES_MAX + 1)
    except OSError as error:
        raise UsageFault(f"--model {path}: cannot be read: {error.strerror}") from error
    return read_config(content, path.parent.name or path.name)


def _gpus(name: str | None, memory_gb: float | None, count: int | None) -> Accelerators:
    if (name is None) == (memory_gb is None):
        raise UsageFault("name the GPU with either --gpu (g5.xlarge, A10G, ...) or --gpu-memory-gb")
    if name is not None:
        return accelerators(name, count)
    return Accelerators(name=f"{memory_gb:g} GB", chip="GPU", memory=round((memory_gb or 0) * GB), count=count or 1)


def _kv_bytes(name: str) -> int:
    precision = named_precision(name)
    if precision not in {Precision.BF16, Precision.FP8}:
        raise UsageFault(f"--kv-cache {name[:40]!r}: it is bf16 or fp8")
    return 2 if precision is Precision.BF16 else 1


def fit_lines(found: Fit, choices: tuple[Choice, ...]) -> Iterator[str]:
    """The sum on one GPU, line by line, and what follows from it."""
    gpus, serving = found.gpus, found.serving
    count = f"{gpus.count} x " if gpus.count > 1 else ""
    kind = gpus.name if gpus.chip in {gpus.name, "GPU"} else f"{gpus.name} ({gpus.chip})"
    each = " each" if gpus.count > 1 else ""
    yield f"{found.shape.name} in {serving.precision.value} on {count}{kind}, {_gb(gpus.memory, 0)} GB{each}"
    yield f"{found.shape.parameters:,} parameters; GB are 10^9 bytes{_each(found)}"
    yield ""
    for line in found.lines:
        yield _line(line)
    yield _amount("Needed", found.needed, "")
    share = f"{_gb(gpus.memory, 0)} GB x {serving.utilization.normalize():f}"
    yield _amount("Available", found.available, share)
    yield ""
    yield fill(_verdict(found), WIDTH)
    for choice in choices:
        sizes = f"{_gb(choice.fit.needed)} of {_gb(choice.fit.available)} GB"
        yield f"  fits with {choice.words}: {sizes}{_each(choice.fit)}"
    for note in _notes(found):
        yield fill(note, WIDTH)


def _line(line: Line) -> str:
    return _amount(line.title, line.bytes, line.how)


def _amount(title: str, size: int, how: str) -> str:
    return f"{title:<13}{_gb(size):>8}  {how}".rstrip()


def _gb(size: int, places: int = 2) -> str:
    return f"{Decimal(size) / GB:,.{places}f}"


def _each(found: Fit) -> str:
    return " on each GPU" if found.gpus.count > 1 else ""


def _verdict(found: Fit) -> str:
    if found.fault:
        return f"Does not fit: {found.fault}."
    if not found.fits:
        return f"Does not fit: {_gb(-found.spare)} GB too much{_each(found)}."
    calls = "one call" if found.sequences == 1 else f"{found.sequences:,} calls at once"
    tokens = f"{min(found.serving.sequence_tokens, found.serving.context):,}"
    return (
        f"Fits, {_gb(found.spare)} GB to spare{_each(found)}: the KV cache then holds {calls}, one of "
        f"{found.serving.context:,} tokens, the others of {tokens}."
    )


def _notes(found: Fit) -> Iterator[str]:
    capability, precision = found.gpus.capability, found.serving.precision
    if capability is None:
        return
    if precision is Precision.FP8 and capability < FP8_ARITHMETIC:
        yield f"The {found.gpus.chip} does not compute in fp8: it can hold such weights, and is no faster for it."
    if capability < BF16_ARITHMETIC:
        yield f"The {found.gpus.chip} has no bfloat16: serve with --dtype float16, which is as large."


def fit_json(found: Fit, choices: tuple[Choice, ...]) -> dict[str, Any]:
    """The sum for programs; bytes are of each GPU."""
    return {
        "model": found.shape.name,
        "parameters": found.shape.parameters,
        "precision": found.serving.precision.value,
        "context": found.serving.context,
        "sequences": found.serving.sequences,
        "gpu": found.gpus.name,
        "gpus": found.gpus.count,
        "gpu_memory_bytes": found.gpus.memory,
        "lines": [{"title": line.title, "bytes": line.bytes, "how": line.how} for line in found.lines],
        "needed_bytes": found.needed,
        "available_bytes": found.available,
        "fits": found.fits,
        "fault": found.fault,
        "sequences_at_once": found.sequences,
        "nearest": [
            {"change": c.words, "needed_bytes": c.fit.needed, "available_bytes": c.fit.available} for c in choices
        ],
    }
