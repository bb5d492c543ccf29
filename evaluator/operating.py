"""What operators do to runs and interviews: pause, resume, stop, try again, release; each is logged."""

from datetime import UTC, datetime

from sqlalchemy import Connection

from evaluator.errors import Forbidden, UsageFault
from evaluator.people import Viewer
from evaluator.ports import ObjectStore
from evaluator.releases import Release, keep_release
from evaluator.storage import audit
from evaluator.storage.interviews import Released, release
from evaluator.storage.runs import Limits, Retried, close_run_named, pause_run, retry_run, unpause_run

REASON_CHARS_MIN, REASON_CHARS_MAX = 5, 500


def pause(db: Connection, viewer: Viewer, name: str) -> None:
    """Nothing more is claimed for the run until it is resumed. NotFound; Forbidden; Conflict: it is closed."""
    _check(viewer)
    pause_run(db, name)
    audit.log(db, viewer, "run.pause", f"run:{name}")


def resume(db: Connection, viewer: Viewer, name: str) -> None:
    """Its interviews are claimed again. NotFound; Forbidden; Conflict: it is closed."""
    _check(viewer)
    unpause_run(db, name)
    audit.log(db, viewer, "run.resume", f"run:{name}")


def stop(db: Connection, viewer: Viewer, name: str) -> None:
    """Ends the run, once; a closed one stays as it is. NotFound; Forbidden."""
    _check(viewer)
    close_run_named(db, name, because="stopped")
    audit.log(db, viewer, "run.stop", f"run:{name}")


def retry(
    db: Connection,
    viewer: Viewer,
    name: str,
    *,
    reason: str,
    only_failed: bool,
    require_consent: bool,
    limits: Limits | None = None,
) -> Retried | None:
    """Tries again what failed, as `retry_run` does; None when there is nothing. NotFound; Forbidden; UsageFault."""
    _check(viewer)
    reason = checked_reason(reason)
    retried = retry_run(
        db, name, reason=reason, only_failed=only_failed, require_consent=require_consent, limits=limits
    )
    detail = {"in": retried.run, "interviews": len(retried.interviews)} if retried else {"interviews": 0}
    audit.log(db, viewer, "run.retry", f"run:{name}", detail={**detail, "only_failed": only_failed})
    return retried


def release_interview(
    db: Connection, store: ObjectStore, viewer: Viewer, interview_id: str, *, reason: str
) -> Released:
    """Lets an interview that broke off be scored as far as it went; the next run takes it up.

    It is kept beside the interview too, where `rescan` finds it after a restore. NotFound; Forbidden; Conflict: it did
    not break off; UsageFault: no reason; what the store raises, and nothing is released then.
    """
    _check(viewer)
    reason = checked_reason(reason, why="what there is of it should be scored")
    released = release(db, interview_id)
    kept = Release(
        interview_id=interview_id,
        transcript_sha256=released.transcript_sha256,
        released_at=datetime.now(UTC),
        person_id=viewer.person_id,
        reason=reason,
    )
    keep_release(store, kept)
    detail = {"reason": reason, "transcript": released.transcript_sha256}
    audit.log(db, viewer, "interview.release", f"interview:{interview_id}", released.requisition, detail)
    return released


def checked_reason(text: str, *, what: str = "reason", why: str = "it should go better now") -> str:
    """The reason on one line; UsageFault when it is too short to be one, or too long."""
    value = " ".join(text.split())
    if not REASON_CHARS_MIN <= len(value) <= REASON_CHARS_MAX:
        raise UsageFault(f"{what}: say in {REASON_CHARS_MIN} to {REASON_CHARS_MAX} characters why {why}")
    return value


def _check(viewer: Viewer) -> None:
    if not viewer.may_globally("operate_runs"):
        raise Forbidden("only administrators operate runs")
