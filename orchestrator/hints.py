"""Hints: Celery messages that say that a queue has work. The database is the queue (rule 8).

A hint may be lost, doubled or late without changing any result: sweeps find what it would have
announced. So sending one never fails, and never waits long.
"""

from collections.abc import Callable, Sequence
from typing import Final

import structlog
from celery import Celery
from django.conf import settings
from django.db import transaction
from kombu.exceptions import KombuError
from redis import Redis
from redis.exceptions import RedisError

from orchestrator.kernel.circuit import Circuit
from orchestrator.observability.metrics import hints_lost

PENDING_SECONDS: Final = 2  # how long a hint that got lost can keep others from being sent
EXPIRES_SECONDS: Final = 60  # a hint that nobody took for so long is what sweeps are for

log = structlog.get_logger(__name__)

_producer = Celery("hints", set_as_current=False)
_producer.config_from_object("django.conf:settings", namespace="CELERY")
_producer.conf.broker_transport_options = {
    "max_retries": 0,  # unset, a publisher waits for a lost broker for ever
    "socket_connect_timeout": 0.5,
    "socket_timeout": 0.5,
}
_broker = Circuit(pause=1)
# marks of those on their way
_pending = Redis.from_url(settings.REDIS_URL, **settings.REDIS_OPTIONS)


def send_hint(task_name: str, *of: str) -> None:
    """When the transaction commits, tell a worker to run `task_name`, unless one is told already.

    A hint says that there is work, not which: at most `of` what, where a task has several queues,
    as polling has one a chain. Outside of a transaction it needs no database, which may be away.
    """
    if transaction.get_connection().in_atomic_block:
        transaction.on_commit(lambda: _send(task_name, of))
    else:
        _send(task_name, of)


def take_hint(task_name: str, *of: str) -> None:
    """The task begins: work that becomes due from here on needs a new hint."""
    _attempt(lambda: _pending.delete(_key(task_name, of)))


def _send(task_name: str, of: Sequence[str]) -> None:
    _attempt(lambda: _publish_unless_pending(task_name, of))


def _publish_unless_pending(task_name: str, of: Sequence[str]) -> None:
    if _pending.set(_key(task_name, of), 1, nx=True, ex=PENDING_SECONDS):
        _producer.send_task(task_name, of, retry=False, ignore_result=True, expires=EXPIRES_SECONDS)


def _attempt(call: Callable[[], object]) -> None:
    if _broker.is_open:
        return
    try:
        call()
    except (RedisError, KombuError, OSError) as error:
        _broker.fail()
        hints_lost.inc()
        log.warning("hint_lost", reason=type(error).__name__)


def _key(task_name: str, of: Sequence[str] = ()) -> str:
    return ":".join(("hint", task_name, *of))
