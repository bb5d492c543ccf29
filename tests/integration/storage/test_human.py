"""What people add to scorecards: numbered without gaps, never changed, and nothing lost when two write at once."""

import threading

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from evaluator.errors import Conflict, NotFound, Stale, UsageFault
from evaluator.human import (
    DRAFT_BYTES_MAX,
    Dismissed,
    Final,
    HumanRecord,
    HumanState,
    Rating,
    Recommended,
    Restored,
    Review,
    folded,
)
from evaluator.people import COMMAND
from evaluator.storage.human import append, draft, drop_draft, records, save_draft, state, states
from tests.integration.storage.builders import a_person, a_viewer, change, rows, scored, waiting_sessions

WORDS = "the trade-off is named at 00:13:20"
REVIEW = Review(
    ratings=(Rating(criterion_id="depth", level=4, quotes=("U1",), note="état ✓"),), recommendation="yes", note="n"
)
FINAL = Final(criterion_id="depth", old=3, new=4, reason="missed_evidence", text=WORDS)
ACTS = (
    REVIEW,
    FINAL,
    Recommended(recommendation="strong_yes", note="after all"),
    Dismissed(cause="audio", text=WORDS),
    Restored(text=WORDS),
)


@pytest.fixture
def scorecard(database):
    """The id of one."""
    return scored(database)[0]


@pytest.fixture
def ada(database):
    """Somebody."""
    return a_viewer(database, a_person(database, "ada"))


@pytest.fixture
def bob(database):
    """Somebody else."""
    return a_viewer(database, a_person(database, "bob"))


def added(database, scorecard, viewer, act, expected):
    """The record of this act."""
    with database.begin() as db:
        return append(db, scorecard, viewer, act, expected)


def test_every_kind_of_act_is_read_back_as_it_was(database, scorecard, ada):
    """With who, when and its number; their fold is the state."""
    written = tuple(added(database, scorecard, ada, act, n) for n, act in enumerate(ACTS))

    with database.begin() as db:
        assert written == records(db, scorecard)
        assert folded(written) == state(db, scorecard)
    assert ACTS == tuple(record.act for record in written)
    assert [(n, ada.person_id, "Ada") for n in range(1, 6)] == [(r.number, r.person_id, r.person) for r in written]
    assert sorted(r.at for r in written) == [r.at for r in written]


def test_command_line_may_add_too(database, scorecard):
    """It has a name and no person."""
    record = added(database, scorecard, COMMAND, ACTS[3], 0)

    assert (None, "command line") == (record.person_id, record.person)


def test_scorecard_without_records_has_the_empty_state(database):
    """Many are read at once, each with its own."""
    first, second, third = scored(database, 3)
    writer = a_viewer(database, a_person(database))
    added(database, second, writer, REVIEW, 0)
    added(database, second, writer, FINAL, 1)
    added(database, third, writer, FINAL, 0)

    with database.begin() as db:
        found = states(db, [first, second, third])
        alone = {one: state(db, one) for one in (first, second, third)}
        none = states(db, [])
    assert alone == found
    assert [HumanState().number, 2, 1] == [found[one].number for one in (first, second, third)]
    assert {} == none


@pytest.mark.parametrize("expected", [0, 2, 2**31, 2**70, -1])
def test_act_on_another_number_is_stale(database, scorecard, ada, bob, expected):
    """Nothing is written, and what stands there is told."""
    added(database, scorecard, ada, FINAL, 0)

    with pytest.raises(Stale, match=f"scorecard {scorecard} was changed by somebody else") as raised:
        added(database, scorecard, bob, FINAL, expected)
    assert 1 == raised.value.number
    assert 1 == len(rows(database, "SELECT number FROM human_record"))


def test_second_review_of_a_person_is_refused(database, scorecard, ada, bob):
    """The first scores are locked; another person's may follow."""
    added(database, scorecard, ada, REVIEW, 0)

    with pytest.raises(Conflict, match="stay as they are"):
        added(database, scorecard, ada, REVIEW.model_copy(update={"note": "changed"}), 1)
    assert 2 == added(database, scorecard, bob, REVIEW, 1).number


def test_second_review_is_refused_by_the_table_too(database, scorecard, ada):
    """Whatever code writes it."""
    added(database, scorecard, ada, REVIEW, 0)
    again = (
        "INSERT INTO human_record (scorecard_id, number, person_id, person, kind, act) "
        "SELECT scorecard_id, 2, person_id, person, kind, act FROM human_record"
    )

    with pytest.raises(DBAPIError, match="ix_human_record_first_scores"), database.begin() as db:
        db.execute(text(again))


def test_unknown_scorecard_is_not_found(database, ada):
    """For records and for drafts."""
    with pytest.raises(NotFound, match="scorecard sc_none is not known here"):
        added(database, "sc_none", ada, FINAL, 0)
    with pytest.raises(NotFound, match="scorecard sc_none is not known here"), database.begin() as db:
        save_draft(db, "sc_none", ada.person_id, {}, 0)


def test_words_that_cannot_be_kept_are_refused(database, scorecard, ada):
    """As a fault of what was given, not as a failure of the database."""
    with pytest.raises(UsageFault, match="what you wrote holds a NUL character"):
        added(database, scorecard, ada, FINAL.model_copy(update={"text": WORDS + "\x00"}), 0)


