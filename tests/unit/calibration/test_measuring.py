"""A judge against people: which labels count, what is compared with what, and what may be said of it."""

import json
import math
import random
from collections import Counter
from dataclasses import replace
from statistics import mean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluator.calibration.agreement import (
    COMMON_MIN,
    HUMAN_LABELS_MIN,
    INTERVIEWS_MIN,
    NO_LABELS,
    NO_VARIATION,
    TOO_FEW_IN_COMMON,
    judged,
    standing,
)
from evaluator.calibration.measuring import NO_INTERVAL_FEW, NO_INTERVAL_UNDEFINED, measure
from evaluator.errors import UsageFault
from evaluator.judging import Sampling
from evaluator.scorecard import conclude
from tests.factories import a_completion, a_criterion, a_rubric, a_transcript
from tests.unit.calibration.builders import JUDGE, a_judged, a_label, a_study
from tests.unit.calibration.test_coefficients import library_alpha, library_kappa, same


def measured(labels, judged, **options):
    """A measurement with few resamples."""
    return measure(labels, judged, JUDGE, **{"resamples": 100, "seed": 0, **options})


def slice_of(result, name):
    """The slice of a criterion, or of that kind."""
    (found,) = [s for s in result.slices if name in (s.criterion_id, s.kind)]
    return found


def pairs_of(labels, said, things):
    """(judge, person) of every label with a level on both sides."""
    return [
        (level, label.level)
        for label in labels
        if label.criterion in things and label.level is not None
        for of in [said[label.interview]]
        if (level := (of.overall if label.criterion == "overall" else of.criteria[label.criterion]).level) is not None
    ]


@pytest.mark.parametrize(
    ("name", "things"),
    [("depth", ["depth"]), ("clarity", ["clarity"]), ("all_criteria", ["depth", "clarity"]), ("overall", ["overall"])],
)
def test_figures_are_the_libraries(name, things):
    """Of each criterion, of all criteria and overall, every label against the judge's level."""
    labels, said = a_study()
    pairs = pairs_of(labels, said, things)
    errors = [judge - human for judge, human in pairs]

    found = slice_of(measured(labels, said), name).each

    assert len(pairs) == found.n
    assert same(library_kappa(*zip(*pairs, strict=True)), found.kappa.value)
    assert same(library_alpha(pairs), found.alpha.value)
    assert mean(e == 0 for e in errors) == pytest.approx(found.exact.value)
    assert mean(abs(e) <= 1 for e in errors) == pytest.approx(found.within_one.value)
    assert mean(map(abs, errors)) == pytest.approx(found.mean_error.value)
    assert mean(errors) == pytest.approx(found.bias.value)


def test_bias_is_judge_minus_person():
    """Above 0 the judge is the more generous."""
    labels = [a_label(level=2), a_label(criterion="clarity", level=4)]

    found = slice_of(measured(labels, {"iv-1": a_judged(4)}), "all_criteria").each

    assert (1.0, 1.0) == (found.bias.value, found.mean_error.value)


def test_base_rates_are_of_the_compared():
    """How often each side gave each level, counted and as shares."""
    labels = [a_label(f"iv-{n}", level=level) for n, level in enumerate([1, 1, 2, None])]
    found = slice_of(measured(labels, {f"iv-{n}": a_judged(2) for n in range(4)}), "depth").each

    assert [(0, 2), (3, 1), (0, 0), (0, 0), (0, 0)] == [(r.judge, r.human) for r in found.base_rates]
    assert (1.0, pytest.approx(1 / 3)) == (found.base_rates[1].judge_share, found.base_rates[1].human_share)


def test_unscored_is_counted_and_never_a_number():
    """Each of the four cases, with reasons; only where both gave a level is anything compared."""
    labels = [
        a_label("iv-0", level=3),
        a_label("iv-1", level=None, status="not_asked"),
        a_label("iv-2", level=3),
        a_label("iv-3", level=None),
    ]
    said = {"iv-0": a_judged(3), "iv-1": a_judged(3), "iv-2": a_judged(None), "iv-3": a_judged(None)}

    found = slice_of(measured(labels, said), "depth")
    u = found.unscored

    assert (1, 1, 1, 1) == (u.both_scored, u.only_human, u.only_judge, u.both_unscored)
    assert ({"insufficient_evidence": 2}, {"not_asked": 1, "unscored": 1}) == (u.judge_reasons, u.human_reasons)
    assert 1 == found.each.n


