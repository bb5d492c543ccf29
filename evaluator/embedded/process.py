"""One service of the embedded default: who holds it, how it is started under its guard, and how it is let go."""

import contextlib
import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Protocol, runtime_checkable

from evaluator.errors import EmbeddedFailed

LOOPBACK = "127.0.0.1"
OPEN_FOLDER = Path("/proc/self/fd/100")  # guard.py, FOLDER_FD
GUARD = Path(__file__).with_name("guard.py")
INSTALL = "pip install 'debrief[embedded,cpu]'"

POLL_S = 0.1
GUARD_START_S = 15.0  # a guard is up in milliseconds; a machine that swaps takes longer
PORT_TRIES = 3  # a port is free when picked, and may be taken before the service binds it
JOIN_WAIT_S = 180.0  # for another command that starts or stops the same service
TAIL_LINES = 15
LOG_BYTES_MAX = 10 * 1024 * 1024  # then the log begins anew, and one older file is kept
ORPHAN_WAIT_S = 10.0

_PORT_TAKEN = ("address already in use", "could not create any tcp/ip sockets", "failed listening on port")
_LOG_MARK = "=== "  # begins the line that each start writes into the log
_TELLING = ("fatal", "error", "panic", "cannot", "can't", "failed")


class Cancelled(Exception):
    """Raised inside a starting thread when the command that wanted the service is ending."""


class Progress(Protocol):
    """Where a starting service reports what it does; `check` raises Cancelled when it should give up."""

    def stage(self, text: str) -> None:
        """What happens now, such as `loading`; repeated with the elapsed seconds until the next stage."""

    def check(self) -> None:
        """Raises Cancelled when the start was given up."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Launch:
    """One command as its guard runs it."""

    command: tuple[str, ...]
    environment: Mapping[str, str]
    folder: Path  # working folder
    stop_signal: signal.Signals = signal.SIGTERM
    grace_s: float = 10.0  # between that signal and SIGKILL
    account: tuple[int, int] | None = None  # user and group id, where not ours
    open_folder: Path | None = None  # opened by the guard; the command sees it as OPEN_FOLDER
    scratch: tuple[Path, ...] = ()  # folders that go when the service has gone


Run = Callable[[Launch], None]


class Service(Protocol):
    """What one kind of service has to say; `postgres`, `valkey` and `engine` do."""

    name: str  # of its files: `postgres`
    title: str  # for people: `PostgreSQL`
    ready_within_s: float

    def prepare(self, run: Run, progress: Progress) -> None:
        """Make its data ready; `run` runs a command under a guard to its end. EmbeddedFailed when it cannot."""

    def launch(self, port: int) -> Launch:
        """How to run it on that port of the loopback address."""

    def answers(self, port: int) -> bool:
        """Whether it serves a real request there, as ours: another program on the port does not count."""


@runtime_checkable
class Mending(Protocol):
    """A service that can put right what ended its start."""

    def mend(self, last_words: tuple[str, ...]) -> str | None:
        """What was put right, for people, so that a second try is worth it; None when nothing could be."""


# ---------------------------------------------------------------- processes


def process_identity(pid: int) -> tuple[int, int] | None:
    """(process id, start time in clock ticks since boot); None when it does not run, zombies included."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        return None if fields[0] in "ZX" else (pid, int(fields[19]))
    return None


def _session_of(pid: int) -> int | None:
    with contextlib.suppress(OSError, ValueError, IndexError):
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        return int(stat.rpartition(")")[2].split()[3])
    return None


