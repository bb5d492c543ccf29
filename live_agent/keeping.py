"""Keeps what is said while it is said: in the store, and while the store cannot be reached, on this machine's disk."""

import asyncio
import json
import logging
from collections import deque
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from evaluator.errors import Unavailable
from evaluator.manifest import Consent, Manifest, RecordingRef
from evaluator.transcript import Turn
from live_agent.handoff import Recorder

log = logging.getLogger(__name__)

WAIT_S = 2.0  # what a conversation waits for a turn to be kept; writing goes on behind it
RETRY_S = 2.0
FINISH_S = 120.0  # how long the end of an interview waits for the store


class Keeper:
    """One interview's record; belongs to one event loop.

    Turns reach the store in order, each as soon as it can. A store that is slow or away never stops the conversation:
    turns wait in memory and stand in a file meanwhile, and the file is removed when all of them are in the store.
    """

    def __init__(self, interview_id: str, opened: Callable[[Consent], Recorder], *, spool: Path) -> None:
        """opened: starts or finds the interview in the store (`live_agent.handoff`); it may wait, and may fail.

        spool: the folder for the file.
        """
        self._interview_id = interview_id
        self._opened = opened
        self._file = spool / f"{interview_id}.jsonl"
        self._recorder: Recorder | None = None
        self._consent: Consent | None = None
        self._waiting: deque[Turn] = deque()
        self._spooled = 0  # turns that the file holds
        self._writing = asyncio.Lock()
        self._task: asyncio.Task[bool] | None = None

    @property
    def waiting(self) -> int:
        """Turns that are not in the store yet."""
        return len(self._waiting)

    async def agreed(self, consent: Consent) -> None:
        """From here on things are kept; before it, nothing is."""
        self._consent = consent
        await self._soon()

    async def keep(self, turn: Turn) -> None:
        """One turn; returns when it is kept, or after WAIT_S."""
        if self._consent is None or self._consent.status != "granted":
            return
        self._waiting.append(turn)
        await self._soon()

    async def finish(
        self, *, withdrawn_at: datetime | None = None, recording: RecordingRef | None = None, wait_s: float = FINISH_S
    ) -> Manifest | None:
        """The end: all of it into the store, the manifest last. None when the store stayed away: see the file."""
        loop = asyncio.get_running_loop()
        until = loop.time() + wait_s
        while True:
            if await self._write():
                manifest = await self._finished(withdrawn_at, recording)
                if manifest is not None:
                    return manifest
            if loop.time() + RETRY_S > until:
                log.error(
                    "interview %s: the store stayed away; %s holds what is missing", self._interview_id, self._file
                )
                return None
            await asyncio.sleep(RETRY_S)

    async def _finished(self, withdrawn_at: datetime | None, recording: RecordingRef | None) -> Manifest | None:
        recorder = self._recorder
        if recorder is None:
            return None
        if withdrawn_at is not None:
            recorder.withdrawn(withdrawn_at)
        try:
            manifest = await asyncio.to_thread(recorder.finish, recording)
        except Unavailable as error:
            log.warning("interview %s: %s", self._interview_id, error)
            return None
        self._file.unlink(missing_ok=True)
        return manifest

    async def _soon(self) -> None:
        """Starts writing, and waits for it for a moment."""
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._write())
        done, _ = await asyncio.wait({self._task}, timeout=WAIT_S)
        if not done:
            log.warning("interview %s: the store is slow, %d turns wait", self._interview_id, self.waiting)
            await asyncio.to_thread(self._spool)
        elif self._waiting and self._task.result():
            await self._soon()  # said while the writing came to its end

    async def _write(self) -> bool:
        """Writes what waits, in order; whether all of it is in the store."""
        async with self._writing:
            try:
                await asyncio.to_thread(self._write_through)
            except Unavailable as error:
                log.warning("interview %s: %s; %d turns wait", self._interview_id, error, self.waiting)
                await asyncio.to_thread(self._spool)
                return False
        return True

    def _write_through(self) -> None:
        if self._recorder is None:
            if self._consent is None:
                return
            self._recorder = self._opened(self._consent)
        while self._waiting:
            self._recorder.said(self._waiting[0])
            self._waiting.popleft()
            self._spooled = max(0, self._spooled - 1)

    def _spool(self) -> None:
        """Appends what is not in the file yet; whoever comes after a crash finds it there."""
        lines = [turn.model_dump(mode="json") for turn in list(self._waiting)[self._spooled :]]
        if not lines:
            return
        self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._file.open("a", encoding="utf-8") as file:
            file.writelines(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
        self._file.chmod(0o600)
        self._spooled += len(lines)
