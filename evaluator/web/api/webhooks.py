"""Webhooks by the API: the same that the command and the page do; a secret is in one answer and never again."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import FastAPI, Path, Request, Response
from pydantic import ConfigDict, Field

from evaluator.adapters.webhook_targets import URL_CHARS_MAX, shown_address
from evaluator.notices import EVENTS, Event, Outcome, Told, TryError
from evaluator.storage.webhooks import Try, Webhook, find_webhook, webhook_list
from evaluator.telling import add_hook, begin_test, drop_old_secret, remove_hook, rotate
from evaluator.values import Frozen, Id
from evaluator.web.api.conventions import Page, answer
from evaluator.web.api.publishing import publish
from evaluator.web.pages.site import Site
from evaluator.web.pages.webhooks import MessageLine, message_lines, redelivery, send, sender_of
from evaluator.web.rights import AsVisit, Globally

BIGINT_MAX = 2**63 - 1
WebhookId = Annotated[int, Path(ge=1, le=BIGINT_MAX)]


class WebhookItem(Frozen):
    """Who gets which messages."""

    id: int = Field(examples=[1])
    url: str = Field(
        description="Without its query, which may be secret.", examples=["https://hooks.example.org/debrief"]
    )
    requisition: str | None = Field(description="null: all", examples=["REQ-114"])
    events: tuple[Event, ...]
    active: bool = Field(description="False: its receiver answered 410.")
    secrets: int = Field(description="That sign: 2 while the old one is being replaced.", examples=[1])
    pending: int = Field(examples=[0])
    failed: int = Field(examples=[0])
    created_at: datetime
    delivered_at: datetime | None


class NewWebhook(Frozen):
    """A webhook to add."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"url": "https://hooks.example.org/debrief", "requisition": "REQ-114", "events": ["scorecard.ready"]}
            ]
        }
    )

    url: str = Field(max_length=URL_CHARS_MAX, description="https, to a host that DEBRIEF_WEBHOOK_HOSTS names.")
    requisition: Id | None = Field(default=None, description="Only this one's; null: all.")
    events: tuple[Event, ...] = Field(default=(), max_length=len(EVENTS), description="None given: all that fit.")


class WithSecret(Frozen):
    """A webhook's new signing secret, which no other answer holds."""

    id: int = Field(examples=[1])
    secret: str = Field(examples=["whsec_..."])


class Tried(Frozen):
    """What one try came to."""

    delivered: bool
    status: int | None = Field(description="Of the answer; null: there was none.", examples=[204])
    error: TryError | None


class MessageShown(Frozen):
    """One message and how it was tried."""

    id: int
    message_id: str = Field(examples=["msg_3f9a0c1e7b2d"])
    event: Told
    state: str = Field(description="pending, delivered or failed", examples=["delivered"])
    attempts: int
    next_try: datetime | None
    status: int | None
    error: TryError | None
    created_at: datetime
    delivered_at: datetime | None
    tries: tuple[Try, ...] = Field(description="Oldest first; one that was interrupted is missing.")


