"""Schedules and limits of runs from the command line: what they say, refuse, and leave in the database."""

import re
from pathlib import Path

import pytest

from evaluator.storage.evaluations import finalize
from evaluator.storage.runs import close_runs
from tests.commands import debrief
from tests.integration.storage.builders import a_claim, a_manifest, a_scorecard, begin, change, rows, stock

USAGE, LIMITED = 2, 5


@pytest.fixture
def run(database_url: str, tmp_path: Path):
    """Runs a command on this test's database and folder store, with more variables if given."""
    env = {
        "DEBRIEF_HOME": str(tmp_path / "home"),
        "DEBRIEF_DATABASE_URL": database_url,
        "DEBRIEF_STORE_URL": (tmp_path / "store").as_uri(),
        "DEBRIEF_BROKER_URL": "redis://127.0.0.1:1/0",
        "DEBRIEF_ENGINE_URL": "http://127.0.0.1:1",
        "DEBRIEF_MODEL": "test-judge@r1",
        "COLUMNS": "80",
    }
    (tmp_path / "store").mkdir()
    return lambda *arguments, **more: debrief(*arguments, env={**env, **more}, cwd=tmp_path)


BERLIN = ("--at", "22:00", "--zone", "Europe/Berlin", "--days", "mon-fri", "--deadline", "06:00")


def test_a_schedule_is_added_shown_and_listed(database, run):
    """With when it begins next; the table fits 80 columns."""
    added = run("schedule", "add", "night", *BERLIN, "--req", "REQ-1", "--budget", "3h")
    listed = run("schedule", "list")
    told = run("--json", "schedule", "show", "night").json()

    assert 0 == added.code, added.err
    assert "at 22:00 Europe/Berlin, mon-fri, until 06:00" in added.out
    assert "budget 3 engine hours a night" in added.out
    assert 80 >= max(map(len, listed.out.splitlines()))
    assert ("REQ-1", "mon-fri", {"kind": "engine_hours", "amount": "3"}) == (
        told["requisition"],
        told["days"],
        told["budget"],
    )
    assert [{"action": "schedule.add"}] == rows(database, "SELECT action FROM audit")


def test_the_next_nights_are_told_without_starting_one(database, run):
    """Seven of them, by the place's clock and in UTC."""
    run("schedule", "add", "night", *BERLIN)

    told = run("schedule", "next", "night")
    facts = run("--json", "schedule", "next", "night").json()

    assert 8 == len(told.out.splitlines())
    assert 80 >= max(map(len, told.out.splitlines()))
    assert re.search(r"\w{3} \d{4}-\d\d-\d\d +22:00 CES?T +\w{3} 06:00", told.out)
    assert 7 == len(facts)
    assert all(fact["starts_local"][11:16] == "22:00" for fact in facts)
    assert [] == rows(database, "SELECT 1 FROM run")


def test_a_schedule_is_paused_resumed_changed_and_removed(database, run):
    """Each is said, and logged."""
    run("schedule", "add", "night", *BERLIN, "--budget", "3h")

    assert "PAUSED" in run("schedule", "pause", "night").out
    assert "is paused" in run("schedule", "next", "night").err
    assert "ACTIVE" in run("schedule", "resume", "night").out
    changed = run("schedule", "change", "night", "--at", "23:30", "--budget", "none", "--deadline", "none")
    assert "at 23:30 Europe/Berlin, mon-fri, until the next night" in changed.out
    assert "budget" not in changed.out
    assert "is removed" in run("schedule", "remove", "night").out
    assert "No schedules yet" in run("schedule", "list").out
    expected = [f"schedule.{word}" for word in ("add", "pause", "resume", "change", "remove")]
    assert expected == [row["action"] for row in rows(database, "SELECT action FROM audit ORDER BY id")]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--at", "25:00"), "at: time '25:00'"),
        (("--zone", "Europe/Berln"), "did you mean Europe/Berlin"),
        (("--days", "someday"), "mon-fri"),
        (("--deadline", "soon"), "06:00, or hours such as 8h"),
        (("--budget", "ten"), "3h"),
        (("--budget", "10"), "needs a price"),
        (("--only", "some"), "'missing', 'failed', 'stale' or 'all'"),
    ],
)
def test_a_faulty_schedule_is_refused(database, run, options, words):
    """With what it should be; nothing is kept."""
    done = run("schedule", "add", "night", *options)

    assert (USAGE, "") == (done.code, done.out)
    assert words in done.err
    assert [] == rows(database, "SELECT 1 FROM schedule")


def test_a_taken_name_and_an_unknown_one_are_refused(database, run):
    """With where to look."""
    run("schedule", "add", "night")

    assert "exists already" in run("schedule", "add", "night").err
    for word in ("show", "pause", "resume", "remove", "next"):
        assert "debrief schedule list" in (done := run("schedule", word, "day")).err
        assert USAGE == done.code
    assert "nothing to change" in run("schedule", "change", "night").err


