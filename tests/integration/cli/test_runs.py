"""What an operator does with a run from the command line: pause, stop, try again, and read what happened."""

from pathlib import Path

import pytest

from evaluator.adapters.folder import FolderStore
from evaluator.evaluation import Quarantine, Retry
from evaluator.layout import checkpoint_key
from evaluator.storage.evaluations import expire_leases, fail, finalize, note_section, release
from evaluator.storage.runs import close_runs
from tests.commands import debrief
from tests.integration.storage.builders import a_claim, a_scorecard, claimed, overslept, prepared, row_of, rows

USAGE = 2


@pytest.fixture
def run(database_url: str, tmp_path: Path):
    """Runs a command on this test's database and folder store."""
    env = {
        "DEBRIEF_HOME": str(tmp_path / "home"),
        "DEBRIEF_DATABASE_URL": database_url,
        "DEBRIEF_STORE_URL": (tmp_path / "store").as_uri(),
        "DEBRIEF_BROKER_URL": "redis://127.0.0.1:1/0",
        "DEBRIEF_ENGINE_URL": "http://127.0.0.1:1",
        "DEBRIEF_MODEL": "test-judge@r1",
        "COLUMNS": "80",
    }
    return lambda *arguments: debrief(*arguments, env=env, cwd=tmp_path)


def failed(database, code: str = "cut_answer") -> None:
    """The next due row is quarantined, which ends its run where it was the last."""
    claim = a_claim(database)
    with database.begin() as db:
        fail(db, claim, Quarantine(code=code, detail="section design: cut"))
        close_runs(db)


def test_retry_of_a_finished_run_opens_another(database, run):
    """Its name is told, and how to go on."""
    prepared(database)
    failed(database)

    done = run("run", "retry", "run-1", "--reason", "the judge was changed")

    assert (0, "pending") == (done.code, row_of(database)["state"])
    assert "in run run-1-retry-1" in done.out
    assert "debrief run resume run-1-retry-1" in done.err


def test_retry_is_read_by_programs(database, run):
    """One object, with the new run's numbers."""
    prepared(database)
    failed(database)

    told = run("--json", "run", "retry", "run-1", "--reason", "the judge was changed").json()

    assert ("run-1-retry-1", "open", 1) == (told["run"], told["state"], told["counts"]["pending"])


@pytest.mark.parametrize("reason", [(), ("--reason", ""), ("--reason", " why "), ("--reason", "x" * 501)])
def test_retry_wants_a_reason(database, run, reason):
    """A word or two that tells the next reader why; without it nothing is changed."""
    prepared(database)
    failed(database)

    done = run("run", "retry", "run-1", *reason)

    assert (USAGE, "quarantined") == (done.code, row_of(database)["state"])
    assert "--reason" in done.err


def test_retry_of_nothing_says_so(database, run):
    """And is no error."""
    prepared(database)

    done = run("run", "retry", "run-1", "--reason", "the judge was changed")

    assert (0, True) == (done.code, "Nothing to retry" in done.out)


def test_retry_says_that_a_bad_checkpoint_stands_in_the_way(database, run):
    """With the option that removes it."""
    prepared(database)
    failed(database, "checkpoint_corrupt")

    done = run("run", "retry", "run-1", "--reason", "the disk was repaired")

    assert "--discard-checkpoints" in done.err


def test_retry_discards_bad_checkpoints_only(database, run, tmp_path):
    """Those of the interview that they stopped go; what another interview had reached stays."""
    prepared(database, 2)
    failed(database, "checkpoint_corrupt")
    failed(database)
    store = FolderStore(tmp_path / "store")
    keys = [checkpoint_key(f"iv-{n}", row_of(database, f"iv-{n}")["evaluation_key"], "design") for n in (1, 2)]
    for key in keys:
        store.create(key, b"{")

    done = run("run", "retry", "run-1", "--discard-checkpoints", "--reason", "the disk was repaired")

    assert 0 == done.code
    assert keys[1:] == store.names("checkpoints/")
    assert "judged anew" in done.out


