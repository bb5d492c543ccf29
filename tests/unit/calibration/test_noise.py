"""Noise: hand-computed figures, numpy's, words where nothing can be said, and no order that noise explains."""

import json
import math
from statistics import NormalDist

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluator.calibration.noise import (
    Noise,
    Reading,
    Repeatability,
    Scoring,
    distinguishable,
    flips,
    larger,
    measure,
    repeatability,
    scoring_of,
)
from evaluator.calibration.student import two_sided
from evaluator.judging import Sampling
from evaluator.scorecard import conclude
from tests.factories import MODEL, SAID, a_completion, a_rubric, a_transcript

figures = st.floats(min_value=1, max_value=5)
groups = st.dictionaries(st.text("abcdef", min_size=1, max_size=3), st.lists(figures, max_size=6), max_size=8)
values = st.none() | figures
measurements = st.none() | groups.map(repeatability)


def a_scoring(
    interview: str = "iv-1", replicate: int = 1, level: int | None = 3, *, status: str | None = None, overall=None
) -> Scoring:
    """One criterion, `depth`, with this level; status: why it has none."""
    reading = Reading(
        criterion_id="depth",
        status=status or ("scored" if level is not None else "insufficient_evidence"),
        level=level,
        expected_level=None if level is None else level + 0.25,
    )
    return Scoring(interview_id=interview, replicate=replicate, readings=(reading,), overall=overall)


def scorings(levels: dict[str, list[int | None]], **fields) -> list[Scoring]:
    """Interview -> the levels of its scorings."""
    return [a_scoring(i, n, level, **fields) for i, row in levels.items() for n, level in enumerate(row, 1)]


def a_measurement(same, shuffled=(), **fields) -> Noise:
    """Of the one criterion `depth`."""
    defaults = {"k": 3, "seed": 0, "temperature": 0.0}
    return measure(same, shuffled or same, ["depth"], **{**defaults, **fields})


def a_repeatability(difference: float | None = 0.5) -> Repeatability:
    """Measured, unless there is no difference."""
    return Repeatability(
        basis="undefined" if difference is None else "measured",
        interviews=2,
        scorings=4,
        degrees_of_freedom=2,
        sd=difference,
        difference=difference,
    )


def test_standard_deviation_is_pooled_within_interviews():
    """By hand: (2 + 0) / (2 + 1) of a variance, however far apart the interviews are."""
    found = repeatability({"a": [2, 3, 4], "b": [5, 5]})

    assert (2, 5, 3) == (found.interviews, found.scorings, found.degrees_of_freedom)
    assert math.isclose(math.sqrt(2 / 3), found.sd)
    assert math.isclose(3.182446 * math.sqrt(2) * math.sqrt(2 / 3), found.difference, rel_tol=1e-6)


@given(groups)
def test_standard_deviation_is_numpys(drawn):
    """The root of the mean of the variances, each weighted with its degrees of freedom."""
    numpy = pytest.importorskip("numpy")
    repeated = [row for row in drawn.values() if len(row) > 1]
    found = repeatability(drawn)
    if found.basis != "measured":
        return

    weights = [len(row) - 1 for row in repeated]
    expected = math.sqrt(numpy.average([numpy.var(row, ddof=1) for row in repeated], weights=weights))
    assert math.isclose(expected, found.sd, rel_tol=1e-6, abs_tol=1e-9)
    assert math.isclose(two_sided(0.95, sum(weights)) * math.sqrt(2) * found.sd, found.difference)


def test_very_many_degrees_of_freedom_give_the_usual_limit():
    """1.96 * sqrt(2) * sd, as ISO 5725 has it."""
    found = repeatability({str(n): [2.0, 3.0] for n in range(2_000)})

    assert math.isclose(NormalDist().inv_cdf(0.975) * math.sqrt(2) * math.sqrt(0.5), found.difference, rel_tol=1e-3)


