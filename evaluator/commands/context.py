"""The services that a command works with: those that the settings name, and the embedded ones for the rest."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from pydantic import SecretStr

from evaluator import embedded
from evaluator.commands.output import say
from evaluator.embedded import Part
from evaluator.embedded.demo_judge import SERVED_NAME
from evaluator.errors import UsageFault
from evaluator.settings import Settings, read_settings
from evaluator.wiring import Services, require_traces
from migrations import history

EMBEDDED_SOFT_SHUTDOWN_S = 5.0

_NAMED_BY = {
    Part.DATABASE: "database_url",
    Part.BROKER: "broker_url",
    Part.STORE: "store_url",
    Part.ENGINE: "engine_url",
}


@contextmanager
def services(*parts: Part, check_database: bool = True, settings: Settings | None = None) -> Iterator[Services]:
    """Services with these parts ready; what was started for this command is stopped at its end.

    An embedded database is brought to this version's migrations; any other is only checked. settings: those of
    services that are ready already, so that only further parts are started; the environment's by default.
    """
    settings = settings or read_settings()
    require_traces(settings)
    unset = embedded_parts(settings, parts)
    _refuse_another_judge(settings, unset)
    with embedded.start(settings.home, unset, say=say) as running:
        found = Services(settings=with_endpoints(settings, running.endpoints))
        try:
            if Part.DATABASE in unset:
                history.upgrade(found.database)
            elif Part.DATABASE in parts and check_database:
                history.require_head(found.database)
            yield found
        finally:
            found.close()


def embedded_parts(settings: Settings, parts: Iterable[Part]) -> frozenset[Part]:
    """Those of the parts that no variable names."""
    return frozenset(part for part in parts if getattr(settings, _NAMED_BY[part]) is None)


def _refuse_another_judge(settings: Settings, unset: frozenset[Part]) -> None:
    """UsageFault, before anything is started."""
    if Part.ENGINE in unset and settings.model not in (None, SERVED_NAME):
        raise UsageFault(
            f"DEBRIEF_MODEL is {settings.model}, and the embedded engine serves only {SERVED_NAME}: set "
            "DEBRIEF_ENGINE_URL to the engine that serves it, or unset DEBRIEF_MODEL"
        )
    if Part.ENGINE in unset and settings.temperature > 0:
        raise UsageFault(
            f"DEBRIEF_TEMPERATURE is {settings.temperature:g}: the embedded engine (vLLM's CPU build) crashes on seeded"
            " sampling above 0; unset it, or set DEBRIEF_ENGINE_URL and DEBRIEF_MODEL to an engine of yours"
        )


def with_endpoints(settings: Settings, endpoints: embedded.Endpoints) -> Settings:
    """The settings with what is embedded filled in."""
    update: dict[str, object] = {}
    if endpoints.database_url is not None:
        update["database_url"] = SecretStr(endpoints.database_url)
    if endpoints.broker_url is not None:
        update |= {"broker_url": SecretStr(endpoints.broker_url), "soft_shutdown_s": EMBEDDED_SOFT_SHUTDOWN_S}
    if endpoints.store_url is not None:
        update["store_url"] = endpoints.store_url
    if settings.engine_url is None and (settings.model is None or endpoints.engine_url is not None):
        update["model"] = SERVED_NAME
    if endpoints.engine_url is not None:
        update |= {
            "engine_url": endpoints.engine_url,
            "engine_api_key": SecretStr(endpoints.engine_api_key or ""),
            "tokenizer": endpoints.tokenizer,
        }
    return settings.model_copy(update=update)
