"""The rubric's intros, found in the interviewer's turns, mark sections."""

from itertools import groupby

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evaluator.formats.sections import (
    Question,
    assigned,
    by_intros,
    excerpt,
    mark_sections,
    placed,
    question_turns,
    sections_found,
)
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
    given_turns = (first, second.model_copy(update={"section_id": "review"}))

    assert ["design", "review"] == sections(given_turns, rubric)


def test_what_follows_a_question_that_the_source_has_placed_follows_it(rubric):
    """A source that names the section of a question alone has said where the answer belongs."""
    first, second, third = talk(DESIGN, "A.", "And then?")
    given_turns = (first.model_copy(update={"section_id": "review"}), second, third)

    assert ["review", "review", "review"] == sections(given_turns, rubric)


def test_section_that_the_rubric_does_not_have_is_none(rubric):
    """A source may follow another plan; its names are no sections of this rubric."""
    first, second = talk(DESIGN, "A.")
    given_turns = (first, second.model_copy(update={"section_id": "other"}))

    assert ["design", "design"] == sections(given_turns, rubric)


def test_questions_are_the_interviewers_turns_with_words(rubric):
    """Empty turns and other speakers ask nothing."""
    turns = (*talk(DESIGN, "Why?", " \n"), Turn(id="T4", speaker="other", text="Ring."))

    assert ["T1"] == [turn.id for turn in question_turns(turns)]


def test_a_questions_section_says_who_placed_it(rubric):
    """The source's word is told apart from what the intros say."""
    turns = talk("Hello.", "Hi.", DESIGN, "A.", "More?")
    turns = (*turns[:4], turns[4].model_copy(update={"section_id": "team"}))

    assert [("T1", None, "intro"), ("T3", "design", "intro"), ("T5", "team", "source")] == [
        (q.turn_id, q.section_id, q.by) for q in by_intros(turns, rubric)
    ]


def test_a_correction_takes_the_answers_along(rubric):
    """A question that a person has moved takes what was answered with it, whatever the source says."""
    turns = tuple(turn.model_copy(update={"section_id": "design"}) for turn in talk("Q1", "A1", "Q2", "A2"))
    corrected = (
        Question(turn_id="T1", text="Q1", section_id="team", by="correction"),
        Question(turn_id="T3", text="Q2", section_id="design", by="source"),
    )

    assert ["team", "team", "design", "design"] == [turn.section_id for turn in placed(turns, corrected, rubric)]


SPEAKERS = st.sampled_from(["candidate", "interviewer", "other"])
SECTIONS = st.sampled_from([None, "design", "review", "team"])


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    drawn=st.lists(st.tuples(SPEAKERS, st.text(max_size=3), SECTIONS | st.just("alien"), SECTIONS), max_size=15),
    by=st.sampled_from(["judge", "correction"]),
)
def test_whatever_assigns_no_turn_is_lost_or_changed(rubric, drawn, by):
    """Turns stay in order with their words; every section is the rubric's; a question stands where it was put."""
    turns = tuple(
        Turn(id=f"T{n}", speaker=speaker, text=text, section_id=own)
        for n, (speaker, text, own, _) in enumerate(drawn, start=1)
    )
    sections = {f"T{n}": section for n, (*_, section) in enumerate(drawn, start=1)}

    questions = assigned(turns, rubric, sections, by=by)
    result = placed(turns, questions, rubric)

    assert [(t.id, t.speaker, t.text) for t in turns] == [(t.id, t.speaker, t.text) for t in result]
    assert {t.section_id for t in result} <= {None, "design", "review", "team"}
    where = {t.id: t.section_id for t in result}
    assert [(q.turn_id, q.section_id) for q in questions] == [(q.turn_id, where[q.turn_id]) for q in questions]


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


@pytest.mark.parametrize(
    ("text", "begins"),
    [
        (
            "That is great. Could you walk me through it? Take your time.",
            "Could you walk me through it? Take your time.",
        ),
        ("Welcome to this talk.\n\nTell me about it.", "Welcome to this talk. Tell me about it."),
        ("Nice. " + "word " * 50, "Nice. " + "word " * 10 + "wor…"),
        ("Why\x1b[2J\u202e\u2066?", "Why [2J ?"),
        ("", ""),
    ],
)
def test_an_excerpt_is_how_what_is_asked_begins(text, begins):
    """The last question, on one line, without what steers a terminal."""
    assert begins == excerpt(text)


@given(text=st.text(max_size=400))
@settings(max_examples=200, deadline=None)
def test_an_excerpt_is_short_and_plain(text):
    """Whatever was said fits on a line and prints as it is."""
    assert len(excerpt(text)) <= 60
    assert excerpt(text).isprintable()


def test_real_interviews_have_none_of_these_sections(interviews, rubric):
    """Interviews that were led by another plan are not forced into this rubric's sections."""
    found = [sections_found(mark_sections(r.turns, rubric), rubric) for rs in interviews.values() for r in rs]

    assert {()} == set(found)
