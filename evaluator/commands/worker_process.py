"""A Celery worker as a supervised process of this command, ended with it however it ends."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from evaluator.commands.output import say
from evaluator.embedded.process import Launch, Place, Tenancy, bring_up
from evaluator.errors import DatabaseUnavailable
from evaluator.settings import Settings
from evaluator.storage.evaluations import alive
from evaluator.wiring import Services, environment

WORKER_READY_S = 60.0
HAND_BACK_S = 10.0  # after the soft shutdown, to hand back what it did not finish
_INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "VIRTUAL_ENV", "SSL_CERT_FILE")
_INHERITED_PREFIXES = ("AWS_", "OTEL_EXPORTER_OTLP_")  # the second: keys and certificates of a collector


def worker_command(slots: int) -> tuple[str, ...]:
    """The worker's command line; prefork is the only pool where time limits and soft shutdown work."""
    options = (
        "--pool=prefork",
        f"--concurrency={slots}",
        "--without-gossip",
        "--without-mingle",
        "--without-heartbeat",
    )
    # Quiet: its banner would stand between lines that machines read.
    celery = (sys.executable, "-m", "celery", "-A", "workers.app", "--quiet", "worker")
    return (*celery, *options, "--loglevel=INFO", "-Q", "hints")


def worker_environment(services: Services, inherited: dict[str, str]) -> dict[str, str]:
    """What the worker's process sees: the settings with their secrets, and what programs need to run."""
    kept = {k: v for k, v in inherited.items() if k in _INHERITED or k.startswith(_INHERITED_PREFIXES)}
    return {**kept, **environment(services.settings), "REMAP_SIGTERM": "SIGQUIT", "PYTHONUNBUFFERED": "1"}


def grace_s(settings: Settings) -> float:
    """How long a worker that was told to stop may take."""
    return settings.soft_shutdown_s + HAND_BACK_S


@dataclass(kw_only=True, slots=True)
class WorkerService:
    """The worker as the embedded supervisor runs things."""

    services: Services
    name: str
    inherited: dict[str, str]
    title: str = "worker"
    ready_within_s: float = WORKER_READY_S

    def prepare(self, run: object, progress: object) -> None:
        """Nothing: the database and the broker are ready."""

    def launch(self, port: int) -> Launch:  # noqa: ARG002  it opens no port
        """The worker under its guard."""
        return Launch(
            command=worker_command(self.services.settings.worker_slots),
            environment=worker_environment(self.services, self.inherited),
            folder=Path.cwd(),
            grace_s=grace_s(self.services.settings),
        )

    def answers(self, port: int) -> bool:  # noqa: ARG002
        """Whether a worker has said in the database that it lives."""
        try:
            with self.services.database.begin() as db:
                return alive(db, kind="worker", within_s=5.0) > 0
        except DatabaseUnavailable:
            return False


class _Progress:
    def stage(self, text: str) -> None:
        say(f"worker: {text}")

    def check(self) -> None:
        return None


@contextmanager
def worker(services: Services, home: Path, *, name: str, inherited: dict[str, str]) -> Iterator[Tenancy]:
    """A running worker; at the end it drains, hands back what it cannot finish, and is gone."""
    services.store.probe()
    service = WorkerService(services=services, name=name, inherited=inherited)
    tenancy = bring_up(service, home.absolute(), _Progress())
    say("worker: ready")
    try:
        yield tenancy
    finally:
        tenancy.let_go()
        if tenancy.await_end(grace_s(services.settings) + HAND_BACK_S):
            _tidy(tenancy.place)


def _tidy(place: Place) -> None:
    """A worker has a name of its own each time: what it leaves is its log, as the last one's."""
    place.log.replace(place.log.with_name("worker.log"))
    for file in (place.record, place.state, place.users, place.lock, place.last_port):
        file.unlink(missing_ok=True)
