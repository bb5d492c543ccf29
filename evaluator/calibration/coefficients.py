"""Agreement between levels: by scikit-learn and krippendorff where a figure is shown, by the same formulas over whole
stacks of resamples where thousands are needed for an interval.

A table is 5 x 5 counts: rows are the levels 1-5 of one side, columns those of the other.
"""

import warnings
from collections.abc import Callable, Sequence
from importlib.metadata import version

import numpy as np
import numpy.typing as npt

from rubrics.model import LEVELS

Array = npt.NDArray[np.float64]
SIZE = len(LEVELS)

_N = np.arange(SIZE, dtype=np.float64)
_SIGNED = _N[:, None] - _N[None, :]
_SQUARED = _SIGNED**2


def software() -> dict[str, str]:
    """Versions of what does the arithmetic."""
    return {name: version(name) for name in ("scikit-learn", "krippendorff", "numpy")}


def quadratic_kappa(one: Sequence[int], other: Sequence[int]) -> float | None:
    """Cohen's kappa with quadratic weights over levels 1-5, by scikit-learn; None: undefined."""
    from sklearn.exceptions import UndefinedMetricWarning  # type: ignore[import-untyped]
    from sklearn.metrics import cohen_kappa_score  # type: ignore[import-untyped]

    if not one:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UndefinedMetricWarning)  # its nan says the same
        found = float(cohen_kappa_score(one, other, labels=list(LEVELS), weights="quadratic"))
    return None if np.isnan(found) else found


def ordinal_alpha(units: Sequence[Sequence[int]]) -> float | None:
    """Krippendorff's alpha for ordered levels, by krippendorff; None: undefined.

    units: the levels that each item was given, by however many raters; items with one level only do not count.
    """
    import krippendorff

    paired = [unit for unit in units if len(unit) > 1]
    if len({level for unit in paired for level in unit}) < 2:
        return None  # it raises for a single value, and divides by zero where the scale is given
    counts = np.array([np.bincount(unit, minlength=SIZE + 1)[1:] for unit in paired])
    return float(krippendorff.alpha(value_counts=counts, value_domain=np.array(LEVELS), level_of_measurement="ordinal"))


def kappas(tables: Array) -> Array:
    """`quadratic_kappa` of each table (..., 5, 5); nan: undefined."""
    rows, columns = tables.sum(axis=-1), tables.sum(axis=-2)
    with np.errstate(divide="ignore", invalid="ignore"):
        expected = ((rows @ _SQUARED) * columns).sum(axis=-1) / rows.sum(axis=-1)
        return np.where(expected > 0, 1 - (tables * _SQUARED).sum(axis=(-2, -1)) / expected, np.nan)


def alphas(coincidences: Array) -> Array:
    """`ordinal_alpha` of each symmetric matrix of coincidences (..., 5, 5); nan: undefined."""
    n = coincidences.sum(axis=-1)
    middle = np.cumsum(n, axis=-1) - n / 2
    distance = (middle[..., :, None] - middle[..., None, :]) ** 2
    with np.errstate(divide="ignore", invalid="ignore"):
        expected = (n[..., :, None] * n[..., None, :] * distance).sum(axis=(-2, -1)) / (n.sum(axis=-1) - 1)
        return np.where(expected > 0, 1 - (coincidences * distance).sum(axis=(-2, -1)) / expected, np.nan)


def pair_alphas(tables: Array) -> Array:
    """`alphas` where every item has just the two levels that the table counts."""
    return alphas(tables + np.swapaxes(tables, -2, -1))


def _share(weights: Array) -> Callable[[Array], Array]:
    def mean(tables: Array) -> Array:
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray((tables * weights).sum(axis=(-2, -1)) / tables.sum(axis=(-2, -1)))

    return mean


exact_shares = _share((_SIGNED == 0).astype(np.float64))
within_one_shares = _share((np.abs(_SIGNED) <= 1).astype(np.float64))
mean_errors = _share(np.abs(_SIGNED))
biases = _share(_SIGNED)  # rows minus columns


def mean_defined(values: Array) -> Array:
    """Mean over the last axis of what is defined; nan where nothing is."""
    defined = ~np.isnan(values)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(defined, values, 0.0).sum(axis=-1) / defined.sum(axis=-1))
