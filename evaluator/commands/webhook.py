"""`debrief webhook`: list, add, test, redeliver, rotate, remove; a secret is shown once, when it is made."""

import asyncio
from datetime import datetime
from typing import Annotated

import typer

from evaluator.adapters.webhook_targets import shown_address
from evaluator.commands.context import services
from evaluator.commands.output import out, put, put_json, put_table, warn
from evaluator.embedded import Part
from evaluator.errors import Unavailable
from evaluator.notices import TRIES_MAX, Outcome
from evaluator.people import COMMAND
from evaluator.storage.webhooks import Delivery, Webhook, deliveries, find_webhook, webhook_list
from evaluator.telling import (
    add_hook,
    begin_redelivery,
    begin_test,
    deliver,
    drop_old_secret,
    remove_hook,
)
from evaluator.telling import rotate as begin_rotation
from evaluator.values import Frozen

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
        list[str] | None, typer.Option(help="scorecard.ready, requisition.ready, run.closed or digest; all if left out")
    ] = None,
) -> None:
    """Add a webhook, and show its signing secret, once."""
    with services(Part.DATABASE) as found, found.database.begin() as db:
        made = add_hook(db, COMMAND, found.webhooks, url=url, events=event or (), requisition=requisition)
        shown = shown_address(url)
    if out.json:
        fields = {"id": made.id, "url": shown, "events": made.events, "requisition": requisition}
        put_json({**fields, "secret": made.secret})
        return
    put(f"Webhook {made.id}: {', '.join(made.events)} to {shown}")
    _put_secret(made.secret)
    put(f"Try it: debrief webhook test {made.id}")


@app.command()
def test(webhook: WebhookId) -> None:
    """Send one test message now. Exit code 4 when it does not arrive."""
    with services(Part.DATABASE) as found:
        sender = found.webhooks
        with found.database.begin() as db:
            claimed = begin_test(db, COMMAND, webhook)
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
            claimed = begin_redelivery(db, COMMAND, message)
        outcome = asyncio.run(deliver(found.database, sender, claimed))
    _report(claimed.webhook_id, claimed.message.id, outcome)


@app.command()
def rotate(
    webhook: WebhookId,
    end: Annotated[bool, typer.Option("--end", help="the receiver knows the new secret: drop the old one")] = False,
) -> None:
    """Replace the secret without losing a message: both sign until `--end`. The new one is shown once."""
    with services(Part.DATABASE) as found, found.database.begin() as db:
        secret = None if end else begin_rotation(db, COMMAND, webhook)
        done = drop_old_secret(db, COMMAND, webhook) if end else True
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
        unsent = remove_hook(db, COMMAND, webhook, shown=shown_address(find_webhook(db, webhook).url))
    if out.json:
        put_json({"id": webhook, "unsent": unsent})
    else:
        put(f"Webhook {webhook} is removed, with {unsent} messages that were not delivered yet.")


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
    url = shown_address(webhook.url)
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
