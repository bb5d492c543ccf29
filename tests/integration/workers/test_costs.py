"""What runs cost, measured: the account of real worker processes against how long they really lived."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest

from evaluator.commands.worker_process import worker_command, worker_environment
from evaluator.storage.costs import interview_cost, month_cost, run_cost, run_spent
from evaluator.storage.database import clock
from evaluator.wiring import Services
from tests.integration.storage.builders import change, rows
from tests.integration.workers.fleet import hand_in, start, states
from workers.app import SEEN_EVERY_S
from workers.reconcile import tick

ROOT = Path(__file__).parents[3]
PRICE = Decimal("3.60")  # an hour: a tenth of a cent a second
WITHIN = 0.01  # of the whole


class Paid:
    """A worker process, timed from outside."""

    def __init__(self, services: Services, log: Path, slots: int = 2) -> None:
        self.began_at = time.monotonic()
        self.lived_s = 0.0
        with log.open("wb") as file:
            self.process = subprocess.Popen(
                worker_command(slots),
                env=worker_environment(services, dict(os.environ)),
                cwd=ROOT,
                stdout=file,
                stderr=file,
                start_new_session=True,
            )

    def end(self, number: int) -> None:
        """Sends the signal, to its children too where it is SIGKILL, and waits."""
        if number == signal.SIGKILL:
            os.killpg(self.process.pid, signal.SIGKILL)
        else:
            self.process.send_signal(number)
        self.process.wait(timeout=20)
        self.lived_s = time.monotonic() - self.began_at


@pytest.fixture
def paid(tmp_path: Path) -> Iterator[Callable[[Services], Paid]]:
    """Starts workers; what is left of them is killed at the end."""
    begun: list[Paid] = []

    def begin(services: Services) -> Paid:
        begun.append(Paid(services, tmp_path / f"paid-{len(begun)}.log"))
        return begun[-1]

    yield begin
    for number, one in enumerate(begun):
        if one.process.poll() is None:
            one.end(signal.SIGKILL)
        print((tmp_path / f"paid-{number}.log").read_text(errors="replace"))


def tick_until(services: Services, condition: Callable[[], bool], timeout_s: float = 40.0) -> None:
    """Reconciles until it is true."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline
        tick(services)
        time.sleep(0.1)


def lives(services: Services) -> list[dict]:
    """The ledger, the oldest life first."""
    return [dict(row) for row in rows(services.database, "SELECT * FROM node_session ORDER BY started_at")]


def all_settled(services: Services) -> None:
    """As if a while had passed: every life is settled to its end."""
    for column in ("started_at", "ready_at", "seen_at", "ended_at", "settled_until"):
        change(services.database, f"UPDATE node_session SET {column} = {column} - interval '1 day'")
    change(services.database, "UPDATE evaluation_event SET at = at - interval '1 day'")
    change(services.database, "UPDATE judge_call SET at = at - interval '1 day'")
    for column in ("created_at", "closed_at"):
        change(services.database, f"UPDATE run SET {column} = {column} - interval '1 day'")
    for _ in range(10):
        tick(services, ["costs"])


def whole(services: Services):
    """The account of all there was."""
    with services.database.begin() as db:
        now = clock(db).replace(minute=0, second=0, microsecond=0)
        return month_cost(db, now.replace(year=now.year - 1), now.replace(year=now.year + 1)).account


def test_the_account_is_what_the_workers_lived(services, stub, settings_of, paid):
    """Interviews, waste, idle time and cold starts add up to the processes' lives x the price, within 1 %.

    Before and after it is settled; each interview's own adds up to the lines of work and waste.
    """
    hand_in(services, 24)
    stub.delay_s = 0.3
    with closing(Services(settings=settings_of(stub, node_hour_price=PRICE))) as priced:
        start(priced)
        fleet = [paid(priced), paid(priced)]
        tick_until(priced, lambda: states(priced) == {"done": 24})
        time.sleep(3.0)
        for one in fleet:
            one.end(signal.SIGTERM)
    lived_s = sum(one.lived_s for one in fleet)
    live = whole(services)
    all_settled(services)
    settled = whole(services)
    with services.database.begin() as db:
        each = [interview_cost(db, f"iv-{n}").account for n in range(1, 25)]

    for account in (live, settled):
        lines = (account.work, account.waste, account.idle, account.cold)
        assert pytest.approx(lived_s, rel=WITHIN) == account.nodes.node_s
        assert pytest.approx(lived_s / 1000, rel=WITHIN) == float(account.money.nodes)
        assert pytest.approx(account.nodes.node_s) == sum(line.node_s for line in lines)
        assert account.cold.node_s > 0
        assert account.idle.node_s > 4
    assert pytest.approx(live.work.node_s) == settled.work.node_s
    assert pytest.approx(settled.work.node_s + settled.waste.node_s) == sum(one.nodes.node_s for one in each)
    assert 24 * 3 == settled.use.calls
    assert 0 < settled.use.engine_s <= settled.use.node_s
    assert 24 == settled.interviews


def test_a_killed_worker_ends_when_it_was_last_seen(services, stub, settings_of, paid):
    """At most one `seen` is unknown of its life; what its claims kept is work, the rest is waste, and none is lost."""
    hand_in(services, 4)
    stub.faults[:] = ["ok"] * 12 + ["hang"] * 12  # the first eight or four are warm-ups
    with closing(Services(settings=settings_of(stub, node_hour_price=PRICE))) as priced:
        start(priced)
        first = paid(priced)
        tick_until(priced, lambda: stub.running >= 4)
        time.sleep(2.0)
        first.end(signal.SIGKILL)
        stub.faults.clear()
        second = paid(priced)
        tick_until(priced, lambda: states(priced) == {"done": 4})
        second.end(signal.SIGTERM)
    (killed, other) = lives(services)
    all_settled(services)
    account = whole(services)

    known_s = account.nodes.node_s - (other["ended_at"] - other["started_at"]).total_seconds()
    assert killed["ended_at"] is None
    assert first.lived_s - SEEN_EVERY_S < known_s <= first.lived_s
    assert account.waste.node_s > 0
    assert {"expired"} == set(account.wasted_by)
    assert account.claims["expired"] in (1, 2)  # one that was claimed after all else took no time that is known
    assert pytest.approx(account.nodes.node_s / 1000) == float(account.money.nodes)


def test_a_run_has_its_part_and_no_price_is_no_money(services, stub, settings_of, paid):
    """Idle time while the run is open is its own; after it is closed, nobody's. What it cost nobody can say."""
    hand_in(services, 4)
    start(services)
    worker = paid(services)
    tick_until(services, lambda: states(services) == {"done": 4})
    tick(services)
    time.sleep(1.5)
    worker.end(signal.SIGTERM)
    with services.database.begin() as db:
        cost, spent = run_cost(db, "run-1"), run_spent(db, 1)
        what_if = run_cost(db, "run-1", price=PRICE)

    everything = whole(services)
    assert not cost.open
    assert 1.0 < everything.nodes.node_s - cost.account.nodes.node_s < 6.0
    assert cost.account.money.total is None
    assert (None, None, spent.node_s) == (spent.money, spent.currency, spent.unpriced_s)
    assert pytest.approx(spent.node_s / 1000) == float(what_if.account.money.total)
    assert 4 * 3 == cost.account.use.calls
    assert spent.completion_tokens == cost.account.use.completion_tokens > 0
