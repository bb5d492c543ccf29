"""Claiming and what follows it: who gets which row, and that an old fence writes nothing."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text

from evaluator.errors import ContentError, LeaseLost, StoreUnavailable
from evaluator.evaluation import Quarantine, Retry, after_failure
from evaluator.storage.database import Database
from evaluator.storage.evaluations import (
    EXPIRED_MAX,
    alive,
    due,
    expire_leases,
    fail,
    finalize,
    note_section,
    release,
    renew,
    scorecard_id_of,
    seen,
)
from evaluator.storage.runs import close_run_named
from tests.integration.storage.builders import (
    LEASE_S,
    a_claim,
    a_manifest,
    a_scorecard,
    begin,
    change,
    claimed,
    due_again,
    overslept,
    prepared,
    row_of,
    rows,
    stock,
    story,
)

RETRY = Retry(delay_s=60.0, counts="attempt", code="cut_answer", detail="section design: cut")


def test_nothing_is_claimed_without_a_run(database):
    """An interview that was only taken in is nobody's work yet."""
    stock(database, a_manifest())

    assert claimed(database) is None


def test_claim_gives_all_that_the_work_needs(database):
    """The claim carries the row's inputs and the released rubric."""
    prepared(database)

    claim = a_claim(database, "w7")

    assert (1, "w7", 0, 0) == (claim.fence, claim.worker, claim.attempts, claim.stalls)
    assert a_manifest().transcript.sha256 == claim.work.transcript_sha256
    assert row_of(database)["evaluation_key"] == claim.work.evaluation_key


def test_rows_are_claimed_in_the_order_of_their_ids(database):
    """Among rows that nobody started the oldest comes first."""
    prepared(database, 3)

    assert ["iv-1", "iv-2", "iv-3"] == [a_claim(database).work.interview_id for _ in range(3)]


def test_started_rows_come_first(database):
    """Work that was begun and handed back does not queue behind the backlog."""
    prepared(database, 3)
    a_claim(database)
    begun = a_claim(database)
    with database.begin() as db:
        release(db, begun, reason="drained")

    assert "iv-2" == a_claim(database).work.interview_id


def test_fence_goes_up_with_each_claim(database):
    """A row that comes back is claimed under a new fence."""
    prepared(database)
    first = a_claim(database)
    with database.begin() as db:
        release(db, first, reason="drained")

    assert first.fence + 1 == a_claim(database, "w2").fence


def test_running_row_is_claimed_by_nobody_else(database):
    """While a lease holds the row is its owner's."""
    prepared(database)
    a_claim(database)

    assert claimed(database, "w2") is None


def test_row_of_another_model_is_left_alone(database):
    """A worker claims only what its own judge may score."""
    prepared(database)

    assert claimed(database, model="another-judge@r1") is None


def test_row_is_not_claimed_before_its_time(database):
    """A back-off holds until the database's clock has passed it."""
    prepared(database)
    with database.begin() as db:
        fail(db, a_claim(database), RETRY)

    assert claimed(database) is None
    due_again(database)
    assert claimed(database) is not None


def test_row_of_a_closed_run_is_not_claimed(database):
    """After `run stop` nothing more is claimed in its name."""
    prepared(database)
    with database.begin() as db:
        close_run_named(db, "run-1", because="stopped")

    assert claimed(database) is None


def test_row_of_a_paused_run_is_not_claimed(database):
    """Only open runs have work."""
    prepared(database)
    change(database, "UPDATE run SET state = 'paused'")

    assert claimed(database) is None


def test_nothing_is_claimed_after_the_deadline(database):
    """A run past its deadline has no more work, also before anybody closed it."""
    prepared(database, 2)
    change(database, "UPDATE run SET deadline = clock_timestamp() + interval '1 hour'")
    a_claim(database)
    change(database, "UPDATE run SET deadline = clock_timestamp() - interval '1 second'")

    assert claimed(database) is None


def test_claim_is_made_in_the_name_of_a_run_that_may_still_work(database):
    """Of two runs over one row, the cost goes to the one whose deadline has not passed."""
    prepared(database)
    begin(database, "run-2", only="all")
    change(database, "UPDATE run SET deadline = clock_timestamp() - interval '1 second' WHERE name = 'run-1'")

    claim = a_claim(database)

    assert [{"name": "run-2"}] == rows(database, "SELECT name FROM run WHERE id = :id", id=claim.run_id)


