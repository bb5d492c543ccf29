"""The ledger of what is paid for: each worker's life, from when its machine costs money to when it was last seen.

Only the database's clock counts: a worker says how long ago something was, never when.
"""

from typing import Literal

from sqlalchemy import Connection, func, text

from evaluator.costs.money import Prices
from evaluator.storage.tables import node_session
from evaluator.values import Frozen

BilledFrom = Literal["worker", "boot"]


class NodeSession(Frozen):
    """One worker's life on one machine, and what that costs."""

    id: str
    name: str  # of its main process, as in `node`
    node: str  # the machine
    model: str
    slots: int  # interviews that it scores at once
    billed_from: BilledFrom = "worker"
    prices: Prices = Prices()
    price_source: str = ""


# A machine that is paid from its boot is paid once: what an earlier worker's life there covers is not counted again.
_NOTE = text(
    """
    INSERT INTO node_session (id, name, node, model, slots, billed_from, started_at, ready_at, seen_at, settled_until,
        node_hour_price, prompt_price, cached_price, completion_price, currency, price_source)
    SELECT :id, :name, :node, :model, :slots, :billed_from, began.at, CASE WHEN :ready THEN clock.now END, clock.now,
        began.at, :node_hour, :prompt, :cached, :completion, :currency, :price_source
    FROM (SELECT clock_timestamp() AS now) clock CROSS JOIN LATERAL (SELECT greatest(
        clock.now - make_interval(secs => :age_s),
        (SELECT max(coalesce(s.ended_at, s.seen_at)) FROM node_session s
         WHERE cast(:billed_from AS text) = 'boot' AND s.node = :node AND s.id <> :id)) AS at) began
    ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at,
        ready_at = coalesce(node_session.ready_at, excluded.ready_at)
    """
)


def note_alive(db: Connection, session: NodeSession, *, age_s: float, ready: bool) -> None:
    """The worker lives. age_s: for how long it has been paid for; ready: it can score from now on."""
    values = session.model_dump(exclude={"prices"}) | session.prices.model_dump()
    db.execute(_NOTE, {**values, "age_s": age_s, "ready": ready})


def note_end(db: Connection, session_id: str) -> None:
    """The worker ends now; a killed one never says so, and ended when it was last seen."""
    now = func.clock_timestamp()
    db.execute(node_session.update().where(node_session.c.id == session_id).values(seen_at=now, ended_at=now))
