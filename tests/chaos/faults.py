"""What goes wrong, one function per fault; each returns when the fault is over, and says whether it fired."""

import contextlib
import random
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property, partial

import psutil
from redis import Redis
from sqlalchemy import text

from evaluator.adapters import store_from_url
from evaluator.adapters.celery_queue import KEY_PREFIX, QUEUE, CeleryHints
from evaluator.errors import DatabaseUnavailable
from evaluator.ports import ObjectStore
from evaluator.storage.database import Database
from evaluator.storage.runs import Judge, Selection, close_run_named, run_status, start_run
from evaluator.wiring import Services
from tests.chaos.fleet import Fleet, Member, patiently, remove_queue
from tests.chaos.planting import revise
from tests.chaos.worker_faults import FAILPOINTS, STORE_FAULTS
from tests.integration.workers.imds import NOTICE, REBALANCE, RECOMMENDED, TERMINATE

FIRES_WITHIN_S = 25.0  # an armed fault needs a worker that comes by
FREEZE_S = 3.0  # shorter than a lease; every other freeze of PostgreSQL is longer
DEADLINE_S = 0.05  # from a run's start: some of its rows are claimed by then
FORGERIES = (b"", b"\xff\x00", b"{}", b"[" * 10_000, b'{"body": 1, "headers": {"task": "os.system"}}', b'"text"')


@dataclass
class Chaos:
    """The fleet, chance, and when which outage was."""

    fleet: Fleet
    database: Database
    chance: random.Random
    run: str = ""  # the one that was started last
    batch: tuple[str, ...] = ()  # its interviews
    planted: frozenset[str] = frozenset()  # interviews that are no good
    revised: list[str] = field(default_factory=list)  # interviews whose transcript was uploaded again
    rescored: list[str] = field(default_factory=list)  # interviews that were asked for once more
    freezes: int = 0  # of PostgreSQL so far
    outages: list[tuple[float, float]] = field(default_factory=list)  # wall-clock seconds

    @contextmanager
    def outage(self) -> Iterator[None]:
        """A time in which nobody can be expected to take work over."""
        began = time.time()
        try:
            yield
        finally:
            self.outages.append((began, time.time() + 1.0))

    @cached_property
    def store(self) -> ObjectStore:
        """The fleet's object store."""
        return store_from_url(self.fleet.settings.store_url)

    def redis(self) -> Redis:
        """A client of the broker."""
        return Redis.from_url(self.fleet.valkey.url, socket_timeout=5)


def _living(members: list[Member]) -> list[Member]:
    return [member for member in members if member.alive()]


def _one(chaos: Chaos, members: list[Member], within_s: float = 15.0) -> Member | None:
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if living := _living(members):
            return chaos.chance.choice(living)
        time.sleep(0.1)
    return None


def _busy(chaos: Chaos, within_s: float = 2.0) -> Member | None:
    """A node that owns a row at this moment; any living one when none does for a while."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        with contextlib.suppress(DatabaseUnavailable), chaos.database.begin() as db:
            names = db.execute(text("SELECT worker FROM evaluation WHERE state = 'running'")).scalars().all()
            busy = [chaos.fleet.members[name.partition(":")[0]] for name in names if name]
            if living := _living(busy):
                return chaos.chance.choice(living)
        time.sleep(0.01)
    return _one(chaos, chaos.fleet.nodes)


def node_kill(chaos: Chaos) -> bool:
    """SIGKILL of a node's whole group: the machine is gone; every second time one that owns a row is looked for."""
    node = _busy(chaos) if chaos.chance.random() < 0.5 else _one(chaos, chaos.fleet.nodes)
    if node is None:
        return False
    node.signal_group(signal.SIGKILL)
    return True


