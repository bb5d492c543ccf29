"""Whether a model fits: the sum line by line, what it is held against, and what would fit instead."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluator.errors import UsageFault
from evaluator.planning.fit import Precision, Serving, fit, nearest, weight_bytes
from evaluator.planning.gpus import GB, INSTANCES, Accelerators, accelerators
from evaluator.planning.precisions import named_precision, precision_of
from evaluator.planning.shape import LLAMA_3_1_8B, LLAMA_3_1_70B, SHAPES

G5 = INSTANCES["g5.xlarge"]
SERVINGS = st.builds(
    Serving,
    precision=st.sampled_from(Precision),
    context=st.integers(256, 131_072),
    sequences=st.integers(1, 256),
    sequence_tokens=st.integers(1, 8_192),
    kv_value_bytes=st.sampled_from([1, 2]),
)
GPUS = st.builds(
    Accelerators,
    name=st.just("GPU"),
    chip=st.just("GPU"),
    memory=st.integers(1, 200).map(lambda gb: gb * GB),
    count=st.sampled_from([1, 2, 4, 8]),
)


@pytest.mark.parametrize(
    ("precision", "gb"), [(Precision.BF16, "149.2"), (Precision.FP8, "80.7"), (Precision.INT4, "47.8")]
)
def test_a_70b_model_does_not_fit_a_g5_xlarge(precision, gb):
    """In no precision: already its weights are 141, 73 and 40 GB, and 21.6 are to be had."""
    found = fit(LLAMA_3_1_70B, Serving(precision=precision), G5)

    assert not found.fits
    assert (gb, 21_600_000_000) == (f"{found.needed / GB:.1f}", found.available)


@pytest.mark.parametrize(
    ("shape", "precision", "gb"),
    [
        (LLAMA_3_1_8B, Precision.BF16, "16.06"),
        (LLAMA_3_1_8B, Precision.FP8, "9.08"),
        (LLAMA_3_1_8B, Precision.INT4, "5.73"),
        (LLAMA_3_1_70B, Precision.FP8, "72.66"),
        (LLAMA_3_1_70B, Precision.INT4, "39.77"),
    ],
)
def test_weights_are_as_large_as_their_published_files(shape, precision, gb):
    """Embeddings and output stay at 16 bits; 4 bits carry a scale and a zero point for each 128."""
    assert gb == f"{weight_bytes(shape, precision) / GB:.2f}"


def test_the_sum_of_an_8b_model_on_24_gb():
    """Weights, 128 KiB of KV cache a token, activations and engine; and the calls for which the rest has room."""
    found = fit(LLAMA_3_1_8B, Serving(), G5)

    assert 131_072 == found.kv_token_bytes
    lines = [line.bytes for line in found.lines]
    activations = 8_192 * (2 * 4_096 + 3 * 14_336) * 2 + 3 * 4 * 128_256
    assert [16_060_522_496, 16_384 * 131_072, activations, GB] == lines
    assert (True, sum(lines)) == (found.fits, found.needed)
    assert 1 + (21_600_000_000 - 16_060_522_496 - activations - GB - 16_384 * 131_072) // (2_048 * 131_072) == (
        found.sequences
    )


def test_calls_at_once_take_room():
    """64 of them do not find it beside the same weights; what does is named, the least change first."""
    found = fit(LLAMA_3_1_8B, Serving(sequences=64), G5)

    assert not found.fits
    assert ["--sequences 6", "--gpu g6e.xlarge"] == [choice.words for choice in nearest(found)]


def test_the_nearest_choice_for_a_70b_model():
    """Another machine in this precision, or 4 bits on a smaller one; nothing would do on this."""
    found = fit(LLAMA_3_1_70B, Serving(), G5)

    assert ["--gpu g6e.12xlarge", "--precision int4 --gpu g5.12xlarge"] == [c.words for c in nearest(found)]


def test_a_lighter_precision_is_offered_where_it_is_enough():
    """And a shorter context where that is; the shortest holds one section's call."""
    found = fit(LLAMA_3_1_8B, Serving(context=65_536), G5)

    assert ["--precision fp8", "--context 16384", "--gpu g6e.xlarge"] == [c.words for c in nearest(found)]


def test_heads_are_split_evenly_or_not_at_all():
    """24 heads cannot be split over 16 GPUs, however large."""
    found = fit(SHAPES["Llama-3.2-3B"], Serving(), replace(G5, count=16))

    assert (False, 0) == (found.fits, found.sequences)
    assert "24 attention heads cannot be split over 16 GPUs" == found.fault


