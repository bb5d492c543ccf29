"""Decisions about an evaluation as values: what follows a failure, and which runs want which interviews."""

from typing import Literal

from evaluator.errors import ContentError, DebriefError, Unavailable
from evaluator.values import Frozen

ATTEMPTS_MAX = 3  # content errors before a person must look
STALLS_MAX = 5  # deaths without a new section before a person must look
INFRASTRUCTURE_DELAY_S = 30.0
CONTENT_DELAY_S = 60.0  # doubled with each attempt

EvaluationState = Literal["pending", "running", "done", "quarantined", "cancelled", "blocked"]
Only = Literal["missing", "failed", "stale", "all"]


class Retry(Frozen):
    """Put the row back and claim it again after the delay."""

    kind: Literal["retry"] = "retry"
    delay_s: float
    counts: Literal["attempt", "stall", "nothing"]
    code: str
    detail: str


class Quarantine(Frozen):
    """Leave the row to a person, with a reason that one can read."""

    kind: Literal["quarantine"] = "quarantine"
    code: str
    detail: str


def after_failure(attempts: int, error: DebriefError) -> Retry | Quarantine:
    """What follows a failed evaluation; `attempts` counts the content errors before this one.

    Infrastructure never counts. Whether a 5xx or a timeout is infrastructure is decided where the error is raised.
    """
    if isinstance(error, Unavailable):
        return Retry(delay_s=INFRASTRUCTURE_DELAY_S, counts="nothing", code=error.code, detail=str(error))
    code = error.code if isinstance(error, ContentError) else "bug"
    if attempts + 1 >= ATTEMPTS_MAX or code == "checkpoint_corrupt":
        return Quarantine(code=code, detail=str(error))
    return Retry(delay_s=CONTENT_DELAY_S * 2**attempts, counts="attempt", code=code, detail=str(error))


def after_expiry(stalls: int) -> Retry | Quarantine:
    """What follows a lease that ran out; `stalls` counts the deaths without a new section before this one."""
    if stalls + 1 >= STALLS_MAX:
        return Quarantine(code="stalled", detail=f"the worker died {stalls + 1} times without finishing a section")
    return Retry(delay_s=0.0, counts="stall", code="lease_expired", detail="the worker stopped renewing its lease")


COUNTS = (
    "scored",
    "needs_review",
    "unscorable",
    "failed",
    "blocked",
    "skipped",
    "cancelled",
    "running",
    "pending",
)


class RunCounts(Frozen):
    """Where a run's members stand; `selected` is always the sum of the others."""

    selected: int = 0
    scored: int = 0
    needs_review: int = 0
    unscorable: int = 0
    failed: int = 0
    blocked: int = 0
    skipped: int = 0
    cancelled: int = 0
    running: int = 0
    pending: int = 0

    @property
    def open(self) -> int:
        """Members that are still to be worked on."""
        return self.running + self.pending
