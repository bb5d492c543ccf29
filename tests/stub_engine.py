"""A stub of an OpenAI-compatible engine, for tests that need thousands of calls: it judges nothing.

It answers chat completions that fit the schema in the request, with seeded levels and evidence ids found in the user's
message, in a few milliseconds. The answer is a pure function of (request body, seed). The real engine is what decides
whether the product works; this one is for counting calls, breaking things on purpose, and load.

In a test:       with StubEngine(seed=1) as stub: ... stub.url, stub.calls["/v1/chat/completions"]
On its own:      python -m tests.stub_engine --port 8009 --seed 1 --delay-ms 50 --faults ok,status:503,cut
"""

import argparse
import asyncio
import contextlib
import hashlib
import json
import math
import random
import re
import threading
import zlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

CHAT = "/v1/chat/completions"
REQUEST_BYTES_MAX = 16 * 1024 * 1024
HELD_S = 0.01  # between two looks whether an answer is still held back
CACHE_BLOCK = 128  # tokens; the rubric's part of a prompt counts as cached in whole blocks
_CONTEXT_MAX = 131_072  # tokens
_SIGNS = "!#$%&'()*+,-./:;<=>?@"
_PIECE = re.compile(r"[A-Za-z_]+|\d|\s+|[^A-Za-z_\d\s]")
_GLUED = {"": _PIECE, "blank": re.compile(r":\d|" + _PIECE.pattern), "brace": re.compile(r"\d}|" + _PIECE.pattern)}
_UTTERANCE = re.compile(r"\bU[0-9]{1,4}\b")


@dataclass(frozen=True, kw_only=True)
class Raw:
    """A fault: exactly this answer."""

    status: int = 200
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()


Fault = (
    str | Raw
)  # "ok", "status:503", "reject:400", "cut", "truncated", "garbage", "empty", "disconnect", "hang", "drip"


@dataclass(frozen=True, kw_only=True)
class Abilities:
    """What this endpoint knows beyond chat completions."""

    health: bool = True
    tokenize: bool = True
    token_ids: bool = True  # logprob_token_ids
    unknown_fields: str = "ignore"  # or "reject"
    logprobs: bool = True
    top_max: int = 20
    cached_tokens: bool = True
    glue: str = ""  # "blank", "brace": what its tokenizer joins to the digit before or after it


