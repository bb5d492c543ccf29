"""What webhooks are told, how it is signed, and what follows each try: ids only, never a name, a score or a word.

The messages follow Standard Webhooks (https://www.standardwebhooks.com): the headers `webhook-id`,
`webhook-timestamp` and `webhook-signature`, and a body of `type`, `timestamp` and `data`.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, Literal, get_args
from urllib.parse import quote

from evaluator.errors import UsageFault
from evaluator.evaluation import RunCounts
from evaluator.values import Frozen, canonical, sha256

Event = Literal["scorecard.ready", "requisition.ready", "run.closed", "digest"]  # that a webhook can ask for
Told = Event | Literal["webhook.test"]
EVENTS: tuple[Event, ...] = get_args(Event)
OF_ONE_REQUISITION: tuple[Event, ...] = ("scorecard.ready", "requisition.ready")

TryError = Literal[
    "not_allowed",  # the address is no longer one that DEBRIEF_WEBHOOK_HOSTS allows
    "no_such_host",
    "address_not_public",
    "unreachable",
    "certificate",  # no TLS, or a certificate that is not the host's
    "timeout",
    "broken_off",
    "redirect",  # never followed
    "status",
    "gone",  # 410: nobody wants the messages any more
    "interrupted",  # the process ended while it was sending
    "no_secret",  # what stands in the database cannot sign
]

MINUTE_S, HOUR_S = 60, 3_600
RETRY_DELAYS_S = (MINUTE_S, 5 * MINUTE_S, 30 * MINUTE_S, 2 * HOUR_S, 6 * HOUR_S, 24 * HOUR_S)
TRIES_MAX = len(RETRY_DELAYS_S) + 1
GONE = 410

SECRET_PREFIX = "whsec_"  # noqa: S105  what each secret begins with
SECRET_BYTES = 32
SECRET_BYTES_MIN, SECRET_BYTES_MAX = 24, 64  # of the specification
SECRETS_MAX = 2  # the new one and, while it is being replaced, the old one
_ID_HEX = 32  # of a message's digest


class Message(Frozen):
    """One message as it is kept until it is delivered."""

    id: str  # the same for every try, and for whoever would tell the same thing again
    event: Told
    body: dict[str, Any]


class Digest(Frozen):
    """How much waits for people; none of it follows from what the judge said."""

    to_review: int  # interviews that want more people's own scores
    overdue: int  # of them, those that have waited too long
    failed: int  # interviews
    missed_nights: int  # of schedules, since the last digest
    open_runs: int

    def changed(self, before: Mapping[str, Any] | None) -> bool:
        """Whether something is new since the digest that told `before`; None: there was none, and zeros are no news."""
        numbers = self.model_dump(exclude={"open_runs", "missed_nights"})
        return any(number != (before or {}).get(name, 0) for name, number in numbers.items())


class RunEnded(Frozen):
    """A run that has ended since the last digest."""

    run: str
    closed_because: str


class Outcome(Frozen):
    """What one try came to."""

    status: int | None = None  # of the answer; None: there was none
    error: TryError | None = None  # None: delivered


class Next(Frozen):
    """What follows a try."""

    state: Literal["pending", "delivered", "failed"]
    deactivates: bool = False  # the webhook


def scorecard_ready(
    webhook_id: int,
    *,
    scorecard_id: str,
    interview_id: str,
    requisition: str,
    state: str | None,
    at: datetime,
) -> Message:
    """An interview has a scorecard. state: of the scorecard; None where people review blind: alerts make it, and most
    of those come from the judge.
    """
    data = {"interview": interview_id, "scorecard": scorecard_id, "requisition": requisition}
    told = data if state is None else {**data, "state": state}
    return _message(webhook_id, "scorecard.ready", scorecard_id, told, at)


def requisition_ready(webhook_id: int, *, requisition: str, newest_scorecard: str, at: datetime) -> Message:
    """Nothing of a requisition waits for the judge any more. newest_scorecard: tells this time from the next."""
    subject = f"{requisition}/{newest_scorecard}"
    return _message(webhook_id, "requisition.ready", subject, {"requisition": requisition}, at)


def run_closed(webhook_id: int, *, run: str, because: str, counts: RunCounts, any_blind: bool, at: datetime) -> Message:
    """A run has ended. any_blind: somebody reviews one of its interviews blind."""
    numbers = counts.model_dump(mode="json")
    data = {"run": run, "closed_because": because, "counts": _blinded_counts(numbers) if any_blind else numbers}
    return _message(webhook_id, "run.closed", run, data, at)


def digest(
    webhook_id: int, *, day: date, counts: Digest, ended: Sequence[RunEnded], web_url: str | None, at: datetime
) -> Message:
    """What waits for people on this local date. web_url: what links begin with; None: they are paths."""
    base = (web_url or "").rstrip("/")
    paths = {"to_review": "/interviews?reviewer=me_open", "failed": "/interviews?state=failed", "runs": "/runs"}
    data = {
        "day": day.isoformat(),
        **counts.model_dump(),
        "runs": [{**one.model_dump(), "link": f"{base}/runs/{quote(one.run, safe='')}/report"} for one in ended],
        "links": {name: base + path for name, path in paths.items()},
    }
    return _message(webhook_id, "digest", day.isoformat(), data, at)


def trial_message(webhook_id: int, *, number: str, at: datetime) -> Message:
    """Somebody tries the webhook. number: tells this test from others."""
    return _message(webhook_id, "webhook.test", number, {"webhook": webhook_id}, at)


def message_id(webhook_id: int, event: Told, subject: str) -> str:
    """The same for the same fact and receiver, whoever tells it and however often; without a full stop."""
    return "msg_" + sha256(f"{webhook_id}/{event}/{subject}".encode())[:_ID_HEX]


def blinded(body: Mapping[str, Any]) -> dict[str, Any]:
    """The body without what the judge's alerts decide, for a requisition whose blind review began after it was told."""
    data = {name: value for name, value in body["data"].items() if name != "state"}
    if "counts" in data:
        data["counts"] = _blinded_counts(data["counts"])
    return {**body, "data": data}