def child_kill(chaos: Chaos) -> bool:
    """SIGKILL of one prefork child."""
    deadline = time.monotonic() + FIRES_WITHIN_S
    while time.monotonic() < deadline:
        node = _one(chaos, chaos.fleet.nodes)
        children = node.children() if node else []
        if children:
            with contextlib.suppress(psutil.NoSuchProcess):
                chaos.chance.choice(children).kill()
                return True
        time.sleep(0.1)
    return False


def node_term(chaos: Chaos) -> bool:
    """SIGTERM of a node's main process, as a supervisor or Kubernetes does."""
    if (node := _busy(chaos)) is None:
        return False
    node.leaving = True
    with contextlib.suppress(ProcessLookupError, psutil.NoSuchProcess):
        psutil.Process(node.process.pid).terminate()
    return True


def zombie(chaos: Chaos) -> bool:
    """A node frozen until others own its rows, and woken up again."""
    if (node := _busy(chaos)) is None:
        return False
    settings = chaos.fleet.settings
    node.leaving = True
    node.signal_group(signal.SIGSTOP)
    time.sleep(settings.lease_s + settings.tick_s + 1.0)
    node.signal_group(signal.SIGCONT)
    node.leaving = False
    return True


def _told_by_imds(chaos: Chaos, path: str, body: bytes) -> bool:
    """The node's machine is announced to go, is asked about that, and goes two seconds later."""
    if (node := _one(chaos, chaos.fleet.nodes)) is None:
        return False
    imds = chaos.fleet.imds[node.name]
    asked = imds.calls[path]
    imds.bodies[path] = body
    node.leaving = True
    deadline = time.monotonic() + FIRES_WITHIN_S
    while imds.calls[path] == asked and time.monotonic() < deadline:
        time.sleep(0.1)
    heard = imds.calls[path] > asked
    time.sleep(2.0)
    node.signal_group(signal.SIGKILL)
    del imds.bodies[path]  # the next machine is another one
    return heard


def spot_notice(chaos: Chaos) -> bool:
    """EC2 takes the machine back."""
    return _told_by_imds(chaos, NOTICE, TERMINATE)


def rebalance(chaos: Chaos) -> bool:
    """EC2 is likely to take the machine back."""
    return _told_by_imds(chaos, REBALANCE, RECOMMENDED)


def run_stop(chaos: Chaos) -> bool:
    """The run that was started last is stopped, and another one takes its interviews over."""
    if not chaos.batch:
        return False
    patiently(partial(_stop_now, chaos))
    stopped = _closed_because(chaos, chaos.run) == "stopped"
    time.sleep(0.5)
    start(chaos, f"{chaos.run}-rest", chaos.batch)
    return stopped


def deadline(chaos: Chaos) -> bool:
    """The run that was started last ends by its deadline, and another one takes its interviews over."""
    if not chaos.batch:
        return False
    name, ids = f"{chaos.run}-late", chaos.batch
    patiently(partial(_stop_now, chaos))  # so that nothing else asks for its rows
    start(chaos, name, ids, deadline_s=DEADLINE_S)
    closed = _await(lambda: _closed_because(chaos, name) is not None)
    because = _closed_because(chaos, name)
    start(chaos, f"{name}-rest", ids)
    return closed and because == "deadline"


def _stop_now(chaos: Chaos) -> None:
    with chaos.database.begin() as db:
        close_run_named(db, chaos.run, because="stopped")


def _closed_because(chaos: Chaos, name: str) -> str | None:
    def ask() -> str | None:
        with chaos.database.begin() as db:
            return run_status(db, name).closed_because

    return patiently(ask)


def _await(holds: Callable[[], bool], within_s: float = FIRES_WITHIN_S) -> bool:
    until = time.monotonic() + within_s
    while not holds():
        if time.monotonic() > until:
            return False
        time.sleep(0.05)
    return True


def start(chaos: Chaos, name: str, ids: tuple[str, ...], *, deadline_s: float | None = None) -> None:
    """A run over these interviews."""

    def begin() -> None:
        at = None if deadline_s is None else datetime.now(UTC) + timedelta(seconds=deadline_s)
        with chaos.database.begin() as db:
            start_run(db, name=name, selection=Selection(interviews=ids), judge=_judge(chaos), deadline=at)

    if ids:
        patiently(begin)
        chaos.run, chaos.batch = name, ids


