"""Where an OpenAI-compatible endpoint lives, and the key that opens it."""

import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from evaluator.errors import UsageFault

_KEY = re.compile(r"[!-~]{1,4096}")  # what a header can carry


@dataclass(frozen=True, kw_only=True, slots=True)
class Endpoint:
    """An endpoint's address without `/v1`, and the headers of every request; the key never shows in a repr."""

    root: str
    headers: dict[str, str] = field(repr=False)

    def url(self, path: str) -> str:
        """The address of one of the endpoint's paths, such as `/v1/models`."""
        return self.root + path


def endpoint_of(base_url: str, api_key: str | None) -> Endpoint:
    """The endpoint at an address with or without a trailing `/v1`; no key, or an empty one, sends none.

    UsageFault when either cannot be used. What was given is not repeated: it may hold a secret.
    """
    try:
        parts = urlsplit(base_url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable or "@" in parts.netloc or parts.query or parts.fragment or not base_url.isprintable():
        raise UsageFault(
            "the engine's address must be like http://127.0.0.1:8000 or https://host/v1, without credentials; "
            "the key has a setting of its own"
        )
    if api_key and not _KEY.fullmatch(api_key):
        raise UsageFault("the engine's API key holds characters that no header can carry, such as a line end")
    # No compressed answers: a small one could grow without bound in memory.
    headers = {"Accept": "application/json", "Accept-Encoding": "identity", "Content-Type": "application/json"}
    if api_key:
        headers["Authorization"] = f"Bearer {api_key}"
    return Endpoint(root=base_url.strip().rstrip("/").removesuffix("/v1").rstrip("/"), headers=headers)
