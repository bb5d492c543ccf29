"""One worker process's own things: its services, its name, and whether it was told to stop."""

import os
import socket
import tempfile
from dataclasses import dataclass
from pathlib import Path

from evaluator.settings import Settings
from evaluator.storage.database import Database
from evaluator.wiring import Services

DRAIN_VARIABLE = "DEBRIEF_DRAIN_FILE"  # set by the main process before it forks


def drain_file() -> Path:
    """The file whose presence tells all processes of this worker to start nothing new."""
    named = os.environ.get(DRAIN_VARIABLE)
    return Path(named) if named else Path(tempfile.gettempdir()) / f"debrief-drain-{os.getpid()}"


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
        heartbeat = Database(services.database.url.render_as_string(hide_password=False), connections=1)
        return cls(services=services, heartbeat_database=heartbeat, name=f"{node_name(settings)}:{os.getpid()}")

    def draining(self) -> bool:
        """True once this worker was told to stop."""
        return drain_file().exists()
