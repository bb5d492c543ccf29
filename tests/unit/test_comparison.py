"""Candidates side by side."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluator.comparison import MixedRubrics, compare
from evaluator.errors import Forbidden, UsageFault
from evaluator.human import folded
from tests.factories import AT, a_criterion, a_rubric
from tests.unit.comparing import (
    CRITERIA,
    OTHER,
    a_body,
    a_dismissal,
    a_final,
    a_noise,
    a_recommendation,
    a_review,
    a_state,
    an_entrant,
    records,
)

RUBRIC = a_rubric()


def the_row(comparison, criterion_id="depth"):
    """One criterion's row."""
    return next(r for r in comparison.rows if r.criterion_id == criterion_id)


def the_cells(comparison, criterion_id="depth"):
    """One criterion's cells by scorecard."""
    return {c.scorecard_id: c for c in the_row(comparison, criterion_id).cells}


def two(first=None, second=None, **changes):
    """Two candidates with these levels; changes hold for the first."""
    return [an_entrant(1, a_body(first), **changes), an_entrant(2, a_body(second))]


def test_rows_stand_in_rubric_order():
    """The rubric's order is the one that people know."""
    found = compare(two(), RUBRIC)

    assert CRITERIA == tuple(r.criterion_id for r in found.rows)


def test_a_cell_shows_level_word_anchor_and_whose_it_is():
    """Number, word and the rubric's own text, as in UX."""
    cell = the_cells(compare(two({"depth": 4}), RUBRIC))["sc_1"]

    assert (4, "Strong", "Depth, behaviour of level 4.", "judge") == (cell.level, cell.word, cell.anchor, cell.source)


def test_a_cell_shows_two_of_its_utterances_and_keeps_all():
    """The rest is one press away."""
    review = a_review().model_copy(
        update={
            "ratings": tuple(
                r.model_copy(update={"quotes": ("U1", "U2", "U3")}) for r in a_review({"depth": 5}).ratings
            )
        }
    )
    cell = the_cells(compare(two(state=a_state(review, a_final())), RUBRIC))["sc_1"]

    assert (("U1", "U2"), ("U1", "U2", "U3")) == (cell.evidence_shown, cell.evidence)


def test_without_a_level_a_cell_says_why_in_words():
    """Never zero, never blank."""
    cell = the_cells(compare(two({"depth": 0}), RUBRIC))["sc_1"]

    assert cell.level is None
    assert cell.reason == (
        "Insufficient evidence. The judge found no basis for a level in what the candidate said here."
    )


def test_a_final_level_counts_and_the_judges_stays_visible():
    """An override never hides what it stands against."""
    cell = the_cells(compare(two(state=a_state(a_review(), a_final(new=5))), RUBRIC))["sc_1"]

    assert (5, "human", 3) == (cell.level, cell.source, cell.judged)


def test_a_final_without_a_level_leaves_none():
    """A person may decide that there is nothing to judge."""
    found = compare(two(state=a_state(a_review(), a_final(new=None))), RUBRIC)

    assert (None, "not_assessed") == (the_cells(found)["sc_1"].level, the_cells(found)["sc_1"].status)
    assert the_row(found).difference.standing == "not_comparable"


def test_the_judges_mode_ignores_what_people_set():
    """Each mode shows one thing."""
    found = compare(two(state=a_state(a_review(), a_final(new=5))), RUBRIC, mode="ai")

    assert 3 == the_cells(found)["sc_1"].level


def test_the_peoples_mode_shows_only_what_people_gave():
    """The judge's level stands in for nobody's."""
    found = compare(two(state=a_state(a_review({"depth": 2}))), RUBRIC, mode="human")

    assert [(2, None), (None, "not_reviewed")] == [(c.level, c.status) for c in the_cells(found).values()]


