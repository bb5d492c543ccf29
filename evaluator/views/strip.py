"""Where things stand in the two drawings of a level distribution; colours and words are elsewhere."""

from collections.abc import Mapping
from dataclasses import dataclass

from rubrics.model import LEVELS

COLUMN = 60.0  # width of one level's column, in the drawing's units
BAR_WIDTH = 28.0
BARS_HEIGHT = 60.0  # a bar of probability 1
BAR_HEIGHT_MIN = 1.5  # a level that is possible is seen
LANE = 74.0  # where the expected level's mark and its spread lie, below the bars
EDGE = 4.0  # the spread's line ends here at the latest
WIDTH = COLUMN * len(LEVELS)


@dataclass(frozen=True, kw_only=True, slots=True)
class Bar:
    """The probability of one level."""

    level: int
    x: float
    y: float
    width: float
    height: float
    given: bool  # the level that the judge gave


@dataclass(frozen=True, kw_only=True, slots=True)
class Strip:
    """A level distribution, drawn: bars for the levels, a mark for the expected level, a line for its spread."""

    bars: tuple[Bar, ...]
    given_x: float
    expected_x: float
    spread_from_x: float
    spread_to_x: float


def strip_of(probability: Mapping[int, float], *, level: int, expected: float, spread: float) -> Strip:
    """The drawing of a distribution over levels 1-5."""
    return Strip(
        bars=tuple(_bar(n, probability.get(n, 0.0), given=n == level) for n in LEVELS),
        given_x=_x(level),
        expected_x=_x(expected),
        spread_from_x=max(EDGE, _x(expected - spread)),
        spread_to_x=min(WIDTH - EDGE, _x(expected + spread)),
    )


def _x(level: float) -> float:
    return round(COLUMN * (level - LEVELS[0]) + COLUMN / 2, 1)


def _bar(level: int, share: float, *, given: bool) -> Bar:
    height = round(max(BAR_HEIGHT_MIN, share * BARS_HEIGHT), 1) if share > 0 else 0.0
    return Bar(
        level=level,
        x=_x(level) - BAR_WIDTH / 2,
        y=round(BARS_HEIGHT - height, 1),
        width=BAR_WIDTH,
        height=height,
        given=given,
    )
