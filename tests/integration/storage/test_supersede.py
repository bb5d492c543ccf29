"""A transcript that is uploaded again, and a re-score, while a run is under way."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from evaluator.errors import LeaseLost
from evaluator.storage.evaluations import finalize, note_section
from evaluator.storage.interviews import take_in
from evaluator.storage.runs import Selection, close_run_named, run_status, start_run, supersede
from tests.factories import SAID, a_transcript
from tests.integration.storage.builders import JUDGE, a_claim, a_manifest, a_scorecard, begin, claimed, prepared, rows

REVISED = a_transcript({**SAID, "design": "On reflection we had two shards, and moved to four with a dual write."})


def upload(database, *, transcript=REVISED, consent: str = "granted") -> int:
    """The transcript takes the place of the one before; rows that were cancelled."""
    with database.begin() as db:
        take_in(db, a_manifest(transcript=transcript, consent=consent))
        return supersede(db, "iv-1")


def evaluations(database) -> list[tuple[str, bool, int]]:
    """(state, whether of the revised transcript, replicate) of each evaluation, in the order in which they came."""
    found = rows(database, "SELECT state, transcript_sha256, sampling FROM evaluation ORDER BY id")
    return [(r["state"], r["transcript_sha256"] == REVISED.digest, r["sampling"]["replicate"]) for r in found]


def done(database) -> None:
    """The next due row ends with a scorecard."""
    claim = a_claim(database)
    with database.begin() as db:
        finalize(db, claim, a_scorecard(claim), {})


def status(database, name: str = "run-1"):
    """Where the run stands."""
    with database.begin() as db:
        return run_status(db, name)


def rescored(database, name: str = "again") -> None:
    """A run that judges iv-1 once more."""
    with database.begin() as db:
        start_run(db, name=name, selection=Selection(only="all", interviews=("iv-1",), rescore=True), judge=JUDGE)


def test_waiting_row_gives_way_to_the_new_transcript(database):
    """The old one is cancelled, and the open run gets the new one."""
    prepared(database)

    upload(database)

    assert [("cancelled", False, 0), ("pending", True, 0)] == evaluations(database)


def test_worker_on_the_old_transcript_writes_nothing_more(database):
    """Its fence is gone."""
    prepared(database)
    claim = a_claim(database)

    upload(database)

    with pytest.raises(LeaseLost), database.begin() as db:
        note_section(db, claim, section_id="design", reused=False)


def test_numbers_of_the_run_still_add_up(database):
    """The old one counts as cancelled, the new one as to be done."""
    prepared(database)

    upload(database)

    counts = status(database).counts
    assert (2, 1, 1) == (counts.selected, counts.cancelled, counts.pending)


def test_run_ends_with_the_new_scorecard(database):
    """Nobody has to ask for it."""
    prepared(database)
    upload(database)

    done(database)

    assert [("cancelled", False, 0), ("done", True, 0)] == evaluations(database)
    assert claimed(database) is None


def test_what_is_done_stays_done(database):
    """A scorecard of the old transcript is history."""
    prepared(database)
    done(database)

    cancelled = upload(database)

    assert (0, [("done", False, 0)]) == (cancelled, evaluations(database))


def test_closed_run_gets_no_new_member(database):
    """Its numbers never change; the next run finds the new transcript."""
    prepared(database)
    with database.begin() as db:
        close_run_named(db, "run-1", because="stopped")

    upload(database)

    assert [("cancelled", False, 0)] == evaluations(database)
    assert 1 == begin(database, "run-2").pending


def test_without_a_recorded_grant_the_next_run_decides(database):
    """Whether unknown consent suffices is a setting that intake does not know."""
    prepared(database)

    upload(database, consent="unknown")

    assert [("cancelled", False, 0)] == evaluations(database)


def test_transcript_that_is_put_back_is_scored(database):
    """The first evaluation is wanted again, and no second one of its key is made."""
    prepared(database)
    upload(database)

    upload(database, transcript=a_transcript())

    assert [("pending", False, 0), ("cancelled", True, 0)] == evaluations(database)


def test_same_manifest_again_cancels_nothing(database):
    """Only another transcript or rubric does."""
    prepared(database)

    assert 0 == upload(database, transcript=a_transcript())


def test_rescore_is_another_replicate_with_another_seed(database):
    """What was judged before is kept."""
    prepared(database)
    done(database)

    rescored(database)

    found = rows(database, "SELECT sampling FROM evaluation ORDER BY id")
    assert [(0, 0), (1, 1)] == [(r["sampling"]["replicate"], r["sampling"]["seed"]) for r in found]


def test_two_rescores_at_once_are_one_evaluation(database):
    """Both runs want the same row."""
    prepared(database)
    done(database)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda n: rescored(database, f"again-{n}"), range(2)))

    assert [("done", False, 0), ("pending", False, 1)] == evaluations(database)


def test_rescore_of_what_is_unfinished_is_not_doubled(database):
    """It is going to be judged anyway."""
    prepared(database)

    rescored(database)

    assert [("pending", False, 0)] == evaluations(database)


def test_each_rescore_counts_on(database):
    """After one has ended the next one has the next number."""
    prepared(database)
    for name in ("again-1", "again-2"):
        done(database)
        rescored(database, name)

    assert [0, 1, 2] == [replicate for _, _, replicate in evaluations(database)]
