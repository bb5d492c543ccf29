"""What the agent says next follows from the rubric, the answer and the time alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from live_agent.plan import (
    CONSENT_ASKS_MAX,
    SECTION_TIME_MIN_S,
    THIN_ANSWER_WORDS,
    End,
    Heard,
    Position,
    Say,
    next_step,
    plan,
)
from rubrics.library import library

BACKEND = library().find("backend-eng")
FULL = Heard(words=THIN_ANSWER_WORDS, consent="granted")
THIN = Heard(words=THIN_ANSWER_WORDS - 1, consent="granted")


def walk(script, *, heard=FULL, seconds_each=10.0, steps_max=200):
    """Ids of all steps said, each answered alike, and how it ended."""
    position, said, elapsed_s = Position(), [], 0.0
    for _ in range(steps_max):
        step = next_step(script, position, heard, elapsed_s)
        if isinstance(step, End):
            return said, step.reason
        said += [s.id for s in step.steps]
        position, elapsed_s = step.position, elapsed_s + seconds_each
    raise AssertionError("the interview does not end")


def at_question(script, number=1, part=0):
    """The position after that question of that section."""
    return Position(stage="section", part=part, part_started_s=0.0, questions=number)


def test_full_answers_are_led_straight_through_the_rubric(rubric):
    """Consent, opening, then each section's intro and questions, then the closing; no follow-up."""
    said, reason = walk(plan(rubric))

    assert [
        "consent",
        "opening",
        "first/intro",
        "first/q1",
        "first/q2",
        "second/intro",
        "second/q1",
        "second/q2",
        "closing",
    ] == said
    assert reason == "finished"


def test_the_plan_lists_every_step_of_the_rubric_in_order(rubric):
    """All that may be said stands in the plan, follow-ups behind the questions of their section."""
    kinds = [step.kind for step in plan(rubric).steps]

    part = ["intro", "question", "question", "follow_up", "follow_up"]
    assert ["consent", "opening", *part, *part, "closing"] == kinds


def test_the_intro_is_spoken_word_for_word_with_the_first_question(rubric):
    """Section and question open in one turn, which belongs to the section."""
    step = next_step(plan(rubric), Position(stage="opening"), Heard(), 20.0)

    assert isinstance(step, Say)
    assert step.text == "Now we talk about first. Question 1 about first?"
    assert step.section_id == "first"


def test_a_thin_answer_earns_the_questions_own_follow_up(rubric):
    """Follow-ups stand in the order of the questions."""
    step = next_step(plan(rubric), at_question(plan(rubric), 2), THIN, 10.0)

    assert [s.id for s in step.steps] == ["first/f2"]


def test_a_full_answer_earns_no_follow_up(rubric):
    """One word more and the next question is asked."""
    step = next_step(plan(rubric), at_question(plan(rubric), 1), FULL, 10.0)

    assert [s.id for s in step.steps] == ["first/q2"]


@pytest.mark.parametrize("heard", [Heard(words=0), Heard(words=5, declined=True)])
def test_silence_and_refusals_are_not_pressed(rubric, heard):
    """The next question follows at once."""
    step = next_step(plan(rubric), at_question(plan(rubric), 1), heard, 10.0)

    assert [s.id for s in step.steps] == ["first/q2"]


def test_a_question_with_two_follow_ups_stops_pressing_once_enough_was_said(build):
    """The words of the answer and of its follow-ups count together."""
    script = plan(build({"name": "only", "questions": 1, "follow_ups": 2}))
    half = Heard(words=THIN_ANSWER_WORDS // 2 + 1)

    first = next_step(script, at_question(script, 1), half, 10.0)
    second = next_step(script, first.position, half, 20.0)

    assert [s.id for s in first.steps] == ["only/f1"]
    assert [s.id for s in second.steps] == ["closing"]


def test_each_follow_up_is_asked_once(build):
    """Three thin answers share two follow-ups."""
    said, _ = walk(plan(build({"name": "only", "questions": 3, "follow_ups": 2})), heard=THIN)

    assert len(set(said)) == len(said)


def test_a_spent_section_gives_way_to_the_next(rubric):
    """Its second question is never asked."""
    script = plan(rubric)

    step = next_step(script, at_question(script, 1), FULL, script.parts[0].time_budget_s)

    assert [s.id for s in step.steps] == ["second/intro", "second/q1"]


def test_no_section_is_opened_in_the_last_moments(rubric):
    """With too little time left the interview closes."""
    script = plan(rubric, time_budget_s=400.0)

    step = next_step(script, at_question(script, 2), FULL, 400.0 - SECTION_TIME_MIN_S + 1)

    assert [s.id for s in step.steps] == ["closing"]


def test_slow_answers_still_reach_the_closing(rubric):
    """However long each answer takes, the interview says goodbye."""
    said, reason = walk(plan(rubric), seconds_each=290.0)

    assert ["consent", "opening", "first/intro", "first/q1", "closing"] == [
        s for s in said if not s.startswith("second") and s != "first/q2"
    ]
    assert reason == "finished"


def test_refused_consent_ends_before_the_opening(rubric):
    """Nothing of the interview is asked."""
    said, reason = walk(plan(rubric), heard=Heard(words=3, consent="refused"))

    assert (["consent"], "refused") == (said, reason)


def test_unclear_consent_is_asked_for_once_more_and_then_counts_as_refused(rubric):
    """Nobody is interviewed who has not agreed."""
    said, reason = walk(plan(rubric), heard=Heard(words=3, consent="unclear"))

    assert (["consent"] * CONSENT_ASKS_MAX, "refused") == (said, reason)


def test_withdrawing_ends_the_interview_at_once(rubric):
    """Not even the closing is said to somebody who wants to stop."""
    script = plan(rubric)

    step = next_step(script, at_question(script, 1), Heard(words=4, consent="withdrawn"), 30.0)

    assert End(reason="withdrawn") == step


def test_an_opening_that_asks_waits_for_its_answer(build):
    """One that tells goes on."""
    asks, tells = build({"name": "a"}, opening="Hello. Are you ready?"), build({"name": "a"}, opening="Hello.")

    assert (True, False) == (plan(asks).opening.waits, plan(tells).opening.waits)


def test_the_position_survives_as_json(rubric):
    """An agent that was cut off can go on where it was."""
    step = next_step(plan(rubric), at_question(plan(rubric), 1), THIN, 10.0)

    assert step.position == Position.model_validate_json(step.position.model_dump_json())


def test_the_shipped_rubrics_carry_a_whole_interview(shipped):
    """Every question of every section is asked when the answers are full and the time suffices."""
    said, reason = walk(plan(shipped))

    assert sum(len(section.questions) for section in shipped.sections) == sum("/q" in s for s in said)
    assert reason == "finished"


@pytest.mark.long
@given(st.lists(st.tuples(st.integers(0, 400), st.booleans(), st.floats(0, 400)), min_size=200, max_size=200))
def test_any_interview_ends_and_asks_nothing_twice(answers):
    """Whatever is answered, and however long it takes."""
    script, position, said, elapsed_s = plan(BACKEND), Position(), [], 0.0
    for words, declined, seconds in answers:
        step = next_step(script, position, Heard(words=words, declined=declined, consent="granted"), elapsed_s)
        if isinstance(step, End):
            break
        said += [s.id for s in step.steps]
        position, elapsed_s = step.position, elapsed_s + seconds

    assert isinstance(step, End)
    assert len(set(said)) == len(said)
    assert said[-1] == "closing"