def _judge(chaos: Chaos) -> Judge:
    return Services(settings=chaos.fleet.settings).judge


def _rows(chaos: Chaos, query: str, **values: object) -> list[tuple]:
    def ask() -> list[tuple]:
        with chaos.database.begin() as db:
            return [tuple(row) for row in db.execute(text(query), values)]

    return patiently(ask)


def revision(chaos: Chaos) -> bool:
    """A transcript is uploaded again while its interview is judged; a run asks for whatever that leaves open."""
    sound = [i for i in chaos.batch if i not in chaos.planted and i not in (*chaos.revised, *chaos.rescored)]
    if not sound:
        return False
    under_way = "SELECT interview_id FROM evaluation WHERE interview_id = ANY(:ids) AND state IN ('pending', 'running')"
    found = [row[0] for row in _rows(chaos, under_way, ids=sound)]
    interview = chaos.chance.choice(sorted(found or sound))
    digest = revise(chaos.store, interview)
    chaos.revised.append(interview)
    known = "SELECT 1 FROM interview WHERE id = :id AND transcript_sha256 = :digest"
    taken_in = _await(lambda: bool(_rows(chaos, known, id=interview, digest=digest)))
    start(chaos, f"{chaos.run}-revised", (interview,))
    return taken_in


def rescore(chaos: Chaos) -> bool:
    """Two people ask at once for another judgement of an interview that has one, while others are judged."""
    done = "SELECT interview_id FROM evaluation GROUP BY 1 HAVING count(*) = 1 AND bool_and(state = 'done') ORDER BY 1"
    found: list[str] = []

    def anyone() -> bool:
        unfit = (*chaos.planted, *chaos.revised, *chaos.rescored)
        found[:] = [row[0] for row in _rows(chaos, done) if row[0] not in unfit]
        return bool(found)

    if not _await(anyone):
        return False
    interview = chaos.chance.choice(found)
    chaos.rescored.append(interview)
    selection = Selection(only="all", interviews=(interview,), rescore=True)

    def ask(number: int) -> None:
        with chaos.database.begin() as db:
            start_run(db, name=f"{chaos.run}-again-{number}", selection=selection, judge=_judge(chaos))

    with ThreadPoolExecutor(2) as pool:
        for asked in [pool.submit(patiently, partial(ask, number)) for number in (1, 2)]:
            asked.result()
    return True


def flushall(chaos: Chaos) -> bool:
    """The broker forgets everything."""
    with chaos.redis() as client:
        return bool(client.flushall())


def broker_kill(chaos: Chaos) -> bool:
    """The broker dies and comes back empty."""
    with chaos.outage():
        chaos.fleet.valkey.crash()
        remove_queue(chaos.fleet)
        time.sleep(0.5)
        chaos.fleet.valkey.up()
    return True


def broker_freeze(chaos: Chaos) -> bool:
    """The broker answers nothing for a while."""
    with chaos.outage(), chaos.fleet.valkey.frozen():
        time.sleep(FREEZE_S)
    return True


def database_crash(chaos: Chaos) -> bool:
    """PostgreSQL dies in mid-work and replays its log."""
    with chaos.outage():
        chaos.fleet.postgres.crash()
        time.sleep(0.5)
        chaos.fleet.postgres.up()
    return True


def database_freeze(chaos: Chaos) -> bool:
    """PostgreSQL answers nothing for a while, now shorter than a lease, now longer."""
    chaos.freezes += 1
    with chaos.outage(), chaos.fleet.postgres.frozen():
        time.sleep(FREEZE_S if chaos.freezes % 2 else chaos.fleet.settings.lease_s + 1.0)
    return True


