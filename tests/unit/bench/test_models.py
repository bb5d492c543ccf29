"""Shapes as data, and the engine's arguments made of them."""

import math
from pathlib import Path

import pytest

from evaluator.embedded.engine import Engine
from tests.bench import gpu
from tests.bench.models import MID, TINY, Shape, ShapeEngine, config, options_of, sizes

H100 = 80 * 10**9


def an_engine(shape: Shape) -> ShapeEngine:
    """An engine of the shape that nobody starts."""
    return ShapeEngine(
        home=Path("/home"), api_key="k", model=shape.served_name, shape=shape, folder=Path("/models/x"), threads=2
    )


@pytest.mark.parametrize(
    ("shape", "millions"), [(TINY, 3), (MID, 25.7), (gpu.LLAMA_8B, 8_030), (gpu.LLAMA_70B, 70_554)]
)
def test_a_shape_has_the_size_that_its_name_says(shape, millions):
    """Within 1 %, norms left out; the file's tensors add up to the same."""
    in_file = sum(math.prod(size) for size in sizes(shape).values() if len(size) > 1)

    assert millions == pytest.approx(shape.parameters / 1e6, rel=0.01)
    assert shape.parameters == in_file


def test_the_cpu_engine_is_the_product_s_but_for_the_shape():
    """Every option and flag of the embedded engine is there; only the shape's own differ."""
    usual, flags = options_of(Engine(home=Path("/home"), api_key="k")._arguments(1))

    options, found_flags = options_of(an_engine(MID)._arguments(1))

    changed = {name for name in usual | options if usual.get(name) != options.get(name)}
    assert {"--model", "--served-model-name", "--kv-cache-memory-bytes"} == changed
    assert flags == found_flags


def test_offline_arms_get_the_same_engine_arguments():
    """All but what belongs to the server around it."""
    whole, flags = options_of(an_engine(TINY)._arguments(1))

    offline, offline_flags = options_of(an_engine(TINY).engine_arguments())

    assert {"--host", "--port", "--uvicorn-log-level"} == whole.keys() - offline.keys()
    assert {"--enable-prompt-tokens-details", "--no-enable-log-requests"} == set(flags) - set(offline_flags)
    assert all(whole[name] == value for name, value in offline.items())


def test_threads_are_the_same_for_all_arms():
    """By the environment that every arm's engine gets."""
    assert "2" == an_engine(TINY).environment(Path("/scratch"))["OMP_NUM_THREADS"]


def test_a_gpu_engine_leaves_out_what_is_set_for_two_cores():
    """Compiled graphs, its own process, memory by what the device has; weights made up, spread over the devices."""
    shape = gpu.placed(gpu.LLAMA_70B, [H100] * 4, gpus=4)
    engine = an_engine(shape)

    options, flags = options_of(engine._arguments(1))
    environment = engine.environment(Path("/scratch"))

    assert ("dummy", "4", "16") == tuple(
        options[name] for name in ("--load-format", "--tensor-parallel-size", "--block-size")
    )
    assert not {"--kv-cache-memory-bytes", "--enforce-eager"} & (options.keys() | set(flags))
    assert not {"TORCH_COMPILE_DISABLE", "VLLM_ENABLE_V1_MULTIPROCESSING", "OMP_NUM_THREADS"} & environment.keys()


def test_large_shapes_are_llama_s():
    """As in the published config.json of Llama 3.1."""
    made = config(gpu.LLAMA_70B)

    assert (8_192, 80, 64, 8, 128, 28_672, 128_256, False) == tuple(
        made[name]
        for name in (
            "hidden_size",
            "num_hidden_layers",
            "num_attention_heads",
            "num_key_value_heads",
            "head_dim",
            "intermediate_size",
            "vocab_size",
            "tie_word_embeddings",
        )
    )


@pytest.mark.parametrize(
    ("shape", "memory", "quantization", "gpus"),
    [
        (gpu.LLAMA_8B, [24 * 10**9], "", 1),
        (gpu.LLAMA_70B, [H100] * 8, "", 4),
        (gpu.LLAMA_70B, [H100] * 2, "fp8", 2),
        (gpu.LLAMA_70B, [141 * 10**9], "fp8", 1),
    ],
)
def test_as_few_devices_as_hold_the_weights(shape, memory, quantization, gpus):
    """With a fifth of each left for everything else."""
    assert gpus == gpu.placed(shape, memory, quantization=quantization).gpus


def test_a_shape_that_does_not_fit_is_refused_with_the_sum():
    """As Llama 70B on one card of 24 GB."""
    with pytest.raises(SystemExit, match=r"141 GB in bfloat16; of 1 devices with 24 GB"):
        gpu.placed(gpu.LLAMA_70B, [24 * 10**9])