def test_unscored_labels_change_no_figure():
    """Whatever is added without a level."""
    labels, said = a_study()
    more = [a_label(f"iv-{n}", "depth", "r9", None) for n in range(20)]

    before, after = (slice_of(measured(given, said), "depth") for given in (labels, labels + more))

    assert (before.each, before.median, before.between_people) == (after.each, after.median, after.between_people)


def test_nothing_compared_is_undefined():
    """No number stands where no label has a level on both sides."""
    found = slice_of(measured([a_label(level=None)], {"iv-1": a_judged(3)}), "depth").each

    assert {(None, NO_LABELS)} == {(e.value, e.undefined) for e in (found.kappa, found.alpha, found.exact, found.bias)}


def test_no_variation_is_said():
    """Everybody always gives the same level: kappa and alpha are undefined, exact agreement is not."""
    labels = [a_label(f"iv-{n}", level=3) for n in range(20)]
    found = slice_of(measured(labels, {f"iv-{n}": a_judged(3) for n in range(20)}), "depth").each

    assert (NO_VARIATION, NO_VARIATION) == (found.kappa.undefined, found.alpha.undefined)
    assert (None, None) == (found.kappa.value, found.kappa.low)
    assert 1.0 == found.exact.value


def test_interval_holds_the_point():
    """Of a figure that varies."""
    labels, said = a_study(60)
    kappa = slice_of(measured(labels, said, resamples=400), "depth").each.kappa

    assert kappa.low < kappa.value < kappa.high


def test_few_interviews_have_no_interval():
    """A handful, resampled, shows nothing; ten are the least."""
    few, enough = (a_study(n) for n in (INTERVIEWS_MIN - 1, INTERVIEWS_MIN))

    assert NO_INTERVAL_FEW == slice_of(measured(*few), "all_criteria").each.exact.interval_missing
    assert slice_of(measured(*enough), "all_criteria").each.exact.low is not None


def test_figures_that_are_often_undefined_have_no_interval():
    """All that varies is one interview, which a third of the resamples leave out."""
    labels = [a_label(f"iv-{n}", level=4 if n == 0 else 3) for n in range(12)]
    found = slice_of(measured(labels, {f"iv-{n}": a_judged(4 if n == 0 else 3) for n in range(12)}), "depth").each

    assert (1.0, None, NO_INTERVAL_UNDEFINED) == (found.kappa.value, found.kappa.low, found.kappa.interval_missing)
    assert (1.0, 1.0) == (found.exact.low, found.exact.high)


def test_pairs_without_a_kappa_are_counted():
    """Two who always give the same level are in no mean, and the others' mean says so."""
    labels = [a_label(f"iv-{n}", rater=r, level=3) for n in range(12) for r in ("r1", "r2")]
    labels += [a_label(f"iv-{n}", rater="r3", level=2 + n % 3) for n in range(12)]
    found = slice_of(measured(labels, {f"iv-{n}": a_judged(3) for n in range(12)}), "depth").between_people

    assert (3, 1, 0.0) == (found.pairs, found.pairs_undefined, found.kappa.value)


def test_more_labels_of_the_same_interviews_do_not_narrow_the_interval():
    """Interviews are resampled, so a second rater who says the same adds nothing."""
    labels, said = a_study(40, raters=("r1",))
    echo = [a_label(one.interview, one.criterion, "r2", one.level) for one in labels]

    once, twice = (slice_of(measured(given, said), "depth").each.kappa for given in (labels, labels + echo))

    assert (once.low, once.high) == (pytest.approx(twice.low), pytest.approx(twice.high))


