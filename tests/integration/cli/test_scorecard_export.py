"""Scorecards as files by the command line: forms, columns, filters, and that no file is written over."""

import csv
import io
import json
from pathlib import Path

import pytest
from sqlalchemy import text

from evaluator.adapters.folder import FolderStore
from tests.commands import debrief
from tests.integration.web.conftest import a_scored_interview

USAGE = 2


@pytest.fixture
def run(database, database_url: str, tmp_path: Path):
    """Runs a command over two scored interviews of two requisitions."""
    store = FolderStore(tmp_path / "store")
    for name, requisition in (("iv-1", "REQ-114"), ("iv-2", "REQ-2")):
        a_scored_interview(database, store, name, requisition)
    env = {
        "DEBRIEF_HOME": str(tmp_path / "home"),
        "DEBRIEF_DATABASE_URL": database_url,
        "DEBRIEF_STORE_URL": (tmp_path / "store").as_uri(),
        "DEBRIEF_BROKER_URL": "redis://127.0.0.1:1/0",
        "DEBRIEF_ENGINE_URL": "http://127.0.0.1:1",
        "DEBRIEF_MODEL": "test-judge@r1",
    }
    return lambda *arguments: debrief("scorecard", "export", *arguments, env=env, cwd=tmp_path)


def read(content: str) -> list[dict[str, str]]:
    """The rows."""
    return list(csv.DictReader(io.StringIO(content, newline="")))


def test_the_usual_form_is_a_line_for_each_criterion(run):
    """The judge's columns and people's apart, with the scale."""
    done = run()
    found = read(done.out)

    assert (0, 10) == (done.code, len(found)), done.err
    assert {("1", "5")} == {(row["scale_min"], row["scale_max"]) for row in found}
    assert {"iv-1": "4", "iv-2": "4"} == {row["interview"]: row["ai_level"] for row in found if row["ai_level"] == "4"}
    assert {"not_reviewed"} == {row["human_status"] for row in found}
    assert "2 scorecards exported" in done.err


def test_wide_is_a_line_for_each_scorecard(run):
    """Of one requisition here."""
    found = read(run("--wide", "--req", "REQ-2").out)

    assert [("iv-2", "4", "not_reviewed")] == [
        (row["interview"], row["ai_level_depth"], row["human_level_depth"]) for row in found
    ]


def test_greenhouse_says_what_is_lost(run):
    """In each line, and once on stderr."""
    done = run("--greenhouse")
    found = [json.loads(line) for line in done.out.splitlines()]

    assert [["no_decision"], ["no_decision"]] == [
        [card["overall_recommendation"] for card in one["scorecards"]] for one in found
    ]
    assert all(one["warnings"] for one in found)
    assert "2 scorecards: no person has reviewed or recommended" in done.err


@pytest.mark.parametrize("flag", ["--json", "--jsonl"])
def test_json_lines_hold_the_words(run, flag):
    """A whole scorecard in each."""
    found = [json.loads(line) for line in run(flag).out.splitlines()]

    assert {"iv-1", "iv-2"} == {one["interview_id"] for one in found}
    assert all(one["evidence"] and one["ai_visible"] for one in found)


def test_since_is_the_day_of_the_interview(run):
    """UTC; the day itself counts."""
    assert [10, 0] == [len(read(run("--since", day).out)) for day in ("2026-11-18", "2026-11-19")]


def test_two_forms_at_once_are_refused(run):
    """Neither would be meant."""
    done = run("--wide", "--greenhouse")

    assert (USAGE, "") == (done.code, done.out)
    assert "choose one of" in done.err


def test_a_file_is_never_written_over_unasked(run, tmp_path):
    """With --yes it is, and nothing half-written is left beside it."""
    target = tmp_path / "scorecards.csv"
    first = run("--out", str(target))
    target.write_text("kept")
    refused, kept = run("--out", str(target)), target.read_text()
    forced = run("--out", str(target), "--yes")

    assert (0, USAGE, 0) == (first.code, refused.code, forced.code)
    assert "kept" == kept
    assert "exists already and stays as it is" in refused.err
    assert 10 == len(read(target.read_bytes().decode()))
    assert [] == [f.name for f in tmp_path.iterdir() if f.name.startswith("tmp")]


def test_a_folder_that_is_not_there_is_named(run, tmp_path):
    """Before that nothing is left behind."""
    done = run("--out", str(tmp_path / "nowhere" / "s.csv"))

    assert USAGE == done.code
    assert "nowhere" in done.err


def test_it_is_logged(run, database):
    """Which and how many, as the command line's."""
    run("--wide", "--since", "2026-11-18")

    with database.begin() as db:
        found = db.execute(text("SELECT action, entry, detail FROM audit")).one()
    assert ("scorecards.export", "command") == found[:2]
    assert {"format": "wide", "query": {"since": "2026-11-18"}, "scorecards": 2} == found.detail
