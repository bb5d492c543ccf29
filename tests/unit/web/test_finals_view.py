"""What somebody wants to become of a level, and what they must say for it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluator.web.field_view import Fields, level_choices, level_of, level_word, text_fault
from evaluator.web.finals_view import Wish, wish_faults, wish_fields, wish_of
from tests.factories import a_criterion

DEPTH = a_criterion("depth")
WHY = "Names the lag at the very end."


@pytest.mark.parametrize(
    ("wish", "stands", "fields"),
    [
        (Wish(), 4, ["final-depth"]),
        (Wish(level="other"), 4, ["other-depth"]),
        (Wish(level="other", other="other"), 4, ["other-depth"]),
        (Wish(level="7"), 4, ["final-depth"]),
        (Wish(level="4"), 4, []),
        (Wish(level="none"), None, []),
        (Wish(level="other", other="4"), 4, []),
        (Wish(level="3"), 4, ["reason-depth", "text-depth"]),
        (Wish(level="3", reason="other", text="short"), 4, ["text-depth"]),
        (Wish(level="none", reason="other", text=WHY), 4, []),
        (Wish(level="other", other="1", reason="asr_error", text=WHY), None, []),
    ],
)
def test_another_level_needs_a_reason(wish, stands, fields):
    """What stays as it stands needs none."""
    assert fields == [fault.field for fault in wish_faults(wish, DEPTH, stands)]


@given(
    st.lists(
        st.tuples(st.sampled_from(["final-depth", "other-depth", "reason-depth", "text-depth"]), st.text(max_size=30))
    )
)
def test_any_form_is_read(pairs):
    """And comes back as it was read over a page that only asks."""
    wish = wish_of(Fields(tuple(pairs)), "depth")

    assert wish == wish_of(Fields(wish_fields({"depth": wish})), "depth")
    wish_faults(wish, DEPTH, 3)


@pytest.mark.parametrize("level", [None, 1, 2, 3, 4, 5])
def test_levels_have_one_spelling(level):
    """None too."""
    assert level == level_of(level_word(level))


@pytest.mark.parametrize("word", ["", "0", "6", "04", "٣", " 3", "other"])
def test_what_is_no_level_is_refused(word):
    """Digits of other scripts too."""
    with pytest.raises(ValueError, match=r"^.{0,10}$"):
        level_of(word)


def test_levels_are_offered_the_lowest_first():
    """Each with its behaviour, and that none can be given."""
    choices = level_choices(DEPTH, chosen="none")

    assert ["1", "2", "3", "4", "5", "none"] == [choice.value for choice in choices]
    assert [choice.chosen for choice in choices] == [False] * 5 + [True]
    assert "Depth, behaviour of level 1." == choices[0].text


@pytest.mark.parametrize(("length", "fault"), [(0, True), (14, True), (15, False), (2_000, False), (2_001, True)])
def test_a_text_has_its_limits(length, fault):
    """In characters, without the white space around it."""
    assert fault == (text_fault("  " + "x" * length + "\n") is not None)


@pytest.mark.parametrize(
    ("text", "number"), [("7", 7), ("", 0), ("-1", 0), ("x", 0), ("9" * 30, 0), ("4294967296", 2**31 - 1)]
)
def test_a_number_of_a_form_is_a_count(text, number):
    """Whatever was sent."""
    assert number == Fields((("number", text),)).number("number")
