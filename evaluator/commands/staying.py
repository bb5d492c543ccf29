"""`debrief up`, `serve`, `worker`, `reconcile`: the parts that stay."""

import os
import shlex
import signal
import threading
from typing import Annotated

import typer

from evaluator.commands.config import redacted
from evaluator.commands.context import embedded_parts, services
from evaluator.commands.health import check_alive, check_ready
from evaluator.commands.output import out, put, put_json, say, warn
from evaluator.commands.pages import pages_of
from evaluator.commands.worker_process import worker, worker_command, worker_environment
from evaluator.embedded import Part
from evaluator.errors import EmbeddedFailed
from evaluator.settings import Settings, read_settings
from evaluator.wiring import Services, environment, require_traces
from migrations import history
from workers.reconcile import run_forever, tick

SERVICE_VARIABLES = (
    "DEBRIEF_DATABASE_URL",
    "DEBRIEF_BROKER_URL",
    "DEBRIEF_STORE_URL",
    "DEBRIEF_ENGINE_URL",
    "DEBRIEF_ENGINE_API_KEY",
    "DEBRIEF_MODEL",
    "DEBRIEF_TOKENIZER",
)


def up(
    engine: Annotated[bool, typer.Option(help="also load the judge's engine")] = True,
) -> None:
    """Keep the embedded services running until Ctrl-C, and print the variables that name them."""
    from evaluator import embedded
    from evaluator.commands.context import with_endpoints

    settings = read_settings()
    parts = (Part.DATABASE, Part.BROKER, Part.STORE, *((Part.ENGINE,) if engine else ()))
    with embedded.start(settings.home, embedded_parts(settings, parts), say=say) as running:
        found = Services(settings=with_endpoints(settings, running.endpoints))
        history.upgrade(found.database)
        values = environment(found.settings)
        found.close()
        chosen = {name: values[name] for name in SERVICE_VARIABLES if name in values}
        if out.json:
            put_json(chosen)
        else:
            for name, value in chosen.items():
                put(f"export {name}={shlex.quote(value)}")
        say("Running. Other debrief commands in this folder use these services by themselves; Ctrl-C stops them.")
        dead = running.wait()
    raise EmbeddedFailed(f"a service ended by itself: {dead}")


def serve(
    host: Annotated[str | None, typer.Option(help="beyond loopback only with a login provider")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65_535, help="0 takes a free one")] = None,
    check: Annotated[bool, typer.Option("--check", help="only tell whether the pages served here are ready")] = False,
) -> None:
    """Serve the pages until Ctrl-C."""
    from evaluator.commands.login import announce
    from evaluator.web.identity import access_of
    from evaluator.web.serving import refuse_open
    from evaluator.web.serving import serve as serve_app

    settings = read_settings()
    if check:
        check_ready(settings)
        return
    access, host = access_of(settings), settings.web_host if host is None else host
    refuse_open(host, access)  # before anything is started for it
    with services(Part.DATABASE, Part.STORE, check_database=False) as found:
        history.require_tables(found.database)  # a newer version may have added to them
        _show_config(found.settings)
        serve_app(
            pages_of(found, access),
            host,
            port if port is not None else settings.web_port,
            on_ready=lambda url: announce(found, access, url),
        )


def worker_command_line(
    check: Annotated[bool, typer.Option("--check", help="only tell whether this machine's worker lives")] = False,
) -> None:
    """Run a Celery worker until it is told to stop; it drains first."""
    settings = read_settings()
    if check:
        check_alive(settings, "worker")
        return
    if not embedded_parts(settings, tuple(Part)):
        require_traces(settings)
        found = Services(settings=settings)
        history.require_head(found.database)
        found.store.probe()
        _show_config(settings)
        environ = {**os.environ, **worker_environment(found, dict(os.environ))}
        command = worker_command(settings.worker_slots)
        os.execve(command[0], command, environ)  # noqa: S606  the worker takes this process's place, and its signals
    with services(*tuple(Part)) as found:
        _show_config(found.settings)
        with worker(found, settings.home, name=f"worker-{os.getpid()}", inherited=dict(os.environ)) as tenancy:
            say(f"worker: its log is {tenancy.place.log}; Ctrl-C drains and stops it")
            while tenancy.alive():
                threading.Event().wait(0.5)
    raise EmbeddedFailed("the worker ended by itself; its log says why")


def reconcile(
    once: Annotated[bool, typer.Option("--once", help="one tick, for cron")] = False,
    check: Annotated[bool, typer.Option("--check", help="only tell whether this machine's reconciler lives")] = False,
) -> None:
    """Expire leases, top up hints, close runs and take in the inbox; any number may run."""
    if check:
        check_alive(read_settings(), "reconciler")
        return
    with services(Part.DATABASE, Part.BROKER, Part.STORE) as found:
        if once:
            report = tick(found)
            put_json(report) if out.json else put(f"tick: {report.model_dump_json(exclude_defaults=True)}")
            if report.failed:
                warn(f"not done, a dependency is unavailable: {', '.join(report.failed)}")
                raise typer.Exit(4)
            return
        _show_config(found.settings)
        stop = threading.Event()
        signal.signal(signal.SIGTERM, lambda *_: stop.set())  # the tick in hand is finished
        run_forever(found, stop)


def _show_config(settings: Settings) -> None:
    """What is in force and not the default; all of it with --verbose. Secrets are hidden."""
    usual = redacted(Settings.model_construct())
    for name, value in redacted(settings).items():
        if value is not None and (out.verbose or value != usual[name]):
            say(f"{name}={value}")
