"""`debrief webhook`: list, add, test, redeliver, rotate, remove; a secret is shown once, when it is made."""

import asyncio
import secrets
from datetime import datetime
from typing import Annotated

import typer

from evaluator.adapters.webhook_targets import parsed
from evaluator.commands.context import services
from evaluator.commands.output import out, put, put_json, put_table, warn
from evaluator.embedded import Part
from evaluator.errors import DebriefError, Unavailable
from evaluator.notices import SECRET_BYTES, TRIES_MAX, Outcome, checked_events, new_secret
from evaluator.people import COMMAND
from evaluator.storage import audit
from evaluator.storage.webhooks import (
    Delivery,
    Webhook,
    add_webhook,
    announce_test,
    begin_rotation,
    claim_one,
    deliveries,
    end_rotation,
    find_delivery,
    find_webhook,
    redeliver,
    remove_webhook,
    webhook_list,
)
from evaluator.values import Frozen
from workers.notices import deliver

app = typer.Typer(help="Tell other systems when scorecards are ready.", no_args_is_help=True)

WebhookId = Annotated[int, typer.Argument(help="the webhook's number; see: debrief webhook list")]


class Shown(Frozen):
    """A webhook as the command line shows it: its address without what may be secret."""

    id: int
    requisition: str | None
    url: str
    events: tuple[str, ...]
    active: bool
    pending: int
    failed: int
    created_at: datetime
    delivered_at: datetime | None


@app.command("list")
def list_webhooks(
    webhook: Annotated[int | None, typer.Argument(help="its messages instead, the newest first")] = None,
) -> None:
    """All webhooks; or the messages of one, and what became of them."""
    with services(Part.DATABASE) as found, found.database.begin() as db:
        if webhook is None:
            _put_webhooks(webhook_list(db))
        else:
            find_webhook(db, webhook)
            _put_deliveries(deliveries(db, webhook))


@app.command()
def add(
    url: Annotated[str, typer.Argument(help="https, to a host that DEBRIEF_WEBHOOK_HOSTS names")],
    requisition: Annotated[
        str | None, typer.Option("--requisition", "--req", help="only this one's; all if left out")
    ] = None,
    event: Annotated[
        list[str] | None, typer.Option(help="scorecard.ready, requisition.ready or run.closed; all if left out")
    ] = None,
) -> None:
    """Add a webhook, and show its signing secret, once."""
    events = checked_events(event or (), requisition=requisition)
    secret = _new_secret()
    with services(Part.DATABASE) as found:
        target = found.webhooks.target(url)
        with found.database.begin() as db:
            added = add_webhook(db, url=url, events=events, requisition=requisition, secret=secret)
            detail = {"host": target.host, "events": list(events)}
            audit.log(db, COMMAND, "webhook.add", f"webhook:{added}", requisition, detail)
    if out.json:
        put_json({"id": added, "url": target.shown, "events": events, "requisition": requisition, "secret": secret})
        return
    put(f"Webhook {added}: {', '.join(events)} to {target.shown}")
    _put_secret(secret)
    put(f"Try it: debrief webhook test {added}")


@app.command()
def test(webhook: WebhookId) -> None:
    """Send one test message now. Exit code 4 when it does not arrive."""
    with services(Part.DATABASE) as found:
        sender = found.webhooks
        with found.database.begin() as db:
            claimed = claim_one(db, announce_test(db, webhook, secrets.token_hex(8)))
            audit.log(db, COMMAND, "webhook.test", f"webhook:{webhook}", find_webhook(db, webhook).requisition)
        if claimed is None:  # removed meanwhile
            raise Unavailable(f"webhook {webhook} was changed just now; try again")
        outcome = asyncio.run(deliver(found.database, sender, claimed))
    _report(webhook, claimed.message.id, outcome)


@app.command("redeliver")
def redeliver_message(
    message: Annotated[int, typer.Argument(help="the message's number; see: debrief webhook list WEBHOOK")],
) -> None:
    """Try a message again from the beginning, now and by the same schedule, under the same id."""
    with services(Part.DATABASE) as found:
        sender = found.webhooks
        with found.database.begin() as db:
            redeliver(db, message)
            claimed = claim_one(db, message)
            webhook = find_delivery(db, message).webhook_id
            audit.log(db, COMMAND, "webhook.redeliver", f"webhook:{webhook}", detail={"message": message})
        if claimed is None:
            raise Unavailable(f"message {message} was changed just now; try again")
        outcome = asyncio.run(deliver(found.database, sender, claimed))
    _report(webhook, claimed.message.id, outcome)