# ---------------------------------------------------------------- files of one service


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where one service keeps its locks, records and log under the data folder."""

    home: Path
    name: str

    @property
    def log(self) -> Path:
        """What the service and its guard print."""
        return self.home / "log" / f"{self.name}.log"

    @property
    def record(self) -> Path:
        """Written when the service is ready, removed when it stops: `{"port": int}`."""
        return self.home / "run" / f"{self.name}.json"

    @property
    def state(self) -> Path:
        """Written by the guard: which processes run."""
        return self.home / "run" / f"{self.name}.guard.json"

    @property
    def users(self) -> Path:
        """Each user of the service holds a shared lock on it."""
        return self.home / "run" / f"{self.name}.users"

    @property
    def lock(self) -> Path:
        """Locked while the service starts, runs or stops: two never run on one data folder."""
        return self.home / "run" / f"{self.name}.lock"

    @property
    def last_port(self) -> Path:
        """The port of the last start, taken again when it is free."""
        return self.home / "run" / f"{self.name}.port"

    def hold(self) -> int | None:
        """A shared lock's descriptor; None while the guard is stopping the service."""
        return _flock(self.users, fcntl.LOCK_SH)

    def seize(self) -> int | None:
        """The service's own lock; None while a guard, or a command that starts it, has it."""
        return _flock(self.lock, fcntl.LOCK_EX)

    def port(self) -> int | None:
        """The port of the service that is ready, by its record."""
        record = _read_json(self.record)
        port = record.get("port")
        return port if isinstance(port, int) and 0 < port < 65_536 else None

    def guard(self) -> tuple[int, int] | None:
        """The guard's process, when it runs."""
        return _running(_read_json(self.state).get("guard"))

    def tail(self) -> tuple[str, ...]:
        """The last lines that the latest start printed."""
        lines: deque[str] = deque(maxlen=TAIL_LINES)
        with contextlib.suppress(OSError), self.log.open(encoding="utf-8", errors="replace") as file:
            for line in file:
                if line.startswith(_LOG_MARK):
                    lines.clear()
                elif line.strip():
                    lines.append(line.rstrip()[:300])
        return tuple(lines)


def _flock(path: Path, mode: int) -> int | None:
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, mode | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        return None
    except OSError:
        os.close(fd)
        raise
    return fd


def _read_json(path: Path) -> dict[str, object]:
    with contextlib.suppress(OSError, ValueError):
        value = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(value, dict):
            return value
    return {}


def _running(identity: object) -> tuple[int, int] | None:
    """The process of a recorded identity, when it still is that process."""
    if not isinstance(identity, dict):
        return None
    pid, started = identity.get("pid"), identity.get("started")
    if not (isinstance(pid, int) and isinstance(started, int)):
        return None
    return (pid, started) if process_identity(pid) == (pid, started) else None


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, whole or not at all."""
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    aside.replace(path)


def free_port(preferred: int | None = None) -> int:
    """A port of the loopback address that nobody listens on now; the preferred one when it is free."""
    for port in (preferred, 0):
        if port is None:
            continue
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((LOOPBACK, port))
            return int(probe.getsockname()[1])
    raise EmbeddedFailed(f"no free port on {LOOPBACK}: too many connections are open on this machine")


# ---------------------------------------------------------------- start, join, let go


_left_running: list["subprocess.Popen[bytes]"] = []  # guards that outlive our use of them; kept, as Popen wants


@dataclass(kw_only=True, slots=True)
class Tenancy:
    """One command's use of a running service; letting it go stops the service when nobody else uses it."""

    place: Place
    title: str
    port: int
    started_here: bool
    hold: int | None = field(repr=False)
    guard: tuple[int, int]
    child: "subprocess.Popen[bytes] | None" = field(default=None, repr=False)  # the guard, where this process began it

    def alive(self) -> bool:
        """Whether the service still runs."""
        if self.child is not None and self.child.poll() is not None:
            return False
        return process_identity(self.guard[0]) == self.guard

    def let_go(self) -> None:
        """Give up the hold; at once, without waiting for anything."""
        if self.hold is not None:
            os.close(self.hold)
            self.hold = None

    def await_end(self, timeout_s: float) -> bool:
        """After let_go: wait until the service has gone. False: others use it, or it takes longer than that."""
        deadline = time.monotonic() + timeout_s
        while self.alive() and time.monotonic() < deadline:
            if self._used_by_others():
                if self.child is not None:
                    _left_running.append(self.child)
                return False
            time.sleep(POLL_S / 2)
        if self.child is not None:  # a process whose threads are still ending is a zombie that cannot be collected yet
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.child.wait(max(POLL_S, deadline - time.monotonic()))
        return not self.alive()

    def _used_by_others(self) -> bool:
        exclusive = _flock(self.place.users, fcntl.LOCK_EX)
        if exclusive is not None:  # nobody; the guard has not woken up yet
            os.close(exclusive)
            return False
        shared = _flock(self.place.users, fcntl.LOCK_SH)
        if shared is None:  # the guard has it, and is stopping the service
            return False
        os.close(shared)
        return True