def test_a_run_is_planned_before_it_is_started(database, run):
    """Without a past there is no estimate; limits are told and kept."""
    stock(database, a_manifest("iv-1"), a_manifest("iv-2", consent="refused"))

    dry = run("run", "start", "--dry-run", "--budget", "2Mtok", "--deadline", "+6h")
    facts = run("--json", "run", "start", "--dry-run", "--budget", "2Mtok").json()
    started = run("run", "start", "--name", "tonight", "--detach", "--budget", "2Mtok", "--deadline", "+6h")

    assert "Plan  1 interviews · 3 sections · 1 blocked" in dry.out
    assert "rubrics backend@1 (1)" in dry.out
    assert "no run yet to learn from" in dry.out
    assert "budget 2,000,000 tokens · deadline 20" in dry.out
    assert (["iv-1", "iv-2"], 1, 3, None) == (
        facts["interviews"],
        facts["to_judge"],
        facts["sections"],
        facts["forecast"],
    )
    assert 0 == started.code, started.err
    assert "Plan  1 interviews" in started.err
    told = run("--json", "run", "status", "tonight").json()
    assert {"kind": "tokens", "amount": "2000000"} == told["budget"]
    assert told["deadline"] is not None


def past(database) -> None:
    """run-1 has judged iv-1: three sections, 3,000 tokens, in an hour."""
    stock(database, a_manifest("iv-1"))
    begin(database, "run-1")
    claim = a_claim(database)
    for section in ("design", "debugging", "teamwork"):
        change(
            database,
            "INSERT INTO judge_call (evaluation_id, fence, run_id, section_id, duration_s, prompt_tokens, "
            "cached_tokens, completion_tokens, kept) SELECT e.id, 1, r.id, :section, 2.0, 900, 0, 100, true "
            "FROM evaluation e, run r",
            section=section,
        )
    with database.begin() as db:
        finalize(db, claim, a_scorecard(claim), {})
        close_runs(db)
    change(database, "UPDATE run SET created_at = closed_at - interval '1 hour'")


def test_a_plan_is_learnt_from_past_runs(database, run):
    """Of the same judge and rubric: two interviews take twice as much."""
    past(database)
    stock(database, a_manifest("iv-2"), a_manifest("iv-3"))

    dry = run("run", "start", "--dry-run", "--budget", "5000tok")
    facts = run("--json", "run", "start", "--dry-run").json()["forecast"]

    assert "est. 6e+03 tokens" not in dry.out
    assert "est. 6,000 tokens · 2 h" in dry.out
    assert "the budget will end it first" in dry.out
    assert (1, 6_000.0) == (facts["runs"], facts["tokens"]["median"])
    assert 2.0 == pytest.approx(facts["hours"]["median"], rel=0.01)


def test_another_judge_has_no_past(database, run):
    """What one model took says nothing of another."""
    past(database)
    stock(database, a_manifest("iv-2"))

    assert "no run yet to learn from" in run("run", "start", "--dry-run", DEBRIEF_MODEL="other@r1").out


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--budget", "ten"), '"10" is money'),
        (("--budget", "10"), "needs a price"),
        (("--deadline", "soon"), "a time of day as HH:MM"),
        (("--deadline", "06:00", "--zone", "Mars/Base"), "not in the zone database"),
        (("--deadline", "2020-01-01T00:00Z"), "has passed"),
    ],
)
def test_faulty_limits_are_refused(database, run, options, words):
    """Before anything is started."""
    stock(database, a_manifest("iv-1"))

    done = run("run", "start", "--detach", *options)

    assert (USAGE, "") == (done.code, done.out)
    assert words in done.err
    assert [] == rows(database, "SELECT 1 FROM run")


def test_money_is_a_budget_where_there_is_a_price(database, run):
    """In the currency of the settings."""
    stock(database, a_manifest("iv-1"))

    done = run("run", "start", "--detach", "--budget", "10", DEBRIEF_NODE_HOUR_PRICE="1.7", DEBRIEF_CURRENCY="EUR")

    assert 0 == done.code, done.err
    assert "budget 10.00 EUR" in done.err


def closed_on_its_budget(database) -> None:
    """run-1 was closed with iv-1 and iv-2 left."""
    stock(database, a_manifest("iv-1"), a_manifest("iv-2"))
    begin(database, "run-1")
    change(database, "UPDATE run SET state = 'closed', closed_because = 'budget', closed_at = clock_timestamp()")
    change(database, "UPDATE run_member SET outcome = 'pending'")


def test_a_run_that_a_budget_closed_says_the_way_out(database, run):
    """Its numbers stay; what it left is another run's, with limits of its own. Exit code 5."""
    closed_on_its_budget(database)

    resumed = run("run", "resume", "run-1", "--budget", "9Mtok")
    retried = run("run", "retry", "run-1", "--reason", "there is more to spend", "--budget", "9Mtok")

    assert LIMITED == resumed.code
    assert "debrief run retry run-1 --reason" in resumed.err
    assert 0 == retried.code, retried.err
    told = run("--json", "run", "status", "run-1-retry-1").json()
    assert ({"kind": "tokens", "amount": "9000000"}, 2) == (told["budget"], told["counts"]["pending"])


def test_an_open_run_gets_another_limit(database, run):
    """Raised while it goes on, and logged."""
    stock(database, a_manifest("iv-1"))
    begin(database, "run-1")

    done = run("run", "resume", "run-1", "--detach", "--budget", "9Mtok", "--deadline", "+2h")

    assert 0 == done.code, done.err
    assert {"kind": "tokens", "amount": "9000000"} == run("--json", "run", "status", "run-1").json()["budget"]
    assert [{"action": "run.limit"}] == rows(database, "SELECT action FROM audit")
