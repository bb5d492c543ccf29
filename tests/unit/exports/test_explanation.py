"""The explanation for the candidate."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluator.errors import Forbidden, UsageFault
from evaluator.exports.explanation import CONTACT_CHARS_MAX, explanation, explanation_html, explanation_text
from evaluator.judging import Sampling
from evaluator.scorecard import conclude
from tests.factories import SAID, a_completion, a_rubric, a_transcript
from tests.unit.comparing import CRITERIA, TEXT, a_body, a_dismissal, a_final, a_review, an_exported

SECRETS = ("level", "score", "judge", "model", "rubric", "evidence", "Reviewer", "recommend", "prompt", "AI", "U1")


def points(found):
    """All points by the name of the criterion."""
    return {p.name: p for part in found.parts for p in part.points}


def explained(body=None, *acts, transcript=None, **changes):
    """The explanation of this scorecard."""
    return explanation(an_exported(body, *acts), transcript or a_transcript(), **changes)


def test_it_says_what_was_asked_and_looked_for():
    """In the rubric's own words."""
    found = explained()

    assert ("What did you do?",) == found.parts[0].asked
    assert "What depth looks like in an answer." == points(found)["Depth"].looked_for


def test_it_shows_the_candidates_own_words_that_counted():
    """In the order in which they were said."""
    assert ("We split the queue by tenant first.", "Then we measured the lag of every shard.") == points(explained())[
        "Depth"
    ].quotes


def test_what_was_not_assessed_says_why_in_plain_words():
    """And that it does not count against anybody."""
    transcript = a_transcript({"design": SAID["design"], "debugging": None})
    body = conclude(
        transcript, a_rubric(), {"design": a_completion((0, 3))}, model="test-judge@r1", sampling=Sampling()
    )
    found = explained(body, transcript=transcript)

    assert points(found)["Depth"].note.startswith("What the record holds of this part was too little")
    assert points(found)["Method"].note.startswith("The question was asked, but the record holds no answer")
    assert points(found)["Feedback"].note.startswith("The conversation did not come to this point")
    assert () == found.parts[2].asked


def test_a_technical_failure_is_none_of_theirs():
    """It says so."""
    note = points(explained(a_body(failed={"design": "not_json"})))["Depth"].note

    assert "nothing to do with your answers" in note


def test_a_person_who_found_no_level_goes_before_the_judge():
    """Its words do not count then."""
    point = points(explained(None, a_review(), a_final(new=None)))["Depth"]

    assert () == point.quotes
    assert point.note.startswith("A person in the hiring team read this part")


def test_a_persons_own_quotes_replace_the_judges_where_they_decided():
    """What counted is what they quoted."""
    point = points(explained(None, a_review(), a_final(new=5)))["Depth"]

    assert ("Then we measured the lag of every shard.",) == point.quotes


def test_it_holds_no_jargon_no_level_and_no_note_of_the_team():
    """Whatever people wrote into it."""
    review = a_review({"depth": 2}, recommendation="strong_no", note="Not our kind of person.")
    text = explanation_text(explained(None, review, a_final()))

    for secret in (*SECRETS, "Not our kind", TEXT, "strong"):
        assert secret not in text


def test_it_says_who_decides_and_how_to_ask_for_a_review():
    """With the contact where there is one."""
    text = explanation_text(explained(contact="hiring@example.com"))

    assert "No decision is made by the program." in text
    assert "To do so: hiring@example.com" in text
    assert "answer the message" in explanation_text(explained())


def test_a_dismissed_reading_says_that_it_is_not_used():
    """The candidate need not wonder."""
    assert ("This reading of your interview has been set aside by a person and is not used.",) == explained(
        None, a_dismissal()
    ).notices


def test_a_demonstration_judge_is_named_as_one():
    """In words that anybody understands."""
    assert "demonstration program" in explained(a_body(model="demo-judge@r1")).notices[0]


def test_without_the_transcript_it_says_that_words_are_missing():
    """Rather than that nothing counted."""
    point = points(explanation(an_exported(), None))["Depth"]

    assert "cannot be shown here at the moment" in point.note


def test_a_blind_reviewer_cannot_make_one():
    """The quotes are the judge's choice."""
    with pytest.raises(Forbidden, match="submit your own scores first"):
        explanation(an_exported(sees_judge=False), a_transcript())


def test_a_contact_has_a_limit():
    """It is one line."""
    with pytest.raises(UsageFault, match="at most 500"):
        explained(contact="x" * (CONTACT_CHARS_MAX + 1))


def test_what_was_said_is_text_in_html():
    """A candidate's words are never markup."""
    said = "<script>alert(1)</script> & so on for quite a while."
    html = explanation_html(explained(transcript=a_transcript({**SAID, "design": said})))

    assert "<script" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; so on" in html


def test_hidden_characters_are_spelled_out():
    """A right-to-left override would turn the page around."""
    said = "I did \u202e this and that for years."

    assert "⟨U+202E⟩" in explanation_text(explained(transcript=a_transcript({**SAID, "design": said})))


def test_an_endless_word_is_cut_with_a_mark():
    """It would fill pages."""
    point = points(explained(transcript=a_transcript({**SAID, "design": "x" * 100_000})))["Depth"]

    assert point.quotes[0].endswith("x […]")


def test_the_texts_and_the_page_say_the_same():
    """Every paragraph is in both."""
    found = explained(contact="hiring@example.com")
    text, html = " ".join(explanation_text(found).split()), explanation_html(found)

    for words in (*found.intro, found.decides, *found.review, found.parts[0].points[0].looked_for):
        assert words in text
        assert words in html


levels = st.fixed_dictionaries({c: st.integers(1, 5) for c in CRITERIA})
people = st.sampled_from(["strong_no", "no", "yes", "strong_yes", "no_decision"])


@given(levels, levels, people, people)
def test_neither_levels_nor_recommendations_show(one, other, first, second):
    """Two candidates with other levels on the same words read the same."""
    texts = [
        explanation_text(explained(a_body(body), a_review(recommendation=said)))
        for body, said in ((one, first), (other, second))
    ]

    assert texts[0] == texts[1]
