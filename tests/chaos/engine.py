"""The harness's engine: the stub as a process of its own, with poison by marked words and bursts of 500s on SIGUSR1.

An answer depends on the messages and the seed only, not on the attempt: so a body is the same however often the
section was tried. Each judgement asked for is one line in the log: sha256 of its messages, and what was done to it.
"""

import argparse
import asyncio
import hashlib
import json
import os
import signal
import time
from dataclasses import dataclass, field

from tests.chaos.marks import ALWAYS_500, BAD_JSON
from tests.stub_engine import Fault, Raw, StubEngine

BURST_S = 1.5


@dataclass
class ChaosEngine(StubEngine):
    """The stub that keeps a log of its judgements."""

    log_fd: int = -1
    _burst_until: float = field(default=0.0, init=False)

    def burst(self) -> None:
        """Every completion fails for a while."""
        self._burst_until = time.monotonic() + BURST_S

    def fault_for(self, asked: dict) -> Fault:
        """By the marked words, and by the burst that is going on; writes the judgement down."""
        user = "".join(message["content"] for message in asked["messages"] if message["role"] == "user")
        fault: Fault = "ok"
        if time.monotonic() < self._burst_until:
            fault = "status:500"
        elif BAD_JSON in user:
            fault = "truncated"
        elif ALWAYS_500 in user:
            fault = "status:500"
        if "<interview>" in user:
            digest = hashlib.sha256(json.dumps(asked["messages"]).encode()).hexdigest()
            os.write(self.log_fd, f"{digest} {fault}\n".encode())
        return fault

    def _reply(self, asked: dict, body: bytes, kind: str, detail: str) -> Raw:
        return super()._reply(asked, json.dumps(asked["messages"]).encode(), kind, detail)


async def _serve(stub: ChaosEngine) -> None:
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGUSR1, stub.burst)
    await stub.serve()


def main() -> None:
    """Serves until it is killed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--delay-ms", type=float, required=True)
    parser.add_argument("--log", required=True)
    options = parser.parse_args()
    log_fd = os.open(options.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    stub = ChaosEngine(port=options.port, seed=options.seed, delay_s=options.delay_ms / 1000, log_fd=log_fd)
    asyncio.run(_serve(stub))


if __name__ == "__main__":
    main()
