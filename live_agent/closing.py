"""Interviews that nobody goes on with: closed as `incomplete`, so that what was said reaches people and is not lost.

An interview counts as left when nothing was said for a while, by its own times: the start that stands under `open/`
and the last turn's end. Closing writes the entry after the last turn, create-only: an agent that is still there has
either said something first, and the interview is left alone, or finds it closed when it says the next thing.
"""

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from evaluator import layout
from evaluator.errors import ContentError, ManifestFault, StoreForbidden, UsageFault
from evaluator.ports import ObjectStore, walk
from evaluator.values import Frozen
from live_agent.handoff import Recorder, handed_over, resume
from live_agent.hearing import hear

ABANDONED_MINUTES = 30
LOOKS_MAX = 200  # interviews that one pass reads
PASS_S_MAX = 30.0
CONFIRM_S = 300.0  # between the two looks
AGAIN_S = 300.0  # until another look at one that could not be closed
HANDED_OVER_S = 60.0  # until another look at one that intake has not taken in yet
FAULTS_TOLD_MAX = 5

log = logging.getLogger(__name__)


class ClosingReport(Frozen):
    """What one pass over the open interviews did."""

    closed: int = 0  # handed over
    cleared: int = 0  # that were taken in before, and whose object under `open/` is gone now
    waiting: int = 0  # could not be closed, for a fault of their own
    faults: tuple[str, ...] = ()  # why, the first FAULTS_TOLD_MAX of them


@dataclass(slots=True)
class Closer:
    """Looks after the open interviews of one store; keeps in mind when each is worth another look.

    Any number may run, and be killed anywhere: whatever is left half done, the next look does the rest of. Needs to
    list, read and delete under `open/`, to list, read and create under `interviews/`, and to read and create under
    `inbox/`.
    """

    store: ObjectStore
    after: timedelta = timedelta(minutes=ABANDONED_MINUTES)
    _not_before: dict[str, datetime] = field(default_factory=dict)  # key under `open/` -> when to look again
    _marks: dict[str, tuple[int, datetime]] = field(default_factory=dict)  # ... -> turns, and when so many were seen

    def run(self, now: datetime) -> ClosingReport:
        """One pass; `now` is the database's clock. What the store as a whole raises goes up."""
        closed = cleared = waiting = 0
        faults: list[str] = []
        for key in self._due(now):
            self._not_before[key] = now + timedelta(seconds=AGAIN_S)
            try:
                outcome = self._look(key, now)
            except (UsageFault, ContentError, StoreForbidden) as error:
                log.warning("%s stays open: %s", key, error)
                waiting += 1
                faults.append(f"{key}: {error}")
            else:
                closed += outcome == "closed"
                cleared += outcome == "cleared"
        return ClosingReport(closed=closed, cleared=cleared, waiting=waiting, faults=tuple(faults[:FAULTS_TOLD_MAX]))

    def _due(self, now: datetime) -> Iterator[str]:
        keys = list(walk(self.store, layout.OPEN))
        gone = self._not_before.keys() - set(keys)
        for key in gone:
            self._not_before.pop(key)
            self._marks.pop(key, None)
        until, looks = time.monotonic() + PASS_S_MAX, 0
        for key in keys:
            if self._not_before.get(key, now) > now:
                continue
            if looks == LOOKS_MAX or time.monotonic() > until:
                return  # the next pass goes on: what was looked at now is not due again
            looks += 1
            yield key

    def _look(self, key: str, now: datetime) -> str:
        interview_id = _id_of(key)
        if handed_over(self.store, interview_id):
            return self._clear(key, interview_id, now)
        recorder = resume(self.store, interview_id)
        left_at = self._left_at(key, recorder, now)
        if recorder.end is None and left_at > now:
            self._not_before[key] = left_at
            return "open"
        close(recorder)
        self._not_before[key] = now + timedelta(seconds=HANDED_OVER_S)
        log.info("interview %s: closed as %s after %d turns", interview_id, _ending(recorder), len(recorder.turns))
        return "closed"

    def _left_at(self, key: str, recorder: Recorder, now: datetime) -> datetime:
        """When it counts as left, if nothing more is said.

        A time in the future counts as the moment at which it was first seen. An interview that went on after a break
        tells its times without the break, so one that seems to be left is looked at twice, or has been silent for
        twice as long as a break can be.
        """
        turns, seen_at = self._marks.get(key, (-1, now))
        if turns != len(recorder.turns):
            seen_at = now
            self._marks[key] = (len(recorder.turns), now)
        newest = min(recorder.newest_at, seen_at)
        return max(newest + self.after, min(seen_at + timedelta(seconds=CONFIRM_S), newest + 2 * self.after))

    def _clear(self, key: str, interview_id: str, now: datetime) -> str:
        """Intake removes the object; where it was killed before that, this does."""
        if self.store.head(layout.manifest_key(interview_id)) is not None:
            self._not_before[key] = now + timedelta(seconds=HANDED_OVER_S)
            return "open"
        self.store.delete(key)
        return "cleared"


def close(recorder: Recorder) -> None:
    """Hands over what was said; as `incomplete`, unless its end was written before the crash.

    InterviewClosed, Conflict: somebody has said something, or closed it, in the meantime.
    """
    if (end := recorder.end) is not None:
        recorder.finish(ending=end.ended, wants_person=end.wants_person)
        return
    candidate = (turn for turn in recorder.turns if turn.speaker == "candidate")
    recorder.finish(ending="incomplete", wants_person=any(hear(turn.text).wish == "person" for turn in candidate))


def _ending(recorder: Recorder) -> str:
    return recorder.end.ended if recorder.end is not None else "incomplete"


def _id_of(key: str) -> str:
    interview_id = key.removeprefix(layout.OPEN).removesuffix(".json")
    if key != layout.open_key(interview_id):
        raise ManifestFault(f"{key} is no interview's")
    return interview_id
