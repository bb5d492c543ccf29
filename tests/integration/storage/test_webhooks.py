"""Messages for webhooks: written with what they tell, never lost, never doubled, claimed and tried."""

import threading

import pytest

from evaluator.errors import Conflict, NotFound
from evaluator.notices import RETRY_DELAYS_S, TRIES_MAX, Outcome
from evaluator.storage.evaluations import finalize
from evaluator.storage.requisitions import set_blind
from evaluator.storage.runs import close_runs
from evaluator.storage.webhooks import (
    add_webhook,
    announce_requisitions,
    announce_scorecard,
    announce_test,
    begin_rotation,
    claim_due,
    claim_one,
    deliveries,
    end_rotation,
    find_webhook,
    give_up,
    record,
    redeliver,
    remove_webhook,
    webhook_list,
)
from tests.integration.storage.builders import (
    a_claim,
    a_manifest,
    a_scorecard,
    begin,
    change,
    prepared,
    rows,
    scored,
    stock,
)

SECRET = "whsec_" + "YWFh" * 10
ALL = ("scorecard.ready", "requisition.ready", "run.closed")
OK, REFUSED, GONE = Outcome(status=204), Outcome(status=500, error="status"), Outcome(status=410, error="gone")


def a_webhook(database, name="a", *, events=ALL, requisition=None, secret=SECRET):
    """Its id."""
    url = f"https://hooks.example.org/{name}"
    with database.begin() as db:
        return add_webhook(db, url=url, events=events, requisition=requisition, secret=secret)


def told(database, webhook_id):
    """Events of its messages, the oldest first."""
    with database.begin() as db:
        return [message.event for message in reversed(deliveries(db, webhook_id))]


def bodies(database):
    """What all messages tell, the oldest first."""
    return [row["body"]["data"] for row in rows(database, "SELECT body FROM webhook_delivery ORDER BY id")]


def finish(database):
    """Scores the next interview; its scorecard's id."""
    claim = a_claim(database)
    with database.begin() as db:
        return finalize(db, claim, a_scorecard(claim), {})


def look(database):
    """What a reconciler's look for ready requisitions writes."""
    with database.begin() as db:
        return announce_requisitions(db)


def claim(database, *, most=10, each=10):
    """What a reconciler is to send now."""
    with database.begin() as db:
        return claim_due(db, most=most, each=each)


def ended(database, claimed, outcome):
    """Writes a try's end."""
    with database.begin() as db:
        return record(db, claimed, outcome)


def time_passes(database):
    """Every next try is due."""
    change(database, "UPDATE webhook_delivery SET not_before = clock_timestamp()")


def test_scorecard_is_told_to_the_webhooks_that_want_it(database):
    """Those of all requisitions or of its own, if they are active and asked for the event."""
    prepared(database)
    everything, own = a_webhook(database), a_webhook(database, requisition="REQ-1", events=ALL[:2])
    others = [a_webhook(database, "b", events=("run.closed",)), a_webhook(database, "c")]
    change(database, "UPDATE webhook SET active = false WHERE id = :id", id=others[1])
    scorecard_id = finish(database)

    assert [[], []] == [told(database, webhook) for webhook in others]
    assert [["scorecard.ready"]] * 2 == [told(database, webhook) for webhook in (everything, own)]
    ids = {"interview": "iv-1", "scorecard": scorecard_id, "requisition": "REQ-1"}
    state = rows(database, "SELECT state FROM scorecard")[0]["state"]
    assert [{**ids, "state": state}] * 2 == bodies(database)


def test_message_is_there_exactly_when_the_scorecard_is(database):
    """A transaction that is rolled back leaves neither, and telling it again adds nothing."""
    prepared(database)
    webhook = a_webhook(database)
    row = a_claim(database)
    with pytest.raises(RuntimeError), database.begin() as db:
        finalize(db, row, a_scorecard(row), {})
        raise RuntimeError
    before = told(database, webhook)
    with database.begin() as db:
        scorecard_id = finalize(db, row, a_scorecard(row), {})
    with database.begin() as db:
        again = announce_scorecard(db, scorecard_id)

    assert ([], 0, ["scorecard.ready"]) == (before, again, told(database, webhook))


def test_blind_requisition_tells_no_state(database):
    """Neither when it is written, nor when blind review began before it is sent."""
    prepared(database, 2)
    a_webhook(database, events=("scorecard.ready",))
    finish(database)
    with database.begin() as db:
        set_blind(db, "REQ-1", True)
    finish(database)

    assert ["state" in body for body in bodies(database)] == [True, False]
    assert ["state" in claimed.message.body["data"] for claimed in claim(database)] == [False, False]


