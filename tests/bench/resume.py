"""`resume`: how much is judged twice when workers are killed in the middle of their work.

SIGKILL for children of the worker, and at last for the worker as a whole, as when its machine vanishes. Leases are
short, so that it takes seconds; what is redone does not depend on them, for a checkpoint is never judged again.
"""

import argparse
import os
import random
import signal
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import psutil

from evaluator.storage.runs import Selection
from tests.bench import planted
from tests.bench.reporting import Promise, Report, at_most, exactly, machine, say
from tests.bench.room import Job, Room, StubJudge, room, worker

LEASE_S, HEARTBEAT_S, TICK_S = 4.0, 1.0, 1.0
WARM_UP = 10


def add_options(parser: argparse.ArgumentParser) -> None:
    """Sizes."""
    parser.add_argument("--interviews", type=int, default=120)
    parser.add_argument("--kills", type=int, default=4, help="the last one takes the whole worker")
    parser.add_argument("--slots", type=int, default=4)
    parser.add_argument("--delay-ms", type=float, default=150.0, help="of the engine's answer")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", action="store_true", help="keep the folder with the logs")


def run(options: argparse.Namespace) -> Report:
    """One job under kills."""
    with machine() as told, tempfile.TemporaryDirectory(prefix="debrief-bench-") as folder, ExitStack() as stack:
        log = Path(folder) / "judged.log"
        judge = StubJudge(delay_ms=options.delay_ms, log=log)
        clocks = {"lease_s": LEASE_S, "heartbeat_s": HEARTBEAT_S, "tick_s": TICK_S}
        made = stack.enter_context(room(judge, slots=options.slots, keep=options.keep, **clocks))
        said = planted.simulated(min(40, options.interviews))
        made.take_in(said, count=WARM_UP, requisition="WARM")
        made.take_in(said, count=options.interviews, requisition="JOB")
        made.score("warm", Selection(requisition="WARM"))
        before = judged(log)
        killer = Killer(made=made, stack=stack, options=options)
        job = made.score("job", Selection(requisition="JOB"), look=killer.look, every_s=0.05)
        calls = judged(log) - before
    needed = options.interviews * planted.sections()
    figures = {
        "interviews": options.interviews,
        "sections": needed,
        "kills": killer.kills,
        "slots_killed": killer.slots_killed,
        "judged": calls,
        "redone": calls - needed,
        "redone_share": round((calls - needed) / needed, 4),
        "job_s": round(job.job_s, 2),
        "lease_s": LEASE_S,
    }
    return Report(bench="resume", figures=figures, promises=promises(killer, job, calls, options), machine=told)


def promises(killer: "Killer", job: Job, calls: int, options: argparse.Namespace) -> Sequence[Promise]:
    """Nothing is lost, and nothing is redone but what was under way where a process died."""
    needed = options.interviews * planted.sections()
    return (
        exactly("interviews_done", job.ended_well, options.interviews),
        exactly("kills", len(killer.kills), options.kills),
        exactly("calls_missing", max(0, needed - calls), 0),
        at_most("redone_calls", calls - needed, killer.slots_killed * planted.sections()),
    )


def judged(log: Path) -> int:
    """How many judgements the engine was asked for so far."""
    return log.read_bytes().count(b"\n") if log.exists() else 0


class Killer:
    """Kills at even distances of the job's progress."""

    def __init__(self, *, made: Room, stack: ExitStack, options: argparse.Namespace) -> None:
        self._made, self._stack = made, stack
        self._wanted, self._sections = options.kills, options.interviews * planted.sections()
        self._chance = random.Random(options.seed)
        self.kills: list[str] = []
        self.slots_killed = 0

    def look(self) -> None:
        """Called again and again; kills when it is time."""
        if len(self.kills) >= self._wanted:
            return
        query = "SELECT coalesce(sum(sections_done), 0) FROM evaluation WHERE interview_id LIKE 'job-%'"
        done = int(self._made.ask(query)[0][0])
        if done < self._sections * (len(self.kills) + 1) / (self._wanted + 1):
            return
        if len(self.kills) == self._wanted - 1:
            self._kill_worker()
        else:
            self._kill_child()

    def _kill_child(self) -> None:
        pid = self._made.pid(self._made.workers[-1])
        children = psutil.Process(pid).children() if pid else []
        if children:
            victim = self._chance.choice(children)
            say(f"SIGKILL for child {victim.pid}")
            victim.kill()
            self.kills.append("child")
            self.slots_killed += 1

    def _kill_worker(self) -> None:
        pid = self._made.pid(self._made.workers[-1])
        if pid is None:
            return
        say(f"SIGKILL for worker {pid} and its children")
        os.killpg(pid, signal.SIGKILL)  # a session of its own
        self.kills.append("worker")
        self.slots_killed += self._made.settings.worker_slots
        while psutil.pid_exists(pid):
            time.sleep(0.05)
        self._stack.enter_context(worker(self._made, f"worker-{len(self._made.workers) + 1}"))
