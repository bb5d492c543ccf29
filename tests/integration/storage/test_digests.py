"""The day's digest: what it counts, that it is told once a day and only with news, and what is never in it."""

import json
from datetime import date

import pytest

from evaluator.storage.digests import announce_digests
from evaluator.storage.evaluations import finalize
from evaluator.storage.requisitions import set_blind
from tests.integration.storage.builders import a_claim, a_scorecard, change, prepared, rows, stock
from tests.integration.storage.test_webhooks import a_webhook

MONDAY, TUESDAY = date(2026, 11, 23), date(2026, 11, 24)
NOTHING = {"to_review": 0, "overdue": 0, "failed": 0, "missed_nights": 0, "open_runs": 0}


@pytest.fixture
def webhook(database):
    """One that wants digests; its id."""
    stock(database)
    return a_webhook(database, events=("digest",))


def look(database, day=MONDAY) -> int:
    """What a reconciler writes on that day."""
    with database.begin() as db:
        return announce_digests(db, day=day, web_url="https://debrief.example.org")


def told(database):
    """What all digests tell, the oldest first."""
    return [row["body"]["data"] for row in rows(database, "SELECT body FROM webhook_delivery ORDER BY id")]


def numbers(data):
    """Its counts."""
    return {name: data[name] for name in NOTHING}


def score(database, interviews=1, *, levels=3):
    """So many interviews get a scorecard."""
    for _ in range(interviews):
        claim = a_claim(database)
        with database.begin() as db:
            finalize(db, claim, a_scorecard(claim, levels=levels), {"sections": []})


@pytest.mark.usefixtures("webhook")
def test_a_digest_counts_what_waits(database):
    """For reviews, for too long, and for somebody who looks why it failed; and names the runs that have ended."""
    prepared(database, 4)
    score(database, 3)
    change(database, "UPDATE scorecard SET created_at = created_at - interval '49 hours' WHERE interview_id = 'iv-1'")
    change(database, "UPDATE evaluation SET state = 'quarantined', code = 'engine' WHERE interview_id = 'iv-4'")
    change(
        database,
        "UPDATE run SET state = 'closed', closed_because = 'finished', closed_at = clock_timestamp()",
    )

    assert 1 == look(database)
    (data,) = told(database)
    assert NOTHING | {"to_review": 3, "overdue": 1, "failed": 1} == numbers(data)
    assert [("run-1", "https://debrief.example.org/runs/run-1/report")] == [(r["run"], r["link"]) for r in data["runs"]]


@pytest.mark.usefixtures("webhook")
def test_nothing_is_told_when_nothing_has_changed(database):
    """Not of an empty installation, nor of yesterday's numbers."""
    empty = look(database)
    prepared(database, 2)
    score(database)

    assert (0, 1, 0) == (empty, look(database), look(database, TUESDAY))


@pytest.mark.usefixtures("webhook")
def test_a_day_has_one_digest(database):
    """What comes later waits for the next day."""
    prepared(database, 2)
    score(database)
    first = look(database)
    score(database)

    assert (1, 0, 1) == (first, look(database), look(database, TUESDAY))
    assert [1, 2] == [data["to_review"] for data in told(database)]


@pytest.mark.usefixtures("webhook")
def test_a_day_with_nothing_new_in_the_morning_is_told_when_there_is(database):
    """A run that ends at noon need not wait for the next day."""
    prepared(database)
    morning = look(database)
    score(database)

    assert (0, 1) == (morning, look(database))


@pytest.mark.usefixtures("webhook")
def test_a_missed_night_is_news(database):
    """Once."""
    change(
        database,
        "WITH s AS (INSERT INTO schedule (name, wanted, at, zone, days) VALUES"
        " ('nightly', 'missing', '22:00', 'UTC', '{0}') RETURNING id) "
        "INSERT INTO schedule_night (schedule_id, night, outcome) SELECT id, '2026-11-22', 'missed' FROM s",
    )

    assert (1, 0) == (look(database), look(database, TUESDAY))
    assert 1 == told(database)[0]["missed_nights"]


def test_only_webhooks_of_all_requisitions_that_ask_get_one(database):
    """And are active."""
    prepared(database)
    score(database)
    a_webhook(database, "other", events=("run.closed",))
    gone = a_webhook(database, "gone", events=("digest",))
    change(database, "UPDATE webhook SET active = false WHERE id = :id", id=gone)

    assert 0 == look(database)


@pytest.mark.usefixtures("webhook")
def test_no_name_no_id_and_no_score_is_in_a_digest(database):
    """Only counts, runs' names and addresses."""
    prepared(database)
    score(database)
    look(database)
    (data,) = told(database)
    text = json.dumps(data)

    assert [] == [word for word in ("Ada", "Lovelace", "C-iv-1", "iv-1", "sc_", "REQ-1", "scored") if word in text]
    assert {"day", "runs", "links", *NOTHING} == set(data)


@pytest.mark.parametrize("levels", [1, 5, None])
@pytest.mark.usefixtures("webhook")
def test_a_blind_review_is_kept(database, levels):
    """What the judge said changes nothing in it."""
    prepared(database)
    with database.begin() as db:
        set_blind(db, "REQ-1", True)
    score(database, levels=levels)
    look(database)
    (data,) = told(database)

    assert NOTHING | {"to_review": 1, "open_runs": 1} == numbers(data)
