"""Listens for LiveKit's webhooks: what they tell of recordings is kept, and told to intake when it can be."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from livekit import api
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from evaluator.errors import ContentError, ManifestFault, Unavailable, UsageFault
from evaluator.ports import ObjectStore
from live_agent.egress import BODY_BYTES_MAX, NotSigned, Report, TooLarge, keep, received, tell_all

log = logging.getLogger(__name__)

PATH = "/livekit/webhook"
TELL_EVERY_S = 60.0
HEAD_BYTES_MAX = 32_768
REQUESTS_MAX = 32  # at once; more are answered 503, and LiveKit sends them again
BODY_S_MAX = 10.0
_STATUSES = {TooLarge: 413, NotSigned: 401}


def listener(store: ObjectStore, receiver: api.WebhookReceiver, *, tell_every_s: float = TELL_EVERY_S) -> Starlette:
    """The application: POST /livekit/webhook, and GET /healthz. Reports may come twice, late, or after a restart."""

    async def webhook(request: Request) -> Response:
        return await _answer(request, store, receiver)

    async def health(_: Request) -> Response:
        return PlainTextResponse("ok\n")

    @asynccontextmanager
    async def telling(_: Starlette) -> AsyncIterator[None]:
        task = asyncio.create_task(_tell_on(store, tell_every_s))
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    routes = [Route(PATH, webhook, methods=["POST"]), Route("/healthz", health)]
    return Starlette(routes=routes, lifespan=telling)


def server(app: Starlette, host: str, port: int) -> uvicorn.Server:
    """Serves the application; nothing of a request reaches a log."""
    return uvicorn.Server(
        uvicorn.Config(
            app,
            host=host,
            port=port,
            http="h11",
            h11_max_incomplete_event_size=HEAD_BYTES_MAX,
            access_log=False,
            log_config=None,
            log_level="warning",
            server_header=False,
            proxy_headers=False,
            ws="none",
            limit_concurrency=REQUESTS_MAX,
            timeout_graceful_shutdown=5,
        )
    )


async def _answer(request: Request, store: ObjectStore, receiver: api.WebhookReceiver) -> Response:
    try:
        async with asyncio.timeout(BODY_S_MAX):
            body = await _body(request)
        report = received(body, request.headers.get("authorization"), receiver)
        return PlainTextResponse("nothing for us\n") if report is None else await _kept(store, report)
    except (TimeoutError, ClientDisconnect):
        return PlainTextResponse("the event did not arrive whole\n", 408)
    except Unavailable as error:
        log.warning("a report is not kept: %s", error)
        return PlainTextResponse("the store is away; send it again\n", 503)
    except UsageFault as fault:
        status = next((status for kind, status in _STATUSES.items() if isinstance(fault, kind)), 400)
        return PlainTextResponse(f"{fault}\n", status)


async def _kept(store: ObjectStore, report: Report) -> Response:
    try:
        await asyncio.to_thread(keep, store, report)
    except (ContentError, ManifestFault) as error:  # the report is kept; another object is at fault
        log.warning("interview %s: %s", report.interview_id, error)
    log.info("interview %s: recording %s is %s", report.interview_id, report.egress_id, report.status)
    return PlainTextResponse("kept\n")


async def _body(request: Request) -> bytes:
    """The body, as far as it may go; TooLarge as soon as it goes further."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_BYTES_MAX:
            raise TooLarge(f"the event is larger than {BODY_BYTES_MAX} bytes")
    return bytes(body)


async def _tell_on(store: ObjectStore, every_s: float) -> None:
    """Tells intake again and again of what it could not be told of before."""
    while True:
        try:
            left = await asyncio.to_thread(tell_all, store)
            if left:
                log.info("%d recordings wait to be told", left)
        except Unavailable as error:
            log.warning("recordings are told later: %s", error)
        await asyncio.sleep(every_s)
