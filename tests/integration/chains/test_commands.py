"""The commands of an operator, over the in-memory chains."""

import threading
from dataclasses import replace
from io import StringIO

import pytest
from celery import current_app
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import OperationalError
from redis import Redis

from chains_app.heads import POLL_TASK, follow_heads
from chains_app.intents import OUTBOX_TASK
from chains_app.models import ChainCursor, Signer
from chains_app.outbox.nonces import sync_signers
from chains_app.registry import get_adapter, get_chain, signing_keys, use_adapters
from chains_app.signers import SignerCaps, SignerRole
from chains_app.tasks import poll_chains, run_outbox
from tests.integration.chains.world import World

ETHER = 10**18


def test_check_chains_shows_every_contract_and_account(world: World) -> None:
    world.base.fund("lock", 10_000 * ETHER + 8 * ETHER // 100)
    out = StringIO()
    call_command("check_chains", stdout=out)
    assert out.getvalue().splitlines() == [
        "  contract escrows",
        "  lock  lock has 10000.080000001 COIN; has no caps",
        "  duty  duty has 0.000000001 COIN; has no caps",
        "base: ok",
        "  contract escrows",
        "  lock  lock has 0.000000001 COIN; has no caps",
        "  duty  duty has 0.000000001 COIN; has no caps",
        "near: ok",
    ]
    assert Signer.objects.count() == 6


def test_check_chains_shows_caps(world: World) -> None:
    caps = {SignerRole.DUTY: SignerCaps(transaction=1, hour=2 * ETHER, day=5 * ETHER // 2)}
    specs = {"base": replace(get_chain("base"), caps=caps)}
    out = StringIO()
    keys = {"base": {role: signing_keys("base", role) for role in SignerRole}}
    with use_adapters({"base": get_adapter("base")}, specs, keys):
        call_command("check_chains", stdout=out)
    assert out.getvalue().splitlines() == [
        "  contract escrows",
        "  lock  lock has 0.000000001 COIN; has no caps",
        "  duty  duty has 0.000000001 COIN; spends at most 0.000000000000000001 COIN per "
        "transaction, 2 COIN per hour, 2.5 COIN per day",
        "base: ok",
    ]


def test_check_chains_fails_on_a_wrong_contract(world: World) -> None:
    world.base.contract = "another"
    with pytest.raises(CommandError, match="base: no escrow contract at escrows"):
        call_command("check_chains", stdout=StringIO())


def test_check_chains_fails_on_an_account_without_money(world: World) -> None:
    world.near.fund("duty", -(10**9) + 199)
    with pytest.raises(CommandError, match="near: duty has 199, not even one transaction's"):
        call_command("check_chains", stdout=StringIO())


def test_check_chains_fails_on_a_role_without_a_running_key(world: World) -> None:
    sync_signers("near")
    locks = Signer.objects.filter(chain="near", role="lock").order_by("pk")
    Signer.objects.filter(pk=locks[0].pk).update(is_enabled=False)
    call_command("check_chains", stdout=StringIO())
    locks.update(is_enabled=False)
    with pytest.raises(CommandError, match=r"^near: our lock signers on near are paused: resume"):
        call_command("check_chains", stdout=StringIO())


def test_check_chains_fails_on_a_chain_that_does_not_answer_and_names_it_once(
    world: World,
) -> None:
    world.base.is_unreachable = True
    with pytest.raises(CommandError, match=r"^base: no node answers$"):
        call_command("check_chains", stdout=StringIO())


def test_each_new_head_is_a_hint_to_poll(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    ended, hints = threading.Event(), list[tuple[str, str]]()

    def hear(task: str, chain: str) -> None:
        hints.append((task, chain))
        if len(hints) == 4:
            ended.set()
        elif len(hints) == 2:  # both first heads were seen
            world.base.mine()
            world.near.mine()

    monkeypatch.setattr("chains_app.heads.send_hint", hear)
    follow_heads(ended, interval=0.001)
    assert sorted(hints) == sorted((POLL_TASK, chain) for chain in ("base", "near") * 2)


def test_the_tasks_are_doors_to_the_services(world: World) -> None:
    world.plan(world.terms())
    assert run_outbox() == 1
    world.base.mine()
    assert poll_chains() == 2  # it begins at the head of each chain
    world.base.mine(3)
    assert poll_chains() == 3
    assert {POLL_TASK, OUTBOX_TASK} <= set(current_app.tasks)


def test_a_poll_of_one_chain_asks_no_other(world: World) -> None:
    world.near.is_unreachable = True
    world.base.mine(2)
    assert poll_chains("base") == 1  # it begins at the head
    assert (poll_chains("near"), poll_chains("a chain of another version")) == (0, 0)
    assert [cursor.chain for cursor in ChainCursor.objects.exclude(hash="")] == ["base"]


@pytest.fixture
def redis() -> Redis:
    """Redis, empty."""
    client: Redis = Redis.from_url(settings.REDIS_URL)
    client.flushdb()
    return client


def test_planning_sends_a_hint(world: World, redis: Redis) -> None:
    world.plan(world.terms())
    assert redis.exists(f"hint:{OUTBOX_TASK}") == 1


def test_a_poll_sends_a_worker_to_what_is_due_and_for_nothing_else(
    world: World, redis: Redis
) -> None:
    poll_chains()
    assert redis.exists(f"hint:{OUTBOX_TASK}") == 0
    world.plan(world.terms())
    redis.flushdb()  # the plan's own hint is lost
    poll_chains()
    assert redis.exists(f"hint:{OUTBOX_TASK}") == 1


def test_a_poll_that_cannot_ask_what_is_due_has_polled(
    world: World, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: object) -> bool:
        raise OperationalError

    monkeypatch.setattr("chains_app.poller.is_any_free", fail)
    assert poll_chains() == 2
    assert redis.exists(f"hint:{OUTBOX_TASK}") == 0
