"""The guard leaves no process behind, however the one who started it ends."""

import contextlib
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from evaluator.embedded.process import GUARD

# A service with a child of its own and a grandchild that leaves the group, as a daemon does.
FAMILY = """
import os, subprocess, sys, time
subprocess.Popen(["sleep", "300"])
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        open(sys.argv[1] + "/daemon", "w").write(str(os.getpid()))
        time.sleep(300)
    os._exit(0)
os.wait()
open(sys.argv[1] + "/ready", "w").close()
time.sleep(300)
"""
# Deaf to the polite signal.
DEAF = """
import signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
open(sys.argv[1] + "/ready", "w").close()
time.sleep(300)
"""
# Starts a guard as a user would, and waits to be killed.
USER = """
import fcntl, os, subprocess, sys, time
users = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT)
fcntl.flock(users, fcntl.LOCK_SH)
subprocess.Popen(sys.argv[2:], start_new_session=True)
time.sleep(300)
"""


def wait_until(condition: Callable[[], object], within_s: float = 10.0) -> bool:
    """Whether it came true in time."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.02)
    return False


def command_of(folder: Path, program: str, *options: str) -> list[str]:
    """A guard's command line over a Python program."""
    guard = [sys.executable, "-I", "-S", str(GUARD), f"--users={folder / 'users'}", "--lock-fd=0"]
    return [*guard, f"--state={folder / 'state'}", *options, "--", sys.executable, "-c", program, str(folder)]


def processes_of(folder: Path) -> list[int]:
    """Every process that has the folder on its command line, and all their descendants."""
    found = set()
    for process in psutil.process_iter(["cmdline"]):
        if str(folder) in " ".join(process.info["cmdline"] or []):
            found.add(process.pid)
            with contextlib.suppress(psutil.NoSuchProcess):
                found |= {child.pid for child in process.children(recursive=True)}
    return sorted(found)


@pytest.fixture
def users(tmp_path: Path) -> Iterator[int]:
    """A hold on the service, as its user has it."""
    fd = os.open(tmp_path / "users", os.O_RDWR | os.O_CREAT)
    fcntl.flock(fd, fcntl.LOCK_SH)
    yield fd
    with contextlib.suppress(OSError):
        os.close(fd)


def test_family_dies_when_the_user_is_killed(tmp_path: Path) -> None:
    """SIGKILL of the only user ends the service, its children, and a daemon that left its group."""
    user = subprocess.Popen([sys.executable, "-c", USER, str(tmp_path / "users"), *command_of(tmp_path, FAMILY)])
    assert wait_until((tmp_path / "ready").exists)
    before = processes_of(tmp_path)
    daemon = int((tmp_path / "daemon").read_text())

    user.kill()
    user.wait()

    assert len(before) >= 5
    assert daemon in before
    assert wait_until(lambda: not any(psutil.pid_exists(pid) for pid in before))


def test_service_lives_while_somebody_uses_it(tmp_path: Path, users: int) -> None:
    """One of two users leaves: the service stays; the other leaves: it ends, and its records go."""
    guard = subprocess.Popen(command_of(tmp_path, FAMILY))
    assert wait_until((tmp_path / "ready").exists)
    second = os.open(tmp_path / "users", os.O_RDWR)
    fcntl.flock(second, fcntl.LOCK_SH)

    os.close(users)
    time.sleep(0.3)
    assert guard.poll() is None
    os.close(second)

    assert 0 == guard.wait(10)
    assert not (tmp_path / "state").exists()


def test_deaf_service_is_killed_after_its_grace(tmp_path: Path, users: int) -> None:
    """A service that ignores the polite signal gets SIGKILL when its grace is over."""
    guard = subprocess.Popen(command_of(tmp_path, DEAF, "--grace-s=0.5"))
    assert wait_until((tmp_path / "ready").exists)
    began = time.monotonic()

    guard.terminate()

    assert 0 == guard.wait(10)
    assert 0.4 < time.monotonic() - began < 5
    assert [] == processes_of(tmp_path)


def test_second_sigterm_skips_the_grace(tmp_path: Path, users: int) -> None:
    """Asking twice ends a deaf service at once."""
    guard = subprocess.Popen(command_of(tmp_path, DEAF, "--grace-s=60"))
    assert wait_until((tmp_path / "ready").exists)

    guard.terminate()
    time.sleep(0.3)
    guard.terminate()

    assert 0 == guard.wait(10)


def test_exit_code_is_the_services(tmp_path: Path, users: int) -> None:
    """A service that ends by itself ends its guard with the same code."""
    guard = subprocess.Popen(command_of(tmp_path, "raise SystemExit(7)"))

    assert 7 == guard.wait(10)


def test_missing_program_is_named(tmp_path: Path, users: int) -> None:
    """A program that is not there gives a line, not a traceback."""
    command = command_of(tmp_path, "")
    command[command.index("--") + 1 :] = ["/nowhere/postgres"]

    ended = subprocess.run(command, check=False, capture_output=True, text=True, timeout=10)

    assert (127, "cannot run /nowhere/postgres: No such file or directory\n") == (ended.returncode, ended.stderr)


def test_service_dies_with_a_killed_guard(tmp_path: Path, users: int) -> None:
    """SIGKILL of the guard itself takes the service along."""
    guard = subprocess.Popen(command_of(tmp_path, "import time; time.sleep(300)"))
    assert wait_until((tmp_path / "state").exists)
    service = json.loads((tmp_path / "state").read_text())["service"]["pid"]

    guard.send_signal(signal.SIGKILL)
    guard.wait()

    assert wait_until(lambda: not psutil.pid_exists(service))


def test_guard_is_up_at_once(tmp_path: Path, users: int) -> None:
    """Starting and ending a trivial service under a guard takes a fraction of a second."""
    began = time.monotonic()

    subprocess.run([*command_of(tmp_path, "")[:-4], "true"], check=True, timeout=10)

    assert time.monotonic() - began < 1.5
