import json
from contextlib import suppress
from typing import Any

import pytest
from django.db import transaction
from pytest_django import Settings
from redis import Redis

from chains_app.heads import POLL_TASK
from chains_app.tasks import poll_chains
from devnet.processes import free_port
from orchestrator import hints
from orchestrator.celery import begin_task
from orchestrator.hints import send_hint, take_hint
from orchestrator.kernel.circuit import Circuit
from orchestrator.observability.metrics import hints_lost

pytestmark = pytest.mark.django_db(transaction=True)

TASK = "sessions_app.tasks.advance_due"


@pytest.fixture
def redis(settings: Settings) -> Redis:
    """Redis, empty."""
    client: Redis = Redis.from_url(settings.REDIS_URL)
    client.flushdb()
    return client


def queued(redis: Redis, queue: str = "sessions") -> list[str]:
    """The names of the tasks whose messages wait in `queue`."""
    messages: Any = redis.lrange(queue, 0, -1)
    return [json.loads(message)["headers"]["task"] for message in messages]


def test_a_hint_is_sent_at_once_outside_of_a_transaction(redis: Redis) -> None:
    send_hint(TASK)
    assert queued(redis) == [TASK]


def test_a_hint_goes_to_the_queue_of_its_app(redis: Redis) -> None:
    send_hint("chains_app.tasks.poll")
    send_hint("orchestrator.http.tasks.forget_old_answers")
    assert queued(redis, "chains") == ["chains_app.tasks.poll"]
    assert queued(redis, "housekeeping") == ["orchestrator.http.tasks.forget_old_answers"]


def test_a_hint_waits_for_the_commit(redis: Redis) -> None:
    with transaction.atomic():
        send_hint(TASK)
        assert queued(redis) == []
    assert queued(redis) == [TASK]


def test_a_rolled_back_transaction_sends_no_hint(redis: Redis) -> None:
    with suppress(ZeroDivisionError), transaction.atomic():
        send_hint(TASK)
        1 / 0  # noqa: B018
    assert queued(redis) == []


def test_hints_that_find_one_pending_add_none(redis: Redis) -> None:
    with transaction.atomic():
        for _ in range(3):
            send_hint(TASK)
    send_hint(TASK)
    assert queued(redis) == [TASK]


def test_work_that_comes_due_after_the_task_began_gets_its_own_hint(redis: Redis) -> None:
    send_hint(TASK)
    take_hint(TASK)
    send_hint(TASK)
    assert queued(redis) == [TASK, TASK]


def test_a_task_with_several_queues_has_a_hint_for_each(redis: Redis) -> None:
    for chain in ("base", "near", "base"):
        send_hint(POLL_TASK, chain)
    assert queued(redis, "chains") == [POLL_TASK] * 2
    begin_task(task=poll_chains, task_id="1", args=["base"])
    for chain in ("base", "near"):
        send_hint(POLL_TASK, chain)
    assert queued(redis, "chains") == [POLL_TASK] * 3


def test_a_lost_hint_does_not_keep_others_back_for_long(redis: Redis) -> None:
    send_hint(TASK)
    redis.delete("sessions")
    assert 0 < redis.pttl(hints._key(TASK)) <= 1000 * hints.PENDING_SECONDS


def test_a_hint_holds_no_data(redis: Redis) -> None:
    send_hint(TASK)
    (message,) = redis.lrange("sessions", 0, -1)
    headers = json.loads(message)["headers"]
    assert (headers["argsrepr"], headers["kwargsrepr"]) == ("()", "{}")


@pytest.fixture
def _lost_redis(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    lost = Redis(port=free_port(), **settings.REDIS_OPTIONS)
    monkeypatch.setattr(hints, "_pending", lost)
    monkeypatch.setattr(hints, "_broker", Circuit(pause=3600))


@pytest.mark.usefixtures("_lost_redis")
def test_rule_8_without_redis_a_commit_goes_through_and_the_hint_is_lost() -> None:
    before = lost_hints()
    with transaction.atomic():
        send_hint(TASK)
    take_hint(TASK)
    assert lost_hints() == before + 1  # the second one was not tried: the circuit is open
    assert hints._broker.is_open


def lost_hints() -> float:
    (family,) = hints_lost.collect()
    return next(one.value for one in family.samples if one.name == "hints_lost_total")
