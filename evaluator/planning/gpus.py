"""Accelerators, and the machines they come in, with the memory that their makers publish."""

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from evaluator.errors import UsageFault

# 10^9 bytes, as published. What the driver reports is a little more or less (23,028 MiB = 24.1 GB on an A10G).
GB = 1_000_000_000
GPUS_MAX = 64


@dataclass(frozen=True, kw_only=True, slots=True)
class Accelerators:
    """GPUs of one kind that serve one model together (tensor parallel)."""

    name: str  # as it was asked for: g5.xlarge, A10G, or what the driver says
    chip: str
    memory: int  # bytes of one
    count: int = 1
    capability: tuple[int, int] | None = None  # CUDA compute capability, where known


def _of(name: str, chip: str, gb: int, count: int, capability: tuple[int, int]) -> Accelerators:
    return Accelerators(name=name, chip=chip, memory=gb * GB, count=count, capability=capability)


# Amazon EC2's published tables of accelerated machines; smallest memory first.
INSTANCES: Mapping[str, Accelerators] = {
    found.name: found
    for found in (
        _of("g4dn.xlarge", "T4", 16, 1, (7, 5)),
        _of("g5.xlarge", "A10G", 24, 1, (8, 6)),
        _of("g6.xlarge", "L4", 24, 1, (8, 9)),
        _of("g6e.xlarge", "L40S", 48, 1, (8, 9)),
        _of("g5.12xlarge", "A10G", 24, 4, (8, 6)),
        _of("g6.12xlarge", "L4", 24, 4, (8, 9)),
        _of("g6e.12xlarge", "L40S", 48, 4, (8, 9)),
        _of("p4d.24xlarge", "A100", 40, 8, (8, 0)),
        _of("p5.48xlarge", "H100", 80, 8, (9, 0)),
    )
}
_CHIPS: Mapping[str, Accelerators] = {
    found.chip.lower(): _of(found.chip, found.chip, found.memory // GB, 1, found.capability)
    for found in INSTANCES.values()
    if found.capability is not None
}


def accelerators(name: str, count: int | None = None) -> Accelerators:
    """The machine's GPUs, or so many of a chip (one by default); UsageFault with what comes close."""
    if machine := INSTANCES.get(name.lower()):
        if count is not None and count > machine.count:
            raise UsageFault(f"{machine.name} has {_gpus(machine.count)}, not {count}; see --gpu for larger ones")
        return _counted(machine, count or machine.count)
    if chip := _CHIPS.get(name.lower()):
        return _counted(chip, count or 1)
    names = [*INSTANCES, *(chip.name for chip in _CHIPS.values())]
    close = get_close_matches(name, names, n=1)
    hint = f"did you mean {close[0]}?" if close else f"known are {', '.join(names)}."
    raise UsageFault(f"no GPU or machine of the name {name!r} is known here; {hint} Or give --gpu-memory-gb")


def _counted(found: Accelerators, count: int) -> Accelerators:
    return Accelerators(name=found.name, chip=found.chip, memory=found.memory, count=count, capability=found.capability)


def _gpus(count: int) -> str:
    return "one GPU" if count == 1 else f"{count} GPUs"