@dataclass
class StubEngine:
    """The server; a context manager that runs it in a thread of its own.

    `faults` is used up by completions that ask for a schema, one each and in order; "ok" is none. With `repeat_faults`
    it starts again. Trial calls without a schema are answered properly, so that a programme counts judgements.
    """

    seed: int = 0
    model: str = "stub-judge@1"
    api_key: str = ""
    delay_s: float = 0.0
    faults: list[Fault] = field(default_factory=list)
    repeat_faults: bool = False
    abilities: Abilities = field(default_factory=Abilities)
    port: int = 0
    calls: Counter[str] = field(default_factory=Counter)  # by path; "judged" counts completions with a schema
    held: bool = False  # no completion is answered before this is False again
    running: int = 0  # completions being answered now
    running_max: int = 0

    def __post_init__(self) -> None:
        self._programme = list(self.faults)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._stop: asyncio.Event | None = None

    @property
    def url(self) -> str:
        """Its address, without /v1."""
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> "StubEngine":
        self._thread.start()
        if not self._ready.wait(timeout=10):
            raise RuntimeError("the stub engine did not start")
        return self

    def __exit__(self, *_: object) -> None:
        if self._loop and self._stop:
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(timeout=10)

    def _run(self) -> None:
        asyncio.run(self.serve())

    async def serve(self) -> None:
        """Serves until it is stopped."""
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        connections: set[asyncio.Task[None]] = set()

        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            connections.add(task)
            try:
                # A client that goes away, and the end of the stub, are both the end of a connection.
                with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                    await self._connection(reader, writer)
            finally:
                connections.discard(task)
                writer.close()

        server = await asyncio.start_server(connected, "127.0.0.1", self.port, limit=1024 * 1024)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        try:
            await self._stop.wait()
        finally:
            server.close()
            for task in tuple(connections):
                task.cancel()
            await asyncio.gather(*connections, return_exceptions=True)

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await _read_head(reader):
            method, path, headers = head
            size = int(headers.get("content-length", "0"))
            if size > REQUEST_BYTES_MAX:
                return
            body = await reader.readexactly(size)
            self.calls[path] += 1
            if self.api_key and path.startswith("/v1") and headers.get("authorization") != f"Bearer {self.api_key}":
                _write(writer, _error(401, "Unauthorized"))
            elif path == CHAT and method == "POST":
                if not await self._chat(body, writer):
                    return
            else:
                _write(writer, self._other(method, path, body))
            await writer.drain()

    def _other(self, method: str, path: str, body: bytes) -> Raw:
        if path == "/health" and self.abilities.health:
            return Raw()
        if path == "/v1/models" and method == "GET":
            return _json({"object": "list", "data": [{"id": self.model, "object": "model"}]})
        if path == "/tokenize" and method == "POST" and self.abilities.tokenize:
            tokens = [_token_id(piece) for piece in _GLUED[self.abilities.glue].findall(json.loads(body)["prompt"])]
            return _json({"count": len(tokens), "max_model_len": _CONTEXT_MAX, "tokens": tokens})
        return _json({"detail": "Not Found"}, status=404)

    async def _chat(self, body: bytes, writer: asyncio.StreamWriter) -> bool:
        """Answers one completion; whether the connection goes on."""
        asked = json.loads(body)
        if "response_format" in asked:
            self.calls["judged"] += 1
        fault = self.fault_for(asked)
        self.running += 1
        self.running_max = max(self.running_max, self.running)
        try:
            while self.held:  # noqa: ASYNC110  set by another thread
                await asyncio.sleep(HELD_S)
            if self.delay_s:
                await asyncio.sleep(self.delay_s)
            return await self._answer(asked, body, fault, writer)
        finally:
            self.running -= 1

    def fault_for(self, asked: dict) -> Fault:
        """What goes wrong with this completion; a subclass may choose by what is asked."""
        return self._next_fault() if "response_format" in asked else "ok"

    def _next_fault(self) -> Fault:
        if not self.faults and self.repeat_faults:
            self.faults.extend(self._programme)
        return self.faults.pop(0) if self.faults else "ok"

    async def _answer(self, asked: dict, body: bytes, fault: Fault, writer: asyncio.StreamWriter) -> bool:
        kind, _, detail = fault.partition(":") if isinstance(fault, str) else ("raw", "", "")
        if kind == "disconnect":
            return False
        if kind == "hang":
            await asyncio.sleep(3_600)
        reply = fault if isinstance(fault, Raw) else self._reply(asked, body, kind, detail)
        if kind == "cut":
            _write(writer, reply, sent=len(reply.body) // 2)
            await writer.drain()
            return False
        if kind == "drip":
            await _drip(writer, reply)
            return True
        _write(writer, reply)
        return True

    def _reply(self, asked: dict, body: bytes, kind: str, detail: str) -> Raw:
        if kind in ("status", "reject"):
            return _error(int(detail), "BadRequestError" if kind == "reject" else "InternalServerError")
        if kind == "garbage":
            return Raw(body=b"<html>not json</html>")
        if kind == "empty":
            return Raw()
        if kind == "truncated":
            asked = {**asked, "max_tokens": 5}
        return self._refusal(asked) or completion(
            asked, body, seed=self.seed, model=self.model, abilities=self.abilities
        )

    def _refusal(self, asked: dict) -> Raw | None:
        if asked.get("model") != self.model:
            return _error(404, "NotFoundError", f"The model `{asked.get('model')}` does not exist.")
        can = self.abilities
        if can.unknown_fields == "reject" and "logprob_token_ids" in asked and not can.token_ids:
            return _error(400, "invalid_request_error", "Unrecognized request argument supplied: logprob_token_ids")
        if asked.get("logprobs") and not can.logprobs and can.unknown_fields == "reject":
            return _error(400, "invalid_request_error", "logprobs are not supported")
        if asked.get("top_logprobs", 0) > can.top_max:
            return _error(400, "BadRequestError", "too many top_logprobs")
        return None


def completion(asked: dict, body: bytes, *, seed: int, model: str, abilities: Abilities) -> Raw:
    """The answer to a request: a pure function of its bytes and the seed."""
    chance = random.Random(hashlib.sha256(seed.to_bytes(8, "big", signed=True) + body).digest())
    messages = {message["role"]: message["content"] for message in asked["messages"]}
    schema = asked.get("response_format", {}).get("json_schema", {}).get("schema", {"type": "integer", "maximum": 5})
    ids = list(dict.fromkeys(_UTTERANCE.findall(messages.get("user", ""))))
    whole = _PIECE.findall(json.dumps(instance(schema, ids, chance), separators=(",", ":")))
    pieces = whole[: asked.get("max_tokens", len(whole))]
    system, user = (len(_PIECE.findall(messages.get(role, ""))) for role in ("system", "user"))
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": "".join(pieces)},
        "finish_reason": "stop" if len(pieces) == len(whole) else "length",
        "logprobs": _logprobs(pieces, asked, chance) if asked.get("logprobs") and abilities.logprobs else None,
    }
    if choice["logprobs"] and not abilities.token_ids and not asked.get("top_logprobs"):
        for token in choice["logprobs"]["content"]:
            token["top_logprobs"] = []
    usage = {
        "prompt_tokens": system + user,
        "completion_tokens": len(pieces),
        "total_tokens": system + user + len(pieces),
        "prompt_tokens_details": (
            {"cached_tokens": system // CACHE_BLOCK * CACHE_BLOCK} if abilities.cached_tokens else None
        ),
    }
    return _json(
        {"id": "chatcmpl-stub", "object": "chat.completion", "model": model, "choices": [choice], "usage": usage}
    )


def instance(schema: dict, ids: list[str], chance: random.Random) -> object:
    """A value that fits the schema: the part of JSON Schema that answer schemas use."""
    if "enum" in schema:
        return chance.choice(schema["enum"])
    kind = schema.get("type")
    if kind == "object":
        return {name: instance(part, ids, chance) for name, part in schema.get("properties", {}).items()}
    if kind == "array":
        lowest, highest = schema.get("minItems", 0), min(schema.get("maxItems", 3), len(ids))
        picked = chance.sample(ids, k=chance.randint(min(lowest, highest), highest))
        return sorted(picked, key=lambda name: int(name[1:]))
    if kind == "integer":
        return chance.randint(schema.get("minimum", 0), schema.get("maximum", 5))
    return "Stub rationale."[: schema.get("maxLength", 240)]


def _logprobs(pieces: Iterable[str], asked: dict, chance: random.Random) -> dict:
    by_id = {_token_id(character): character for character in "0123456789"}
    wanted = [by_id[token] for token in asked.get("logprob_token_ids") or () if token in by_id]
    top = asked.get("top_logprobs", 0)
    content = []
    for piece in pieces:
        if piece.isdigit():
            others = wanted or list("0123456789")[:top]
            told = _distribution(piece, others, chance)
        else:
            told = {piece: 0.0, **dict.fromkeys(wanted or _SIGNS[: max(top - 1, 0)], -9999.0)}
        alternatives = [
            {"token": token, "logprob": value, "bytes": list(token.encode())} for token, value in told.items()
        ]
        content.append({**alternatives[0], "top_logprobs": alternatives if wanted or top else []})
    return {"content": content}


def _distribution(chosen: str, others: list[str], chance: random.Random) -> dict[str, float]:
    """Natural logarithms that sum to 1 over the digits, the chosen one the likeliest and first."""
    weights = {digit: chance.random() for digit in others}
    weights[chosen] = 1.0 + chance.random() * 4
    total = sum(weights.values())
    return {digit: math.log(weights[digit] / total) for digit in sorted(weights, key=weights.__getitem__, reverse=True)}


def _token_id(piece: str) -> int:
    return ord(piece) if len(piece) == 1 else 2_000_000 + zlib.crc32(piece.encode()) % 1_000_000


async def _read_head(reader: asyncio.StreamReader) -> tuple[str, str, dict[str, str]] | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    first, *rest = head.decode("latin-1").rstrip().split("\r\n")
    method, target, _ = first.split(" ", 2)
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in rest)}
    return method, target.partition("?")[0], headers


