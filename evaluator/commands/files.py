"""Files that a command writes: each is there whole or not at all, and none is written over unasked."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO

from evaluator.commands.output import out
from evaluator.errors import Conflict, UsageFault


def write_new(path: Path, content: str, *, force: bool = False) -> None:
    """Writes the file. Conflict: it is there already, and neither `force` nor --yes was said; UsageFault."""
    with new_file(path, over=force or out.yes, flag="--force") as file:
        file.write(content)


@contextmanager
def new_file(path: Path, *, over: bool, flag: str) -> Iterator[IO[str]]:
    """A file to write into, which has its name once the block has ended well.

    over: it may take the place of one; flag: what says so on the command line. Conflict: it is there already, and may
    not; UsageFault: it cannot be written.
    """
    if path.exists() and not over:
        raise _there(path, flag)
    try:
        with NamedTemporaryFile("w", encoding="utf-8", newline="", dir=path.parent, delete=False) as file:
            part = Path(file.name)
            try:
                yield file
                file.close()
                _publish(part, path, over=over, flag=flag)
            finally:
                part.unlink(missing_ok=True)
    except OSError as error:
        raise UsageFault(f"{path} cannot be written: {error.strerror or error}") from error


def _publish(part: Path, path: Path, *, over: bool, flag: str) -> None:
    """Gives the finished file its name; whatever came there meanwhile stays."""
    if over:
        part.replace(path)
        return
    try:
        os.link(part, path)
    except FileExistsError as error:
        raise _there(path, flag) from error


def _there(path: Path, flag: str) -> Conflict:
    return Conflict(f"{path} exists already and stays as it is; name another file, or say {flag} to write over it")
