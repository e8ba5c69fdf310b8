"""A worker may die at any line (rule 14): each crash point of the outbox, and then another run."""

from collections.abc import Callable

import pytest
from django.db import transaction

from chains_app.locks import Call, LockState
from chains_app.models import Attempt, AttemptStatus, IntentStatus
from chains_app.outbox.worker import drain
from chains_app.poller import poll_all
from chains_app.ports import Moment, Verdict
from chains_app.selectors import leg_facts, writes_left
from orchestrator.kernel.hashlock import Secret
from tests.integration.chains.world import (
    YES,
    DeathError,
    MortalAdapter,
    World,
    let_leases_expire,
    make_all_due,
)

CHAINS = ("base", "near")


def dies_at(moment: Moment) -> Callable[..., Verdict]:
    def guard(_: object, asked: Moment) -> Verdict:
        if asked is moment:
            raise DeathError(moment.value)
        return YES

    return guard


def die(world: World, chain: str, point: str) -> None:
    """Run the outbox until it dies at `point`."""
    adapter = world.adapters[chain]
    if point.startswith("guard"):
        world.guard = dies_at(Moment(point.removeprefix("guard ")))
    else:
        when, method = point.split()
        setattr(adapter, f"dies_{when}", method)
    with pytest.raises(DeathError):
        drain()
    adapter.dies_before = adapter.dies_after = None
    world.guard = lambda _, __: YES


def live_on(world: World) -> None:
    let_leases_expire()
    world.turn(6)


# what stands in the database after a death at each point: how many attempts, and whether one left
POINTS = {
    "guard sign": (0, False),
    "before prepare": (0, False),
    "after prepare": (0, False),
    "before sign": (0, False),
    "after sign": (0, False),  # in the transaction, before its commit
    "guard send": (1, False),  # signed and committed
    "before broadcast": (1, True),  # `left_at` committed, nothing sent
    "after broadcast": (1, True),  # sent, and nobody wrote it down
}


@pytest.mark.parametrize("chain", CHAINS)
@pytest.mark.parametrize("point", POINTS)
def test_rule_14_a_lock_survives_a_death_at_every_point(
    world: World, chain: str, point: str
) -> None:
    reference = world.plan(world.terms(chain))
    die(world, chain, point)
    attempts, has_left = POINTS[point]
    assert len(world.attempts(reference)) == attempts
    assert writes_left([reference]) == ({reference: {Call.LOCK}} if has_left else {})
    live_on(world)
    assert world.intent(reference).status == IntentStatus.DONE
    assert len(world.attempts(reference)) == 1
    assert leg_facts([reference])[reference].final is LockState.OPEN
    assert world.chains[chain].state.balance("escrows", None) == 10_000


@pytest.mark.parametrize("chain", CHAINS)
@pytest.mark.parametrize("point", POINTS)
def test_rule_14_a_withdrawal_survives_a_death_at_every_point(
    world: World, chain: str, point: str
) -> None:
    secret = Secret.generate()
    terms = world.terms(chain, secret)
    reference = world.plan(terms)
    world.turn(4)
    world.plan(terms, Call.WITHDRAW, reference=reference, secret_id=world.keep(secret))
    die(world, chain, point)
    live_on(world)
    assert world.intent(reference, Call.WITHDRAW).status == IntentStatus.DONE
    assert leg_facts([reference])[reference].final is LockState.WITHDRAWN
    assert len(world.attempts(reference)) == 2


@pytest.mark.parametrize("point", ["after sign", "guard send"])
def test_rule_5_before_left_at_nothing_was_sent(world: World, point: str) -> None:
    reference = world.plan(world.terms())
    die(world, "base", point)
    assert world.base.mempool == []
    assert writes_left([reference]) == {}


def test_rule_5_a_signed_attempt_is_sent_by_the_next_run_as_it_is(world: World) -> None:
    reference = world.plan(world.terms())
    die(world, "base", "guard send")
    signed = world.attempts(reference)[0].hash
    let_leases_expire()
    drain()
    assert [pending.hash for pending in world.base.mempool] == [signed]


@pytest.mark.parametrize(
    "point",
    ["after transaction_status", "after key_state", "after read_lock", "after head"],
)
def test_rule_14_following_survives_a_death(world: World, point: str) -> None:
    reference = world.plan(world.terms())
    drain()
    world.base.mine()
    make_all_due()
    die(world, "base", point)
    live_on(world)
    assert world.statuses(reference) == [AttemptStatus.FINAL]
    assert world.intent(reference).status == IntentStatus.DONE


@pytest.mark.parametrize("method", ["final", "head", "facts", "read_lock"])
def test_rule_14_the_poller_survives_a_death(world: World, method: str) -> None:
    terms = world.terms(ours=False)
    reference = world.plan(terms, Call.REFUND_EARLY)
    poll_all()
    world.lock_by_maker(terms)
    adapter: MortalAdapter = world.adapters["base"]
    adapter.dies_after = method
    with pytest.raises(DeathError):
        poll_all()
    adapter.dies_after = None
    assert leg_facts([reference])[reference].head is LockState.ABSENT
    let_leases_expire()
    poll_all()
    assert leg_facts([reference])[reference].head is LockState.OPEN


def test_rule_14_a_commit_that_fails_leaves_nothing_of_a_signature(world: World) -> None:
    reference = world.plan(world.terms())
    adapter = world.adapters["base"]
    adapter.before["sign"] = transaction.get_connection().close  # the database goes away
    drain()
    assert Attempt.objects.count() == 0
    let_leases_expire()
    world.turn(5)
    assert world.intent(reference).status == IntentStatus.DONE
