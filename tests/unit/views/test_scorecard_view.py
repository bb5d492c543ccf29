"""A scorecard as it is read."""

import pytest

from evaluator.judging import Sampling
from evaluator.manifest import RecordingRef
from evaluator.scorecard import Alert, conclude
from evaluator.views.scorecard import evidence_of, scorecard_view
from tests.factories import MODEL, SAID, a_completion, a_rubric, a_transcript
from tests.unit.web.builders import (
    a_failed_scorecard,
    a_mixed_transcript,
    a_rubric_requiring,
    a_scorecard,
    stored,
    timed,
    typical,
)


def the_view(transcript=None, rubric=None, *, design=None, **changes):
    """The view of a scorecard made from these."""
    transcript, rubric = transcript or a_mixed_transcript(), rubric or a_rubric()
    return scorecard_view(stored(a_scorecard(transcript, rubric, design=design), **changes), rubric, transcript)


def the_criterion(view, criterion_id="depth"):
    """One criterion of the view."""
    return next(c for c in view.criteria if c.id == criterion_id)


def test_evidence_is_the_cited_utterances_only():
    """What nobody cites is not fetched along."""
    design = a_completion((4, 2), (["U2"], ["U2"]))

    found = evidence_of(a_mixed_transcript(), a_scorecard(design=design))

    assert {"U2": "We measured the lag every minute."} == {i: u.text for i, u in found.items()}


def test_a_level_shows_its_anchor_and_what_the_next_one_asks():
    """The rubric's own words, of the given level and of the one above."""
    criterion = the_criterion(the_view())

    assert ("4 of 5", "Depth, behaviour of level 4.") == (criterion.status_words, criterion.anchor)
    assert (5, "Depth, behaviour of level 5.") == (criterion.next_level, criterion.next_anchor)


def test_the_highest_level_reaches_for_nothing():
    """Above 5 there is no anchor."""
    criterion = the_criterion(the_view(design=a_completion((5, 2))))

    assert (None, None) == (criterion.next_level, criterion.next_anchor)


def test_all_five_anchors_are_there_and_one_is_given():
    """The reader can compare the level with the others, the highest first."""
    anchors = the_criterion(the_view()).anchors

    assert [(5, False), (4, True), (3, False), (2, False), (1, False)] == [(a.level, a.given) for a in anchors]


def test_quotes_are_the_transcripts_own_words():
    """The page prints what was said, by utterance id."""
    quotes = the_criterion(the_view()).quotes

    assert [
        ("U1", "We moved to three read replicas last year."),
        ("U2", "We measured the lag every minute."),
    ] == [(q.id, q.text) for q in quotes]


def test_a_source_without_times_says_so():
    """No time is invented."""
    quote = the_criterion(the_view()).quotes[0]

    assert ("no time in the source", False) == (quote.time, quote.time_estimated)


def test_an_interpolated_time_is_marked_as_estimated():
    """Two utterances share one measured turn, so where one ends is a guess."""
    quotes = the_criterion(the_view(timed(a_mixed_transcript()))).quotes

    assert [("12:03–12:09", True), ("12:09–12:14", True)] == [(q.time, q.time_estimated) for q in quotes]


def test_a_measured_time_is_not_marked():
    """One utterance that is its whole turn has the turn's own times."""
    transcript = timed(a_mixed_transcript("We moved to three read replicas last year."))

    quote = the_criterion(the_view(transcript, design=a_completion((4, 2)))).quotes[0]

    assert ("12:03–12:14", False) == (quote.time, quote.time_estimated)


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("present", None),
        ("none", "no recording"),
        ("pending", "no recording yet (still pending)"),
        ("failed", "no recording (it failed)"),
    ],
)
def test_a_missing_recording_is_said(status, words):
    """Only a recording that is there goes without saying."""
    view = the_view(recording=RecordingRef(status=status))

    assert words == the_criterion(view).quotes[0].recording


@pytest.mark.parametrize(
    ("confidence", "doubt"), [(0.61, "speech recognition only 61 % sure"), (0.95, None), (None, None)]
)
def test_unsure_recognition_is_said_beside_the_quote(confidence, doubt):
    """A reader should doubt words that the recogniser doubted, and only those."""
    view = the_view(a_mixed_transcript(confidence=confidence))

    assert doubt == the_criterion(view).quotes[0].doubt


