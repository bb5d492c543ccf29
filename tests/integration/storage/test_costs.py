"""Measured costs on a real PostgreSQL: the ledger of lives, what is settled of it, and the accounts over both."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from evaluator.costs.money import Prices
from evaluator.errors import Conflict, LeaseLost, NotFound
from evaluator.storage.costs import interview_cost, month_cost, run_cost, run_spent
from evaluator.storage.evaluations import CallNote, claim, note_calls, note_section
from evaluator.storage.node_sessions import NodeSession, note_alive, note_end
from evaluator.storage.settling import Life, _keep, costs_of, settle
from tests.factories import MODEL
from tests.integration.storage.builders import change, overslept, prepared, rows
from tests.integration.storage.spending import (
    BEGIN,
    LINES_S,
    OUTSIDE_S,
    a_life,
    a_night,
    call,
    ledger,
    minute,
    tell,
)

MONTH = (datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC))
WORKER = NodeSession(id="s1", name="n:1", node="n", model=MODEL, slots=2, prices=Prices(node_hour=Decimal(2)))


def the_month(database, **options):
    """The account of the night's month."""
    with database.begin() as db:
        return month_cost(db, *MONTH, **options)


def settled(database):
    """How many lives a settling went on with, until nothing is left."""
    counts = []
    while not counts or counts[-1]:
        with database.begin() as db:
            counts.append(settle(db))
    return sum(counts)


def seconds(account):
    """The lines of an account."""
    return {name: round(getattr(account, name).node_s, 6) for name in LINES_S}


@pytest.fixture(params=["live", "settled"])
def night(request, database):
    """The night of `spending`, before and after it is settled."""
    a_night(database)
    if request.param == "settled":
        settled(database)
    return database


def test_lines_add_up_to_the_node(night):
    """As worked out on paper: work, waste, idle time and cold start are the node's 20 minutes."""
    account = the_month(night).account

    assert LINES_S == seconds(account)
    assert 1_200 == account.nodes.node_s == sum(LINES_S.values())
    assert Decimal("1.2") == account.money.total
    assert {"done": 2, "released": 1} == account.claims
    assert {"released": 150.0} == {ending: line.node_s for ending, line in account.wasted_by.items()}


def test_engine_time_and_tokens_of_calls(night):
    """Time in which a call was in flight counts once; each call's tokens count."""
    account = the_month(night).account

    assert 120 + 60 + 90 == account.use.engine_s
    assert (4, 1) == (account.use.calls, account.calls_wasted)
    assert (4_000, 2_400, 200) == (
        account.use.prompt_tokens,
        account.use.cached_tokens,
        account.use.completion_tokens,
    )


def test_run_has_its_part_of_idle_time(night):
    """What came after it was closed is outside of runs."""
    with night.begin() as db:
        cost, spent = run_cost(db, "run-1"), run_spent(db, 1)
    outside = the_month(night).outside_runs

    assert 1_200 - OUTSIDE_S == spent.node_s == cost.account.nodes.node_s
    assert (Decimal("0.9"), "USD", 0.0) == (spent.money, spent.currency, spent.unpriced_s)
    assert OUTSIDE_S == outside.node_s
    assert ["iv-2", "iv-1"] == [one.interview_id for one in cost.dearest]


def test_interviews_add_up_to_work_and_waste(night):
    """Nothing is counted twice, nothing is lost."""
    with night.begin() as db:
        first, second = (interview_cost(db, f"iv-{n}") for n in (1, 2))

    assert {"work": 210, "waste": 0, "idle": 0, "cold": 0} == seconds(first.account)
    assert {"work": 180, "waste": 150, "idle": 0, "cold": 0} == seconds(second.account)
    assert [("released", 210.0, 150.0), ("done", 120.0, 0.0)] == [
        (one.ending, one.use.node_s, one.waste_s) for one in second.claims
    ]


def test_night_and_rubric(night):
    """The night has the date of its evening; a rubric has its claims and no idle time."""
    cost = the_month(night)

    assert {"2026-11-21": 1_200.0} == {str(day): account.nodes.node_s for day, account in cost.by_night.items()}
    assert {"backend@1": 540.0} == {name: account.nodes.node_s for name, account in cost.by_rubric.items()}
    assert (1, 0, 2) == (cost.nodes, cost.killed, cost.account.interviews)


def test_no_price_is_no_money(database):
    """Time without a price is told as such; a price that is asked about makes an estimate of it."""
    a_night(database, node_hour_price=None)
    with database.begin() as db:
        spent = run_spent(db, 1)

    assert (None, None, 900.0) == (spent.money, spent.currency, spent.unpriced_s)
    assert None is the_month(database).account.money.total
    assert Decimal("2.4") == the_month(database, price=Decimal("7.2")).account.money.total


def test_tokens_have_their_own_line(database):
    """At a managed endpoint: fresh, cached and written tokens, each at its price, beside the node."""
    a_night(database, prompt_price=Decimal(10), cached_price=Decimal(1), completion_price=Decimal(100))
    money = the_month(database).account.money

    assert Decimal("0.0384") == money.tokens
    assert Decimal("1.2384") == money.total


def test_prices_in_two_currencies_do_not_add_up(database):
    """There is no sum."""
    a_night(database)
    a_life(database, "life-2", currency="EUR")
    money = the_month(database).account.money

    assert (None, None, True) == (money.total, money.currency, money.mixed)


