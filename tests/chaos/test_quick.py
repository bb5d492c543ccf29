"""The chaos harness in its quick size: every fault at least once on a real fleet."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LIMIT_S = 240.0


@pytest.mark.chaos
@pytest.mark.timeout(LIMIT_S + 60)
def test_nothing_is_lost():
    """Kills, crashes, freezes, wiped brokers and poison: every promise holds, and every fault fired."""
    command = (sys.executable, "-m", "tests.chaos", "--interviews", "60", "--kills", "12", "--seed", "1")
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as harness:
        try:
            said, _ = harness.communicate(timeout=LIMIT_S)
        except subprocess.TimeoutExpired:
            harness.send_signal(signal.SIGTERM)  # it stops its fleet
            said, _ = harness.communicate(timeout=50)
    report = json.loads(said.splitlines()[-1])

    assert ([], 0) == (report["broken"], harness.returncode)