def _blinded_counts(counts: Mapping[str, int]) -> dict[str, int]:
    """Scored, waiting for a person and unscorable as one: in a run of one interview they are its state."""
    ends = ("scored", "needs_review", "unscorable")
    if "done" in counts:
        return dict(counts)
    rest = {name: value for name, value in counts.items() if name not in ends}
    return {**rest, "done": sum(counts[name] for name in ends)}


def new_secret(chance: bytes) -> str:
    """A signing secret of SECRET_BYTES random bytes."""
    if len(chance) != SECRET_BYTES:
        raise ValueError(f"a secret is made of {SECRET_BYTES} bytes")
    return SECRET_PREFIX + base64.b64encode(chance).decode()


def headers(secrets: Sequence[str], *, message_id: str, at: datetime, body: bytes) -> dict[str, str]:
    """The three headers of one try at this moment, signed with each secret, the newest first."""
    seconds = str(int(at.timestamp()))
    return {
        "webhook-id": message_id,
        "webhook-timestamp": seconds,
        "webhook-signature": " ".join(signature(secret, message_id, seconds, body) for secret in secrets),
    }


def signature(secret: str, message_id: str, seconds: str, body: bytes) -> str:
    """`v1,` and the HMAC-SHA256 of `id.timestamp.body` in base64. UsageFault: no secret; its text is not repeated."""
    content = b".".join((message_id.encode(), seconds.encode(), body))
    digest = hmac.new(_key(secret), content, hashlib.sha256).digest()
    return "v1," + base64.b64encode(digest).decode()


def spelled(body: Mapping[str, Any]) -> bytes:
    """The body as it is signed and sent: every try has the same bytes."""
    return canonical(body)


def after_try(event: Told, *, attempts: int, outcome: Outcome) -> Next:
    """What follows the try number `attempts` (1, 2, ...). A test is tried once."""
    if outcome.error is None:
        return Next(state="delivered")
    last = event == "webhook.test" or attempts >= TRIES_MAX or outcome.error == "gone"
    return Next(state="failed" if last else "pending", deactivates=outcome.error == "gone")


def retry_delay_s(attempts: int) -> int:
    """Seconds from the try number `attempts` to the next, should it fail."""
    return RETRY_DELAYS_S[min(attempts, len(RETRY_DELAYS_S)) - 1]


def outcome_of(status: int) -> Outcome:
    """What an answer means."""
    if 200 <= status < 300:
        return Outcome(status=status)
    if status == GONE:
        return Outcome(status=status, error="gone")
    return Outcome(status=status, error="redirect" if 300 <= status < 400 else "status")


def checked_events(names: Sequence[str], *, requisition: str | None) -> tuple[Event, ...]:
    """The events that are asked for, all that fit by default; UsageFault.

    A run's numbers, and a day's, are about every requisition, so a webhook of one cannot have them.
    """
    fitting = EVENTS if requisition is None else OF_ONE_REQUISITION
    if wrong := sorted(set(names) - set(fitting)):
        for_one = "" if requisition is None else " for a webhook of one requisition"
        raise UsageFault(f"event {', '.join(wrong)}: not one of {', '.join(fitting)}{for_one}")
    return tuple(event for event in fitting if not names or event in names)


def _message(webhook_id: int, event: Told, subject: str, data: Mapping[str, Any], at: datetime) -> Message:
    spelled_at = at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    body = {"type": event, "timestamp": spelled_at, "data": dict(data)}
    return Message(id=message_id(webhook_id, event, subject), event=event, body=body)


def _key(secret: str) -> bytes:
    try:
        key = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not SECRET_BYTES_MIN <= len(key) <= SECRET_BYTES_MAX:
        raise UsageFault(f"a webhook's secret is {SECRET_PREFIX} and {SECRET_BYTES_MIN} to {SECRET_BYTES_MAX} bytes")
    return key
