"""Where the bars of a run's timeline stand; colours and words are elsewhere."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from evaluator.storage.watching import Bin

BINS_MAX = 60
WIDTHS_S = (10, 30, 60, 300, 600, 1_800, 3_600, 21_600, 86_400)
WIDTH = 720.0  # of the drawing, in its units
HEIGHT = 96.0
BAR_HEIGHT_MIN = 2.0  # a section that was finished is seen
GAP = 2.0  # between two bars


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """One stretch of the run's time."""

    number: int
    sections: int
    reused: int
    stops: int
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Sparkline:
    """Sections per stretch of time, drawn."""

    columns: tuple[Column, ...]
    width_s: int  # of one column
    highest: int


def bin_width(length: timedelta) -> timedelta:
    """Ten minutes as long as there is room for them; other round widths where a run is much shorter or longer."""
    fitting = (w for w in WIDTHS_S if length.total_seconds() / w <= BINS_MAX)
    return timedelta(seconds=next(fitting, WIDTHS_S[-1]))


def sparkline(bins: Sequence[Bin], *, length: timedelta, width: timedelta) -> Sparkline:
    """The drawing; stretches in which nothing happened are there too."""
    count = min(BINS_MAX, int(length / width) + 1)
    found = {one.number: one for one in bins}
    highest = max((one.sections for one in bins), default=0)
    step = WIDTH / count
    return Sparkline(
        columns=tuple(_column(found.get(n), n, step=step, highest=highest) for n in range(count)),
        width_s=int(width.total_seconds()),
        highest=highest,
    )


def _column(found: Bin | None, number: int, *, step: float, highest: int) -> Column:
    sections = found.sections if found else 0
    height = round(max(BAR_HEIGHT_MIN, HEIGHT * sections / highest), 1) if sections else 0.0
    return Column(
        number=number,
        sections=sections,
        reused=found.reused if found else 0,
        stops=found.stops if found else 0,
        x=round(number * step + GAP / 2, 2),
        y=round(HEIGHT - height, 1),
        width=round(max(1.0, step - GAP), 2),
        height=height,
    )
