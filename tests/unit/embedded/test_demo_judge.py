"""The demonstration judge that ships is small, whole, and the one that its name says."""

import hashlib
import json

import pytest
from tokenizers import Tokenizer

from evaluator.embedded import demo_judge

BYTES_MAX = 15_000_000
# Of model.safetensors and tokenizer.json. Completions are kept under the served name, so other files need another one.
DIGESTS = {
    "demo-judge@1": (
        "c81d181b086c1d1ccc1e503e3c3e8621458a4593ff05d7beb4651a69f421eaaf",
        "7eb5c3ecff857059ef0c4e8edb9958f041517f9eb38cbcafc35f51c248727fd4",
    ),
}


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    """The judge's tokenizer."""
    return Tokenizer.from_file(str(demo_judge.TOKENIZER))


@pytest.fixture(scope="module")
def config() -> dict:
    """The judge's config.json."""
    return json.loads((demo_judge.FOLDER / "config.json").read_text())


def test_all_of_it_is_small():
    """It travels with the package."""
    assert sum(f.stat().st_size for f in demo_judge.FOLDER.iterdir()) <= BYTES_MAX


def test_name_stands_for_these_files():
    """Another judge under the same name would be taken for this one."""
    files = ("model.safetensors", "tokenizer.json")
    found = tuple(hashlib.sha256((demo_judge.FOLDER / name).read_bytes()).hexdigest() for name in files)

    assert DIGESTS[demo_judge.SERVED_NAME] == found


def test_card_lies_beside_the_weights():
    """It says what it was trained on, and its limits."""
    card = (demo_judge.FOLDER / "README.md").read_text()

    assert all(f"## {part}" in card for part in ("Data", "Recipe", "Hardware and time", "Results", "Limits"))


@pytest.mark.parametrize("level", range(6))
def test_each_level_is_one_token(tokenizer: Tokenizer, level: int):
    """A level is one token, the same as the bare digit, so that its logprobs can be read and asked for."""
    ids = tokenizer.encode(f'{{"c1":{{"evidence":["U12"],"level":{level}}}}}').ids

    assert tokenizer.token_to_id(str(level)) in ids


@pytest.mark.parametrize("number", [1, 9, 10, 99, 100, demo_judge.ID_TOKENS])
def test_each_utterance_id_is_one_token(tokenizer: Tokenizer, number: int):
    """An id can be looked at as one."""
    assert [f"U{number}"] == tokenizer.encode(f"U{number}").tokens


def test_any_text_survives_the_tokenizer(tokenizer: Tokenizer):
    """Byte-level: what it never saw comes back as it was."""
    text = "Grüße, 你好 \U0001f600 \x07 <b>"

    assert text == tokenizer.decode(tokenizer.encode(text).ids)


def test_special_tokens_are_single_and_named_in_the_configuration(config: dict, tokenizer: Tokenizer):
    """Begin and end of a turn are single tokens, and the model ends at the end of a turn."""
    assert [[n] for n in range(len(demo_judge.SPECIAL_TOKENS))] == [
        tokenizer.encode(token).ids for token in demo_judge.SPECIAL_TOKENS
    ]
    assert demo_judge.END == tokenizer.id_to_token(config["eos_token_id"])
    assert demo_judge.BEGIN == tokenizer.id_to_token(config["bos_token_id"])
    assert tokenizer.get_vocab_size() == config["vocab_size"]


def test_weights_fit_the_configuration(config: dict):
    """The safetensors file holds every tensor of the model, and nothing else."""
    raw = (demo_judge.FOLDER / "model.safetensors").read_bytes()
    length = int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8 : 8 + length])
    header.pop("__metadata__")

    assert 2 + 9 * config["num_hidden_layers"] == len(header)
    assert len(raw) - 8 - length == max(tensor["data_offsets"][1] for tensor in header.values())


def test_prompt_of_today_is_what_it_was_trained_on(tokenizer: Tokenizer):
    """The frames around rubric and interview are one token each: a changed prompt needs a judge trained anew."""
    from live_agent.training.__main__ import shipped_rubrics
    from live_agent.training.tokenizer import frames

    assert all(len(tokenizer.encode(frame).ids) == 1 for frame in frames(shipped_rubrics()[0].sections[0]))
