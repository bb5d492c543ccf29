"""What every answer goes through: Host check, size limit, headers, request id, and a page instead of a traceback."""

import logging
import re
import secrets
import time
import traceback
from collections.abc import Callable, Mapping
from contextvars import ContextVar

from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from evaluator.observing import bound

log = logging.getLogger(__name__)

# Any other name may be an attacker's that resolves to this machine (DNS rebinding).
_LOOPBACK = re.compile(r"(localhost|127\.0\.0\.1|\[::1\])(:[0-9]{1,5})?", re.IGNORECASE | re.ASCII)

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self' data:; script-src 'self'; "
    "media-src 'self'; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    # Nothing of an address leaves for other sites. `no-referrer` would make browsers call our own forms' origin "null".
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
OVER_TLS = {"Strict-Transport-Security": "max-age=31536000"}
REQUEST_ID = "X-Request-Id"
BODY_BYTES_MAX = 1_048_576  # of a request; the server limits its head (evaluator.web.serving)

STRANGER = "pages are served to this machine only; open them as http://127.0.0.1 with their port"
ELSEWHERE = "this is not the address of these pages; open them where DEBRIEF_WEB_URL says"
TOO_LARGE = "more was sent than a request may hold (1 MiB)"
BUG = "the page has a fault; where it happened is in the log, under the request id"

_ASKED_OFTEN = frozenset({"/livez", "/readyz", "/metrics", "/static/{name}"})  # every few seconds, or with each page
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_request_id: ContextVar[str] = ContextVar("request_id", default="none")


def request_id() -> str:
    """The id of the request that is being answered: what a page shows and the log names."""
    return _request_id.get()


class Guard:
    """ASGI middleware around the whole application.

    Of what proxies say in headers (Forwarded, X-Forwarded-*) nothing is believed: everybody can send those.
    """

    def __init__(self, app: ASGIApp, *, host: str | None, refuse: Callable[[Request, int, str], Response]) -> None:
        """host: of the pages' public address, with a port that is not the usual one; None: loopback's names alone.

        refuse: makes the answer (request, status, detail) for what does not reach the application.
        """
        self._app = app
        self._host = host
        self._headers = HEADERS if host is None else {**HEADERS, **OVER_TLS}
        self._refuse = refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, or the application's start and end."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        _request_id.set(secrets.token_hex(6))
        answer = _Answer(send, self._headers)
        with bound(request=request_id()):
            began = time.monotonic()
            try:
                await self._answer(scope, receive, answer)
            finally:
                _log_access(scope, answer.status, time.monotonic() - began)

    async def _answer(self, scope: Scope, receive: Receive, answer: "_Answer") -> None:
        request = Request(scope)
        if refusal := self._refusal(request):
            await self._refuse(request, *refusal)(scope, receive, answer)
            return
        try:
            await self._app(scope, _Bounded(receive), answer)
        except Exception as error:  # noqa: BLE001 - whatever it is, the reader gets a page and the log the place
            _log_bug(error)
            if not answer.started:
                await self._refuse(request, 500, BUG)(scope, receive, answer)

    def _refusal(self, request: Request) -> tuple[int, str] | None:
        """Why it goes no further."""
        hosts = request.headers.getlist("host")
        if self._host is None:
            if len(hosts) != 1 or not _LOOPBACK.fullmatch(hosts[0]):
                return 400, STRANGER
        elif [host.lower() for host in hosts] != [self._host]:
            return 400, ELSEWHERE
        announced = request.headers.get("content-length", "0")
        if len(announced) > len(str(BODY_BYTES_MAX)) or (announced.isdecimal() and int(announced) > BODY_BYTES_MAX):
            return 413, TOO_LARGE
        return None


class _Bounded:
    """Receives, until more came than was announced or allowed."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._bytes = 0

    async def __call__(self) -> Message:
        message = await self._receive()
        self._bytes += len(message.get("body", b""))
        if self._bytes > BODY_BYTES_MAX:
            raise HTTPException(413)
        return message


class _Answer:
    """Sends on, with the headers that every answer carries."""

    def __init__(self, send: Send, headers: Mapping[str, str]) -> None:
        self._send = send
        self._headers = headers
        self.started = False
        self.status = 0  # none was sent

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started, self.status = True, message["status"]
            headers = MutableHeaders(scope=message)
            headers.update({**self._headers, REQUEST_ID: request_id()})
        await self._send(message)


def _log_access(scope: Scope, status: int, duration_s: float) -> None:
    """One line for each request, with the route's pattern: the address itself holds ids, filters, perhaps a token."""
    route = getattr(scope.get("route"), "path", "-")
    level = logging.DEBUG if route in _ASKED_OFTEN and status < 400 else logging.INFO
    if log.isEnabledFor(level):
        method = scope["method"] if scope["method"] in _METHODS else "-"
        told = {"method": method, "route": route, "status": status, "ms": round(duration_s * 1000, 1)}
        log.log(level, "answered", extra=told)


def _log_bug(error: Exception) -> None:
    """Where it happened, without the message: that may hold words of a transcript."""
    frames = "".join(traceback.format_tb(error.__traceback__))
    log.error("request %s failed: %s at\n%s", request_id(), type(error).__name__, frames)
