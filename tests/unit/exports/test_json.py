"""One scorecard whole, as JSON."""

import json

from hypothesis import given
from hypothesis import strategies as st

from evaluator.exports.json import scorecard_json
from tests.factories import AT, a_transcript
from tests.unit.comparing import CRITERIA, TEXT, a_body, a_dismissal, a_final, a_review, an_exported
from tests.unit.web.builders import a_mixed_transcript, a_scorecard, timed


def test_it_holds_the_body_as_it_is_hashed():
    """Whoever wants to check the digest can."""
    body = a_body({"depth": 4})
    found = scorecard_json(an_exported(body), a_transcript())

    assert (body.model_dump(mode="json"), body.digest) == (found["body"], found["body_sha256"])


def test_the_cited_words_come_with_speaker_and_times():
    """A program gets body and words in one piece, on a scale that it need not know."""
    transcript = timed(a_mixed_transcript())
    found = scorecard_json(an_exported(a_scorecard(transcript)), transcript)

    assert ("candidate", 723.0) == (found["evidence"]["U1"]["speaker"], found["evidence"]["U1"]["started_s"])
    assert (1, 5, AT.strftime("%Y-%m-%dT%H:%M:%SZ")) == (
        found["scale_min"],
        found["scale_max"],
        found["interviewed_at"],
    )


def test_a_judge_that_means_nothing_carries_its_notice():
    """The demonstration judge's levels are labelled."""
    found = scorecard_json(an_exported(a_scorecard(model="demo-judge@1")), None)

    assert "demo judge: trained on simulated interviews only, meaningless for real ones" == found["judge_notice"]


def test_it_holds_the_cited_and_quoted_words_only():
    """Not the whole transcript."""
    review = a_review()
    found = scorecard_json(an_exported(a_body({"method": 0}), review), a_transcript())

    assert ["U1", "U2", "U3", "U4", "U5"] == list(found["evidence"])
    assert "U3" not in scorecard_json(an_exported(a_body({"method": 0})), a_transcript())["evidence"]


def test_people_stand_beside_the_judge():
    """Each act with who, when and why."""
    found = scorecard_json(an_exported(None, a_review(), a_final()), a_transcript())["human"]

    assert {"status": "final", "level": 5} == found["criteria"]["depth"]
    assert ("Reviewer A", 3, 5, TEXT) == tuple(found["finals"]["depth"][0][k] for k in ("person", "old", "new", "text"))
    assert [{"person": "Reviewer A", "recommendation": "yes"}] == found["recommendations"]


def test_it_is_json():
    """Whatever it holds has a spelling."""
    found = scorecard_json(an_exported(None, a_review(), a_final(), a_dismissal()), None, words_missing="gone")

    assert found == json.loads(json.dumps(found))
    assert ({}, "gone") == (found["evidence"], found["evidence_unavailable"])


def test_a_hidden_scorecard_says_that_it_is_hidden():
    """And that it may be dismissed, without the words of who did it."""
    found = scorecard_json(an_exported(None, a_dismissal(), sees_judge=False), a_transcript())

    assert (False, None, None, None) == (found["ai_visible"], found["body"], found["human"], found["execution"])
    assert ("audio", None) == (found["dismissed"]["cause"], found["dismissed"]["text"])


levels = st.fixed_dictionaries({c: st.integers(0, 5) for c in CRITERIA})


@given(levels, levels)
def test_hidden_values_change_nothing(one, other):
    """Not even a digest: it would tell two values apart."""
    found = [
        scorecard_json(
            an_exported(a_body(body), a_review(), a_final(), sees_judge=False, execution={"tokens": body["depth"]}),
            a_transcript(),
        )
        for body in (one, other)
    ]

    assert found[0] == found[1]
