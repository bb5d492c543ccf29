"""Hints over Celery and Redis: sent by task name, so that nothing of a worker is imported here."""

import base64
import json
import logging
import ssl
import time
import uuid
from typing import Any

from celery import Celery
from kombu.exceptions import OperationalError
from kombu.transport import redis as kombu_redis
from redis import Redis
from redis.exceptions import RedisError

from evaluator.errors import BrokerUnavailable, UsageFault

TASK = "debrief.score"
QUEUE = "hints"
KEY_PREFIX = "debrief:"
HINT_SCHEMA = 1
TAG_CHARS_MAX = 64
_HINT_BODY = json.dumps([[], {"schema": HINT_SCHEMA}, {}]).encode()  # arguments, by name, and nothing to follow
SOCKET_TIMEOUT_S = 5.0
ANSWER_WITHIN_S = 1.0  # for a sender: a hint that cannot be sent now is sent by a later tick
SEND_WITHIN_S = 2.0  # for all hints of one call

log = logging.getLogger(__name__)


def celery_app(
    broker_url: str, *, soft_shutdown_s: float = 30.0, answer_within_s: float = SOCKET_TIMEOUT_S, patient: bool = True
) -> Celery:
    """The Celery application that both sides share; opens no connection.

    patient: a connection that is refused is tried again; a sender has no time for that.

    A hint may be lost, doubled or late: rows in PostgreSQL are the truth, so acknowledging late and rejecting on a
    lost child only save time.
    """
    if not broker_url.startswith(("redis://", "rediss://")):
        raise UsageFault("DEBRIEF_BROKER_URL must be redis://... or rediss://...")
    app = Celery("debrief", broker=broker_url, set_as_current=False)
    app.conf.update(
        broker_transport=f"{__name__}:HintTransport",
        # Kombu looks for "rediss" in the transport's name, not in the URL's, and would speak plain text.
        broker_use_ssl={"ssl_cert_reqs": ssl.CERT_REQUIRED} if broker_url.startswith("rediss://") else False,
        task_default_queue=QUEUE,
        task_serializer="json",
        accept_content=["json"],
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        task_ignore_result=True,
        task_soft_time_limit=900,
        task_time_limit=1200,
        worker_prefetch_multiplier=1,
        worker_soft_shutdown_timeout=soft_shutdown_s,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        worker_enable_remote_control=False,
        worker_send_task_events=False,
        worker_hijack_root_logger=False,
        broker_connection_retry_on_startup=True,
        broker_transport_options={
            "visibility_timeout": 3_600,
            "unacked_restore_interval": 10,
            "unacked_restore_throttle": 1,
            "unacked_mutex_expire": 30,
            "socket_timeout": answer_within_s,
            "socket_connect_timeout": answer_within_s,
            "socket_keepalive": True,
            "health_check_interval": 25,
            "global_keyprefix": KEY_PREFIX,
            **({} if patient else {"max_retries": 0}),
        },
    )
    return app


class HintChannel(kombu_redis.Channel):
    """Drops what is not even JSON; an error here would end the whole worker."""

    def _brpop_read(self, **options: Any) -> Any:
        try:
            return super()._brpop_read(**options)  # type: ignore[no-untyped-call]  # kombu carries no types
        except (ValueError, RecursionError) as error:
            log.warning("dropped bytes from the queue that are no message (%s)", type(error).__name__)
            return True


class HintTransport(kombu_redis.Transport):
    """Redis; whatever lies in the queue is taken as the one thing that a hint can say."""

    Channel = HintChannel

    def _deliver(self, message: Any, queue: Any) -> Any:
        hint = plain_hint(message) if queue == QUEUE else message
        return super()._deliver(hint, queue)  # type: ignore[no-untyped-call]


def plain_hint(message: object) -> dict[str, Any]:
    """A hint as Celery's message, of which only the tag is taken over.

    So a forged one cannot name another task, set a time limit that kills the worker's child, ask for a time that
    makes the worker hold it, or bring callbacks along.
    """
    properties = message.get("properties") if isinstance(message, dict) else None
    tag = properties.get("delivery_tag") if isinstance(properties, dict) else None
    if not isinstance(tag, str) or not 0 < len(tag) <= TAG_CHARS_MAX:
        tag = uuid.uuid4().hex
    return {
        "body": base64.b64encode(_HINT_BODY).decode(),
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": {"lang": "py", "task": TASK, "id": tag, "root_id": tag, "parent_id": None, "retries": 0},
        "properties": {
            "correlation_id": tag,
            "delivery_info": {"exchange": "", "routing_key": QUEUE},
            "delivery_tag": tag,
            "body_encoding": "base64",
        },
    }


class CeleryHints:
    """The hint queue on Redis or Valkey; no call takes much longer than SEND_WITHIN_S, whatever the server does."""

    def __init__(self, broker_url: str) -> None:
        self._app = celery_app(broker_url, answer_within_s=ANSWER_WITHIN_S, patient=False)
        self._redis: Any = Redis.from_url(
            broker_url, socket_timeout=ANSWER_WITHIN_S, socket_connect_timeout=ANSWER_WITHIN_S
        )
        address = self._redis.connection_pool.connection_kwargs
        self.where = f"{address.get('host', 'local socket')}:{address.get('port', '')}"

    def send(self, count: int) -> None:
        """Puts that many hints on the queue, or as many as there is time for; BrokerUnavailable."""
        deadline = time.monotonic() + SEND_WITHIN_S
        try:
            for _ in range(count):
                if time.monotonic() > deadline:
                    return
                self._app.send_task(TASK, kwargs={"schema": HINT_SCHEMA}, queue=QUEUE, retry=False)
        except (OperationalError, RedisError, OSError) as error:
            raise self._unavailable(error) from error

    def length(self) -> int:
        """Hints waiting; BrokerUnavailable."""
        try:
            return int(self._redis.llen(f"{KEY_PREFIX}{QUEUE}"))
        except (RedisError, OSError) as error:
            raise self._unavailable(error) from error

    def close(self) -> None:
        """Closes connections."""
        self._app.close()
        self._redis.close()

    def _unavailable(self, error: Exception) -> BrokerUnavailable:
        return BrokerUnavailable(f"Redis at {self.where} cannot be used ({type(error).__name__}); see: debrief doctor")
