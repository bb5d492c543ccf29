"""`debrief doctor`: looks at each part, and says what to do about what is wrong."""

import asyncio
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import typer
from sqlalchemy import text

from evaluator import embedded
from evaluator.commands.context import embedded_parts
from evaluator.commands.output import out, put, put_json
from evaluator.embedded import Part, engine
from evaluator.embedded.memory import gpus_here
from evaluator.errors import DebriefError, EmbeddedFailed, UsageFault
from evaluator.planning.fit import Fit, Serving, fit
from evaluator.planning.gpus import GB
from evaluator.planning.precisions import precision_of
from evaluator.planning.shape import known_shape
from evaluator.settings import Settings, read_settings
from evaluator.storage.database import is_protected
from evaluator.storage.evaluations import alive
from evaluator.storage.interviews import rejection_count
from evaluator.storage.tables import APP_ROLE
from evaluator.wiring import Services, rubric_library
from migrations import history

DISK_FREE_MIN_BYTES = 2 * 1024**3
CLOCK_SKEW_MAX_S = 5.0
LOOPBACK_HOSTS = frozenset({"127.0.0.1", "localhost", "::1"})
MARKS = {"ok": "✔", "note": "·", "problem": "✘"}

State = Literal["ok", "note", "problem"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """What was found of one part."""

    part: str
    state: State
    detail: str
    remedy: str | None = None
    exit_code: int = 0


def doctor() -> None:
    """Check settings, rubrics, disk, login, database, broker, store and judge; starts nothing."""
    findings = list(_findings(read_settings()))
    code = max((f.exit_code for f in findings if f.state == "problem"), default=0)
    if out.json:
        put_json([{"part": f.part, "state": f.state, "detail": f.detail, "remedy": f.remedy} for f in findings])
    else:
        for f in findings:
            put(f"{MARKS[f.state]} {f.part:<9} {f.detail}")
            if f.remedy:
                put(f"            {f.remedy}")
    if code:
        raise typer.Exit(code)


def _findings(settings: Settings) -> Iterator[Finding]:
    yield from _rubrics(settings)
    yield _disk(settings.home)
    yield _login(settings)
    unset = embedded_parts(settings, tuple(Part))
    if unset:
        yield from _embedded(settings.home, unset)
    yield from _memory(settings)
    services = Services(settings=settings)
    checks: tuple[tuple[Part, str, Callable[[Services], str]], ...] = (
        (Part.DATABASE, "database", _database),
        (Part.BROKER, "broker", _broker),
        (Part.STORE, "store", _store),
        (Part.ENGINE, "judge", _engine),
    )
    for part, name, check in checks:
        if part not in unset:
            yield _checked(name, check, services)
            if part is Part.DATABASE:
                yield from _unprotected(services)
    services.close()


def _checked(name: str, check: Callable[[Services], str], services: Services) -> Finding:
    try:
        return Finding(part=name, state="ok", detail=check(services))
    except DebriefError as error:
        return Finding(part=name, state="problem", detail=str(error), exit_code=error.exit_code)


def _rubrics(settings: Settings) -> Iterator[Finding]:
    known = rubric_library(settings)
    yield Finding(part="rubrics", state="ok", detail=", ".join(e.rubric.ref for e in known.entries))
    for fault in known.faults:
        remedy = "mend the file; see: debrief rubric lint FILE"
        yield Finding(part="rubrics", state="problem", detail=str(fault), remedy=remedy, exit_code=UsageFault.exit_code)


def _disk(home: Path) -> Finding:
    folder = home.absolute()
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    detail = f"{free / 1024**3:.1f} GiB free at {home}"
    if free < DISK_FREE_MIN_BYTES:
        remedy = "free some space, or set DEBRIEF_HOME to a folder on another disk"
        return Finding(part="disk", state="problem", detail=detail, remedy=remedy, exit_code=EmbeddedFailed.exit_code)
    return Finding(part="disk", state="ok", detail=detail)


def _memory(settings: Settings) -> Iterator[Finding]:
    """Whether the judge fits into this machine, where it is to run here and both are known."""
    here = urlsplit(settings.engine_url or "").hostname in LOOPBACK_HOSTS
    if settings.engine_url is None:
        found = engine.room()
        if found is not None:
            yield _fit_finding(found, "free some memory, or set DEBRIEF_ENGINE_URL to an endpoint elsewhere")
        return
    shape = known_shape(settings.model or "") if here else None
    gpus = gpus_here() if shape else None
    if shape and gpus:
        serving = Serving(precision=precision_of(settings.model or "", None, None), context=settings.context_tokens)
        yield _fit_finding(fit(shape, serving, gpus), f"see what does: debrief engine fit --model {shape.name}")


def _fit_finding(found: Fit, remedy: str) -> Finding:
    needed, has = (f"{size / GB:.1f} GB" for size in (found.needed, found.available))
    detail = f"{found.shape.name} needs {needed}, {has} are there for it ({found.gpus.chip})"
    # A note: an engine that runs already has shown more than a sum does.
    if found.fits:
        return Finding(part="memory", state="ok", detail=detail)
    return Finding(part="memory", state="note", detail=detail, remedy=remedy)


def _login(settings: Settings) -> Finding:
    """How people would come in to the pages, and whether their provider answers."""
    from evaluator.web.identity import access_of
    from evaluator.web.oidc import OpenIdLogin
    from evaluator.web.serving import refuse_open

    try:
        access = access_of(settings)
        refuse_open(settings.web_host, access)
        if access.provider is None or access.web_url is None:
            return Finding(part="login", state="ok", detail="one machine: pages on loopback, links by `debrief login`")
        OpenIdLogin(access.provider, access.web_url).check()
    except DebriefError as error:
        return Finding(part="login", state="problem", detail=str(error), exit_code=error.exit_code)
    return Finding(part="login", state="ok", detail=f"{access.provider.issuer} answers; pages at {access.web_url}")


def _embedded(home: Path, parts: frozenset[Part]) -> Iterator[Finding]:
    for report in embedded.check(home):
        if report.part not in parts:
            continue
        if report.part is Part.STORE:  # nothing has to run for it
            yield Finding(part="store", state="ok", detail=f"embedded, {report.detail}")
            continue
        version = f" {report.version}" if report.version else ""
        missing = report.state == "missing"
        yield Finding(
            part=report.part.value,
            state="problem" if missing else "ok" if report.state == "running" else "note",
            detail=f"embedded{version}, {report.state}: {report.detail}",
            remedy=report.remedy,
            exit_code=EmbeddedFailed.exit_code if missing else 0,
        )


def _database(services: Services) -> str:
    history.require_head(services.database)
    with services.database.begin() as db:
        skew = float(
            db.execute(text("SELECT abs(extract(epoch FROM clock_timestamp()) - :now)"), {"now": _now()}).scalar_one()
        )
        workers = alive(db, kind="worker", within_s=30.0)
        refused = rejection_count(db)
    if skew > CLOCK_SKEW_MAX_S:
        raise UsageFault(
            f"this machine's clock is {skew:.0f} s off the database's; set it (only the database's counts)"
        )
    return (
        f"{services.database.where} at migration {history.head()}, {workers} workers alive, "
        f"{refused} objects refused by intake"
    )


def _unprotected(services: Services) -> Iterator[Finding]:
    """Says so where the product could change what is append-only; an unusable database was reported already."""
    try:
        with services.database.begin() as db:
            protected = is_protected(db)
    except DebriefError:
        return
    if not protected:
        detail = "the product's database user could change scorecards, people's records and the audit log"
        remedy = f"let it be a member of the role {APP_ROLE}, then run: debrief db upgrade (docs/people.md)"
        yield Finding(part="rights", state="note", detail=detail, remedy=remedy)


def _now() -> float:
    import time

    return time.time()


def _broker(services: Services) -> str:
    return f"{services.hints.where} answers, {services.hints.length()} hints wait"


def _store(services: Services) -> str:
    services.store.probe()
    return f"{services.settings.store_url} honours create-only writes"


def _engine(services: Services) -> str:
    async def check() -> str:
        engine = services.engine
        try:
            await engine.check(services.model)
            await engine.warm_up((), services.model)
            probabilities = f"level probabilities: {engine.level_probabilities}"
            return f"{services.settings.engine_url} serves {services.model}; {probabilities}"
        finally:
            await engine.aclose()

    return asyncio.run(check())