def test_hostile_words_are_spelled_out():
    """A direction override in what was said cannot reorder the page."""
    view = the_view(a_mixed_transcript("He said \u202eevil\u202c things about <b>us</b> today."))

    assert "He said ⟨U+202E⟩evil⟨U+202C⟩ things about <b>us</b> today." == the_criterion(view).quotes[0].text


def test_the_distribution_says_expected_level_spread_and_abstention():
    """The figures come from the judge's probabilities; the abstention is apart from the levels."""
    distribution = the_criterion(the_view()).distribution

    assert ("3.9", "±0.3", "4 %") == (distribution.expected, distribution.spread, distribution.abstain)
    assert ["0 %", "0 %", "10 %", "86 %", "0 %"] == [s.percent for s in distribution.shares]


def test_without_probabilities_there_is_no_distribution():
    """What the endpoint does not give is not made up."""
    view = the_view(design=typical(logprobs=False))

    assert (None, None) == (the_criterion(view).distribution, view.overall.spread)
    assert "given levels" in view.overall.basis


@pytest.mark.parametrize(
    ("criterion_id", "words", "reason"),
    [
        ("method", "Not answered", "The question was asked; the candidate said nothing in this section."),
        ("feedback", "Not asked", "The interview never reached this section."),
    ],
)
def test_what_was_not_said_has_a_word_and_no_level(criterion_id, words, reason):
    """Not asked and not answered are different words, and neither is a number."""
    criterion = the_criterion(the_view(), criterion_id)

    assert (words, reason, None, ()) == (criterion.status_words, criterion.reason, criterion.level, criterion.quotes)


def test_a_judge_that_abstains_is_insufficient_evidence():
    """Level 0 is no level."""
    criterion = the_criterion(the_view(design=a_completion((0, 2))))

    assert ("Insufficient evidence", None) == (criterion.status_words, criterion.level)


def test_a_failure_is_told_in_plain_words():
    """A cut answer is a failure with its reason, never a level."""
    view = scorecard_view(stored(a_failed_scorecard("cut_answer")), a_rubric(), a_mixed_transcript())

    criterion = the_criterion(view)

    assert ("Failed", "The judge's answer was cut off before its end.") == (criterion.status_words, criterion.reason)


def test_evidence_that_was_not_the_candidates_is_counted():
    """An id that the judge made up is left out, and the reader is told."""
    view = the_view(design=a_completion((4, 2), (["U1", "U77"], ["U1"])))

    criterion = the_criterion(view)

    assert ["U1"] == [q.id for q in criterion.quotes]
    assert criterion.dropped.startswith("1 cited passage left out")


def test_the_mean_rests_on_what_is_scored():
    """Two of five criteria have a level: the coverage says so."""
    overall = the_view().overall

    assert ("3.5", "±0.5", "2 of 5", None) == (overall.value, overall.spread, overall.coverage, overall.absent)


def test_the_overall_is_withheld_while_a_required_criterion_has_no_level():
    """The reason names the criterion, and no figure stands in its place."""
    view = the_view(rubric=a_rubric_requiring("method"))

    assert (None, None) == (view.overall.value, view.overall.spread)
    assert "withheld: required criterion “Method” has no level" == view.overall.absent


@pytest.mark.parametrize(
    ("required", "absent"),
    [
        (False, "withheld: criteria “Depth”, “Clarity” could not be judged"),
        (
            True,
            "withheld: required criterion “Method” has no level, and criteria “Depth”, “Clarity” could not be judged",
        ),
    ],
)
def test_the_overall_is_withheld_while_a_criterion_failed(required, absent):
    """The reason names what failed, beside what is required and missing."""
    rubric = a_rubric_requiring("method") if required else a_rubric()
    transcript = a_transcript({**SAID, "debugging": None} if required else SAID)
    rest = {s: a_completion([3] * n, [[i]] * n) for s, n, i in (("debugging", 1, "U3"), ("teamwork", 2, "U4"))}
    if required:
        rest["teamwork"] = a_completion([3, 3], [["U3"], ["U3"]])
    body = conclude(transcript, rubric, rest, failed={"design": "cut_answer"}, model=MODEL, sampling=Sampling())

    view = scorecard_view(stored(body), rubric, transcript)

    assert (None, absent) == (view.overall.value, view.overall.absent)