def bring_up(service: Service, home: Path, progress: Progress) -> Tenancy:
    """Join the service that another command runs on this data folder, or start it.

    Raises EmbeddedFailed when it does not become ready, Cancelled when the progress says so.
    """
    place = Place(home=home, name=service.name)
    deadline = time.monotonic() + JOIN_WAIT_S
    while time.monotonic() < deadline:
        progress.check()
        hold = place.hold()
        if hold is not None:
            try:
                tenancy = _start_or_join(service, place, hold, progress)
            except BaseException:
                os.close(hold)
                raise
            if tenancy is not None:
                return tenancy
            os.close(hold)
        progress.stage("waiting for another debrief command that starts or stops it")
        time.sleep(POLL_S)
    guard = place.guard()
    raise EmbeddedFailed(
        f"{service.title} is run by another debrief command and has not answered for {JOIN_WAIT_S:.0f} s; "
        f"stop that command{f' (process {guard[0]})' if guard else ''} and try again. Log: {place.log}"
    )


def _start_or_join(service: Service, place: Place, hold: int, progress: Progress) -> Tenancy | None:
    """None: somebody else is starting it, so look again."""
    lock = place.seize()
    if lock is None:
        return _join(service, place, hold)
    try:
        _clear_leftovers(place)
        progress.stage("starting")
        service.prepare(lambda launch: _run_to_end(service, place, launch, lock, progress), progress)
        return _start(service, place, hold, lock, progress)
    finally:
        os.close(lock)  # the guard has its own copy


def _join(service: Service, place: Place, hold: int) -> Tenancy | None:
    port, guard = place.port(), place.guard()
    if port is None or guard is None or not service.answers(port):
        return None
    return Tenancy(place=place, title=service.title, port=port, started_here=False, hold=hold, guard=guard)


def _start(service: Service, place: Place, hold: int, lock: int, progress: Progress) -> Tenancy:
    preferred = None
    with contextlib.suppress(OSError, ValueError):
        preferred = int(place.last_port.read_text(encoding="ascii"))
    for attempt in range(PORT_TRIES):
        port = free_port(preferred if attempt == 0 else None)
        child = _spawn_guard(place, service.launch(port), lock)
        try:
            if _await_ready(service, place, port, child, progress):
                guard = place.guard()
                if guard is not None:
                    write_private(place.record, json.dumps({"port": port}))
                    write_private(place.last_port, str(port))
                    return Tenancy(
                        place=place,
                        title=service.title,
                        port=port,
                        started_here=True,
                        hold=hold,
                        guard=guard,
                        child=child,
                    )
        except BaseException:
            _end(child)
            raise
        _end(child)
        if not _worth_a_retry(service, place.tail(), progress):
            break
    raise failure(service.title, "ended while it started", place)


def _worth_a_retry(service: Service, last_words: tuple[str, ...], progress: Progress) -> bool:
    if any(taken in line.lower() for taken in _PORT_TAKEN for line in last_words):
        return True
    mended = service.mend(last_words) if isinstance(service, Mending) else None
    if mended:
        progress.stage(mended)
    return mended is not None


