"""Decisions about an evaluation as values: what follows a failure, and which runs want which interviews."""

from typing import Literal

from evaluator.errors import CheckpointCorrupt, ContentError, DebriefError, EngineBusy, EngineUnavailable, Unavailable
from evaluator.values import Frozen

ATTEMPTS_MAX = 3  # content errors before a person must look
STALLS_MAX = 5  # ends without a new section before a person must look
ENGINE_ON_CONTENT = "engine_error_on_this_content"

EvaluationState = Literal["pending", "running", "done", "quarantined", "cancelled", "blocked"]
Only = Literal["missing", "failed", "stale", "all"]


class Delays(Frozen):
    """How long a row waits before it is tried again, in seconds."""

    infrastructure_s: float = 30.0
    content_s: float = 60.0  # doubled with each attempt


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
    counts: Literal["attempt", "stall"] = "attempt"
    code: str
    detail: str


Decision = Retry | Quarantine


def after_failure(
    attempts: int, error: DebriefError, *, canary_ok: bool | None = None, delays: Delays | None = None
) -> Decision:
    """What follows a failed evaluation; `attempts` counts the content errors before this one.

    Infrastructure never counts. An engine's failure is infrastructure unless `canary_ok`: the engine answered a
    request that has nothing of this interview right after it (None: it was not asked). A busy one is never the
    interview's fault.
    """
    delays = delays or Delays()
    blamed = isinstance(error, EngineUnavailable) and not isinstance(error, EngineBusy) and canary_ok is True
    if isinstance(error, Unavailable) and not blamed:
        return Retry(delay_s=delays.infrastructure_s, counts="nothing", code=error.code, detail=str(error))
    code, detail = _content(error)
    if attempts + 1 >= ATTEMPTS_MAX or code == CheckpointCorrupt.code:
        return Quarantine(code=code, detail=detail)
    return Retry(delay_s=delays.content_s * 2**attempts, counts="attempt", code=code, detail=detail)


def _content(error: DebriefError) -> tuple[str, str]:
    """The code and the detail of an error that counts against the interview."""
    if isinstance(error, EngineUnavailable):
        return ENGINE_ON_CONTENT, f"{error}; yet the engine answered a canary request right after it"
    return error.code if isinstance(error, ContentError) else "bug", str(error)


def after_expiry(stalls: int) -> Decision:
    """What follows a lease that ran out; `stalls` counts the ends without a new section before this one."""
    if stalls + 1 >= STALLS_MAX:
        return _stuck(stalls + 1, "the last worker died, or stopped renewing its lease")
    return Retry(delay_s=0.0, counts="stall", code="lease_expired", detail="the worker stopped renewing its lease")


def after_time_limit(stalls: int, *, progressed: bool, limit: str) -> Decision:
    """What follows an evaluation that its worker cut off; `progressed`: this claim kept a new section.

    With progress it counts for nothing: there are only so many sections, so that too comes to an end.
    """
    detail = f"cut off at {limit}"
    if progressed:
        return Retry(delay_s=0.0, counts="nothing", code="time_limit", detail=f"{detail}; finished sections are kept")
    if stalls + 1 >= STALLS_MAX:
        return _stuck(stalls + 1, f"the last one was {detail}")
    return Retry(delay_s=0.0, counts="stall", code="time_limit", detail=f"{detail} without a new section")


def _stuck(stalls: int, last: str) -> Quarantine:
    return Quarantine(
        code="stalled", counts="stall", detail=f"{stalls} workers in a row ended without finishing a section: {last}"
    )


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
