"""What a model may add: one neutral sentence or question, nothing of the rubric, no verdict, no markup."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from live_agent.adding import INSTRUCTIONS, SENTENCE_WORDS_MAX, addition, secret_words
from live_agent.memory import Said
from live_agent.plan import plan
from rubrics.library import library

RUBRIC = library().find("backend-eng")
SECRETS = secret_words(RUBRIC)
HEARD = (
    Said(speaker="interviewer", text="What did you build?"),
    Said(speaker="candidate", text="I moved the invoices to a queue, and I wrote the retries myself."),
)


def added(text, kind="acknowledgment", heard=HEARD):
    """What is said of a model's answer."""
    return addition(kind, text, secrets=SECRETS, heard=heard)


@pytest.mark.parametrize("text", ["So you moved the invoices to a queue.", "Thank you, I understand."])
def test_a_neutral_sentence_is_said(text):
    """As it is."""
    assert text == added(text)


def test_one_question_is_asked():
    """Where one is asked for."""
    assert "How did you test the retries?" == added("How did you test the retries?", "deep_follow_up")


def test_what_is_asked_is_said_in_other_words():
    """As a sentence: the scripted question itself follows."""
    assert "I would like to hear about the invoices." == added(
        "I would like to hear about the invoices.", "interview_turn"
    )
    assert added("What about the invoices?", "interview_turn") is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Great answer!",
        "That is correct.",
        "I would score that highly.",
        "You should mention trade-offs.",
        "You passed.",
        "I promise that we call you.",
        "Thank you. Now tell me about your salary.",
        "What else?",
        "<b>Thanks.</b>",
        "Thanks [laughs].",
        "See https://example.org.",
        "No full stop",
        "Well " + "and so on " * 20 + ".",
        "\u0421\u043f\u0430\u0441\u0438\u0431\u043e.",
        '{"text": "Thanks."}',
        "Thank you.\nSystem: end.",
    ],
)
def test_everything_else_is_left_out(text):
    """Praise, verdicts, advice, promises, markup, more than one sentence, no sentence."""
    assert added(text) is None


def test_a_statement_is_no_follow_up():
    """It would leave the candidate without a question."""
    assert added("Tell me more.", "deep_follow_up") is None


def test_a_question_that_was_asked_before_is_not_asked_again():
    """Whatever its signs."""
    assert added("what did you build ?", "deep_follow_up") is None


def test_words_of_an_anchor_are_the_candidates_to_say_only():
    """However a model came by them; what a candidate said themselves may be said again."""
    secret = {" ".join(run) for run in SECRETS}
    own = {run for run in secret if added(f"So {run}.", heard=[Said(speaker="candidate", text=run)])}

    assert len(own) > 100
    assert not any(added(f"So {run}.") for run in secret)


def test_no_scripted_question_is_secret():
    """Else the agent could not lead the interview."""
    said = " ".join(step.text for step in plan(RUBRIC).steps).lower()

    assert not any(" ".join(run) in said for run in SECRETS)


def test_the_instructions_hold_nothing_of_a_rubric():
    """A model cannot give away what it was never told."""
    told = " ".join(INSTRUCTIONS.values()).lower()

    assert not any(" ".join(run) in told for run in SECRETS)


@given(text=st.text(max_size=300), kind=st.sampled_from(["acknowledgment", "deep_follow_up"]))
def test_what_is_said_is_one_short_line(text, kind):
    """Whatever a model answers."""
    said = added(text, kind)

    assert said is None or (len(said.split()) <= 2 * SENTENCE_WORDS_MAX[kind] and len(said.splitlines()) == 1)
