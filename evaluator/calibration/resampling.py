"""The bootstrap over interviews: one set of draws for every figure, and tables that a draw only has to add up."""

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from evaluator.calibration.coefficients import SIZE, Array, mean_defined

CELLS_MAX = 100_000_000  # interviews x resamples that are held at once, two bytes each
TABLES_MAX = 12_000  # of 5 x 5, that are worked on at once


class Tally:
    """Tables by interview: what a resample of the interviews adds up again."""

    def __init__(self, rows: npt.NDArray[np.intp], tables: Array) -> None:
        """rows: the interviews' numbers; tables: (rows, 25)."""
        self.rows = rows
        self.tables = tables

    @classmethod
    def of_pairs(cls, pairs: Sequence[tuple[int, int, int]]) -> "Tally":
        """pairs: interview's number, level of one side, level of the other."""
        cells = np.array(pairs, dtype=np.intp).reshape(-1, 3)
        rows, places = np.unique(cells[:, 0], return_inverse=True)
        flat = places * SIZE**2 + (cells[:, 1] - 1) * SIZE + cells[:, 2] - 1
        counts = np.bincount(flat, minlength=len(rows) * SIZE**2)
        return cls(rows, counts.reshape(-1, SIZE**2).astype(np.float64))

    @classmethod
    def of_units(cls, units: Sequence[tuple[int, Sequence[int]]]) -> "Tally":
        """Coincidences. units: interview's number, all levels of one item, two at least."""
        rows = sorted({i for i, _ in units})
        place = {i: n for n, i in enumerate(rows)}
        tables = np.zeros((len(rows), SIZE**2))
        for i, levels in units:
            counts = np.bincount(levels, minlength=SIZE + 1)[1:].astype(np.float64)
            tables[place[i]] += (np.outer(counts, counts) - np.diag(counts)).ravel() / (len(levels) - 1)
        return cls(np.array(rows, dtype=np.intp), tables)

    @property
    def total(self) -> Array:
        """The 5 x 5 table of all interviews."""
        added: Array = self.tables.sum(axis=0)
        return added.reshape(SIZE, SIZE)


class Resampler:
    """Draws the interviews again and again, with replacement: the same draws for every figure."""

    def __init__(self, interviews: int, *, resamples: int, seed: int) -> None:
        """Holds interviews x resamples numbers; ValueError beyond CELLS_MAX."""
        if interviews * resamples > CELLS_MAX:
            raise ValueError(f"{interviews} interviews x {resamples} resamples are more than {CELLS_MAX}")
        self.resamples = resamples
        self._times = np.zeros((resamples, interviews), dtype=np.uint16)  # how often each interview was drawn
        chance = np.random.default_rng(seed)
        for one in self._times:
            one[:] = np.bincount(chance.integers(interviews, size=interviews), minlength=interviews)

    def tables(self, tally: Tally, begin: int, end: int) -> Array:
        """The tally's tables (end - begin, 5, 5) in these resamples."""
        times = self._times[begin:end, tally.rows].astype(np.float64)
        added: Array = times @ tally.tables
        return added.reshape(-1, SIZE, SIZE)

    def values(self, tallies: Sequence[Tally], figures: Sequence[Callable[[Array], Array]]) -> list[Array]:
        """Each figure in each resample; with several tallies the mean over them of what is defined."""
        found: list[list[Array]] = [[] for _ in figures]
        edges = [*range(0, self.resamples, max(1, TABLES_MAX // len(tallies))), self.resamples]
        for begin, end in pairwise(edges):
            stack = np.stack([self.tables(tally, begin, end) for tally in tallies], axis=1)
            for values, figure in zip(found, figures, strict=True):
                each = figure(stack)
                values.append(each[:, 0] if len(tallies) == 1 else mean_defined(each))
        return [np.concatenate(values) if values else np.empty(0) for values in found]


def interval(values: Array, *, confidence: float, undefined_max: float) -> tuple[float, float] | None:
    """The percentile interval over resamples; None where too many of them have no value."""
    defined = values[~np.isnan(values)]
    if not len(values) or len(defined) < len(values) * (1 - undefined_max):
        return None
    tail = (1 - confidence) / 2 * 100
    low, high = np.percentile(defined, [tail, 100 - tail])
    return float(low), float(high)