def test_of_two_at_the_same_moment_one_wins(database, scorecard, ada, bob):
    """Twenty times over, both have seen the same state: one record is added, the other is told."""
    outcomes = [_at_once(database, scorecard, (ada, bob), expected) for expected in range(20)]

    kinds = [sorted(type(one).__name__ for one in pair) for pair in outcomes]
    assert [["HumanRecord", "Stale"]] * 20 == kinds
    with database.begin() as db:
        won = [one for pair in outcomes for one in pair if isinstance(one, HumanRecord)]
        assert tuple(won) == records(db, scorecard)


def _at_once(database, scorecard, viewers, expected):
    found: list[HumanRecord | Stale] = []
    start = threading.Barrier(len(viewers))

    def write(viewer) -> None:
        start.wait(10)
        try:
            found.append(added(database, scorecard, viewer, FINAL, expected))
        except Stale as error:
            found.append(error)

    threads = [threading.Thread(target=write, args=[viewer]) for viewer in viewers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    return found


@pytest.mark.parametrize("commits", [True, False], ids=["commits", "rolls back"])
def test_one_that_is_not_committed_yet_is_waited_for(database, scorecard, ada, bob, commits):
    """If it counts, the other is stale; if it is taken back, the other counts."""
    outcome: list[HumanRecord | Stale] = []

    def other() -> None:
        try:
            outcome.append(added(database, scorecard, bob, FINAL, 0))
        except Stale as error:
            outcome.append(error)

    thread = threading.Thread(target=other)
    with database.begin() as db:
        attempt = db.begin_nested()
        append(db, scorecard, ada, FINAL, 0)
        thread.start()
        _until_waiting(database)
        if not commits:
            attempt.rollback()
    thread.join(timeout=30)

    assert [Stale if commits else HumanRecord] == [type(one) for one in outcome]
    assert [{"person": "Ada" if commits else "Bob"}] == rows(database, "SELECT person FROM human_record")


def _until_waiting(database) -> None:
    for _ in range(1_000):
        with database.begin() as db:
            if waiting_sessions(db):
                return
            db.execute(text("SELECT pg_sleep(0.01)"))


def test_draft_is_its_writers_own(database, scorecard, ada, bob):
    """With a version that grows; another person has none."""
    with database.begin() as db:
        versions = [save_draft(db, scorecard, ada.person_id, {"depth": n}, n) for n in range(3)]
        found = draft(db, scorecard, ada.person_id)

        assert draft(db, scorecard, bob.person_id) is None
    assert [1, 2, 3] == versions
    assert (3, {"depth": 2}) == (found.version, found.body)


@pytest.mark.parametrize("expected", [0, 1, 3, 2**31, 2**70, -1])
def test_draft_of_another_version_is_stale(database, scorecard, ada, expected):
    """Two windows of the same person don't write over each other."""
    with database.begin() as db:
        for n in range(2):
            save_draft(db, scorecard, ada.person_id, {"depth": n}, n)

    with pytest.raises(Stale, match="changed in another window"), database.begin() as db:
        save_draft(db, scorecard, ada.person_id, {"depth": 5}, expected)
    with database.begin() as db:
        assert {"depth": 1} == draft(db, scorecard, ada.person_id).body


def test_dropped_draft_is_gone(database, scorecard, ada, bob):
    """Another person's stays; dropping none is no fault."""
    with database.begin() as db:
        for person in (ada, bob):
            save_draft(db, scorecard, person.person_id, {}, 0)
        drop_draft(db, scorecard, ada.person_id)
        drop_draft(db, scorecard, ada.person_id)

        assert draft(db, scorecard, ada.person_id) is None
        assert draft(db, scorecard, bob.person_id) is not None
        assert 1 == save_draft(db, scorecard, ada.person_id, {}, 0)


def test_draft_has_a_limit(database, scorecard, ada):
    """In bytes as stored, the largest one fits."""
    frame = len('{"note":""}')
    with database.begin() as db:
        save_draft(db, scorecard, ada.person_id, {"note": "x" * (DRAFT_BYTES_MAX - frame)}, 0)

    with pytest.raises(UsageFault, match=r"has 64001 bytes, at most 64000"), database.begin() as db:
        save_draft(db, scorecard, ada.person_id, {"note": "x" * (DRAFT_BYTES_MAX - frame + 1)}, 1)


@pytest.mark.parametrize("note", ["\x00", "\ud800", float("nan")])
def test_draft_that_cannot_be_kept_is_refused(database, scorecard, ada, note):
    """As a fault of what was given."""
    with pytest.raises(UsageFault, match="the draft holds"), database.begin() as db:
        save_draft(db, scorecard, ada.person_id, {"note": note}, 0)


def test_records_have_no_gaps_for_the_owner_either(database, scorecard, ada):
    """The table refuses the same number twice, and number 0."""
    added(database, scorecard, ada, FINAL, 0)

    for number in (0, 1):
        with pytest.raises(DBAPIError):
            change(
                database,
                "INSERT INTO human_record (scorecard_id, number, person, kind, act) "
                "VALUES (:scorecard, :number, 'x', 'final', '{}')",
                scorecard=scorecard,
                number=number,
            )
