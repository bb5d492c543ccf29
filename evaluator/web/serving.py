"""Serves the pages: in the foreground, or in a thread beside other work; beyond loopback only behind a login."""

import errno
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI

from evaluator.errors import EmbeddedFailed, UsageFault
from evaluator.web.identity import PROVIDER_VARIABLES, Access

# A request whose first line and headers (so its address too) have not ended after so many bytes is answered 400. What
# arrives in one read of the socket may be larger by that read, 256 KiB.
HEAD_BYTES_MAX = 32_768
LOOPBACK = {"127.0.0.1": socket.AF_INET, "localhost": socket.AF_INET, "::1": socket.AF_INET6}
BACKLOG = 64  # connections waiting to be accepted
REQUESTS_MAX = 64  # at once; more are answered 503
START_TIMEOUT_S = 10.0
STOP_TIMEOUT_S = 3  # what is being answered may end


def _ignore(_: str) -> None:
    return None


def serve(app: FastAPI, host: str, port: int, *, on_ready: Callable[[str], None] = _ignore) -> None:
    """Serves until SIGINT or SIGTERM, which goes up after open requests have ended (SIGINT as KeyboardInterrupt).

    port 0: a free one. on_ready gets the real address once requests are accepted. UsageFault: the host is not
    loopback and there is no login provider, or host and port cannot be had.
    """
    with _listening(host, port, access=app.state.gate.access) as listener:
        on_ready(address(listener))
        _server(app).run(sockets=[listener])


@contextmanager
def serving(app: FastAPI, host: str = "127.0.0.1", port: int = 0) -> Iterator[str]:
    """Serves in a thread and gives the real address, until the block ends. Raises as `serve`, or EmbeddedFailed."""
    with _listening(host, port, access=app.state.gate.access) as listener:
        server = _server(app)
        thread = threading.Thread(target=server.run, args=([listener],), name="pages", daemon=True)
        thread.start()
        try:
            _await_start(server, thread)
            yield address(listener)
        finally:
            server.should_exit = True
            thread.join(STOP_TIMEOUT_S + 2)


def address(listener: socket.socket) -> str:
    """The address that a browser opens."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


@contextmanager
def _listening(host: str, port: int, *, access: Access) -> Iterator[socket.socket]:
    """The socket, bound before anything starts, so that a wrong port is an error and not a log line."""
    refuse_open(host, access)
    family, place = _place(host)
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((place, port))
            listener.listen(BACKLOG)
        except (OSError, OverflowError) as error:
            raise UsageFault(_why_not(error, port)) from error
        yield listener


def refuse_open(host: str, access: Access) -> None:
    """UsageFault for a host that others reach, where there is no login for them."""
    if host not in LOOPBACK and access.one_machine:
        raise UsageFault(
            f"host {host[:80]!r}: without a login provider the pages are served on loopback only; leave "
            f"DEBRIEF_WEB_HOST (or --host) at 127.0.0.1, or set {', '.join(PROVIDER_VARIABLES)}"
        )


def _place(host: str) -> tuple[socket.AddressFamily, str]:
    """What to bind to. UsageFault for a name that is none of this machine's."""
    if host in LOOPBACK:
        family = LOOPBACK[host]
        return family, "::1" if family is socket.AF_INET6 else "127.0.0.1"
    try:
        family, _, _, _, found = socket.getaddrinfo(
            host or None, None, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (OSError, UnicodeError) as error:
        raise UsageFault(f"host {host[:80]!r} is not known here; use an address of this machine, or 0.0.0.0") from error
    return family, str(found[0])


def _why_not(error: OSError | OverflowError, port: int) -> str:
    reasons = {errno.EADDRINUSE: "is in use", errno.EACCES: "needs more rights"}
    reason = reasons.get(getattr(error, "errno", None) or 0, f"cannot be had ({error})")
    return f"port {port} {reason}; choose another with DEBRIEF_WEB_PORT or --port (0 takes a free one)"


def _server(app: FastAPI) -> uvicorn.Server:
    return uvicorn.Server(
        uvicorn.Config(
            app,
            http="h11",  # the one that limits the head of a request
            h11_max_incomplete_event_size=HEAD_BYTES_MAX,
            access_log=False,  # addresses hold ids and filters; nothing of them belongs in a log
            log_config=None,
            log_level="warning",
            server_header=False,
            proxy_headers=False,  # nobody may say who they are by a header
            lifespan="on",
            ws="none",
            limit_concurrency=REQUESTS_MAX,
            timeout_graceful_shutdown=STOP_TIMEOUT_S,
        )
    )


def _await_start(server: uvicorn.Server, thread: threading.Thread) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while not server.started:
        if not thread.is_alive() or time.monotonic() > deadline:
            raise EmbeddedFailed("the pages did not start; run `debrief serve` to see why")
        time.sleep(0.01)
