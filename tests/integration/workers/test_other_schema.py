"""A newer version migrates the database while a fleet works: what runs stops by itself, what starts refuses."""

import threading
from contextlib import closing

import pytest
from sqlalchemy import text

from evaluator.commands.readiness import checks
from evaluator.commands.worker_process import worker_environment
from evaluator.errors import OtherSchema
from evaluator.storage.database import Database
from evaluator.storage.evaluations import alive
from migrations import history
from tests.commands import debrief
from tests.integration.workers.fleet import bodies, hand_in, start, states
from tests.integration.workers.test_celery_worker import tick_until, wait_until, workers  # noqa: F401  a fixture
from workers.reconcile import run_forever
from workers.scoring import work_through

NEWER = "9999"
REFUSED = rf"at migration '{NEWER}', which this version does not know \(its newest is {history.HEAD}\)"


def migrate(services, head, *, oldest=None):
    """As another version of the product leaves the database."""
    owner = Database(services.settings.database_url.get_secret_value(), role=None)
    with closing(owner), owner.begin() as db:
        db.execute(text("UPDATE alembic_version SET version_num = :head"), {"head": head})
        said = "NULL" if oldest is None else f"'{history._OLDEST_IS}{oldest}'"
        db.execute(text(f"COMMENT ON TABLE alembic_version IS {said}"))


def seen(services, kind):
    """How many say that they are alive."""
    with services.database.begin() as db:
        return alive(db, kind=kind, within_s=60)


@pytest.fixture
def node(services, nodes):
    """A worker's child on these services."""
    return nodes(services.settings)


@pytest.mark.parametrize("head", [NEWER, "0001"])
def test_nothing_is_claimed_under_another_schema(services, node, caplog, head):
    """Not even by a hint that arrived before anybody noticed; and the log says why."""
    hand_in(services, 1)
    start(services)
    migrate(services, head)

    claimed = work_through(node)

    migrate(services, history.HEAD)
    assert (0, {"pending": 1}) == (claimed, states(services))
    assert head in caplog.text
    assert history.HEAD in caplog.text


def test_row_in_hand_is_finished_after_an_expansion(services, stub, node):
    """What was begun is written; the next row is left to the newer version."""
    hand_in(services, 2)
    start(services)
    stub.delay_s = 0.3

    def expand():
        wait_until(lambda: states(services) == {"running": 1, "pending": 1}, 20)
        migrate(services, NEWER)

    expanding = threading.Thread(target=expand)
    expanding.start()

    claimed = work_through(node)

    expanding.join()
    migrate(services, history.HEAD)
    assert (1, {"done": 1, "pending": 1}) == (claimed, states(services))
    assert 1 == len(bodies(services))


def test_running_worker_ends_by_itself(services, workers):  # noqa: F811
    """Within a beat; nobody counts on it any more, and its hints are left to newer workers."""
    worker = workers(services)

    migrate(services, NEWER)

    assert 0 == worker.wait(timeout=30)
    assert 0 == seen(services, "worker")


def test_running_reconciler_ends_by_itself(services):
    """With the message that a new one would refuse with."""
    raised = []

    def reconcile():
        try:
            run_forever(services, threading.Event())
        except OtherSchema as error:
            raised.append(str(error))

    thread = threading.Thread(target=reconcile)
    thread.start()
    wait_until(lambda: seen(services, "reconciler") == 1, 20)

    migrate(services, NEWER)
    thread.join(timeout=20)

    assert not thread.is_alive()
    assert 0 == seen(services, "reconciler")
    assert f"'{NEWER}'" in raised[0]


@pytest.mark.parametrize("command", [("worker",), ("reconcile",), ("serve", "--port", "0")])
@pytest.mark.parametrize(("head", "way_out"), [(NEWER, "or a newer one"), ("0001", "debrief db upgrade")])
def test_nothing_starts_on_another_schema(services, tmp_path, command, head, way_out):
    """Exit code 4, both heads and the way out in one line."""
    migrate(services, head)

    done = debrief(*command, env=worker_environment(services, {}), cwd=tmp_path)

    (line,) = [line for line in done.err.splitlines() if line.startswith("debrief: ")]
    assert 4 == done.code
    assert head in line
    assert history.HEAD in line
    assert way_out in line


@pytest.mark.parametrize(
    ("oldest", "ready"), [(history.HEAD, True), ("0001", True), (NEWER, False), (None, False), ("nonsense", False)]
)
def test_pages_go_on_where_a_newer_version_only_added(services, oldest, ready):
    """It says so on the table of the head; without a word, or with one that leaves this version out, they do not."""
    migrate(services, NEWER, oldest=oldest)
    check = checks(services)["database"]

    if ready:
        check()
    else:
        with pytest.raises(OtherSchema, match=REFUSED):
            check()


@pytest.mark.parametrize("kind", ["worker", "reconcile"])
def test_health_check_tells_a_living_process_from_none(services, tmp_path, kind):
    """Of this machine only: another one's worker does not make this one well."""
    node = {"worker": "worker", "reconcile": "reconciler"}[kind]
    environment = worker_environment(services, {})
    with services.database.begin() as db:
        statement = text("INSERT INTO node (name, kind, version) VALUES (:name, :kind, '0')")
        db.execute(statement, {"name": "another:1", "kind": node})
    without = debrief(kind, "--check", env=environment, cwd=tmp_path)
    with services.database.begin() as db:
        db.execute(statement, {"name": "test:1", "kind": node})

    with_one = debrief(kind, "--check", env=environment, cwd=tmp_path)

    assert (4, 0) == (without.code, with_one.code)
    assert f"no {node} of test" in without.err
