"""The reconciler under faults: killed at any moment, frozen, several at once, a broker that is full, wiped or down."""

import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import RedisError

from evaluator.adapters.celery_queue import KEY_PREFIX, QUEUE
from evaluator.embedded.valkey import find_server
from evaluator.errors import DatabaseUnavailable
from evaluator.layout import manifest_key
from evaluator.storage import locks
from evaluator.storage.database import Database
from evaluator.storage.evaluations import seen
from evaluator.storage.locks import lock, still_held, try_lock
from evaluator.wiring import Services, environment
from tests.integration.adapters.scripted_s3 import ScriptedS3
from tests.integration.storage.builders import a_claim, a_manifest, change, claimed, overslept, row_of, rows, story
from tests.integration.workers.fleet import hand_in, start, the_transcript, wait_for
from workers.reconcile import HINTS_PER_SLOT, run_forever, tick

SEED = 20261122
KILLS = 6
PER_ROUND = 12  # interviews handed over between two kills
READY_S = 30.0


@pytest.fixture
def others(settings_of, stub) -> Iterator[Callable[..., Services]]:
    """More services of the same settings, or of others."""
    made: list[Services] = []

    def make(**fields: object) -> Services:
        made.append(Services(settings=settings_of(stub, **fields)))
        return made[-1]

    yield make
    for services in made:
        services.close()


class OwnValkey:
    """A server that a test may stop, start again and fill; it keeps nothing."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it is, running or not."""
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Runs it, empty, and waits until it answers."""
        options = ("--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no")
        with (self._folder / "valkey.log").open("ab") as out:
            self._process = subprocess.Popen(
                (str(find_server()), *options, "--maxmemory-policy", "noeviction"), cwd=self._folder, stdout=out
            )
        deadline = time.monotonic() + READY_S
        while not self._answers():
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def _answers(self) -> bool:
        try:
            with Redis.from_url(self.url) as client:
                return bool(client.ping())
        except RedisError:
            return False

    def kill(self) -> None:
        """Takes it away, and all that it held."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(timeout=10)
            self._process = None

    def waiting(self) -> int:
        """Hints in the queue."""
        with Redis.from_url(self.url) as client:
            return int(client.llen(f"{KEY_PREFIX}{QUEUE}"))


@pytest.fixture
def own_valkey(tmp_path: Path) -> Iterator[OwnValkey]:
    """A broker of this test's own, running."""
    server = OwnValkey(tmp_path)
    server.start()
    yield server
    server.kill()


def hand_over(services: Services, interview_id: str) -> None:
    """The transcript, and last the manifest in the inbox."""
    transcript = the_transcript(1)
    manifest = a_manifest(interview_id, transcript=transcript)
    services.store.create(manifest.transcript.key, transcript.to_bytes())
    services.store.create(manifest_key(interview_id), manifest.to_bytes())


def a_worker_lives(services: Services, name: str, *, seen_s_ago: float = 0) -> None:
    """A worker said so, that long ago."""
    with services.database.begin() as db:
        seen(db, name=name, kind="worker", version="test", slots=services.settings.worker_slots)
    change(
        services.database,
        "UPDATE node SET seen_at = clock_timestamp() - make_interval(secs => :ago) WHERE name = :name",
        ago=seen_s_ago,
        name=name,
    )


def test_hints_follow_the_living_workers(services):
    """Three workers' slots are filled; one that was not seen for a minute has none."""
    slots = services.settings.worker_slots
    hand_in(services, 4 * HINTS_PER_SLOT * slots)
    start(services)
    for name, ago in {"a": 0, "b": 5, "c": 20, "dead": 60}.items():
        a_worker_lives(services, name, seen_s_ago=ago)

    assert 3 * HINTS_PER_SLOT * slots == tick(services).hints
    assert 0 == tick(services).hints


def test_hints_wait_for_the_first_worker(services):
    """With no worker alive there are as many hints as one would take, so that it starts at once."""
    slots = services.settings.worker_slots
    hand_in(services, 3 * HINTS_PER_SLOT * slots)
    start(services)

    assert HINTS_PER_SLOT * slots == tick(services).hints


