"""Interviews as they are read: lines, explanations, cursors."""

import pytest

from evaluator.errors import UsageFault
from evaluator.evaluation import RunCounts
from evaluator.storage.runs import RunStatus
from evaluator.web.listing import (
    EVENTS_SHOWN,
    cursor_of,
    interview_line,
    interview_view,
    parse_cursor,
    run_line,
    standing,
)
from tests.factories import AT
from tests.unit.web.builders import a_row, an_event, an_unscored_row


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (an_unscored_row("not_started"), "Not in a run yet"),
        (an_unscored_row("pending"), "Waiting"),
        (an_unscored_row("pending", code="engine"), "Waiting for another try"),
        (an_unscored_row("running", sections_done=2, sections_total=5), "Scoring: 2 of 5 sections"),
        (an_unscored_row("quarantined", code="stalled"), "Failed"),
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
        (an_unscored_row("pending"), None),
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
        ("quarantined", {"code": "stalled"}, "debrief run start --only failed"),
        ("pending", {}, "debrief worker"),
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

    failure = interview_view(an_unscored_row("quarantined", code="not_json"), events).failure

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


def test_a_cursor_leads_back_to_its_line():
    """What the link carries is read back exactly."""
    row = a_row(taken_in_at=AT.replace(microsecond=123456))

    assert (row.taken_in_at, row.id) == parse_cursor(cursor_of(row))


@pytest.mark.parametrize("text", ["x", "2026-13-40T00:00:00.000000Z,iv-1", "2026-11-18T14:02:00.000000Z,'; --", "\x00"])
def test_a_forged_cursor_is_refused(text):
    """Only what the list itself wrote is a place in it."""
    with pytest.raises(UsageFault, match="start again"):
        parse_cursor(text)


def test_a_runs_counts_are_shown_without_zeros():
    """The sentence adds up to what was selected."""
    run = RunStatus(
        name="night",
        state="closed",
        closed_because="deadline",
        model="m@1",
        counts=RunCounts(selected=4, scored=3, needs_review=1),
        sections_done=11,
        sections_total=12,
        created_at=AT,
        closed_at=AT,
    )

    line = run_line(run)

    assert ("ended at its deadline, 11 of 12 sections done", (("scored", 3), ("needs review", 1))) == (
        line.words,
        line.counts,
    )
