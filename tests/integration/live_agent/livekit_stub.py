"""Answers as LiveKit's API does, over real HTTP; it has no rooms and records nothing, and says so here."""

from contextlib import asynccontextmanager

import aiohttp
from aiohttp import web
from livekit import api

KEY, SECRET = "key", "s" * 32


class LiveKitStub:
    """Egresses as they were asked for; refusals and silence by script."""

    def __init__(self):
        self.started, self.stopped, self.deleted = [], [], []
        self.running = []
        self.refuse = {}  # method -> how many times it answers 503

    async def answer(self, request):
        """One call of the API."""
        method = request.match_info["method"]
        if self.refuse.get(method, 0):
            self.refuse[method] -= 1
            return web.json_response({"code": "unavailable", "msg": "try again"}, status=503)
        body = await request.read()
        reply = getattr(self, f"_{method}")(body)
        return web.Response(body=reply.SerializeToString(), content_type="application/protobuf")

    def _StartRoomCompositeEgress(self, body):  # noqa: N802  LiveKit's name
        asked = api.RoomCompositeEgressRequest.FromString(body)
        self.started.append(asked)
        self.running.append(f"EG_{len(self.started)}")
        return api.EgressInfo(egress_id=self.running[-1], room_name=asked.room_name)

    def _StopEgress(self, body):  # noqa: N802  LiveKit's name
        egress_id = api.StopEgressRequest.FromString(body).egress_id
        self.running.remove(egress_id)
        self.stopped.append(egress_id)
        return api.EgressInfo(egress_id=egress_id)

    def _ListEgress(self, body):  # noqa: N802  LiveKit's name
        asked = api.ListEgressRequest.FromString(body)
        assert asked.active
        items = [api.EgressInfo(egress_id=one, room_name=asked.room_name) for one in self.running]
        return api.ListEgressResponse(items=items)

    def _DeleteRoom(self, body):  # noqa: N802  LiveKit's name
        self.deleted.append(api.DeleteRoomRequest.FromString(body).room)
        self.running.clear()
        return api.DeleteRoomResponse()

    @property
    def paths(self):
        """Where the recordings were to go."""
        return [asked.file_outputs[0].filepath for asked in self.started]


@asynccontextmanager
async def livekit(stub):
    """A client of it, as the agent has one."""
    app = web.Application()
    app.router.add_post("/twirp/{service}/{method}", stub.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    try:
        async with aiohttp.ClientSession() as session:
            yield api.LiveKitAPI(f"http://127.0.0.1:{port}", KEY, SECRET, session=session, failover=False)
    finally:
        await runner.cleanup()
