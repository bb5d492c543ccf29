"""Three ways to count tokens."""

from pathlib import Path

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers

from evaluator.adapters.tokens import approximate_token_counter, engine_token_counter, token_counter
from evaluator.errors import EngineUnavailable, UsageFault
from tests.integration.adapters.scripted_s3 import free_port
from tests.stub_engine import Abilities, StubEngine


@pytest.fixture
def tokenizer_json(tmp_path: Path) -> Path:
    """A tokenizer of one token per word, which also cuts and pads when it is asked to encode."""
    tokenizer = Tokenizer(models.WordLevel({"[UNK]": 0, "word": 1}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.enable_truncation(max_length=4)
    tokenizer.enable_padding(length=4)
    path = tmp_path / "tokenizer.json"
    tokenizer.save(str(path))
    return path


@pytest.mark.parametrize(("text", "count"), [("", 0), ("word", 1), ("word other word", 3), ("word " * 50, 50)])
def test_file_counts_the_text_and_nothing_else(tokenizer_json: Path, text: str, count: int) -> None:
    """Neither the file's limits nor its padding change a count."""
    assert count == token_counter(tokenizer_json)(text)


def test_file_counts_text_that_is_not_unicode(tokenizer_json: Path) -> None:
    """A lone surrogate counts as one unknown sign."""
    assert token_counter(tokenizer_json)("word \ud800") == 2


@pytest.mark.parametrize("content", [None, "", "{}", "not json"])
def test_unusable_file_is_named(tmp_path: Path, content: str | None) -> None:
    """A file that is missing or no tokenizer is a fault of the settings."""
    path = tmp_path / "other.json"
    if content is not None:
        path.write_text(content)

    with pytest.raises(UsageFault, match=r"other\.json"):
        token_counter(path)


def test_engine_is_asked_once_per_text() -> None:
    """Counts are kept, so that fitting a prompt does not ask for the same part again."""
    with StubEngine() as stub:
        count = engine_token_counter(stub.url, None, "stub-judge@1")
        counts = [count("one two"), count("one two"), count("three"), count("\ud800")]

        assert counts[:3] == [3, 3, 1]
        assert stub.calls["/tokenize"] == 3


def test_endpoint_without_tokenize_points_to_the_file() -> None:
    """A managed endpoint cannot count; the message names the other way."""
    with (
        StubEngine(abilities=Abilities(tokenize=False)) as stub,
        pytest.raises(EngineUnavailable, match=r"name the model's tokenizer\.json"),
    ):
        engine_token_counter(stub.url, None, "stub-judge@1")("text")


def test_unreachable_engine_is_unavailable() -> None:
    """Nobody listens: an outage, not a count of zero."""
    with pytest.raises(EngineUnavailable, match="ConnectError"):
        engine_token_counter(f"http://127.0.0.1:{free_port()}", "hunter2", "m")("text")


@pytest.mark.parametrize(("text", "count"), [("", 0), ("a", 1), ("abc", 1), ("abcd", 2), ("日本", 2), ("\ud800", 1)])
def test_estimate_is_a_token_for_three_bytes(text: str, count: int) -> None:
    """Rounded up, so that only the empty text has none."""
    assert count == approximate_token_counter()(text)