def test_no_variation_is_a_bound_and_no_zero():
    """Rule of three: 8 repeats without a change leave 3/8."""
    found = repeatability({"a": [3] * 5, "b": [4] * 5})

    assert ("upper_bound", 8) == (found.basis, found.degrees_of_freedom)
    assert math.isclose(math.sqrt(3 / 16), found.sd)
    assert math.isclose(1.96 * math.sqrt(3 / 8), found.difference)
    assert "no variation in 8 repeats: at most 37.5% of scorings change" in found.words


def test_more_repeats_without_variation_bound_it_closer():
    """What was looked at longer is known better."""
    few, many = (repeatability({str(n): [3, 3, 3] for n in range(interviews)}) for interviews in (4, 40))

    assert many.difference < few.difference


def test_too_few_repeats_bound_nothing():
    """Three out of three could still change."""
    found = repeatability({"a": [3, 3], "b": [4, 4]})

    assert ("undefined", None, None) == (found.basis, found.sd, found.difference)
    assert "too few" in found.words


@pytest.mark.parametrize(
    ("drawn", "words"),
    [
        ({}, "nothing scored"),
        ({"a": [3], "b": [4]}, "take a larger k"),
        ({"a": [3, 4, 5]}, "take more interviews"),
        ({"a": [3, 4, 5], "b": [4]}, "take more interviews"),
    ],
    ids=["nothing", "k of 1", "one interview", "one repeated"],
)
def test_what_is_undefined_is_said_in_words(drawn, words):
    """And has no number at all."""
    found = repeatability(drawn)

    assert ("undefined", None, None) == (found.basis, found.sd, found.difference)
    assert words in found.words


@given(groups, st.randoms())
def test_order_of_scorings_and_interviews_means_nothing(drawn, chance):
    """Only which scorings belong to one interview does."""
    turned = {name: chance.sample(row, len(row)) for name, row in chance.sample(sorted(drawn.items()), len(drawn))}
    first, second = repeatability(drawn), repeatability(turned)

    assert first.basis == second.basis
    assert (first.sd is None and second.sd is None) or math.isclose(first.sd, second.sd, rel_tol=1e-9)
    assert flips(drawn) == flips(turned)


@given(groups, st.text("xyz", min_size=1, max_size=2), figures)
def test_interview_with_one_scoring_adds_nothing(drawn, name, value):
    """It has nothing to differ from."""
    more = {**drawn, name: [value]}

    assert repeatability(drawn).sd == repeatability(more).sd
    assert flips(drawn).rate == flips(more).rate


@given(groups)
def test_no_figure_is_nan_or_zero(drawn):
    """A difference is a positive number or none, and what is not measured says why."""
    found = repeatability(drawn)

    assert (found.difference is None) == (found.sd is None) == (found.basis == "undefined")
    assert found.difference is None or (math.isfinite(found.difference) and found.difference >= 0)
    assert (found.words is None) == (found.basis == "measured")


def test_flip_rate_counts_pairs():
    """By hand: 2 of 3 pairs of the first, 0 of 1 of the second."""
    found = flips({"a": [3, 3, 4], "b": [2, 2]})

    assert (4, 2, 0.5, None) == (found.pairs, found.flipped, found.rate, found.upper_bound)


def test_no_flip_is_bounded():
    """By the rule of three over repeats, as pairs of one interview are not independent."""
    found = flips({"a": [3, 3, 3], "b": [2, 2, 2]})

    assert (6, 0, 0.75) == (found.pairs, found.rate, found.upper_bound)
    assert "none seen in 4 repeats" in found.words


def test_nothing_to_compare_has_no_rate():
    """One scoring each says nothing."""
    found = flips({"a": [3], "b": [2]})

    assert (0, None) == (found.pairs, found.rate)
    assert "take a larger k" in found.words


@given(groups)
def test_flip_rate_is_a_share(drawn):
    """From 0 to 1, and 0 just where a bound stands beside it."""
    found = flips(drawn)

    assert found.rate is None or 0 <= found.rate <= 1
    assert (found.rate == 0) == (found.upper_bound is not None)