def _await_ready(
    service: Service, place: Place, port: int, child: "subprocess.Popen[bytes]", progress: Progress
) -> bool:
    """True when it answers; False when it ended. EmbeddedFailed after ready_within_s."""
    deadline = time.monotonic() + service.ready_within_s
    while time.monotonic() < deadline:
        progress.check()
        if child.poll() is not None:
            return False
        if service.answers(port):
            return child.poll() is None
        time.sleep(POLL_S)
    raise failure(service.title, f"was not ready after {service.ready_within_s:.0f} s", place)


def _run_to_end(service: Service, place: Place, launch: Launch, lock: int, progress: Progress) -> None:
    """Run a command under a guard until it ends; EmbeddedFailed unless it exits with 0."""
    child = _spawn_guard(place, launch, lock)
    try:
        while child.poll() is None:
            progress.check()
            time.sleep(POLL_S / 2)
    except BaseException:
        _end(child)
        raise
    if child.returncode != 0:
        raise failure(service.title, f"could not be set up ({Path(launch.command[0]).name} failed)", place)


def _spawn_guard(place: Place, launch: Launch, lock: int) -> "subprocess.Popen[bytes]":
    options = [f"--users={place.users}", f"--lock-fd={lock}", f"--state={place.state}", f"--forget={place.record}"]
    options += [f"--stop-signal={int(launch.stop_signal)}", f"--grace-s={launch.grace_s}"]
    options += [f"--scratch={folder}" for folder in launch.scratch]
    if launch.account is not None:
        options += [f"--uid={launch.account[0]}", f"--gid={launch.account[1]}"]
    if launch.open_folder is not None:
        options.append(f"--open-folder={launch.open_folder}")
    with _open_log(place.log, launch.command[0]) as log:
        return subprocess.Popen(
            [sys.executable, "-I", "-S", str(GUARD), *options, "--", *launch.command],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=launch.folder,
            env=dict(launch.environment),
            pass_fds=(lock,),
            start_new_session=True,  # Ctrl-C in the terminal reaches the command, which then stops its services
        )


def _open_log(path: Path, command: str) -> BinaryIO:
    with contextlib.suppress(OSError):
        if path.stat().st_size > LOG_BYTES_MAX:
            path.replace(path.with_suffix(".old.log"))
    log = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600), "ab")
    log.write(f"{_LOG_MARK}{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} {command}\n".encode())
    log.flush()
    return log


def _end(child: "subprocess.Popen[bytes]") -> None:
    """Stop a guard begun here, and wait for it: twice SIGTERM skips the grace period."""
    for wait_s in (GUARD_START_S, GUARD_START_S):
        if child.poll() is not None:
            return
        child.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(wait_s)


def _clear_leftovers(place: Place) -> None:
    """With the lock in hand nothing may run: remove the records, and kill what a killed guard left behind."""
    session = _read_json(place.state).get("service")
    place.record.unlink(missing_ok=True)
    place.state.unlink(missing_ok=True)
    if not isinstance(session, dict) or not isinstance(session.get("pid"), int):
        return
    leader = process_identity(session["pid"])
    if leader is not None and leader[1] != session.get("started"):
        return  # the id is somebody else's by now, and then no process of that old session is left
    deadline = time.monotonic() + ORPHAN_WAIT_S
    while (orphans := _session_members(session["pid"])) and time.monotonic() < deadline:
        for pid in orphans:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(POLL_S)


def _session_members(session: int) -> list[int]:
    pids = [int(folder.name) for folder in Path("/proc").iterdir() if folder.name.isdigit()]
    return [pid for pid in pids if _session_of(pid) == session and process_identity(pid) is not None]


def failure(title: str, what: str, place: Place) -> EmbeddedFailed:
    """One line with the most telling line of the log and where the log is; the log's tail as notes."""
    tail = place.tail()
    telling = next((line for line in reversed(tail) if any(word in line.lower() for word in _TELLING)), None)
    reason = telling or (tail[-1] if tail else "its log is empty")
    error = EmbeddedFailed(f"{title} {what}: {reason.strip()[:200]} (log: {place.log})")
    for line in tail:
        error.add_note(line)
    return error
