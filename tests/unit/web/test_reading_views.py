"""What transcripts, rubrics, runs and people's acts look like to a reader."""

from datetime import timedelta

import pytest

from evaluator.human import Dismissed, Final, HumanRecord, Rating, Recommended, Restored, Review
from evaluator.manifest import RecordingRef, SectionsBy
from evaluator.people import Viewer
from evaluator.storage.reading import SpokenInterview
from evaluator.storage.requisitions import Requisition
from evaluator.storage.watching import STANDINGS, Bin, Effort, RunSeen
from evaluator.views.people import agreement_words, locked_view, people_view
from evaluator.views.run_words import span_words
from evaluator.views.scorecard import sections_told
from evaluator.web.rubric_view import changes_view, rubric_view
from evaluator.web.run_view import account, run_json, run_view
from evaluator.web.sparkline import HEIGHT, WIDTH, bin_width, sparkline
from evaluator.web.transcript_view import transcript_view
from tests.factories import AT, a_criterion, a_rubric, a_transcript
from tests.unit.web.builders import SAID, a_mixed_transcript, a_scorecard, stored, timed

ME = Viewer(person_id=1, name="me", roles={"REQ-114": frozenset({"reviewer"})}, entry="session")
OPEN = Requisition(id="REQ-114", title="", blind=False, reviewers_needed=2)


def spoken(transcript, **changes):
    """The interview of this transcript."""
    values = {
        "id": "iv-1",
        "candidate_ref": "C-0412",
        "requisition": "REQ-114",
        "rubric_id": "backend",
        "rubric_version": "1",
        "started_at": AT,
        "transcript_key": "interviews/iv-1/transcript-0.json",
        "transcript_sha256": transcript.digest,
        "recording": RecordingRef(status="none"),
        "sections_by": None,
    }
    return SpokenInterview.model_validate({**values, **changes})


def parts_of(view):
    """All parts of all turns."""
    return [p for s in view.stretches for t in s.turns for p in t.parts]


def test_a_transcript_loses_no_character():
    """Utterances and what stands between them are the turn's own text."""
    transcript = timed(a_mixed_transcript())

    view = transcript_view(spoken(transcript), transcript, a_rubric())

    assert [t.text for t in transcript.turns] == [
        "".join(p.text for p in t.parts) for s in view.stretches for t in s.turns
    ]


def test_sections_are_headings_and_what_is_outside_has_none():
    """A whole transcript that nobody divided has one stretch without a heading."""
    marked, whole = a_transcript(), a_transcript(sections="whole")

    titles = [[s.title for s in transcript_view(spoken(t), t, a_rubric()).stretches] for t in (marked, whole)]

    assert [["Design", "Debugging", "Teamwork"], [None]] == titles


def test_cited_words_lead_to_the_criterion():
    """An utterance that two criteria cite names both."""
    transcript = timed(a_mixed_transcript())

    view = transcript_view(
        spoken(transcript), transcript, a_rubric(), scorecard=a_scorecard(transcript), scorecard_id="sc_1"
    )

    cited = {p.id: [(c.name, c.href) for c in p.cited] for p in parts_of(view) if p.cited}
    assert {
        "U1": [("Depth", "/scorecards/sc_1#c-depth")],
        "U2": [("Depth", "/scorecards/sc_1#c-depth"), ("Clarity", "/scorecards/sc_1#c-clarity")],
    } == cited


def test_a_scorecard_of_another_transcript_marks_nothing():
    """Utterance ids of an earlier transcript point at other words."""
    old, new = a_mixed_transcript(), a_mixed_transcript(SAID + " And then some more words were said.")

    view = transcript_view(spoken(new), new, a_rubric(), scorecard=a_scorecard(old), scorecard_id="sc_1")

    assert 0 == view.cited


def test_a_second_of_the_recording_is_an_anchor_once():
    """`#t=723` leads to the first turn of that second."""
    transcript = timed(a_transcript())

    view = transcript_view(spoken(transcript), transcript, a_rubric())

    assert ["t=723"] == [t.place for s in view.stretches for t in s.turns if t.place]


def test_who_told_the_sections_is_said():
    """A reader can doubt what a model divided."""
    words = sections_told(SectionsBy(intro=3, judge=1, model="m@1"), None)

    assert "the rubric's own opening words (3 questions), the model m@1 (1 question)" in (words or "")


def record(number, act, person_id=1, person="Ada"):
    """One row of what people did."""
    return HumanRecord(scorecard_id="sc_1", number=number, person_id=person_id, person=person, at=AT, act=act)


REVIEW = Review(
    ratings=(Rating(criterion_id="depth", level=3), Rating(criterion_id="method", level=None)), recommendation="no"
)
FINAL = Final(criterion_id="depth", old=3, new=4, reason="missed_evidence", text="Gives the trade-off at the end.")
DISMISSED = Dismissed(cause="audio", text="Half of it is another call.")


