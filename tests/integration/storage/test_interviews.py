"""Interviews and rubrics: known once, changed by a newer manifest, fenced off when consent is withdrawn."""

import threading
import time

import pytest
from sqlalchemy import text

from evaluator.errors import Conflict, LeaseLost, NotFound
from evaluator.storage.evaluations import expire_leases, finalize, renew
from evaluator.storage.interviews import (
    known_interviews,
    load_rubric,
    reject,
    rejection_count,
    rejections,
    release_rubric,
    released_rubrics,
    take_in,
)
from evaluator.storage.runs import Selection, start_run
from tests.factories import a_criterion, a_rubric, a_transcript
from tests.integration.storage.builders import (
    JUDGE,
    a_claim,
    a_manifest,
    a_scorecard,
    begin,
    claimed,
    overslept,
    prepared,
    row_of,
    rows,
    stock,
    story,
    waiting_sessions,
)

WITHDRAWN = a_manifest("iv-1", consent="withdrawn")


def test_released_rubric_is_read_back_as_it_was(database):
    """PostgreSQL's JSON keeps the digest: levels, weights and times come back the same."""
    rubric = a_rubric({"design": (a_criterion("depth", weight=0.1), "clarity"), "debugging": ("method",)})
    with database.begin() as db:
        release_rubric(db, rubric)

        assert rubric == load_rubric(db, "backend", "1")
        assert rubric.digest == load_rubric(db, "backend", "1").digest
        assert (rubric,) == released_rubrics(db)


def test_rubric_may_be_released_again(database):
    """The same text under the same name changes nothing."""
    with database.begin() as db:
        release_rubric(db, a_rubric())
        release_rubric(db, a_rubric())

        assert 1 == len(released_rubrics(db))


def test_released_rubric_cannot_be_changed(database):
    """Another text under the same id and version is refused, and the first one stays."""
    changed = a_rubric({"design": ("depth",)})
    with database.begin() as db:
        release_rubric(db, a_rubric())

    with (
        pytest.raises(Conflict, match=r"backend@1 was released with another text.*new version"),
        database.begin() as db,
    ):
        release_rubric(db, changed)
    with database.begin() as db:
        assert a_rubric() == load_rubric(db, "backend", "1")


def test_unknown_rubric_is_not_found(database):
    """Its name and the way out are told."""
    with pytest.raises(NotFound, match="rubric backend@2 is not known here"), database.begin() as db:
        load_rubric(db, "backend", "2")


def test_manifest_is_new_once(database):
    """The same manifest again changes nothing."""
    with database.begin() as db:
        assert ["new", "unchanged"] == [take_in(db, a_manifest()), take_in(db, a_manifest())]
        assert frozenset({"iv-1"}) == known_interviews(db)


def test_newer_manifest_replaces_the_row(database):
    """A changed transcript is seen by the next run; when it was first taken in stays."""
    other = a_transcript({"design": "We did nothing of the kind in that year."})
    stock(database, a_manifest())
    (before,) = rows(database, "SELECT * FROM interview")

    with database.begin() as db:
        assert "updated" == take_in(db, a_manifest(transcript=other))
    (after,) = rows(database, "SELECT * FROM interview")
    assert (other.digest, before["taken_in_at"]) == (after["transcript_sha256"], after["taken_in_at"])


def test_withdrawn_consent_blocks_what_waits(database):
    """Nothing that was waiting is claimed any more, and the story says why."""
    prepared(database)
    with database.begin() as db:
        take_in(db, WITHDRAWN)

    assert ("blocked", "consent", 1) == tuple(row_of(database)[name] for name in ("state", "code", "fence"))
    assert ["blocked"] == story(database)
    assert claimed(database) is None


def test_withdrawn_consent_fences_what_runs(database):
    """The worker that has the row learns it at its next write, and no scorecard appears."""
    prepared(database)
    claim = a_claim(database)
    with database.begin() as db:
        take_in(db, WITHDRAWN)

    with pytest.raises(LeaseLost), database.begin() as db:
        finalize(db, claim, a_scorecard(claim), {})
    assert ("blocked", None, 2) == tuple(row_of(database)[name] for name in ("state", "leased_until", "fence"))
    assert ["claimed", "blocked"] == story(database)