def test_reviewers_who_differ_give_no_level_between_theirs():
    """A mean of two people's levels is a level that nobody gave."""
    both = folded([*records(a_review({"depth": 2})), *records(a_review({"depth": 4}), person=OTHER, start=2)])
    cell = the_cells(compare(two(state=both), RUBRIC, mode="human"))["sc_1"]

    assert (None, "Reviewers differ: 2, 4. A final level settles it.") == (cell.level, cell.reason)


def test_a_difference_inside_the_noise_is_a_tie():
    """One level apart, where re-scoring moves a level by up to 1.4."""
    found = the_row(compare(two({"depth": 4}), RUBRIC, noise=a_noise())).difference

    assert ("tie", (("sc_1", "sc_2"),), "1, within noise") == (found.standing, found.ties, found.words)


def test_a_difference_beyond_the_noise_is_none():
    """Two levels are more than re-scoring explains."""
    found = the_row(compare(two({"depth": 5}), RUBRIC, noise=a_noise())).difference

    assert ("differs", (), "2") == (found.standing, found.ties, found.words)


@pytest.mark.parametrize("levels", [{}, {"depth": 4}])
def test_without_measured_noise_nothing_is_called_a_tie(levels):
    """Not even equal levels: they are the same, and the text says what is not known."""
    found = compare(two(levels), RUBRIC)

    assert the_row(found).difference.standing in {"same", "differs"}
    assert () == the_row(found).difference.ties
    assert "was not measured" in found.noise_words


def test_noise_of_another_temperature_is_none():
    """It was measured of another judge."""
    found = compare(two({"depth": 4}), RUBRIC, noise=a_noise(temperature=0.7))

    assert "differs" == the_row(found).difference.standing


def test_noise_of_one_judge_says_nothing_between_two():
    """A difference may then be the judges' own, and the page says so."""
    found = compare([an_entrant(1), an_entrant(2, a_body(model="other@r2"))], RUBRIC, noise=a_noise())

    assert "same" == the_row(found).difference.standing
    assert "different judges" in found.notes[0]


def test_a_persons_level_is_never_a_tie():
    """The judge's noise is not people's."""
    found = compare(two(state=a_state(a_review(), a_final(new=4))), RUBRIC, noise=a_noise())

    assert ("differs", ()) == (the_row(found).difference.standing, the_row(found).difference.ties)


def test_a_row_in_which_one_lacks_a_level_is_not_comparable():
    """No spread is given for it."""
    found = the_row(compare(two({"depth": 0}), RUBRIC)).difference

    assert ("not_comparable", None) == (found.standing, found.spread)


def test_the_judges_mean_is_the_scorecards_own():
    """The table and the scorecard never disagree."""
    body = a_body({"depth": 4}, shares={"depth": {3: 0.2, 4: 0.8}, "clarity": {2: 0.5, 3: 0.5}})
    cell = compare([an_entrant(1, body), an_entrant(2)], RUBRIC).means[0]

    assert (body.overall.value, body.overall.spread) == (cell.value, cell.spread)


def test_a_final_level_moves_the_mean():
    """3 3 3 3 3 becomes 5 3 3 3 3."""
    cell = compare(two(state=a_state(a_review(), a_final(new=5))), RUBRIC).means[0]

    assert (3.4, "human") == (cell.value, cell.source)


def test_a_mean_without_a_required_criterion_is_withheld():
    """And says which."""
    rubric = a_rubric({"design": (a_criterion("depth", required=True), "clarity"), "debugging": ("method",)})
    bodies = [a_body({"depth": 0}, rubric=rubric), a_body(rubric=rubric)]
    found = compare([an_entrant(n, body) for n, body in enumerate(bodies, 1)], rubric)

    assert (None, "withheld: no level for “Depth”") == (found.means[0].value, found.means[0].words)
    assert "not_comparable" == found.mean_difference.standing


def test_means_over_different_criteria_say_so():
    """3.5 of four criteria is not 3.5 of five."""
    found = compare(two({"clarity": 0}), RUBRIC)

    assert "the means rest on different criteria" in found.mean_difference.words


