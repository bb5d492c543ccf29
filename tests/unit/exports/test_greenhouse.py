"""Scorecards in Greenhouse's shape."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluator.errors import Forbidden
from evaluator.exports.greenhouse import greenhouse
from evaluator.human import Recommended, folded
from tests.unit.comparing import (
    CRITERIA,
    OTHER,
    a_body,
    a_dismissal,
    a_final,
    a_recommendation,
    a_review,
    an_exported,
    records,
)


def test_it_has_the_fields_of_the_harvest_api():
    """Those that its documentation shows, in its spelling."""
    card = greenhouse(an_exported(None, a_review())).scorecards[0].model_dump(mode="json")

    assert {
        "id",
        "interview",
        "candidate_id",
        "application_id",
        "interviewed_at",
        "submitted_by",
        "submitted_at",
        "overall_recommendation",
        "attributes",
        "ratings",
        "questions",
    } == set(card)
    assert {"name", "type", "note", "rating"} == set(card["attributes"][0])
    assert ["definitely_not", "no", "mixed", "yes", "strong_yes"] == list(card["ratings"])
    assert card == json.loads(json.dumps(card))


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("strong_no", "definitely_not"),
        ("no", "no"),
        ("yes", "yes"),
        ("strong_yes", "strong_yes"),
        ("no_decision", "no_decision"),
    ],
)
def test_the_recommendation_is_the_persons(ours, theirs):
    """The newest one."""
    one = an_exported(None, a_review(recommendation="no"), a_recommendation(ours))

    assert theirs == greenhouse(one).scorecards[0].overall_recommendation


def test_the_newest_note_is_what_to_take_away():
    """Of the recommendation, else of the review."""
    older, newer = (
        a_review(note="Calm under pressure."),
        Recommended(recommendation="yes", note="Ask about replication."),
    )
    found = [greenhouse(an_exported(None, *acts)).scorecards[0] for acts in ((older, newer), (older,))]

    assert ["Ask about replication.", "Calm under pressure."] == [card.questions[0].answer for card in found]


def test_levels_become_ratings():
    """Of the person who reviewed; the judge's stand in the notes."""
    levels = dict(zip(CRITERIA, (1, 2, 3, 4, 5), strict=True))
    card = greenhouse(an_exported(a_body({"depth": 5}), a_review(levels))).scorecards[0]

    assert ["definitely_not", "no", "mixed", "yes", "strong_yes"] == [a.rating for a in card.attributes]
    assert "[AI] level 5 of 5: Depth, behaviour of level 5." in card.attributes[0].note
    assert ("Depth",) == card.ratings["definitely_not"]


def test_each_person_gets_a_scorecard():
    """Greenhouse keeps one for each interviewer."""
    first, second = records(a_review(recommendation="no")), records(a_review(), person=OTHER, start=2)
    found = greenhouse(replace(an_exported(), state=folded([*first, *second]))).scorecards

    assert [("Reviewer A", "no"), ("Reviewer B", "yes")] == [
        (c.submitted_by.name, c.overall_recommendation) for c in found
    ]


def test_who_only_recommends_rates_nothing():
    """The judge's levels are not put under their name."""
    one = an_exported(None, a_recommendation())
    card = greenhouse(one).scorecards[0]

    assert ("Reviewer A", {"no_decision"}) == (card.submitted_by.name, {a.rating for a in card.attributes})


def test_without_people_the_ratings_are_marked_as_the_judges():
    """And nobody has recommended anything."""
    found = greenhouse(an_exported(a_body({"depth": 4, "clarity": 0})))
    card = found.scorecards[0]

    assert (None, "no_decision") == (card.submitted_by, card.overall_recommendation)
    assert ["yes", "no_decision"] == [a.rating for a in card.attributes[:2]]
    assert all(a.note.startswith("[AI]") for a in card.attributes)
    assert any("no person has reviewed" in w for w in found.warnings)


def test_what_is_lost_is_listed():
    """A mapping that loses something says what."""
    one = an_exported(a_body({"clarity": 0}), a_review(), a_final(), a_dismissal(), superseded_by="sc_2")
    words = " | ".join(greenhouse(one).warnings)

    for lost in ("ratings", "no_decision; why", "distributions", "ids of utterances", "notes only", "C-0412"):
        assert lost in words
    assert "dismissed" in words
    assert "sc_2" in words


def test_a_hidden_scorecard_is_not_exported():
    """There would be nothing in it, and its ratings must not be guessed from gaps."""
    with pytest.raises(Forbidden, match="submit your own scores first"):
        greenhouse(an_exported(sees_judge=False))


levels = st.fixed_dictionaries({c: st.integers(0, 5) for c in CRITERIA})


@given(levels, levels, st.booleans())
def test_no_judge_ever_fills_the_recommendation(one, other, reviewed):
    """Whatever it said, the field is a person's or empty."""
    acts = (a_review(recommendation="no"),) if reviewed else ()
    found = [greenhouse(an_exported(a_body(body), *acts)).scorecards[0].overall_recommendation for body in (one, other)]

    assert ["no" if reviewed else "no_decision"] * 2 == found