def test_seed_makes_it_again():
    """The same seed gives the same value; another gives other intervals and the same points."""
    study = a_study()
    first, again, other = (measured(*study, seed=seed) for seed in (4, 4, 5))

    assert first == again
    assert slice_of(first, "depth").each.kappa.value == slice_of(other, "depth").each.kappa.value
    assert slice_of(first, "depth").each.kappa != slice_of(other, "depth").each.kappa


@pytest.mark.long
@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1_000), st.randoms(use_true_random=False))
def test_order_of_labels_does_not_matter(seed, chance):
    """Nor that of the scorecards."""
    labels, said = a_study(12, raters=("r1", "r2", "r3"), seed=seed)
    shuffled, judged_shuffled = list(labels), list(said.items())
    chance.shuffle(shuffled)
    chance.shuffle(judged_shuffled)

    before = measured(labels, said, by=["band"], resamples=40)
    after = measured(shuffled, dict(judged_shuffled), by=["band"], resamples=40)

    assert before == after


def test_people_among_themselves():
    """The mean of the pairs' kappas, the alpha of all, and the judge on the same items."""
    labels, said = a_study(40, raters=("r1", "r2", "r3"))
    depth = [one for one in labels if one.criterion == "depth" and one.level is not None]
    of = {rater: {one.interview: one.level for one in depth if one.rater == rater} for rater in ("r1", "r2", "r3")}
    several = [i for i in said if sum(i in levels for levels in of.values()) > 1]
    kappas = [
        library_kappa(*zip(*[(of[a][i], of[b][i]) for i in of[a] if i in of[b]], strict=True))
        for a, b in (("r1", "r2"), ("r1", "r3"), ("r2", "r3"))
    ]
    with_judge = [
        library_kappa(
            *zip(*[(j, own[i]) for i in several if i in own and (j := said[i].criteria["depth"].level)], strict=True)
        )
        for own in of.values()
    ]
    units = [[own[i] for own in of.values() if i in own] for i in said]

    found = slice_of(measured(labels, said), "depth").between_people

    assert (len(several), 3, 3, 0) == (found.items, found.raters, found.pairs, found.pairs_too_few)
    assert mean(kappas) == pytest.approx(found.kappa.value, abs=1e-9)
    assert mean(with_judge) == pytest.approx(found.judge_kappa.value, abs=1e-9)
    assert same(library_alpha([unit for unit in units if unit]), found.alpha.value)
    assert found.kappa.low < found.kappa.value < found.kappa.high


def test_raters_with_little_in_common_are_in_no_mean():
    """A kappa of a few labels is chance; the pair is counted, and the alpha knows them."""
    labels, said = a_study(COMMON_MIN - 1)
    found = slice_of(measured(labels, said), "overall").between_people

    assert (0, 1, TOO_FEW_IN_COMMON) == (found.pairs, found.pairs_too_few, found.kappa.undefined)
    assert found.alpha.value is not None


def test_one_rater_is_not_compared_with_people():
    """Nor is there a median."""
    labels, said = a_study(raters=("r1",))
    found = slice_of(measured(labels, said), "depth")

    assert (None, None) == (found.median, found.between_people)


@pytest.mark.parametrize(
    ("levels", "median"), [([1, 2, 5], 2), ([3, 4], 4), ([2, 3], 2), ([4, 5], 4), ([1, 2], 2), ([2, 4], 3), ([5], 5)]
)
def test_median_between_levels_goes_to_the_even_one(levels, median):
    """Half of the halves go up and half go down."""
    labels = [a_label(rater=f"r{n}", level=level) for n, level in enumerate(levels)]
    labels += [a_label("iv-2", rater=f"r{n}", level=3) for n in range(2)]
    found = slice_of(measured(labels, {"iv-1": a_judged(1), "iv-2": a_judged(3)}), "depth").median

    assert 2 == found.n
    assert Counter([median, 3]) == Counter({r.level: r.human for r in found.base_rates if r.human})


def test_overall_is_compared_only_where_people_gave_one():
    """It is not derived from their criteria."""
    labels, said = a_study()
    without = [one for one in labels if one.criterion != "overall"]

    assert "overall" not in [s.kind for s in measured(without, said).slices]
    assert "overall" in [s.kind for s in measured(labels, said).slices]


