"""What PostgreSQL cannot keep is told before it is asked to."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluator.errors import UsageFault
from evaluator.storage.keeping import keepable

WORDS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"))


@given(st.dictionaries(WORDS, st.recursive(WORDS | st.integers() | st.none(), st.lists, max_leaves=5)))
@settings(deadline=None)
def test_what_can_be_kept_comes_back_as_it_is(value):
    """Backslashes and the word u0000 among it."""
    assert value == keepable(value, "it")


@pytest.mark.parametrize("text", ["\\u0000", "\\\\u0000", "u0000", "\\", "\\x00"])
def test_spelling_of_a_nul_is_none(text):
    """Whoever types the six characters may."""
    assert {"note": text} == keepable({"note": text}, "it")


@pytest.mark.parametrize("text", ["\x00", "\\\x00", "a\x00b", "\\\\\x00"])
def test_nul_is_refused(text):
    """Also behind backslashes, in a key, and deep inside."""
    for value in ({"note": text}, {text: 1}, {"a": [{"b": text}]}):
        with pytest.raises(UsageFault, match="NUL"):
            keepable(value, "it")


@pytest.mark.parametrize("value", ["\ud800", float("nan"), float("inf"), b"bytes", object()])
def test_what_is_no_json_is_refused_without_being_repeated(value):
    """The message names the thing and the kind of fault."""
    with pytest.raises(UsageFault, match=r"^it holds what cannot be kept: \w+$"):
        keepable({"note": value}, "it")


def test_depth_without_end_is_refused():
    """A thousand brackets are no reason to fail."""
    with pytest.raises(UsageFault):
        keepable({"a": json.loads("[" * 900 + "]" * 900), "b": _deep(100_000)}, "it")


def _deep(levels: int) -> list:
    value: list = []
    for _ in range(levels):
        value = [value]
    return value
