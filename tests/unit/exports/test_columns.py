"""The documentation names every column."""

import re
from pathlib import Path

import pytest

from evaluator.exports.rows import LongRow, WideRow

DOCUMENT = Path(__file__).parents[3] / "docs" / "exports.md"


@pytest.mark.parametrize("row", [LongRow, WideRow])
def test_every_column_is_documented(row):
    """Under the file that has it, or under what both have."""
    both, _, rest = DOCUMENT.read_text(encoding="utf-8").partition("### Long")
    long, _, wide = rest.partition("### Wide")
    named = set(re.findall(r"`(\w+)`", both + (long if row is LongRow else wide)))

    assert set() == set(row.model_fields) - {"ai", "human"} - named
