"""Decisions about an evaluation: what counts against it, when a person must look, and that every row ends."""

import pytest

from evaluator.errors import (
    AnswerInvalid,
    CheckpointCorrupt,
    DatabaseUnavailable,
    DebriefError,
    DigestMismatch,
    EngineBusy,
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
    Delays,
    Quarantine,
    Retry,
    RunCounts,
    after_expiry,
    after_failure,
    after_time_limit,
)


@pytest.mark.parametrize("attempts", [0, 1, 2, 99])
@pytest.mark.parametrize("kind", [EngineUnavailable, StoreUnavailable, StoreForbidden, DatabaseUnavailable])
def test_infrastructure_is_tried_again_soon_and_never_counts(kind, attempts):
    """However often: the interview is not at fault."""
    decision = after_failure(attempts, kind("down"))

    assert Retry(delay_s=30.0, counts="nothing", code=kind.code, detail="down") == decision


@pytest.mark.parametrize("kind", [StoreUnavailable, StoreForbidden, DatabaseUnavailable])
def test_a_healthy_engine_says_nothing_about_other_services(kind):
    """Only the engine's own failure can turn out to be the interview's."""
    decision = after_failure(2, kind("down"), canary_ok=True)

    assert ("retry", "nothing") == (decision.kind, decision.counts)


def test_an_engine_that_fails_the_canary_too_is_infrastructure():
    """An outage never counts, however often."""
    decision = after_failure(2, EngineUnavailable("503"), canary_ok=False)

    assert ("retry", "nothing", "engine") == (decision.kind, decision.counts, decision.code)


def test_an_engine_that_fails_at_one_interview_only_counts_against_it():
    """Tried again later, with another seed, and then left to a person: nothing is tried for ever."""
    error = EngineUnavailable("section design: 500")
    decisions = [after_failure(attempts, error, canary_ok=True) for attempts in (0, 1, 2)]

    assert [("retry", 60.0), ("retry", 120.0)] == [(d.kind, d.delay_s) for d in decisions[:2]]
    assert "quarantine" == decisions[2].kind
    assert {"engine_error_on_this_content"} == {d.code for d in decisions}
    assert {"section design: 500; yet the engine answered a canary request right after it"} == {
        d.detail for d in decisions
    }


def test_the_delays_are_the_settings():
    """A harness shortens them."""
    delays = Delays(infrastructure_s=0.5, content_s=0.25)

    assert 0.5 == after_failure(0, StoreUnavailable("down"), delays=delays).delay_s
    assert [0.25, 0.5] == [after_failure(n, EngineRejected("400"), delays=delays).delay_s for n in (0, 1)]


def test_a_time_limit_without_a_new_section_is_a_stall():
    """Until a person must look."""
    decisions = [after_time_limit(stalls, progressed=False, limit="840 s") for stalls in range(STALLS_MAX)]

    assert ["retry"] * (STALLS_MAX - 1) + ["quarantine"] == [d.kind for d in decisions]
    assert {"stall"} == {d.counts for d in decisions}
    assert ("stalled", True) == (decisions[-1].code, "840 s" in decisions[-1].detail)


def test_a_time_limit_after_a_new_section_counts_for_nothing():
    """A long interview gets there section by section."""
    decision = after_time_limit(STALLS_MAX - 1, progressed=True, limit="840 s")

    assert ("retry", 0.0, "nothing") == (decision.kind, decision.delay_s, decision.counts)


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


def test_a_busy_engine_is_never_the_interviews_fault() -> None:
    """A rate limit counts no attempt, though the canary gets through."""
    decision = after_failure(2, EngineBusy("429"), canary_ok=True)

    assert ("retry", "nothing") == (decision.kind, decision.counts)
