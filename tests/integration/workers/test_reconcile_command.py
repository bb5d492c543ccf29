"""`debrief reconcile` as a process, stopped the way a supervisor does it."""

import os
import signal
import subprocess
import sys
import time

from evaluator.commands.worker_process import worker_environment
from evaluator.storage.evaluations import alive
from evaluator.wiring import Services

RECONCILE = "import sys; from evaluator.cli import main; sys.argv = ['debrief', 'reconcile']; sys.exit(main())"


def reconcilers(services: Services) -> int:
    """How many say that they are alive."""
    with services.database.begin() as db:
        return alive(db, kind="reconciler", within_s=60)


def test_reconciler_that_is_told_to_stop_says_goodbye(services):
    """SIGTERM ends it after the tick in hand, with success, and nobody counts on it any more."""
    process = subprocess.Popen([sys.executable, "-c", RECONCILE], env=worker_environment(services, dict(os.environ)))
    try:
        deadline = time.monotonic() + 30
        while not reconcilers(services) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert 1 == reconcilers(services)

        process.send_signal(signal.SIGTERM)

        assert 0 == process.wait(timeout=15)
        assert 0 == reconcilers(services)
    finally:
        process.kill()
        process.wait()
