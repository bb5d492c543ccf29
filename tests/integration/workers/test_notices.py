"""The step that sends: signed, once each, also with many reconcilers, and without a secret in any log."""

import base64
import hashlib
import hmac
import json
import logging
import threading
import time
from collections import Counter
from datetime import date

import pytest

from evaluator.adapters.webhook_targets import host_rules
from evaluator.adapters.webhooks import WebhookSender
from evaluator.errors import UsageFault
from evaluator.notices import new_secret
from evaluator.settings import Settings
from evaluator.storage.locks import try_lock
from evaluator.storage.webhooks import add_webhook, claim_due, deliveries
from evaluator.wiring import Services
from tests.integration.storage.builders import change, rows, scored
from tests.receiver import HOST, Authority, Receiver, status
from workers.notices import NoticesReport, send_notices
from workers.reconcile import run_forever

RECONCILERS = 20
SECRET = new_secret(b"s" * 32)

OURS = ("workers", "evaluator")  # loggers


@pytest.fixture(scope="module")
def authority():
    """The one that the senders of these tests trust."""
    return Authority.make()


@pytest.fixture
def receiver(authority, tmp_path):
    """Takes every message."""
    with Receiver(tls=authority.serving(tmp_path, HOST)) as running:
        yield running


@pytest.fixture
def reconcilers(tmp_path, database_url, receiver, authority):
    """Makes services that send to the receiver; loopback counts as public here."""
    made = []

    def make():
        services = Services(settings=Settings(home=tmp_path, database_url=database_url, tick_s=0.2))
        services.__dict__["webhooks"] = WebhookSender(
            host_rules(f"{HOST}:{receiver.port}"),
            resolve=lambda *_: ["127.0.0.1"],
            public="127.0.0.1".__eq__,
            tls=authority.trusting(),
        )
        made.append(services)
        return services

    yield make
    for services in made:
        services.close()


@pytest.fixture
def services(reconcilers):
    """One reconciler's."""
    return reconcilers()


@pytest.fixture
def webhook(database, receiver):
    """A webhook to the receiver; its id."""
    with database.begin() as db:
        return add_webhook(db, url=receiver.url, events=("scorecard.ready",), requisition=None, secret=SECRET)


