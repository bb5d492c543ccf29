"""What every answer goes through: the Host check, the headers, the request id, and a page instead of a traceback."""

import logging
import re
import secrets
import traceback
from collections.abc import Callable
from contextvars import ContextVar

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = logging.getLogger(__name__)

# Any other name may be an attacker's that resolves to this machine (DNS rebinding).
_LOOPBACK = re.compile(r"(localhost|127\.0\.0\.1|\[::1\])(:[0-9]{1,5})?", re.IGNORECASE | re.ASCII)

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
REQUEST_ID = "X-Request-Id"

STRANGER = "pages are served to this machine only; open them as http://127.0.0.1 with their port"
BUG = "the page has a fault; where it happened is in the log, under the request id"

_request_id: ContextVar[str] = ContextVar("request_id", default="none")


def request_id() -> str:
    """The id of the request that is being answered: what a page shows and the log names."""
    return _request_id.get()


class Guard:
    """ASGI middleware around the whole application, for HTTP on loopback only."""

    def __init__(self, app: ASGIApp, *, refuse: Callable[[Request, int, str], Response]) -> None:
        """refuse: makes the answer (request, status, detail) for what does not reach the application."""
        self._app = app
        self._refuse = refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, or the application's start and end."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        _request_id.set(secrets.token_hex(6))
        answer = _Answer(send)
        request = Request(scope)
        if not _is_loopback(request):
            await self._refuse(request, 400, STRANGER)(scope, receive, answer)
            return
        try:
            await self._app(scope, receive, answer)
        except Exception as error:  # noqa: BLE001 - whatever it is, the reader gets a page and the log the place
            _log_bug(error)
            if not answer.started:
                await self._refuse(request, 500, BUG)(scope, receive, answer)


class _Answer:
    """Sends on, with the headers that every answer carries."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.started = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            headers = MutableHeaders(scope=message)
            headers.update({**HEADERS, REQUEST_ID: request_id()})
        await self._send(message)


def _is_loopback(request: Request) -> bool:
    hosts = request.headers.getlist("host")
    return len(hosts) == 1 and _LOOPBACK.fullmatch(hosts[0]) is not None


def _log_bug(error: Exception) -> None:
    """Where it happened, without the message: that may hold words of a transcript."""
    frames = "".join(traceback.format_tb(error.__traceback__))
    log.error("request %s failed: %s at\n%s", request_id(), type(error).__name__, frames)
