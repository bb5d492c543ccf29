"""A store that kills whoever uses it at its n-th write, and an agent to be killed."""

from datetime import UTC, datetime

from evaluator.errors import ObjectExists
from evaluator.manifest import Candidate, Consent
from evaluator.transcript import Turn
from live_agent.handoff import opened
from tests.fakes import MemoryStore

START = datetime(2026, 11, 18, 14, 2, tzinfo=UTC)
ID = "iv-1"


class Killed(BaseException):
    """The end of the process; nothing catches it."""


class DeadlyStore(MemoryStore):
    """Kills at its n-th call (from 1), before anything is done or after; works again for whoever comes next."""

    def __init__(self, *, at: int, after: bool) -> None:
        super().__init__()
        self._left, self._after = at, after

    def _count(self, *, before: bool) -> None:
        if before:
            self._left -= 1
        if self._left == 0 and before != self._after:
            raise Killed

    def get(self, key, *, bytes_max=64 * 1024 * 1024):
        """Counted."""
        self._count(before=True)
        found = super().get(key, bytes_max=bytes_max)
        self._count(before=False)
        return found

    def create(self, key, data, *, media_type="application/json"):
        """Counted."""
        self._count(before=True)
        try:
            super().create(key, data, media_type=media_type)
        except ObjectExists:
            self._count(before=False)
            raise
        self._count(before=False)


def turn(number, speaker=None, text=None):
    """A turn of ten seconds; the odd ones are ours."""
    return Turn(
        id=f"t{number}",
        speaker=speaker or ("interviewer" if number % 2 else "candidate"),
        section_id=None if number < 3 else "first",
        started_s=number * 10.0,
        ended_s=number * 10.0 + 9.5,
        text=text or f"This is what was said as number {number}. And it went on.",
    )


def begin(store, rubric, *, status="granted"):
    """A recorder at consent."""
    return opened(
        store,
        interview_id=ID,
        candidate=Candidate(ref="C-0001"),
        requisition="REQ-1",
        rubric=rubric,
        consent=Consent(status=status, text_version="consent-1", at=START),
        clock=lambda: START,
    )
