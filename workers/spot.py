"""Watches the instance metadata service (IMDSv2) of EC2 for the end of this machine, and tells the worker in time.

A spot instance is announced as reclaimed two minutes ahead (`instance-action`), and often earlier as likely to be
(`rebalance`). Off EC2 there is nobody to ask; that is no error.
"""

import http.client
import json
import logging
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal
from urllib.parse import urlsplit

from evaluator.errors import UsageFault
from workers.node import Drain

log = logging.getLogger(__name__)

IMDS_URL = "http://169.254.169.254"  # link-local: it never leaves the machine
POLL_S = 5.0
POLL_UNREACHED_S = 60.0  # still half of a notice's two minutes, should this be EC2 after all
REQUEST_TIMEOUT_S = 1.0
ANSWER_BYTES_MAX = 4_096
TOKEN_TTL_S = 21_600  # the most that the service grants
_TOKEN_PATH = "/latest/api/token"  # noqa: S105  a path
_NOTICE_PATH = "/latest/meta-data/spot/instance-action"
_REBALANCE_PATH = "/latest/meta-data/events/recommendations/rebalance"
_TOKEN = re.compile(r"[\x21-\x7e]{1,1024}")
_ACTIONS = frozenset({"stop", "terminate", "hibernate"})

Told = Literal["nothing", "rebalance", "notice", "refused", "unreachable"]  # refused: the token is no longer good


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What one poll brought."""

    told: Told
    token: str | None = None  # the one to go on with


@dataclass(frozen=True, kw_only=True, slots=True)
class State:
    """What is remembered between polls."""

    token: str | None = None
    reached: bool = False  # the service has answered at least once: this is EC2
    misses: int = 0  # polls in a row without a usable answer
    drain: Drain | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """What follows a poll."""

    state: State
    tell: Drain | None  # for the worker; only what it was not told yet
    wait_s: float | None  # until the next poll; None: there is nothing left to hear


def after_poll(state: State, answer: Answer) -> Decision:
    """What to remember, to tell and how long to wait; a recommendation or notice is never taken back."""
    if answer.told in ("unreachable", "refused"):
        misses = state.misses + 1
        renew_at_once = answer.told == "refused" and misses == 1
        wait_s = (
            0.0 if renew_at_once else POLL_S if state.reached else min(POLL_S * 2 ** min(misses, 8), POLL_UNREACHED_S)
        )
        return Decision(state=replace(state, token=None, misses=misses), tell=None, wait_s=wait_s)
    known = replace(state, token=answer.token, reached=True, misses=0)
    if answer.told == "notice":
        return Decision(state=replace(known, drain=Drain.STOP), tell=Drain.STOP, wait_s=None)
    if answer.told == "rebalance" and state.drain is None:
        return Decision(state=replace(known, drain=Drain.CLAIM_NOTHING), tell=Drain.CLAIM_NOTHING, wait_s=POLL_S)
    return Decision(state=known, tell=None, wait_s=POLL_S)


@dataclass(frozen=True, kw_only=True, slots=True)
class Imds:
    """The metadata service; no proxy, no redirect, nothing but its own address."""

    host: str
    port: int
    timeout_s: float = REQUEST_TIMEOUT_S

    @classmethod
    def at(cls, url: str | None) -> "Imds":
        """The service at `http://host:port`, else the link-local one; UsageFault."""
        try:
            parts = urlsplit(url or IMDS_URL)
            host, port = parts.hostname, parts.port
        except ValueError:
            host, port, parts = None, None, urlsplit("")
        if parts.scheme != "http" or not host or parts.path.strip("/") or parts.query or parts.username:
            raise UsageFault("DEBRIEF_IMDS_URL must be http://host or http://host:port")
        return cls(host=host, port=port or 80)

    def poll(self, token: str | None) -> Answer:
        """Asks once, with a fresh token where there is none; never raises for what the service does."""
        try:
            token = token or self._fresh_token()
            if token is None:
                return Answer(told="unreachable")
            for path, told in ((_NOTICE_PATH, _is_notice), (_REBALANCE_PATH, _is_rebalance)):
                status, body = self._ask("GET", path, {"X-aws-ec2-metadata-token": token})
                if status == 401:
                    return Answer(told="refused")
                if status == 200 and (found := told(body)) is not None:
                    return Answer(told=found, token=token)
                if status != 404:
                    return Answer(told="unreachable")
        except (OSError, http.client.HTTPException):
            return Answer(told="unreachable")
        return Answer(told="nothing", token=token)

    def _fresh_token(self) -> str | None:
        ttl = {"X-aws-ec2-metadata-token-ttl-seconds": str(TOKEN_TTL_S)}
        status, body = self._ask("PUT", _TOKEN_PATH, ttl)
        token = body.decode("latin-1").strip()
        return token if status == 200 and _TOKEN.fullmatch(token) else None

    def _ask(self, method: str, path: str, headers: dict[str, str]) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(self.host, self.port, timeout=self.timeout_s)
        try:
            connection.request(method, path, headers=headers)
            response = connection.getresponse()
            return response.status, response.read(ANSWER_BYTES_MAX)
        finally:
            connection.close()


def _is_notice(body: bytes) -> Told | None:
    """`{"action": "terminate", "time": ...}`; anything else at this path is not the metadata service's."""
    return "notice" if _field(body, "action") in _ACTIONS else None


def _is_rebalance(body: bytes) -> Told | None:
    """`{"noticeTime": ...}`."""
    return "rebalance" if _field(body, "noticeTime") else None


def _field(body: bytes, name: str) -> str | None:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return None
    value = document.get(name) if isinstance(document, dict) else None
    return value if isinstance(value, str) else None


def watch(imds: Imds, tell: Callable[[Drain], None], stop: threading.Event) -> None:
    """Polls until a notice came or `stop` is set; what the worker cannot be told is told again at the next poll."""
    state = State()
    while not stop.is_set():
        answer = imds.poll(state.token)
        decision = after_poll(state, answer)
        if answer.told == "unreachable" and state.misses == 0:
            log.info("no instance metadata service at %s:%d", imds.host, imds.port)
        if decision.tell is not None:
            log.warning("this machine is about to go (%s)", answer.told)
            try:
                tell(decision.tell)
            except OSError as error:
                log.warning("the worker cannot be told: %s", error)
                stop.wait(POLL_S)
                continue
        state = decision.state
        if decision.wait_s is None or stop.wait(decision.wait_s):
            return
