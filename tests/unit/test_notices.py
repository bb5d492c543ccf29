"""What webhooks are told, how it is signed, and what follows each try."""

import base64
import hashlib
import hmac
import json
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluator.errors import UsageFault
from evaluator.evaluation import RunCounts
from evaluator.notices import (
    EVENTS,
    RETRY_DELAYS_S,
    TRIES_MAX,
    Digest,
    Outcome,
    RunEnded,
    after_try,
    blinded,
    checked_events,
    digest,
    headers,
    message_id,
    new_secret,
    outcome_of,
    requisition_ready,
    retry_delay_s,
    run_closed,
    scorecard_ready,
    signature,
    spelled,
    trial_message,
)

AT = datetime(2026, 11, 22, 1, 14, 5, 999, tzinfo=UTC)
COUNTS = RunCounts(selected=9, scored=4, needs_review=2, unscorable=1, failed=1, pending=1)
# The reference vector that the specification's own libraries are tested with.
REFERENCE = {
    "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "message_id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "seconds": "1614265330",
    "body": b'{"test": 2432232314}',
}


def a_scorecard_message(state=None):
    """Of one scorecard to webhook 3."""
    return scorecard_ready(
        3, scorecard_id="sc_0123456789ab", interview_id="iv-1", requisition="REQ-1", state=state, at=AT
    )


def test_signature_is_that_of_the_published_vector():
    """Whoever verifies by the specification accepts ours."""
    assert "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=" == signature(**REFERENCE)


def test_headers_hold_a_signature_of_each_secret():
    """While a secret is replaced a receiver may know either."""
    old, new = new_secret(b"o" * 32), new_secret(b"n" * 32)
    sent = headers([new, old], message_id="msg_1", at=AT, body=b"{}")

    seconds = str(int(AT.timestamp()))
    assert {"webhook-id", "webhook-timestamp", "webhook-signature"} == set(sent)
    assert ("msg_1", seconds) == (sent["webhook-id"], sent["webhook-timestamp"])
    signed = [
        "v1," + base64.b64encode(hmac.new(key * 32, f"msg_1.{seconds}.{{}}".encode(), hashlib.sha256).digest()).decode()
        for key in (b"n", b"o")
    ]
    assert " ".join(signed) == sent["webhook-signature"]


@settings(deadline=None)
@given(st.binary(min_size=32, max_size=32))
def test_new_secrets_can_sign(chance):
    """Whatever chance gives."""
    assert signature(new_secret(chance), "msg_1", "1", b"").startswith("v1,")


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_c2hvcnQ=", "whsec_not base64 at all, though long enough!!"])
def test_what_is_no_secret_is_not_repeated(secret):
    """A message may end in a log."""
    with pytest.raises(UsageFault) as caught:
        signature(secret, "msg_1", "1", b"")

    assert not secret.removeprefix("whsec_") or secret.removeprefix("whsec_") not in str(caught.value)


def test_scorecard_message_holds_ids_only():
    """Nothing else may leave."""
    body = a_scorecard_message().body

    assert {
        "type": "scorecard.ready",
        "timestamp": "2026-11-22T01:14:05Z",
        "data": {"interview": "iv-1", "scorecard": "sc_0123456789ab", "requisition": "REQ-1"},
    } == body


def test_state_is_told_only_where_it_is_given():
    """A blind requisition gives none."""
    assert "needs_review" == a_scorecard_message("needs_review").body["data"]["state"]
    assert "state" not in a_scorecard_message().body["data"]


def test_state_is_taken_out_of_a_message_when_blind_review_begins():
    """Between writing and sending."""
    assert a_scorecard_message().body == blinded(a_scorecard_message("scored").body)


@pytest.mark.parametrize("any_blind", [True, False])
def test_counts_of_a_run_tell_no_single_state_where_somebody_is_blind(any_blind):
    """In a run of one interview the counts are its state."""
    message = run_closed(3, run="night", because="finished", counts=COUNTS, any_blind=any_blind, at=AT)
    counts = message.body["data"]["counts"]

    assert any_blind != bool({"scored", "needs_review", "unscorable"} & set(counts))
    assert 9 == counts.pop("selected") == sum(counts.values())


def test_counts_are_blinded_once_and_for_all():
    """A second time changes nothing."""
    message = run_closed(3, run="night", because="finished", counts=COUNTS, any_blind=False, at=AT)
    once = blinded(message.body)

    assert 7 == once["data"]["counts"]["done"]
    assert once == blinded(once)


def test_messages_are_the_same_bytes_at_every_try():
    """PostgreSQL keeps no order of keys; the signature needs one."""
    body = a_scorecard_message("scored").body
    shuffled = json.loads(json.dumps(dict(reversed(list(body.items())))))

    assert spelled(body) == spelled(shuffled)


def test_ids_follow_from_what_is_told():
    """The same fact to the same webhook is one message; anything else is another."""
    told = [
        a_scorecard_message(),
        requisition_ready(3, requisition="REQ-1", newest_scorecard="sc_1", at=AT),
        requisition_ready(3, requisition="REQ-1", newest_scorecard="sc_2", at=AT),
        requisition_ready(4, requisition="REQ-1", newest_scorecard="sc_2", at=AT),
        run_closed(3, run="night", because="finished", counts=COUNTS, any_blind=False, at=AT),
        trial_message(3, number="a", at=AT),
        trial_message(3, number="b", at=AT),
    ]

    assert len(told) == len({message.id for message in told})
    assert a_scorecard_message().id == a_scorecard_message("scored").id
    assert all(message.id.isascii() and "." not in message.id and len(message.id) == 36 for message in told)