def test_failed_section_is_counted_and_left_out():
    """It is no level, no flip and no unscored criterion."""
    whole = scorings({"a": [3, 4, 3], "b": [2, 2, 2]})
    failed = a_scoring("a", 4, None, status="failed").model_copy(update={"failed_sections": 1})

    before, after = a_measurement(whole).same_order, a_measurement([*whole, failed]).same_order

    assert (1, 1) == (after.failed_sections, after.criteria[0].failed)
    assert before.criteria[0] == after.criteria[0].model_copy(update={"failed": 0})


@given(st.lists(st.sampled_from(["a", "b", "c"]), max_size=5))
def test_failures_never_change_a_figure(interviews):
    """However many there are, and wherever."""
    whole = scorings({"a": [3, 4, 3], "b": [2, 2, 2]})
    failed = [a_scoring(i, 9, None, status="failed").model_copy(update={"failed_sections": 1}) for i in interviews]

    before, after = a_measurement(whole), a_measurement([*whole, *failed])

    assert before.combined == after.combined


def test_scored_and_unscored_is_a_flip_of_its_own():
    """It makes no difference of levels, and is told beside them."""
    found = a_measurement(scorings({"a": [3, None], "b": [2, 2]})).same_order.criteria[0]

    assert (2, 1, 0.5) == (found.scored_flips.pairs, found.scored_flips.flipped, found.scored_flips.rate)
    assert (1, 0) == (found.flips.pairs, found.flips.flipped)


def test_overall_means_are_measured_themselves():
    """Their noise is not put together from the criteria's."""
    means = [a_scoring("a", 1, overall=3.0), a_scoring("a", 2, overall=3.2), a_scoring("b", 1, overall=4.0)]
    found = a_measurement([*means, a_scoring("b", 2, overall=4.0)]).same_order.overall

    assert math.isclose(math.sqrt(0.02 / 2), found.sd)


def test_withheld_mean_is_left_out():
    """It is no number, so it has no deviation."""
    found = a_measurement(scorings({"a": [3, 3], "b": [3, 3]}, overall=None)).same_order

    assert ("undefined", "nothing scored") == (found.overall.basis, found.overall.words)
    assert 4 == found.without_overall


def test_comparison_uses_the_larger_of_both_orders():
    """Whichever that is."""
    calm, wild = scorings({"a": [3, 3, 4], "b": [2, 2, 2]}), scorings({"a": [1, 3, 5], "b": [2, 2, 2]})

    one, other = a_measurement(calm, wild), a_measurement(wild, calm)

    assert one.shuffled_order.criteria[0].level == one.combined.criteria[0].level == other.combined.criteria[0].level


def test_measured_variation_goes_before_a_bound():
    """A bound that is larger says only how little was looked at."""
    measured, bound = repeatability({"a": [3.0, 3.01], "b": [2.0, 2.0]}), repeatability({"a": [3] * 3, "b": [2] * 3})

    assert measured == larger(measured, bound) == larger(bound, measured)
    assert measured.difference < bound.difference


def test_one_undefined_order_leaves_nothing_to_use():
    """Half a measurement claims no order."""
    measured, undefined = repeatability({"a": [3, 4], "b": [2, 2]}), repeatability({})

    assert ["undefined"] * 2 == [larger(measured, undefined).basis, larger(undefined, measured).basis]


def test_measurement_is_found_by_criterion():
    """None for one that was not in the rubric then."""
    found = a_measurement(scorings({"a": [3, 4], "b": [2, 2]}))

    assert ("depth", None) == (found.criterion("depth").criterion_id, found.criterion("charm"))


@given(st.dictionaries(st.sampled_from("abc"), st.lists(st.none() | st.integers(1, 5), max_size=4)))
def test_measurement_survives_storage(levels):
    """As JSON without NaN, and back to the same value."""
    found = a_measurement(scorings(levels, overall=3.0))

    stored = json.dumps(found.model_dump(mode="json"), allow_nan=False)
    assert found == Noise.model_validate(json.loads(stored))