def test_a_criterion_called_overall_is_that_criterion():
    """The rubric's word counts."""
    judge = replace(JUDGE, criteria=("overall",))
    result = measure([a_label(criterion="overall")], {"iv-1": a_judged({"overall": 5})}, judge, resamples=0, seed=0)

    assert [("criterion", "overall"), ("all_criteria", None)] == [(s.kind, s.criterion_id) for s in result.slices]
    assert 2.0 == result.slices[0].each.bias.value


def test_groups_are_compared_by_themselves():
    """Each with the figures that its interviews alone give; the unknown are a group of their own."""
    labels, said = a_study(60)
    own = [one for one in labels if one.groups.get("band") == "a"]

    result = measured(labels, said, by=["band"])
    found = [g for g in result.groups if g.column == "band"]

    assert ["a", "b", None] == [g.value for g in found]
    assert len({one.interview for one in own}) == found[0].interviews
    assert same(library_kappa(*zip(*pairs_of(own, said, ["depth"]), strict=True)), found[0].slices[0].each.kappa.value)


def test_language_is_a_group_unasked():
    """The interview's own record says it where the file does not."""
    labels, said = a_study(40)
    in_file = [a_label(one.interview, one.criterion, one.rater, one.level, groups={"language": "fr"}) for one in labels]

    assert ["de", "en"] == [g.value for g in measured(labels, said).groups]
    assert ["fr"] == [g.value for g in measured(in_file, said).groups]


def test_small_groups_have_no_figures():
    """They are named with their size."""
    labels = [a_label(f"iv-{n}", groups={"band": "rare" if n < INTERVIEWS_MIN - 1 else "often"}) for n in range(30)]
    result = measured(labels, {f"iv-{n}": a_judged(3) for n in range(30)}, by=["band"])
    often, rare = (g for g in result.groups if g.column == "band")

    assert (True, (), INTERVIEWS_MIN - 1) == (rare.too_few, rare.slices, rare.interviews)
    assert (False, 2) == (often.too_few, len(often.slices))


def test_groups_may_cross():
    """A+B; who is unknown in one is unknown in both."""
    labels = [
        a_label("iv-1", groups={"age": "old", "band": "a"}),
        a_label("iv-2", groups={"age": "young", "band": "a"}),
        a_label("iv-3", groups={"age": "young"}),
    ]
    result = measured(labels, {f"iv-{n}": a_judged(3) for n in (1, 2, 3)}, by=["age+band"])

    assert ["old + a", "young + a", None] == [g.value for g in result.groups if g.column == "age+band"]


def test_one_interview_in_two_groups_is_a_fault():
    """A group belongs to the interview."""
    labels = [a_label(groups={"band": "a"}, line=2), a_label(criterion="clarity", groups={"band": "b"}, line=3)]

    with pytest.raises(UsageFault, match="line 3"):
        measured(labels, {"iv-1": a_judged(3)}, by=["band"])


def test_interviews_without_a_scorecard_are_counted():
    """And are in no figure."""
    labels = [a_label("iv-1"), a_label("iv-2"), a_label("iv-2", "clarity")]
    result = measured(labels, {"iv-1": a_judged(3)})

    assert (3, 1, 2, ("iv-2",)) == (
        result.labels,
        result.labels_compared,
        result.labels_not_judged,
        result.interviews_not_judged,
    )


def test_labels_of_models_are_left_out_beside_peoples():
    """A model's opinion is no person's."""
    human, said = a_study()
    models = [a_label(one.interview, one.criterion, "gpt", 1, source="model") for one in human if one.rater == "r1"]

    with_models, without = measured(human + models, said), measured(human, said)

    assert len(models) == with_models.labels_of_models_left_out
    assert (without.slices, without.standing) == (with_models.slices, with_models.standing)


