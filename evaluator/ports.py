"""What the product needs from the outside, as promises that adapters and fakes keep alike."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from evaluator.judging import Completion, JudgeRequest


@dataclass(frozen=True, kw_only=True, slots=True)
class ObjectHead:
    """What a store says of an object without its bytes."""

    bytes: int
    version: str  # opaque; another one as soon as the object may hold other bytes


class ObjectStore(Protocol):
    """Named bytes. Safe to use from several threads; every call ends within the adapter's time limit.

    Any method may raise StoreUnavailable (refused, timed out, 5xx) or StoreForbidden (403, naming the missing
    permission). Keys are what `evaluator.layout` makes.
    """

    def get(self, key: str, *, bytes_max: int = 64 * 1024 * 1024) -> bytes | None:
        """The object's bytes; None when there is none (never for a 403). ContentError: larger than bytes_max."""

    def head(self, key: str) -> ObjectHead | None:
        """Size and version of the object, as it is now; None when there is none (never for a 403)."""

    def part(self, key: str, *, start: int, length: int, version: str) -> bytes:
        """Exactly `length` bytes (1 at least) from `start` on, of the version that `head` named.

        ObjectMissing when the object is gone, is another one now, or ends before; never other bytes in their place.
        """

    def create(self, key: str, data: bytes, *, media_type: str = "application/json") -> None:
        """Writes a new object, whole or not at all; ObjectExists when the key is taken, whoever took it."""

    def names(self, prefix: str, *, after: str = "", limit: int = 1_000) -> list[str]:
        """Keys under the prefix, in order, greater than `after`, at most `limit`."""

    def delete(self, key: str) -> None:
        """Removes the object; no error when there is none."""

    def probe(self) -> None:
        """Proves that the store can be reached and honours create-only writes; raises what is wrong otherwise."""


class JudgeEngine(Protocol):
    """A language model behind an endpoint. One instance belongs to one event loop."""

    async def complete(self, request: JudgeRequest) -> Completion:
        """One completion; EngineUnavailable, EngineRejected (this request cannot be served)."""

    async def check(self, model: str) -> None:
        """Proves that the endpoint answers and serves this model id; EngineUnavailable names what it serves."""

    async def warm_up(self, schemas: tuple[Mapping[str, object], ...], model: str) -> None:
        """Compiles the answer grammars once, so that no interview waits for it."""


class HintQueue(Protocol):
    """Hints that there is work. Losing, doubling or delaying one changes nothing."""

    def send(self, count: int) -> None:
        """Puts that many hints on the queue; BrokerUnavailable when it cannot."""

    def length(self) -> int:
        """Hints waiting (reserved ones are not in it); BrokerUnavailable."""


def walk(store: ObjectStore, prefix: str, *, page: int = 1_000) -> Iterator[str]:
    """All keys under the prefix, page by page."""
    after = ""
    while batch := store.names(prefix, after=after, limit=page):
        yield from batch
        after = batch[-1]
