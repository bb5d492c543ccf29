"""The room that benches measure in: every part real and started as the product starts it, each under its guard.

However a bench ends, its guards see the locks dropped and leave no process behind.
"""

import json
import os
import shutil
import socket
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from pydantic import SecretStr
from sqlalchemy import text

from evaluator import embedded
from evaluator.commands.worker_process import WorkerService, grace_s, worker_environment
from evaluator.embedded import Part, demo_judge
from evaluator.embedded.process import Launch, Place, Tenancy, bring_up
from evaluator.embedded.services import make_home
from evaluator.intake import intake
from evaluator.ports import ObjectStore
from evaluator.settings import Settings
from evaluator.storage.evaluations import alive
from evaluator.storage.runs import Selection, run_status, start_run
from evaluator.wiring import Services
from migrations import history
from tests.bench import planted
from tests.bench.processes import Meter
from tests.bench.reporting import ROOT, say
from tests.bench.stub import MODEL

END_S = 60.0
READY_S = 90.0
POLL_S = 0.25
STALLED_S = 300.0  # without one more interview done: then the bench gives up

# `debrief` of the very tree that this file stands in.
DEBRIEF = (sys.executable, "-c", "import sys; from evaluator.cli import main; sys.exit(main())")

# Whose CPU time orchestration is: everything but the engine, and the bench itself.
ORCHESTRATION = ("worker children", "worker main", "reconciler", "postgres", "valkey", "store", "web")


class Stuck(Exception):
    """Raised when the fleet does not go on."""


class Quiet:
    """A start's progress that nobody looks at."""

    def stage(self, text: str) -> None:
        """Says nothing."""

    def check(self) -> None:
        """Never gives up."""


@dataclass(kw_only=True)
class Program:
    """A command as the embedded supervisor runs things."""

    name: str
    command: Callable[[int], tuple[str, ...]]  # by its port
    environment: Mapping[str, str]
    ready: Callable[[int], bool]
    title: str = ""
    ready_within_s: float = READY_S

    def __post_init__(self) -> None:
        self.title = self.title or self.name

    def prepare(self, run: object, progress: object) -> None:
        """Nothing."""

    def launch(self, port: int) -> Launch:
        """The command under its guard."""
        return Launch(command=self.command(port), environment=self.environment, folder=ROOT)

    def answers(self, port: int) -> bool:
        """Whether it is ready."""
        return self.ready(port)


def listening(port: int) -> bool:
    """Whether somebody listens there."""
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def answering(path: str) -> Callable[[int], bool]:
    """Whether a server on that port answers 200 there."""

    def ask(port: int) -> bool:
        with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return bool(answer.status == 200)
        return False

    return ask


def service_pid(place: Place) -> int | None:
    """The first process of a service, by its guard's own record."""
    with suppress(OSError, ValueError, KeyError):
        return int(json.loads(place.state.read_text(encoding="ascii"))["service"]["pid"])
    return None


class Judging(Protocol):
    """An engine that a room can have: a service, and what the product must know of it."""

    name: str

    def fields(self, port: int) -> dict[str, Any]:
        """Settings that name it."""
        ...


def plain_environment() -> dict[str, str]:
    """What our own programs inherit: nothing of the product's settings, and bytecode may be written."""
    dropped = ("PYTHONDONTWRITEBYTECODE",)
    return {k: v for k, v in os.environ.items() if k not in dropped and not k.startswith("DEBRIEF_")}


@dataclass(kw_only=True)
class StubJudge(Program):
    """The stub engine as a process of its own."""

    name: str = "engine"
    command: Callable[[int], tuple[str, ...]] = field(default=lambda _: ())
    environment: Mapping[str, str] = field(default_factory=plain_environment)
    ready: Callable[[int], bool] = listening
    delay_ms: float = 0.0
    log: Path | None = None

    def launch(self, port: int) -> Launch:
        """`python -m tests.bench.stub`."""
        logged = ("--log", str(self.log)) if self.log else ()
        options = ("--port", str(port), "--delay-ms", str(self.delay_ms), *logged)
        command = (sys.executable, "-m", "tests.bench.stub", *options)
        return Launch(command=command, environment=self.environment, folder=ROOT)

    def fields(self, port: int) -> dict[str, Any]:
        """Its address and name; tokens are counted by a file, as with the embedded judge."""
        return {"engine_url": f"http://127.0.0.1:{port}/v1", "model": MODEL, "tokenizer": demo_judge.TOKENIZER}


@dataclass(frozen=True, kw_only=True)
class Job:
    """One run through the whole pipeline; times by the database's clock."""

    name: str
    interviews: int
    sections: int
    job_s: float  # from the opening of the run to the last interview's end
    first_claim_s: float  # of that, until the first interview was claimed
    counts: Mapping[str, int]

    @property
    def sections_per_s(self) -> float:
        """Throughput over the whole job."""
        return self.sections / self.job_s

    @property
    def working_s(self) -> float:
        """Without the wait for the first claim."""
        return self.job_s - self.first_claim_s

    @property
    def ended_well(self) -> int:
        """Interviews with a scorecard."""
        return sum(self.counts[state] for state in ("scored", "needs_review", "unscorable"))