def test_pause_and_resume_for_the_fleet(database, run):
    """In between nothing is claimed."""
    prepared(database)

    paused = run("run", "pause", "run-1")
    in_between = claimed(database)
    resumed = run("run", "resume", "run-1", "--detach")

    assert (0, 0, None) == (paused.code, resumed.code, in_between)
    assert ("PAUSED" in paused.out, "OPEN" in resumed.out) == (True, True)
    assert claimed(database) is not None


def test_stop_ends_a_run(database, run):
    """Nothing more is claimed; pausing or resuming it is answered with what can be done."""
    prepared(database)

    stopped = run("run", "stop", "run-1")

    assert (0, True) == (stopped.code, "STOPPED" in stopped.out)
    assert claimed(database) is None
    assert (USAGE, True) == ((done := run("run", "pause", "run-1")).code, "debrief run retry run-1" in done.err)


@pytest.mark.parametrize("command", ["pause", "stop", "resume", "retry", "status"])
def test_unknown_run_is_named(database, run, command):
    """In one line, with where to look."""
    done = run("run", command, "night", *(("--reason", "the judge was changed") if command == "retry" else ()))

    assert (USAGE, "") == (done.code, done.out)
    assert "run night does not exist" in done.err


def test_history_tells_a_story(database, run):
    """Who had it, what was finished, why it came back, and when it is tried again; within 80 columns."""
    prepared(database)
    first = a_claim(database, "node-a-with-a-rather-long-name.example.internal:4711")
    with database.begin() as db:
        note_section(db, first, section_id="design", reused=False)
        release(db, first, reason="drained")
    a_claim(database, "node-b:12")
    overslept(database)
    with database.begin() as db:
        expire_leases(db)
    third = a_claim(database, "node-c:13")
    with database.begin() as db:
        note_section(db, third, section_id="design", reused=True)
        detail = "section debugging: engine http://10.0.0.1:8000 answers 500 to /v1/chat/completions; try again later"
        fail(db, third, Retry(delay_s=0, counts="attempt", code="engine_error_on_this_content", detail=detail))
    fourth = a_claim(database, "node-c:13")
    with database.begin() as db:
        finalize(db, fourth, a_scorecard(fourth), {})

    told = run("evaluation", "history", "iv-1").out

    for words in (
        "claimed by",
        "section design judged and kept",
        "handed back: the worker was told to stop",
        "taken back: the worker stopped renewing its lease",
        "section design found finished",
        "attempt failed (engine_error_on_this_content)",
        "done: scored",
    ):
        assert words in told
    assert 80 >= max(map(len, told.splitlines()))


def test_history_is_read_by_programs(database, run):
    """Every event whole."""
    prepared(database)
    failed(database)

    told = run("--json", "evaluation", "history", "iv-1").json()

    assert ["claimed", "quarantined"] == [event["kind"] for event in told]
    assert "section design: cut" == told[1]["detail"]["detail"]


def judged(database) -> None:
    """iv-1 has a scorecard, and its run is closed."""
    prepared(database)
    claim = a_claim(database)
    with database.begin() as db:
        finalize(db, claim, a_scorecard(claim), {})
        close_runs(db)


def test_rescore_opens_a_run_for_another_replicate(database, run):
    """Its name is told, and how to go on; the scorecard that there is stays."""
    judged(database)

    done = run("scorecard", "rescore", "iv-1", "--reason", "the manager doubts it", "--name", "again")

    assert (0, "again") == (done.code, run("--json", "run", "status", "again").json()["run"])
    assert "debrief run resume again" in done.out
    assert [("done", 0), ("pending", 1)] == [
        (row["state"], row["sampling"]["replicate"])
        for row in rows(database, "SELECT state, sampling FROM evaluation ORDER BY id")
    ]


def test_rescore_may_be_tried_dry(database, run):
    """It says what it would do, and opens nothing."""
    judged(database)

    done = run("scorecard", "rescore", "iv-1", "--reason", "the manager doubts it", "--dry-run")

    assert (0, True) == (done.code, "Would judge again: 1 interviews" in done.out)
    assert [{"n": 1}] == rows(database, "SELECT count(*) AS n FROM run")


def test_rescore_of_what_has_no_scorecard_is_refused(database, run):
    """By its name."""
    prepared(database)

    done = run("scorecard", "rescore", "iv-1", "--reason", "the manager doubts it")

    assert (USAGE, True) == (done.code, "iv-1" in done.err)
