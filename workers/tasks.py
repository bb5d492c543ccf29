"""The one task: there is work somewhere; which, the database says."""

import logging

from evaluator.adapters.celery_queue import TASK
from evaluator.errors import BrokerUnavailable
from evaluator.settings import read_settings
from workers.app import app
from workers.node import Node
from workers.scoring import ROWS_PER_HINT, work_through

log = logging.getLogger(__name__)

_node: list[Node] = []  # one per process, built at the first hint: after the fork


def _own_node() -> Node:
    if not _node:
        _node.append(Node.build(read_settings()))
    return _node[0]


@app.task(name=TASK)
def score(schema: int = 1) -> None:
    """Scores due rows; a hint that finds none is no error. `schema` is the hint's version."""
    node = _own_node()
    if not node.claiming():
        return
    claimed = work_through(node)
    log.debug("hint of schema %d: %d rows", schema, claimed)
    if claimed == ROWS_PER_HINT and node.claiming():
        _go_on(node)


def _go_on(node: Node) -> None:
    """Asks for another task where none waits, best effort: else this slot would be idle until the next top-up."""
    try:
        if node.services.hints.length() == 0:
            node.services.hints.send(1)
    except BrokerUnavailable as error:
        log.warning("no further hint: %s", error)