def engine_kill(chaos: Chaos) -> bool:
    """The engine dies; its supervisor starts it again."""
    engine = chaos.fleet.engine
    with chaos.outage():
        starts = engine.starts
        engine.signal_group(signal.SIGKILL)
        deadline = time.monotonic() + 15
        while engine.starts == starts and time.monotonic() < deadline:
            time.sleep(0.1)
        time.sleep(0.5)
    return engine.starts > starts


def engine_hang(chaos: Chaos) -> bool:
    """The engine takes connections and answers none, for longer than a call may take."""
    engine = chaos.fleet.engine
    with chaos.outage():
        engine.signal_group(signal.SIGSTOP)
        time.sleep(chaos.fleet.settings.engine_timeout_s + 1.0)
        engine.signal_group(signal.SIGCONT)
    return True


def engine_500s(chaos: Chaos) -> bool:
    """Every completion answers 500 for a second and a half."""
    with chaos.outage():
        chaos.fleet.engine.signal_group(signal.SIGUSR1)
        time.sleep(2.0)
    return True


def reconciler_kill(chaos: Chaos) -> bool:
    """SIGKILL of one reconciler, wherever it is."""
    if (one := _one(chaos, chaos.fleet.reconcilers)) is None:
        return False
    one.signal_group(signal.SIGKILL)
    return True


def duplicate_hints(chaos: Chaos) -> bool:
    """Far more hints than there is work."""
    hints = CeleryHints(chaos.fleet.valkey.url)
    hints.send(40)
    hints.close()
    return True


def forged_hints(chaos: Chaos) -> bool:
    """Bytes on the queue that no one of ours has sent."""
    with chaos.redis() as client:
        client.lpush(f"{KEY_PREFIX}{QUEUE}", *FORGERIES)
    return True


def armed(name: str) -> Callable[[Chaos], bool]:
    """A fault inside a worker: armed by a file before the work begins, fired by the first child that comes by it."""

    def fire(chaos: Chaos) -> bool:
        trigger = chaos.fleet.folder / "armed" / name
        deadline = time.monotonic() + FIRES_WITHIN_S
        while trigger.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        fired = not trigger.exists()
        trigger.unlink(missing_ok=True)
        return fired

    return fire


def arm(chaos: Chaos, name: str) -> None:
    """Lays the trigger of a fault inside a worker; nothing for the others."""
    if name in (*FAILPOINTS, *STORE_FAULTS):
        (chaos.fleet.folder / "armed" / name).touch()


KILLS: dict[str, Callable[[Chaos], bool]] = {"node_kill": node_kill, "child_kill": child_kill, "node_term": node_term}
FAULTS: dict[str, Callable[[Chaos], bool]] = {
    **KILLS,
    "zombie": zombie,
    "run_stop": run_stop,
    "deadline": deadline,
    "revision": revision,
    "rescore": rescore,
    "spot_notice": spot_notice,
    "rebalance": rebalance,
    "flushall": flushall,
    "broker_kill": broker_kill,
    "broker_freeze": broker_freeze,
    "database_crash": database_crash,
    "database_freeze": database_freeze,
    "engine_kill": engine_kill,
    "engine_hang": engine_hang,
    "engine_500s": engine_500s,
    "reconciler_kill": reconciler_kill,
    "duplicate_hints": duplicate_hints,
    "forged_hints": forged_hints,
    **{name: armed(name) for name in (*FAILPOINTS, *STORE_FAULTS)},
}


def schedule(*, kills: int, seed: int) -> list[str]:
    """Every fault at least once, and of kills as many as asked for, in an order that the seed decides."""
    chance = random.Random(f"{seed}|schedule")
    planned = [name for name in FAULTS if name not in KILLS]
    planned += planned * (kills // 40)  # on a long run the others come again too
    some = [*KILLS, *chance.choices([*KILLS], weights=(5, 3, 2), k=max(0, kills - len(KILLS)))]
    planned += some
    chance.shuffle(planned)
    return planned
