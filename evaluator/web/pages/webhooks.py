"""Webhooks for administrators: the list, one with its messages, and all that the command can do with it."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import FastAPI, Form, Path
from fastapi.responses import RedirectResponse, Response
from sqlalchemy import Connection

from evaluator.adapters.webhook_targets import URL_CHARS_MAX, shown_address
from evaluator.errors import NotFound, UsageFault
from evaluator.notices import EVENTS, OF_ONE_REQUISITION, TRIES_MAX, Event, Outcome
from evaluator.storage.requisitions import requisition_list
from evaluator.storage.webhooks import (
    Claimed,
    Delivery,
    Try,
    deliveries,
    find_delivery,
    find_webhook,
    tries,
    webhook_list,
)
from evaluator.telling import (
    Made,
    Sender,
    add_hook,
    begin_redelivery,
    begin_test,
    deliver,
    drop_old_secret,
    remove_hook,
    rotate,
)
from evaluator.web.identity import Visit
from evaluator.web.pages.site import Site
from evaluator.web.rights import AsVisit, Globally, add

SEE_OTHER = 303
POST = ("POST",)
BIGINT_MAX = 2**63 - 1
MESSAGES_SHOWN = 50
NO_SENDER = "no webhook can be added or tried here: these pages were started without a way to send"

EVENT_WORDS: Mapping[Event, str] = {
    "scorecard.ready": "an interview has a scorecard",
    "requisition.ready": "nothing of a requisition is left to score",
    "run.closed": "a run has ended (only for webhooks of all requisitions)",
    "digest": "once a day: how much waits for people (only for webhooks of all requisitions)",
}

Id = Annotated[int, Path(ge=1, le=BIGINT_MAX)]


@dataclass(frozen=True, kw_only=True, slots=True)
class MessageLine:
    """One message of the log with how it was tried."""

    delivery: Delivery
    tried: str  # `2 of 7`
    tries: tuple[Try, ...]  # oldest first


@dataclass(frozen=True, kw_only=True, slots=True)
class WebhookPages:
    """The handlers; a message that is sent from here is waited for, ten seconds at most."""

    site: Site

    def webhooks(self, visit: AsVisit) -> Response:
        """All of them, and a form for another one."""
        return self._list(visit)

    def add(
        self,
        visit: AsVisit,
        url: Annotated[str, Form(max_length=URL_CHARS_MAX)],
        requisition: Annotated[str, Form(max_length=64)] = "",
        events: Annotated[list[str] | None, Form(max_length=len(EVENTS))] = None,
    ) -> Response:
        """Makes one, and shows its secret, this once; 422 with the reason where it cannot be made."""
        sent = {"url": url, "requisition": requisition, "events": events or []}
        try:
            with self.site.database.begin() as db:
                made = add_hook(
                    db,
                    visit.viewer,
                    sender_of(self.site),
                    url=url.strip(),
                    events=fitting(events or (), requisition),
                    requisition=requisition or None,
                )
        except UsageFault as fault:
            page = self._list(visit, fault=str(fault), sent=sent)
            page.status_code = 422
            return page
        return self._one(visit, made.id, made=made)

    def webhook(self, visit: AsVisit, webhook_id: Id) -> Response:
        """One with its newest messages."""
        return self._one(visit, webhook_id)

    def test(self, visit: AsVisit, webhook_id: Id) -> Response:
        """Sends a test message now; what became of it stands on top of the log."""
        with self.site.database.begin() as db:
            claimed = begin_test(db, visit.viewer, webhook_id)
        send(self.site, claimed)
        return RedirectResponse(f"/webhooks/{webhook_id}#messages", SEE_OTHER)

    def rotate(self, visit: AsVisit, webhook_id: Id) -> Response:
        """Makes a new secret and shows it, this once; the old one signs too until that is ended."""
        with self.site.database.begin() as db:
            secret = rotate(db, visit.viewer, webhook_id)
            events = find_webhook(db, webhook_id).events
        return self._one(visit, webhook_id, made=Made(id=webhook_id, events=events, secret=secret))

    def end_rotation(self, visit: AsVisit, webhook_id: Id) -> Response:
        """Only the newest secret signs from here on."""
        with self.site.database.begin() as db:
            drop_old_secret(db, visit.viewer, webhook_id)
        return RedirectResponse(f"/webhooks/{webhook_id}", SEE_OTHER)

    def ask_removal(self, visit: AsVisit, webhook_id: Id) -> Response:
        """Says what a removal drops, and asks."""
        with self.site.database.begin() as db:
            found = find_webhook(db, webhook_id)
        return self.site.page("webhook_remove.html", visit=visit, hook=found, address=shown_address(found.url))

    def remove(self, visit: AsVisit, webhook_id: Id) -> Response:
        """Removes it with its messages."""
        with self.site.database.begin() as db:
            remove_hook(db, visit.viewer, webhook_id, shown=shown_address(find_webhook(db, webhook_id).url))
        return RedirectResponse("/webhooks", SEE_OTHER)

    def redeliver(self, visit: AsVisit, webhook_id: Id, message: Id) -> Response:
        """Tries a message again from the beginning, under the same id."""
        with self.site.database.begin() as db:
            claimed = redelivery(db, visit, webhook_id, message)
        send(self.site, claimed)
        return RedirectResponse(f"/webhooks/{webhook_id}#messages", SEE_OTHER)

    def _list(self, visit: Visit, *, fault: str | None = None, sent: Mapping[str, object] | None = None) -> Response:
        with self.site.database.begin() as db:
            hooks = [(hook, shown_address(hook.url)) for hook in webhook_list(db)]
            names = [one.id for one in requisition_list(db)]
        return self.site.page(
            "webhooks.html",
            visit=visit,
            hooks=hooks,
            requisitions=names,
            event_words=EVENT_WORDS,
            fault=fault,
            sent=sent or {"url": "", "requisition": "", "events": list(EVENTS)},
            url_max=URL_CHARS_MAX,
        )

    def _one(self, visit: Visit, webhook_id: int, *, made: Made | None = None) -> Response:
        with self.site.database.begin() as db:
            hook = find_webhook(db, webhook_id)
            lines = message_lines(db, webhook_id)
        return self.site.page(
            "webhook.html",
            visit=visit,
            hook=hook,
            address=shown_address(hook.url),
            lines=lines,
            made=made,
            event_words=EVENT_WORDS,
            shown_max=MESSAGES_SHOWN,
        )


def fitting(events: Sequence[str], requisition: str) -> Sequence[str]:
    """What the form asks for, without what a webhook of one requisition cannot have though its box was ticked."""
    return [event for event in events if not requisition or event not in EVENTS or event in OF_ONE_REQUISITION]


def sender_of(site: Site) -> Sender:
    """What sends; UsageFault where these pages have no such thing."""
    if site.webhooks is None:
        raise UsageFault(NO_SENDER)
    return site.webhooks


def redelivery(db: Connection, visit: Visit, webhook_id: int, message: int) -> Claimed:
    """Claims the message's first try; NotFound where it is another webhook's."""
    if find_delivery(db, message).webhook_id != webhook_id:
        raise NotFound(f"webhook {webhook_id} has no message {message}")
    return begin_redelivery(db, visit.viewer, message)


def send(site: Site, claimed: Claimed) -> Outcome:
    """One try, now."""
    return asyncio.run(deliver(site.database, sender_of(site), claimed))


def message_lines(db: Connection, webhook_id: int) -> tuple[MessageLine, ...]:
    """The newest messages of a webhook with their tries."""
    found = deliveries(db, webhook_id, limit=MESSAGES_SHOWN)
    tried: dict[int, list[Try]] = {}
    for one in tries(db, [delivery.id for delivery in found]):
        tried.setdefault(one.delivery_id, []).append(one)
    return tuple(
        MessageLine(
            delivery=delivery,
            tried=f"{delivery.attempts} of {1 if delivery.event == 'webhook.test' else TRIES_MAX}",
            tries=tuple(tried.get(delivery.id, ())),
        )
        for delivery in found
    )


def attach(app: FastAPI, site: Site) -> None:
    """The pages and forms."""
    pages, needs = WebhookPages(site=site), Globally("manage_webhooks")
    one = "/webhooks/{webhook_id}"
    add(app, "/webhooks", pages.webhooks, needs=needs)
    add(app, "/webhooks", pages.add, needs=needs, methods=POST)
    add(app, one, pages.webhook, needs=needs)
    add(app, f"{one}/test", pages.test, needs=needs, methods=POST)
    add(app, f"{one}/rotate", pages.rotate, needs=needs, methods=POST)
    add(app, f"{one}/rotate/end", pages.end_rotation, needs=needs, methods=POST)
    add(app, f"{one}/remove", pages.ask_removal, needs=needs)
    add(app, f"{one}/remove", pages.remove, needs=needs, methods=POST)
    add(app, f"{one}/messages/{{message}}/redeliver", pages.redeliver, needs=needs, methods=POST)
