"""A real Celery worker process against real PostgreSQL, Valkey, a folder store, and a stub engine over HTTP."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import psutil
import pytest
from celery.canvas import Signature
from redis import Redis

from evaluator.adapters.celery_queue import HINT_SCHEMA, KEY_PREFIX, QUEUE, TASK, celery_app
from evaluator.commands.worker_process import worker_command, worker_environment
from evaluator.storage.evaluations import alive
from evaluator.wiring import Services
from tests.integration.storage.builders import row_of, rows, story
from tests.integration.workers.fleet import bodies, hand_in, start, states
from tests.integration.workers.imds import NOTICE, REBALANCE, RECOMMENDED, TERMINATE, FakeImds
from workers.reconcile import hints_max, tick
from workers.scoring import ROWS_PER_HINT

ROOT = Path(__file__).parents[3]
READY_S = 30.0
Worker = subprocess.Popen


@pytest.fixture
def workers(tmp_path: Path) -> Iterator[Callable[..., Worker]]:
    """Starts worker processes, each in a session of its own; whatever is left of them is killed at the end."""
    begun: list[Worker] = []

    def begin(services: Services, slots: int = 1) -> Worker:
        with (tmp_path / f"worker-{len(begun)}.log").open("wb") as log:
            process = subprocess.Popen(
                worker_command(slots),
                env=worker_environment(services, dict(os.environ)),
                cwd=ROOT,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        begun.append(process)
        wait_until(lambda: living(services) > 0, READY_S, process)
        return process

    yield begin
    for process in begun:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(timeout=10)
    for number in range(len(begun)):
        print((tmp_path / f"worker-{number}.log").read_text(errors="replace"))


def living(services: Services) -> int:
    """Workers that say they are alive."""
    with services.database.begin() as db:
        return alive(db, kind="worker", within_s=60)


def wait_until(condition: Callable[[], bool], timeout_s: float, process: Worker | None = None) -> None:
    """Waits; fails when it takes too long or the process ends meanwhile."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline
        assert process is None or process.poll() is None
        time.sleep(0.05)


def tick_until(services: Services, condition: Callable[[], bool], timeout_s: float = 20.0) -> None:
    """Reconciles until it is true."""

    def ticked() -> bool:
        tick(services)
        return condition()

    wait_until(ticked, timeout_s)


def test_interviews_are_scored_through_hints(services, stub, workers, broker_url):
    """Hints of a real reconciler reach a real worker; each interview gets one scorecard from one call per section."""
    hand_in(services, 6)
    start(services)
    worker = workers(services, slots=2)

    tick_until(services, lambda: states(services) == {"done": 6})

    warm_ups = stub.calls["judged"] - 6 * 3
    assert 6 == len(bodies(services))
    assert warm_ups in (4, 8)  # four grammars for each child that had work
    assert worker.poll() is None
    with Redis.from_url(broker_url) as client:
        wait_until(lambda: client.hlen(f"{KEY_PREFIX}unacked") == 0, 10)


def test_one_hint_is_enough_for_all_that_is_due(services, workers):
    """A task that ends with rows left asks for another one, so no slot waits for the reconciler's next tick."""
    hand_in(services, 2 * ROWS_PER_HINT + 1)
    start(services)
    worker = workers(services)

    services.hints.send(1)

    wait_until(lambda: states(services) == {"done": 2 * ROWS_PER_HINT + 1}, 60, worker)
    assert 0 == services.hints.length()


def test_worker_that_is_told_to_stop_says_goodbye(services, workers):
    """It ends by itself, and nobody counts on it any more."""
    worker = workers(services)

    worker.send_signal(signal.SIGTERM)

    assert 0 == worker.wait(timeout=15)
    assert 0 == living(services)


