"""Step one's form: what it holds, what it lacks, and what becomes of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluator.web.field_view import Fields
from evaluator.web.review_view import (
    OFFERED_EACH_MAX,
    Filled,
    Given,
    differences,
    draft_body,
    faults_of,
    filled_from,
    filled_of,
    hidden_fields,
    review_form,
    review_of,
)
from tests.factories import a_rubric, a_transcript

RUBRIC = a_rubric()
IDS = [c.id for c in RUBRIC.criteria]
COMPLETE = Filled(given={name: Given(level="3") for name in IDS}, recommendation="yes")
LEVELS = st.sampled_from(["", "none", "1", "2", "3", "4", "5"])
GIVEN = st.builds(
    Given,
    level=LEVELS,
    quotes=st.lists(st.sampled_from(["U1", "U2", "U9"]), unique=True).map(tuple),
    note=st.text("ab é", max_size=5).map(str.strip),
)
FILLED = st.builds(
    Filled,
    given=st.fixed_dictionaries(dict.fromkeys(IDS, GIVEN)),
    recommendation=st.sampled_from(["", "yes", "strong_no"]),
    note=st.text("xyz", max_size=5),
)


@given(FILLED)
def test_a_draft_brings_back_what_it_kept(filled):
    """Whatever stood in the form."""
    again = filled_from(draft_body(filled))

    assert all(filled.of(name) == again.of(name) for name in IDS)
    assert (filled.recommendation, filled.note) == (again.recommendation, again.note)


@given(FILLED)
def test_hidden_fields_are_the_form_once_more(filled):
    """So that nothing is lost over a page that only asks."""
    assert filled == filled_of(Fields(hidden_fields(filled)), RUBRIC)


@given(st.lists(st.tuples(st.text(max_size=20), st.text(max_size=20)), max_size=20))
def test_no_form_fails(pairs):
    """Anything can be sent; a form without faults makes a review."""
    filled = filled_of(Fields(tuple(pairs)), RUBRIC)

    if not faults_of(filled, RUBRIC, frozenset()):
        review_of(filled, RUBRIC)
    assert set(IDS) == set(filled.given)


@pytest.mark.parametrize("body", [None, {}, {"ratings": 3}, {"ratings": [{"level": 9}]}, {"recommendation": "hire"}])
def test_a_draft_that_cannot_be_read_is_an_empty_form(body):
    """It may have been written by another program."""
    assert Filled() == filled_from(body)


def test_a_complete_form_is_a_review():
    """In rubric order; none is no level."""
    filled = COMPLETE.model_copy(update={"given": {**COMPLETE.given, IDS[0]: Given(level="none")}})

    review = review_of(filled, RUBRIC)

    assert () == faults_of(filled, RUBRIC, frozenset())
    assert [(name, None if name == IDS[0] else 3) for name in IDS] == [
        (rating.criterion_id, rating.level) for rating in review.ratings
    ]


def test_all_faults_are_named_in_the_pages_order():
    """Not only the first."""
    filled = Filled(given={IDS[1]: Given(level="2", quotes=("U7",), note="x" * 2_001)}, note="y" * 2_001)

    faults = faults_of(filled, RUBRIC, frozenset({"U1"}))

    first, second, *rest = IDS
    assert [
        f"level-{first}",
        f"evidence-{second}",
        f"note-{second}",
        *(f"level-{name}" for name in rest),
        "recommendation",
        "note",
    ] == [fault.field for fault in faults]


def test_quotes_have_a_limit():
    """As records have."""
    quotes = tuple(f"U{n}" for n in range(1, 22))
    filled = COMPLETE.model_copy(update={"given": {**COMPLETE.given, IDS[0]: Given(level="3", quotes=quotes)}})

    assert [f"evidence-{IDS[0]}"] == [fault.field for fault in faults_of(filled, RUBRIC, None)]


def test_the_form_offers_what_was_said_in_the_section():
    """And what was chosen from elsewhere, in the interview's order."""
    filled = Filled(given={"depth": Given(quotes=("U4",))})

    form = review_form(filled, RUBRIC, a_transcript(), version=0, saved_at=None)

    offered = {c.id: [(o.id, o.chosen) for o in c.offered] for s in form.sections for c in s.criteria}
    assert [("U1", False), ("U2", False), ("U4", True)] == offered["depth"]
    assert [("U3", False)] == offered["method"]
    assert (0, 5) == (form.rated, form.criteria)


def test_a_long_interview_does_not_make_a_page_without_end():
    """What is not offered can be written by hand."""
    said = " ".join(f"This is sentence number {n} of a long answer." for n in range(400))

    form = review_form(Filled(), RUBRIC, a_transcript({"design": said}), version=0, saved_at=None)

    depth = form.sections[0].criteria[0]
    assert (OFFERED_EACH_MAX, True) == (len(depth.offered), depth.by_hand)
    assert not form.sections[1].criteria[0].by_hand


def test_two_drafts_are_compared_field_by_field():
    """With the recommendation last."""
    mine = Filled(given={"depth": Given(level="3", note="a")}, recommendation="no")
    other = Filled(given={"depth": Given(level="none", quotes=("U2",))}, recommendation="no")

    found = differences(mine, other, RUBRIC)

    assert [False, True, True, True, True, True] == [d.same for d in found]
    assert ("3", "not assessed", ("U2",)) == (found[0].mine.words, found[0].other.words, found[0].other.quotes)
