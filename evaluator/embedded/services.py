"""Start the embedded services that a command needs, together, and let them go when it ends."""

import os
import secrets
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from types import FrameType, TracebackType
from typing import Self

from evaluator.embedded import engine, postgres, valkey
from evaluator.embedded.process import (
    INSTALL,
    POLL_S,
    Cancelled,
    Place,
    Service,
    Tenancy,
    bring_up,
    write_private,
)
from evaluator.errors import EmbeddedFailed

SAY_EVERY_S = 5.0  # while something starts, something is said
STOP_WAIT_S = 40.0  # above every service's grace period
WATCH_S = 0.5
SECRET_BYTES = 24
_FOLDERS = ("run", "log", "secrets", "cache", "models")

Say = Callable[[str], None]


class Part(Enum):
    """What can be started on this machine."""

    DATABASE = "postgres"
    BROKER = "valkey"
    STORE = "store"
    ENGINE = "engine"


@dataclass(frozen=True, kw_only=True, slots=True)
class Endpoints:
    """Where the started parts are; None for a part that was not asked for."""

    database_url: str | None = field(default=None, repr=False)  # SQLAlchemy's, with the psycopg driver
    broker_url: str | None = field(default=None, repr=False)
    store_url: str | None = None  # file:// with the folder's absolute path, percent-encoded
    engine_url: str | None = None  # OpenAI-compatible, with /v1
    engine_api_key: str | None = field(default=None, repr=False)
    model: str | None = None  # name@revision as the engine serves it
    tokenizer: Path | None = None  # the judge's tokenizer.json


class Running:
    """The parts that one command uses; a context manager that lets them go.

    A part stops when the last command that uses it has let it go, however that command ended.
    """

    def __init__(self, endpoints: Endpoints, tenancies: tuple[Tenancy, ...], say: Say) -> None:
        self.endpoints = endpoints
        self._tenancies = tenancies
        self._say = say

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def dead(self) -> str | None:
        """The title of a part that has ended by itself, with its log; None while all run."""
        for tenancy in self._tenancies:
            if not tenancy.alive():
                return f"{tenancy.title} (log: {tenancy.place.log})"
        return None

    def wait(self) -> str:
        """Blocks until a part ends by itself, and names it. Signals raise: KeyboardInterrupt, SystemExit(143)."""
        with _terminable():
            while True:
                if dead := self.dead():
                    return dead
                time.sleep(WATCH_S)

    def stop(self) -> None:
        """Let every part go, and wait until those that nobody else uses have gone. May be called twice."""
        tenancies, self._tenancies = self._tenancies, ()
        for tenancy in tenancies:  # all at once, then wait
            tenancy.let_go()
        for tenancy in tenancies:
            if not tenancy.await_end(STOP_WAIT_S):
                self._say(f"{tenancy.title}: left running, another debrief command uses it")


def start(home: Path, parts: frozenset[Part], *, say: Say) -> Running:
    """Start the parts, all at once, or join those that another command already runs on this data folder.

    `say` gets a line at each step and at least every 5 s. EmbeddedFailed names the part, the reason and the log;
    nothing is left running then, nor after Ctrl-C or SIGTERM at any moment.
    """
    home = make_home(home)
    store_url = _make_store(home).as_uri() if Part.STORE in parts else None
    services = _services(home, parts)
    starting = [_Starting(service, home) for service in services]
    with _terminable():
        try:
            _await_all(starting, say)
        except BaseException:
            _give_up(starting)
            raise
    tenancies = tuple(one.tenancy for one in starting if one.tenancy is not None)
    return Running(_endpoints(services, tenancies, store_url), tenancies, say)


def make_home(home: Path) -> Path:
    """The data folder with its sub-folders, absolute; EmbeddedFailed when it cannot be written."""
    if not sys.platform.startswith("linux"):
        raise EmbeddedFailed(
            "the embedded services need Linux. Set DEBRIEF_DATABASE_URL, DEBRIEF_BROKER_URL, DEBRIEF_STORE_URL and "
            "DEBRIEF_ENGINE_URL to services of yours"
        )
    home = home.absolute()
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        home.chmod(home.stat().st_mode & 0o700)  # its owner's only: transcripts and passwords lie here
        for name in _FOLDERS:
            (home / name).mkdir(mode=0o700, exist_ok=True)
        write_private(home / "run" / ".writable", "")
    except OSError as error:
        raise EmbeddedFailed(
            f"the data folder {home} cannot be written: {error.strerror}. "
            "Set DEBRIEF_HOME to a folder that you can write"
        ) from error
    return home


def secret(home: Path, name: str) -> str:
    """The random password or key of one service, made on first use; letters, digits, `-` and `_`."""
    path = home / "secrets" / name
    try:
        return path.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        pass
    aside = path.with_name(f".{name}.{os.getpid()}.{threading.get_ident()}")
    write_private(aside, secrets.token_urlsafe(SECRET_BYTES))
    try:
        os.link(aside, path)  # of two commands at once the first wins
    except FileExistsError:
        pass
    finally:
        aside.unlink()
    return path.read_text(encoding="ascii").strip()


def _make_store(home: Path) -> Path:
    folder = home / "store"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise EmbeddedFailed(f"the folder store {folder} cannot be made: {error.strerror}") from error
    return folder


def _services(home: Path, parts: frozenset[Part]) -> tuple[postgres.Postgres | valkey.Valkey | engine.Engine, ...]:
    services: list[postgres.Postgres | valkey.Valkey | engine.Engine] = []
    if Part.ENGINE in parts:  # the slowest first
        services.append(engine.Engine(home=home, api_key=secret(home, "engine")))
    if Part.DATABASE in parts:
        services.append(postgres.Postgres(home=home, password=secret(home, "postgres")))
    if Part.BROKER in parts:
        services.append(valkey.Valkey(home=home, password=secret(home, "valkey")))
    return tuple(services)


