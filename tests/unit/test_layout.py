"""Keys of the object store: spelled in one place, from safe ids only."""

import re
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluator import layout
from evaluator.errors import ManifestFault
from evaluator.values import ID_PATTERN

DIGEST = "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("made", "key"),
    [
        (layout.manifest_key("iv"), "inbox/iv.json"),
        (layout.open_key("iv"), "open/iv.json"),
        (layout.transcript_key("iv", DIGEST), "interviews/iv/transcript-0123456789abcdef.json"),
        (
            layout.archived_manifest_key("iv", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), DIGEST),
            "interviews/iv/manifest-20260102T030405.000000-0123456789abcdef.json",
        ),
        (layout.turn_key("iv", 7), "interviews/iv/turns/000007.json"),
        (layout.release_key("iv", DIGEST), "interviews/iv/release-0123456789abcdef.json"),
        (layout.recording_key("iv", "ogg"), "interviews/iv/recording.ogg"),
    ],
)
def test_key_is_spelled_as_designed(made, key):
    """Each object has its one place."""
    assert key == made


def test_checkpoint_lies_under_its_evaluation():
    """All checkpoints of one evaluation share a prefix, so that they can be listed and removed together."""
    key = "a" * 64

    assert layout.checkpoint_key("iv", key, "s1") == f"{layout.checkpoints_prefix('iv', key)}s1.json"


@pytest.mark.parametrize(
    ("part", "name"),
    [("", "s1"), ("~1", "s1~1"), ("~1.12", "s1~1.12"), ("~2.3~1.4", "s1~2.3~1.4"), ("~2.3~1", "s1~2.3~1")],
)
def test_a_part_of_a_section_lies_beside_it(part, name):
    """Under a name that no section can have."""
    key = layout.checkpoint_key("iv", "a" * 64, "s1", part)

    assert f"{layout.checkpoints_prefix('iv', 'a' * 64)}{name}.json" == key
    assert not part or not re.fullmatch(ID_PATTERN, name)


@pytest.mark.parametrize("bad", ["~", "~0", "~1.", "1", "~1~2", "~1.2/", "~../x", "~1.0", "~-1"])
def test_a_part_that_is_no_window_makes_no_key(bad):
    """Only cuts and windows are spelled."""
    with pytest.raises(ValueError, match="names no window"):
        layout.checkpoint_key("iv", "a" * 64, "s1", bad)


@pytest.mark.parametrize("bad", ["", ".", "..", "../x", "a/b", "a\n", "ü", "a b", "-a", "x" * 65, "a\x00"])
def test_unsafe_id_makes_no_key(bad):
    """An id that could leave its folder, or hide in it, is refused."""
    with pytest.raises(ManifestFault, match="is not usable"):
        layout.manifest_key(bad)


@given(identifier=st.from_regex(ID_PATTERN, fullmatch=True))
@settings(max_examples=100, deadline=None)
def test_safe_id_stays_in_its_folder(identifier):
    """No safe id makes a key with an empty, dot or parent segment."""
    segments = layout.transcript_key(identifier, DIGEST).split("/")

    assert 3 == len(segments)
    assert not any(re.fullmatch(r"\.{0,2}", segment) for segment in segments)