def test_message_id_is_spelled_as_the_database_spells_it():
    """SQL looks for messages that were written before."""
    expected = "msg_" + hashlib.sha256(b"3/requisition.ready/REQ-1/sc_1").hexdigest()[:32]

    assert expected == message_id(3, "requisition.ready", "REQ-1/sc_1")


def test_failed_tries_are_repeated_by_the_schedule_and_then_given_up():
    """1, 5 and 30 minutes, 2, 6 and 24 hours."""
    refused = Outcome(status=500, error="status")
    states = [after_try("run.closed", attempts=n, outcome=refused).state for n in range(1, TRIES_MAX + 1)]

    assert (60, 300, 1_800, 7_200, 21_600, 86_400) == RETRY_DELAYS_S
    assert list(RETRY_DELAYS_S) == [retry_delay_s(n) for n in range(1, TRIES_MAX)]
    assert ["pending"] * 6 + ["failed"] == states


@pytest.mark.parametrize(
    ("status", "error", "state", "deactivates"),
    [
        (200, None, "delivered", False),
        (204, None, "delivered", False),
        (299, None, "delivered", False),
        (301, "redirect", "pending", False),
        (304, "redirect", "pending", False),
        (400, "status", "pending", False),
        (410, "gone", "failed", True),
        (429, "status", "pending", False),
        (503, "status", "pending", False),
    ],
)
def test_what_an_answer_means(status, error, state, deactivates):
    """Only 2xx is a delivery; only 410 ends everything."""
    outcome = outcome_of(status)
    following = after_try("scorecard.ready", attempts=1, outcome=outcome)

    assert (status, error) == (outcome.status, outcome.error)
    assert (state, deactivates) == (following.state, following.deactivates)


DIGEST = Digest(to_review=21, overdue=2, failed=3, missed_nights=0, open_runs=1)


def a_digest(**changes):
    """Of one morning."""
    values = {"day": date(2026, 11, 22), "counts": DIGEST, "ended": (), "web_url": None, "at": AT}
    return digest(3, **{**values, **changes})


def test_a_digest_is_counts_and_links():
    """Nothing in it is an id of an interview, a state that a judge gave, or a score."""
    ended = (RunEnded(run="night 1/2", closed_because="finished"),)
    data = a_digest(ended=ended, web_url="https://debrief.example.org/").body["data"]

    assert {
        "day": "2026-11-22",
        "to_review": 21,
        "overdue": 2,
        "failed": 3,
        "missed_nights": 0,
        "open_runs": 1,
        "runs": [
            {
                "run": "night 1/2",
                "closed_because": "finished",
                "link": "https://debrief.example.org/runs/night%201%2F2/report",
            }
        ],
        "links": {
            "to_review": "https://debrief.example.org/interviews?reviewer=me_open",
            "failed": "https://debrief.example.org/interviews?state=failed",
            "runs": "https://debrief.example.org/runs",
        },
    } == data


def test_a_days_digest_has_one_id():
    """Whatever it counts by then, for one webhook."""
    later = a_digest(counts=DIGEST.model_copy(update={"failed": 4}), at=AT + timedelta(hours=3))

    assert a_digest().id == later.id
    assert a_digest().id != a_digest(day=date(2026, 11, 23)).id


def test_a_digest_needs_no_blinding():
    """It is sent as it was written."""
    assert a_digest().body == blinded(a_digest().body)


@pytest.mark.parametrize(
    ("changes", "changed"),
    [({}, False), ({"open_runs": 0}, False), ({"to_review": 20}, True), ({"overdue": 3}, True), ({"failed": 0}, True)],
)
def test_a_digest_is_new_when_what_waits_has_changed(changes, changed):
    """A run that goes on is no news."""
    before = a_digest().body["data"]

    assert changed == DIGEST.model_copy(update=changes).changed(before)


def test_the_first_digest_is_new_when_something_waits():
    """Zeros are no news."""
    nothing = Digest(to_review=0, overdue=0, failed=0, missed_nights=0, open_runs=2)

    assert (True, False) == (DIGEST.changed(None), nothing.changed(None))


def test_test_message_is_tried_once():
    """Somebody waits for its end."""
    assert "failed" == after_try("webhook.test", attempts=1, outcome=Outcome(error="timeout")).state


def test_events_are_all_that_fit_unless_named():
    """A run's counts are about every requisition, so a webhook of one never gets them."""
    assert EVENTS == checked_events([], requisition=None)
    assert ("scorecard.ready", "requisition.ready") == checked_events([], requisition="REQ-1")
    assert ("run.closed",) == checked_events(["run.closed", "run.closed"], requisition=None)
    with pytest.raises(UsageFault, match=r"run\.closed"):
        checked_events(["run.closed"], requisition="REQ-1")
    with pytest.raises(UsageFault, match="digest"):
        checked_events(["digest"], requisition="REQ-1")
    with pytest.raises(UsageFault, match=r"scorecard\.done"):
        checked_events(["scorecard.done"], requisition=None)
