"""Run one service, and leave no process of it behind: a small program that outlives whoever started it.

    python -I -S guard.py --users FILE --lock-fd N --state FILE [options] -- COMMAND...

Every command that uses the service holds a shared lock on the users file; the kernel drops such a lock however its
holder ends, SIGKILL included. The guard waits for the exclusive lock: once it gets it, nobody uses the service, and
nobody can begin to (a newcomer's shared lock is refused). Then, or on SIGTERM, or when the service ends by itself, the
guard stops the service, kills whatever that left running (as a child subreaper it inherits orphans), and exits, which
frees the lock file: the next start of this service may begin.

Only the standard library, nothing of ours, and no site: it must be up within a few milliseconds.
"""

import argparse
import contextlib
import ctypes
import fcntl
import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
KILL_WAIT_S = 10.0  # how long killed processes may take to vanish (a disk wait cannot be interrupted)
KILL_ROUND_S = 0.05
FOLDER_FD = 100  # the service reaches its folder as /proc/self/fd/100, whatever lies above it
NOBODY_USES_IT = 0  # byte on the wake-up pipe; any other byte there is a signal number
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)


def main(arguments: list[str]) -> int:
    """Guard the command until it ends or nobody needs it; returns its exit code, 0 where the guard stopped it."""
    options = _parse(arguments)
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    wake = _wake_pipe()
    service = _spawn(options, libc)
    if service is None:
        return 127
    _write_state(options.state, service)
    threading.Thread(target=_wait_for_no_users, args=(options.users, wake[1]), daemon=True).start()
    try:
        return _supervise(service, wake[0], options)
    finally:
        _remove(options.state, *options.forget)
        _kill_the_rest()
        for folder in options.scratch:
            _remove_folder(folder)


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="guard", description="Run one service and leave no process of it behind.")
    parser.add_argument("--users", required=True, help="file on which every user of the service holds a shared lock")
    parser.add_argument("--lock-fd", type=int, required=True, help="inherited lock, held until nothing runs any more")
    parser.add_argument("--state", required=True, help="where to write who runs what; removed at the stop")
    parser.add_argument("--forget", action="append", default=[], metavar="FILE", help="removed at the stop")
    parser.add_argument("--scratch", action="append", default=[], metavar="FOLDER", help="removed after the stop")
    parser.add_argument("--stop-signal", type=int, default=int(signal.SIGTERM), help="asks the service to end")
    parser.add_argument("--grace-s", type=float, default=10.0, help="wait between that signal and SIGKILL")
    parser.add_argument("--uid", type=int, help="run the service as this user")
    parser.add_argument("--gid", type=int, help="and this group")
    parser.add_argument("--open-folder", help=f"open it as descriptor {FOLDER_FD} of the service")
    parser.add_argument("command", nargs="+")
    return parser.parse_args(arguments)


def _wake_pipe() -> tuple[int, int]:
    """A pipe that gets one byte per signal, so that one `select` waits for everything."""
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    for number in SIGNALS:
        signal.signal(number, lambda *_: None)
    return reader, writer


def _spawn(options: argparse.Namespace, libc: ctypes.CDLL) -> "subprocess.Popen[bytes] | None":
    """Start the command in a session of its own; it dies with the guard even if the guard is killed."""

    def die_with_guard() -> None:
        libc.prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)

    try:
        if options.open_folder:
            os.dup2(os.open(options.open_folder, os.O_RDONLY | os.O_DIRECTORY), FOLDER_FD)
        return subprocess.Popen(
            options.command,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            user=options.uid,
            group=options.gid,
            pass_fds=(FOLDER_FD,) if options.open_folder else (),
            extra_groups=None if options.uid is None else [],
            preexec_fn=die_with_guard,  # no other thread runs yet, so this is safe
        )
    except OSError as error:
        sys.stderr.write(f"cannot run {options.command[0]}: {error.strerror}\n")  # goes to the service's log
        return None