def test_opened_run_is_hinted_at_before_the_next_tick(services, others, own_valkey):
    """Whoever opened it may be waiting; the tick of a minute is for what nobody hears."""
    listening = others(broker_url=own_valkey.url, tick_s=60.0)
    hand_in(services, 1)
    stop = threading.Event()
    thread = threading.Thread(target=run_forever, args=(listening, stop))
    thread.start()
    owner = Database(services.settings.database_url.get_secret_value(), role=None)  # others see no foreign statements
    query = "SELECT count(*) AS n FROM pg_stat_activity WHERE query LIKE 'LISTEN %' AND datname = current_database()"
    try:
        wait_for(lambda: rows(owner, query)[0]["n"] == 1)
        start(services)
        wait_for(lambda: own_valkey.waiting() == 1)
    finally:
        stop.set()
        owner.close()
    thread.join(timeout=30)

    assert not thread.is_alive()


def test_full_broker_loses_nothing(services, others, own_valkey):
    """Out of memory is an outage of the broker: the other steps go on, and the hints come once there is room."""
    most = HINTS_PER_SLOT * services.settings.worker_slots
    hand_in(services, most + 2)
    start(services)
    hand_over(services, "iv-new")
    full = others(broker_url=own_valkey.url)
    with Redis.from_url(own_valkey.url) as client:
        client.config_set("maxmemory", "1")
    while_full = tick(full)
    with Redis.from_url(own_valkey.url) as client:
        client.config_set("maxmemory", "0")

    assert (("hints",), 1) == (while_full.failed, while_full.intake.new)
    assert [most, 0] == [tick(full).hints for _ in range(2)]
    assert most == own_valkey.waiting()


def test_broker_that_was_down_is_filled_again_and_not_overfilled(services, others, own_valkey):
    """It comes back empty, twice; each time the same client tops it up to what the slots need, and no further."""
    most = HINTS_PER_SLOT * services.settings.worker_slots
    hand_in(services, most + 2)
    start(services)
    fleet = others(broker_url=own_valkey.url)
    tick(fleet)
    reports = []
    for _ in range(2):
        own_valkey.kill()
        reports.append([tick(fleet).failed for _ in range(2)])
        own_valkey.start()
        for _ in range(3):
            tick(fleet)

        assert most == own_valkey.waiting()
    assert [[("hints",), ("hints",)]] * 2 == reports


def test_unforeseen_error_of_one_step_stops_no_other(services):
    """What nobody thought of is told by the name of its step, without the row that it was about."""
    hand_in(services, 2)
    start(services)
    hand_over(services, "iv-new")
    a_claim(services.database, model=services.model)
    overslept(services.database)
    change(services.database, "ALTER TABLE evaluation ADD CONSTRAINT never CHECK (stalls = 0) NOT VALID")

    report = tick(services)

    assert (("leases",), 1, 1) == (report.failed, report.hints, report.intake.new)


def test_frozen_holder_loses_its_lock(services, others, monkeypatch):
    """A process that stops in the middle of a step keeps the fleet from that step for a while only."""
    monkeypatch.setitem(locks._IDLE_MS, "leases", 300)
    with pytest.raises(DatabaseUnavailable), services.database.begin() as frozen:
        assert try_lock(frozen, "leases")
        with others().database.begin() as db:
            assert not try_lock(db, "leases")
        time.sleep(1)
        with others().database.begin() as db:
            assert try_lock(db, "leases")
        still_held(frozen)


def test_waiting_for_a_lock_is_bounded_by_its_holder(services, others, monkeypatch):
    """Who waits for intake gets its turn when the one before it has frozen."""
    monkeypatch.setitem(locks._IDLE_MS, "intake", 300)
    with pytest.raises(DatabaseUnavailable), services.database.begin() as frozen:
        assert try_lock(frozen, "intake")
        with others().database.begin() as db:
            lock(db, "intake")
        still_held(frozen)


@pytest.fixture
def silent_server() -> Iterator[int]:
    """A port that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        yield server.getsockname()[1]


def test_store_that_hangs_keeps_no_row_waiting(services, others, silent_server, monkeypatch):
    """An orphan is taken back within a tick while intake waits for the store."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    hand_in(services, 1)
    start(services)
    hung = others(store_url=f"s3://debrief?endpoint=http://127.0.0.1:{silent_server}&region=eu-west-1", tick_s=0.2)
    stop = threading.Event()
    thread = threading.Thread(target=run_forever, args=(hung, stop))
    thread.start()
    time.sleep(1)  # intake has begun to wait
    a_claim(services.database, model=services.model)
    overslept(services.database)
    began = time.monotonic()
    while row_of(services.database)["state"] != "pending" and time.monotonic() - began < 10:
        time.sleep(0.05)
    took_s = time.monotonic() - began
    stop.set()
    thread.join(timeout=15)

    assert not thread.is_alive()
    assert took_s < 2


