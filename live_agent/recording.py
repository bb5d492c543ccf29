"""Records one room: begun at consent, stopped while it is paused, and stopped for good at the end."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial
from typing import Protocol

import aiohttp
from livekit import api

from evaluator.errors import Unavailable
from evaluator.manifest import RecordingRef
from live_agent.egress import request, room_of

log = logging.getLogger(__name__)

TRIES = 3
RETRY_S = 1.0
CALL_S_MAX = 10.0  # for one answer of LiveKit's
_OVER = frozenset({api.TwirpErrorCode.NOT_FOUND, api.TwirpErrorCode.FAILED_PRECONDITION})


class Egress(Protocol):
    """What is needed of LiveKit's egress service."""

    async def start_room_composite_egress(self, start: api.RoomCompositeEgressRequest) -> api.EgressInfo:
        """Begins a recording."""

    async def stop_egress(self, stop: api.StopEgressRequest) -> api.EgressInfo:
        """Ends one."""

    async def list_egress(self, list: api.ListEgressRequest) -> api.ListEgressResponse:  # noqa: A002  its own name
        """Those of a room."""


class StillRecording(Unavailable):
    """Raised when a recording could not be stopped."""

    code = "still_recording"


class RoomRecording:
    """One interview's recording; belongs to one event loop. LiveKit cannot pause: each pause begins a new part."""

    def __init__(
        self,
        egress: Egress | None,
        interview_id: str,
        store_url: str,
        *,
        clock: Callable[[], datetime],
        again: bool = False,
        retry_s: float = RETRY_S,
    ) -> None:
        """egress: None records nothing. again: something may have been recorded before a crash, and keeps its name.

        clock: of the day, in UTC.
        """
        self._egress = egress
        self._interview_id = interview_id
        self._store_url = store_url
        self._clock = clock
        self._retry_s = retry_s
        self._again = again
        self._wanted = True  # False: once paused or stopped, what starts late is stopped at once
        self._tried = self._begun = False
        self._one_at_a_time = asyncio.Lock()

    @property
    def told(self) -> RecordingRef:
        """What the manifest may say until the egress reports."""
        if self._begun or self._again:
            return RecordingRef(status="pending")
        return RecordingRef(status="failed" if self._tried else "none")

    async def start(self) -> None:
        """Begins; a failure is logged, and the interview goes on without a recording."""
        async with self._one_at_a_time:
            if not self._wanted or self._egress is None:
                return
            self._tried = True
            try:
                egress_id = await self._insist(partial(self._begin, self._egress))
            except Unavailable as error:
                log.warning("interview %s: no recording: %s", self._interview_id, error)
                return
            self._begun = True
            log.info("interview %s: recording %s goes on", self._interview_id, egress_id)

    async def stop(self) -> None:
        """Ends all that records the room, and keeps what is about to start from it; StillRecording otherwise."""
        self._wanted = False
        async with self._one_at_a_time:
            if self._egress is None or not (self._tried or self._again):
                return
            try:
                await self._insist(partial(self._end_all, self._egress))
            except Unavailable as error:
                raise StillRecording(f"interview {self._interview_id}: the recording does not stop: {error}") from None
            log.info("interview %s: recording stopped", self._interview_id)

    async def resume(self) -> None:
        """Goes on in a new part."""
        self._wanted = True
        await self.start()

    async def _begin(self, egress: Egress) -> str:
        """The id of what records now; one that a crash left running, or whose start was not answered, goes on."""
        if running := await self._running(egress):
            return running[0]
        part = f"{self._clock():%Y%m%dT%H%M%S}" if self._begun or self._again else ""
        wanted = request(self._interview_id, self._store_url, part=part)
        return (await egress.start_room_composite_egress(wanted)).egress_id

    async def _end_all(self, egress: Egress) -> str:
        for egress_id in await self._running(egress):
            try:
                await egress.stop_egress(api.StopEgressRequest(egress_id=egress_id))
            except api.TwirpError as error:
                if error.code not in _OVER:  # it may have ended by itself
                    raise
        return ""

    async def _running(self, egress: Egress) -> list[str]:
        asked = api.ListEgressRequest(room_name=room_of(self._interview_id), active=True)
        return [one.egress_id for one in (await egress.list_egress(asked)).items]

    async def _insist(self, call: Callable[[], Awaitable[str]]) -> str:
        """LiveKit's answer, asked for up to TRIES times; Unavailable names the last failure."""
        failure = ""
        for attempt in range(TRIES):
            if attempt:
                await asyncio.sleep(self._retry_s)
            try:
                async with asyncio.timeout(CALL_S_MAX):
                    return await call()
            except api.TwirpError as error:
                failure = f"LiveKit refuses ({error.code})"
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                failure = f"LiveKit gave no answer ({type(error).__name__})"
        raise Unavailable(failure)
