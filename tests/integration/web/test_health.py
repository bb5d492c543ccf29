"""What machines that watch over this one are told: readiness with its reasons, and numbers that equal the rows."""

import threading
import time

import pytest
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families

from evaluator.adapters.engine_load import EngineLoad
from evaluator.errors import BrokerUnavailable
from evaluator.web.app import create_app
from tests.fakes import MemoryStore
from tests.integration.web.conftest import LOOPBACK, a_person, a_token
from tests.integration.web.world import NAME, World


def samples(text):
    """(name, its labels' values) -> value."""
    return {
        (s.name, *s.labels.values()): s.value for family in text_string_to_metric_families(text) for s in family.samples
    }


def asked(database, path="/readyz", **more):
    """The answer of pages over this database."""
    app = create_app(database, MemoryStore(), version="1.2.3", **more)
    with TestClient(app, base_url=LOOPBACK) as client:
        return client.get(path)


def failing():
    """A broker that refuses."""
    raise BrokerUnavailable("Redis at secret.internal:6379 cannot be used")


def test_ready_is_who_reaches_its_services(database):
    """All named, nothing else told."""
    found = asked(database, checks={"database": lambda: None, "judge": lambda: None})

    assert (200, {"status": "ready", "checks": {"database": "ok", "judge": "ok"}}) == (found.status_code, found.json())


def test_without_checks_the_database_is_asked(database):
    """It is what no page goes without."""
    assert {"database": "ok"} == asked(database).json()["checks"]


def test_what_fails_is_named_and_no_address(database):
    """503, and when to ask again."""
    found = asked(database, checks={"database": lambda: None, "broker": failing})

    assert (503, "not_ready", "broker: cannot be used") == (
        found.status_code,
        found.json()["code"],
        found.json()["detail"],
    )
    assert {"database": "ok", "broker": "failing"} == found.json()["checks"]
    assert "retry-after" in found.headers
    assert "application/problem+json" == found.headers["content-type"]
    assert "secret.internal" not in found.text


def test_what_hangs_is_waited_for_only_so_long(database):
    """Two seconds, for all together."""
    go_on = threading.Event()
    hung = {name: lambda: go_on.wait(10) for name in ("broker", "judge")}

    started = time.monotonic()
    found = asked(database, checks=hung)
    took = time.monotonic() - started
    go_on.set()

    assert (503, {"broker": "no_answer", "judge": "no_answer"}) == (found.status_code, found.json()["checks"])
    assert took < 3.5


@pytest.fixture
def world(database):
    """Three interviews: one scored, one being scored, one not in a run."""
    world = World(database)
    for n in (1, 2):
        world.interview(f"iv-{n}")
    world.run()
    world.score()
    world.claim()
    world.interview("iv-3")
    return world


def test_numbers_are_those_of_the_rows(world):
    """Of runs, interviews, sections and leases."""
    found = samples(world.page("/metrics"))

    assert [1, 1, 1, 0] == [found["debrief_interviews", s] for s in ("done", "running", "not_started", "quarantined")]
    assert [1, 0, 0] == [found["debrief_runs", s] for s in ("open", "paused", "closed")]
    assert (1, 0) == (found["debrief_leases", "held"], found["debrief_leases", "expired"])
    assert (1, 1) == tuple(found["debrief_run_interviews", "night-1", s] for s in ("needs_review", "running"))
    assert 1 == found["debrief_build_info", "1.2.3"]


def test_numbers_of_a_run_are_those_of_its_page(world):
    """Whatever is under blind review counts apart, in both."""
    world.blind()
    found = samples(world.page("/metrics"))
    page = world.client.get("/runs/night-1.json").json()

    assert page["counts"] == {s: found["debrief_run_interviews", "night-1", s] for s in page["counts"]}
    assert 1 == page["counts"]["under_review"]
    assert page["sections"] == {w: found["debrief_run_sections", "night-1", w] for w in ("done", "total")}


def test_series_do_not_grow_with_the_runs_that_were(world):
    """Only those that go on, and the newest."""
    with world.database.begin() as db:
        db.exec_driver_sql("UPDATE run SET state = 'closed', closed_because = 'stopped', closed_at = now()")
    world.run(name="night-2", only="all")

    found = world.page("/metrics")

    assert "night-2" in found
    assert "night-1" not in found


