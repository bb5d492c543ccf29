"""A deployment for the tests that need all of it: real PostgreSQL, Valkey and vLLM, and a folder store."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from evaluator.embedded import Endpoints


@pytest.fixture
def deployment(database_url: str, valkey: str, engine: Endpoints, tmp_path: Path) -> Iterator[dict[str, str]]:
    """The variables that name it; its database, store and queue are this test's own."""
    redis.Redis.from_url(valkey).flushall()
    assert engine.engine_url and engine.engine_api_key and engine.model
    yield {
        "DEBRIEF_HOME": str(tmp_path / "home"),
        "DEBRIEF_DATABASE_URL": database_url,
        "DEBRIEF_BROKER_URL": valkey,
        "DEBRIEF_STORE_URL": (tmp_path / "store").as_uri(),
        "DEBRIEF_ENGINE_URL": engine.engine_url,
        "DEBRIEF_ENGINE_API_KEY": engine.engine_api_key,
        "DEBRIEF_MODEL": engine.model,
        "DEBRIEF_TOKENIZER": str(engine.tokenizer),
        "DEBRIEF_SOFT_SHUTDOWN_S": "2",
    }
    redis.Redis.from_url(valkey).flushall()
