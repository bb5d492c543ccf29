"""The bootstrap: what a resample adds up is what the libraries say of the interviews that were drawn."""

import math
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluator.calibration import coefficients
from evaluator.calibration.resampling import CELLS_MAX, Resampler, Tally, interval
from tests.unit.calibration.test_coefficients import library_alpha, library_kappa, same

RESAMPLES = 12


def drawn(resampler: Resampler, interviews: int) -> list[list[int]]:
    """The interviews of each resample, in order, told by a tally that gives each one label of its own."""
    one_each = Tally(np.arange(interviews), np.eye(interviews, 25))
    counts = resampler.tables(one_each, 0, RESAMPLES).reshape(RESAMPLES, 25)[:, :interviews]
    return [[i for i, n in enumerate(row) for _ in range(int(n))] for row in counts]


@pytest.mark.long
@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**31 - 1), st.randoms(use_true_random=False))
def test_resampled_kappa_and_alpha_are_the_libraries(seed, chance):
    """The drawn interviews with all their labels, handed to the libraries one resample at a time."""
    interviews = 9
    pairs = [(chance.randrange(interviews), chance.randint(1, 5), chance.randint(1, 5)) for _ in range(20)]
    resampler = Resampler(interviews, resamples=RESAMPLES, seed=seed)
    kappas, alphas = resampler.values([Tally.of_pairs(pairs)], [coefficients.kappas, coefficients.pair_alphas])

    for n, chosen in enumerate(drawn(resampler, interviews)):
        own = [(a, b) for i in chosen for j, a, b in pairs if j == i]
        if not own:
            assert math.isnan(kappas[n])
            assert math.isnan(alphas[n])
            continue
        assert same(library_kappa(*zip(*own, strict=True)), kappas[n])
        assert same(library_alpha(own), alphas[n])


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**31 - 1), st.randoms(use_true_random=False))
def test_resampled_alpha_of_many_raters_is_krippendorffs(seed, chance):
    """Two to four raters for each item."""
    interviews = 9
    units = [
        (chance.randrange(interviews), [chance.randint(1, 5) for _ in range(chance.randint(2, 4))]) for _ in range(15)
    ]
    resampler = Resampler(interviews, resamples=RESAMPLES, seed=seed)
    (alphas,) = resampler.values([Tally.of_units(units)], [coefficients.alphas])

    for n, chosen in enumerate(drawn(resampler, interviews)):
        own = [levels for i in chosen for j, levels in units if j == i]
        assert same(library_alpha(own) if own else math.nan, alphas[n])


def test_every_resample_draws_as_many_interviews_as_there_are():
    """With replacement, so some twice and some not at all."""
    found = drawn(Resampler(9, resamples=RESAMPLES, seed=3), 9)

    assert all(9 == len(chosen) for chosen in found)
    assert any(len(set(chosen)) < 9 for chosen in found)


def test_seed_decides_the_draws():
    """The same seed draws the same, another seed draws others."""
    first, again, other = (drawn(Resampler(9, resamples=RESAMPLES, seed=s), 9) for s in (1, 1, 2))

    assert first == again
    assert first != other


def test_blocks_do_not_change_the_values():
    """Work in blocks gives what one block gives."""
    chance = random.Random(5)
    pairs = [(chance.randrange(30), chance.randint(1, 5), chance.randint(1, 5)) for _ in range(90)]
    tally = Tally.of_pairs(pairs)
    resampler = Resampler(30, resamples=13_000, seed=0)
    (values,) = resampler.values([tally], [coefficients.kappas])

    assert np.array_equal(coefficients.kappas(resampler.tables(tally, 12_500, 13_000)), values[12_500:])


def test_too_many_are_refused():
    """Before memory is taken."""
    with pytest.raises(ValueError, match="resamples"):
        Resampler(CELLS_MAX, resamples=2, seed=0)


def test_interval_leaves_five_in_a_hundred_out():
    """Half of them at either end."""
    low, high = interval(np.arange(1001.0), confidence=0.95, undefined_max=0.05)

    assert (pytest.approx(25.0), pytest.approx(975.0)) == (low, high)


@pytest.mark.parametrize(("undefined", "is_there"), [(5, True), (6, False), (100, False)])
def test_interval_needs_most_resamples(undefined, is_there):
    """More than one in twenty without a value, and the interval would leave out what it should show."""
    values = np.array([np.nan] * undefined + [0.5] * (100 - undefined))

    assert is_there == (interval(values, confidence=0.95, undefined_max=0.05) is not None)
