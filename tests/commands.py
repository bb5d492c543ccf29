"""Runs the command line as a user does: a process of its own, its exit code, its two streams."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TIMEOUT_S = 240
_KEPT = ("PATH", "HOME", "LANG", "VIRTUAL_ENV")


@dataclass(frozen=True, kw_only=True, slots=True)
class Finished:
    """What a command left."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        """The one object on stdout."""
        return json.loads(self.out)


def debrief(*arguments: str, env: Mapping[str, str], cwd: Path, stdin: str = "") -> Finished:
    """One command with just this environment; stdin: what is typed."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    done = subprocess.run(
        [str(Path(sys.executable).with_name("debrief")), *arguments],
        env={**kept, **env},
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
        input=stdin,
    )
    return Finished(code=done.returncode, out=done.stdout, err=done.stderr)
