"""CPU accounting, held against processes that burn a known time."""

import os
import subprocess
import sys
from contextlib import contextmanager

import psutil
import pytest

from tests.bench.processes import Meter, family_s, own_s, spent, total

BURN = "import time\nwhile time.process_time() < 0.5: pass\n"
STAYING = BURN + "print('burnt', flush=True)\ntime.sleep(60)\n"
_HEAD = "import subprocess, sys, time\n"
_TAIL = "print('done', flush=True)\ntime.sleep(60)\n"
WAITED_FOR = f"{_HEAD}subprocess.run([sys.executable, '-c', {BURN!r}])\n{_TAIL}"
LIVING = (
    f"{_HEAD}child = subprocess.Popen([sys.executable, '-c', {STAYING!r}], stdout=subprocess.PIPE)\n"
    f"child.stdout.readline()\n{_TAIL}"
)


@contextmanager
def running(programme):
    """The programme, from its first line on."""
    with subprocess.Popen((sys.executable, "-c", programme), stdout=subprocess.PIPE) as process:
        try:
            process.stdout.readline()
            yield process
        finally:
            for child in psutil.Process(process.pid).children(recursive=True):
                child.kill()
            process.kill()


@pytest.mark.parametrize("programme", [WAITED_FOR, LIVING], ids=["ended", "living"])
def test_descendants_count_dead_or_alive(programme):
    """A child that burns half a second is in its parent's account, and nowhere twice."""
    with running(programme) as process:
        own, beneath = family_s(process.pid)

    assert own < 0.4
    assert 0.45 < beneath < 0.9


def test_a_reading_tells_what_was_burnt_between():
    """Two readings around a known burn differ by it."""
    meter = Meter({"worker": os.getpid, "gone": lambda: None})
    before, began = meter.read(), own_s(psutil.Process())
    while own_s(psutil.Process()) - began < 0.3:
        pass

    used = spent(before, meter.read())

    assert 0.28 <= used["worker main"] < 0.5
    assert {"worker main", "worker children"} == set(used)


def test_only_the_named_kinds_are_summed():
    """The engine is no orchestration; a kind that did not run used nothing."""
    assert 3.0 == total({"worker main": 1.0, "postgres": 2.0, "engine": 100.0}, ("worker main", "postgres", "web"))