@pytest.mark.long
@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 40),
            st.sampled_from(["depth", "clarity", "overall"]),
            st.sampled_from(["r1", "r2", "gpt"]),
            st.one_of(st.none(), st.integers(1, 5)),
        ),
        max_size=230,
        unique_by=lambda one: one[:3],
    )
)
def test_fewer_than_200_human_labels_are_never_called_calibrated(given_labels):
    """Whatever else the file holds: labels of models, labels without a level, labels nobody can compare."""
    labels = [
        a_label(f"iv-{i}", criterion, rater, level, source="model" if rater == "gpt" else "human")
        for i, criterion, rater, level in given_labels
    ]
    human = sum(label.source == "human" and label.level is not None for label in labels)
    result = measured(labels, {f"iv-{i}": a_judged(3) for i in range(35)}, resamples=0)

    assert human >= HUMAN_LABELS_MIN or result.standing.startswith("not calibrated: ")


@given(st.integers(0, 10_000), st.integers(0, 10_000))
def test_standing_says_calibrated_from_200(human, model):
    """Only people's labels count towards it."""
    found = standing(human_labels=human, model_labels=model)

    assert (human >= HUMAN_LABELS_MIN) == found.startswith("calibrated on ")
    assert (f"calibrated on {human} human labels" == found) == (human >= HUMAN_LABELS_MIN)


def test_standing_in_words():
    """The three sentences."""
    labels = [a_label(f"iv-{n}", c, level=3) for n in range(100) for c in ("depth", "clarity")]
    models = [a_label(f"iv-{n}", c, level=3, source="model") for n in range(100) for c in ("depth", "clarity")]
    said = {f"iv-{n}": a_judged(3) for n in range(100)}

    assert "calibrated on 200 human labels" == measured(labels, said, resamples=0).standing
    assert "not calibrated: 199 of 200 human labels" == measured(labels[1:], said, resamples=0).standing
    assert "not calibrated: labels made by a model" == measured(models, said, resamples=0).standing


def test_a_rater_twice_is_refused():
    """Labels that were put together by other means than a file are held to the same."""
    with pytest.raises(ValueError, match="two labels of rater r1"):
        measured([a_label(), a_label(level=4)], {"iv-1": a_judged(3)})


def test_levels_of_a_scorecard():
    """Criteria by their sampled level; the overall level is the rounded mean, withheld where the mean is."""
    rubric = a_rubric({"design": ("depth", a_criterion("clarity", required=True))})
    transcript = a_transcript({"design": "We split the queue by tenant first. Then we measured."})

    def of(levels):
        return judged(
            conclude(transcript, rubric, {"design": a_completion(levels)}, model="m@r", sampling=Sampling()),
            language="en",
        )

    whole, held = of((4, 5)), of((4, 0))

    assert (4, 5) == (whole.criteria["depth"].level, whole.criteria["clarity"].level)
    assert (4, 4.5) == (whole.overall.level, whole.overall.value)
    assert (None, "insufficient_evidence") == (held.criteria["clarity"].level, held.criteria["clarity"].status)
    assert (None, "withheld") == (held.overall.level, held.overall.status)


def test_real_score_distributions(shared_data):
    """Scores that people gave to real answers, most of them full marks: every figure is finite."""
    with (shared_data / "rated" / "saf_short_answer_feedback" / "items.jsonl").open(encoding="utf-8") as file:
        scores = [float(json.loads(line)["score_0to1"]) for line in file][:400]
    chance = random.Random(2)
    human = [1 + round(4 * score) for score in scores]
    labels = [a_label(f"iv-{n // 4}", "depth", f"r{n % 4}", level) for n, level in enumerate(human)]
    said = {f"iv-{n}": a_judged(min(5, human[4 * n] + chance.randint(0, 1))) for n in range(len(human) // 4)}

    found = slice_of(measured(labels, said), "depth").each

    assert 400 == found.n
    assert same(library_kappa(*zip(*pairs_of(labels, said, ["depth"]), strict=True)), found.kappa.value)
    assert all(math.isfinite(e.low) for e in (found.kappa, found.alpha, found.exact, found.bias))


def test_progress_is_told():
    """Up to the last step."""
    told = []
    labels, said = a_study()
    measured(labels, said, by=["band"], progress=lambda done, of: told.append((done, of)))

    assert list(range(1, len(told) + 1)) == [done for done, _ in told]
    assert told[-1][0] == told[-1][1]
