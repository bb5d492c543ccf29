"""What can be wrong with a rubric file: faults at a place of the file, and the errors that carry them."""

from dataclasses import dataclass
from typing import Literal

FAULTS_MAX = 100  # reported per file; the rest is a count

Severity = Literal["error", "warning"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """One fault at one place of a file; line and column count from 1."""

    path: str  # file name as given
    line: int
    column: int
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}: {self.message}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One thing that `rubric lint` says: an error makes the file unusable, a warning makes it a poor measure."""

    severity: Severity
    path: str
    line: int
    column: int
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}: {self.severity}: {self.message}"


class RubricError(ValueError):
    """Raised when a rubric file cannot be used; carries all of its faults, in the order of the file."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        super().__init__("\n".join(map(str, faults)))
        self.faults = faults


class UnknownRubric(LookupError):
    """Raised when no rubric has the name that was asked for; carries the names that come close."""

    def __init__(self, ref: str, close: tuple[str, ...]) -> None:
        hint = f"did you mean {' or '.join(close)}?" if close else "`debrief rubric list` shows the names there are"
        super().__init__(f"no rubric is named {ref!r}; {hint}")
        self.ref = ref
        self.close = close


def in_file_order(faults: list[Fault]) -> tuple[Fault, ...]:
    """Each fault once, by line and column, at most FAULTS_MAX of them."""
    unique = sorted(set(faults), key=lambda fault: (fault.path, fault.line, fault.column, fault.message))
    if len(unique) <= FAULTS_MAX:
        return tuple(unique)
    last = unique[FAULTS_MAX - 1]
    more = Fault(
        path=last.path, line=last.line, column=last.column, message=f"and {len(unique) - FAULTS_MAX + 1} more faults"
    )
    return (*unique[: FAULTS_MAX - 1], more)