def _endpoints(
    services: Iterable[postgres.Postgres | valkey.Valkey | engine.Engine],
    tenancies: Iterable[Tenancy],
    store_url: str | None,
) -> Endpoints:
    ports = {tenancy.place.name: tenancy.port for tenancy in tenancies}
    database_url = broker_url = engine_url = key = model = tokenizer = None
    for service in services:
        url = service.url(ports[service.name])
        match service:
            case postgres.Postgres():
                database_url = url
            case valkey.Valkey():
                broker_url = url
            case engine.Engine():
                engine_url, key, model, tokenizer = url, service.api_key, service.model, service.tokenizer
    return Endpoints(
        database_url=database_url,
        broker_url=broker_url,
        store_url=store_url,
        engine_url=engine_url,
        engine_api_key=key,
        model=model,
        tokenizer=tokenizer,
    )


# ---------------------------------------------------------------- starting several at once


class _Starting:
    """One service being started in its own thread; its own Progress."""

    def __init__(self, service: Service, home: Path) -> None:
        self.service = service
        self.tenancy: Tenancy | None = None
        self.error: BaseException | None = None
        self._home = home
        self._stage = "starting"
        self._cancelled = threading.Event()
        self._began = time.monotonic()
        self._thread = threading.Thread(target=self._run, name=f"start-{service.name}", daemon=True)

    def begin(self) -> None:
        self._thread.start()

    @property
    def done(self) -> bool:
        return self.tenancy is not None or self.error is not None

    def line(self) -> str:
        """What to say about it now."""
        return f"{self.service.title}: {self._stage}"

    @property
    def elapsed_s(self) -> float:
        return time.monotonic() - self._began

    def stage(self, text: str) -> None:
        self._stage = text

    def check(self) -> None:
        if self._cancelled.is_set():
            raise Cancelled

    def cancel(self) -> None:
        self._cancelled.set()

    def join(self, timeout_s: float) -> None:
        if self._thread.ident is not None:
            self._thread.join(timeout_s)

    def _run(self) -> None:
        try:
            self.tenancy = bring_up(self.service, self._home, self)
        except BaseException as error:  # noqa: BLE001 - whatever it is, the starting command raises it
            self.error = error


def _await_all(starting: list[_Starting], say: Say) -> None:
    """Begin all, report while they start, and raise the first failure."""
    said: dict[str, str] = {}
    last = time.monotonic()
    for one in starting:
        one.begin()
    while True:
        done = all(one.done for one in starting)
        for one in starting:
            if one.error is not None:
                raise one.error
            line = f"{one.service.title}: {_ready(one)}" if one.tenancy is not None else one.line()
            if said.get(one.service.name) != line:
                said[one.service.name] = line
                say(line)
                last = time.monotonic()
        if done:
            return
        if time.monotonic() - last >= SAY_EVERY_S:
            last = time.monotonic()
            for one in starting:
                if not one.done:
                    say(f"{one.line()}, {one.elapsed_s:.0f} s")
        time.sleep(POLL_S)


def _ready(one: _Starting) -> str:
    return "ready" if one.tenancy and one.tenancy.started_here else "already running, used as it is"


def _give_up(starting: list[_Starting]) -> None:
    """Stop what has started and what is starting; a second Ctrl-C ends the wait, and the guards do it alone."""
    for one in starting:
        one.cancel()
    for one in starting:
        one.join(STOP_WAIT_S)
        if one.tenancy is not None:
            one.tenancy.let_go()
    for one in starting:
        if one.tenancy is not None:
            one.tenancy.await_end(STOP_WAIT_S)


@contextmanager
def _terminable() -> Iterator[None]:
    """SIGTERM as SystemExit(143) inside the block, so that clean-up runs; a handler of the caller's is kept."""
    in_main = threading.current_thread() is threading.main_thread()
    if not in_main or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return

    def leave(number: int, _frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


# ---------------------------------------------------------------- doctor


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """What `debrief doctor` tells about one embedded part."""

    part: Part
    state: str  # running | stopped | missing
    version: str | None
    detail: str
    remedy: str | None = None  # what to do, when something is to be done


def check(home: Path) -> list[Report]:
    """Each part's version, whether it runs on this data folder, and what to do; starts nothing, writes nothing."""
    home = home.absolute()
    server = valkey.find_server()
    database = next(iter(postgres.find_binaries()), None)
    return [
        _report(home, Part.DATABASE, database.version if database else None, "postgresql", "DEBRIEF_DATABASE_URL"),
        _report(home, Part.BROKER, valkey.version_of(server) if server else None, "redis-server", "DEBRIEF_BROKER_URL"),
        Report(part=Part.STORE, state="stopped", version=None, detail=f"a folder: {home / 'store'}"),
        _report(home, Part.ENGINE, engine.installed_version(), None, "DEBRIEF_ENGINE_URL"),
    ]


def _report(home: Path, part: Part, version: str | None, package: str | None, variable: str) -> Report:
    if version is None:
        apt = f", or apt-get install {package}" if package else ""
        remedy = f"{INSTALL}{apt}, or set {variable}"
        return Report(part=part, state="missing", version=None, detail="not installed", remedy=remedy)
    place = Place(home=home, name=part.value)
    port, guard = place.port(), place.guard()
    if port is None or guard is None:
        return Report(part=part, state="stopped", version=version, detail="started when a command needs it")
    return Report(part=part, state="running", version=version, detail=f"port {port}, guarded by process {guard[0]}")