def _write_state(path: str, service: "subprocess.Popen[bytes]") -> None:
    state = {"guard": _identity(os.getpid()), "service": _identity(service.pid)}
    aside = Path(f"{path}.{os.getpid()}")
    aside.write_text(json.dumps(state), encoding="ascii")
    aside.replace(path)


def _identity(pid: int) -> dict[str, int]:
    """A process id with its start time (clock ticks since boot): ids are used again, the pair is not."""
    with contextlib.suppress(OSError):
        return {"pid": pid, "started": int(_stat(Path(f"/proc/{pid}"))[19])}
    return {"pid": pid, "started": 0}


def _wait_for_no_users(path: str, wake: int) -> None:
    """Blocks until no process holds the users file, then keeps it, so that none can begin to."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(fd, fcntl.LOCK_EX)
    os.write(wake, bytes([NOBODY_USES_IT]))


def _supervise(service: "subprocess.Popen[bytes]", wake: int, options: argparse.Namespace) -> int:
    """Wait for the first reason to end, and end; returns the exit code."""
    ended = _reap(service.pid)
    while ended is None:
        reasons = _wait(wake, None)
        ended = _reap(service.pid)
        if ended is None and reasons - {int(signal.SIGCHLD)}:
            _remove(options.state, *options.forget)  # from here on nobody should join
            _ask_to_stop(service, wake, options)
            return 0
    return ended


def _ask_to_stop(service: "subprocess.Popen[bytes]", wake: int, options: argparse.Namespace) -> None:
    """The polite signal, then up to grace_s; a second SIGTERM ends the wait."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(service.pid, options.stop_signal)
    deadline = time.monotonic() + options.grace_s
    while (left := deadline - time.monotonic()) > 0 and _reap(service.pid) is None:
        if int(signal.SIGTERM) in _wait(wake, left):
            return


def _wait(wake: int, timeout_s: float | None) -> set[int]:
    """The bytes that arrived: signal numbers, or NOBODY_USES_IT."""
    select.select([wake], [], [], timeout_s)
    with contextlib.suppress(BlockingIOError):
        return set(os.read(wake, 512))
    return set()


_exit_codes: dict[int, int] = {}  # by process id, of every child reaped so far


def _reap(pid: int) -> int | None:
    """Collect every child that ended, adopted ones too; the exit code of `pid` once it did."""
    with contextlib.suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            _exit_codes[ended[0]] = os.waitstatus_to_exitcode(ended[1])
    return _exit_codes.get(pid)


def _kill_the_rest() -> None:
    """SIGKILL every descendant until none is left; killed parents hand their children over to this process."""
    deadline = time.monotonic() + KILL_WAIT_S
    while time.monotonic() < deadline:
        for pid in _descendants(os.getpid()):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        time.sleep(KILL_ROUND_S)


def _descendants(root: int) -> set[int]:
    children: dict[int, list[int]] = {}
    for pid, parent in _processes():
        children.setdefault(parent, []).append(pid)
    found: set[int] = set()
    todo = [root]
    while todo:
        for pid in children.get(todo.pop(), ()):
            found.add(pid)
            todo.append(pid)
    return found


def _processes() -> Iterator[tuple[int, int]]:
    """(process id, parent's id) of everything that runs."""
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError):
                yield int(folder.name), int(_stat(folder)[1])


def _stat(folder: Path) -> list[str]:
    """The fields of /proc/PID/stat after the program's name, which may itself hold blanks and brackets."""
    return (folder / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()


def _remove(*paths: str) -> None:
    for path in paths:
        with contextlib.suppress(OSError):
            Path(path).unlink()


def _remove_folder(path: str) -> None:
    import shutil  # only now: it is not needed to start

    shutil.rmtree(path, ignore_errors=True)


if __name__ == "__main__":
    # Not sys.exit: the thread that waits for the users' lock may be blocked for good.
    code = main(sys.argv[1:])
    sys.stderr.flush()
    os._exit(code if 0 <= code <= 255 else 128 - code)
