"""Interviews as they are read: lines, explanations, cursors."""

import pytest

from evaluator.errors import UsageFault
from evaluator.web.list_query import address, cursor_of, filters_of, parse_cursor, query_of, wanted_of
from evaluator.web.listing import EVENTS_SHOWN, interview_line, interview_view, standing
from tests.factories import AT
from tests.unit.web.builders import a_row, an_event, an_unscored_row


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (an_unscored_row("not_started"), "Not in a run yet"),
        (an_unscored_row("waiting"), "Waiting"),
        (an_unscored_row("waiting", code="engine"), "Waiting for another try"),
        (an_unscored_row("scoring", sections_done=2, sections_total=5), "Scoring: 2 of 5 sections"),
        (an_unscored_row("failed", code="stalled"), "Failed"),
        (an_unscored_row("cancelled"), "Cancelled"),
        (an_unscored_row("blocked", consent="refused"), "Blocked: no consent"),
        (a_row(), "Scored"),
        (a_row(state="needs_review"), "Needs review"),
        (a_row(state="unscorable"), "Unscorable"),
    ],
)
def test_every_state_has_words(row, words):
    """A state is told in words, never by colour alone."""
    assert words == standing(row).words


def test_a_scored_line_shows_value_spread_and_coverage():
    """The three belong together."""
    line = interview_line(a_row())

    assert ("3.4", "±0.2", "6 of 7") == (line.overall, line.spread, line.coverage)


@pytest.mark.parametrize(
    ("row", "absent"),
    [
        (a_row(overall=None, spread=None), "withheld: a required criterion has no level"),
        (a_row(overall=None, spread=None, failed=True), "withheld: a section failed"),
        (a_row(overall=None, spread=None, scored=0), "no level"),
        (an_unscored_row("waiting"), None),
    ],
)
def test_a_missing_value_says_why_and_is_never_zero(row, absent):
    """No figure stands where there is none."""
    line = interview_line(row)

    assert (None, absent) == (line.overall, line.overall_absent)


def test_an_unknown_spread_is_not_a_spread_of_zero():
    """An endpoint without probabilities gives a mean and no spread."""
    assert interview_line(a_row(spread=None)).spread is None


@pytest.mark.parametrize(
    ("state", "changes", "command"),
    [
        ("not_started", {}, "debrief run start"),
        ("failed", {"code": "stalled"}, "debrief run start --only failed"),
        ("waiting", {}, "debrief worker"),
    ],
)
def test_a_stuck_interview_names_the_next_command(state, changes, command):
    """The way on is something to type."""
    assert command in [c.line for c in interview_view(an_unscored_row(state, **changes), ()).commands]


@pytest.mark.parametrize("consent", ["refused", "withdrawn", "unknown"])
def test_without_consent_no_command_is_offered(consent):
    """Nothing that one can type scores an interview that nobody agreed to."""
    view = interview_view(an_unscored_row("blocked", consent=consent, code="consent"), ())

    assert () == view.commands
    assert "not scored" in view.explanation


def test_a_failure_shows_code_words_and_its_own_detail():
    """The newest event of that failure says what happened."""
    events = [
        an_event("retry", code="not_json", detail="section design: first"),
        an_event("quarantined", code="not_json", detail="section design: last"),
    ]

    failure = interview_view(an_unscored_row("failed", code="not_json"), events).failure

    assert ("not_json", "The judge's answer could not be read.", "section design: last") == (
        failure.code,
        failure.words,
        failure.detail,
    )


def test_a_failure_that_is_over_is_not_shown():
    """A scored interview has no cause to show, whatever went wrong before."""
    assert interview_view(a_row(code="engine"), [an_event("retry", code="engine")]).failure is None


def test_the_story_is_told_in_sentences():
    """Each event becomes words, with what it is about."""
    events = [an_event("claimed"), an_event("section", section_id="design", reused=True), an_event("new_kind")]

    steps = interview_view(a_row(), events).steps

    assert ["A worker took it up", "Section design read from its checkpoint", "new_kind"] == [s.words for s in steps]


def test_a_long_story_is_cut_at_its_beginning():
    """The newest steps are shown, and how many are not."""
    view = interview_view(a_row(), [an_event("claimed")] * (EVENTS_SHOWN + 3))

    assert (EVENTS_SHOWN, 3) == (len(view.steps), view.steps_hidden)


