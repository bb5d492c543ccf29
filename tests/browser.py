"""The browser of the tests is Debian's Chromium: found on PATH, or installed by `python -m tests.browser`.

`make test` runs this before the tests. A machine without a browser fails, there as in the tests themselves: tests of
pages that skip would pass where nothing was looked at.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

VARIABLE = "DEBRIEF_TEST_BROWSER"  # a browser's path, where it is not on PATH
NAMES = ("chromium", "chromium-browser")
INSTALL = (("apt-get", "update", "-q"), ("apt-get", "install", "-q", "-y", "--no-install-recommends", "chromium"))
HOW = (
    "install it as root with `apt-get install chromium`, or say in DEBRIEF_TEST_BROWSER where a Chromium is; "
    "tests without a browser: make test TESTS=tests/unit"
)
INSTALL_TIMEOUT_S = 900

Which = Callable[[str], str | None]
Run = Callable[[Sequence[str]], int]


class NoBrowser(Exception):
    """Raised when there is no browser and none may be installed; the message says what to do."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Installation:
    """What would bring the browser here."""

    commands: tuple[tuple[str, ...], ...]


def find(environment: Mapping[str, str], which: Which = shutil.which) -> str:
    """The browser's path; NoBrowser."""
    if named := environment.get(VARIABLE):
        if found := which(named):
            return found
        raise NoBrowser(f"{VARIABLE}={named} is no program that can be run; {HOW}")
    for name in NAMES:
        if found := which(name):
            return found
    raise NoBrowser(f"the tests of the pages need Chromium, which is not on PATH; {HOW}")


def decide(environment: Mapping[str, str], *, root: bool, which: Which = shutil.which) -> str | Installation:
    """The path of the browser that is here, or what installs it; NoBrowser where neither can be."""
    try:
        return find(environment, which)
    except NoBrowser as missing:
        if environment.get(VARIABLE) or not root or which("apt-get") is None:
            raise
        say(str(missing).partition(";")[0])
        return Installation(commands=INSTALL)


def ensure(environment: Mapping[str, str], *, root: bool, which: Which = shutil.which, run: Run | None = None) -> str:
    """The browser's path, after an installation where one was needed; NoBrowser."""
    found = decide(environment, root=root, which=which)
    if isinstance(found, str):
        return found
    for command in found.commands:
        say(f"running: {' '.join(command)}")
        if code := (run or _run)(command):
            raise NoBrowser(f"`{' '.join(command)}` failed with exit code {code} (its message is above); {HOW}")
    return find(environment, which)


def _run(command: Sequence[str]) -> int:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    try:
        return subprocess.run(
            command, env=environment, stdin=subprocess.DEVNULL, timeout=INSTALL_TIMEOUT_S, check=False
        ).returncode
    except subprocess.TimeoutExpired:
        return 124


def say(line: str) -> None:
    """One line of progress."""
    print(f"browser: {line}", file=sys.stderr, flush=True)


def main() -> int:
    """Sees to it that there is a browser; an exit code."""
    try:
        ensure(os.environ, root=os.geteuid() == 0)
    except NoBrowser as missing:
        say(str(missing))
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
