"""The figures are scikit-learn's and krippendorff's, also where thousands are computed at once."""

import math
import warnings

import krippendorff
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from evaluator.calibration import coefficients
from evaluator.calibration.resampling import Tally

LEVEL = st.integers(1, 5)
SOME = st.sampled_from([[1, 2, 3, 4, 5], [3], [2, 3], [1, 5], [4, 5]])  # scales that raters really use
PAIRS = SOME.flatmap(
    lambda one: SOME.flatmap(
        lambda other: st.lists(st.tuples(st.sampled_from(one), st.sampled_from(other)), min_size=1, max_size=60)
    )
)
UNITS = st.lists(st.lists(LEVEL, min_size=1, max_size=5), min_size=1, max_size=40)
NEAR = 1e-9


def library_kappa(one, other) -> float:
    """scikit-learn's own answer; nan: undefined."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return cohen_kappa_score(one, other, labels=[1, 2, 3, 4, 5], weights="quadratic")


def library_alpha(units) -> float:
    """Krippendorff's own answer, from the matrix of raters and items that people give it; nan: it raises or divides."""
    raters = max(map(len, units))
    data = [[unit[r] if r < len(unit) else np.nan for unit in units] for r in range(raters)]
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            return float(krippendorff.alpha(reliability_data=data, level_of_measurement="ordinal"))
        except ValueError:
            return math.nan


def same(expected: float, actual: float | None) -> bool:
    """Equal to 1e-9, or undefined on both sides."""
    if math.isnan(expected) or actual is None or math.isnan(actual):
        return math.isnan(expected) and (actual is None or math.isnan(actual))
    return math.isclose(expected, actual, rel_tol=0, abs_tol=NEAR)


@pytest.mark.long
@settings(max_examples=300, deadline=None)
@given(PAIRS)
def test_kappa_is_scikit_learns(pairs):
    """For any two raters, one by one and in a stack."""
    one, other = zip(*pairs, strict=True)
    expected = library_kappa(one, other)
    stack = np.stack([Tally.of_pairs([(0, *pair) for pair in pairs]).total] * 3)

    assert same(expected, coefficients.quadratic_kappa(one, other))
    assert all(same(expected, value) for value in coefficients.kappas(stack))


@settings(max_examples=300, deadline=None)
@given(PAIRS)
def test_alpha_of_two_is_krippendorffs(pairs):
    """For any two raters, one by one and from the table of their pairs."""
    expected = library_alpha(pairs)
    table = Tally.of_pairs([(0, *pair) for pair in pairs]).total

    assert same(expected, coefficients.ordinal_alpha(pairs))
    assert same(expected, float(coefficients.pair_alphas(table)))


@settings(max_examples=300, deadline=None)
@given(UNITS)
def test_alpha_of_many_is_krippendorffs(units):
    """For any number of raters who each left out what they liked."""
    expected = library_alpha(units)
    paired = [(n % 7, unit) for n, unit in enumerate(units) if len(unit) > 1]

    assert same(expected, coefficients.ordinal_alpha(units))
    if paired:
        assert same(expected, float(coefficients.alphas(Tally.of_units(paired).total)))


@settings(max_examples=200, deadline=None)
@given(PAIRS)
def test_means_are_means(pairs):
    """Exact and within-one agreement, mean error and bias are what their names say."""
    table = Tally.of_pairs([(0, *pair) for pair in pairs]).total
    n = len(pairs)

    assert math.isclose(sum(a == b for a, b in pairs) / n, coefficients.exact_shares(table))
    assert math.isclose(sum(abs(a - b) <= 1 for a, b in pairs) / n, coefficients.within_one_shares(table))
    assert math.isclose(sum(abs(a - b) for a, b in pairs) / n, coefficients.mean_errors(table))
    assert math.isclose(sum(a - b for a, b in pairs) / n, coefficients.biases(table), abs_tol=NEAR)


@pytest.mark.parametrize(("one", "other"), [([], []), ([3], [3]), ([4, 4, 4], [4, 4, 4])])
def test_no_variation_has_no_kappa(one, other):
    """None instead of a number or a warning."""
    assert coefficients.quadratic_kappa(one, other) is None


def test_one_constant_rater_has_a_kappa():
    """0, as scikit-learn has it: chance alone would agree as well."""
    assert 0.0 == coefficients.quadratic_kappa([3, 3, 3], [2, 3, 4])


@pytest.mark.parametrize("units", [[], [[3]], [[1], [2]], [[4, 4], [4, 4, 4]], [[2, 2], [5]]])
def test_no_variation_has_no_alpha(units):
    """None where nothing is paired, or all that is paired is one level."""
    assert coefficients.ordinal_alpha(units) is None


def test_empty_tables_are_undefined():
    """A resample may hold no label of a small group; that is nan in every figure, without a warning."""
    empty = np.zeros((2, 5, 5))
    figures = [
        coefficients.kappas,
        coefficients.pair_alphas,
        coefficients.exact_shares,
        coefficients.within_one_shares,
        coefficients.mean_errors,
        coefficients.biases,
    ]

    assert all(np.isnan(figure(empty)).all() for figure in figures)


def test_mean_of_what_is_defined():
    """What is undefined does not count as nothing."""
    found = coefficients.mean_defined(np.array([[0.5, np.nan, 0.7], [np.nan, np.nan, np.nan]]))

    assert math.isclose(0.6, found[0])
    assert math.isnan(found[1])
