"""docs/restore.md, run as it is written: an older dump is put back, and nothing is lost or judged twice."""

import os
import re
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr
from redis import Redis

from evaluator.layout import manifest_key
from evaluator.manifest import Consent, Manifest
from evaluator.settings import Settings
from evaluator.wiring import Services, environment
from tests.integration.storage.builders import a_manifest, rows, stock
from tests.integration.workers.fleet import bodies, start, the_transcript
from tests.stub_engine import Fault, StubEngine
from workers.node import DRAIN_VARIABLE, Node
from workers.reconcile import tick
from workers.scoring import work_through

GUIDE = Path(__file__).parents[3] / "docs" / "restore.md"
TIMEOUT_S = 120
AT = datetime(2026, 11, 18, 12, tzinfo=UTC)
_BLOCK = re.compile(r"^( *)```sh ([a-z-]+)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)

pytestmark = pytest.mark.skipif(
    not all(shutil.which(program) for program in ("bash", "pg_dump", "pg_restore", "createdb")),
    reason="PostgreSQL's client programs are not on PATH",
)


class CountingEngine(StubEngine):
    """Counts the judgements of interviews, without warm-ups and canaries."""

    def fault_for(self, asked: dict) -> Fault:
        """Counted when it is about a section."""
        self.calls["sections"] += any("# Section: " in message["content"] for message in asked["messages"])
        return super().fault_for(asked)


def commands(name: str) -> str:
    """The guide's blocks of that name, one after the other."""
    found = [textwrap.dedent(text) for _, block, text in _BLOCK.findall(GUIDE.read_text("utf-8")) if block == name]
    assert found
    return "\n".join(found)


@pytest.fixture
def stub() -> Iterator[CountingEngine]:
    """An engine that counts."""
    with CountingEngine(seed=1) as running:
        yield running


@pytest.fixture
def services(tmp_path: Path, database_url: str, valkey: str, stub: CountingEngine) -> Iterator[Services]:
    """A deployment: real PostgreSQL and Valkey, a folder store, the counting engine."""
    with Redis.from_url(valkey) as client:
        client.flushdb()
    (tmp_path / "store").mkdir()
    (tmp_path / "backup").mkdir()
    made = Services(
        settings=Settings(
            home=tmp_path / "home",
            database_url=database_url,
            broker_url=valkey,
            store_url=f"file://{tmp_path}/store",
            engine_url=stub.url,
            model=stub.model,
            tick_s=0.5,
            soft_shutdown_s=1,
            worker_slots=1,
        )
    )
    yield made
    made.close()


@pytest.fixture
def restored_url(services: Services) -> Iterator[str]:
    """The name of a database that the guide makes."""
    name = f"{services.database.url.database}_restored"
    yield services.database.url.set(drivername="postgresql", database=name).render_as_string(hide_password=False)
    with services.database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("SET ROLE NONE")
        connection.exec_driver_sql(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


@pytest.fixture
def shell(services: Services, restored_url: str, tmp_path: Path) -> Callable[..., str]:
    """Runs a script as an operator would, with the deployment's variables; its standard output."""

    def run(script: str, **variables: str) -> str:
        here = {name: os.environ[name] for name in ("HOME", "LANG") if name in os.environ}
        own = {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "BACKUP": str(tmp_path / "backup"),
            "STORE": str(tmp_path / "store"),
            "RESTORED_URL": restored_url,
            "DEBRIEF_DATABASE_URL": services.database.url.set(drivername="postgresql").render_as_string(
                hide_password=False
            ),
        }
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            env={**here, **environment(services.settings), **own, **variables},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        assert 0 == done.returncode, done.stderr
        return done.stdout

    return run


def hand_over(services: Services, number: int, consent: Consent | None = None) -> Manifest:
    """What the live agent leaves of an interview."""
    transcript = the_transcript(number)
    manifest = a_manifest(f"iv-{number}", transcript=transcript)
    manifest = manifest.model_copy(update={"consent": consent or Consent(status="granted", at=AT)})
    if services.store.get(manifest.transcript.key) is None:
        services.store.create(manifest.transcript.key, transcript.to_bytes())
    services.store.create(manifest_key(manifest.interview_id), manifest.to_bytes())
    return manifest


@pytest.fixture
def score(services: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Takes in what waits, and scores it in a run of that name, as reconciler and worker do."""
    monkeypatch.setenv(DRAIN_VARIABLE, str(tmp_path / "drain"))
    node = Node.build(services.settings)

    def go(name: str) -> None:
        tick(services)
        start(services, name)
        while work_through(node):
            pass
        tick(services)

    yield go
    node.services.close()
    node.heartbeat_database.close()


def test_older_dump_is_put_back(services, stub, shell, score, restored_url, tmp_path):
    """Found again, blocked again, verified: all of it with no model call, and every body equal to the byte.

    The store is lost too, and its copy is newer than the dump, as the guide has it.
    """
    stock(services.database)  # the rubric is known
    for number in (1, 2, 3):
        hand_over(services, number)
    score("first")
    shell(commands("backup"))
    for number in (4, 5):
        hand_over(services, number)
    hand_over(services, 3, Consent(status="withdrawn", at=AT + timedelta(hours=1)))
    score("second")
    before, judged = bodies(services), stub.calls["sections"]
    shell(commands("backup").replace("debrief.dump", "newer.dump"))  # of which only the store's copy is used
    shutil.rmtree(tmp_path / "store")
    shell(commands("store-lost"))

    shell(commands("restore"))
    verified = shell(commands("verify"), DEBRIEF_DATABASE_URL=restored_url)

    put_back = Services(settings=services.settings.model_copy(update={"database_url": SecretStr(restored_url)}))
    restored = put_back.database
    try:
        assert 15 == judged == stub.calls["sections"]
        assert {f"iv-{n}" for n in range(1, 6)} == set(before)
        assert before == bodies(put_back)
        states = rows(restored, "SELECT id, consent FROM interview ORDER BY id")
        assert [{"id": f"iv-{n}", "consent": "withdrawn" if n == 3 else "granted"} for n in range(1, 6)] == states
        calls = "SELECT sum((execution->>'model_calls')::int) AS n FROM scorecard WHERE interview_id > 'iv-3'"
        assert [{"n": 0}] == rows(restored, calls)
        assert 5 == verified.count("the same to the byte")
    finally:
        put_back.close()
