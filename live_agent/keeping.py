"""Keeps what is said while it is said: in the store, and while the store cannot be reached, on this machine's disk."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from evaluator.errors import Conflict, Unavailable
from evaluator.manifest import Consent, Ending, Manifest, RecordingRef
from evaluator.transcript import Turn
from live_agent.handoff import End, NotOpened, Opening, Recorder
from live_agent.spool import Line, Spool

log = logging.getLogger(__name__)

WAIT_S = 2.0  # what a conversation waits for a turn to be kept; writing goes on behind it
RETRY_S = 2.0
FINISH_S = 120.0  # how long the end of an interview waits for the store


@dataclass(frozen=True, kw_only=True, slots=True)
class Statement:
    """What the candidate said of the consent in mid-interview."""

    status: Literal["withdrawn", "granted"]
    at: datetime


class Keeper:
    """One interview's record; belongs to one event loop.

    What is said reaches the store in order, each turn as soon as it can. A store that is slow or away never stops the
    conversation: turns wait in memory and stand in a file meanwhile, and the file is removed when all of them are in
    the store; what a crash leaves in it, `live_agent.sending` puts there. An interview that somebody else has closed
    meanwhile is not kept any further (`closed`).
    """

    def __init__(self, interview_id: str, opened: Callable[[Consent], Recorder], *, spool: Path) -> None:
        """opened: starts or finds the interview in the store (`live_agent.handoff`); it may wait, and may fail.

        spool: the folder for the file.
        """
        self._interview_id = interview_id
        self._opened = opened
        self._file = Spool(spool, interview_id)
        self._recorder: Recorder | None = None
        self._opening: Opening | None = None  # that the store was away for
        self._consent: Consent | None = None
        self._withdrawn = False  # nothing is kept from the wish on
        self._waiting: deque[Turn | Statement] = deque()
        self._spooled = 0  # of what waits, how much the file holds
        self._writing = asyncio.Lock()
        self._task: asyncio.Task[bool] | None = None
        self._closed = False

    @property
    def waiting(self) -> int:
        """What is not in the store yet: turns, and what was said of the consent."""
        return len(self._waiting)

    @property
    def closed(self) -> bool:
        """Whether the store does not take any more of it: it was closed meanwhile, or its place is taken."""
        return self._closed

    async def agreed(self, consent: Consent) -> None:
        """From here on things are kept; before it, nothing is."""
        self._consent = consent
        await self._soon()

    async def keep(self, turn: Turn) -> None:
        """One turn; returns when it is kept, or after WAIT_S."""
        if self._consent is None or self._consent.status == "refused" or self._withdrawn:
            return
        self._waiting.append(turn)
        await self._soon()

    async def withdraw(self, at: datetime) -> None:
        """The candidate wants nothing more kept; it is written at once, so that no crash can undo it."""
        if self._consent is None or self._withdrawn:
            return
        self._withdrawn = True
        self._waiting.append(Statement(status="withdrawn", at=at))
        await self._soon()

    async def go_on(self, at: datetime) -> None:
        """They were asked whether to stop, and said no."""
        if not self._withdrawn:
            return
        self._withdrawn = False
        self._waiting.append(Statement(status="granted", at=at))
        await self._soon()

    async def finish(
        self,
        *,
        ending: Ending | None = None,
        wants_person: bool = False,
        withdrawn_at: datetime | None = None,
        recording: RecordingRef | None = None,
        wait_s: float = FINISH_S,
    ) -> Manifest | None:
        """The end: all of it into the store, the manifest last.

        None when the store stayed away, or does not take it any more (`closed`): see the file.
        """
        if withdrawn_at is not None:
            await self.withdraw(withdrawn_at)
        loop = asyncio.get_running_loop()
        until = loop.time() + wait_s
        while not self._closed:
            if await self._write():
                manifest = await self._finished(ending, recording, wants_person=wants_person)
                if manifest is not None:
                    return manifest
            if loop.time() + RETRY_S > until:
                break
            await asyncio.sleep(RETRY_S)
        await asyncio.to_thread(self._leave, ending, wants_person)
        return None

    async def _finished(
        self, ending: Ending | None, recording: RecordingRef | None, *, wants_person: bool
    ) -> Manifest | None:
        recorder = self._recorder
        if recorder is None:
            return None
        try:
            manifest = await asyncio.to_thread(recorder.finish, recording, ending=ending, wants_person=wants_person)
        except Unavailable as error:
            log.warning("interview %s: %s", self._interview_id, error)
            return None
        except Conflict as error:
            self._refused(error)
            return None
        self._file.remove()
        return manifest

    def _leave(self, ending: Ending | None, wants_person: bool) -> None:
        """What the store does not have stands in the file, with how it ended."""
        if self._closed and not self._waiting:
            self._file.close()
            return
        self._write_file([] if ending is None else [End(ended=ending, wants_person=wants_person)])
        self._file.close()
        log.error("interview %s: %s holds what the store does not", self._interview_id, self._file.path)

    def _refused(self, error: Conflict) -> None:
        log.error("interview %s: %s", self._interview_id, error)
        self._closed = True

    async def _soon(self) -> None:
        """Starts writing, and waits for it for a moment."""
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._write())
        done, _ = await asyncio.wait({self._task}, timeout=WAIT_S)
        if not done:
            log.warning("interview %s: the store is slow, %d turns wait", self._interview_id, self.waiting)
            await asyncio.to_thread(self._write_file)
        elif self._waiting and self._task.result() and not self._closed:
            await self._soon()  # said while the writing came to its end

    async def _write(self) -> bool:
        """Writes what waits, in order; whether all of it is in the store."""
        async with self._writing:
            try:
                await asyncio.to_thread(self._write_through)
            except Unavailable as error:
                if isinstance(error, NotOpened):
                    self._opening = error.opening
                log.warning("interview %s: %s; %d turns wait", self._interview_id, error, self.waiting)
                await asyncio.to_thread(self._write_file)
                return False
            except Conflict as error:
                self._refused(error)
                await asyncio.to_thread(self._write_file)
                return False
        return True

    def _write_through(self) -> None:
        if self._recorder is None:
            if self._consent is None:
                return
            self._recorder = self._opened(self._consent)
        while self._waiting:
            _tell(self._recorder, self._waiting[0])
            self._waiting.popleft()
            self._spooled = max(0, self._spooled - 1)

    def _write_file(self, more: list[End] | None = None) -> None:
        """Appends what is not in the file yet; whoever comes after a crash finds it there."""
        waiting = list(self._waiting)[self._spooled :]
        lines: list[Line] = [_line(one) for one in waiting]
        lines += [Line(end=end) for end in more or ()]
        if self._opening is not None and not self._file.begun:
            lines = [Line(opening=self._opening), *lines]
        try:
            self._file.append(lines)
        except OSError as error:  # a full disk is no reason to end the conversation
            log.error("interview %s: nothing can be written on this machine: %s", self._interview_id, error.strerror)  # noqa: TRY400
            return
        self._spooled += len(waiting)


def _tell(recorder: Recorder, said: Turn | Statement) -> None:
    if isinstance(said, Turn):
        recorder.said(said)
    elif said.status == "withdrawn":
        recorder.withdrawn(said.at)
    else:
        recorder.granted_again(said.at)


def _line(said: Turn | Statement) -> Line:
    if isinstance(said, Turn):
        return Line(turn=said)
    return Line(consent=Consent(status=said.status, at=said.at))