def test_a_rescoring_stands_beside_the_scorecard():
    """A pending second evaluation does not hide what the first one said."""
    line = interview_line(a_row(state="needs_review", evaluation="running", sections_done=1, sections_total=3))

    assert ("Needs review", "re-scoring: 1 of 3 sections", "3.4") == (
        line.standing.words,
        line.standing.again,
        line.overall,
    )


def test_under_a_blind_review_the_line_has_a_lock_and_no_words_of_the_judge():
    """No figure, and no reason why there is none."""
    hidden = {"overall": None, "spread": None, "scored": None, "of": None, "hidden": True, "state": "ready"}

    line = interview_line(a_row(**hidden))

    assert (True, None, None, None) == (line.locked, line.overall, line.overall_absent, line.coverage)


def test_the_story_under_a_blind_review_does_not_tell_how_it_came_out():
    """`Finished: needs review` would say that the judge was split."""
    steps = interview_view(a_row(hidden=True), [an_event("done", state="needs_review")]).steps

    assert ["Finished"] == [s.words for s in steps]


@pytest.mark.parametrize("sort", ["intake", "interviewed_at"])
def test_a_cursor_leads_back_to_its_line(sort):
    """What the link carries is read back exactly."""
    moment = AT.replace(microsecond=123456)
    row = a_row(taken_in_at=moment, started_at=moment)

    place = parse_cursor(cursor_of(row, sort), sort)

    assert (moment, row.id) == (place.key, place.id)


def test_a_line_without_a_date_has_a_place_too():
    """Interviews without a date come last, and one can page among them."""
    row = a_row(started_at=None)

    assert None is parse_cursor(cursor_of(row, "interviewed_at"), "interviewed_at").key


@pytest.mark.parametrize("overall", [3.4567, 1.0, None])
def test_a_cursor_by_score_is_exact(overall):
    """Neither a line twice nor one left out for a rounded figure."""
    row = a_row(overall=overall)

    assert (overall or 0.0) == parse_cursor(cursor_of(row, "score"), "score").key


@pytest.mark.parametrize("sort", ["intake", "interviewed_at", "score"])
@pytest.mark.parametrize(
    "text",
    ["x", "2026-13-40T00:00:00.000000Z,iv-1", "2026-11-18T14:02:00.000000Z,'; --", "\x00", "1e9,iv-1", "nan,iv-1", ","],
)
def test_a_forged_cursor_is_refused(text, sort):
    """Only what the list itself wrote is a place in it."""
    with pytest.raises(UsageFault, match="start again"):
        parse_cursor(text, sort)


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"q": "C-04", "requisition": "REQ-1", "state": "needs_review", "rubric": "backend@4"},
        {"reviewer": "me_open", "alerts": "yes", "since": "2026-11-01", "until": "2026-11-30", "run": "night-1"},
        {"sort": "score"},
        {"sort": "-interviewed_at"},
    ],
)
def test_the_address_is_the_state(query):
    """What an address asks for is written back as the same address."""
    assert query == query_of(wanted_of(query))


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ({"sort": "name"}, "sort"),
        ({"state": "great"}, "state"),
        ({"reviewer": "them"}, "reviewer"),
        ({"alerts": "no"}, "alerts"),
        ({"since": "yesterday"}, "since"),
        ({"until": "0001-01-01"}, "until"),
        ({"requisition": "../x"}, "requisition"),
        ({"rubric": "backend"}, "rubric"),
        ({"q": "x" * 65}, "search"),
        ({"q": "a\x00b"}, "search"),
    ],
)
def test_a_filter_that_nobody_can_mean_is_refused_by_name(query, named):
    """It is said which part of the address is wrong."""
    with pytest.raises(UsageFault, match=named):
        wanted_of(query)


def test_each_filter_can_be_taken_away_alone():
    """The others stay, the order too."""
    wanted = wanted_of({"requisition": "REQ-1", "alerts": "yes", "sort": "interviewed_at"})

    assert (
        ("requisition REQ-1", "/interviews?alerts=yes&sort=interviewed_at"),
        ("with alerts", "/interviews?requisition=REQ-1&sort=interviewed_at"),
    ) == filters_of(wanted)


def test_an_address_is_encoded():
    """A search with an ampersand stays one search."""
    assert "/interviews?q=a%26b" == address(wanted_of({"q": "a&b"}))
