"""What evaluation has cost for each minute of interview, from the ledger of whole runs."""

from decimal import Decimal

import pytest

from evaluator.planning.stack import Measured
from evaluator.storage.measured import evaluation_measured
from tests.integration.storage.builders import a_manifest, begin, change, rows, stock


@pytest.fixture
def finished(database):
    """A finished run over two interviews of 30 minutes, which took an hour of a node at 1.20."""
    stock(database, a_manifest("iv-1"), a_manifest("iv-2"))
    begin(database)
    change(database, "UPDATE interview SET started_at = '2026-11-20T10:00Z', ended_at = '2026-11-20T10:30Z'")
    change(database, "UPDATE evaluation SET state = 'done'")
    change(database, "UPDATE run SET state = 'closed', closed_because = 'finished', closed_at = clock_timestamp()")
    _life(database, "s1", price="1.20", currency="USD")
    return database


def _life(database, session, *, price, currency):
    """One worker's life of an hour, all of it work for the run's first evaluation."""
    change(
        database,
        "INSERT INTO node_session (id, name, node, model, slots, billed_from, started_at, ready_at, seen_at, ended_at,"
        " settled_until, node_hour_price, currency) SELECT :id, :id, :id, 'm@1', 1, 'worker', t, t, t + '1 hour', "
        " t + '1 hour', t + '1 hour', :price, :currency FROM (SELECT date_trunc('hour', clock_timestamp()) "
        " - interval '2 hours' AS t) AS at",
        id=session,
        price=None if price is None else Decimal(price),
        currency=currency,
    )
    change(
        database,
        "INSERT INTO claim_cost (evaluation_id, fence, hour, session_id, run_id, ending, work_s, waste_s, engine_s, "
        " ended, calls, calls_wasted, prompt_tokens, cached_tokens, completion_tokens) SELECT min(evaluation_id), "
        " (SELECT count(*) FROM claim_cost), date_trunc('hour', clock_timestamp()) - interval '2 hours', :id, "
        " min(run_id), 'done', 3600, 0, 3000, 1, 5, 0, 0, 0, 0 FROM run_member",
        id=session,
    )


def _measured(database) -> Measured | None:
    with database.begin() as db:
        return evaluation_measured(db)


def test_money_by_minutes_of_interview(finished):
    """1.20 for 60 minutes."""
    found = _measured(finished)

    assert found
    assert (Decimal("0.02"), "USD", 2, 60) == (found.per_minute, found.currency, found.interviews, found.minutes)


def test_nothing_is_measured_before_a_run_has_finished(database):
    """Nor by a run that is open."""
    stock(database, a_manifest("iv-1"))
    begin(database)

    assert _measured(database) is None
    assert 1 == len(rows(database, "SELECT * FROM run_member"))


@pytest.mark.parametrize(
    "change_it",
    [
        "UPDATE interview SET ended_at = NULL WHERE id = 'iv-2'",
        "UPDATE run SET closed_because = 'stopped'",
        "UPDATE run SET closed_at = clock_timestamp() - interval '31 days'",
        "UPDATE node_session SET node_hour_price = NULL",
        "UPDATE evaluation SET state = 'quarantined'",
    ],
)
def test_what_cannot_be_divided_is_not_measured(finished, change_it):
    """An interview without times, a run that was stopped or is long ago, node time without a price, nothing scored."""
    change(finished, change_it)

    assert _measured(finished) is None


def test_what_failed_costs_the_same_and_adds_no_minutes(finished):
    """One of two scored: twice as much a minute."""
    change(finished, "UPDATE evaluation SET state = 'quarantined' WHERE interview_id = 'iv-2'")

    found = _measured(finished)

    assert found
    assert (Decimal("0.04"), 1) == (found.per_minute, found.interviews)


def test_time_without_a_price_leaves_the_run_out(finished):
    """Part of its cost is missing, so that the rest would be too little."""
    _life(finished, "s2", price=None, currency="USD")

    assert _measured(finished) is None
