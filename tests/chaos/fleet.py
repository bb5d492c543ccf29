"""The fleet under test: real services, nodes and reconcilers as process groups, and a supervisor that restarts them."""

import contextlib
import json
import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from pydantic import SecretStr
from sqlalchemy import text

from evaluator.commands.worker_process import worker_command, worker_environment
from evaluator.embedded.postgres import Postgres
from evaluator.embedded.process import Tenancy, bring_up
from evaluator.embedded.services import make_home, secret
from evaluator.embedded.valkey import Valkey
from evaluator.errors import DatabaseUnavailable, EmbeddedFailed
from evaluator.settings import Settings
from evaluator.storage.database import Database
from evaluator.wiring import Services
from migrations import history
from tests.integration.workers.imds import FakeImds

ROOT = Path(__file__).parents[2]
RESTART_S = 1.0
MODEL = "stub-judge@1"
_SETPRIV = shutil.which("setpriv")  # however the harness ends, its fleet ends too
_DIES_WITH_US = (_SETPRIV, "--pdeathsig", "KILL") if _SETPRIV else ()


class _Quiet:
    def stage(self, text: str) -> None:
        return None

    def check(self) -> None:
        return None


@dataclass
class Server:
    """One embedded service that can crash, freeze and come back on its port."""

    service: Any
    home: Path
    tenancy: Tenancy | None = None

    def up(self) -> None:
        """Starts it; a server that was killed may need a second try."""
        for attempt in range(5):
            try:
                self.tenancy = bring_up(self.service, self.home, _Quiet())
            except EmbeddedFailed:
                if attempt == 4:
                    raise
                time.sleep(0.5)
            else:
                return

    @property
    def url(self) -> str:
        """Where it is, with its password."""
        return self.service.url(self.tenancy.port)

    def processes(self) -> list[psutil.Process]:
        """The server's own and its children."""
        leader = psutil.Process(json.loads(self.tenancy.place.state.read_text())["service"]["pid"])
        return [leader, *leader.children(recursive=True)]

    def crash(self) -> None:
        """SIGKILL, and all its processes gone."""
        with contextlib.suppress(psutil.NoSuchProcess):
            self.processes()[0].kill()
        self.down()

    def down(self) -> None:
        """Stopped, and gone."""
        self.tenancy.let_go()
        self.tenancy.await_end(30)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """SIGSTOP for as long as the block takes."""
        stopped = self.processes()
        for process in stopped:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.suspend()
        try:
            yield
        finally:
            for process in stopped:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.resume()


