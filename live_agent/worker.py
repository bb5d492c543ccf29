"""The worker that LiveKit dispatches rooms to; it drains before it stops."""

import asyncio
import logging
import signal
from contextlib import suppress
from functools import partial

import aiohttp
from livekit.agents import AgentServer

from evaluator.errors import Unavailable
from evaluator.settings import Settings
from live_agent.calling import entry
from live_agent.configuration import Agent
from live_agent.keeping import FINISH_S

log = logging.getLogger(__name__)

DRAIN_S = 2 * 3600  # what open interviews get to end after SIGTERM; what is open then is handed over as it is
FINISH_MARGIN_S = 30.0


def worker_of(settings: Settings, agent: Agent, *, port: int = 0, retries: int = 16) -> AgentServer:
    """The worker, not connected yet. port: of its health page on loopback, 0 takes a free one."""
    server = AgentServer(
        ws_url=agent.livekit_url,
        api_key=agent.livekit_api_key.get_secret_value(),
        api_secret=agent.livekit_api_secret.get_secret_value(),
        host="127.0.0.1",
        port=port,
        max_retry=retries,
        drain_timeout=DRAIN_S,
        shutdown_process_timeout=FINISH_S + FINISH_MARGIN_S,  # a store that is away is waited for so long
    )
    server.rtc_session(partial(entry, settings), agent_name=settings.agent_name)
    return server


async def work(server: AgentServer) -> None:
    """Works until SIGINT or SIGTERM, then lets open interviews end; Unavailable when LiveKit cannot be reached."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stop.set)
    running, stopping = asyncio.create_task(server.run()), asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            _raise_failure(running)
        log.info("no new interviews; the open ones may end")
        for name in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(name)  # a second one ends it at once
        try:
            await server.drain()
        except TimeoutError:
            log.warning("interviews are still open after %d s; they are handed over as they are", DRAIN_S)
    finally:
        stopping.cancel()
        await server.aclose()
        with suppress(asyncio.CancelledError):
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


def _raise_failure(running: asyncio.Task[None]) -> None:
    error = running.exception()
    if isinstance(error, aiohttp.ClientError | RuntimeError | OSError):
        raise Unavailable(f"LiveKit cannot be reached ({type(error).__name__}): {error}") from None
    if error is not None:
        raise error