def test_an_alert_about_the_interview_as_a_whole_has_a_place():
    """Where sections are not marked, what is said to the judge belongs to none of them."""
    body = a_scorecard()
    alerts = (Alert(code="speaks_to_judge"), Alert(code="judged_in_windows", section_id="design", value=3))

    view = scorecard_view(stored(body.model_copy(update={"alerts": alerts})), a_rubric(), None)

    assert [("the interview", None, "s-design"), ("Design", "3 parts", "s-design")] == [
        (p.name, p.note, p.anchor) for alert in view.alerts for p in alert.places
    ]


def test_nothing_scored_is_no_mean():
    """A mean of nothing is nothing, not zero."""
    view = scorecard_view(stored(a_failed_scorecard("empty_answer")), a_rubric(), a_mixed_transcript())

    assert (None, "none: no criterion has a level") == (view.overall.value, view.overall.absent)


def test_alerts_of_one_kind_are_told_once_with_all_their_places():
    """Three sections that were not reached are one line, and each place leads to where it stands."""
    view = the_view(a_mixed_transcript(confidence=0.5))

    assert ["distribution_split", "low_confidence", "section_missing"] == [a.code for a in view.alerts]
    assert [("Depth", "50 % sure", "c-depth"), ("Clarity", "50 % sure", "c-clarity")] == [
        (p.name, p.note, p.anchor) for p in view.alerts[1].places
    ]
    assert view.alerts[2].text == "The interview never reached this section: Teamwork."


def test_a_judge_that_means_nothing_carries_its_notice():
    """The demonstration judge's levels are labelled in the view."""
    notice = "demo judge: trained on simulated interviews only, meaningless for real ones"
    body = a_scorecard(model="demo-judge@1")

    view = scorecard_view(stored(body), a_rubric(), a_mixed_transcript())

    assert notice == view.judge_notice


def test_without_the_transcript_levels_stay_and_words_are_missing():
    """A store that is down takes the words, not the scorecard."""
    view = scorecard_view(stored(a_scorecard()), a_rubric(), None, words_missing="the store is down")

    criterion = the_criterion(view)

    assert ("the store is down", 4, [None, None]) == (
        view.words_missing,
        criterion.level,
        [q.text for q in criterion.quotes],
    )


def test_a_body_that_was_changed_is_found_out():
    """The digest that was stored with the body is checked again."""
    changed = stored(a_scorecard(), body_sha256="0" * 64)

    assert [True, False] == [
        scorecard_view(one, a_rubric(), None).body_intact for one in (stored(a_scorecard()), changed)
    ]


@pytest.mark.parametrize(
    "execution",
    [{}, {"sections": []}, {"sections": None}, {"sections": [{}]}, {"sections": ["?"], "worker": None}],
)
def test_missing_facts_of_execution_are_no_fault(execution):
    """Any key may be missing: an older worker wrote less."""
    efforts = the_view(execution=execution).efforts

    assert all(e.prompt_tokens is None for e in efforts)


def test_a_section_from_a_checkpoint_cost_no_tokens_now():
    """What was read back is told apart from what was judged."""
    facts = [
        {"section_id": "design", "reused": False, "prompt_tokens": 443, "completion_tokens": 89, "duration_s": 0.25},
        {"section_id": "debugging", "reused": True, "prompt_tokens": 0, "completion_tokens": 0, "duration_s": 0.0},
    ]

    efforts = the_view(execution={"sections": facts, "worker": "node-1"}).efforts

    assert [("Design", "judged", 443), ("Debugging", "checkpoint", None)] == [
        (e.section, e.source, e.prompt_tokens) for e in efforts
    ]


def test_a_section_judged_in_windows_says_how_many_calls_it_took():
    """Its tokens are those of all of them."""
    facts = [{"section_id": "design", "reused": False, "calls": 4, "windows": 3, "prompt_tokens": 1772}]

    efforts = the_view(execution={"sections": facts, "level_probabilities": "by token ids"})

    assert [("judged in 4 calls", 1772)] == [(e.source, e.prompt_tokens) for e in efforts.efforts]
    assert ("Level probabilities", "by token ids") in efforts.provenance


def test_provenance_names_all_that_the_body_depends_on():
    """Nothing that the evaluation key covers is missing from the page."""
    body = a_scorecard()
    p = body.provenance

    facts = dict(scorecard_view(stored(body, execution={"worker": "node-1"}), a_rubric(), None).provenance)

    assert {body.digest, p.evaluation_key, p.transcript_sha256, p.rubric_digest, p.prompt_version, p.model} <= set(
        facts.values()
    )
    assert "node-1" == facts["Worker"]
