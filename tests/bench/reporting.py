"""What a bench tells: figures, promises with their aims, the machine they were measured on, and an exit code."""

import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import psutil

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "build" / "bench"

Sense = Literal["at least", "at most", "exactly"]


def say(words: str) -> None:
    """Progress, on stderr."""
    print(f"{time.strftime('%H:%M:%S')} {words}", file=sys.stderr, flush=True)


@dataclass(frozen=True, kw_only=True)
class Promise:
    """One thing that must hold; a value that could not be had does not hold."""

    name: str
    value: float | None
    sense: Sense
    aim: float

    @property
    def held(self) -> bool:
        """Whether it does."""
        if self.value is None:
            return False
        if self.sense == "exactly":
            return self.value == self.aim
        return self.value >= self.aim if self.sense == "at least" else self.value <= self.aim

    def told(self) -> dict[str, Any]:
        """As JSON."""
        return {"name": self.name, "value": self.value, "aim": f"{self.sense} {self.aim:g}", "held": self.held}


def at_least(name: str, value: float | None, aim: float) -> Promise:
    """More is better."""
    return Promise(name=name, value=_rounded(value), sense="at least", aim=aim)


def at_most(name: str, value: float | None, aim: float) -> Promise:
    """Less is better."""
    return Promise(name=name, value=_rounded(value), sense="at most", aim=aim)


def exactly(name: str, value: float | None, aim: float) -> Promise:
    """Counts that must agree."""
    return Promise(name=name, value=value, sense="exactly", aim=aim)


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


@dataclass(frozen=True, kw_only=True)
class Report:
    """One bench's outcome; figures without a promise are there to be read."""

    bench: str
    figures: Mapping[str, Any]
    promises: tuple[Promise, ...] = ()
    machine: Mapping[str, Any] = field(default_factory=dict)

    @property
    def held(self) -> bool:
        """Whether every promise did."""
        return all(promise.held for promise in self.promises)

    def told(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "bench": self.bench,
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "machine": dict(self.machine),
            "figures": dict(self.figures),
            "promises": [promise.told() for promise in self.promises],
            "held": self.held,
        }


def finish(reports: Sequence[Mapping[str, Any]], folder: Path) -> int:
    """Writes each report to a file of its own, all of them as one line of JSON to stdout; 0 when all held."""
    folder.mkdir(parents=True, exist_ok=True)
    for report in reports:
        path = folder / f"{report['bench']}-{time.strftime('%Y%m%dT%H%M%S')}.json"
        path.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
        say(f"{report['bench']}: written to {path}")
        for promise in report["promises"]:
            mark = "held " if promise["held"] else "FALLS SHORT "
            say(f"{report['bench']}: {mark}{promise['name']} = {promise['value']} (aim: {promise['aim']})")
    held = all(report["held"] for report in reports)
    print(json.dumps({"benches": list(reports), "held": held}), flush=True)
    return 0 if held else 1


# ---------------------------------------------------------------- sums


def median(values: Sequence[float]) -> float:
    """The middle one."""
    return statistics.median(values)


def middle(values: Sequence[float], digits: int = 3) -> dict[str, Any]:
    """Median and all runs, in the order in which they were made."""
    return {"median": round(median(values), digits), "all": [round(value, digits) for value in values]}


def paired_ratio(numerators: Sequence[float], denominators: Sequence[float]) -> float:
    """The median of the ratios of pairs that were measured side by side: a machine that slows down hits both."""
    return median([a / b for a, b in zip(numerators, denominators, strict=True)])


def slope(xs: Sequence[float], ys: Sequence[float]) -> float | None:
    """Growth of y per x by least squares; None for fewer than three points or an x that stands still."""
    if len(xs) < 3 or len(set(xs)) == 1:
        return None
    return statistics.linear_regression(xs, ys).slope


# ---------------------------------------------------------------- the machine


@contextmanager
def machine() -> Iterator[dict[str, Any]]:
    """Fills in what the figures were measured on, and how busy everything on it was meanwhile."""
    told: dict[str, Any] = {
        "cores": len(os.sched_getaffinity(0)),
        "cpu": _cpu_name(),
        "memory_gb": round(psutil.virtual_memory().total / 2**30, 1),
        "python": platform.python_version(),
        "load_before": round(os.getloadavg()[0], 2),
    }
    before = psutil.cpu_times()
    yield told
    after = psutil.cpu_times()
    whole = sum(after) - sum(before)
    told["busy_share"] = round(1 - (after.idle - before.idle) / whole, 3) if whole else None
    told["stolen_share"] = round((after.steal - before.steal) / whole, 4) if whole and hasattr(after, "steal") else None
    told["load_after"] = round(os.getloadavg()[0], 2)


def _cpu_name() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
