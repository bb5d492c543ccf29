"""The heartbeat: it keeps a lease alive, and knows when the row is no longer ours."""

import time

import pytest

from evaluator.storage.database import Database
from evaluator.storage.evaluations import expire_leases
from tests.integration.storage.builders import a_claim, overslept, prepared, row_of
from tests.integration.storage.freezing import frozen
from workers.heartbeat import Heartbeat


def wait_until(condition, timeout_s: float = 5.0) -> bool:
    """Whether it became true in time."""
    deadline = time.monotonic() + timeout_s
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return bool(condition())


def test_heartbeat_moves_the_lease_on(database):
    """While it beats the lease does not run out."""
    prepared(database)
    claim = a_claim(database, lease_s=0.5)
    before = row_of(database)["leased_until"]

    with Heartbeat(database, claim, lease_s=0.5, every_s=0.05) as heartbeat:
        assert wait_until(lambda: (row_of(database)["leased_until"] - before).total_seconds() > 1.0)
        assert not heartbeat.lost()


def test_loss_is_noticed_by_the_fence(database):
    """Another worker's fence is seen at the next beat, long before the lease's age would tell."""
    prepared(database)
    claim = a_claim(database)
    with Heartbeat(database, claim, lease_s=60.0, every_s=0.05) as heartbeat:
        overslept(database)
        with database.begin() as db:
            expire_leases(db)

        assert wait_until(heartbeat.lost)


def test_lost_row_is_not_renewed_again(database):
    """After the loss the thread ends; the new owner's lease is left alone."""
    prepared(database)
    claim = a_claim(database)
    with Heartbeat(database, claim, lease_s=60.0, every_s=0.05) as heartbeat:
        overslept(database)
        with database.begin() as db:
            expire_leases(db)
        wait_until(heartbeat.lost)
        a_claim(database, "w2")
        after = row_of(database)["leased_until"]
        time.sleep(0.2)

    assert after == row_of(database)["leased_until"]


def test_age_tells_when_the_database_cannot(database):
    """With PostgreSQL out of reach the row counts as lost once a whole lease has passed, and not before."""
    prepared(database)
    claim = a_claim(database)
    nowhere = Database("postgresql://a:b@127.0.0.1:1/c", connections=1)

    with Heartbeat(nowhere, claim, lease_s=0.6, every_s=0.05) as heartbeat:
        started_at = time.monotonic()
        assert not heartbeat.lost()
        assert wait_until(heartbeat.lost)
        assert time.monotonic() - started_at == pytest.approx(0.6, abs=0.2)


def test_age_tells_while_a_renewal_hangs(database, database_url):
    """With PostgreSQL frozen in mid-renewal the row is lost on time all the same, and letting it go does not hang."""
    prepared(database)
    claim = a_claim(database)
    own = Database(database_url, connections=1, patience_s=8.0)

    with frozen(database):
        started_at = time.monotonic()
        with Heartbeat(own, claim, lease_s=0.8, every_s=0.1) as heartbeat:
            assert wait_until(heartbeat.lost)
            lost_after_s = time.monotonic() - started_at
        let_go_after_s = time.monotonic() - started_at - lost_after_s
    own.close()

    assert lost_after_s == pytest.approx(0.8, abs=0.3)
    assert let_go_after_s < 2.5


def test_outage_shorter_than_the_lease_is_forgotten(database):
    """A beat that works again starts the age from zero."""
    prepared(database)
    claim = a_claim(database)
    flaky = Flaky(database)

    with Heartbeat(flaky, claim, lease_s=1.0, every_s=0.05) as heartbeat:
        flaky.down = True
        time.sleep(0.5)
        flaky.down = False
        time.sleep(0.7)

        assert not heartbeat.lost()


class Flaky:
    """A database that is out of reach while it is said to be."""

    def __init__(self, real: Database) -> None:
        self.real, self.down = real, False

    def begin(self):
        """A transaction, or an outage."""
        return (Database("postgresql://a:b@127.0.0.1:1/c") if self.down else self.real).begin()


def test_heartbeat_ends_with_its_row(database):
    """Nothing is renewed once the row was let go."""
    prepared(database)
    claim = a_claim(database)
    with Heartbeat(database, claim, lease_s=60.0, every_s=0.05):
        pass
    after = row_of(database)["leased_until"]
    time.sleep(0.2)

    assert after == row_of(database)["leased_until"]