def test_requisition_is_told_once_when_nothing_of_it_is_left(database):
    """Not while an interview waits, and again only after a new scorecard."""
    prepared(database, 2)
    webhook = a_webhook(database, events=("requisition.ready",))
    finish(database)
    early = look(database)
    finish(database)
    counts = [look(database), look(database)]
    stock(database, a_manifest("iv-3"))
    waiting = look(database)
    begin(database, "run-2")
    running = look(database)
    finish(database)

    assert (0, [1, 0], 0, 0, 1) == (early, counts, waiting, running, look(database))
    assert ["requisition.ready"] * 2 == told(database, webhook)
    assert [{"requisition": "REQ-1"}] * 2 == bodies(database)


def test_withdrawn_interview_keeps_no_requisition_waiting(database):
    """Nobody will ever score it."""
    prepared(database, 2)
    a_webhook(database, events=("requisition.ready",))
    finish(database)
    change(database, "UPDATE interview SET consent = 'withdrawn' WHERE id = 'iv-2'")
    change(database, "UPDATE evaluation SET state = 'blocked' WHERE interview_id = 'iv-2'")

    assert 1 == look(database)


def test_webhook_is_not_told_what_was_before_it(database):
    """A new receiver starts with what comes."""
    scored(database)
    webhook = a_webhook(database)

    assert (0, []) == (look(database), told(database, webhook))


def test_closed_run_is_told_with_its_counts(database):
    """To webhooks of all requisitions only."""
    prepared(database)
    everything = a_webhook(database, events=("run.closed",))
    finish(database)
    with database.begin() as db:
        assert 1 == close_runs(db)

    assert ["run.closed"] == told(database, everything)
    (body,) = bodies(database)
    assert ("run-1", "finished", 1) == (body["run"], body["closed_because"], body["counts"]["selected"])
    assert "scored" in body["counts"]


def test_run_with_a_blind_interview_tells_no_state_in_numbers(database):
    """One interview's count is its state; also when blind review begins before the message is sent."""
    prepared(database)
    a_webhook(database, events=("run.closed",))
    finish(database)
    with database.begin() as db:
        close_runs(db)
        set_blind(db, "REQ-1", True)
    (claimed,) = claim(database)

    counts = claimed.message.body["data"]["counts"]
    assert (1, 1) == (counts["selected"], counts["done"])
    assert not {"scored", "needs_review", "unscorable"} & set(counts)


def test_tries_follow_the_schedule_and_end(database):
    """The next one is set with the claim, so a process that dies costs one try and no message."""
    scored_with(database)
    waits = []
    for _ in range(TRIES_MAX):
        (claimed,) = claim(database)
        assert () == claim(database)
        ended(database, claimed, REFUSED)
        (row,) = rows(
            database, "SELECT state, extract(epoch FROM not_before - clock_timestamp()) AS wait FROM webhook_delivery"
        )
        waits.append(round(float(row["wait"]) / 60) * 60 if row["state"] == "pending" else row["state"])
        time_passes(database)

    assert [*RETRY_DELAYS_S, "failed"] == waits
    assert () == claim(database)


def scored_with(database, interviews=1):
    """A webhook with a message about each of these interviews; its id."""
    prepared(database, interviews)
    webhook = a_webhook(database, events=("scorecard.ready",))
    for _ in range(interviews):
        finish(database)
    return webhook


def test_interrupted_try_is_made_again_under_the_same_id(database):
    """And the last one is given up, with its reason."""
    webhook = scored_with(database)
    ids = set()
    for _ in range(TRIES_MAX):
        ids |= {claimed.message.id for claimed in claim(database)}
        time_passes(database)
    with database.begin() as db:
        assert 1 == give_up(db)
        (found,) = deliveries(db, webhook)

    assert (1, "failed", "interrupted") == (len(ids), found.state, found.error)


def test_late_end_of_an_earlier_try_changes_nothing(database):
    """A frozen process wakes up after another has gone on."""
    webhook = scored_with(database)
    (late,) = claim(database)
    time_passes(database)
    (now,) = claim(database)

    assert (False, True, False) == (
        ended(database, late, REFUSED),
        ended(database, now, OK),
        ended(database, now, REFUSED),
    )
    with database.begin() as db:
        (found,) = deliveries(db, webhook)
    assert ("delivered", 204, None, 2) == (found.state, found.status, found.error, found.attempts)


