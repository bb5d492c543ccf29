"""What a command says: data on stdout, everything else on stderr, as people or programs want it."""

import json
import os
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

GLOBAL_FLAGS: Mapping[str, str] = {
    "--json": "json",
    "--quiet": "quiet",
    "-q": "quiet",
    "--verbose": "verbose",
    "-v": "verbose",
    "--no-color": "plain",
    "--yes": "yes",
    "-y": "yes",
}


CLEAR_LINE = "\r\x1b[2K"


@dataclass(kw_only=True, slots=True)
class Output:
    """How this process speaks; set once by `main` from flags that may stand anywhere on the line."""

    json: bool = False
    quiet: bool = False
    verbose: bool = False
    plain: bool = False
    yes: bool = False
    drawn: bool = False  # a moving line stands on the terminal

    @property
    def live(self) -> bool:
        """True where a moving progress line can be drawn."""
        return sys.stderr.isatty() and not (self.quiet or self.json)


out = Output()


def take_global_flags(arguments: Sequence[str]) -> list[str]:
    """The arguments without the global flags, which are remembered; `--` ends the search."""
    rest: list[str] = []
    for n, argument in enumerate(arguments):
        if argument == "--":
            return [*rest, *arguments[n:]]
        if argument in GLOBAL_FLAGS:
            setattr(out, GLOBAL_FLAGS[argument], True)
        else:
            rest.append(argument)
    return rest


def colours() -> bool:
    """True where stdout may be coloured."""
    return sys.stdout.isatty() and not out.plain and "NO_COLOR" not in os.environ


def say(message: str) -> None:
    """Progress, for people: stderr, unless quiet."""
    if not out.quiet:
        warn(message)


def warn(message: str) -> None:
    """What a person must not miss: stderr, always."""
    clear = CLEAR_LINE if out.drawn else ""
    out.drawn = False
    print(f"{clear}{message}", file=sys.stderr, flush=True)


def draw(line: str) -> None:
    """One line that takes the place of the one drawn before; on a terminal only."""
    cut = line[: shutil.get_terminal_size().columns - 1]
    print(f"{CLEAR_LINE}{cut}", end="", file=sys.stderr, flush=True)
    out.drawn = True


def leave_line() -> None:
    """Lets the drawn line stand and goes on below it."""
    if out.drawn:
        print(file=sys.stderr, flush=True)
        out.drawn = False


def put(text: str) -> None:
    """Data for people: stdout."""
    print(text, flush=True)


def put_json(value: Any) -> None:
    """Data for programs: one object on stdout."""
    print(json.dumps(plain(value), ensure_ascii=False, sort_keys=False), flush=True)


def plain(value: Any) -> Any:
    """The value as JSON types."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    if hasattr(value, "isoformat"):
        return value.isoformat()
    return value


def put_table(columns: Sequence[str], rows: Iterable[Sequence[str]], *, right: frozenset[int] = frozenset()) -> None:
    """A table that fits its contents: aligned with spaces, so that it survives a pipe."""
    lines = [list(columns), *[list(row) for row in rows]]
    widths = [max(len(line[n]) for line in lines) for n in range(len(columns))]
    for line in lines:
        cells = [c.rjust(w) if n in right else c.ljust(w) for n, (c, w) in enumerate(zip(line, widths, strict=True))]
        put("  ".join(cells).rstrip())
