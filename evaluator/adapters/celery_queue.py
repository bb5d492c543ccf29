"""Hints over Celery and Redis: sent by task name, so that nothing of a worker is imported here."""

from typing import Any

from celery import Celery
from kombu.exceptions import OperationalError
from redis import Redis
from redis.exceptions import RedisError

from evaluator.errors import BrokerUnavailable, UsageFault

TASK = "debrief.score"
QUEUE = "hints"
KEY_PREFIX = "debrief:"
HINT_SCHEMA = 1
SOCKET_TIMEOUT_S = 5


def celery_app(broker_url: str, *, soft_shutdown_s: float = 30.0) -> Celery:
    """The Celery application that both sides share; opens no connection.

    A hint may be lost, doubled or late: rows in PostgreSQL are the truth, so acknowledging late and rejecting on a
    lost child only save time.
    """
    if not broker_url.startswith(("redis://", "rediss://")):
        raise UsageFault("DEBRIEF_BROKER_URL must be redis://... or rediss://...")
    app = Celery("debrief", broker=broker_url, set_as_current=False)
    app.conf.update(
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
            "socket_timeout": SOCKET_TIMEOUT_S,
            "socket_connect_timeout": SOCKET_TIMEOUT_S,
            "socket_keepalive": True,
            "health_check_interval": 25,
            "global_keyprefix": KEY_PREFIX,
        },
    )
    return app


class CeleryHints:
    """The hint queue on Redis or Valkey."""

    def __init__(self, broker_url: str) -> None:
        self._app = celery_app(broker_url)
        self._redis: Any = Redis.from_url(
            broker_url, socket_timeout=SOCKET_TIMEOUT_S, socket_connect_timeout=SOCKET_TIMEOUT_S
        )
        address = self._redis.connection_pool.connection_kwargs
        self.where = f"{address.get('host', 'local socket')}:{address.get('port', '')}"

    def send(self, count: int) -> None:
        """Puts that many hints on the queue; BrokerUnavailable."""
        try:
            for _ in range(count):
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
