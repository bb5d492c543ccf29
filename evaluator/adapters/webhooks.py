"""The only place that posts to webhooks: to a checked public address, over TLS, without redirects, within a time limit.

The name is resolved once for each try, every address that it has must be public, and the connection goes to one of
just these addresses: a second answer of the DNS is never asked for. The name itself stays in SNI, in the check of the
certificate and in the Host header.
"""

import asyncio
import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Mapping, Sequence

import httpx

from evaluator import __version__
from evaluator.adapters.webhook_targets import HTTPS_PORT, HostRule, Target, is_public, target_of
from evaluator.errors import UsageFault
from evaluator.notices import Outcome, TryError, outcome_of

TRY_S_MAX = 10.0  # from the name's resolution to the answer
CONNECT_S_MAX = 4.0  # to one address
ADDRESSES_MAX = 3  # tried one after another
ANSWER_BYTES_MAX = 64 * 1024  # read, and forgotten
ANSWER_READ_S_MAX = 1.0

Resolver = Callable[[str, int], Sequence[str]]
"""Host and port to all its addresses; OSError when there are none. May block: it is called in a thread of its own."""


def system_resolver(host: str, port: int) -> Sequence[str]:
    """What this machine finds under the name."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(entry[4][0]) for entry in found))


class WebhookSender:
    """Posts messages; stateless, and usable from any thread and event loop."""

    def __init__(
        self,
        rules: Sequence[HostRule],
        *,
        resolve: Resolver = system_resolver,
        public: Callable[[str], bool] = is_public,
        tls: ssl.SSLContext | None = None,
        try_s: float = TRY_S_MAX,
    ) -> None:
        """rules: where messages may go. tls: checks certificates; the system's authorities by default."""
        self._rules = tuple(rules)
        self._resolve = resolve
        self._public = public
        self._tls = tls or ssl.create_default_context()
        self._try_s = try_s

    def target(self, url: str) -> Target:
        """The address that may be posted to; UsageFault."""
        return target_of(url, self._rules)

    async def post(self, url: str, *, headers: Mapping[str, str], body: bytes) -> Outcome:
        """One try; never raises for what the receiver, its address or the network does."""
        try:
            target = self.target(url)
        except UsageFault:  # it was allowed when it was added
            return Outcome(error="not_allowed")
        try:
            async with asyncio.timeout(self._try_s):
                return await self._post(target, headers, body)
        except TimeoutError:
            return Outcome(error="timeout")

    async def _post(self, target: Target, headers: Mapping[str, str], body: bytes) -> Outcome:
        try:
            addresses = await _resolved(self._resolve, target)
        except (OSError, UnicodeError):
            return Outcome(error="no_such_host")
        if not addresses:
            return Outcome(error="no_such_host")
        if not all(map(self._public, addresses)):  # one that is not public is an attempt, or a mistake
            return Outcome(error="address_not_public")
        outcome = Outcome(error="unreachable")
        for address in addresses[:ADDRESSES_MAX]:
            try:
                return outcome_of(await self._post_to(address, target, headers, body))
            except httpx.HTTPError as error:
                outcome = Outcome(error=_error_of(error))
                if outcome.error != "unreachable":  # else not a byte of the message was sent
                    break
        return outcome

    async def _post_to(self, address: str, target: Target, headers: Mapping[str, str], body: bytes) -> int:
        """The answer's status. A client of its own: kept connections are found by address, not by name."""
        shown = f"[{address}]" if ":" in address else address
        named = target.host if target.port == HTTPS_PORT else f"{target.host}:{target.port}"
        sent = {
            **headers,
            "Host": named,
            "Content-Type": "application/json",
            "User-Agent": f"debrief/{__version__}",
            "Accept-Encoding": "identity",
            "Connection": "close",
        }
        async with (
            httpx.AsyncClient(
                verify=self._tls,
                trust_env=False,
                follow_redirects=False,
                timeout=httpx.Timeout(self._try_s, connect=min(CONNECT_S_MAX, self._try_s)),
            ) as client,
            client.stream(
                "POST",
                f"https://{shown}:{target.port}{target.path}",
                content=body,
                headers=sent,
                extensions={"sni_hostname": target.host},
            ) as response,
        ):
            await _read_some(response)
            return response.status_code


async def _read_some(response: httpx.Response) -> None:
    """The beginning of the answer, so that its sender is not cut off for nothing; the status says all we need."""
    read = 0
    with contextlib.suppress(TimeoutError, httpx.HTTPError):
        async with asyncio.timeout(ANSWER_READ_S_MAX):
            async for chunk in response.aiter_raw():
                read += len(chunk)
                if read >= ANSWER_BYTES_MAX:
                    return


def _error_of(error: httpx.HTTPError) -> TryError:
    if isinstance(error, httpx.ConnectTimeout):
        return "unreachable"
    if isinstance(error, httpx.TimeoutException):
        return "timeout"
    if isinstance(error, httpx.ConnectError):
        return "certificate" if _has_cause(error, ssl.SSLError) else "unreachable"
    return "broken_off"


def _has_cause(error: BaseException, kind: type[BaseException]) -> bool:
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, kind):
        cause = cause.__cause__ or cause.__context__
    return cause is not None


async def _resolved(resolve: Resolver, target: Target) -> Sequence[str]:
    """The addresses, from a thread that nobody waits for when time is up: an executor's would be joined at the end."""
    loop = asyncio.get_running_loop()
    found: asyncio.Future[Sequence[str]] = loop.create_future()

    def settle(addresses: Sequence[str], error: Exception | None) -> None:
        if found.done():
            return  # nobody waits any more
        if error is not None:
            found.set_exception(error)
        else:
            found.set_result(addresses)

    def work() -> None:
        addresses: Sequence[str] = ()
        fault: Exception | None = None
        try:
            addresses = resolve(target.host, target.port)
        except Exception as error:  # noqa: BLE001  raised again where it is awaited
            fault = error
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(settle, addresses, fault)

    threading.Thread(target=work, name="resolve", daemon=True).start()
    return await found