def test_busy_worker_hands_its_row_back(services, stub, workers):
    """SIGTERM in mid-row: released within seconds and uncounted; another worker reuses the finished section."""
    hand_in(services, 2)
    start(services, "warm-up", interviews=("iv-1",))
    first = workers(services)
    tick_until(services, lambda: states(services) == {"done": 1})
    stub.faults[:] = ["ok", "hang", "hang"]
    start(services)
    tick_until(services, lambda: row_of(services.database, "iv-2")["sections_done"] == 1)

    asked_at = time.monotonic()
    first.send_signal(signal.SIGTERM)
    wait_until(lambda: row_of(services.database, "iv-2")["state"] == "pending", 10.0)
    handed_over_s = time.monotonic() - asked_at
    row = row_of(services.database, "iv-2")
    first.wait(timeout=15)
    stub.calls.clear()
    workers(services)
    tick_until(services, lambda: states(services) == {"done": 2})

    assert (1, 0, 0) == (row["interruptions"], row["attempts"], row["stalls"])
    assert handed_over_s < services.settings.soft_shutdown_s + 4
    assert 2 + 4 == stub.calls["judged"]  # the two that hung, and the new worker's grammars
    assert 2 == len(bodies(services))
    assert ["claimed", "section", "released", "claimed"] == story(services.database, "iv-2")[:4]
    (kept,) = rows(services.database, "SELECT execution FROM scorecard WHERE interview_id = 'iv-2'")
    assert [False, False, True] == sorted(section["reused"] for section in kept["execution"]["sections"])


def test_stopped_worker_finishes_what_it_can_and_claims_nothing(services, stub, settings_of, workers):
    """SIGTERM with calls in flight that end within the soft shutdown: that row is done, no other is begun."""
    hand_in(services, 3)
    start(services)
    stub.delay_s = 0.7
    with closing(Services(settings=settings_of(stub, soft_shutdown_s=5.0))) as patient:
        worker = workers(patient)
    services.hints.send(3)
    wait_until(lambda: stub.calls["judged"] >= 4 + 3, 20.0, worker)

    worker.send_signal(signal.SIGTERM)

    assert 0 == worker.wait(timeout=20)
    assert {"done": 1, "pending": 2} == states(services)
    assert [1, 0, 0] == sorted(
        (row["fence"] for row in rows(services.database, "SELECT * FROM evaluation")), reverse=True
    )


