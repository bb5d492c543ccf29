"""How many tokens a text has: by the model's own tokenizer file, by the engine, or by a rough rule."""

import hashlib
import os
from pathlib import Path

import httpx
from tokenizers import Tokenizer

from evaluator.adapters.chat_completion import token_ids, tokenize_body
from evaluator.adapters.endpoint import endpoint_of
from evaluator.errors import EngineUnavailable, UsageFault
from evaluator.judging import TokenCounter

BYTES_PER_TOKEN = 3  # English prose has 4 to 5; a low number counts too many, which cannot overflow a prompt
CACHE_MAX = 512  # texts
TOKENIZE_S_MAX = 10.0
RESPONSE_BYTES_MAX = 8 * 1024 * 1024
_PATH = "/tokenize"


def token_counter(tokenizer_json: Path) -> TokenCounter:
    """Counts by a model's `tokenizer.json`, without torch and without a network.

    It counts the text alone, without what a chat template adds. UsageFault when the file is missing or none.
    """
    if not tokenizer_json.is_file():
        raise UsageFault(f"{tokenizer_json} is missing; name the tokenizer.json that came with the model")
    try:
        tokenizer = Tokenizer.from_file(str(tokenizer_json))
    except Exception:  # the library raises nothing narrower  # noqa: BLE001
        raise UsageFault(f"{tokenizer_json} is no tokenizer.json, or of a newer kind than this library reads") from None
    tokenizer.no_truncation()
    tokenizer.no_padding()

    def count(text: str) -> int:
        return len(tokenizer.encode(_scalar(text), add_special_tokens=False).ids)

    return count


def engine_token_counter(
    base_url: str, api_key: str | None, model: str, *, timeout_s: float = TOKENIZE_S_MAX
) -> "EngineTokenCounter":
    """Counts by asking the engine's `/tokenize`, an extension of vLLM; keeps up to CACHE_MAX counts."""
    return EngineTokenCounter(base_url, api_key, model, timeout_s=timeout_s)


def approximate_token_counter() -> TokenCounter:
    """Counts a token for every 3 bytes of UTF-8, rounded up: for endpoints that offer neither file nor `/tokenize`.

    An estimate that is too high for prose (English has 4 to 5 characters a token), so that prompts are cut rather
    too early than refused. Text of many signs or rare alphabets may have more tokens than it says.
    """

    def count(text: str) -> int:
        return -(-len(_scalar(text).encode()) // BYTES_PER_TOKEN)

    return count


class EngineTokenCounter:
    """A TokenCounter over HTTP; safe for threads and forks. EngineUnavailable when the engine cannot tell."""

    def __init__(self, base_url: str, api_key: str | None, model: str, *, timeout_s: float = TOKENIZE_S_MAX) -> None:
        self._endpoint = endpoint_of(base_url, api_key)
        self._model = model
        self._timeout_s = timeout_s
        self._clients: dict[int, httpx.Client] = {}
        self._counts: dict[bytes, int] = {}

    def __call__(self, text: str) -> int:
        """Tokens of the text alone, without what a chat template adds."""
        # By digest, so that no interview's text stays in memory.
        key = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
        count = self._counts.get(key)
        if count is None:
            count = self._ask(text)
            if len(self._counts) >= CACHE_MAX:
                self._counts.clear()  # needs no lock, which a fork could leave locked
            self._counts[key] = count
        return count

    def _ask(self, text: str) -> int:
        root = self._endpoint.root
        try:
            status, data = self._post(tokenize_body(self._model, _scalar(text)))
        except httpx.HTTPError as error:
            raise EngineUnavailable(f"engine {root} gave no answer to {_PATH} ({type(error).__name__})") from None
        if status != 200:
            raise EngineUnavailable(
                f"engine {root} answers {status} to {_PATH}, so it counts no tokens of {self._model!r}; "
                "name the model's tokenizer.json instead"
            )
        try:
            return len(token_ids(data))
        except ValueError as error:
            raise EngineUnavailable(f"engine {root} answers {_PATH} with {error}") from None

    def _post(self, body: bytes) -> tuple[int, bytes]:
        data = bytearray()
        with self._client().stream("POST", self._endpoint.url(_PATH), content=body) as response:
            for chunk in response.iter_raw():
                data += chunk
                if len(data) > RESPONSE_BYTES_MAX:
                    break  # and so is no list of tokens
        return response.status_code, bytes(data)

    def _client(self) -> httpx.Client:
        pid = os.getpid()
        if pid not in self._clients:
            # No connection stays open between calls, so none is shared with a forked child or left behind.
            limits = httpx.Limits(max_keepalive_connections=0)
            self._clients[pid] = httpx.Client(
                headers=self._endpoint.headers, timeout=self._timeout_s, limits=limits, trust_env=False
            )
        return self._clients[pid]


def _scalar(text: str) -> str:
    """The text with lone surrogates replaced, which no tokenizer takes."""
    return text.encode("utf-8", "replace").decode()
