"""An interview that broke off: taken in, blocked until a person releases it, counted, and never scored as if whole."""

import pytest

from evaluator.errors import Conflict, NotFound, UsageFault
from evaluator.intake import IntakeReport, intake
from evaluator.layout import OPEN, manifest_key, open_key
from evaluator.operating import release_interview
from evaluator.people import COMMAND, Viewer
from evaluator.storage.evaluations import finalize
from evaluator.storage.reviewing import interview_seen
from evaluator.storage.runs import retry_run, run_status
from evaluator.transcript import Transcript
from evaluator.web.listing import interview_view
from tests.factories import a_rubric, a_transcript
from tests.fakes import MemoryStore
from tests.integration.storage.builders import (
    a_claim,
    a_manifest,
    a_scorecard,
    begin,
    change,
    claimed,
    row_of,
    rows,
    stock,
    story,
)

REASON = "It broke off in its last question"
SEEN_BY = Viewer(person_id=None, name="command", admin=True, entry="command")


def broken_off(interview_id: str = "iv-1", **fields):
    """The manifest of one that reached two of three sections."""
    return a_manifest(interview_id, **{"ending": "incomplete", "sections_reached": 2, **fields})


def released(database, interview_id: str = "iv-1"):
    """Released by a person."""
    with database.begin() as db:
        return release_interview(db, MemoryStore(), COMMAND, interview_id, reason=REASON)


def counts(database, name: str = "run-1"):
    """A run's numbers."""
    with database.begin() as db:
        return run_status(db, name).counts


def seen(database, interview_id: str = "iv-1"):
    """Its page."""
    with database.begin() as db:
        return interview_view(interview_seen(db, SEEN_BY, interview_id), ())


def test_it_is_blocked_and_counted(database):
    """No worker gets it; the run's numbers add up and the run ends."""
    stock(database, broken_off(), a_manifest("iv-2"))
    begin(database)

    claim = a_claim(database)

    assert "iv-2" == claim.work.interview_id
    assert claimed(database) is None
    assert ("blocked", "incomplete") == tuple(row_of(database)[name] for name in ("state", "code"))
    found = counts(database)
    assert (2, 1, 1) == (found.selected, found.blocked, found.running)


def test_released_it_is_scored_by_the_next_run(database):
    """The same row goes on; who released it and why is in the audit log."""
    stock(database, broken_off())
    begin(database)
    released(database)
    begin(database, "run-2")

    claim = a_claim(database)
    with database.begin() as db:
        finalize(db, claim, a_scorecard(claim), {})

    assert "done" == row_of(database)["state"]
    assert "unblocked" in story(database)
    (entry,) = rows(database, "SELECT * FROM audit WHERE action = 'interview.release'")
    assert ("interview:iv-1", "REQ-1", REASON) == (entry["object"], entry["requisition"], entry["detail"]["reason"])


def test_a_release_is_of_one_transcript(database):
    """Another one that broke off again needs another look."""
    stock(database, broken_off())
    released(database)
    stock(database, broken_off(transcript=a_transcript({"design": "We split the queue by region first."})))
    begin(database)

    assert claimed(database) is None


def test_a_recording_that_comes_later_leaves_the_release_as_it_is(database):
    """The manifest says more, of the same transcript."""
    stock(database, broken_off())
    released(database)
    stock(database, broken_off(agent_version="test/2"))
    begin(database)

    assert claimed(database) is not None


def test_what_is_known_to_have_broken_off_later_is_taken_from_its_worker(database):
    """A manifest that says so blocks what is under way."""
    stock(database, a_manifest())
    begin(database)
    a_claim(database)

    stock(database, broken_off())

    assert ("blocked", "incomplete") == tuple(row_of(database)[name] for name in ("state", "code"))


def test_a_retry_leaves_it_blocked(database):
    """A failed row whose interview is now known to have broken off is not tried again."""
    stock(database, a_manifest())
    begin(database)
    change(database, "UPDATE evaluation SET state = 'quarantined', code = 'engine'")
    change(database, "UPDATE interview SET ending = 'incomplete'")

    with database.begin() as db:
        again = retry_run(db, "run-1", reason=REASON)

    assert (None, "blocked") == (again, row_of(database)["state"])


def test_without_consent_that_is_the_reason(database):
    """A release does not help there."""
    stock(database, broken_off(consent="withdrawn"))
    released(database)
    begin(database)

    assert ("blocked", "consent") == tuple(row_of(database)[name] for name in ("state", "code"))


@pytest.mark.parametrize("ending", [None, "finished", "stopped", "silent"])
def test_every_other_ending_is_scored(database, ending):
    """What was never asked is marked as that."""
    stock(database, a_manifest(ending=ending))
    begin(database)

    assert claimed(database) is not None


@pytest.mark.parametrize(
    ("interview_id", "reason", "fault", "says"),
    [
        ("iv-9", REASON, NotFound, "not known"),
        ("iv-2", REASON, Conflict, "did not break off"),
        ("iv-1", " ", UsageFault, "reason"),
    ],
)
def test_a_release_that_makes_no_sense_is_refused(database, interview_id, reason, fault, says):
    """And nothing is logged."""
    stock(database, broken_off(), a_manifest("iv-2"))

    with pytest.raises(fault, match=says), database.begin() as db:
        release_interview(db, MemoryStore(), COMMAND, interview_id, reason=reason)

    assert [] == rows(database, "SELECT id FROM audit WHERE action = 'interview.release'")


def test_the_page_says_where_it_broke_off_and_what_to_do(database):
    """Before a run as well as in one."""
    stock(database, broken_off(wants_person=True))
    before = seen(database)
    begin(database)
    view = seen(database)

    assert "Incomplete: it broke off in section 2 of 3" == before.line.standing.words == view.line.standing.words
    assert "The candidate asked for a person." in view.explanation
    assert 'debrief interview release iv-1 --reason "..."' == view.commands[0].line


def test_one_that_broke_off_before_the_first_answer_is_shown_and_not_refused(database):
    """Its transcript has no word of the candidate's."""
    store = MemoryStore()
    empty = Transcript(source="debrief-agent", turns=())
    manifest = broken_off(transcript=empty, sections_reached=0)
    store.objects[manifest.transcript.key] = empty.to_bytes()
    store.create(manifest_key("iv-1"), manifest.to_bytes())

    assert IntakeReport(new=1) == intake(database, store, lambda _: a_rubric())
    assert "Incomplete: it broke off before its first section" == seen(database).line.standing.words


def test_intake_removes_what_says_that_it_is_going_on(database):
    """Once for good: the same manifest again finds nothing to remove."""
    store = MemoryStore()
    manifest = a_manifest()
    for _ in range(2):
        store.objects[open_key("iv-1")] = b"{}"
        store.objects[manifest.transcript.key] = a_transcript().to_bytes()
        store.create(manifest_key("iv-1"), manifest.to_bytes())
        intake(database, store, lambda _: a_rubric())

        assert [] == store.names(OPEN)