@dataclass(frozen=True, kw_only=True, slots=True)
class WebhookApi:
    """The handlers; only administrators who signed in get this far."""

    site: Site

    def webhooks(self, visit: AsVisit, request: Request) -> Response:  # noqa: ARG002  the gate's
        """All of them."""
        with self.site.database.begin() as db:
            items = tuple(_item(hook) for hook in webhook_list(db))
        return answer(request, Page[WebhookItem](items=items))

    def webhook(self, visit: AsVisit, request: Request, webhook_id: WebhookId) -> Response:  # noqa: ARG002  the gate's
        """One."""
        with self.site.database.begin() as db:
            return answer(request, _item(find_webhook(db, webhook_id)))

    def add(self, visit: AsVisit, request: Request, new: NewWebhook) -> Response:
        """Makes one; the answer holds its secret. 409 where the same exists: so a request may be sent again."""
        with self.site.database.begin() as db:
            made = add_hook(
                db,
                visit.viewer,
                sender_of(self.site),
                url=new.url,
                events=new.events,
                requisition=new.requisition,
            )
        shown = WithSecret(id=made.id, secret=made.secret)
        return answer(request, shown, status=201, headers={"Location": f"/v1/webhooks/{made.id}"})

    def remove(self, visit: AsVisit, webhook_id: WebhookId) -> Response:
        """Removes it with its messages."""
        with self.site.database.begin() as db:
            remove_hook(db, visit.viewer, webhook_id, shown=shown_address(find_webhook(db, webhook_id).url))
        return Response(status_code=204)

    def test(self, visit: AsVisit, request: Request, webhook_id: WebhookId) -> Response:
        """Sends a test message now."""
        with self.site.database.begin() as db:
            claimed = begin_test(db, visit.viewer, webhook_id)
        return answer(request, _tried(send(self.site, claimed)))

    def rotate(self, visit: AsVisit, request: Request, webhook_id: WebhookId) -> Response:
        """Makes a new secret; the old one signs too until that is ended. 409 while another change is under way."""
        with self.site.database.begin() as db:
            secret = rotate(db, visit.viewer, webhook_id)
        return answer(request, WithSecret(id=webhook_id, secret=secret))

    def end_rotation(self, visit: AsVisit, webhook_id: WebhookId) -> Response:
        """Only the newest secret signs from here on."""
        with self.site.database.begin() as db:
            drop_old_secret(db, visit.viewer, webhook_id)
        return Response(status_code=204)

    def messages(self, visit: AsVisit, request: Request, webhook_id: WebhookId) -> Response:  # noqa: ARG002  the gate's
        """Its newest messages with their tries."""
        with self.site.database.begin() as db:
            find_webhook(db, webhook_id)
            items = tuple(_message(line) for line in message_lines(db, webhook_id))
        return answer(request, Page[MessageShown](items=items))

    def redeliver(self, visit: AsVisit, request: Request, webhook_id: WebhookId, message: WebhookId) -> Response:
        """Tries a message again from the beginning, now, under the same id."""
        with self.site.database.begin() as db:
            claimed = redelivery(db, visit, webhook_id, message)
        return answer(request, _tried(send(self.site, claimed)))


def _item(hook: Webhook) -> WebhookItem:
    return WebhookItem.model_validate({**hook.model_dump(), "url": shown_address(hook.url)})


def _tried(outcome: Outcome) -> Tried:
    return Tried(delivered=outcome.error is None, status=outcome.status, error=outcome.error)


def _message(line: MessageLine) -> MessageShown:
    kept = line.delivery.model_dump(exclude={"webhook_id", "not_before"})
    waits = line.delivery.not_before if line.delivery.state == "pending" else None
    return MessageShown(**kept, next_try=waits, tries=line.tries)


def attach(app: FastAPI, site: Site) -> None:
    """The routes of this part of the API."""
    api, needs, post = WebhookApi(site=site), Globally("manage_webhooks"), ("POST",)
    all_, one = "/v1/webhooks", "/v1/webhooks/{webhook_id}"
    publish(app, all_, api.webhooks, needs=needs, answers=Page[WebhookItem])
    publish(app, all_, api.add, needs=needs, answers=WithSecret, methods=post, status=201)
    publish(app, one, api.webhook, needs=needs, answers=WebhookItem)
    publish(app, one, api.remove, needs=needs, methods=("DELETE",), status=204)
    publish(app, f"{one}/test", api.test, needs=needs, answers=Tried, methods=post)
    publish(app, f"{one}/rotate", api.rotate, needs=needs, answers=WithSecret, methods=post)
    publish(app, f"{one}/rotate/end", api.end_rotation, needs=needs, methods=post, status=204)
    publish(app, f"{one}/messages", api.messages, needs=needs, answers=Page[MessageShown])
    publish(app, f"{one}/messages/{{message}}/redeliver", api.redeliver, needs=needs, answers=Tried, methods=post)
