"""`python -m tests.bench.stub`: an engine that costs next to nothing, so that what is measured is everything else.

An answer depends on the schema and on the first utterance id in the message; each is worked out once. With `--log` the
sha256 of each judgement's messages is a line there, so that work done twice can be counted.
"""

import argparse
import asyncio
import contextlib
import hashlib
import json
import os
import re
from dataclasses import dataclass, field

from tests.stub_engine import Fault, Raw, StubEngine

MODEL = "stub-judge@1"
_FIRST_ID = re.compile(r'\{"(U[0-9]{1,4})"')


@dataclass
class BenchStub(StubEngine):
    """The stub that keeps its answers."""

    log_fd: int = -1
    _kept: dict[tuple[str, ...], Raw] = field(default_factory=dict, init=False)

    def fault_for(self, asked: dict) -> Fault:
        """None, ever; writes the judgement down."""
        if self.log_fd >= 0 and "<interview>" in asked["messages"][-1]["content"]:
            digest = hashlib.sha256(json.dumps(asked["messages"]).encode()).hexdigest()
            os.write(self.log_fd, f"{digest}\n".encode())
        return "ok"

    def _reply(self, asked: dict, body: bytes, kind: str, detail: str) -> Raw:
        schema = asked.get("response_format", {}).get("json_schema", {}).get("schema", {})
        found = _FIRST_ID.search(asked["messages"][-1]["content"])
        first = found[1] if found else ""
        wants = (asked.get(name) for name in ("model", "max_tokens", "top_logprobs", "logprob_token_ids"))
        key = (",".join(schema.get("properties", ())), first, *map(str, wants))
        if key not in self._kept:
            short = {**asked, "messages": [{"role": "user", "content": first}]}
            self._kept[key] = super()._reply(short, repr(key).encode(), kind, detail)
        return self._kept[key]


def main() -> None:
    """Serves until it is killed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--delay-ms", type=float, default=0.0)
    parser.add_argument("--log", default="")
    options = parser.parse_args()
    log_fd = os.open(options.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600) if options.log else -1
    stub = BenchStub(port=options.port, delay_s=options.delay_ms / 1000, model=MODEL, log_fd=log_fd)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(stub.serve())


if __name__ == "__main__":
    main()
