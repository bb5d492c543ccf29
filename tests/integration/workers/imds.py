"""A metadata service on the loopback address that answers as EC2's does (IMDSv2)."""

import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

TOKEN = "/latest/api/token"
NOTICE = "/latest/meta-data/spot/instance-action"
REBALANCE = "/latest/meta-data/events/recommendations/rebalance"
TERMINATE = b'{"action": "terminate", "time": "2026-09-18T08:22:00Z"}'
RECOMMENDED = b'{"noticeTime": "2026-09-18T08:20:00Z"}'


class FakeImds:
    """Answers 404 at each path until told otherwise; every request needs the token in force."""

    def __init__(self) -> None:
        self.bodies: dict[str, bytes] = {}
        self.statuses: dict[str, int] = {}
        self.tokens = 0  # handed out so far; only the last one is good
        self.calls: Counter[str] = Counter()
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def do_PUT(self) -> None:
                fake.calls["PUT"] += 1
                if self.path != TOKEN or not self.headers.get("X-aws-ec2-metadata-token-ttl-seconds", "").isdigit():
                    return self.answer(400)
                fake.tokens += 1
                return self.answer(
                    fake.statuses.get(TOKEN, 200), fake.bodies.get(TOKEN, f"token-{fake.tokens}".encode())
                )

            def do_GET(self) -> None:
                body = fake.bodies.get(self.path)
                fake.calls[self.path] += 1  # only now: who counts on it may change the body next
                if self.headers.get("X-aws-ec2-metadata-token") != f"token-{fake.tokens}":
                    return self.answer(401)
                return self.answer(fake.statuses.get(self.path, 404 if body is None else 200), body or b"")

            def answer(self, status: int, body: bytes = b"") -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.send_header("Location", f"http://127.0.0.1:{fake.port}{TOKEN}")  # tempts to follow
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_port
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=5)