@dataclass(kw_only=True)
class Room:
    """A running fleet."""

    home: Path
    settings: Settings
    services: Services  # the bench's own
    workers: list[str] = field(default_factory=list)  # names of their services
    leaders: dict[str, Callable[[], int | None]] = field(default_factory=dict)

    @property
    def meter(self) -> Meter:
        """CPU time by kind of process."""
        return Meter(self.leaders)

    @property
    def store(self) -> ObjectStore:
        """The object store."""
        return self.services.store

    def pid(self, name: str) -> int | None:
        """The first process of a service of this room."""
        return service_pid(Place(home=self.home, name=name))

    def take_in(self, said: list[planted.Said], *, count: int, requisition: str) -> None:
        """Plants interviews and takes them all in."""
        planted.plant(self.store, said, count=count, requisition=requisition)
        deadline = time.monotonic() + STALLED_S
        while (known := self._known(requisition)) < count:
            # Beside the reconciler, who does the same: whoever has the lock, so that nobody waits for a tick.
            if intake(self.services.database, self.store, self.services.find_rubric, wait=False).seen:
                deadline = time.monotonic() + STALLED_S
            elif time.monotonic() > deadline:
                raise Stuck(f"{known} of {count} interviews of {requisition} were taken in")
            else:
                time.sleep(POLL_S)

    def _known(self, requisition: str) -> int:
        query = "SELECT count(*) FROM interview WHERE requisition = :requisition"
        return int(self.ask(query, requisition=requisition)[0][0])

    def ask(self, query: str, **values: Any) -> list[Any]:
        """All rows of a query."""
        with self.services.database.begin() as db:
            return list(db.execute(text(query), values).all())

    def evaluations(self, name: str) -> list[tuple[str, str]]:
        """(interview id, evaluation key) of each evaluation that the run was for."""
        query = """
            SELECT e.interview_id, e.evaluation_key FROM run r JOIN run_member m ON m.run_id = r.id
            JOIN evaluation e ON e.id = m.evaluation_id WHERE r.name = :name AND m.skipped IS NULL
        """
        return [(row[0], row[1]) for row in self.ask(query, name=name)]

    def score(
        self,
        name: str,
        selection: Selection,
        *,
        look: Callable[[], None] = lambda: None,
        every_s: float = POLL_S,
    ) -> Job:
        """One run, from its opening to its last interview; `look` is called every so often meanwhile."""
        with self.services.database.begin() as db:
            start_run(db, name=name, selection=selection, judge=self.services.judge)
        run_id = self.ask("SELECT id FROM run WHERE name = :name", name=name)[0][0]
        self._await_end(run_id, look, every_s)
        return self._job(name, run_id)

    def _await_end(self, run_id: int, look: Callable[[], None], every_s: float) -> None:
        left, changed_at = -1, time.monotonic()
        while True:
            now = self.ask(_LEFT, run=run_id)[0][0]
            if now == 0:
                return
            if now != left:
                left, changed_at = now, time.monotonic()
            elif time.monotonic() - changed_at > STALLED_S:
                raise Stuck(f"run {run_id} stands still with {left} interviews left; logs: {self.home / 'log'}")
            look()
            time.sleep(every_s)

    def _job(self, name: str, run_id: int) -> Job:
        row = self.ask(_TIMES, run=run_id)[0]
        with self.services.database.begin() as db:
            counts = run_status(db, name).counts
        if row.job_s is None:
            raise Stuck(f"run {name}: not one scorecard was made: {counts}; logs: {self.home / 'log'}")
        return Job(
            name=name,
            interviews=counts.selected - counts.skipped,
            sections=int(row.sections),
            job_s=float(row.job_s),
            first_claim_s=float(row.first_claim_s),
            counts=counts.model_dump(),
        )


_LEFT = """
    SELECT count(*) FROM run_member m JOIN evaluation e ON e.id = m.evaluation_id
    WHERE m.run_id = :run AND m.skipped IS NULL AND e.state IN ('pending', 'running')
"""
_TIMES = """
    SELECT extract(epoch FROM max(v.at) FILTER (WHERE v.kind = 'done') - min(r.created_at)) AS job_s,
           extract(epoch FROM min(v.at) FILTER (WHERE v.kind = 'claimed') - min(r.created_at)) AS first_claim_s,
           count(*) FILTER (WHERE v.kind = 'section' AND v.detail ->> 'window' IS NULL) AS sections
    FROM run r JOIN run_member m ON m.run_id = r.id AND m.skipped IS NULL
    JOIN evaluation_event v ON v.evaluation_id = m.evaluation_id WHERE r.id = :run
"""