def test_nothing_is_taken_in_from_a_store_that_overwrites(services, others, monkeypatch, caplog):
    """A store that does not honour create-only writes is refused by name, while rows are looked after."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    hand_in(services, 1)
    start(services)
    stop = threading.Event()
    with ScriptedS3(create_only=False) as scripted:
        overwriting = others(store_url=f"s3://debrief?endpoint={scripted.url}&region=eu-west-1", tick_s=0.2)
        thread = threading.Thread(target=run_forever, args=(overwriting, stop))
        thread.start()
        wait_for(lambda: "does not honour create-only writes" in caplog.text)
        stop.set()
        thread.join(timeout=10)

    assert 1 == services.hints.length()
    assert not [request for request in scripted.requests if "inbox" in request]


@pytest.fixture
def reconcilers(tmp_path: Path) -> Iterator[Callable[[Services], subprocess.Popen[bytes]]]:
    """Starts `debrief reconcile` processes; whatever is left of them is killed at the end."""
    begun: list[subprocess.Popen[bytes]] = []

    def begin(services: Services) -> subprocess.Popen[bytes]:
        kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        with (tmp_path / f"reconciler-{len(begun)}.log").open("wb") as out:
            process = subprocess.Popen(
                (str(Path(sys.executable).with_name("debrief")), "reconcile"),
                env={**kept, **environment(services.settings)},
                cwd=tmp_path,
                stdout=out,
                stderr=out,
            )
        begun.append(process)
        return process

    yield begin
    for process in begun:
        if process.poll() is None:
            process.kill()
        process.wait(timeout=10)


def _alive_as(services: Services, process: subprocess.Popen[bytes]) -> bool:
    """Whether the process has begun to tick."""
    assert process.poll() is None
    names = [row["name"] for row in rows(services.database, "SELECT name FROM node WHERE kind = 'reconciler'")]
    return any(f":{process.pid}:" in name for name in names)


def test_killed_at_any_moment_it_loses_nothing(services, others, reconcilers, broker_url):
    """Two at once, SIGKILLed again and again in the midst of work: each object and each lease is dealt with once."""
    chance = random.Random(SEED)
    most = HINTS_PER_SLOT * services.settings.worker_slots
    hand_in(services, 30)
    start(services)
    orphans: list[int] = []
    longest = 0
    for number in range(KILLS):
        two = [reconcilers(others(tick_s=0.1)) for _ in range(2)]
        deadline = time.monotonic() + READY_S
        while not all(_alive_as(services, one) for one in two):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        for n in range(PER_ROUND):
            hand_over(services, f"new-{number}-{n}")
            if n % 4 == 0 and (claim := claimed(services.database, model=services.model)) is not None:
                orphans.append(claim.id)
                change(services.database, "UPDATE evaluation SET stalls = 0")  # else the fifth is quarantined
                overslept(services.database)
        time.sleep(chance.uniform(0, 0.25))
        for one in two:
            one.send_signal(signal.SIGKILL)
            one.wait(timeout=10)
        with Redis.from_url(broker_url) as client:
            longest = max(longest, client.llen(f"{KEY_PREFIX}{QUEUE}"))
    for _ in range(50):
        if not services.store.names("inbox/"):
            break
        tick(services)
    tick(services)
    with Redis.from_url(broker_url) as client:  # those killed at once may not have come as far as a hint
        longest = max(longest, client.llen(f"{KEY_PREFIX}{QUEUE}"))

    taken_in = {row["id"] for row in rows(services.database, "SELECT id FROM interview WHERE id LIKE 'new-%'")}
    assert {f"new-{number}-{n}" for number in range(KILLS) for n in range(PER_ROUND)} == taken_in
    assert [] == rows(services.database, "SELECT * FROM intake_rejection")
    told = rows(services.database, "SELECT evaluation_id AS id FROM evaluation_event WHERE kind = 'expired'")
    assert orphans
    assert sorted(orphans) == sorted(row["id"] for row in told)
    assert [{"n": 30}] == rows(services.database, "SELECT count(*) AS n FROM evaluation WHERE state = 'pending'")
    assert 0 < longest <= most


def test_three_at_once_take_a_row_back_once(services, others):
    """A dead worker's row is told once as expired, however many reconcilers have seen it."""
    hand_in(services, 1)
    start(services)
    a_claim(services.database, model=services.model)
    overslept(services.database)
    three = [others() for _ in range(3)]
    threads = [threading.Thread(target=lambda s=s: [tick(s) for _ in range(5)]) for s in three]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)

    assert ["claimed", "expired"] == story(services.database)
