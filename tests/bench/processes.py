"""CPU time and memory of the room's processes by kind: what lives, and what has lived and was waited for."""

from collections.abc import Callable, Mapping, Sequence

import psutil

FindLeader = Callable[[], int | None]  # the process id of a part's first process; None while it does not run

WORKER = "worker"
WORKER_MAIN, WORKER_CHILDREN = "worker main", "worker children"


def own_s(process: psutil.Process) -> float:
    """CPU seconds so far of this process itself, all its threads."""
    times = process.cpu_times()
    return times.user + times.system


def waited_s(process: psutil.Process) -> float:
    """CPU seconds of descendants that have ended and were waited for."""
    times = process.cpu_times()
    return times.children_user + times.children_system


def family_s(pid: int) -> tuple[float, float]:
    """CPU seconds so far of a process itself, and of all its descendants, whether they live or have ended."""
    leader = psutil.Process(pid)
    beneath = waited_s(leader)
    for child in leader.children(recursive=True):
        try:
            beneath += own_s(child) + waited_s(child)
        except psutil.NoSuchProcess:  # ended meanwhile; whoever waited for it has its time now
            continue
    return own_s(leader), beneath


class Meter:
    """Reads how much CPU time each kind of process has used; of a worker, its main process and its children apart."""

    def __init__(self, leaders: Mapping[str, FindLeader]) -> None:
        self._leaders = dict(leaders)

    def read(self) -> dict[str, float]:
        """CPU seconds so far, by kind."""
        found: dict[str, float] = {}
        for kind, leader in self._leaders.items():
            pid = leader()
            if pid is None:
                continue
            own, beneath = family_s(pid)
            if kind.startswith(WORKER):
                found[WORKER_MAIN] = found.get(WORKER_MAIN, 0.0) + own
                found[WORKER_CHILDREN] = found.get(WORKER_CHILDREN, 0.0) + beneath
            else:
                found[kind] = found.get(kind, 0.0) + own + beneath
        return found


def spent(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    """CPU seconds between two readings, by kind."""
    return {kind: round(after[kind] - before.get(kind, 0.0), 3) for kind in after}


def children_rss(pid: int) -> dict[int, int]:
    """Bytes of resident memory of a worker's children, by process id."""
    found = {}
    for child in psutil.Process(pid).children():
        try:
            found[child.pid] = child.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return found


def total(parts: Mapping[str, float], kinds: Sequence[str]) -> float:
    """The sum over these kinds; a kind that does not run used nothing."""
    return sum(parts.get(kind, 0.0) for kind in kinds)