@contextmanager
def room(
    judge: Any, *, slots: int, store: str = "folder", web: bool = False, keep: bool = False, **fields: Any
) -> Iterator[Room]:
    """PostgreSQL, Valkey, store, engine, reconciler and worker, all ready; gone when the block ends.

    judge: a service with `fields(port)`, such as StubJudge. fields: further settings.
    """
    folder = Path(tempfile.mkdtemp(prefix="debrief-bench-"))
    try:
        with ExitStack() as stack:
            yield _furnished(stack, folder, judge, slots=slots, store=store, web=web, fields=fields)
    except BaseException:
        _show_logs(folder / "home" / "log")
        raise
    finally:
        if keep:
            say(f"kept: {folder}")
        else:
            shutil.rmtree(folder, ignore_errors=True)


def _furnished(
    stack: ExitStack, folder: Path, judge: Any, *, slots: int, store: str, web: bool, fields: Mapping[str, Any]
) -> Room:
    home = make_home(folder / "home")
    judge.home = home
    say(f"starting PostgreSQL, Valkey, {judge.title} and the fleet in {folder}")
    running = stack.enter_context(
        embedded.start(home, frozenset({Part.DATABASE, Part.BROKER, Part.STORE}), say=lambda _: None)
    )
    engine = stack.enter_context(up(judge, home))
    url = running.endpoints.store_url
    if store == "moto":
        url, moto = stack.enter_context(_moto(home))
    known = {
        "home": home,
        "database_url": SecretStr(running.endpoints.database_url or ""),
        "broker_url": SecretStr(running.endpoints.broker_url or ""),
        "store_url": url,
        "worker_slots": slots,
        **judge.fields(engine.port),
        **fields,
    }
    settings = Settings(**known)
    services = Services(settings=settings)
    stack.callback(services.close)
    history.upgrade(services.database)
    made = Room(home=home, settings=settings, services=services)
    made.leaders = {name: lambda name=name: made.pid(name) for name in ("postgres", "valkey", judge.name)}
    if store == "moto":
        made.leaders["store"] = lambda: service_pid(moto.place)
    _staff(stack, made, web=web)
    return made


@contextmanager
def up(service: Any, home: Path) -> Iterator[Tenancy]:
    """A service, ready; gone when the block ends."""
    tenancy = bring_up(service, home, Quiet())
    try:
        yield tenancy
    finally:
        tenancy.let_go()
        if not tenancy.await_end(END_S):
            say(f"{tenancy.title} has not ended within {END_S:.0f} s; its guard goes on with that")


def _staff(stack: ExitStack, made: Room, *, web: bool) -> None:
    """Reconciler, worker and pages, as the product's own commands."""
    ours = {k: v for k, v in worker_environment(made.services, plain_environment()).items() if k != "REMAP_SIGTERM"}
    reconciler = Program(
        name="reconciler", command=lambda _: (*DEBRIEF, "reconcile"), environment=ours, ready=lambda _: _lives(made)
    )
    stack.enter_context(up(reconciler, made.home))
    made.leaders["reconciler"] = lambda: made.pid("reconciler")
    stack.enter_context(worker(made, "worker"))
    if web:
        pages = Program(
            name="web",
            command=lambda port: (*DEBRIEF, "serve", "--port", str(port)),
            environment=ours,
            ready=answering("/livez"),
        )
        stack.enter_context(up(pages, made.home))
        made.leaders["web"] = lambda: made.pid("web")


def _lives(made: Room) -> bool:
    with made.services.database.begin() as db:
        return alive(db, kind="reconciler", within_s=5.0) > 0


@contextmanager
def worker(made: Room, name: str) -> Iterator[Tenancy]:
    """One more worker of the product's, as `debrief worker` and `debrief run start` run it."""
    made.services.store.probe()
    service = WorkerService(services=made.services, name=name, inherited=plain_environment())
    tenancy = bring_up(service, made.home, Quiet())
    made.workers.append(name)
    made.leaders[name] = lambda: made.pid(name)
    try:
        yield tenancy
    finally:
        tenancy.let_go()
        tenancy.await_end(grace_s(made.settings) + END_S)


@contextmanager
def _moto(home: Path) -> Iterator[tuple[str, Tenancy]]:
    """S3 as moto speaks it, in a process of its own, with a new bucket."""
    import boto3

    os.environ.update(
        AWS_ACCESS_KEY_ID="bench",
        AWS_SECRET_ACCESS_KEY="bench",
        AWS_EC2_METADATA_DISABLED="true",
        AWS_CONFIG_FILE=os.devnull,
        AWS_SHARED_CREDENTIALS_FILE=os.devnull,
    )
    server = Program(
        name="moto",
        command=lambda port: (sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)),
        environment=plain_environment(),
        ready=listening,
    )
    with up(server, home) as tenancy:
        address = f"http://127.0.0.1:{tenancy.port}"
        boto3.client("s3", endpoint_url=address, region_name="us-east-1").create_bucket(Bucket="bench")
        yield f"s3://bench?endpoint={address}&region=us-east-1", tenancy


def _show_logs(folder: Path) -> None:
    """The end of each log, since the folder goes."""
    for log in sorted(folder.glob("*.log")):
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-15:]
        say(f"--- {log.name}")
        for line in lines:
            say(f"    {line[:300]}")
