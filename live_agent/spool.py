"""One interview's file on this machine's disk, for what the store does not have yet.

A line is one thing, in the order in which it was said. Whoever writes holds a lock on the file until it ends, however
it ends, so that nobody takes a file for left that is still being written.
"""

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pydantic import ValidationError

from evaluator.manifest import Consent
from evaluator.transcript import Turn
from evaluator.values import Frozen, canonical
from live_agent.handoff import End, Opening

ENDING = ".jsonl"
FILE_BYTES_MAX = 64 * 1024 * 1024


class Line(Frozen):
    """One line of the file: one of these."""

    opening: Opening | None = None  # the first, where the store was away at consent
    turn: Turn | None = None
    consent: Consent | None = None  # withdrawn, or given again
    end: End | None = None

    def to_bytes(self) -> bytes:
        """The line with its end."""
        return canonical(self.model_dump(mode="json", exclude_none=True)) + b"\n"


class Spool:
    """The file of one interview; the folder and the file appear with the first line, readable by their owner only."""

    def __init__(self, folder: Path, interview_id: str) -> None:
        """Nothing is touched yet."""
        self.path = folder / f"{interview_id}{ENDING}"
        self._file: int | None = None
        self._found = False  # an agent before us has left something in it, which is not ours to remove

    @property
    def begun(self) -> bool:
        """Whether a line was written."""
        return self._file is not None

    def append(self, lines: Sequence[Line]) -> None:
        """Adds the lines; they are on the disk when it returns."""
        if not lines:
            return
        if self._file is None:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._file = _opened(self.path)
            self._found = os.fstat(self._file).st_size > 0
        data = b"".join(line.to_bytes() for line in lines)
        while data:
            data = data[os.write(self._file, data) :]
        os.fsync(self._file)

    def close(self) -> None:
        """Lets go of the file; it stays."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def remove(self) -> None:
        """All that was added is in the store: the file goes, unless it holds something from before."""
        if self.begun and not self._found:
            self.path.unlink(missing_ok=True)
        self.close()


def _opened(path: Path) -> int:
    """The file, locked as being written; made anew where somebody has removed it in between."""
    while True:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        fcntl.flock(file, fcntl.LOCK_SH)  # shared: an agent that resumes may add to what another has left
        if os.fstat(file).st_nlink:
            return file
        os.close(file)


@contextmanager
def left(path: Path) -> Iterator[bool]:
    """Whether nobody writes to the file any more; while the block runs, nobody begins to. FileNotFoundError."""
    file = os.open(path, os.O_RDONLY)
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            is_left = False
        else:
            is_left = True
        yield is_left
    finally:
        os.close(file)


def read(path: Path) -> tuple[list[Line], int]:
    """The lines that can be read, and how many cannot: one that a crash cut off is never the first of several."""
    lines: list[Line] = []
    faulty = 0
    for text in path.read_bytes()[:FILE_BYTES_MAX].splitlines():
        try:
            lines.append(Line.model_validate_json(text))
        except ValidationError:
            faulty += 1
    return lines, faulty