def test_due_counts_what_could_be_claimed(database):
    """Rows in work, of closed runs or backing off are no work; the count stops at the limit asked for."""
    prepared(database, 4)
    a_claim(database)

    with database.begin() as db:
        assert (3, 2) == (due(db), due(db, most=2))
        close_run_named(db, "run-1", because="stopped")
        assert 0 == due(db)


def test_many_workers_at_once_get_different_rows(database, database_url):
    """Eight claims at the same moment take eight rows, none twice, none empty-handed."""
    prepared(database, 10)
    own = Database(database_url, connections=8)
    gate = threading.Barrier(8)

    def ask(number: int) -> int:
        with own.begin() as db:
            db.execute(text("SELECT 1"))  # connected before the start
            gate.wait(timeout=10)
        return a_claim(own, f"w{number}").id

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(ask, range(8)))
    own.close()

    assert 8 == len(set(found))


def test_claim_that_is_not_committed_blocks_nobody(database):
    """A claim in another transaction is skipped, not waited for."""
    prepared(database, 2)
    with database.begin() as db:
        db.execute(text("SET LOCAL lock_timeout = '2s'"))
        first = a_claim(database)
        with database.begin() as other:
            other.execute(text("SELECT id FROM evaluation WHERE id = 2 FOR UPDATE"))

            assert claimed(database) is None
    assert "iv-1" == first.work.interview_id


def test_claiming_reads_the_index_of_waiting_rows(database):
    """With a backlog the order comes from the partial index; nothing is sorted."""
    prepared(database, 50)
    with database.begin() as db:
        db.execute(text("SET LOCAL enable_seqscan = off"))
        plan = "\n".join(
            db.execute(
                text(
                    "EXPLAIN SELECT id FROM evaluation e WHERE e.state = 'pending' "
                    "ORDER BY (e.fence > 0) DESC, e.id LIMIT 1 FOR UPDATE OF e SKIP LOCKED"
                )
            ).scalars()
        )

    assert "ix_evaluation_due" in plan
    assert "Sort" not in plan


LATE_WRITES = {
    "renew": lambda db, claim: renew(db, claim, lease_s=LEASE_S),
    "note_section": lambda db, claim: note_section(db, claim, section_id="design", reused=False),
    "finalize": lambda db, claim: finalize(db, claim, a_scorecard(claim), {}),
    "release": lambda db, claim: release(db, claim, reason="drained"),
    "fail": lambda db, claim: fail(db, claim, RETRY),
    "quarantine": lambda db, claim: fail(db, claim, Quarantine(code="bug", detail="x")),
}


@pytest.mark.parametrize("write", LATE_WRITES.values(), ids=LATE_WRITES)
def test_old_fence_writes_nothing(database, write):
    """Once another worker owns the row, the former one's writes raise LeaseLost and change nothing at all."""
    prepared(database)
    zombie = a_claim(database, "w1")
    overslept(database)
    with database.begin() as db:
        expire_leases(db)
    a_claim(database, "w2")
    before, told = row_of(database), story(database)

    with pytest.raises(LeaseLost, match="iv-1: another worker owns it"), database.begin() as db:
        write(db, zombie)

    assert (before, told) == (row_of(database), story(database))
    assert [] == rows(database, "SELECT 1 FROM scorecard")


@pytest.mark.parametrize("write", LATE_WRITES.values(), ids=LATE_WRITES)
def test_owner_writes_until_the_lease_is_taken_back(database, write):
    """A lease that is late but not yet taken back is still its owner's."""
    prepared(database)
    claim = a_claim(database)
    overslept(database)

    with database.begin() as db:
        write(db, claim)


@pytest.mark.parametrize("write", LATE_WRITES.values(), ids=LATE_WRITES)
def test_row_that_was_put_back_is_no_longer_written(database, write):
    """The same fence counts only while the row is running."""
    prepared(database)
    claim = a_claim(database)
    with database.begin() as db:
        release(db, claim, reason="drained")

    with pytest.raises(LeaseLost), database.begin() as db:
        write(db, claim)


