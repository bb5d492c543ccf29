"""`debrief run report`: the same figures as text, for programs and as a page; and what a run's end prints."""

import hashlib
import json
import re
import stat

import pytest

from evaluator.evaluation import Quarantine, Retry
from evaluator.storage.evaluations import fail, finalize, note_section, release
from evaluator.storage.runs import close_runs
from tests.integration.cli.test_runs import USAGE, failed, run  # noqa: F401  the fixture
from tests.integration.storage.builders import a_claim, a_scorecard, change, prepared, rows

FAILURES, CONFLICT = 3, 2


@pytest.fixture
def night(database):
    """Three interviews: one scored after two tries and a worker that ended, one unscorable, one failed."""
    prepared(database, 3)
    first = a_claim(database, "node-1:1")
    with database.begin() as db:
        note_section(db, first, section_id="design", reused=False)
        release(db, first, reason="drained")
    again = a_claim(database, "node-2:1")
    with database.begin() as db:
        note_section(db, again, section_id="design", reused=True)
        fail(db, again, Retry(delay_s=0.0, counts="attempt", code="not_json", detail="section debugging: not JSON"))
    third = a_claim(database, "node-2:1")
    with database.begin() as db:
        finalize(db, third, a_scorecard(third), {"sections": EXECUTION})
    other = a_claim(database)
    with database.begin() as db:
        finalize(db, other, a_scorecard(other, levels=None), {"sections": []})
    last = a_claim(database)
    with database.begin() as db:
        fail(db, last, Quarantine(code="object_missing", detail="transcripts/iv-3.json is not in the store"))
        close_runs(db)


EXECUTION = [
    {
        "section_id": section,
        "reused": False,
        "prompt_tokens": 1_000,
        "cached_tokens": 800,
        "completion_tokens": 50,
        "duration_s": seconds,
    }
    for section, seconds in (("debugging", 2.0), ("teamwork", 4.0))
]


@pytest.mark.usefixtures("night")
def test_report_is_text(run):  # noqa: F811
    """The account adds up, with what was tried again, who ended in between, and the way out; within 80 columns."""
    done = run("run", "report", "run-1")

    assert 0 == done.code
    assert "Run run-1  FINISHED WITH FAILURES" in done.out
    assert "3 = scored 1 + needs review 0 + unscorable 1 + failed 1" in done.out
    assert "1 from checkpoints   retries 1" in done.out
    assert "invalid output 1 (50.0 %)" in done.out
    assert "1 worker ended in between   1 interview handed back" in done.out
    assert "2.0 k in / 100 out   cache hit 80 %" in done.out
    assert "- (no price is set)" in done.out
    assert "Put its transcript back" in done.out
    assert [] == [line for line in done.out.splitlines() if len(line) > 80]


@pytest.mark.usefixtures("night")
def test_report_has_all_that_status_has(run):  # noqa: F811
    """For programs: a script that reads `run status` reads the report as well."""
    report, status = (run("--json", "run", word, "run-1").json() for word in ("report", "status"))

    def differing(more, less, path=""):
        if isinstance(less, dict):
            return [fault for k in less for fault in differing(more.get(k), less[k], f"{path}.{k}")]
        if isinstance(less, list):
            return [fault for one, other in zip(more, less, strict=True) for fault in differing(one, other, path)]
        return [] if more == less else [(path, more, less)]

    assert [] == differing(report, status)
    assert report["counts"]["selected"] == sum(n for name, n in report["counts"].items() if name != "selected")
    assert {"prompt": 2_000, "completion": 100, "cached": 1_600} == report["tokens"]
    assert {"workers": 1, "handed_back": 1} == {k: report["interruptions"][k] for k in ("workers", "handed_back")}


