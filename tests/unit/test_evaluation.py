"""Decisions about an evaluation: what counts against it, when a person must look, and that every row ends."""

import pytest

from evaluator.errors import (
    AnswerInvalid,
    CheckpointCorrupt,
    DatabaseUnavailable,
    DebriefError,
    DigestMismatch,
    EngineRejected,
    EngineUnavailable,
    ObjectMissing,
    StoreForbidden,
    StoreUnavailable,
    TranscriptFault,
)
from evaluator.evaluation import (
    ATTEMPTS_MAX,
    COUNTS,
    STALLS_MAX,
    Quarantine,
    Retry,
    RunCounts,
    after_expiry,
    after_failure,
)


@pytest.mark.parametrize("attempts", [0, 1, 2, 99])
@pytest.mark.parametrize("kind", [EngineUnavailable, StoreUnavailable, StoreForbidden, DatabaseUnavailable])
def test_infrastructure_is_tried_again_soon_and_never_counts(kind, attempts):
    """However often: the interview is not at fault."""
    decision = after_failure(attempts, kind("down"))

    assert Retry(delay_s=30.0, counts="nothing", code=kind.code, detail="down") == decision


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("engine_rejected", EngineRejected("400")),
        ("cut_answer", AnswerInvalid("design", "cut_answer")),
        ("object_missing", ObjectMissing("gone")),
        ("digest_mismatch", DigestMismatch("another")),
        ("bug", TranscriptFault("an error that should not come here")),
        ("bug", DebriefError("unknown")),
    ],
)
def test_a_content_error_is_tried_again_later_twice_and_then_left_to_a_person(code, error):
    """After one minute, after two, and then quarantined with the same code."""
    decisions = [after_failure(attempts, error) for attempts in (0, 1, 2)]

    assert [("retry", 60.0), ("retry", 120.0)] == [(d.kind, d.delay_s) for d in decisions[:2]]
    assert ["attempt", "attempt"] == [d.counts for d in decisions[:2]]
    assert Quarantine(code=code, detail=str(error)) == decisions[2]
    assert {code} == {d.code for d in decisions}


def test_a_corrupt_checkpoint_goes_to_a_person_at_once():
    """Reading it again changes nothing."""
    decision = after_failure(0, CheckpointCorrupt("checkpoint k does not parse"))

    assert Quarantine(code="checkpoint_corrupt", detail="checkpoint k does not parse") == decision


def test_a_row_that_always_fails_ends():
    """In the limit's number of attempts."""
    attempts = 0
    while isinstance(decision := after_failure(attempts, EngineRejected("400")), Retry):
        attempts += decision.counts == "attempt"
        assert attempts < ATTEMPTS_MAX

    assert ATTEMPTS_MAX == attempts + 1


def test_a_row_that_kills_its_worker_ends():
    """Each expiry counts as a stall until a person must look."""
    decisions = [after_expiry(stalls) for stalls in range(STALLS_MAX)]

    assert ["retry"] * (STALLS_MAX - 1) + ["quarantine"] == [d.kind for d in decisions]
    assert {("stall", 0.0, "lease_expired")} == {(d.counts, d.delay_s, d.code) for d in decisions[:-1]}
    assert "stalled" == decisions[-1].code


def test_the_counts_of_a_run_are_its_fields():
    """`selected` is the sum of exactly these, so no state may be left out."""
    assert {"selected", *COUNTS} == set(RunCounts.model_fields)


def test_open_members_are_those_that_run_or_wait():
    """Blocked, skipped and failed ones need no more work."""
    counts = RunCounts(selected=9, scored=1, failed=1, blocked=1, skipped=1, running=2, pending=3)

    assert 5 == counts.open