def test_renewal_moves_the_lease_on(database):
    """The new lease counts from the database's clock."""
    prepared(database)
    claim = a_claim(database, lease_s=1.0)
    before = row_of(database)["leased_until"]
    with database.begin() as db:
        renew(db, claim, lease_s=100.0)

    assert (row_of(database)["leased_until"] - before).total_seconds() == pytest.approx(99.0, abs=2.0)


def test_finalize_ends_the_row_with_its_scorecard(database):
    """State, scorecard and event are written together."""
    prepared(database)
    claim = a_claim(database)
    body = a_scorecard(claim)
    with database.begin() as db:
        scorecard_id = finalize(db, claim, body, {"worker": "w1"})

    (kept,) = rows(database, "SELECT * FROM scorecard")
    row = row_of(database)
    assert (scorecard_id_of(claim.work), body.digest, "scored") == (kept["id"], kept["body_sha256"], kept["state"])
    assert body == type(body).model_validate(kept["body"])
    assert scorecard_id == kept["id"]
    assert ("done", 3, None) == (row["state"], row["sections_done"], row["leased_until"])


def test_finalize_writes_all_or_nothing(database):
    """A scorecard that cannot be inserted leaves the row running, without an event."""
    prepared(database)
    claim = a_claim(database)
    change(database, "ALTER TABLE scorecard ADD CONSTRAINT never CHECK (false)")

    with pytest.raises(Exception, match="never"), database.begin() as db:
        finalize(db, claim, a_scorecard(claim), {})

    assert "running" == row_of(database)["state"]
    assert ["claimed"] == story(database)


def test_release_is_at_once_and_uncounted(database):
    """A row that was handed back is due now; only `interruptions` remembers."""
    prepared(database)
    with database.begin() as db:
        release(db, a_claim(database), reason="drained")

    row = row_of(database)
    assert ("pending", 1, 0, 0) == (row["state"], row["interruptions"], row["attempts"], row["stalls"])
    assert claimed(database, "w2") is not None


def test_content_error_is_counted_and_backs_off(database):
    """The row waits, with the reason on it."""
    prepared(database)
    claim = a_claim(database)
    with database.begin() as db:
        fail(db, claim, after_failure(claim.attempts, ContentError("section design: no answer")))

    row = row_of(database)
    assert ("pending", 1, "content") == (row["state"], row["attempts"], row["code"])
    assert (row["not_before"] - row["updated_at"]).total_seconds() == pytest.approx(60.0, abs=1.0)


def test_infrastructure_error_is_not_counted(database):
    """An outage delays the row and limits nothing."""
    prepared(database)
    claim = a_claim(database)
    with database.begin() as db:
        fail(db, claim, after_failure(claim.attempts, StoreUnavailable("down")))

    row = row_of(database)
    assert ("pending", 0, "store") == (row["state"], row["attempts"], row["code"])
    assert (row["not_before"] - row["updated_at"]).total_seconds() == pytest.approx(30.0, abs=1.0)


def test_third_content_error_is_for_a_person(database):
    """After three attempts the row is quarantined with its code and detail, and is claimed no more."""
    prepared(database)
    for _ in range(3):
        due_again(database)
        claim = a_claim(database)
        with database.begin() as db:
            fail(db, claim, after_failure(claim.attempts, ContentError("section design: no answer")))
    due_again(database)

    row = row_of(database)
    assert ("quarantined", 3, "content", "section design: no answer") == (
        row["state"],
        row["attempts"],
        row["code"],
        row["detail"],
    )
    assert claimed(database) is None


def test_expired_lease_comes_back_under_a_new_fence(database):
    """Only leases that ran out are taken back; the death is counted."""
    prepared(database, 2)
    a_claim(database, "w1")
    overslept(database)
    alive_claim = a_claim(database, "w2")

    with database.begin() as db:
        assert 1 == expire_leases(db)
    row = row_of(database)
    assert ("pending", 2, 1, None) == (row["state"], row["fence"], row["stalls"], row["worker"])
    assert "running" == row_of(database, alive_claim.work.interview_id)["state"]