@pytest.mark.usefixtures("night")
def test_report_is_a_page(run, tmp_path):  # noqa: F811
    """In a file of its own, or on stdout; a file that is there stays, but for --force."""
    target = tmp_path / "report.html"
    shown = run("run", "report", "run-1", "--html")
    first = run("run", "report", "run-1", "--html", str(target))
    second = run("run", "report", "run-1", "--html", str(target))
    forced = run("run", "report", "run-1", "--html", str(target), "--force")

    assert (0, 0, CONFLICT, 0) == (shown.code, first.code, second.code, forced.code)
    assert shown.out.startswith("<!doctype html>")
    assert target.read_text(encoding="utf-8") == shown.out.removesuffix("\n")
    assert "--force" in second.err
    assert not list(tmp_path.glob("tmp*"))
    assert stat.S_ISREG(target.stat().st_mode)


@pytest.mark.parametrize("arguments", [("x.html",), ("--force",), ("--html", "--json")])
@pytest.mark.usefixtures("night")
def test_report_refuses_what_makes_no_sense(run, arguments):  # noqa: F811
    """A file without --html is no file of anything."""
    assert USAGE == run("run", "report", "run-1", *arguments).code


def test_report_of_no_run_says_so(database, run):  # noqa: F811
    """With where to look."""
    done = run("run", "report", "night")

    assert (USAGE, "") == (done.code, done.out)
    assert "debrief run list" in done.err


def test_report_of_an_open_run_says_how_far_it_is(database, run):  # noqa: F811
    """And how to follow it."""
    prepared(database)
    done = run("run", "report", "run-1")

    assert "Run run-1  OPEN" in done.out
    assert "debrief run watch run-1" in done.out


def test_watching_ends_with_the_report(database, run):  # noqa: F811
    """As text, and with --json as the last of the lines; the exit code is the run's."""
    prepared(database)
    failed(database)
    text = run("run", "watch", "run-1")
    lines = [json.loads(line) for line in run("--json", "run", "watch", "run-1").out.splitlines()]

    assert FAILURES == text.code
    assert "✓ adds up" in text.out
    assert re.search(r"run=run-1 done=1/1 .* eta=-$", text.err, re.MULTILINE)
    assert ["progress", None] == [line.get("event") for line in lines]
    assert (3, 1) == (lines[-1]["exit_code"], lines[-1]["counts"]["failed"])


def test_a_deadline_and_a_budget_are_told(database, run):  # noqa: F811
    """With what closed it."""
    prepared(database)
    change(
        database,
        'UPDATE run SET deadline = \'2026-11-22T06:00:00Z\', budget = \'{"kind": "tokens", "amount": "2000000"}\','
        " state = 'closed', closed_because = 'budget', closed_at = clock_timestamp()",
    )
    change(database, "UPDATE run_member SET outcome = 'pending'")
    done = run("run", "report", "run-1")

    assert "budget 2.0 M tokens   deadline 22 Nov 2026 06:00 UTC" in done.out
    assert "closed on its budget" in done.out
    assert 'debrief run retry run-1 --reason "..."' in done.out


@pytest.mark.usefixtures("night")
def test_bundle_is_a_folder_of_files_that_can_be_checked(run, tmp_path, database):  # noqa: F811
    """Report, scorecards, settings without secrets; the export is logged; a second one needs another folder."""
    folder = tmp_path / "kept" / "night"
    done = run("run", "bundle", "run-1", str(folder))
    again = run("run", "bundle", "run-1", str(folder))
    sums = dict(line.split("  ")[::-1] for line in (folder / "SHA256SUMS").read_text().splitlines())
    settings = (folder / "settings.json").read_text()

    assert (0, CONFLICT) == (done.code, again.code)
    assert sums == {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in sums}
    assert {"report.json", "report.html", "scorecards-long.csv", "scorecards-wide.csv", "settings.json"} == set(sums)
    assert 3 == len((folder / "scorecards-wide.csv").read_text().splitlines())  # two scorecards under a header
    assert "Ada" not in "".join(path.read_text() for path in folder.iterdir())
    assert '"DEBRIEF_DATABASE_URL": "(set, hidden)"' in settings
    assert 2 == len(rows(database, "SELECT id FROM audit WHERE action = 'scorecards.export'"))


def test_bundle_of_no_run_makes_no_folder(database, run, tmp_path):  # noqa: F811
    """It says that there is none."""
    done = run("run", "bundle", "night", str(tmp_path / "night"))

    assert (USAGE, False) == (done.code, (tmp_path / "night").exists())
