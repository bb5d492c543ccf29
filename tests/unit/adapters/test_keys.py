"""The one rule for object keys."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluator import layout
from evaluator.adapters.keys import KEY_BYTES_MAX, checked_key, fault_of
from evaluator.errors import ContentError

LONGEST_ID = "a" + "._-Z" * 15 + "zzz"


@pytest.mark.parametrize(
    "key",
    [
        layout.manifest_key(LONGEST_ID),
        layout.turn_key(LONGEST_ID, 999_999),
        layout.checkpoint_key(LONGEST_ID, "f" * 64, LONGEST_ID),
        layout.rejected_manifest_key("odd name (1).json", "0" * 64),
    ],
)
def test_keys_of_the_layout_are_usable(key: str) -> None:
    """The longest keys that the product writes pass."""
    assert key == checked_key(key)


@given(st.text(max_size=40))
def test_usable_keys_never_leave_a_folder(key: str) -> None:
    """No part of a usable key is empty, '.' or '..', and none holds what a file system reads otherwise."""
    if fault_of(key) is None:
        parts = key.split("/")

        assert all(part not in ("", ".", "..") for part in parts)
        assert not set(key) & {"\x00", "\\"}


@given(st.text(alphabet="./\\a\x00\ud800", max_size=12))
def test_checking_raises_content_error_or_returns_the_key(key: str) -> None:
    """There is no third outcome, whatever the key."""
    try:
        checked = checked_key(key)
    except ContentError:
        return

    assert key == checked


def test_key_of_the_greatest_length_passes_and_one_more_byte_fails() -> None:
    """Length counts bytes, not characters."""
    longest = "é/" * (KEY_BYTES_MAX // 3)

    assert fault_of(longest[:-1]) is None
    assert fault_of(longest + "éé") is not None
