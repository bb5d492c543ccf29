"""Starting a run by the API: planned, started once, followed at its address, and logged."""

import pytest
from fastapi.testclient import TestClient

from evaluator.judging import Sampling
from evaluator.storage import audit
from evaluator.storage.runs import Judge
from evaluator.web.app import create_app
from tests.factories import MODEL
from tests.integration.web.conftest import LOOPBACK, a_person, a_token
from tests.integration.web.world import World

RUNS = "/v1/runs"


@pytest.fixture
def operator(database):
    """A token that may operate, over two interviews that nobody scored, one of them without consent."""
    world = World(database)
    world.interview("iv-1")
    world.interview("iv-2", consent="refused", requisition="REQ-9")
    app = create_app(database, world.store, version="1", judge=Judge(model=MODEL, sampling=Sampling()))
    token = a_token(database, a_person(database, admin=True), "operate", "read")
    client = TestClient(app, base_url=LOOPBACK, headers={"Authorization": f"Bearer {token}"})
    client.database = database
    return client


def test_a_plan_counts_and_starts_nothing(operator):
    """What a run would be."""
    plan = operator.post(RUNS, json={"dry_run": True})

    assert 200 == plan.status_code
    expected = {"interviews": 2, "to_judge": 1, "blocked": 1, "sections": 6, "model": MODEL, "forecast": None}
    assert expected == plan.json()
    assert [] == operator.get(RUNS).json()["items"]


def test_a_run_is_started_and_can_be_followed(operator):
    """202, with its address; the log names who did it."""
    started = operator.post(RUNS, json={"name": "night-9", "requisition": "REQ-114"})
    with operator.database.begin() as db:
        logged = audit.entries(db, limit=1)[0]

    assert (202, "/v1/runs/night-9") == (started.status_code, started.headers["location"])
    assert started.json() == operator.get("/v1/runs/night-9").json()
    assert (1, "REQ-114") == (started.json()["counts"]["pending"], started.json()["selection"]["requisition"])
    assert ("run.start", "run:night-9", "token") == (logged.action, logged.object, logged.entry)


def test_sent_again_it_is_one_run(operator):
    """By its key, also where no name was given."""
    first, again = (operator.post(RUNS, json={}, headers={"Idempotency-Key": "k"}) for _ in range(2))

    assert (202, first.content, first.headers["location"]) == (
        again.status_code,
        again.content,
        again.headers["location"],
    )
    assert 1 == len(operator.get(RUNS).json()["items"])


def test_a_name_is_taken_once(operator):
    """409, and the first run is left alone."""
    operator.post(RUNS, json={"name": "a"})

    assert 409 == operator.post(RUNS, json={"name": "a", "only": "all"}).status_code


def test_nothing_to_do_is_told(operator):
    """And no empty run is left."""
    found = operator.post(RUNS, json={"interviews": ["iv-77"]})

    assert (409, "nothing_to_do") == (found.status_code, found.json()["code"])
    assert [] == operator.get(RUNS).json()["items"]


@pytest.mark.parametrize(
    "body",
    [{"only": "x"}, {"limit": 0}, {"deadline": "06:00"}, {"since": "2026-01-01T00:00:00"}, {"interviews": ["-"]}],
)
def test_what_nobody_can_mean_is_named(operator, body):
    """422."""
    found = operator.post(RUNS, json=body)

    assert (422, True) == (found.status_code, next(iter(body)) in found.json()["detail"])


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59-12:00"])
def test_a_moment_at_the_edge_of_time_can_be_read_back(operator, moment):
    """PostgreSQL knows more of them than can be read."""
    started = operator.post(RUNS, json={"name": "a", "deadline": moment, "until": "2999-01-01T00:00:00Z"})

    assert (202, 200) == (started.status_code, operator.get(started.headers["location"]).status_code)


def test_without_a_judge_no_run_is_started(database):
    """503, and what to set."""
    app = create_app(database, World(database).store, version="1")
    token = a_token(database, a_person(database, admin=True), "operate")
    with TestClient(app, base_url=LOOPBACK, headers={"Authorization": f"Bearer {token}"}) as client:
        found = client.post(RUNS, json={})

    assert (503, True) == (found.status_code, "DEBRIEF_MODEL" in found.json()["detail"])


def test_a_token_that_only_reads_starts_nothing(operator):
    """403, though its owner may."""
    token = a_token(operator.database, a_person(operator.database, admin=True), "read")

    assert 403 == operator.post(RUNS, json={}, headers={"Authorization": f"Bearer {token}"}).status_code
