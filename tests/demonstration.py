"""Runs `debrief demo` as a user does, until its pages are served; the browser comes in by the link that it prints."""

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

READY_S = 240.0  # to simulate and to score 12 interviews, and to load an engine where none is there
STOP_S = 60.0
_KEPT = ("PATH", "HOME", "LANG", "VIRTUAL_ENV")


@dataclass
class Demonstration:
    """What is served, and what was said until now."""

    pages: str = ""
    sign_in: str = ""
    out: list[str] = field(default_factory=list)
    err: list[str] = field(default_factory=list)
    code: int | None = None  # after it was stopped

    def read(self, line: str) -> None:
        """Takes one line of what it prints."""
        self.out.append(line)
        if found := re.fullmatch(r"Pages: (\S+)", line):
            self.pages = found[1]
        if found := re.fullmatch(r"Sign in: (\S+)", line):
            self.sign_in = found[1]


@contextmanager
def demonstration(env: Mapping[str, str], cwd: Path) -> Iterator[Demonstration]:
    """12 interviews that are scored, and their pages; stopped with Ctrl-C at the end. RuntimeError if it fails."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    command = (str(Path(sys.executable).with_name("debrief")), "demo", "--port", "0")
    shown, ready = Demonstration(), threading.Event()
    with subprocess.Popen(
        command, env={**kept, **env, "PYTHONUNBUFFERED": "1"}, cwd=cwd, text=True, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip

        def listen() -> None:
            for line in process.stdout:
                shown.read(line.rstrip("\n"))
                if shown.sign_in:
                    ready.set()
            ready.set()

        listeners = [
            threading.Thread(target=listen),
            threading.Thread(target=lambda: shown.err.extend(line.rstrip("\n") for line in process.stderr)),
        ]
        for listener in listeners:
            listener.start()
        try:
            if not ready.wait(READY_S) or not shown.sign_in:
                raise RuntimeError("debrief demo served no pages: " + "\n".join(shown.err[-20:]))
            yield shown
        finally:
            _stop(process)
            for listener in listeners:
                listener.join()
            shown.code = process.returncode


def _stop(process: subprocess.Popen) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
