"""Parameters by formula, held against those that the models' publishers count."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluator.embedded import demo_judge
from evaluator.errors import UsageFault
from evaluator.planning.shape import SHAPES, known_shape, read_config, require_shape

LLAMA_8B = {
    "model_type": "llama",
    "num_hidden_layers": 32,
    "hidden_size": 4096,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "intermediate_size": 14336,
    "vocab_size": 128256,
    "tie_word_embeddings": False,
    "rope_scaling": {"rope_type": "llama3"},
}


def _config(**changes):
    return json.dumps(LLAMA_8B | changes).encode()


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("Llama-3.1-8B", 8_030_261_248),
        ("Llama-3.1-70B", 70_553_706_496),
        ("Llama-3.3-70B", 70_553_706_496),
        ("Llama-3.2-1B", 1_235_814_400),
        ("Llama-3.2-3B", 3_212_749_824),
    ],
)
def test_the_published_count_of_a_llama(name, parameters):
    """As the metadata of their weights has it, to the last one."""
    assert parameters == SHAPES[name].parameters


@pytest.mark.parametrize(
    ("changes", "parameters"),
    [
        ({}, 8_030_261_248),
        ({"model_type": "mistral", "vocab_size": 32_000}, 7_241_732_096),
        ({"model_type": "mixtral", "vocab_size": 32_000, "num_local_experts": 8}, 46_702_792_704),
        (
            {
                "model_type": "qwen2",
                "num_hidden_layers": 28,
                "hidden_size": 3_584,
                "num_attention_heads": 28,
                "num_key_value_heads": 4,
                "intermediate_size": 18_944,
                "vocab_size": 152_064,
            },
            7_615_616_512,
        ),
        (
            {
                "model_type": "qwen3",
                "num_hidden_layers": 36,
                "head_dim": 128,
                "intermediate_size": 12_288,
                "vocab_size": 151_936,
            },
            8_190_735_360,
        ),
    ],
)
def test_the_published_count_of_a_configuration(changes, parameters):
    """Llama 3.1 8B, Mistral 7B, Mixtral 8x7B, Qwen2.5 7B, Qwen3 8B."""
    assert parameters == read_config(_config(**changes), "model").shape.parameters


def test_the_demonstration_judge_by_its_own_weights():
    """The formula gives what its file holds."""
    weights = (demo_judge.FOLDER / "model.safetensors").read_bytes()
    header = json.loads(weights[8 : 8 + int.from_bytes(weights[:8], "little")])
    sizes = [entry["shape"] for name, entry in header.items() if name != "__metadata__"]
    held = sum(shape[0] * (shape[1] if len(shape) > 1 else 1) for shape in sizes)

    shape = read_config((demo_judge.FOLDER / "config.json").read_bytes(), "demo").shape

    assert held == shape.parameters


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("meta-llama/Llama-3.1-8B-Instruct@0e9e39f", "Llama-3.1-8B"),
        ("hugging-quants/Meta-Llama-3.1-70B-Instruct-AWQ-INT4", "Llama-3.1-70B"),
        ("llama-3.3-70b", "Llama-3.3-70B"),
        ("Llama-3.1-80B", None),
        ("demo-judge@1", None),
        ("", None),
    ],
)
def test_a_model_is_known_by_its_usual_names(name, shape):
    """With its publisher, its revision and its variants; and no other is taken for it."""
    found = known_shape(name)

    assert shape == (found.name if found else None)


def test_an_unknown_model_is_told_what_comes_close():
    """And that a config.json will do."""
    with pytest.raises(UsageFault, match=r"did you mean Llama-3.1-8B\? Or give the path of its config.json"):
        require_shape("Llama-3.1-8")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"{", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[]", "model_type None is not one that can be counted"),
        (_config(model_type="mamba"), "model_type 'mamba' is not one that can be counted: llama"),
        (_config(model_type=["llama"]), "is not one that can be counted"),
        (_config(num_hidden_layers=-1, hidden_size="x"), "num_hidden_layers"),
        (_config(num_hidden_layers=True), "num_hidden_layers"),
        (_config(num_attention_heads=33), "head_dim is missing"),
        (b" " * 2_000_000, "more than 1,048,576 bytes"),
    ],
)
def test_a_configuration_that_cannot_be_counted_is_refused(content, told):
    """By name of what is wrong."""
    with pytest.raises(UsageFault) as caught:
        read_config(content, "config.json")

    assert told in str(caught.value)


@given(
    st.binary(max_size=100) | st.dictionaries(st.sampled_from([*LLAMA_8B]), st.integers()).map(lambda d: _config(**d))
)
def test_no_configuration_breaks_the_reader(content):
    """It is a shape, or a UsageFault."""
    try:
        found = read_config(content, "config.json")
    except UsageFault:
        return
    assert found.shape.parameters > 0
