"""The base of the values: closed, frozen, and with one spelling."""

import hashlib
import json
import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from evaluator.values import Frozen, Id, Moment, Sha256, canonical, sha256

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


def shuffled(value, rng):
    """The same value with every object's keys in another order."""
    if isinstance(value, dict):
        return {key: shuffled(value[key], rng) for key in rng.sample(list(value), len(value))}
    return [shuffled(item, rng) for item in value] if isinstance(value, list) else value


@given(value=JSON, seed=st.integers(0, 9))
def test_the_canonical_spelling_depends_on_no_order_and_loses_nothing(value, seed):
    """It reads back as the same value."""
    data = canonical(value)

    assert data == canonical(shuffled(value, random.Random(seed)))
    assert value == json.loads(data)


def test_the_canonical_spelling_is_pinned():
    """Every digest there is was taken over it."""
    assert b'{"a":[1,2.5,null,true],"b":"\xc3\xa9\\n"}' == canonical({"b": "é\n", "a": [1, 2.5, None, True]})


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_what_json_cannot_spell_is_refused(number):
    """Rather than written as something that no other parser reads."""
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical({"value": number})


def test_sha256_is_hex():
    """As the store's keys and the rows hold it."""
    assert hashlib.sha256(b"abc").hexdigest() == sha256(b"abc")


class Example(Frozen):
    """A value for these tests."""

    share: float = 0.0


def test_a_value_refuses_unknown_fields_and_what_is_no_number():
    """At the door, so that nobody checks again."""
    for fields in ({"shares": 1.0}, {"share": math.nan}, {"share": math.inf}):
        with pytest.raises(ValidationError):
            Example(**fields)


def test_a_value_cannot_be_changed_and_equals_its_twin():
    """It can stand in a set."""
    value = Example(share=0.5)

    with pytest.raises(ValidationError):
        value.share = 0.6
    assert {Example(share=0.5)} == {value}


@pytest.mark.parametrize("text", ["a", "A-1", "iv_2026.11", "0" * 64])
def test_an_id_that_is_safe_in_a_key_is_taken(text):
    """Letters, digits, dot, dash and underscore."""
    assert text == TypeAdapter(Id).validate_python(text)


@pytest.mark.parametrize(
    "text",
    ["", ".", "..", "../x", "a/b", "a\\b", "-a", "_a", ".a", "a b", "a\n", "a\x00", "\u0430", "0" * 65],
)
def test_an_id_that_could_leave_its_place_is_refused(text):
    """Path parts, white space, look-alike letters and endless names."""
    with pytest.raises(ValidationError):
        TypeAdapter(Id).validate_python(text)


@pytest.mark.parametrize("text", ["", "a" * 63, "a" * 65, "A" * 64, "g" * 64, "a" * 64 + "\n"])
def test_a_digest_is_64_hex_digits(text):
    """Lower case, nothing around it."""
    with pytest.raises(ValidationError):
        TypeAdapter(Sha256).validate_python(text)


def test_a_moment_knows_its_zone():
    """A time without one could be anywhere."""
    moment = TypeAdapter(Moment)

    assert moment.validate_python("2026-11-18T14:02:00Z").tzinfo is not None
    with pytest.raises(ValidationError, match="needs a time zone"):
        moment.validate_python("2026-11-18T14:02:00")