def test_ratings_finals_and_recommendations_stand_apart():
    """Who said what, in which order, and what counts now."""
    view = people_view(
        [
            record(1, REVIEW),
            record(2, REVIEW, 2, "Bob"),
            record(3, FINAL),
            record(4, Recommended(recommendation="strong_yes")),
        ],
        ME,
        OPEN,
    )

    depth = view.criteria["depth"]
    assert ([("Ada", True), ("Bob", False)], 4, "4", "not assessed") == (
        [(r.person, r.mine) for r in depth.ratings],
        depth.final,
        depth.summary,
        view.criteria["method"].ratings[0].words,
    )
    assert [("Ada", "Strong yes"), ("Bob", "No")] == [(r.person, r.words) for r in view.recommendations]


@pytest.mark.parametrize(
    ("records", "status"),
    [
        ([], "Needs your review"),
        ([record(1, REVIEW)], "Needs review by others"),
        ([record(1, REVIEW), record(2, REVIEW, 2, "Bob")], "Reviewed"),
        ([record(1, DISMISSED)], "Dismissed"),
        ([record(1, DISMISSED), record(2, Restored(text="It was the right call after all."))], "Needs your review"),
    ],
)
def test_the_status_says_who_has_to_act(records, status):
    """Two reviewers are asked for."""
    assert status == people_view(records, ME, OPEN).status


def test_a_locked_scorecard_has_only_alerts_of_the_transcript():
    """The judge's doubts are the judge's values."""
    view = locked_view(stored(a_scorecard()), a_rubric())

    assert ["section_missing"] == [a.code for a in view.alerts]


def test_an_agreement_that_nobody_measured_is_said():
    """No figure is not a good figure."""
    assert "has not been measured" in agreement_words(None)


def test_a_rubric_shows_its_weights_as_shares():
    """The reader need not add them up."""
    rubric = a_rubric({"design": (a_criterion("depth", weight=3.0), "clarity")})

    view = rubric_view(rubric)

    assert (False, ["75 %", "25 %"]) == (view.equal, [c.share for s in view.sections for c in s.criteria])


def test_changes_stand_under_what_they_belong_to():
    """By names, not by ids."""
    new = a_rubric({"design": (a_criterion("depth", definition="Something else."), "clarity")})

    places = changes_view(a_rubric({"design": ("depth", "clarity")}), new)

    assert [("Design › Depth", ["definition changed"])] == [(p.name, [line.what for line in p.lines]) for p in places]


def a_run(**changes):
    """A run of ten, half done after ten minutes."""
    counts = dict.fromkeys(STANDINGS, 0) | {"scored": 4, "failed": 1, "running": 2, "pending": 3}
    values = {
        "name": "night",
        "state": "open",
        "closed_because": None,
        "model": "m@1",
        "selection": {"only": "missing"},
        "counts": counts,
        "sections_done": 15,
        "sections_total": 30,
        "created_at": AT,
        "closed_at": None,
        "deadline": None,
        "now": AT + timedelta(minutes=10),
    }
    return RunSeen.model_validate({**values, **changes})


NO_EFFORT = Effort(sections=0, prompt_tokens=None, cached_tokens=None, completion_tokens=None, p50_s=None, p95_s=None)


def test_the_account_adds_up():
    """Zeros are there; the blind review's share only where there is one."""
    run = a_run()

    shares = {s.words: s.number for s in account(run)}

    assert (10, False) == (sum(shares.values()), "under blind review" in shares)


def test_an_estimate_is_a_range():
    """As long again, a third less or more; to be done at a moment is more than anybody knows."""
    assert "done in 7 min to 13 min" == run_view(a_run(), [], NO_EFFORT).estimate


def test_the_json_holds_what_the_page_shows():
    """The page that stays open and the page that is loaded anew show the same."""
    data = run_json(a_run())

    assert (10, 5, 50, {"done": 15, "total": 30}) == (data["selected"], data["done"], data["percent"], data["sections"])


@pytest.mark.parametrize(
    ("length", "seconds"),
    [
        (timedelta(minutes=3), 10),
        (timedelta(hours=8), 600),
        (timedelta(hours=10), 600),
        (timedelta(days=3), 21_600),
        (timedelta(days=900), 86_400),
    ],
)
def test_a_nights_timeline_has_columns_of_ten_minutes(length, seconds):
    """Shorter and longer runs have as many columns as there is room for."""
    assert seconds == bin_width(length).total_seconds()


def test_the_timeline_has_gaps_and_stays_in_its_frame():
    """Nothing happened is a column too, without a bar."""
    bins = [Bin(number=0, sections=4, reused=0, stops=0), Bin(number=3, sections=1, reused=2, stops=1)]

    drawn = sparkline(bins, length=timedelta(minutes=40), width=timedelta(minutes=10))

    assert [4, 0, 0, 1, 0] == [c.sections for c in drawn.columns]
    assert [HEIGHT, 0.0] == [c.height for c in drawn.columns[:2]]
    assert all(0 <= c.x and c.x + c.width <= WIDTH and c.y >= 0 for c in drawn.columns)


@pytest.mark.parametrize(
    ("span", "words"),
    [
        (timedelta(seconds=45), "45 s"),
        (timedelta(minutes=12), "12 min"),
        (timedelta(hours=4, minutes=19), "4 h 19 min"),
        (timedelta(hours=2), "2 h"),
    ],
)
def test_spans_are_short(span, words):
    """As people say them."""
    assert words == span_words(span)
