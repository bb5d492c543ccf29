"""The table of faults names tests that exist."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
_NAMED = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")
CHAOS = "tests/chaos/test_quick.py::test_nothing_is_lost"


def _table() -> list[str]:
    lines = (ROOT / "docs" / "faults.md").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line.startswith("| ") and not line.startswith("| Fault |")]


def test_every_row_names_a_test():
    """A promise without a test is none; "Chaos" stands for the harness."""
    nameless = [row for row in _table() if not _NAMED.search(row) and "| Chaos" not in row]

    assert [] == nameless
    assert CHAOS in (ROOT / "docs" / "faults.md").read_text(encoding="utf-8")


def test_every_named_test_exists():
    """Whoever renames a test changes the table too."""
    named = _NAMED.findall((ROOT / "docs" / "faults.md").read_text(encoding="utf-8"))

    missing = [f"{path}::{name}" for path, name in named if f"\ndef {name}(" not in (ROOT / path).read_text()]
    assert [] == missing


def test_every_fault_of_the_harness_is_in_the_table():
    """The rows that the harness stands for are at least as many as its faults and poisons."""
    from tests.chaos.faults import FAULTS

    assert len(FAULTS) + 4 <= sum("| Chaos" in row for row in _table())
