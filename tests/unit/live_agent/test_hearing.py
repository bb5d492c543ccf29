"""What a candidate's turn means for the conversation; real answers mean nothing but an answer."""

import csv

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluator.errors import UsageFault
from live_agent.hearing import check_language, consent_in, hear


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Yes, that's fine.", "granted"),
        ("Sure, go ahead.", "granted"),
        ("No problem at all.", "granted"),
        ("I don\u2019t mind.", "granted"),
        ("Okay, why not.", "granted"),
        ("I consent.", "granted"),
        ("No.", "refused"),
        ("I'd rather not be recorded.", "refused"),
        ("I do not consent to this.", "refused"),
        ("Please don't record me.", "refused"),
        ("I'm not comfortable with that.", "refused"),
        ("Not sure about that.", "unclear"),
        ("Yes, but no recording.", "unclear"),
        ("What do you mean by that?", "unclear"),
        ("Hello?", "unclear"),
        ("", "unclear"),
        ("Well, maybe.", "unclear"),
    ],
)
def test_consent_is_a_plain_yes(text, expected):
    """Anything but a plain yes or no is unclear, and asked again."""
    assert expected == consent_in(text)


@pytest.mark.parametrize(
    ("text", "wish"),
    [
        ("Could you repeat the question?", "repeat"),
        ("Sorry?", "repeat"),
        ("I didn't quite catch that.", "repeat"),
        ("Can I talk to a real person, please?", "person"),
        ("I would prefer to speak with a human.", "person"),
        ("Please put me through to a real human.", "person"),
        ("Could I talk to somebody from the team instead?", "person"),
        ("I want to stop here.", "stop"),
        ("Could we please stop now?", "stop"),
        ("Can we end the interview?", "stop"),
        ("I don't want to continue.", "stop"),
        ("Please stop the recording.", "withdraw"),
        ("I withdraw my consent.", "withdraw"),
        ("Delete my data, please.", "withdraw"),
        ("I don't want to be recorded any more.", "withdraw"),
        ("How long will this take?", "process"),
        ("Did I pass?", "process"),
        ("Are you a real person?", "process"),
        ("Who decides in the end?", "process"),
        ("What are the next steps?", "process"),
        ("I moved us from one Postgres box to three replicas.", None),
        ("", None),
    ],
)
def test_a_wish_is_heard(text, wish):
    """Each kind that the agent answers."""
    assert wish == hear(text).wish


@pytest.mark.parametrize(
    "text", ["I'd rather not answer that.", "Can we skip this one?", "Pass.", "I don't know.", "Next question please."]
)
def test_a_refusal_to_answer_is_heard(text):
    """So that it is not pressed."""
    assert hear(text).heard.declined


@pytest.mark.parametrize(
    "text",
    [
        "We had to stop the deployment because the pipeline was broken, and then I wrote the runbook.",
        "My team lead asked who decides on the schema, so I proposed a short design review.",
        "I told them we cannot record customer calls without asking first.",
        "They wanted to end the contract but I talked them through the numbers.",
        "I repeat the requirement in my own words to make sure that I understood it.",
        "It's so easy, you talk to it like a person, there is nothing to install.",
        "So for me it's whether the person can notice and say stop.",
        "A user could at any moment quit.",
    ],
)
def test_an_answer_that_speaks_of_such_things_is_an_answer(text):
    """People tell of stops, recordings and decisions in their work."""
    found = hear(text)

    assert (None, "unclear", False) == (found.wish, found.heard.consent, found.heard.declined)


def test_a_long_turn_is_always_an_answer():
    """Whatever stands somewhere in it."""
    assert hear("Well " * 60 + "please stop the recording.").wish is None


def test_silence_is_heard_as_silence():
    """No words, no wish."""
    assert (0, None) == (hear("  ... ").heard.words, hear("").wish)


def test_a_question_about_the_recording_is_no_consent():
    """It is answered, then consent is asked for again."""
    found = hear("Who will listen to the recording?", asked_consent=True)

    assert ("unclear", "recording") == (found.heard.consent, found.topic)


@given(text=st.text(max_size=300), asked=st.booleans())
def test_anything_can_be_heard(text, asked):
    """No text is an error."""
    assert hear(text, asked_consent=asked).heard.words >= 0


def test_other_languages_are_refused_before_the_interview():
    """There are no rules for them, and guessing at a consent is not allowed."""
    with pytest.raises(UsageFault, match="lead"):
        check_language("de")


def test_real_answers_are_hardly_ever_taken_for_a_wish(shared_data):
    """Of all candidates' turns of real interviews, at most one in a hundred, and none for a withdrawn consent."""
    turns = list(candidates(shared_data / "interviews"))
    found = [hear(text) for text in turns]

    assert len(turns) > 1_000
    assert 0 == sum(f.wish == "withdraw" for f in found)
    assert sum(f.wish is not None for f in found) <= len(turns) / 100


def candidates(folder):
    """The candidates' turns of the interviews there."""
    for path in sorted(folder.rglob("*.csv")):
        with path.open(newline="", encoding="utf-8") as file:
            for row in csv.reader(file):
                for cell in row:
                    for part in cell.split("\n"):
                        if part.startswith("User:"):
                            yield part.removeprefix("User:").strip()