def test_settling_goes_up_to_what_still_runs(database):
    """An open claim may yet come to nothing: its time waits, and is shown as it stands."""
    a_night(database)
    change(database, "UPDATE evaluation SET state = 'running', leased_until = now() WHERE id = 2")
    change(database, "DELETE FROM evaluation_event WHERE evaluation_id = 2 AND fence = 2 AND kind = 'done'")

    assert 1 == settled(database)
    assert [minute(10)] == [row["settled_until"] for row in rows(database, "SELECT settled_until FROM node_session")]
    assert 2 == len(ledger(database))
    assert {**LINES_S, "work": 270 + 600, "idle": 60} == seconds(the_month(database).account)


def test_settling_again_changes_nothing(database):
    """What is settled stays; the rest comes to it once."""
    a_night(database)
    settled(database)
    first = ledger(database)

    assert 0 == settled(database)
    assert first == ledger(database)


def test_what_comes_too_late_cannot_be_counted_twice(database):
    """A claim that shows up after its time was settled takes no time, and the lines still add up."""
    a_night(database)
    settled(database)
    tell(database, 1, "claimed", 16, fence=3, session="life-1")
    tell(database, 1, "done", 17, fence=3)
    settled(database)

    assert LINES_S == seconds(the_month(database).account)


def test_two_that_settle_at_once_do_not_both(database):
    """The second one's sums would be added to the first one's: it finds that the life was settled, and stops."""
    a_night(database)
    life = Life(
        session_id="life-1",
        settled_until=BEGIN.timestamp(),
        known_until=minute(20).timestamp(),
        ready_at=minute(2).timestamp(),
        over=True,
        now=minute(30).timestamp(),
    )
    settled(database)
    with pytest.raises(Conflict), database.begin() as db:
        _keep(db, life, costs_of(db, life, until=life.known_until), life.known_until)

    assert LINES_S == seconds(the_month(database).account)


def test_killed_worker_ends_when_it_was_last_seen(database):
    """Or at the last thing that it did after; what lay open then is waste, as far as nothing was kept."""
    prepared(database, 1)
    a_life(database, ended=False, seen_at=minute(10))
    tell(database, 1, "claimed", 4, session="life-1")
    tell(database, 1, "section", 6)
    call(database, 1, at=11, duration_s=30, kept=False)
    tell(database, 1, "expired", 12, fence=2)
    settled(database)
    cost = the_month(database)

    assert {"work": 120, "waste": 300, "idle": 120, "cold": 120} == seconds(cost.account)
    assert (1, 1) == (cost.nodes, cost.killed)
    assert {"expired": 1} == cost.account.claims


def test_ledger_follows_a_worker(database):
    """Started before it is noted, ready once, seen until it ends; prices are those of its start."""
    with database.begin() as db:
        note_alive(db, WORKER, age_s=30, ready=False)
    with database.begin() as db:
        note_alive(db, WORKER.model_copy(update={"prices": Prices()}), age_s=31, ready=True)
    with database.begin() as db:
        note_alive(db, WORKER, age_s=32, ready=True)
        note_end(db, "s1")
    (life,) = rows(database, "SELECT * FROM node_session")

    assert timedelta(seconds=30) <= life["seen_at"] - life["started_at"] < timedelta(seconds=35)
    assert life["started_at"] < life["ready_at"] < life["seen_at"] == life["ended_at"]
    assert Decimal(2) == life["node_hour_price"]


def test_machine_that_is_paid_from_its_boot_is_paid_once(database):
    """A second worker on it begins where the first one ended."""
    machine = WORKER.model_copy(update={"billed_from": "boot"})
    with database.begin() as db:
        note_alive(db, machine, age_s=600, ready=True)
        note_end(db, "s1")
    with database.begin() as db:
        note_alive(db, machine.model_copy(update={"id": "s2"}), age_s=601, ready=True)
    first, second = rows(database, "SELECT * FROM node_session ORDER BY started_at")

    assert first["ended_at"] == second["started_at"]
    assert first["seen_at"] - first["started_at"] > timedelta(seconds=590)


def test_calls_are_noted_with_their_section(database):
    """In the same statement; nothing at all where the row is another's by then, but what it cost can still be said."""
    prepared(database, 1)
    with database.begin() as db:
        owned = claim(db, worker="w", model=MODEL, lease_s=30, session_id="s1")
    made = CallNote(
        section_id="design",
        ago_s=5,
        duration_s=2,
        prompt_tokens=10,
        cached_tokens=None,
        completion_tokens=3,
        kept=True,
    )
    with database.begin() as db:
        note_section(db, owned, section_id="design", reused=False, calls=[made, made])
    overslept(database)
    change(database, "UPDATE evaluation SET fence = fence + 1")
    with pytest.raises(LeaseLost), database.begin() as db:
        note_section(db, owned, section_id="debugging", reused=False, calls=[made])
    with database.begin() as db:
        note_calls(db, owned, [made.model_copy(update={"kept": False})])
    found = rows(database, "SELECT * FROM judge_call ORDER BY id")

    assert [True, True, False] == [row["kept"] for row in found]
    assert {("s1", 1, None, 10)} == {
        (row["session_id"], row["fence"], row["cached_tokens"], row["prompt_tokens"]) for row in found
    }
    (event,) = rows(database, "SELECT session_id FROM evaluation_event WHERE kind = 'claimed'")
    assert "s1" == event["session_id"]


def test_unknown_ones_are_not_found(database):
    """With the way to those that are."""
    with database.begin() as db, pytest.raises(NotFound, match="debrief run list"):
        run_cost(db, "night-9")
    with database.begin() as db, pytest.raises(NotFound, match="iv-9"):
        interview_cost(db, "iv-9")


def test_empty_month_is_empty(database):
    """No nodes, no money, no division by zero."""
    cost = the_month(database)

    assert (0.0, None, None) == (cost.account.nodes.node_s, cost.account.money.total, cost.account.utilisation)
    assert BEGIN > cost.begin