def test_expiry_is_bounded(database):
    """One step takes back so many and no more."""
    prepared(database, 3)
    for _ in range(3):
        a_claim(database)
    overslept(database)

    with database.begin() as db:
        assert 2 == expire_leases(db, limit=2)
    assert EXPIRED_MAX >= 2


def test_two_expiries_at_once_count_a_death_once(database):
    """A row that another reconciler is taking back is skipped."""
    prepared(database)
    a_claim(database)
    overslept(database)
    with database.begin() as one, database.begin() as other:
        assert (1, 0) == (expire_leases(one), expire_leases(other))

    assert 1 == row_of(database)["stalls"]


def test_fifth_death_without_a_section_is_for_a_person(database):
    """A row that kills its workers ends in quarantine."""
    prepared(database)
    for _ in range(5):
        a_claim(database)
        overslept(database)
        with database.begin() as db:
            expire_leases(db)

    row = row_of(database)
    assert ("quarantined", 5, "stalled") == (row["state"], row["stalls"], row["code"])


def test_new_section_starts_the_count_of_deaths_again(database):
    """A worker that got a section further did not die for nothing."""
    prepared(database)
    a_claim(database)
    overslept(database)
    with database.begin() as db:
        expire_leases(db)
    with database.begin() as db:
        note_section(db, a_claim(database), section_id="design", reused=False)

    assert (0, 1) == (row_of(database)["stalls"], row_of(database)["sections_done"])


def test_window_of_a_long_section_is_progress_and_no_section_done(database):
    """It starts the count of deaths again, and its event names it; a section is done only as a whole."""
    prepared(database)
    a_claim(database)
    overslept(database)
    with database.begin() as db:
        expire_leases(db)
    with database.begin() as db:
        note_section(db, a_claim(database), section_id="design", reused=False, window="1.2")

    assert (0, 0) == (row_of(database)["stalls"], row_of(database)["sections_done"])
    told = rows(database, "SELECT detail FROM evaluation_event WHERE kind = 'section'")
    assert [{"section_id": "design", "reused": False, "window": "1.2"}] == [r["detail"] for r in told]


def test_reused_section_is_no_progress(database):
    """Reading old checkpoints before each death does not keep a poisonous row alive for ever."""
    prepared(database)
    for _ in range(5):
        claim = a_claim(database)
        with database.begin() as db:
            note_section(db, claim, section_id="design", reused=True)
        overslept(database)
        with database.begin() as db:
            expire_leases(db)

    assert "quarantined" == row_of(database)["state"]


def test_events_tell_the_row_s_story(database):
    """Who had the row, what was finished, and why it came back."""
    prepared(database)
    first = a_claim(database, "w1")
    with database.begin() as db:
        note_section(db, first, section_id="design", reused=False)
        release(db, first, reason="drained")
    a_claim(database, "w2")
    overslept(database)
    with database.begin() as db:
        expire_leases(db)
    third = a_claim(database, "w3")
    with database.begin() as db:
        fail(db, third, RETRY)
    due_again(database)
    last = a_claim(database, "w4")
    with database.begin() as db:
        finalize(db, last, a_scorecard(last), {})

    told = rows(database, "SELECT kind, fence, worker FROM evaluation_event ORDER BY id")
    assert [
        ("claimed", 1, "w1"),
        ("section", 1, "w1"),
        ("released", 1, "w1"),
        ("claimed", 2, "w2"),
        ("expired", 3, "w2"),
        ("claimed", 4, "w3"),
        ("retry", 4, "w3"),
        ("claimed", 5, "w4"),
        ("done", 5, "w4"),
    ] == [(row["kind"], row["fence"], row["worker"]) for row in told]


def test_node_is_alive_while_it_was_seen_lately(database):
    """Kinds are counted apart, a node once."""
    with database.begin() as db:
        for _ in range(2):
            seen(db, name="host:1", kind="worker", version="0")
        seen(db, name="host:2", kind="reconciler", version="0")
        assert (1, 1) == (alive(db, kind="worker", within_s=30), alive(db, kind="reconciler", within_s=30))
        db.execute(text("UPDATE node SET seen_at = clock_timestamp() - interval '1 minute'"))
        assert 0 == alive(db, kind="worker", within_s=30)