def test_recommendations_are_peoples_with_their_names():
    """The newest of each person counts."""
    state = a_state(a_review(recommendation="no"), a_recommendation("strong_yes"))
    found = compare(two(state=state), RUBRIC).recommendations

    assert ["Strong yes (Reviewer A)", "Pending: 0 of 1 review"] == [c.words for c in found]


def test_a_gap_names_the_questions_to_ask():
    """What was not said can be asked in the next round."""
    gap = compare(two({"depth": 0}), RUBRIC).gaps[0]

    assert ("C-0001", "Depth", "ask", ("What did you do?",)) == (
        gap.candidate_ref,
        gap.criterion,
        gap.way_out,
        gap.questions,
    )


def test_what_failed_is_scored_again_not_asked_again():
    """The candidate did answer."""
    found = compare([an_entrant(1, a_body(failed={"debugging": "not_json"})), an_entrant(2)], RUBRIC)

    assert ["rescore"] == [g.way_out for g in found.gaps]


def test_other_versions_are_refused_with_the_way_out():
    """All of them are named, with what to do."""
    other = a_body(rubric=RUBRIC.model_copy(update={"version": "2"}))

    with pytest.raises(MixedRubrics, match=r"C-0002 \(sc_2\) with backend@2; re-score them on backend@1") as raised:
        compare([an_entrant(1), an_entrant(2, other)], RUBRIC)

    assert ("sc_2",) == tuple(o.scorecard_id for o in raised.value.others)


@pytest.mark.parametrize("count", [1, 13])
def test_a_table_holds_two_to_twelve(count):
    """Fewer are no comparison, more nobody can read."""
    with pytest.raises(UsageFault, match="2 to 12 candidates"):
        compare([an_entrant(n) for n in range(1, count + 1)], RUBRIC)


def test_the_same_scorecard_twice_is_refused():
    """It would always tie with itself."""
    with pytest.raises(UsageFault, match="named twice: sc_1"):
        compare([an_entrant(1), an_entrant(1)], RUBRIC)


def test_a_dismissed_scorecard_is_refused():
    """It does not count, and the way out is said."""
    with pytest.raises(UsageFault, match="dismissed, so it does not count: C-0001"):
        compare(two(state=a_state(a_dismissal())), RUBRIC)


def test_the_usual_order_is_by_date():
    """Never by what the judge said; without a date last."""
    found = compare([an_entrant(3), an_entrant(1, interviewed_at=None), an_entrant(2, a_body({"depth": 5}))], RUBRIC)

    assert ["sc_2", "sc_3", "sc_1"] == [c.scorecard_id for c in found.columns]


def test_by_score_the_highest_comes_first():
    """For those who have seen all scores anyway."""
    found = compare(two({"depth": 2}, {"depth": 5}), RUBRIC, order="score")

    assert ["sc_2", "sc_1"] == [c.scorecard_id for c in found.columns]


def test_by_score_is_refused_while_one_is_hidden():
    """An order tells a score."""
    with pytest.raises(Forbidden, match="after you have reviewed all"):
        compare(two(sees_judge=False), RUBRIC, order="score")


def test_a_hidden_candidate_is_only_a_lock():
    """Not a level, a reason, an utterance, a mean, a gap or a recommendation."""
    state = a_state(a_review(), a_final())
    found = compare(two({"depth": 0}, sees_judge=False, state=state), RUBRIC)
    cells = [the_cells(found, c)["sc_1"] for c in CRITERIA]

    assert all(c.locked and not c.model_fields_set - {"scorecard_id", "locked"} for c in cells)
    assert {"scorecard_id", "locked"} == found.means[0].model_fields_set
    assert () == found.recommendations[0].given
    assert () == found.gaps
    assert "locked" == the_row(found).difference.standing


levels = st.fixed_dictionaries({c: st.integers(0, 5) for c in CRITERIA})
maybe_failed = st.sampled_from([None, {"design": "not_json"}, {"teamwork": "cut_answer"}])