def test_more_gpus_than_kv_heads_hold_each_head_more_than_once():
    """8 KV heads over 16 GPUs: one on each."""
    eight, sixteen = (fit(LLAMA_3_1_8B, Serving(), replace(G5, count=count)) for count in (8, 16))

    assert eight.kv_token_bytes == sixteen.kv_token_bytes


@given(shape=st.sampled_from([*SHAPES.values()]), serving=SERVINGS, gpus=GPUS, more=st.integers(0, 10**12))
def test_fit_is_monotone_in_memory(shape, serving, gpus, more):
    """What fits, fits into more; and at least as many calls find room."""
    small, large = fit(shape, serving, gpus), fit(shape, serving, replace(gpus, memory=gpus.memory + more))

    assert large.fits or not small.fits
    assert large.sequences >= small.sequences
    assert small.needed == large.needed == sum(line.bytes for line in small.lines)


@given(shape=st.sampled_from([*SHAPES.values()]), serving=SERVINGS, gpus=GPUS)
def test_what_is_offered_fits(shape, serving, gpus):
    """Each choice by its own sum, and nothing is offered in place of itself."""
    wanted = fit(shape, serving, gpus)

    if not wanted.fits:
        assert all(choice.fit.fits and choice.fit != wanted for choice in nearest(wanted))


@given(serving=SERVINGS, gpus=GPUS)
def test_as_many_calls_as_are_said_find_room(serving, gpus):
    """Asked for, they fit; one more does not, but for what its logits take."""
    found = fit(LLAMA_3_1_8B, replace(serving, sequences=1), gpus)

    if 0 < found.sequences < 4_096:
        more = fit(LLAMA_3_1_8B, replace(serving, sequences=found.sequences + 1), gpus)
        assert found.fits
        assert not more.fits


@pytest.mark.parametrize(
    ("name", "chip", "gb", "count"),
    [
        ("g4dn.xlarge", "T4", 16, 1),
        ("g5.xlarge", "A10G", 24, 1),
        ("g6.xlarge", "L4", 24, 1),
        ("g6e.xlarge", "L40S", 48, 1),
        ("p4d.24xlarge", "A100", 40, 8),
        ("p5.48xlarge", "H100", 80, 8),
        ("h100", "H100", 80, 1),
    ],
)
def test_known_machines_and_chips(name, chip, gb, count):
    """Memory as published."""
    found = accelerators(name)

    assert (chip, gb * GB, count) == (found.chip, found.memory, found.count)


def test_a_machine_has_only_so_many_gpus():
    """Fewer may be used of it; more are refused, as is a name that nothing has."""
    assert 2 == accelerators("p5.48xlarge", 2).count
    with pytest.raises(UsageFault, match=r"g5\.xlarge has one GPU, not 2"):
        accelerators("g5.xlarge", 2)
    with pytest.raises(UsageFault, match=r"did you mean g5\.xlarge"):
        accelerators("g5.xlage")


@pytest.mark.parametrize(
    ("model", "quantization", "asked", "precision"),
    [
        ("Llama-3.1-8B", None, None, Precision.BF16),
        ("Llama-3.1-8B-Instruct-AWQ-INT4", None, None, Precision.INT4),
        ("Llama-3.1-8B-GPTQ-Int8", None, None, Precision.INT8),
        ("Llama-3.1-8B-FP8", None, None, Precision.FP8),
        ("config.json", "awq", None, Precision.INT4),
        ("config.json", "awq", "fp16", Precision.BF16),
    ],
)
def test_the_precision_is_asked_for_or_read(model, quantization, asked, precision):
    """The option first, then the configuration, then the model's name."""
    assert precision is precision_of(model, quantization, asked)


def test_a_precision_that_is_open_is_asked_for():
    """`compressed-tensors` may be of any width; a mistyped one is named."""
    with pytest.raises(UsageFault, match="leaves the width open; give --precision"):
        precision_of("config.json", "compressed-tensors", None)
    with pytest.raises(UsageFault, match="precision 'bf61' is not known; it is one of bf16, fp8, int8, int4"):
        named_precision("bf61")


def test_utilization_is_the_share_that_the_engine_may_take():
    """The rest of the GPU stays free."""
    found = fit(LLAMA_3_1_8B, Serving(utilization=Decimal("0.5")), G5)

    assert (12 * GB, False) == (found.available, found.fits)
