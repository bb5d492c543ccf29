"""What a run's events say of its pace, its troubles and its evidence."""

import pytest

from evaluator.people import COMMAND, Viewer
from evaluator.storage import run_facts
from evaluator.storage.evaluations import finalize, note_section
from evaluator.storage.requisitions import set_blind
from evaluator.storage.run_facts import run_evidence, run_minutes, run_went
from evaluator.storage.watching import HIDDEN_MIN, run_seen
from tests.integration.storage.builders import a_claim, a_scorecard, begin, change, prepared

ADMIN = Viewer(person_id=1, name="x", entry="session", admin=True)


def aged(database, minutes: float) -> None:
    """Everything that has happened so far happened so much earlier."""
    for table, column in (("evaluation_event", "at"), ("run", "created_at")):
        change(database, f"UPDATE {table} SET {column} = {column} - make_interval(secs => {60 * minutes})")


def sections(database, claim, number, *, reused=False) -> None:
    """So many sections are finished now."""
    for _ in range(number):
        with database.begin() as db:
            note_section(db, claim, section_id="design", reused=reused)


def minutes(database, name="run-1"):
    """Of the run."""
    with database.begin() as db:
        return run_minutes(db, name)


def went(database, name="run-1"):
    """How the run went."""
    with database.begin() as db:
        return run_went(db, run_seen(db, COMMAND, name))


def test_the_last_minutes_are_told_one_by_one(database):
    """The oldest first; what came from a checkpoint, or of another run, is no pace."""
    prepared(database)
    claim = a_claim(database)
    sections(database, claim, 3)
    aged(database, 2.5)
    sections(database, claim, 2)
    sections(database, claim, 4, reused=True)
    begin(database, "another", only="all")

    assert (3, 0, 2) == minutes(database)
    assert (0,) == minutes(database, "another")
    assert () == minutes(database, "no-such-run")


def test_at_most_ten_minutes_count(database):
    """What was earlier is no pace of today."""
    prepared(database)
    claim = a_claim(database)
    sections(database, claim, 3)
    aged(database, 30)
    sections(database, claim, 1)

    assert (0,) * 9 + (1,) == minutes(database)


def test_of_many_events_the_newest_count(database, monkeypatch):
    """Whole minutes that they cover, or what they come to in one."""
    prepared(database)
    claim = a_claim(database)
    sections(database, claim, 9)
    aged(database, 0.5)
    monkeypatch.setattr(run_facts, "RECENT_EVENTS_MAX", 6)
    half = minutes(database)
    aged(database, 2)
    sections(database, claim, 4)
    monkeypatch.setattr(run_facts, "RECENT_EVENTS_MAX", 5)

    assert 8 <= half[0] <= 12
    assert (0, 4) == minutes(database)


def test_a_standstill_is_found(database):
    """The longest, with its beginning."""
    prepared(database)
    claim = a_claim(database)
    sections(database, claim, 1)
    aged(database, 5)
    sections(database, claim, 1)
    found = went(database)

    assert (2, 0) == (found.judged, found.reused)
    assert pytest.approx(300, abs=5) == found.standstill_s
    assert found.standstill_at is not None


def test_nothing_has_happened_yet(database):
    """All is zero, and there is no standstill."""
    prepared(database)
    found = went(database)

    assert (0, 0, 0, 0, 0, 0, None) == tuple(found.model_dump().values())[:7]


def scored(database, interviews: int) -> None:
    """A run that scored so many, each with five citations."""
    prepared(database, interviews)
    for _ in range(interviews):
        claim = a_claim(database)
        with database.begin() as db:
            finalize(db, claim, a_scorecard(claim), {"sections": []})


def test_evidence_is_counted(database):
    """Of every criterion that has a level."""
    scored(database, 2)
    with database.begin() as db:
        found = run_evidence(db, COMMAND, "run-1")

    assert (found.kept, 0, 0) == (found.kept, found.dropped, found.without)
    assert found.kept > 0


@pytest.mark.parametrize(("interviews", "counted"), [(2, False), (HIDDEN_MIN, True)])
def test_evidence_under_blind_review_counts_only_where_it_is_much(database, interviews, counted):
    """That of a few could be told apart."""
    scored(database, interviews)
    with database.begin() as db:
        set_blind(db, "REQ-1", True)
        found = run_evidence(db, ADMIN, "run-1")

    assert counted == (found.kept > 0)