def test_scorecard_becomes_a_scoring():
    """Levels, expected levels and the overall mean, by criterion."""
    rubric, transcript = a_rubric({"design": ("depth", "clarity")}), a_transcript({"design": SAID["design"] * 5})
    answer = a_completion([4, 0], [["U1"], []], shares=[{4: 0.5, 5: 0.5}, {0: 1.0}])
    body = conclude(transcript, rubric, {"design": answer}, model=MODEL, sampling=Sampling())

    found = scoring_of("iv-1", 2, body)

    depth, clarity = found.readings
    assert ("depth", "scored", 4, 4.5) == (depth.criterion_id, depth.status, depth.level, depth.expected_level)
    assert ("insufficient_evidence", None, None) == (clarity.status, clarity.level, clarity.expected_level)
    assert (4.5, 0) == (found.overall, found.failed_sections)


def test_scorecard_with_a_failed_section_has_no_overall():
    """A mean over what is left would look like another score."""
    body = conclude(a_transcript(), a_rubric(), {}, failed={}, model=MODEL, sampling=Sampling())

    found = scoring_of("iv-1", 1, body)

    assert (3, None) == (found.failed_sections, found.overall)


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [(4.0, 3.0, "higher"), (3.0, 4.0, "lower"), (3.5, 3.0, "not_distinguishable"), (3.0, 3.0, "not_distinguishable")],
)
def test_order_is_claimed_above_the_noise_only(a, b, expected):
    """A gap of just the difference is noise still."""
    assert expected == distinguishable(a, b, a_repeatability(0.5))


@pytest.mark.parametrize(
    ("a", "b", "measurement"),
    [
        (5.0, 1.0, None),
        (5.0, 1.0, a_repeatability(None)),
        (None, 1.0, a_repeatability()),
        (5.0, None, a_repeatability()),
        (math.inf, 1.0, a_repeatability()),
        (math.nan, 1.0, a_repeatability()),
    ],
    ids=["never measured", "undefined", "no figure", "no other figure", "infinite", "nan"],
)
def test_no_order_is_claimed_without_a_measurement(a, b, measurement):
    """However far apart the two are."""
    assert "no_order_claimed" == distinguishable(a, b, measurement)


OPPOSITE = {"higher": "lower", "lower": "higher"}


@given(values, values, measurements)
def test_comparison_is_antisymmetric(a, b, measurement):
    """Turned round, it says the opposite, and what claims no order says the same."""
    found = distinguishable(a, b, measurement)

    assert OPPOSITE.get(found, found) == distinguishable(b, a, measurement)


@given(values, measurements)
def test_nobody_is_above_themselves(a, measurement):
    """Whatever was measured."""
    assert distinguishable(a, a, measurement) in ("not_distinguishable", "no_order_claimed")


@given(figures, figures, st.floats(0, 4), st.floats(0, 4))
def test_more_noise_never_makes_an_order(a, b, one, other):
    """What is told apart under more noise is told apart under less, in the same order."""
    least, most = sorted((one, other))
    under_most = distinguishable(a, b, a_repeatability(most))

    assert under_most in ("not_distinguishable", distinguishable(a, b, a_repeatability(least)))


@given(figures, figures, figures, st.floats(0, 4))
def test_higher_is_transitive(a, b, c, difference):
    """No circle of candidates each above the next."""
    noise = a_repeatability(difference)
    if distinguishable(a, b, noise) == distinguishable(b, c, noise) == "higher":
        assert "higher" == distinguishable(a, c, noise)


@given(figures, figures, measurements)
def test_order_claimed_is_the_order_of_the_figures(a, b, measurement):
    """Noise may hide it and never turns it."""
    found = distinguishable(a, b, measurement)

    assert {"higher": a > b, "lower": a < b}.get(found, True)
