"""What `/readyz` of the served pages asks: the services that this process was told of."""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from evaluator.errors import EngineUnavailable
from evaluator.wiring import Services
from migrations import history

if TYPE_CHECKING:
    from evaluator.adapters.engine_load import Found

JUDGE_WITHIN_S = 5.0  # more than a question waits: it is told apart from one that refuses


def checks(found: Services) -> dict[str, Callable[[], object]]:
    """Service -> what raises when it cannot be used. Broker and judge are left out where none is named."""
    settings = found.settings
    named: dict[str, Callable[[], object]] = {"database": lambda: history.require_tables(found.page_database)}
    if settings.broker_url is not None:
        named["broker"] = found.hints.length
    if settings.engine_url is not None and settings.model is not None:
        import evaluator.adapters.vllm  # noqa: F401  now, for a check has no time to import

        named["judge"] = lambda: asyncio.run(_judge(found))
    return named


def queue_length(found: Services) -> Callable[[], int] | None:
    """How many hints wait; None where no broker is named."""
    return found.hints.length if found.settings.broker_url is not None else None


def engine_load(found: Services) -> "Callable[[], Found] | None":
    """How busy the judge's engine is; None where none is named."""
    settings = found.settings
    if settings.engine_url is None:
        return None
    from evaluator.adapters.engine_load import EngineWatch

    key = settings.engine_api_key
    return EngineWatch(settings.engine_url, api_key=key.get_secret_value() if key else None).load


async def _judge(found: Services) -> None:
    """It serves the model that is pinned; over a connection of its own, as a check runs in a thread of its own."""
    engine = found.another_engine()
    try:
        async with asyncio.timeout(JUDGE_WITHIN_S):
            await engine.check(found.model)
    except TimeoutError:  # so that its thread is free for the next question
        raise EngineUnavailable("the judge's endpoint does not answer in time") from None
    finally:
        await engine.aclose()