def digests_of(looks):
    """How many digests the looks have written, one after another or at once."""
    written = []
    threads = [threading.Thread(target=lambda one=one: written.append(send_notices(one).digests)) for one in looks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return sum(written)


def test_many_reconcilers_send_one_digest(database, reconcilers, receiver, monkeypatch):
    """Whoever comes first; each looks again only after a while, and a day's digest has one id."""
    monkeypatch.setattr("workers.notices.digest_day", lambda *_: date(2026, 11, 23))
    with database.begin() as db:
        add_webhook(db, url=receiver.url, events=("digest",), requisition=None, secret=SECRET)
    scored(database)
    several = [reconcilers() for _ in range(4)]
    written = digests_of(several)
    again = digests_of(reconcilers() for _ in range(2))
    for _ in range(3):
        send_notices(several[0])

    assert (1, 0) == (written, again)
    assert 1 == len(rows(database, "SELECT id FROM webhook_delivery WHERE event = 'digest'"))
    assert ["digest"] == [json.loads(one.body)["type"] for one in receiver.requests]


def messages(database, count):
    """Doubles the one message there is until there are so many, each with an id of its own."""
    change(
        database,
        "INSERT INTO webhook_delivery (webhook_id, message_id, event, body) SELECT webhook_id, message_id || '_' || n, "
        "event, body FROM webhook_delivery, generate_series(2, :count) n",
        count=count,
    )


def test_message_is_signed_and_sent_once(database, webhook, receiver, services):
    """The receiver can check it with the secret that was shown."""
    (scorecard_id,) = scored(database)

    assert (NoticesReport(delivered=1), NoticesReport()) == (send_notices(services), send_notices(services))
    (request,) = receiver.requests
    assert scorecard_id == json.loads(request.body)["data"]["scorecard"]
    content = f"{request.headers['webhook-id']}.{request.headers['webhook-timestamp']}.".encode() + request.body
    digest = hmac.new(b"s" * 32, content, hashlib.sha256).digest()
    assert "v1," + base64.b64encode(digest).decode() == request.headers["webhook-signature"]


def test_failed_try_waits_and_no_log_says_more_than_ids(database, webhook, receiver, services, caplog):
    """Neither the address nor the secret nor what the receiver said."""
    caplog.set_level(logging.DEBUG)
    receiver.answer = status(500)
    scored(database)

    assert NoticesReport(failed=1) == send_notices(services)
    with database.begin() as db:
        (found,) = deliveries(db, webhook)
    assert ("pending", 1, 500, "status") == (found.state, found.attempts, found.status, found.error)
    logged = "\n".join(record.getMessage() for record in caplog.records if record.name.startswith(OURS))
    assert f"webhook {webhook}" in logged
    assert not [word for word in (SECRET, HOST, "key=", "iv-1") if word in logged]


def test_twenty_reconcilers_send_each_message_once(database, webhook, receiver, reconcilers):
    """All at once, until nothing is left."""
    scored(database)
    messages(database, 100)
    start = threading.Barrier(RECONCILERS)
    faults = []
    deadline = time.monotonic() + 120
    waiting = "SELECT 1 FROM webhook_delivery WHERE state = 'pending' LIMIT 1"

    def work(services):
        start.wait()
        try:
            while time.monotonic() < deadline and rows(services.database, waiting):
                send_notices(services)
        except Exception as error:  # noqa: BLE001  any would be lost in the thread
            faults.append(error)

    threads = [threading.Thread(target=work, args=(reconcilers(),)) for _ in range(RECONCILERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [] == faults
    assert [{"state": "delivered", "n": 100}] == rows(
        database, "SELECT state, count(*) AS n FROM webhook_delivery GROUP BY state"
    )
    arrived = Counter(request.headers["webhook-id"] for request in receiver.requests)
    assert (100, {1}) == (len(arrived), set(arrived.values()))


def test_message_of_a_killed_reconciler_is_sent_by_another(database, webhook, receiver, services):
    """It was claimed and perhaps sent; it comes again under the same id."""
    scored(database)
    with database.begin() as db:
        (lost,) = claim_due(db, most=1, each=1)
    nothing = send_notices(services)
    change(database, "UPDATE webhook_delivery SET not_before = clock_timestamp()")

    assert (NoticesReport(), NoticesReport(delivered=1)) == (nothing, send_notices(services))
    assert [lost.message.id] == [request.headers["webhook-id"] for request in receiver.requests]


def test_step_of_another_reconciler_is_skipped(database, webhook, receiver, services):
    """One claims at a time."""
    scored(database)
    with database.begin() as db:
        assert try_lock(db, "notices")
        assert NoticesReport() == send_notices(services)

    assert [] == receiver.requests


def test_reconciler_sends_beside_its_other_steps(database, webhook, tmp_path, database_url):
    """In a thread of its own, with the sender of its settings: those of this test allow no host."""
    scored(database)
    down = {"broker_url": "redis://127.0.0.1:1/0", "store_url": (tmp_path / "store").as_uri()}
    services = Services(settings=Settings(home=tmp_path, database_url=database_url, tick_s=0.2, **down))
    stop = threading.Event()
    thread = threading.Thread(target=run_forever, args=(services, stop))
    thread.start()
    deadline = time.monotonic() + 60
    while (error := rows(database, "SELECT error FROM webhook_delivery")[0]["error"]) != "not_allowed":
        assert time.monotonic() < deadline, error
        time.sleep(0.1)
    stop.set()
    thread.join(timeout=30)
    services.close()

    assert not {"notices", "intake"} & {thread.name for thread in threading.enumerate()}


def test_faulty_list_of_hosts_costs_no_try(database, webhook, tmp_path, database_url):
    """It is the deployment's mistake, not the receiver's."""
    scored(database)
    services = Services(settings=Settings(home=tmp_path, database_url=database_url, webhook_hosts="*"))
    with pytest.raises(UsageFault, match="DEBRIEF_WEBHOOK_HOSTS"):
        send_notices(services)
    services.close()

    assert [{"attempts": 0}] == rows(database, "SELECT attempts FROM webhook_delivery")


def test_secret_that_cannot_sign_fails_that_message_only(database, webhook, receiver, services):
    """Somebody has changed the row by hand."""
    scored(database)
    with database.begin() as db:
        other = add_webhook(db, url=f"{receiver.url}2", events=("scorecard.ready",), requisition=None, secret=SECRET)
    messages(database, 2)
    change(database, "UPDATE webhook_delivery SET webhook_id = :id WHERE message_id LIKE '%_2'", id=other)
    change(database, "UPDATE webhook SET secret = 'x' WHERE id = :id", id=webhook)

    assert NoticesReport(delivered=1, failed=1) == send_notices(services)