@app.command()
def rotate(
    webhook: WebhookId,
    end: Annotated[bool, typer.Option("--end", help="the receiver knows the new secret: drop the old one")] = False,
) -> None:
    """Replace the secret without losing a message: both sign until `--end`. The new one is shown once."""
    secret = None if end else _new_secret()
    with services(Part.DATABASE) as found, found.database.begin() as db:
        if secret is not None:
            begin_rotation(db, webhook, secret)
            done = True
        else:
            done = end_rotation(db, webhook)
        audit.log(db, COMMAND, "webhook.rotate", f"webhook:{webhook}", detail={"end": end})
    if secret is not None:
        if out.json:
            put_json({"id": webhook, "secret": secret})
            return
        _put_secret(secret)
        put(f"Once the receiver knows it: debrief webhook rotate {webhook} --end")
    elif out.json:
        put_json({"id": webhook, "ended": done})
    else:
        put("Only the new secret signs now." if done else "There was no old secret.")


@app.command()
def remove(webhook: WebhookId) -> None:
    """Remove a webhook and its messages."""
    with services(Part.DATABASE) as found, found.database.begin() as db:
        removed = find_webhook(db, webhook)
        remove_webhook(db, webhook)
        detail = {"host": _shown(removed).url.split("/")[2], "unsent": removed.pending}
        audit.log(db, COMMAND, "webhook.remove", f"webhook:{webhook}", removed.requisition, detail)
    if out.json:
        put_json({"id": webhook, "unsent": removed.pending})
    else:
        put(f"Webhook {webhook} is removed, with {removed.pending} messages that were not delivered yet.")


def _new_secret() -> str:
    return new_secret(secrets.token_bytes(SECRET_BYTES))


def _put_secret(secret: str) -> None:
    put(f"Secret: {secret}")
    put("It is shown only now. The receiver checks signatures with it: docs/webhooks.md")


def _report(webhook: int, message_id: str, outcome: Outcome) -> None:
    """How a try ended; exit code 4 when it failed."""
    delivered = outcome.error is None
    if out.json:
        put_json({"webhook": webhook, "message_id": message_id, "delivered": delivered, **outcome.model_dump()})
    elif delivered:
        put(f"Delivered: the receiver answered {outcome.status}.")
    else:
        answer = "" if outcome.status is None else f" ({outcome.status})"
        warn(f"debrief: webhook {webhook} did not take the message: {outcome.error}{answer}; see docs/webhooks.md")
    if not delivered:
        raise typer.Exit(Unavailable.exit_code)


def _shown(webhook: Webhook) -> Shown:
    try:
        url = parsed(webhook.url).shown
    except DebriefError:  # written by an older version, or by hand
        url = "?"
    values = {name: getattr(webhook, name) for name in Shown.model_fields}
    return Shown.model_validate({**values, "url": url})


def _put_webhooks(webhooks: tuple[Webhook, ...]) -> None:
    shown = [_shown(webhook) for webhook in webhooks]
    if out.json:
        put_json(shown)
    elif not shown:
        put("No webhooks yet. Add one: debrief webhook add https://hooks.example.org/debrief")
    else:
        rows = [
            (
                str(w.id),
                w.requisition or "all",
                ", ".join(w.events),
                "active" if w.active else "not active",
                str(w.pending),
                str(w.failed),
                _moment(w.delivered_at),
                w.url,
            )
            for w in shown
        ]
        columns = ("webhook", "requisition", "events", "state", "pending", "failed", "last delivered", "address")
        put_table(columns, rows, right=frozenset({0, 4, 5}))


def _put_deliveries(found: tuple[Delivery, ...]) -> None:
    if out.json:
        put_json(found)
    elif not found:
        put("No messages yet.")
    else:
        rows = [
            (
                str(d.id),
                _moment(d.created_at),
                d.event,
                d.state,
                f"{d.attempts}/{1 if d.event == 'webhook.test' else TRIES_MAX}",
                "-" if d.status is None else str(d.status),
                d.error or "-",
                _moment(d.not_before) if d.state == "pending" else "-",
            )
            for d in found
        ]
        columns = ("message", "written", "event", "state", "tries", "answer", "error", "next try")
        put_table(columns, rows, right=frozenset({0}))


def _moment(at: datetime | None) -> str:
    return "-" if at is None else at.strftime("%Y-%m-%d %H:%M:%SZ")
