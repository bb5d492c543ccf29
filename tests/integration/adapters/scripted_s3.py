"""A tiny real HTTP server that speaks just enough S3 to misbehave on purpose."""

import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ERROR_BODY = (
    "<?xml version='1.0'?><Error><Code>{code}</Code><Message>secret-detail ?X-Amz-Signature=abc</Message></Error>"
)


class ScriptedS3:
    """Keeps objects in memory and answers from a script, one step a request; when that ends it behaves.

    Steps: "ok", "503 SlowDown" (any status and code), "lose" (does the work, then drops the connection),
    "drop" (does nothing), "hang" (no answer until the end), "cut" (half of the promised body).
    """

    def __init__(self, *, create_only: bool = True) -> None:
        self.script: list[str] = []
        self.always: str | None = None
        self.requests: list[str] = []
        self.objects: dict[str, bytes] = {}
        self.create_only = create_only
        self.stopping = threading.Event()
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> "ScriptedS3":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def next_step(self) -> str:
        """What the next request is answered with."""
        return self.always or (self.script.pop(0) if self.script else "ok")

    def work(self, method: str, path: str, body: bytes, *, create_only: bool) -> tuple[int, bytes]:
        """Status and body of a request that is served properly."""
        if method == "PUT":
            if create_only and self.create_only and path in self.objects:
                return _refusal("412 PreconditionFailed")
            self.objects[path] = body
            return 200, b""
        if method == "DELETE":
            self.objects.pop(path, None)
            return 204, b""
        found = self.objects.get(path)
        return _refusal("404 NoSuchKey") if found is None else (200, found)


class _Server(ThreadingHTTPServer):
    daemon_threads = True  # an idle connection of a client must not keep the test waiting
    block_on_close = False

    def __init__(self, scripted: ScriptedS3) -> None:
        self.scripted = scripted
        super().__init__(("127.0.0.1", 0), _Handler)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        scripted = self.server.scripted
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        scripted.requests.append(f"{self.command} {self.path}")
        step = scripted.next_step()
        if step == "hang":
            scripted.stopping.wait()
        if step in ("hang", "drop"):
            self.close_connection = True
        elif step[0].isdigit():
            self._reply(*_refusal(step))
        else:
            create_only = self.headers.get("If-None-Match") == "*"
            status, data = scripted.work(self.command, self.path, body, create_only=create_only)
            if step == "lose":
                self.close_connection = True
            else:
                self._reply(status, data, cut=step == "cut")

    do_PUT = do_GET  # noqa: N815 - the name that http.server asks for
    do_DELETE = do_GET  # noqa: N815

    def do_HEAD(self) -> None:
        if self.path.count("/") > 1:
            self.do_GET()
        else:  # of a bucket: to find its region, which misbehaving servers do not tell
            self._reply(501, b"")

    def _reply(self, status: int, data: bytes, *, cut: bool = False) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(data) * 2 if cut else len(data)))
        self.close_connection = cut
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)


def _refusal(step: str) -> tuple[int, bytes]:
    status, _, code = step.partition(" ")
    return int(status), ERROR_BODY.format(code=code).encode()


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