@given(
    hidden=st.tuples(levels, levels),
    failed=st.tuples(maybe_failed, maybe_failed),
    acts=st.sampled_from([(), (a_review(),), (a_review(), a_final()), (a_review({"depth": 1}), a_final(new=None))]),
    mode=st.sampled_from(["final", "ai", "human"]),
    measured=st.booleans(),
)
def test_hidden_values_change_nothing(hidden, failed, acts, mode, measured):
    """Whatever the judge said of a hidden candidate, every byte of the table is the same."""
    noise = a_noise() if measured else None
    open_ones = [an_entrant(2), an_entrant(3, a_body({"clarity": 4}))]
    state = a_state(*acts)
    one, other = (
        compare(
            [an_entrant(1, a_body(body, failed=lost), sees_judge=False, state=state), *open_ones],
            RUBRIC,
            noise=noise,
            mode=mode,
        )
        for body, lost in zip(hidden, failed, strict=True)
    )

    assert one.model_dump_json() == other.model_dump_json()


@pytest.mark.long
@given(st.lists(st.tuples(levels, st.booleans()), min_size=2, max_size=5), st.sampled_from(["final", "ai", "human"]))
def test_what_is_given_last_makes_no_difference(given_levels, mode):
    """The table does not depend on the order in which candidates were picked."""
    entrants = [an_entrant(n, a_body(body), sees_judge=seen) for n, (body, seen) in enumerate(given_levels, 1)]

    assert compare(entrants, RUBRIC, mode=mode) == compare(entrants[::-1], RUBRIC, mode=mode)


@pytest.mark.long
@given(
    st.lists(st.tuples(levels, st.integers(0, 3)), min_size=2, max_size=6),
    st.lists(levels, min_size=6, max_size=6),
    st.sampled_from(["interviewed_at", "candidate"]),
)
def test_the_usual_orders_do_not_depend_on_scores(given_levels, others, order):
    """Interviews of one day stand by their ids, whatever the judge said."""

    def ordered(bodies):
        entrants = [
            an_entrant(n, a_body(body), interviewed_at=AT + timedelta(days=day))
            for n, ((_, day), body) in enumerate(zip(given_levels, bodies, strict=False), 1)
        ]
        return [c.scorecard_id for c in compare(entrants, RUBRIC, order=order).columns]

    assert ordered([body for body, _ in given_levels]) == ordered(others)


@pytest.mark.parametrize("order", ["interviewed_at", "candidate", "score"])
def test_the_pinned_one_stands_first(order):
    """The others keep their order."""
    entrants = [an_entrant(n, a_body({"depth": n})) for n in (1, 2, 3)]
    usual = [c.scorecard_id for c in compare(entrants, RUBRIC, order=order).columns]
    found = compare(entrants, RUBRIC, order=order, pin="sc_2").columns

    assert ["sc_2", *(s for s in usual if s != "sc_2")] == [c.scorecard_id for c in found]
    assert [True, False, False] == [c.pinned for c in found]


def test_a_pin_that_is_none_of_them_is_refused():
    """Rather than passed over."""
    with pytest.raises(UsageFault, match="pin names sc_9"):
        compare(two(), RUBRIC, pin="sc_9")


def test_the_noise_is_told_as_figures():
    """For machines: what a difference must be larger than."""
    found = compare(two(), RUBRIC, noise=a_noise())

    assert (4, 2, 0.95) == (found.noise.interviews, found.noise.scorings, found.noise.confidence)
    assert the_row(found).difference.within == pytest.approx(1.4, abs=0.05)
    assert compare(two(), RUBRIC, noise=a_noise(), mode="human").noise is None


def test_nobodys_level_is_not_a_difference():
    """Said otherwise than where some have one."""
    found = the_row(compare(two({"depth": 0}, {"depth": 0}), RUBRIC)).difference

    assert ("not_comparable", "Nobody has a level") == (found.standing, found.words)
