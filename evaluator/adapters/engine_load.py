"""How busy the judge's engine is, as vLLM counts it: its /metrics, asked seldom and believed as far as it adds up."""

import math
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Literal

import httpx
from prometheus_client.parser import text_string_to_metric_families

from evaluator.adapters.endpoint import Endpoint, endpoint_of
from evaluator.values import Frozen

PATH = "/metrics"
WITHIN_S = 1.0  # for the whole answer; a page waits for it
KEPT_S = 5.0  # what was found, so that nobody can ask the engine more often through us
KEPT_FAILURE_S = 15.0  # a page must not wait again and again
BYTES_MAX = 4 * 1024 * 1024
LINES_MAX = 2_000  # of those that are looked at
LINE_CHARS_MAX = 1_000
ANSWERED, NO_SUCH_PATH = 200, (404, 405, 501)


class EngineLoad(Frozen):
    """One moment of an engine; a figure is None where it does not tell it."""

    running: int | None = None  # requests
    waiting: int | None = None
    kv_usage: float | None = None  # of the cache of keys and values, 0 to 1
    prefix_queries: int | None = None  # tokens looked for in the cache since the engine began, this and the next
    prefix_hits: int | None = None
    prompt_tokens: int | None = None  # this and the next: since the engine began
    generation_tokens: int | None = None

    @property
    def told(self) -> bool:
        """Whether it told anything: one that was started with --disable-log-stats counts nothing."""
        return self != EngineLoad()

    @property
    def hit_share(self) -> float | None:
        """Of the tokens that were looked for, those that were found."""
        if not self.prefix_queries or self.prefix_hits is None:
            return None
        return min(self.prefix_hits / self.prefix_queries, 1.0)


Found = EngineLoad | Literal["away", "untold"]  # untold: it answers, and has no such page

_COUNTED: Mapping[str, str] = {
    "vllm:num_requests_running": "running",
    "vllm:num_requests_waiting": "waiting",
    "vllm:kv_cache_usage_perc": "kv_usage",
    "vllm:prefix_cache_queries_total": "prefix_queries",
    "vllm:prefix_cache_hits_total": "prefix_hits",
    "vllm:prompt_tokens_total": "prompt_tokens",
    "vllm:generation_tokens_total": "generation_tokens",
}


def load_of(text: str) -> EngineLoad:
    """What the page says, summed over the ranks of one server (the fullest cache counts); never raises.

    Whatever is no finite number from 0 on, and a cache that is more than full, is as if it was not told.
    """
    found: dict[str, list[float]] = {}
    for name, value in _samples(text):
        if math.isfinite(value) and 0 <= value < 2**63:
            found.setdefault(_COUNTED[name], []).append(value)
    usage = max(found.pop("kv_usage", [2.0]))
    counts: dict[str, int] = {name: int(sum(values)) for name, values in found.items()}
    return EngineLoad(kv_usage=usage if usage <= 1 else None, **counts)


def _samples(text: str) -> Iterable[tuple[str, float]]:
    """The lines that are looked at, each parsed by itself: what is wrong in one is no fault of the others."""
    wanted = 0
    for line in text.split("\n"):
        name = line.partition("{")[0].partition(" ")[0]
        if name not in _COUNTED or len(line) > LINE_CHARS_MAX:
            continue
        wanted += 1
        if wanted > LINES_MAX:
            return
        try:
            samples = [sample for family in text_string_to_metric_families(line + "\n") for sample in family.samples]
        except (ValueError, KeyError, IndexError, TypeError, AttributeError):  # what its parser raises for wrong lines
            continue
        yield from ((sample.name, float(sample.value)) for sample in samples if sample.name in _COUNTED)


class EngineWatch:
    """Asks an engine for its load; at most once in KEPT_S, whoever asks, and never longer than about WITHIN_S."""

    def __init__(
        self, base_url: str, *, api_key: str | None, clock: Callable[[], float] = time.monotonic, kept_s: float = KEPT_S
    ) -> None:
        """UsageFault for an address or key that cannot be one."""
        self._endpoint = endpoint_of(base_url, api_key)
        self._clock, self._kept_s = clock, kept_s
        self._lock = threading.Lock()
        self._found: Found = "away"
        self._good_until = float("-inf")

    def load(self) -> Found:
        """What it tells of itself, or how it fails to."""
        with self._lock:
            if self._clock() >= self._good_until:
                self._found = _asked(self._endpoint)
                kept_s = self._kept_s if isinstance(self._found, EngineLoad) else max(self._kept_s, KEPT_FAILURE_S)
                self._good_until = self._clock() + kept_s
            return self._found


def _asked(endpoint: Endpoint) -> Found:
    headers = {**endpoint.headers, "Accept": "text/plain"}
    deadline, data = time.monotonic() + WITHIN_S, bytearray()
    try:
        with (
            httpx.Client(timeout=WITHIN_S, trust_env=False, follow_redirects=False) as client,
            client.stream("GET", endpoint.url(PATH), headers=headers) as response,
        ):
            if response.status_code in NO_SUCH_PATH:
                return "untold"
            if response.status_code != ANSWERED or response.headers.get("content-encoding", "identity") != "identity":
                return "away"
            for chunk in response.iter_raw():
                data += chunk
                if len(data) > BYTES_MAX or time.monotonic() > deadline:
                    return "away"
    except httpx.HTTPError:
        return "away"
    return load_of(data.decode("utf-8", errors="replace"))
