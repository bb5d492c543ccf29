"""The comparison as it is read: addresses, words and drawings, from values alone."""

from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluator.comparing import Asked, asked
from evaluator.comparison import compare
from evaluator.errors import UsageFault
from evaluator.web.compare_strip import DOT, EDGE, STEP, TIER, WIDTH, Placed, dot_strip
from evaluator.web.compare_view import Addresses, show_of, standing_of
from tests.factories import a_rubric
from tests.unit.comparing import a_body, a_noise, an_entrant

RUBRIC = a_rubric()


def the_standing(*levels, noise=None):
    """The words of the depth row of candidates with these levels; None: not judged."""
    found = compare([an_entrant(n, a_body({"depth": v})) for n, v in enumerate(levels, 1)], RUBRIC, noise=noise)
    return standing_of(found.rows[0].difference, found.columns)


def test_a_tie_says_within_what():
    """With the measured figure beside it."""
    found = the_standing(3, 4, noise=a_noise())

    assert (True, "1, within noise", "±1.4") == (found.tie, found.words, found.noise)


def test_pairs_that_tie_are_named():
    """Where others of the row do not."""
    found = the_standing(5, 4, 2, noise=a_noise())

    assert ("3", "C-0001 ≈ C-0002") == (found.words, found.pairs)


def test_many_pairs_are_counted():
    """A cell holds two, not ten."""
    found = the_standing(5, 5, 4, 4, 1, noise=a_noise())

    assert "≈ 6 of 10 pairs" == found.pairs


def test_what_is_not_comparable_says_why():
    """In two parts, the short one first; noise says nothing there."""
    found = the_standing(3, 0, noise=a_noise())

    assert ("Not comparable", "Not all have a level", None) == (found.words, found.more, found.noise)


def test_without_a_measurement_there_is_no_noise():
    """Nothing is made up."""
    assert (False, None, None) == (
        (found := the_standing(3, 3)).tie,
        found.pairs,
        found.noise,
    )


def the_addresses(**changes):
    """Of three candidates."""
    values = {"refs": ("iv-1", "iv-2", "iv-3"), "mode": "ai", "pin": "iv-2"}
    return Addresses(wanted=Asked.model_validate({**values, **changes}), show="table", refs=values["refs"])


def test_an_address_keeps_what_it_does_not_change():
    """And leaves out what is as usual."""
    query = parse_qs(urlsplit(the_addresses().at(order="score")).query)

    assert {"c": ["iv-1", "iv-2", "iv-3"], "mode": ["ai"], "order": ["score"], "pin": ["iv-2"]} == query


def test_the_pin_goes_with_its_candidate():
    """And stays when another one goes."""
    at = the_addresses()

    assert "pin" not in at.without("iv-2")
    assert "pin=iv-2" in at.without("iv-3")


def test_names_may_stand_in_one_part():
    """As in an address that a person wrote."""
    assert ("iv-1", "iv-2", "iv-3") == asked(["iv-1, iv-2", "", "iv-3"]).refs


@pytest.mark.parametrize(
    "wrong", [{"mode": "judge"}, {"order": "-score"}, {"rubric": "backend"}, {"rubric": "a@1;drop"}]
)
def test_what_nobody_can_have_meant_is_refused(wrong):
    """With what is possible."""
    with pytest.raises(UsageFault, match=next(iter(wrong))):
        asked(["iv-1", "iv-2"], **wrong)


def test_a_table_is_the_usual():
    """Strips only where they are asked for."""
    assert ["table", "table", "strips"] == [show_of(text) for text in (None, "", "strips")]


def test_dots_on_one_level_are_stacked():
    """None hides another."""
    strip = dot_strip([Placed(letter=x, value=3, source="judge") for x in "ABC"], within=None)

    assert [EDGE + 2 * STEP] * 3 == [d.x for d in strip.dots]
    assert [0.0, TIER, 2 * TIER] == [strip.dots[0].y - d.y for d in strip.dots]


def test_people_are_drawn_otherwise():
    """By shape, not by colour alone."""
    strip = dot_strip(
        [Placed(letter="A", value=3, source="human"), Placed(letter="B", value=4, source="judge")], within=None
    )

    assert [True, False] == [d.by_person for d in strip.dots]


def test_the_noises_measure_is_as_long_as_the_noise():
    """On the scale of the axis."""
    strip = dot_strip([], within=1.5)

    assert 1.5 * STEP == strip.noise_to_x - EDGE


values = st.lists(st.floats(1, 5), max_size=12)


@given(values, st.none() | st.floats(0, 20))
def test_no_dot_covers_another_or_leaves_the_drawing(figures, within):
    """Whatever the figures."""
    placed = [Placed(letter=chr(65 + n), value=v, source="judge") for n, v in enumerate(figures)]
    strip = dot_strip(placed, within=within)

    dots = strip.dots
    assert len(figures) == len(dots)
    assert all(abs(a.x - b.x) >= DOT - 0.2 or abs(a.y - b.y) >= TIER for n, a in enumerate(dots) for b in dots[n + 1 :])
    assert all(DOT / 2 <= d.x <= WIDTH - DOT / 2 and DOT / 2 <= d.y <= strip.axis_y for d in dots)
    assert strip.noise_to_x is None or strip.noise_to_x <= WIDTH


@given(st.permutations(["A", "B", "C", "D"]))
def test_the_drawing_does_not_depend_on_the_order_of_columns(letters):
    """Equal figures stand in the order of their letters."""
    placed = [Placed(letter=x, value=3 + (x == "B"), source="judge") for x in letters]

    assert dot_strip(sorted(placed, key=lambda p: p.letter), within=None) == dot_strip(placed, within=None)
