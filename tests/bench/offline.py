"""`python -m tests.bench.offline chat|batch --port N ...`: vLLM without its server, as arms to compare with.

chat: `LLM.chat` over all prompts at once. batch: vLLM's own `run-batch` over a file of requests, by the module that the
command runs. The engine stays loaded between jobs; a job comes by POST /job and its time is taken in here, from the
first prompt handed over to the last answer, without the reading of the job.
"""

import argparse
import asyncio
import json
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

Job = dict[str, Any]  # {"requests": [bodies of chat completions], "reset": bool}
Answer = dict[str, Any]
JOB_S_MAX = 7_200


def main() -> None:
    """Serves jobs until it is killed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("arm", choices=("chat", "batch"))
    parser.add_argument("--port", type=int, required=True)
    options, engine_arguments = parser.parse_known_args()
    work = _chat(engine_arguments) if options.arm == "chat" else _batch(engine_arguments)
    _serve(options.port, work)


def _serve(port: int, work: Callable[[Job], Answer]) -> None:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer({"ready": True})

        def do_POST(self) -> None:
            job = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self._answer(work(job))

        def _answer(self, value: Answer) -> None:
            body = json.dumps(value).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            return None

    HTTPServer(("127.0.0.1", port), Handler).serve_forever()


def told(*, wall_s: float, prompt: int, completion: int, cached: int | None, finished: dict[str, int]) -> Answer:
    """What a job took."""
    return {
        "wall_s": wall_s,
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "cached_tokens": cached,
        "finished": finished,
    }


# ---------------------------------------------------------------- LLM.chat


def _chat(engine_arguments: list[str]) -> Callable[[Job], Answer]:
    from vllm import LLM
    from vllm.engine.arg_utils import EngineArgs
    from vllm.utils.argparse_utils import FlexibleArgumentParser

    parser = EngineArgs.add_cli_args(FlexibleArgumentParser())
    engine = LLM.from_engine_args(EngineArgs.from_cli_args(parser.parse_args(engine_arguments)))

    def work(job: Job) -> Answer:
        if job["reset"] and not engine.reset_prefix_cache():
            raise RuntimeError("the prefix cache was not reset")
        messages = [body["messages"] for body in job["requests"]]
        sampling = [sampling_of(body) for body in job["requests"]]
        began = time.monotonic()
        outputs = engine.chat(messages, sampling, use_tqdm=False)
        wall_s = time.monotonic() - began
        return told(
            wall_s=wall_s,
            prompt=sum(len(output.prompt_token_ids) for output in outputs),
            completion=sum(len(output.outputs[0].token_ids) for output in outputs),
            cached=sum(output.num_cached_tokens or 0 for output in outputs),
            finished=dict(Counter(str(output.outputs[0].finish_reason) for output in outputs)),
        )

    return work


def sampling_of(body: dict[str, Any]) -> Any:
    """What vLLM's server makes of a request, for `LLM.chat`."""
    from vllm import SamplingParams
    from vllm.sampling_params import StructuredOutputsParams

    ids = body.get("logprob_token_ids")
    return SamplingParams(
        temperature=body["temperature"],
        seed=body["seed"],
        max_tokens=body["max_tokens"],
        logprobs=body.get("top_logprobs") if not ids else None,
        logprob_token_ids=ids,
        structured_outputs=StructuredOutputsParams(json=body["response_format"]["json_schema"]["schema"]),
    )


# ---------------------------------------------------------------- run-batch


def _batch(engine_arguments: list[str]) -> Callable[[Job], Answer]:
    from vllm.entrypoints.launchers import run_batch
    from vllm.entrypoints.launchers.api_server.entry import build_async_engine_client
    from vllm.utils.argparse_utils import FlexibleArgumentParser

    folder = Path(tempfile.mkdtemp())
    asked, answered = folder / "requests.jsonl", folder / "answers.jsonl"
    files = ["-i", str(asked), "-o", str(answered), "--enable-prompt-tokens-details"]
    args = run_batch.make_arg_parser(FlexibleArgumentParser()).parse_args([*files, *engine_arguments])
    loop, ready, client = asyncio.new_event_loop(), threading.Event(), []

    async def hold() -> None:
        async with build_async_engine_client(args) as opened:
            client.append(opened)
            ready.set()
            await asyncio.Event().wait()

    def begin() -> None:
        try:
            loop.run_until_complete(hold())
        finally:
            ready.set()

    threading.Thread(target=begin, daemon=True).start()
    ready.wait()
    if not client:
        sys.exit("the engine did not start")

    async def timed(reset: bool) -> float:
        if reset and not await client[0].reset_prefix_cache():
            raise RuntimeError("the prefix cache was not reset")
        began = time.monotonic()
        await run_batch.run_batch(client[0], args)
        return time.monotonic() - began

    def work(job: Job) -> Answer:
        lines = [
            json.dumps({"custom_id": str(n), "method": "POST", "url": "/v1/chat/completions", "body": body})
            for n, body in enumerate(job["requests"])
        ]
        asked.write_text("\n".join(lines) + "\n", encoding="utf-8")
        wall_s = asyncio.run_coroutine_threadsafe(timed(job["reset"]), loop).result(JOB_S_MAX)
        return batch_told(answered.read_text(encoding="utf-8").splitlines(), wall_s)

    return work


def batch_told(lines: list[str], wall_s: float) -> Answer:
    """What the answers' file tells; ValueError for an answer that is an error."""
    finished: Counter[str] = Counter()
    prompt = completion = cached = 0
    for line in lines:
        answer = json.loads(line)
        if answer.get("error") or answer["response"]["status_code"] != 200:
            raise ValueError(f"run-batch answered with an error: {answer.get('error')}")
        body = answer["response"]["body"]
        finished[body["choices"][0]["finish_reason"]] += 1
        prompt += body["usage"]["prompt_tokens"]
        completion += body["usage"]["completion_tokens"]
        cached += (body["usage"].get("prompt_tokens_details") or {}).get("cached_tokens") or 0
    return told(wall_s=wall_s, prompt=prompt, completion=completion, cached=cached, finished=dict(finished))


if __name__ == "__main__":
    main()