def test_numbers_name_nobody(world):
    """No candidate, no interview, no requisition."""
    found = world.page("/metrics")

    assert not [word for word in (NAME, "iv-1", "C-iv-1", "REQ-114") if word in found]


def test_a_token_that_reads_may_scrape(world):
    """Its owner must be one who sees runs."""
    recruiter = a_person(world.database, "r", roles=[("REQ-114", "recruiter")])
    reviewer = a_person(world.database, "v", roles=[("REQ-114", "reviewer")])
    tokens = [a_token(world.database, recruiter, "read"), a_token(world.database, reviewer, "read")]

    with TestClient(world.app, base_url=LOOPBACK) as client:
        found = [client.get("/metrics", headers={"Authorization": f"Bearer {t}"}).status_code for t in tokens]
        found.append(client.get("/metrics").status_code)

    assert [200, 403, 401] == found


@pytest.mark.parametrize(("length", "expected"), [(lambda: 7, 7), (failing, None), (None, None)])
def test_the_queue_is_counted_where_it_answers(database, length, expected):
    """And left out where it does not: 0 would be a lie."""
    token = a_token(database, a_person(database, admin=True), "read")
    app = create_app(database, MemoryStore(), version="1", queue_length=length)
    with TestClient(app, base_url=LOOPBACK, headers={"Authorization": f"Bearer {token}"}) as client:
        found = samples(client.get("/metrics").text)

    assert expected == found.get(("debrief_hint_queue_length",))


def test_openmetrics_is_spoken_to_who_asks_for_it(world):
    """Prometheus does."""
    accept = {"Accept": "application/openmetrics-text; version=1.0.0"}

    found = world.client.get("/metrics", headers=accept)

    assert found.headers["content-type"].startswith("application/openmetrics-text")
    assert found.text.endswith("# EOF\n")


def test_flow_is_told(world):
    """What could be claimed, what waits, what was finished lately, and with how many slots."""
    world.interview("iv-4")
    world.run(name="night-2")
    found = samples(world.page("/metrics"))

    assert 2 == found["debrief_due",]
    assert 0 == found["debrief_delayed",]
    assert {"judge", "checkpoint"} == {key[1] for key in found if key[0] == "debrief_sections_recent"}
    assert {"retry", "quarantined", "expired", "released"} == {k[1] for k in found if k[0] == "debrief_events_recent"}
    assert {"active", "paused", "troubled"} == {k[1] for k in found if k[0] == "debrief_schedules"}


def engine_series(world, found):
    """Those of an engine of which that is known."""
    app = create_app(world.database, MemoryStore(), version="1", engine_load=lambda: found)
    with TestClient(app, base_url=LOOPBACK) as client:
        client.cookies.update(world.client.cookies)
        told = samples(client.get("/metrics").text)
    return {key: value for key, value in told.items() if key[0].startswith("debrief_engine")}


def test_the_engines_own_figures_are_passed_on(world):
    """Those that it tells."""
    load = EngineLoad(running=24, waiting=3, kv_usage=0.71, prefix_queries=100, prefix_hits=83)

    assert {
        ("debrief_engine_up",): 1,
        ("debrief_engine_requests", "running"): 24,
        ("debrief_engine_requests", "waiting"): 3,
        ("debrief_engine_kv_cache_usage_ratio",): 0.71,
        ("debrief_engine_prefix_cache_queries_tokens_total",): 100,
        ("debrief_engine_prefix_cache_hits_tokens_total",): 83,
    } == engine_series(world, load)


def test_an_engine_that_is_away_has_no_figures(world):
    """It is down; nothing of it is 0."""
    assert {("debrief_engine_up",): 0} == engine_series(world, "away")


def test_an_endpoint_without_metrics_is_not_called_down(world):
    """A managed API has none."""
    assert {} == engine_series(world, "untold")


def test_the_page_of_an_open_run_tells_the_engines_load(world):
    """Where it is known."""
    load = EngineLoad(running=24, waiting=3, kv_usage=0.71, prefix_queries=100, prefix_hits=83)
    app = create_app(world.database, MemoryStore(), version="1", engine_load=lambda: load)
    with TestClient(app, base_url=LOOPBACK) as client:
        client.cookies.update(world.client.cookies)
        page = client.get("/runs/night-1").text

    assert "24 running, 3 waiting · KV cache 71 % full · prefix-cache hits 83 % since it began" in page
