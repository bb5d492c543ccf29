"""Where the tests' browser comes from: it is here, it may be installed, or the tests fail and say how."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.browser import INSTALL, VARIABLE, Installation, NoBrowser, decide, ensure, find

ROOT = Path(__file__).parents[2]


def machine(*programs: str):
    """What is on PATH."""
    return lambda name: f"/usr/bin/{name}" if name in programs else name if name.startswith("/opt/") else None


def test_a_browser_that_is_here_is_taken():
    """Nobody installs what is there."""
    assert "/usr/bin/chromium" == decide({}, root=True, which=machine("chromium", "apt-get"))


def test_another_browser_can_be_named():
    """By its path, before what is on PATH."""
    assert "/opt/chrome" == find({VARIABLE: "/opt/chrome"}, machine("chromium"))


def test_a_named_browser_that_is_none_is_no_reason_to_install():
    """Whoever names one means that one."""
    with pytest.raises(NoBrowser, match=VARIABLE):
        decide({VARIABLE: "chrome-of-mine"}, root=True, which=machine("chromium", "apt-get"))


def test_root_with_apt_may_install():
    """The lists first, then the package."""
    assert Installation(commands=INSTALL) == decide({}, root=True, which=machine("apt-get"))


@pytest.mark.parametrize(("root", "programs"), [(False, ("apt-get",)), (True, ()), (False, ())])
def test_whoever_may_not_install_is_told_how(root, programs):
    """Without rights, or without Debian's package manager; in CI as anywhere."""
    with pytest.raises(NoBrowser, match="apt-get install chromium"):
        decide({"CI": "true"}, root=root, which=machine(*programs))


def test_an_installation_is_run_and_its_browser_taken():
    """Once, in order."""
    here, ran = {"apt-get"}, []

    def run(command):
        ran.append(command)
        here.update({"chromium"} if "install" in command else ())
        return 0

    found = ensure({}, root=True, which=lambda name: f"/usr/bin/{name}" if name in here else None, run=run)

    assert ("/usr/bin/chromium", list(INSTALL)) == (found, ran)


def test_an_installation_that_fails_says_so():
    """With the command, its exit code, and the way out."""
    with pytest.raises(NoBrowser, match=r"apt-get update -q` failed with exit code 100.*DEBRIEF_TEST_BROWSER"):
        ensure({}, root=True, which=machine("apt-get"), run=lambda command: 100)


def test_an_installation_that_brings_no_browser_fails():
    """A package of that name without the program is no browser."""
    with pytest.raises(NoBrowser, match="not on PATH"):
        ensure({}, root=True, which=machine("apt-get"), run=lambda command: 0)


def test_the_program_fails_where_there_is_none(tmp_path):
    """As `make test` runs it, with nothing on PATH: exit code 2 and what to do, and nothing is skipped."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.browser"],
        env={**{k: v for k, v in os.environ.items() if k != VARIABLE}, "PATH": str(tmp_path), "CI": "true"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert 2 == done.returncode
    assert "apt-get install chromium" in done.stderr