def test_stopped_worker_leaves_no_folder(services, workers, tmp_path, monkeypatch):
    """Its drain folder is gone with it."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    worker = workers(services)
    during = list(tmp_path.glob("debrief-worker-*"))

    worker.send_signal(signal.SIGTERM)
    worker.wait(timeout=15)

    assert (1, []) == (len(during), list(tmp_path.glob("debrief-worker-*")))


@pytest.mark.parametrize(("path", "body"), [(REBALANCE, RECOMMENDED), (NOTICE, TERMINATE)], ids=["may", "will"])
def test_machine_about_to_go_claims_nothing_new(services, stub, settings_of, workers, path, body):
    """After a recommendation or a notice no row is begun, and hints are left to workers that may act on them."""
    hand_in(services, 2)
    start(services)
    with FakeImds() as imds, closing(Services(settings=settings_of(stub, spot=True, imds_url=imds.url))) as on_spot:
        imds.bodies[path] = body
        worker = workers(on_spot)
        wait_until(lambda: imds.calls[path] > 0, 10, worker)
        time.sleep(0.5)
        services.hints.send(4)
        time.sleep(2)

    assert {"pending": 2} == states(services)
    assert 4 == services.hints.length()
    assert worker.poll() is None


def test_worker_without_an_engine_costs_little(services, stub, settings_of, workers):
    """It lets each hint go and claims nothing; only a tick brings new hints, and no more than may wait at once."""
    hand_in(services, 8)
    start(services)
    with closing(Services(settings=settings_of(stub, engine_url="http://127.0.0.1:1/v1"))) as sick:
        worker = workers(sick, slots=2)
    hints = []
    for _ in range(8):
        hints.append(tick(services).hints)
        time.sleep(0.4)
    family = [psutil.Process(worker.pid), *psutil.Process(worker.pid).children(recursive=True)]
    before = sum(sum(process.cpu_times()[:2]) for process in family)
    hints.append(tick(services).hints)
    time.sleep(1)

    spent_s = sum(sum(process.cpu_times()[:2]) for process in family) - before
    assert {"pending": 8} == states(services)
    assert 0 < max(hints) <= hints_max(services.settings.worker_slots, services)
    assert spent_s < 0.1 * hints_max(services.settings.worker_slots, services)


FORGED = {
    "another schema": {"name": TASK, "kwargs": {"schema": HINT_SCHEMA + 1}},
    "nonsense as schema": {"name": TASK, "kwargs": {"schema": {"a": [1]}}},
    "unknown arguments": {"name": TASK, "kwargs": {"evaluation": 1, "state": "done"}},
    "too many arguments": {"name": TASK, "args": [1, 2, 3]},
    "unknown task": {"name": "os.system", "args": ["true"]},
    "a task of Celery's own": {"name": "celery.backend_cleanup"},
    "a deadly time limit": {"name": TASK, "kwargs": {"schema": 1}, "time_limit": 0.01, "soft_time_limit": 0.001},
    "not before next year": {"name": TASK, "kwargs": {"schema": 1}, "countdown": 1e7},
    "callbacks": {"name": TASK, "kwargs": {"schema": 1}, "link": Signature("debrief.score", kwargs={"schema": 1})},
}
NEAR = {"body": "W10=", "headers": {"task": TASK, "id": "1"}, "content-type": "application/json"}
TAG = {"delivery_tag": "t", "body_encoding": "base64", "delivery_info": {"exchange": "", "routing_key": QUEUE}}
NEARLY_MESSAGES = (
    {"body": 1},
    {"body": "x", "headers": {}},
    {**NEAR, "properties": []},
    {**NEAR, "properties": {}},
    {**NEAR, "properties": {**TAG, "delivery_tag": {"a": 1}}},
    {**NEAR, "properties": {**TAG, "body_encoding": "rot13"}},
    {**NEAR, "properties": {**TAG, "body_encoding": ["x"]}},
    {**NEAR, "properties": {**TAG, "delivery_info": "here"}},
    {**NEAR, "properties": TAG, "body": 5},
    {**NEAR, "properties": TAG, "body": "%%%"},
    {**NEAR, "properties": TAG, "body": "W10="},
    {**NEAR, "properties": TAG, "content-type": "application/x-python-serialize"},
    {**NEAR, "properties": TAG, "content-type": 5},
    {**NEAR, "properties": TAG, "content-encoding": "nonsense"},
    {**NEAR, "properties": TAG, "headers": {"task": ["x"], "id": {"y": 1}}},
    {**NEAR, "properties": TAG, "headers": {"task": TASK, "id": 5, "eta": "never", "expires": "x", "timelimit": 1}},
    {**NEAR, "properties": TAG, "headers": {"task": TASK, "id": "2", "compression": "zip"}},
)
GARBAGE = (
    *(b"\x00\xff\xfe", b"", b"{", b"[]", b"null", b'"text"', b"[" * 100_000, b'{"__type__": "x", "__value__": 1}'),
    *(json.dumps(nearly).encode() for nearly in NEARLY_MESSAGES),
)


def test_forged_hints_do_no_harm(services, workers, broker_url):
    """Whatever a hint says, the worker lives, scores what is due, and nothing else changes."""
    hand_in(services, 2)
    start(services)
    worker = workers(services)
    forger = celery_app(broker_url)
    for forged in FORGED.values():
        forger.send_task(**forged, queue=QUEUE)
    forger.close()

    tick_until(services, lambda: states(services) == {"done": 2})

    wait_until(lambda: services.hints.length() == 0, 10)
    assert worker.poll() is None
    assert ["claimed", "section", "section", "section", "done"] == story(services.database)


def test_garbage_in_the_queue_loses_nothing(services, workers, broker_url):
    """Bytes that are no message are dropped, what is nearly one is a hint like any other, and the worker lives."""
    hand_in(services, 2)
    worker = workers(services)
    with Redis.from_url(broker_url) as client:
        for garbage in GARBAGE:
            client.lpush(f"{KEY_PREFIX}{QUEUE}", garbage)
    wait_until(lambda: services.hints.length() == 0, 10, worker)
    start(services)

    tick_until(services, lambda: states(services) == {"done": 2})
    assert worker.poll() is None
