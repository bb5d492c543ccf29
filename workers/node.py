"""One worker process's own things: its services, its name, and whether it was told to stop."""

import os
import socket
import tempfile
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from evaluator.settings import Settings
from evaluator.storage.database import Database
from evaluator.wiring import Services

DRAIN_VARIABLE = "DEBRIEF_DRAIN_FILE"  # set by the main process before it forks


class Drain(Enum):
    """What a worker was told; each is a file of that name, beside the one that DRAIN_VARIABLE names."""

    CLAIM_NOTHING = "rebalance"  # this machine may be taken away: finish the rows in hand
    STOP = "drain"  # it will be: start no model call


def make_drain_folder() -> Path:
    """A folder that only this user can write to, named to the processes that this one forks; empty."""
    folder = Path(tempfile.mkdtemp(prefix="debrief-worker-"))
    os.environ[DRAIN_VARIABLE] = str(folder / Drain.STOP.value)
    return folder


def drain_file(drain: Drain = Drain.STOP) -> Path | None:
    """The file whose presence tells all processes of this worker; None outside of a worker."""
    named = os.environ.get(DRAIN_VARIABLE)
    return None if not named else Path(named) if drain is Drain.STOP else Path(named).with_name(drain.value)


def tell(drain: Drain) -> None:
    """Tells all processes of this worker; OSError."""
    if (file := drain_file(drain)) is not None:
        file.parent.mkdir(mode=0o700, exist_ok=True)  # what cleans old temporary folders may have taken it
        file.touch()


def _told(drain: Drain) -> bool:
    file = drain_file(drain)
    return file is not None and file.exists()


def node_name(settings: Settings) -> str:
    """This machine's name in the accounts."""
    return settings.node or socket.gethostname()[:40]


@dataclass(frozen=True, kw_only=True, slots=True)
class Node:
    """What a child process holds; built after the fork, so that no connection is shared."""

    services: Services
    heartbeat_database: Database  # a connection of its own: renewals never wait for other work
    name: str

    @classmethod
    def build(cls, settings: Settings) -> "Node":
        """A node of these settings; opens no connection yet."""
        services = Services(settings=settings)
        url = services.database.url.render_as_string(hide_password=False)
        heartbeat = Database(url, connections=1, patience_s=settings.heartbeat_s)
        return cls(services=services, heartbeat_database=heartbeat, name=f"{node_name(settings)}:{os.getpid()}")

    def draining(self) -> bool:
        """True once this worker was told to stop: start no further model call."""
        return _told(Drain.STOP)

    def claiming(self) -> bool:
        """False once this worker should begin no further row, be it that it stops or may have to soon."""
        return not _told(Drain.STOP) and not _told(Drain.CLAIM_NOTHING)
