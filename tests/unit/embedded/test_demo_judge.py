"""The untrained demonstration judge is the same bytes everywhere, and its tokens suit the answer."""

import json
from pathlib import Path

import pytest
from tokenizers import Tokenizer

from evaluator.embedded import demo_judge

CORPUS = [
    '{"c1":{"evidence":["U12"],"level":4},"c2":{"evidence":[],"level":0}}',
    "We moved the service to a queue, and measured the latency before and after.",
] * 20


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A judge that was built once."""
    return demo_judge.ensure_demo_judge(tmp_path_factory.mktemp("home"), lambda: CORPUS)


@pytest.fixture
def tokenizer(folder: Path) -> Tokenizer:
    """Its tokenizer."""
    return Tokenizer.from_file(str(folder / "tokenizer.json"))


def test_same_corpus_gives_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    """Two builds from the same text are identical, file by file."""
    again = demo_judge.ensure_demo_judge(tmp_path, lambda: CORPUS)

    assert {f.name: f.read_bytes() for f in folder.iterdir()} == {f.name: f.read_bytes() for f in again.iterdir()}


def test_built_judge_is_used_again(folder: Path) -> None:
    """The corpus is not even asked for when the judge is there."""

    def never() -> list[str]:
        raise AssertionError("asked for the corpus")

    assert folder == demo_judge.ensure_demo_judge(folder.parents[1], never)


def test_failed_build_leaves_nothing(tmp_path: Path) -> None:
    """A build that fails leaves no folder that could be taken for a judge."""

    def broken() -> list[str]:
        raise ValueError("no corpus")

    with pytest.raises(ValueError, match="no corpus"):
        demo_judge.ensure_demo_judge(tmp_path, broken)

    assert [] == list((tmp_path / "models").iterdir())


@pytest.mark.parametrize("level", range(6))
def test_each_level_is_one_token(tokenizer: Tokenizer, level: int) -> None:
    """A level is one token, the same as the bare digit, so that its logprobs can be read and asked for."""
    ids = tokenizer.encode(f'{{"c1":{{"evidence":["U12"],"level":{level}}}}}').ids

    assert tokenizer.token_to_id(str(level)) in ids


def test_any_text_survives_the_tokenizer(tokenizer: Tokenizer) -> None:
    """Byte-level: what the corpus never had comes back as it was."""
    text = "Grüße, 你好 \U0001f600 \x07 <b>"

    assert text == tokenizer.decode(tokenizer.encode(text).ids)


def test_special_tokens_are_single_and_named_in_the_configuration(folder: Path, tokenizer: Tokenizer) -> None:
    """Begin and end of a turn are single tokens, and the model ends at the end of a turn."""
    config = json.loads((folder / "config.json").read_text())

    assert [[n] for n in range(len(demo_judge.SPECIAL_TOKENS))] == [
        tokenizer.encode(token).ids for token in demo_judge.SPECIAL_TOKENS
    ]
    assert demo_judge.END == tokenizer.id_to_token(config["eos_token_id"])
    assert demo_judge.BEGIN == tokenizer.id_to_token(config["bos_token_id"])
    assert tokenizer.get_vocab_size() == config["vocab_size"]


def test_weights_fit_the_configuration(folder: Path) -> None:
    """The safetensors file holds every tensor of the model in order, and nothing else."""
    raw = (folder / "model.safetensors").read_bytes()
    length = int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8 : 8 + length])
    header.pop("__metadata__")
    ends = [tensor["data_offsets"][1] for tensor in header.values()]

    assert 2 + 9 * demo_judge.LAYERS == len(header)
    assert len(raw) - 8 - length == ends[-1] == max(ends)


def test_name_carries_the_revision() -> None:
    """Completions are kept under the served name, so it says which judge it is."""
    assert "demo-judge-untrained@3" == demo_judge.SERVED_NAME
