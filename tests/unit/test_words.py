"""Codes, figures and characters in plain words."""

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluator.words import (
    clock,
    event_words,
    failure_words,
    iso,
    percent,
    reason_words,
    spread_words,
    utc,
    visible,
)


@pytest.mark.parametrize(
    ("hidden", "shown"),
    [
        ("a\u202eb", "a⟨U+202E⟩b"),
        ("\x1b[31mred", "⟨U+001B⟩[31mred"),
        ("nul\x00", "nul⟨U+0000⟩"),
        ("tag\U000e0041", "tag⟨U+E0041⟩"),
        ("\ufeffbom", "⟨U+FEFF⟩bom"),
    ],
)
def test_hidden_characters_are_spelled_out(hidden, shown):
    """What would reorder, colour or hide text on a page or a terminal is shown as what it is."""
    assert shown == visible(hidden)


@pytest.mark.parametrize(
    "text", ["naïve café", "日本語。", "نص عربي\u200f", "می\u200cخواهم", "👩\u200d💻", "two\nlines"]
)
def test_honest_text_is_untouched(text):
    """Letters of any script and the marks that they need stay as they are."""
    assert text == visible(text)


@given(st.text())
def test_visible_text_has_no_control_but_line_breaks_and_tabs(text):
    """Whatever is said, no control character reaches the reader."""
    controls = {chr(n) for n in [*range(32), *range(127, 160)]} - set("\n\t")

    assert not controls & set(visible(text))


@given(st.text())
def test_visible_is_stable(text):
    """Spelling out twice changes nothing more."""
    assert visible(text) == visible(visible(text))


@pytest.mark.parametrize(("seconds", "shown"), [(0, "00:00"), (723.9, "12:03"), (3723, "1:02:03")])
def test_clock_counts_minutes_and_hours_only_where_there_are_some(seconds, shown):
    """A place in the recording reads as players show it."""
    assert shown == clock(seconds)


@pytest.mark.parametrize(
    ("share", "shown"), [(0.0, "0 %"), (0.001, "<1 %"), (0.61, "61 %"), (0.999, ">99 %"), (1.0, "100 %")]
)
def test_percent_never_rounds_a_chance_to_none_or_all(share, shown):
    """0 % and 100 % are said only of exactly those."""
    assert shown == percent(share)


@pytest.mark.parametrize(("spread", "shown"), [(0.2, "±0.2"), (1.04, "±1.0"), (0.04, "±0.04"), (0.001, "±<0.01")])
def test_spread_never_looks_exact(spread, shown):
    """A small spread gets another digit instead of ±0.0."""
    assert shown == spread_words(spread)


def test_moments_are_told_in_utc():
    """A moment of another zone is converted, not relabelled."""
    moment = datetime(2026, 11, 18, 1, 2, tzinfo=timezone(timedelta(hours=2)))

    assert ("17 Nov 2026 23:02 UTC", "2026-11-17T23:02:00Z") == (utc(moment), iso(moment))


@pytest.mark.parametrize("words", [reason_words, failure_words])
def test_unknown_codes_are_shown_as_codes(words):
    """A code from a newer worker is neither hidden nor guessed at."""
    assert "some_new_code" in words("some_new_code")


@pytest.mark.parametrize(
    ("detail", "words"),
    [
        ({"section_id": "design", "reused": False}, "Section design scored and saved"),
        ({"section_id": "design", "reused": True}, "Section design read from its checkpoint"),
        ({"section_id": "design", "reused": False, "window": "1.2"}, "Section design, window 1.2, scored and saved"),
    ],
)
def test_a_sections_progress_is_told_with_its_window(detail, words):
    """A window of a long section is progress, and not yet the section."""
    assert words == event_words("section", detail)


def test_every_reason_for_no_level_has_its_words():
    """What the parser and the scorecard can say, the page can."""
    for code in ("too_few_words", "not_heard_well", "nothing_cited_in_windows", "section_too_long", "not_judged"):
        assert "Reason code" not in reason_words(code)
