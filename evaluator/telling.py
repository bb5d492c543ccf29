"""Webhooks as people manage them, and one try of one message: the same for the command, the page and the reconciler."""

import asyncio
import logging
import secrets
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Protocol

from sqlalchemy import Connection

from evaluator.errors import Forbidden, Unavailable, UsageFault
from evaluator.nights import parse_time, zone_of
from evaluator.notices import SECRET_BYTES, Outcome, checked_events, headers, new_secret, spelled
from evaluator.people import Viewer
from evaluator.storage import audit
from evaluator.storage.database import Database
from evaluator.storage.webhooks import (
    Claimed,
    add_webhook,
    announce_test,
    begin_rotation,
    claim_one,
    end_rotation,
    find_delivery,
    find_webhook,
    record,
    redeliver,
    remove_webhook,
)
from evaluator.values import Frozen

log = logging.getLogger(__name__)


class Host(Protocol):
    """Where a webhook leads."""

    @property
    def host(self) -> str:
        """Its name."""
        ...


class Sender(Protocol):
    """What posts messages; it never raises for what a receiver does."""

    def target(self, url: str) -> Host:
        """The address that may be posted to; UsageFault."""
        ...

    async def post(self, url: str, *, headers: Mapping[str, str], body: bytes) -> Outcome:
        """One try."""
        ...


class Made(Frozen):
    """A webhook that was just made; the secret is shown now and never again."""

    id: int
    events: tuple[str, ...]
    secret: str

    def __repr__(self) -> str:
        return f"Made(id={self.id})"  # no secret in any log

    __str__ = __repr__


def add_hook(
    db: Connection, viewer: Viewer, sender: Sender, *, url: str, events: Sequence[str], requisition: str | None
) -> Made:
    """Makes a webhook. UsageFault: the address or an event; NotFound: the requisition; Conflict; Forbidden."""
    _check(viewer)
    wanted = checked_events(events, requisition=requisition)
    target = sender.target(url)
    secret = _new_secret()
    added = add_webhook(db, url=url, events=wanted, requisition=requisition, secret=secret, created_by=viewer.person_id)
    detail = {"host": target.host, "events": list(wanted)}
    audit.log(db, viewer, "webhook.add", f"webhook:{added}", requisition, detail)
    return Made(id=added, events=wanted, secret=secret)


def begin_test(db: Connection, viewer: Viewer, webhook_id: int) -> Claimed:
    """Claims the one try of a new test message. NotFound; Forbidden; Conflict: the webhook is not active."""
    _check(viewer)
    claimed = claim_one(db, announce_test(db, webhook_id, secrets.token_hex(8)))
    if claimed is None:  # removed meanwhile
        raise Unavailable(f"webhook {webhook_id} was changed just now; try again")
    audit.log(db, viewer, "webhook.test", f"webhook:{webhook_id}", find_webhook(db, webhook_id).requisition)
    return claimed


def begin_redelivery(db: Connection, viewer: Viewer, message: int) -> Claimed:
    """Claims the first try of a message from the beginning. NotFound; Forbidden; Conflict: not active."""
    _check(viewer)
    redeliver(db, message)
    claimed = claim_one(db, message)
    if claimed is None:
        raise Unavailable(f"message {message} was changed just now; try again")
    webhook_id = find_delivery(db, message).webhook_id
    audit.log(db, viewer, "webhook.redeliver", f"webhook:{webhook_id}", detail={"message": message})
    return claimed


def rotate(db: Connection, viewer: Viewer, webhook_id: int) -> str:
    """A new secret, which signs from here on beside the old one. NotFound; Forbidden; Conflict: one is under way."""
    _check(viewer)
    secret = _new_secret()
    begin_rotation(db, webhook_id, secret)
    audit.log(db, viewer, "webhook.rotate", f"webhook:{webhook_id}", detail={"end": False})
    return secret


def drop_old_secret(db: Connection, viewer: Viewer, webhook_id: int) -> bool:
    """Only the newest secret signs from here on; False when it was alone. NotFound; Forbidden."""
    _check(viewer)
    done = end_rotation(db, webhook_id)
    audit.log(db, viewer, "webhook.rotate", f"webhook:{webhook_id}", detail={"end": True})
    return done


def remove_hook(db: Connection, viewer: Viewer, webhook_id: int, *, shown: str) -> int:
    """Removes a webhook with its messages; how many of those were not delivered. NotFound; Forbidden.

    shown: its address without secrets, of which the host is logged.
    """
    _check(viewer)
    found = find_webhook(db, webhook_id)
    remove_webhook(db, webhook_id)
    host = shown.partition("://")[2].partition("/")[0]
    detail = {"host": host, "unsent": found.pending}
    audit.log(db, viewer, "webhook.remove", f"webhook:{webhook_id}", found.requisition, detail)
    return found.pending


def digest_day(now: datetime, digest_at: str) -> date | None:
    """The local date whose digest is due at this moment; None before its hour. digest_at: `07:00 Europe/Berlin`.

    By the local clock: a time that it leaps over is past where it lands. A message's id is of the date, so a time that
    it shows twice makes no second one.
    """
    at, _, zone = digest_at.strip().partition(" ")
    local = now.astimezone(zone_of(zone))
    return local.date() if local.time() >= parse_time(at) else None


async def deliver(database: Database, sender: Sender, claimed: Claimed) -> Outcome:
    """One try; what it came to is kept with the message."""
    outcome = await _post(sender, claimed)
    end = outcome.error or "delivered"
    log.info("webhook %d, message %d, try %d: %s", claimed.webhook_id, claimed.id, claimed.attempt, end)
    try:
        await asyncio.to_thread(_record, database, claimed, outcome)
    except Unavailable as error:  # it is sent again, and the receiver knows the id
        log.warning("webhook %d, message %d: not recorded: %s", claimed.webhook_id, claimed.id, error)
    return outcome


async def _post(sender: Sender, claimed: Claimed) -> Outcome:
    body = spelled(claimed.message.body)
    try:
        signed = headers(claimed.secrets, message_id=claimed.message.id, at=claimed.at, body=body)
    except UsageFault:  # changed by hand
        return Outcome(error="no_secret")
    return await sender.post(claimed.url, headers=signed, body=body)


def _record(database: Database, claimed: Claimed, outcome: Outcome) -> None:
    with database.begin() as db:
        record(db, claimed, outcome)


def _new_secret() -> str:
    return new_secret(secrets.token_bytes(SECRET_BYTES))


def _check(viewer: Viewer) -> None:
    if not viewer.may_globally("manage_webhooks"):
        raise Forbidden("only administrators manage webhooks")