def test_gone_deactivates_the_webhook_and_ends_what_waits(database):
    """410: nothing is sent or written for it any more."""
    webhook = scored_with(database, 3)
    first, *_ = claim(database, each=1)
    ended(database, first, GONE)
    time_passes(database)

    with database.begin() as db:
        found = find_webhook(db, webhook)
        states = {message.state for message in deliveries(db, webhook)}
        with pytest.raises(Conflict, match="not active"):
            redeliver(db, first.id)
        with pytest.raises(Conflict, match="not active"):
            announce_test(db, webhook, "1")
    assert (False, 3, {"failed"}) == (found.active, found.failed, states)
    assert () == claim(database)


def test_one_webhook_cannot_take_all_places(database):
    """A receiver that is slow, with a thousand messages, keeps no other waiting."""
    slow = scored_with(database, 3)
    quick = a_webhook(database, "b")
    with database.begin() as db:
        for row in rows(database, "SELECT id FROM scorecard"):
            announce_scorecard(db, row["id"])

    assert [slow, slow, quick, quick] == sorted(claimed.webhook_id for claimed in claim(database, most=5, each=2))


def test_redelivery_starts_from_the_beginning(database):
    """Whatever became of it, under the same id."""
    webhook = scored_with(database)
    (first,) = claim(database)
    ended(database, first, OK)
    with database.begin() as db:
        redeliver(db, first.id)
    (second,) = claim(database)

    assert (first.message.id, 1) == (second.message.id, second.attempt)
    with database.begin() as db, pytest.raises(NotFound):
        redeliver(db, first.id + 1)
    assert ["scorecard.ready"] == told(database, webhook)


def test_test_message_is_for_the_one_who_wrote_it(database):
    """No reconciler takes it, and it is tried once."""
    webhook = a_webhook(database)
    with database.begin() as db:
        message = announce_test(db, webhook, "1")

    assert () == claim(database)
    with database.begin() as db:
        claimed = claim_one(db, message)
    ended(database, claimed, REFUSED)
    with database.begin() as db:
        (found,) = deliveries(db, webhook)
    assert ("webhook.test", "failed") == (found.event, found.state)


def test_both_secrets_sign_while_one_is_replaced(database):
    """Then the new one alone; two replacements at once would cut a receiver off."""
    webhook, new = scored_with(database), SECRET.replace("YWFh", "YmJi")
    with database.begin() as db:
        begin_rotation(db, webhook, new)
        (during,) = claim_due(db, most=1, each=1)
        with pytest.raises(Conflict):
            begin_rotation(db, webhook, new)
        ends = (end_rotation(db, webhook), end_rotation(db, webhook))
        redeliver(db, during.id)
        (after,) = claim_due(db, most=1, each=1)

    assert ((new, SECRET), (new,), (True, False)) == (during.secrets, after.secrets, ends)


def test_no_value_shows_a_secret(database):
    """Values end in logs and tracebacks."""
    scored_with(database)
    with database.begin() as db:
        shown = f"{webhook_list(db)!r}"
    (claimed,) = claim(database)

    assert SECRET not in shown
    assert SECRET not in f"{claimed!r} {claimed}"


def test_webhook_that_is_removed_fails_nobody(database):
    """Somebody who ends an evaluation just then goes on, and no message is left behind."""
    prepared(database)
    webhook = a_webhook(database)
    row = a_claim(database)

    def take_away():
        with database.begin() as db:
            remove_webhook(db, webhook)

    thread = threading.Thread(target=take_away)
    with database.begin() as db:
        finalize(db, row, a_scorecard(row), {})
        thread.start()
        thread.join(timeout=1)
        assert thread.is_alive()
    thread.join(timeout=10)

    assert [{"n": 0}] == rows(database, "SELECT count(*) AS n FROM webhook_delivery")
    with database.begin() as db, pytest.raises(NotFound):
        find_webhook(db, webhook)


def test_same_webhook_is_not_added_twice(database):
    """Each message would come twice."""
    a_webhook(database)
    with pytest.raises(Conflict):
        a_webhook(database)
    with pytest.raises(NotFound):
        a_webhook(database, requisition="REQ-9")


def test_interview_that_broke_off_keeps_no_requisition_waiting_until_it_is_released(database):
    """Nobody scores it before; afterwards it counts like any other."""
    prepared(database)
    a_webhook(database, events=("requisition.ready",))
    stock(database, a_manifest("iv-2", ending="incomplete"))
    finish(database)
    change(database, "UPDATE interview SET released_sha256 = transcript_sha256 WHERE id = 'iv-2'")
    released = look(database)
    change(database, "UPDATE interview SET released_sha256 = NULL WHERE id = 'iv-2'")

    assert (0, 1) == (released, look(database))
