"""The drawing of a level distribution."""

from hypothesis import given
from hypothesis import strategies as st

from evaluator.views.strip import BARS_HEIGHT, WIDTH, strip_of

SHARES = st.dictionaries(st.integers(1, 5), st.floats(0, 1), min_size=1)


def test_bars_are_as_high_as_their_probability():
    """Half the probability is half the height, and what is impossible has no bar."""
    strip = strip_of({2: 0.5, 4: 0.5}, level=4, expected=3.0, spread=1.0)

    assert [0.0, BARS_HEIGHT / 2, 0.0, BARS_HEIGHT / 2, 0.0] == [bar.height for bar in strip.bars]


def test_only_the_given_level_is_marked():
    """The level that the judge gave stands out, wherever the mass lies."""
    strip = strip_of({1: 0.9, 5: 0.1}, level=5, expected=1.4, spread=1.2)

    assert [False, False, False, False, True] == [bar.given for bar in strip.bars]


@given(SHARES, st.integers(1, 5), st.floats(1, 5), st.floats(0, 2))
def test_everything_stays_inside_the_drawing(shares, level, expected, spread):
    """No distribution draws over the edge."""
    strip = strip_of(shares, level=level, expected=expected, spread=spread)

    assert 0 <= strip.spread_from_x <= strip.expected_x <= strip.spread_to_x <= WIDTH
    assert all(0 <= bar.y and bar.y + bar.height <= BARS_HEIGHT + 0.1 for bar in strip.bars)
