"""An interview that broke off says so wherever it is read."""

import pytest

from evaluator.views.scorecard import scorecard_view
from evaluator.web.listing import interview_view, standing
from tests.factories import a_rubric
from tests.unit.web.builders import a_mixed_transcript, a_row, a_scorecard, an_unscored_row, stored

OFF = {"ending": "incomplete", "reached": 2, "sections": 4}


@pytest.mark.parametrize("state", ["blocked", "not_started"])
def test_the_list_says_where(state):
    """Before a run has selected it as well as after."""
    assert "Incomplete: it broke off in section 2 of 4" == standing(an_unscored_row(state, **OFF)).words


def test_without_consent_that_is_what_is_said():
    """A release would change nothing."""
    row = an_unscored_row("blocked", code="consent", **OFF, consent="withdrawn")

    assert "Blocked: no consent" == standing(row).words


def test_released_it_stands_where_it_stands():
    """And its page still says what it is."""
    view = interview_view(an_unscored_row("waiting", **OFF, released=True), ())

    assert "Waiting" == view.line.standing.words
    assert "broke off in section 2 of 4, and a person released it" in view.explanation


@pytest.mark.parametrize(
    ("ending", "says"), [("stopped", "ended the interview early"), ("silent", "not heard any more")]
)
def test_an_early_end_is_told_beside_the_scorecard(ending, says):
    """It is scored, and people should know."""
    assert says in interview_view(a_row(ending=ending, reached=2, sections=4), ()).explanation


def test_an_interview_that_came_to_its_end_says_nothing_of_it():
    """As do imports."""
    plain = interview_view(a_row(), ()).explanation

    assert plain == interview_view(a_row(ending="finished", reached=4, sections=4), ()).explanation


def test_the_scorecard_says_that_it_is_of_a_part():
    """Where it says how its sections came about."""
    transcript, rubric = a_mixed_transcript(), a_rubric()
    whole = scorecard_view(stored(a_scorecard(transcript, rubric)), rubric, transcript)
    part = scorecard_view(
        stored(a_scorecard(transcript, rubric), ending="incomplete", sections_reached=2), rubric, transcript
    )

    assert whole.sections_told is None
    assert "broke off in section 2 of 3; a person released it" in part.sections_told