@dataclass
class Member:
    """One process group of the fleet, started again a second after it ended, as long as it is wanted."""

    name: str
    command: tuple[str, ...]
    environment: dict[str, str]
    log: Path
    process: subprocess.Popen | None = None
    wanted: bool = True
    ended_at: float | None = None
    starts: int = 0
    leaving: bool = False  # told to stop, or frozen: it takes nothing over
    _log_at: int = 0  # where the log of this start begins
    _ready: bool = False

    def start(self) -> None:
        """As a session of its own."""
        with self.log.open("ab") as log:
            self._log_at = log.tell()
            self.process = subprocess.Popen(
                (*_DIES_WITH_US, *self.command),
                env=self.environment,
                cwd=ROOT,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.starts, self.ended_at = self.starts + 1, None
        self.leaving = self._ready = False

    def alive(self) -> bool:
        """Whether its first process runs."""
        return self.process is not None and self.process.poll() is None

    def signal_group(self, number: signal.Signals) -> None:
        """To every process of its group."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)

    def takes_over(self) -> bool:
        """Whether this worker could claim a row now."""
        if not self._ready:
            with self.log.open("rb") as log:
                log.seek(self._log_at)
                self._ready = b" ready." in log.read()
        return self._ready and not self.leaving and self.alive()

    def children(self) -> list[psutil.Process]:
        """A worker's prefork children."""
        with contextlib.suppress(psutil.NoSuchProcess):
            return psutil.Process(self.process.pid).children()
        return []

    def tend(self) -> None:
        """What the supervisor does about it now."""
        if self.alive() or not self.wanted:
            return
        now = time.monotonic()
        if self.ended_at is None:
            self.ended_at = now
            self.signal_group(signal.SIGKILL)  # what a dead leader left
        elif now - self.ended_at >= RESTART_S:
            self.start()

    def end(self) -> None:
        """Gone for good, even when it is frozen."""
        self.wanted = False
        self.signal_group(signal.SIGCONT)
        self.signal_group(signal.SIGKILL)
        if self.process is not None:
            self.process.wait(10)


@dataclass
class Fleet:
    """Everything that runs; `folder` holds its files."""

    folder: Path
    seed: int
    nodes_wanted: int
    slots: int
    delay_ms: float
    settings: Settings
    postgres: Server
    valkey: Server
    members: dict[str, Member] = field(default_factory=dict)
    without_a_slot: list[tuple[float, float]] = field(default_factory=list)  # wall-clock seconds
    imds: dict[str, FakeImds] = field(default_factory=dict)  # each node's own metadata service
    _stop: threading.Event = field(default_factory=threading.Event)
    _tending: threading.Thread | None = None

    @property
    def nodes(self) -> list[Member]:
        """The worker nodes."""
        return [member for name, member in self.members.items() if name.startswith("node")]

    @property
    def reconcilers(self) -> list[Member]:
        """The reconcilers."""
        return [member for name, member in self.members.items() if name.startswith("reconciler")]

    @property
    def engine(self) -> Member:
        """The engine that the nodes share."""
        return self.members["engine"]

    @property
    def engine_log(self) -> Path:
        """A line for each judgement that was asked for."""
        return self.folder / "engine-calls.log"

    def begin(self) -> None:
        """Starts engine, nodes and reconcilers, and their supervisor."""
        for member in self.members.values():
            member.start()
        self._tending = threading.Thread(target=self._tend, daemon=True)
        self._tending.start()

    def _tend(self) -> None:
        while not self._stop.wait(0.1):
            for member in self.members.values():
                member.tend()
            if not any(node.takes_over() for node in self.nodes):
                self.without_a_slot.append((time.time() - 0.1, time.time() + self.settings.tick_s))

    def end(self) -> None:
        """Stops everything, and waits for it."""
        self._stop.set()
        if self._tending:
            self._tending.join()
        for member in self.members.values():
            member.end()
        for imds in self.imds.values():
            imds.__exit__(None, None, None)
        for server in (self.valkey, self.postgres):
            server.down()


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def prepare(
    folder: Path, *, seed: int, nodes: int, slots: int, reconcilers: int, delay_ms: float, moto: bool = False
) -> Fleet:
    """Servers up, two migrated databases (`debrief`, `undisturbed`), members known but not started."""
    home = make_home(folder / "home")
    for name in ("store", "undisturbed", "armed", "log", "tmp"):
        (folder / name).mkdir()
    postgres = Server(Postgres(home=home, password=secret(home, "postgres")), home)
    valkey = Server(Valkey(home=home, password=secret(home, "valkey")), home)
    postgres.up()
    valkey.up()
    fields: dict[str, Any] = {
        "home": home,
        "database_url": SecretStr(postgres.url),
        "broker_url": SecretStr(valkey.url),
        "store_url": _bucket() if moto else f"file://{folder}/store",
        "engine_url": f"http://127.0.0.1:{free_port()}",
        "model": MODEL,
        "worker_slots": slots,
        "engine_timeout_s": 3.0,
        "lease_s": 4.0,
        "heartbeat_s": 1.0,
        "tick_s": 1.0,
        "soft_shutdown_s": 2.0,
        "infrastructure_delay_s": 1.0,
        "content_delay_s": 1.0,
    }
    known = {name: value for name, value in fields.items() if name in Settings.model_fields}
    settings = Settings(**known)
    fleet = Fleet(
        folder=folder,
        seed=seed,
        nodes_wanted=nodes,
        slots=slots,
        delay_ms=delay_ms,
        settings=settings,
        postgres=postgres,
        valkey=valkey,
    )
    database = Database(postgres.url)
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text('CREATE DATABASE "undisturbed"'))
    history.upgrade(database)
    database.close()
    other = Database(undisturbed_settings(fleet).database_url.get_secret_value())
    history.upgrade(other)
    other.close()
    fleet.members["engine"] = engine_member(fleet, "engine", settings, delay_ms)
    for number in range(1, reconcilers + 1):
        _add_reconciler(fleet, f"reconciler{number}")
    for number in range(1, nodes + 1):
        _add_node(fleet, f"node{number}")
    return fleet


