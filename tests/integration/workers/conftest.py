"""A fleet's parts for tests: real PostgreSQL, real Valkey, a folder store, and a stub engine over HTTP."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from redis import Redis

from evaluator.settings import Settings
from evaluator.wiring import Services
from tests.stub_engine import StubEngine
from workers import scoring
from workers.node import DRAIN_VARIABLE, Node


@pytest.fixture
def broker_url(valkey: str) -> str:
    """The session's Valkey, emptied of what tests before have left."""
    with Redis.from_url(valkey) as client:
        client.flushdb()
    return valkey


@pytest.fixture
def stub() -> Iterator[StubEngine]:
    """A stub engine that answers at once."""
    with StubEngine(seed=1) as running:
        yield running


@pytest.fixture
def settings_of(tmp_path: Path, database_url: str, broker_url: str) -> Callable[..., Settings]:
    """Settings of this test's services, with an engine or other fields."""
    (tmp_path / "store").mkdir()

    def make(engine: StubEngine, **fields: object) -> Settings:
        defaults = {
            "home": tmp_path,
            "database_url": database_url,
            "broker_url": broker_url,
            "store_url": f"file://{tmp_path}/store",
            "engine_url": engine.url,
            "model": engine.model,
            "lease_s": 4.0,
            "heartbeat_s": 1.0,
            "tick_s": 0.5,
            "soft_shutdown_s": 2.0,
            "node": "test",
        }
        return Settings(**{**defaults, **fields})

    return make


@pytest.fixture
def services(settings_of, stub) -> Iterator[Services]:
    """The services of those settings with the stub engine."""
    made = Services(settings=settings_of(stub))
    yield made
    made.close()


@pytest.fixture
def nodes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Settings], Node]]:
    """Makes nodes as a worker's child process would; its drain file is this test's own."""
    monkeypatch.setenv(DRAIN_VARIABLE, str(tmp_path / "drain"))
    scoring._warm.clear()
    made: list[Node] = []

    def make(settings: Settings) -> Node:
        made.append(Node.build(settings))
        return made[-1]

    yield make
    for node in made:
        node.services.close()
        node.heartbeat_database.close()
