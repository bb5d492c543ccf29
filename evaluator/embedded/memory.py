"""How much memory this machine has for an engine, and whether a model fits into it before one is started."""

import subprocess
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from evaluator.errors import DebriefError
from evaluator.planning.fit import KV_CACHE, Fit, Serving, fit
from evaluator.planning.gpus import GB, Accelerators
from evaluator.planning.shape import ModelShape, read_config

SMI = ("nvidia-smi", "--query-gpu=name,memory.total,memory.free,compute_cap", "--format=csv,noheader,nounits")
SMI_S = 10.0
MIB = 1024 * 1024
MEMINFO, CGROUP = Path("/proc/meminfo"), Path("/sys/fs/cgroup")


def gpus_here(*, free: bool = False) -> Accelerators | None:
    """This machine's GPUs with their whole memory, or with what is free now; None without any, or without its tool.

    Where they differ, the smallest stands for all: a model is split evenly.
    """
    try:
        done = subprocess.run(SMI, capture_output=True, text=True, timeout=SMI_S, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return read_smi(done.stdout, free=free)


def read_smi(output: str, *, free: bool = False) -> Accelerators | None:
    """What nvidia-smi said; None where a line is not as asked for (a MIG device tells no memory)."""
    found: list[tuple[int, str, tuple[int, int]]] = []
    for line in output.strip().splitlines():
        cells = [cell.strip() for cell in line.split(",")]
        try:
            name, total, unused, capability = cells
            major, minor = capability.split(".")
            found.append((int(unused if free else total) * MIB, name, (int(major), int(minor))))
        except ValueError:
            return None
    if not found:
        return None
    memory, name, compute = min(found)
    return Accelerators(name=name, chip=name, memory=memory, count=len(found), capability=compute)


def ram_free(meminfo: Path = MEMINFO, cgroup: Path = CGROUP) -> int | None:
    """Bytes that a new process may take, the container's limit included; None where that cannot be read."""
    free = _kernel_free(meminfo)
    limit = _container_free(cgroup)
    known = [size for size in (free, limit) if size is not None]
    return min(known) if known else None


def _kernel_free(meminfo: Path) -> int | None:
    try:
        lines = meminfo.read_text(encoding="ascii", errors="replace").splitlines()
        fields = {name: rest.split() for name, _, rest in (line.partition(":") for line in lines)}
        return int(fields["MemAvailable"][0]) * 1024
    except (OSError, KeyError, IndexError, ValueError):
        return None


def _container_free(cgroup: Path) -> int | None:
    """The limit of version 2, less what is used beyond file caches that the kernel gives back."""
    try:
        limit = int((cgroup / "memory.max").read_text(encoding="ascii"))
        used = int((cgroup / "memory.current").read_text(encoding="ascii"))
        lines = (cgroup / "memory.stat").read_text(encoding="ascii").splitlines()
        given_back = {name: int(size) for name, size in (line.split() for line in lines)}["inactive_file"]
    except (OSError, KeyError, ValueError):  # ValueError: "max", no limit
        return None
    return limit - used + given_back


def engine_fit(shape: ModelShape, serving: Serving, kv_bytes: int, *, on_gpu: bool) -> Fit | None:
    """The sum for an engine of ours, whose KV cache has a fixed size; None where this machine's memory is not known."""
    if on_gpu:
        gpus = gpus_here(free=True)
        one = replace(gpus, count=1) if gpus else None  # it is not split
    else:
        free = ram_free()
        one = None if free is None else Accelerators(name="this machine", chip="memory", memory=free)
    if one is None:
        return None
    found = fit(shape, replace(serving, utilization=Decimal(1)), one)
    lines = (replace(line, bytes=kv_bytes, how="as set") if line.title == KV_CACHE else line for line in found.lines)
    return replace(found, lines=tuple(lines))


def in_words(found: Fit) -> str:
    """`demo-judge-1 takes 1.3 GB (0.0 weights, 0.3 KV cache, ...), and 6.2 GB are free on ...`."""
    parts = ", ".join(f"{line.bytes / GB:.1f} {line.title}" for line in found.lines)
    have = f"{found.available / GB:.1f} GB are free"
    where = found.gpus.chip if found.gpus.chip != "memory" else "memory"
    return f"{found.shape.name} takes {found.needed / GB:.1f} GB ({parts}), and {have} ({where})"


def shape_in(folder: Path) -> ModelShape | None:
    """The shape of the model in that folder; None where it cannot be counted, which stops nothing."""
    try:
        with (folder / "config.json").open("rb") as file:
            return read_config(file.read(), folder.name).shape
    except (OSError, DebriefError):
        return None
