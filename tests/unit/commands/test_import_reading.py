"""What `debrief import` is told about consent and files."""

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from evaluator.commands.import_reading import FAULTS_SHOWN_MAX, consent_of, fault_lines, read_files
from evaluator.errors import UsageFault
from evaluator.manifest import Consent

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-18", datetime(2026, 11, 18, tzinfo=UTC)),
        ("2026-11-18T14:02:00Z", datetime(2026, 11, 18, 14, 2, tzinfo=UTC)),
        ("2026-11-18T14:02:00+02:00", datetime(2026, 11, 18, 14, 2, tzinfo=timezone(timedelta(hours=2)))),
    ],
)
def test_consent_is_dated(text, moment):
    """A date is its beginning in UTC; a time brings its zone."""
    assert Consent(status="granted", at=moment) == consent_of("granted", text, now=NOW)


def test_consent_without_a_date_has_none():
    """No date is made up."""
    assert Consent(status="granted", at=None) == consent_of("granted", None, now=NOW)


@pytest.mark.parametrize(
    ("status", "text", "words"),
    [
        ("granted", "2026-11-18T14:02:00", "a time without a zone"),
        ("granted", "yesterday", "is no ISO date"),
        ("granted", "", "is no ISO date"),
        ("granted", "2026-11-24", "lies in the future"),
        ("granted", "0001-01-01", "the year must lie between 1900"),
        ("granted", "0001-01-01T00:00:00+23:59", "is no ISO date"),
        ("unknown", "2026-11-18", "say which with --consent"),
        ("yes", None, "--consent yes: it is one of granted, refused, withdrawn, unknown"),
    ],
)
def test_consent_that_cannot_be_is_refused(status, text, words):
    """With the option's name and what would be right."""
    with pytest.raises(UsageFault, match=words):
        consent_of(status, text, now=NOW)


def test_the_sound_rows_of_a_faulty_file_count_where_asked(tmp_path: Path):
    """Each faulty row is named by file and line; without asking for rows the file gives none."""
    path = tmp_path / "talks.csv"
    path.write_text('id,text\na,"AI: Q?\n\nUser: One."\nb,nothing\nc,"AI: Q?\n\nUser: Two."\n', encoding="utf-8")

    with_rows = read_files([path], "auto", None, rows=True)
    without = read_files([path], "auto", None, rows=False)

    assert ["a", "c"] == [record.name for record in with_rows.records]
    assert (1, True) == (len(with_rows.faults), with_rows.faults[0].startswith("talks.csv: line 5 (b): "))
    assert ([], 1) == (without.records, len(without.faults))


def test_a_file_that_cannot_be_read_does_not_hide_the_others(tmp_path: Path):
    """Every file is looked at before anything is said."""
    good = tmp_path / "good.txt"
    good.write_text("AI: Q?\n\nUser: One.", encoding="utf-8")

    found = read_files([tmp_path / "none.txt", good, tmp_path], "auto", None, rows=False)

    assert (1, 2) == (len(found.records), len(found.faults))


def test_long_lists_of_faults_are_counted():
    """The first ones, then a number."""
    assert "and 5 more" == fault_lines([str(n) for n in range(FAULTS_SHOWN_MAX + 5)])[-1]
    assert ["a"] == fault_lines(["a"])
