"""The worker's own process: what it registers as, how it ends, and that a job runs in a process of its own.

No LiveKit server is to be had; a stub speaks the first words of its protocol.
"""

import asyncio
import os
import signal
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from livekit.protocol import agent as protocol

from evaluator.errors import Unavailable
from live_agent.configuration import agent_of
from live_agent.worker import work, worker_of
from tests.integration.live_agent.test_calling import KEYS, settings

LIMIT_S = 40


class Dispatcher:
    """Registers a worker, offers it a job, and notes what it says."""

    def __init__(self, metadata=None):
        self.metadata, self.registered, self.statuses = metadata, None, []
        self.heard = asyncio.Event()

    async def serve(self, request):
        """One worker."""
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for message in socket:
            said = protocol.WorkerMessage.FromString(message.data)
            await self._answer(socket, said)
        return socket

    async def _answer(self, socket, said):
        job = protocol.Job(id="job-7", metadata=self.metadata or "", agent_name="debrief-interviewer")
        job.room.name = "interview-iv-1"
        match said.WhichOneof("message"):
            case "register":
                self.registered = said.register
                await _send(socket, register=protocol.RegisterWorkerResponse(worker_id="W_1"))
                if self.metadata is None:
                    self.heard.set()
                else:
                    await _send(socket, availability=protocol.AvailabilityRequest(job=job))
            case "availability":
                assignment = protocol.JobAssignment(job=job, token="t", url="ws://127.0.0.1:1")
                await _send(socket, assignment=assignment)
            case "update_job":
                self.statuses.append(protocol.JobStatus.Name(said.update_job.status))
                if self.statuses[-1] != "JS_RUNNING":
                    self.heard.set()


async def _send(socket, **message):
    await socket.send_bytes(protocol.ServerMessage(**message).SerializeToString())


@asynccontextmanager
async def dispatching(dispatcher):
    """Its address."""
    app = web.Application()
    app.router.add_get("/agent", dispatcher.serve)
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"ws://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def a_worker(tmp_path, url, **values):
    """One that would lead interviews there."""
    chosen = settings(tmp_path, livekit_url=url)
    server = worker_of(chosen, agent_of(chosen, KEYS), **values)
    server._num_idle_processes = 0
    return server


def worked(tmp_path, dispatcher):
    """A worker that is told to stop as soon as the dispatcher has heard enough."""

    async def run():
        async with dispatching(dispatcher) as url:
            working = asyncio.create_task(work(a_worker(tmp_path, url)))
            await asyncio.wait_for(dispatcher.heard.wait(), LIMIT_S)
            os.kill(os.getpid(), signal.SIGTERM)
            await asyncio.wait_for(working, LIMIT_S)

    asyncio.run(run())
    return dispatcher


def test_it_registers_under_its_name_and_stops_when_told_to(tmp_path):
    """Rooms dispatch it by that name, so no room gets it unasked."""
    dispatcher = worked(tmp_path, Dispatcher())

    assert "debrief-interviewer" == dispatcher.registered.agent_name


def test_a_bad_job_ends_in_its_own_process(tmp_path):
    """The worker goes on."""
    dispatcher = worked(tmp_path, Dispatcher(metadata='{"interview_id": "../x"}'))

    assert "JS_RUNNING" == dispatcher.statuses[0]
    assert dispatcher.statuses[-1] in {"JS_SUCCESS", "JS_FAILED"}


def test_a_server_that_cannot_be_reached_is_named(tmp_path):
    """After as many tries as are wanted."""
    with pytest.raises(Unavailable, match="LiveKit cannot be reached"):
        asyncio.run(asyncio.wait_for(work(a_worker(tmp_path, "ws://127.0.0.1:9", retries=1)), LIMIT_S))
