"""Student's t: the figures of the tables, and those of scipy."""

import math

import pytest

from evaluator.calibration.student import two_sided, within


@pytest.mark.parametrize(
    ("degrees_of_freedom", "expected"), [(1, 12.706), (2, 4.303), (5, 2.571), (24, 2.064), (120, 1.980), (9_999, 1.960)]
)
def test_quantiles_are_those_of_the_tables(degrees_of_freedom, expected):
    """Two-sided, at 95 %."""
    assert expected == round(two_sided(0.95, degrees_of_freedom), 3)


@pytest.mark.parametrize("degrees_of_freedom", [1, 2, 3, 4, 7, 10, 33, 250, 1_001])
@pytest.mark.parametrize("confidence", [0.5, 0.9, 0.95, 0.999])
def test_quantiles_are_those_of_scipy(confidence, degrees_of_freedom):
    """To nine digits."""
    scipy_t = pytest.importorskip("scipy.stats").t

    expected = scipy_t.ppf((1 + confidence) / 2, degrees_of_freedom)
    assert math.isclose(expected, two_sided(confidence, degrees_of_freedom), rel_tol=1e-9)


def test_probability_of_the_quantile_is_the_confidence():
    """Each is the other's inverse."""
    assert math.isclose(0.95, within(two_sided(0.95, 11), 11), abs_tol=1e-12)


@pytest.mark.parametrize(("confidence", "degrees_of_freedom"), [(0.0, 3), (1.0, 3), (0.95, 0), (math.nan, 3)])
def test_what_has_no_quantile_is_refused(confidence, degrees_of_freedom):
    """No confidence without doubt, and nothing from no degrees of freedom."""
    with pytest.raises(ValueError, match="degree of freedom"):
        two_sided(confidence, degrees_of_freedom)
