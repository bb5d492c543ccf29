"""Files that a command writes: each is there whole or not at all, and none is written over unasked."""

import os
from pathlib import Path
from tempfile import NamedTemporaryFile

from evaluator.commands.output import out
from evaluator.errors import Conflict, UsageFault


def write_new(path: Path, content: str, *, force: bool = False) -> None:
    """Writes the file. Conflict: it is there already, and neither `force` nor --yes was said; UsageFault."""
    over = force or out.yes
    if path.exists() and not over:
        raise _there(path)
    try:
        with NamedTemporaryFile("w", encoding="utf-8", newline="", dir=path.parent, delete=False) as file:
            part = Path(file.name)
            try:
                file.write(content)
                file.close()
                _publish(part, path, over=over)
            finally:
                part.unlink(missing_ok=True)
    except OSError as error:
        raise UsageFault(f"{path} cannot be written: {error.strerror or error}") from error


def _publish(part: Path, path: Path, *, over: bool) -> None:
    """Gives the finished file its name; whatever came there meanwhile stays."""
    if over:
        part.replace(path)
        return
    try:
        os.link(part, path)
    except FileExistsError as error:
        raise _there(path) from error


def _there(path: Path) -> Conflict:
    return Conflict(f"{path} exists already and stays as it is; name another file, or say --force to write over it")
