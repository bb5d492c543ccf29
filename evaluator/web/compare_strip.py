"""Where things stand in the dot strip of one row of a comparison; colours and words are elsewhere."""

from collections.abc import Sequence
from dataclasses import dataclass

from evaluator.comparison import Source
from rubrics.model import LEVELS

STEP = 84.0  # from one level to the next, in the drawing's units
EDGE = 24.0  # left of level 1 and right of level 5
DOT = 22.0  # width of a dot; dots that would touch are stacked
TIER = 24.0  # from one stacked dot to the next
AXIS_BELOW = 20.0  # from the lowest dots' middle to the axis
NOISE_ABOVE = 18.0  # room for the noise's measure, where there is one
WORDS_BELOW = 22.0  # room for the levels' numbers
WIDTH = 2 * EDGE + STEP * (LEVELS[-1] - LEVELS[0])


@dataclass(frozen=True, kw_only=True, slots=True)
class Placed:
    """What one candidate has in the row."""

    letter: str
    value: float
    source: Source | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Dot:
    """One candidate, drawn; people's are square."""

    letter: str
    x: float
    y: float
    by_person: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Tick:
    """One level on the axis."""

    level: int
    x: float


@dataclass(frozen=True, kw_only=True, slots=True)
class DotStrip:
    """One row, drawn."""

    dots: tuple[Dot, ...]
    ticks: tuple[Tick, ...]
    axis_y: float
    height: float
    width: float
    noise_to_x: float | None  # from EDGE to here reaches what noise may explain
    noise_y: float


def dot_strip(placed: Sequence[Placed], *, within: float | None) -> DotStrip:
    """The drawing. within: the difference that noise may explain, in levels."""
    tiers: list[float] = []  # x of the last dot of each tier
    found: list[tuple[Placed, float, int]] = []
    for one in sorted(placed, key=lambda p: (p.value, p.letter)):
        x = _x(one.value)
        tier = next((n for n, last in enumerate(tiers) if x - last >= DOT), len(tiers))
        tiers[tier : tier + 1] = [x]
        found.append((one, x, tier))
    top = NOISE_ABOVE if within is not None else 0.0
    lowest = top + TIER * max(len(tiers), 1) - TIER / 2
    return DotStrip(
        dots=tuple(
            Dot(letter=one.letter, x=x, y=lowest - tier * TIER, by_person=one.source == "human")
            for one, x, tier in found
        ),
        ticks=tuple(Tick(level=n, x=_x(n)) for n in LEVELS),
        axis_y=lowest + AXIS_BELOW,
        height=lowest + AXIS_BELOW + WORDS_BELOW,
        width=WIDTH,
        noise_to_x=None if within is None else round(min(EDGE + within * STEP, WIDTH - EDGE), 1),
        noise_y=NOISE_ABOVE / 2,
    )


def _x(value: float) -> float:
    return round(EDGE + STEP * (value - LEVELS[0]), 1)
