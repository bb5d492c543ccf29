"""The rubric's intros, found in the interviewer's turns, mark sections."""

from itertools import groupby

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evaluator.formats.sections import mark_sections, sections_found
from evaluator.transcript import Turn

DESIGN = "Thank you. In the next part I would like to talk with you about system design."
REVIEW = "Thank you. In the next part I would like to talk with you about code review."
TEAM = "Now let's turn to your team: how do you work with others?"
CLOSING = "That was my last question, thank you for your time."


def talk(*texts: str) -> tuple[Turn, ...]:
    """Turns by the interviewer and the candidate in turn."""
    return tuple(
        Turn(id=f"T{n}", speaker="candidate" if n % 2 == 0 else "interviewer", text=text)
        for n, text in enumerate(texts, start=1)
    )


def sections(turns, rubric) -> list[str | None]:
    """The section of each turn, after marking."""
    return [turn.section_id for turn in mark_sections(turns, rubric)]


def test_section_lasts_from_its_intro_to_the_next(rubric):
    """Greeting before the first intro and the closing belong to no section."""
    turns = talk("Hello.", "Hi.", DESIGN, "A.", "More?", "B.", TEAM, "C.", CLOSING, "Bye.")

    assert [None, None, "design", "design", "design", "design", "team", "team", None, None] == sections(turns, rubric)


def test_order_of_the_rubric_is_not_required(rubric):
    """Sections asked in another order are marked as they come."""
    assert ["team", "team", "design", "design"] == sections(talk(TEAM, "A.", DESIGN, "B."), rubric)


def test_intros_that_are_alike_are_told_apart(rubric):
    """An intro that differs from another in two words marks its own section, also when the other was never asked."""
    assert ["review", "review"] == sections(talk(REVIEW, "A."), rubric)


@pytest.mark.parametrize(
    "spoken",
    [
        "NOW LETS TURN to your team - how do you work, with others",
        "Great, thanks for that!\n\nNow let\u2019s turn to your team: how do you work with others? Take your time.",
        "Okay, now let's turn to your team. How do you usually work with others?",
        "So now we turn to your team: how do you work with others?",
    ],
)
def test_close_wording_counts(rubric, spoken):
    """Case, punctuation, words around it and a changed word do not hide an intro."""
    assert ["team"] == sections(talk(spoken), rubric)


@pytest.mark.parametrize("spoken", ["How do you work with your team?", "Thank you for your time so far.", "", "Now."])
def test_other_wording_does_not(rubric, spoken):
    """A question that shares words with an intro opens nothing."""
    assert [None] == sections(talk(spoken), rubric)


def test_candidate_cannot_open_a_section(rubric):
    """Only what the interviewer says marks sections."""
    assert ["design", "design", "design"] == sections(talk(DESIGN, TEAM, "Yes."), rubric)


def test_first_intro_of_a_section_wins(rubric):
    """An intro that is repeated later does not take turns away from the section in between."""
    assert ["design", "design", "team", "team", "team"] == sections(talk(DESIGN, "A.", TEAM, "B.", DESIGN), rubric)


def test_last_of_two_intros_in_a_turn_is_the_one_that_is_asked(rubric):
    """A turn that passes over one section belongs to the one that it ends with."""
    assert ["review"] == sections(talk(f"{DESIGN} We are out of time for this. {REVIEW}"), rubric)


def test_closing_spoken_early_closes_nothing(rubric):
    """A thank-you between sections is not the end."""
    assert ["design", "design", "design", "design", "team"] == sections(talk(DESIGN, "A.", CLOSING, "B.", TEAM), rubric)


def test_section_that_is_given_is_kept(rubric):
    """What the source says about its sections is not overwritten."""
    first, second = talk(DESIGN, "A.")
    given_turns = (first, second.model_copy(update={"section_id": "other"}))

    assert ["design", "other"] == sections(given_turns, rubric)


def test_sections_found_are_told_in_rubric_order(rubric):
    """How many sections were found is a question of those the rubric knows."""
    turns = mark_sections(talk(TEAM, "A.", DESIGN), rubric)

    assert ("design", "team") == sections_found(turns, rubric)
    assert () == sections_found(talk("Hello."), rubric)


TEXTS = st.sampled_from([DESIGN, REVIEW, TEAM, CLOSING, "Hello.", "", f"{DESIGN} {TEAM}"]) | st.text(max_size=60)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(TEXTS, max_size=12))
def test_marking_changes_nothing_but_sections(rubric, texts):
    """No turn is lost, moved or changed; each section is one stretch; marking again gives the same."""
    turns = talk(*texts)
    marked = mark_sections(turns, rubric)

    assert turns == tuple(turn.model_copy(update={"section_id": None}) for turn in marked)
    ids = [section_id for section_id, _ in groupby(turn.section_id for turn in marked) if section_id]
    assert len(set(ids)) == len(ids)
    assert marked == mark_sections(marked, rubric)


def test_real_interviews_have_none_of_these_sections(interviews, rubric):
    """Interviews that were led by another plan are not forced into this rubric's sections."""
    found = [sections_found(mark_sections(r.turns, rubric), rubric) for rs in interviews.values() for r in rs]

    assert {()} == set(found)
