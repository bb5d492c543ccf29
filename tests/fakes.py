"""Stand-ins at the ports, for tests only: an object store in memory, a judge that answers by script, a control."""

import asyncio
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from evaluator.adapters.keys import can_start_key, checked_key
from evaluator.errors import ContentError, ObjectExists, ObjectMissing
from evaluator.judging import Completion, JudgeRequest
from evaluator.ports import ObjectHead
from evaluator.values import sha256
from tests.factories import MODEL, a_completion, an_answer


class MemoryStore:
    """An ObjectStore in memory; it keeps the promises of the port and can be looked into."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self._lock = threading.Lock()

    def get(self, key: str, *, bytes_max: int = 64 * 1024 * 1024) -> bytes | None:
        """The object's bytes; None when there is none."""
        with self._lock:
            data = self.objects.get(checked_key(key))
        if data is not None and len(data) > bytes_max:
            raise ContentError(f"object {key} is larger than {bytes_max} bytes")
        return data

    def head(self, key: str) -> ObjectHead | None:
        """Size and version; None when there is none."""
        data = self.get(key, bytes_max=2**40)
        return None if data is None else ObjectHead(bytes=len(data), version=sha256(data))

    def part(self, key: str, *, start: int, length: int, version: str) -> bytes:
        """Some of the object's bytes."""
        data = self.get(key, bytes_max=2**40)
        if data is None or sha256(data) != version or len(data) < start + length:
            raise ObjectMissing(f"object {key} is not there any more as it was")
        return data[start : start + length]

    def create(self, key: str, data: bytes, *, media_type: str = "application/json") -> None:
        """Writes a new object; ObjectExists when the key is taken."""
        with self._lock:
            if checked_key(key) in self.objects:
                raise ObjectExists(f"object {key} is there already")
            self.objects[key] = bytes(data)

    def names(self, prefix: str, *, after: str = "", limit: int = 1_000) -> list[str]:
        """Keys under the prefix, in order, greater than `after`."""
        if prefix and not can_start_key(prefix):
            return []
        with self._lock:
            return sorted(key for key in self.objects if key.startswith(prefix) and key > after)[:limit]

    def delete(self, key: str) -> None:
        """Removes the object."""
        with self._lock:
            self.objects.pop(checked_key(key), None)

    def probe(self) -> None:
        """Always reachable."""


Answer = Callable[[JudgeRequest], Completion | Exception]


class ScriptedJudge:
    """A JudgeEngine whose answers are a function of the request; an exception that it returns is raised."""

    def __init__(self, answer: Answer | None = None) -> None:
        self.requests: list[JudgeRequest] = []
        self._answer = answer or all_at(3)

    @property
    def calls(self) -> int:
        """Completions asked for so far."""
        return len(self.requests)

    @property
    def sections(self) -> list[str]:
        """Titles of the sections asked about, sorted."""
        return sorted(map(section_of, self.requests))

    async def complete(self, request: JudgeRequest) -> Completion:
        """What the script says."""
        self.requests.append(request)
        await asyncio.sleep(0)
        answer = self._answer(request)
        if isinstance(answer, Exception):
            raise answer
        return answer.model_copy(update={"model": request.model}) if answer.model == MODEL else answer

    async def check(self, model: str) -> None:
        """Serves any model."""

    async def warm_up(self, schemas: tuple[Mapping[str, object], ...], model: str) -> None:
        """Has nothing to compile."""


def section_of(request: JudgeRequest) -> str:
    """The title of the section that the request is about."""
    found = re.search(r"^# Section: (.+)$", request.system, re.MULTILINE)
    assert found is not None
    return found.group(1)


def first_id(request: JudgeRequest) -> str:
    """The first of the candidate's utterances that the request shows."""
    found = re.search(r'^\{"(U[0-9]+)": ', request.user, re.MULTILINE)
    assert found is not None
    return found.group(1)


def all_at(level: int, shares: Mapping[int, float] | None = None) -> Answer:
    """Answers every criterion with this level, citing the first utterance; shares: its distribution."""

    def answer(request: JudgeRequest) -> Completion:
        n = len(request.answer_schema["required"])
        text = an_answer([level] * n, [[first_id(request)]] * n)
        return a_completion(text=text, shares=None if shares is None else [shares] * n)

    return answer


def by_section(**answers: Answer | Exception) -> Answer:
    """Answers by section id; level 3 for a section that is not named."""

    def answer(request: JudgeRequest) -> Completion | Exception:
        scripted = answers.get(section_of(request).lower(), all_at(3))
        return scripted if isinstance(scripted, Exception) else scripted(request)

    return answer


@dataclass(kw_only=True)
class Switches:
    """A Control that a test switches."""

    drain: bool = False
    gone: bool = False

    def draining(self) -> bool:
        """As switched."""
        return self.drain

    def lost(self) -> bool:
        """As switched."""
        return self.gone


def count_words(text: str) -> int:
    """A TokenCounter: one token a word."""
    return len(text.split())
