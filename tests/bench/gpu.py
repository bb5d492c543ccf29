"""`gpu`: `ceiling` on a CUDA machine, with the shapes of Llama 3.1 8B and 70B and dummy weights.

Nothing is downloaded: the engine makes the weights up, and the tokenizer is the demonstration judge's. It needs vLLM's
GPU build (`make bench BENCH=gpu EXTRA=gpu`) and refuses, with the reason, where a shape cannot run.
"""

import argparse
import dataclasses
from collections.abc import Sequence

from tests.bench import ceiling
from tests.bench.models import Shape
from tests.bench.reporting import Report

GB = 10**9
WEIGHTS_SHARE_MAX = 0.80  # of a device's memory; the rest is for the cache of keys and values, and for activations
BYTES_PER_WEIGHT = {"": 2.0, "fp8": 1.0}  # bfloat16, or as vLLM quantizes while it loads
BLOCK_TOKENS = 16  # of vLLM's cache on CUDA
PARALLEL = (1, 2, 4, 8)

LLAMA_8B = Shape(
    name="llama-3.1-8b",
    hidden=4_096,
    layers=32,
    heads=32,
    key_value_heads=8,
    head_dim=128,
    feed_forward=14_336,
    vocabulary=128_256,
    tied=False,
    sequences_max=64,
    block_tokens=BLOCK_TOKENS,
    dummy=True,
    gpus=1,
)
LLAMA_70B = dataclasses.replace(
    LLAMA_8B, name="llama-3.1-70b", hidden=8_192, layers=80, heads=64, feed_forward=28_672, gpus=1
)
SHAPES = {"8b": LLAMA_8B, "70b": LLAMA_70B}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Those of `ceiling`, with sizes for a GPU, and how a model is spread."""
    ceiling.add_options(parser)
    parser.set_defaults(models="8b", sections=1_280, slots=slots_for(LLAMA_8B))
    parser.add_argument("--gpus", type=int, choices=PARALLEL, default=0, help="as few as hold the weights if not given")
    parser.add_argument("--quantization", choices=tuple(BYTES_PER_WEIGHT), default="", help="of the weights")


def run(options: argparse.Namespace) -> Report:
    """Every shape that was asked for; SystemExit with the reason where one cannot run here."""
    memory = devices()
    shapes = [
        placed(SHAPES[name], memory, gpus=options.gpus, quantization=options.quantization)
        for name in options.models.split(",")
    ]
    return ceiling.measure("gpu", shapes, options)


def slots_for(shape: Shape) -> int:
    """Interviews at once: two and a half times as many calls as the engine takes, five to an interview."""
    return -(-shape.sequences_max // 2)


def devices() -> list[int]:
    """Bytes of memory of each CUDA device; SystemExit where there is none that could be used."""
    import torch

    if not torch.version.cuda:
        raise SystemExit(
            "gpu: this Python has PyTorch's CPU build. On a machine with a CUDA device: make bench BENCH=gpu EXTRA=gpu"
        )
    if not torch.cuda.is_available():
        raise SystemExit("gpu: no CUDA device is to be seen here (nvidia-smi). Run it on a machine that has one")
    return [int(torch.cuda.get_device_properties(n).total_memory) for n in range(torch.cuda.device_count())]


def placed(shape: Shape, memory: Sequence[int], *, gpus: int = 0, quantization: str = "") -> Shape:
    """The shape over as many devices as asked for, else as few as hold its weights; SystemExit with the sum."""
    each_of = shape.parameters * BYTES_PER_WEIGHT[quantization]
    tried = [gpus] if gpus else [n for n in PARALLEL if n <= len(memory)]
    for count in tried:
        if count <= len(memory) and each_of / count <= WEIGHTS_SHARE_MAX * min(memory[:count]):
            return dataclasses.replace(shape, gpus=count, quantization=quantization)
    raise SystemExit(
        f"gpu: {shape.name} has {shape.parameters / 1e9:.1f} billion weights, {each_of / GB:.0f} GB in "
        f"{quantization or 'bfloat16'}; of {len(memory)} devices with {min(memory) / GB:.0f} GB each at most "
        f"{WEIGHTS_SHARE_MAX:.0%} may hold weights. Take more devices, or --quantization fp8"
    )
