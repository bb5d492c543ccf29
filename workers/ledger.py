"""What this worker's life costs: from when it is paid for, at which prices, and whether it can score yet."""

import os
import time
import uuid
from pathlib import Path

from evaluator.costs.money import Prices
from evaluator.settings import Settings
from evaluator.storage.node_sessions import NodeSession

SESSION_VARIABLE = "DEBRIEF_NODE_SESSION"  # set by the main process before it forks


def begin_session() -> str:
    """A name for this worker's life, told to the processes that this one forks."""
    session_id = uuid.uuid4().hex
    os.environ[SESSION_VARIABLE] = session_id
    return session_id


def session_of_worker() -> str | None:
    """The life of the worker that this process belongs to; None outside of one."""
    return os.environ.get(SESSION_VARIABLE)


def node_session(settings: Settings, *, session_id: str, node: str, slots: int) -> NodeSession:
    """This worker's life in the accounts; its main process is the one that asks."""
    return NodeSession(
        id=session_id,
        name=f"{node}:{os.getpid()}",
        node=node,
        model=settings.model or "",
        slots=slots,
        billed_from=settings.node_billed_from,
        prices=prices_of(settings),
        price_source=settings.price_source,
    )


def prices_of(settings: Settings) -> Prices:
    """What is paid now."""
    return Prices(
        node_hour=settings.node_hour_price,
        prompt=settings.prompt_price,
        cached=settings.cached_price,
        completion=settings.completion_price,
        currency=settings.currency,
    )


def paid_for_s(settings: Settings) -> float:
    """For how many seconds this worker has been paid for: since its machine's boot, or since its process began."""
    up_s = time.clock_gettime(time.CLOCK_BOOTTIME)
    return up_s if settings.node_billed_from == "boot" else up_s - _began_s()


def _began_s() -> float:
    """When this process began, in seconds after the boot; its imports took time, too."""
    # The name may hold blanks and brackets; the fields begin after the last bracket, and the 22nd is the start.
    fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    return int(fields[19]) / os.sysconf("SC_CLK_TCK")
