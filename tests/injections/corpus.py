"""Payloads and look-alikes: our own beside this module, and the shared ones where they are."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Literal

Split = Literal["dev", "held-out"]
HERE = Path(__file__).parent / "payloads"
SHARED = Path(__file__).parents[3] / "shared" / "data"
_UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]")  # two of these count as a word
MARKS_ONLY_KINDS = {"master_key"}  # published openers; they work, and can be told, only as a whole answer


@dataclass(frozen=True, kw_only=True, slots=True)
class Payload:
    """Something that is said in an interview; a payload is meant for the judge, a look-alike is not."""

    id: str
    kind: str
    language: str
    split: Split
    parts: tuple[str, ...]  # said one after another; several are said with the interviewer in between

    @property
    def text(self) -> str:
        """All of it in one breath."""
        return " ".join(self.parts)

    @property
    def words(self) -> int:
        """Words, for a filler of the same length."""
        return max(1, len(self.text.split()) + len(_UNSPACED.findall(self.text)) // 2)


def payloads() -> tuple[Payload, ...]:
    """Our own, both splits."""
    return tuple(p for name in ("dev", "dev_2", "dev_3", "held_out", "held_out_2") for p in _read(f"{name}.jsonl"))


def lookalikes() -> tuple[Payload, ...]:
    """Our own benign ones, both splits."""
    return tuple(
        p for name in ("dev", "dev_2", "dev_3", "held_out", "held_out_2") for p in _read(f"benign_{name}.jsonl")
    )


def shared() -> tuple[tuple[Payload, ...], tuple[Payload, ...]]:
    """Payloads and look-alikes of the shared file; none where it is absent."""
    found: dict[bool, list[Payload]] = {True: [], False: []}
    for row in _rows(SHARED / "injections" / "injections.jsonl"):
        one = Payload(
            id=row["id"],
            kind=row["category"],
            language=row["language"],
            split="dev" if row["split"] == "dev" else "held-out",
            parts=(row["text"],),
        )
        found[bool(row["benign"])].append(one)
    return tuple(found[False]), tuple(found[True])


def filler(words: int, random: Random) -> str:
    """So many words that say nothing about anything."""
    said: list[str] = []
    while len(said) < words:
        said += random.choice(_NEUTRAL).split()
    return " ".join(said[:words]).rstrip(",;") + "."


def _read(name: str) -> Iterator[Payload]:
    for row in _rows(HERE / name):
        yield Payload(**{**row, "parts": tuple(row["parts"])})


def _rows(path: Path) -> Iterator[dict]:
    if path.is_file():
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.strip():
                yield json.loads(line)


_NEUTRAL = (
    "The bus was a little late this morning, and the street was rather quiet.",
    "There is a small window behind me, and one can hear the birds from time to time.",
    "It rained for most of the day, but the sky is clear again now.",
    "The kettle is on the table next to the lamp and the blue chair.",
    "We had soup for lunch, with bread that was still warm.",
    "The garden is mostly grass, with two old trees near the fence.",
    "My neighbour was carrying boxes up the stairs all afternoon.",
    "The train stops at every village, and the ride takes about an hour.",
)