def _write(writer: asyncio.StreamWriter, reply: Raw, *, sent: int | None = None) -> None:
    head = [f"HTTP/1.1 {reply.status} Stub", f"Content-Length: {len(reply.body)}", "Content-Type: application/json"]
    head += [f"{name}: {value}" for name, value in reply.headers]
    writer.write("\r\n".join(head).encode("latin-1") + b"\r\n\r\n" + reply.body[:sent])


async def _drip(writer: asyncio.StreamWriter, reply: Raw) -> None:
    _write(writer, reply, sent=0)
    for byte in reply.body:
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(0.02)


def _json(value: object, *, status: int = 200) -> Raw:
    return Raw(status=status, body=json.dumps(value, separators=(",", ":")).encode())


def _error(status: int, kind: str, message: str = "stub") -> Raw:
    return _json({"error": {"message": message, "type": kind, "param": None, "code": status}}, status=status)


def main() -> None:
    """Serves until interrupted."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=8009)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--delay-ms", type=float, default=0.0)
    parser.add_argument("--model", default="stub-judge@1")
    parser.add_argument("--api-key", default="")
    parser.add_argument("--faults", default="", help="one for each judgement, in order: ok,status:503,cut,hang,...")
    parser.add_argument("--repeat-faults", action="store_true")
    options = parser.parse_args()
    stub = StubEngine(
        port=options.port,
        seed=options.seed,
        delay_s=options.delay_ms / 1000,
        model=options.model,
        api_key=options.api_key,
        faults=[fault for fault in options.faults.split(",") if fault],
        repeat_faults=options.repeat_faults,
    )
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(stub.serve())


if __name__ == "__main__":
    main()
