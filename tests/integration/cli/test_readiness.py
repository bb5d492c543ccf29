"""What the served pages' `/readyz` asks, against real services: each as it should be, and each broken."""

import pytest
from sqlalchemy import text

from evaluator.commands.readiness import checks, queue_length
from evaluator.settings import Settings
from evaluator.storage.database import Database
from evaluator.web.readiness import Readiness
from evaluator.wiring import Services
from tests.stub_engine import StubEngine

MODEL = "test-judge@r1"
NOWHERE = "127.0.0.1:1"


@pytest.fixture
def stub():
    """An endpoint that serves the judge."""
    with StubEngine(model=MODEL) as stub:
        yield stub


@pytest.fixture
def made(database_url, valkey, stub):
    """A way to make services: as they should be, but for what is named."""
    opened = []

    def make(**changes):
        usual = {"database_url": database_url, "broker_url": valkey, "engine_url": stub.url, "model": MODEL}
        opened.append(Services(settings=Settings(**{**usual, **changes})))
        return opened[-1]

    yield make
    for services in opened:
        services.close()


def states(services):
    """What the pages would find."""
    return dict(Readiness(checks(services), within_s=20).states())


def test_all_are_asked_and_all_answer(made):
    """Database, broker and judge."""
    assert {"database": "ok", "broker": "ok", "judge": "ok"} == states(made())


@pytest.mark.parametrize(
    ("changes", "failing"),
    [
        ({"database_url": f"postgresql://nobody@{NOWHERE}/none"}, "database"),
        ({"broker_url": f"redis://{NOWHERE}/0"}, "broker"),
        ({"engine_url": f"http://{NOWHERE}/v1"}, "judge"),
        ({"model": "another-judge@r1"}, "judge"),
    ],
)
def test_the_one_that_fails_is_the_one_that_is_named(made, changes, failing):
    """A judge that serves another model than the pinned one is none."""
    found = states(made(**changes))

    assert {"failing"} == {found.pop(failing)}
    assert {"ok"} == set(found.values())


def test_a_database_that_was_not_migrated_is_not_ready(made, database_url):
    """Reachable is not enough."""
    owner = Database(database_url, role=None)
    with owner.begin() as db:
        db.execute(text("UPDATE alembic_version SET version_num = '0001'"))
    owner.close()

    assert "failing" == states(made())["database"]


def test_what_this_process_was_not_told_of_is_not_asked(made):
    """Pages alone need neither broker nor judge."""
    services = made(broker_url=None, engine_url=None)

    assert ({"database": "ok"}, None) == (states(services), queue_length(services))


def test_hints_that_wait_are_counted(made):
    """By the broker itself."""
    services = made()
    before = queue_length(services)()
    services.hints.send(2)

    assert 2 == queue_length(services)() - before
