"""Sends what webhooks are told: a reconciler's step, at its own pace beside the rest, as receivers may be slow.

Claiming is one short transaction under the step's lock; sending happens outside of it, several at once; each try's end
is written as soon as it is known. Killed in between, a message is sent again later under the same id.
"""

import asyncio
import time
import weakref
from collections import Counter
from collections.abc import Sequence

from sqlalchemy import Connection

from evaluator.adapters.webhooks import WebhookSender
from evaluator.notices import Outcome
from evaluator.storage.database import Database, clock
from evaluator.storage.digests import announce_digests
from evaluator.storage.locks import try_lock
from evaluator.storage.webhooks import Claimed, announce_requisitions, claim_due, give_up
from evaluator.telling import deliver, digest_day
from evaluator.values import Frozen
from evaluator.wiring import Services

BATCH_MAX = 16  # messages of one step, all sent at once, so that it lasts as long as the slowest of them
EACH_MAX = 8  # of them to one webhook
DIGEST_EVERY_S = 300.0  # a look for digests counts all that waits: not with each step

_digest_looks: weakref.WeakKeyDictionary[Database, float] = weakref.WeakKeyDictionary()  # when the next one is


class NoticesReport(Frozen):
    """What one step did; one that another reconciler holds does nothing."""

    told: int = 0  # requisitions that have become ready, for each webhook
    digests: int = 0
    delivered: int = 0
    failed: int = 0  # tries


def send_notices(services: Services) -> NoticesReport:
    """Tells of requisitions that have become ready, and sends what is due; Unavailable, UsageFault for a setting."""
    with services.database.begin() as db:
        if not try_lock(db, "notices"):
            return NoticesReport()
        give_up(db)
        told, digests = announce_requisitions(db), _digests(services, db)
        claims = claim_due(db, most=BATCH_MAX, each=EACH_MAX)
        if not claims:
            return NoticesReport(told=told, digests=digests)
        sender = services.webhooks  # before the claims stand: a faulty setting must not cost a try
    outcomes = asyncio.run(_send_all(services.database, sender, claims))
    ends = Counter(outcome.error is None for outcome in outcomes)
    return NoticesReport(told=told, digests=digests, delivered=ends[True], failed=ends[False])


def _digests(services: Services, db: Connection) -> int:
    """Writes the day's digests from their hour on, as soon as there is something new; looks now and then."""
    if time.monotonic() < _digest_looks.get(services.database, 0.0):
        return 0
    _digest_looks[services.database] = time.monotonic() + DIGEST_EVERY_S
    day = digest_day(clock(db), services.settings.digest_at)
    return announce_digests(db, day=day, web_url=services.settings.web_url) if day else 0


async def _send_all(database: Database, sender: WebhookSender, claims: Sequence[Claimed]) -> list[Outcome]:
    return list(await asyncio.gather(*(deliver(database, sender, claimed) for claimed in claims)))