def _bucket() -> str:
    """A new bucket on a moto server in this process, which ends with it; its URL."""
    import boto3
    from moto.server import ThreadedMotoServer

    os.environ |= {
        "AWS_ACCESS_KEY_ID": "chaos",
        "AWS_SECRET_ACCESS_KEY": "chaos",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # it tells every request
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    boto3.client("s3", endpoint_url=f"http://{host}:{port}", region_name="us-east-1").create_bucket(Bucket="chaos")
    return f"s3://chaos?endpoint=http://{host}:{port}&region=us-east-1"


def undisturbed_settings(fleet: Fleet) -> Settings:
    """The same judge over the same input, with a database and a store of its own."""
    url = fleet.settings.database_url.get_secret_value().rpartition("/")[0] + "/undisturbed"
    return fleet.settings.model_copy(
        update={
            "database_url": SecretStr(url),
            "store_url": f"file://{fleet.folder}/undisturbed",
            "engine_url": f"http://127.0.0.1:{free_port()}",
        }
    )


def engine_member(fleet: Fleet, name: str, settings: Settings, delay_ms: float) -> Member:
    """The stub engine at the settings' address, not started."""
    options = {
        "--port": settings.engine_url.rpartition(":")[2],
        "--seed": str(fleet.seed),
        "--delay-ms": str(delay_ms),
        "--log": str(fleet.folder / f"{name}-calls.log"),
    }
    command = (sys.executable, "-m", "tests.chaos.engine", *(part for pair in options.items() for part in pair))
    return Member(name, command, dict(os.environ), fleet.folder / "log" / f"{name}.log")


def _environment(fleet: Fleet, name: str, **fields: object) -> dict[str, str]:
    services = Services(settings=fleet.settings.model_copy(update={"node": name, **fields}))
    return {
        **worker_environment(services, dict(os.environ)),
        "TMPDIR": str(fleet.folder / "tmp"),
        "CHAOS_FOLDER": str(fleet.folder / "armed"),
    }


def _add_node(fleet: Fleet, name: str) -> None:
    command = tuple("tests.chaos.worker" if part == "workers.app" else part for part in worker_command(fleet.slots))
    imds = fleet.imds[name] = FakeImds()
    imds.__enter__()
    environment = _environment(fleet, name, spot=True, imds_url=imds.url)
    fleet.members[name] = Member(name, command, environment, fleet.folder / "log" / f"{name}.log")


def _add_reconciler(fleet: Fleet, name: str) -> None:
    command = (sys.executable, "-c", "import sys; from evaluator.cli import main; sys.exit(main())", "reconcile")
    environment = {k: v for k, v in _environment(fleet, name).items() if k != "REMAP_SIGTERM"}
    fleet.members[name] = Member(name, command, environment, fleet.folder / "log" / f"{name}.log")


def patiently(act: Callable[[], Any], within_s: float = 60.0) -> Any:
    """The result, once the database is there again."""
    deadline = time.monotonic() + within_s
    while True:
        try:
            return act()
        except DatabaseUnavailable:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


def remove_queue(fleet: Fleet) -> None:
    """Without its file a broker that starts again knows nothing."""
    shutil.rmtree(fleet.valkey.service.folder / "appendonlydir", ignore_errors=True)