def test_withdrawn_consent_leaves_other_interviews_and_finished_ones(database):
    """A scorecard that is there already is not taken away, and nobody else's work is touched."""
    prepared(database, 2)
    done = a_claim(database)
    with database.begin() as db:
        finalize(db, done, a_scorecard(done), {})
        take_in(db, WITHDRAWN)

    assert ("done", "pending") == (row_of(database, "iv-1")["state"], row_of(database, "iv-2")["state"])


def test_withdrawal_while_a_worker_finishes_deadlocks_nobody(database):
    """The row's end and the withdrawal of consent lock in an order that lets both through."""
    prepared(database)
    claim = a_claim(database)
    outcome: list[str] = []

    def withdraw() -> None:
        with database.begin() as db:
            outcome.append(take_in(db, WITHDRAWN))

    with database.begin() as db:
        renew(db, claim, lease_s=30)  # the row is ours now
        other = threading.Thread(target=withdraw)
        other.start()
        _until_someone_waits(database)
        finalize(db, claim, a_scorecard(claim), {})  # refers to the interview, which the withdrawal has locked
    other.join(timeout=10)

    assert (["updated"], "done") == (outcome, row_of(database)["state"])


def test_run_that_starts_during_a_withdrawal_does_not_score(database):
    """Rows that a run is just adding are blocked too, though the withdrawal cannot see them yet."""
    stock(database, a_manifest())
    outcome: list[str] = []

    def withdraw() -> None:
        with database.begin() as db:
            outcome.append(take_in(db, WITHDRAWN))

    with database.begin() as db:
        start_run(db, name="run-1", selection=Selection(), judge=JUDGE)
        other = threading.Thread(target=withdraw)
        other.start()
        _until_someone_waits(database, or_for_s=0.5)
    other.join(timeout=10)

    assert (["updated"], "blocked") == (outcome, row_of(database)["state"])


def test_row_of_a_withdrawn_interview_does_not_come_back(database):
    """A worker that died with it does not bring the row back into work."""
    prepared(database)
    a_claim(database)
    overslept(database)
    with database.begin() as db:
        take_in(db, WITHDRAWN)
        expire_leases(db)

    assert "blocked" == row_of(database)["state"]


def test_refusal_is_remembered_once_for_its_last_reason(database):
    """An object that is tried again and refused again is one line, with what is wrong now."""
    with database.begin() as db:
        reject(db, key="inbox/a.json", kept_as="inbox-rejected/a.json-1", reason="rubric x@1 is unknown")
        reject(db, key="inbox/a.json", kept_as="inbox-rejected/a.json-1", reason="its transcript is not in the store")

        assert 1 == rejection_count(db)
        assert ["its transcript is not in the store"] == [row["reason"] for row in rejections(db)]


def test_refusals_are_listed_newest_first(database):
    """Two objects are two lines."""
    with database.begin() as db:
        reject(db, key="inbox/a.json", kept_as="1", reason="a")
        reject(db, key="inbox/b.json", kept_as="2", reason="b")

        assert ["b", "a"] == [row["reason"] for row in rejections(db)]


def _until_someone_waits(database, or_for_s: float = 10.0) -> None:
    deadline = time.monotonic() + or_for_s
    with database.begin() as db:
        while not waiting_sessions(db) and time.monotonic() < deadline:
            time.sleep(0.02)
            db.execute(text("SELECT pg_stat_clear_snapshot()"))


def test_run_over_a_withdrawn_interview_is_blocked_from_the_start(database):
    """What comes without consent gets a row that no worker may claim."""
    stock(database, WITHDRAWN)

    counts = begin(database)

    assert (1, 1) == (counts.selected, counts.blocked)
    assert claimed(database) is None
