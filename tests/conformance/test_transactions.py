"""What becomes of our transactions: stages, nonces, refusals, costs."""

import pytest

from chains_app.adapters.interface import (
    ChainUnavailableError,
    Refusal,
    Signed,
    Stage,
    TransactionRefusedError,
    TransactionStatus,
)
from chains_app.locks import Call, LockState
from tests.conformance.world import World, facts_since, finalize, make, read, ready, signed, terms

NATIVE = ("memory", "memory-growing", "evm", "near")
SEQUENTIAL = ("memory", "evm", "memory-token", "evm-token")
GROWING = ("memory-growing", "near", "memory-growing-token", "near-token")


def stage(world: World, hash_: str) -> Stage:
    tier = list(world.spec.finality)[-1]
    return world.adapter.transaction_status(hash_, world.lock.account, tier).stage


def refusal(world: World, raw: bytes) -> Refusal:
    with pytest.raises(TransactionRefusedError) as refused:
        world.adapter.broadcast(raw)
    return refused.value.reason


def assert_dropped(world: World, sent: Signed, reason: Refusal) -> None:
    """Refused with that reason, or, where nodes answer before they look, never heard of again."""
    if world.answers_unchecked:
        world.adapter.broadcast(sent.raw)
        world.mine(2)
    else:
        assert refusal(world, sent.raw) is reason
    assert stage(world, sent.hash) is Stage.UNKNOWN


def test_rule_6_a_hash_that_nobody_saw_is_unknown(world: World) -> None:
    never_sent = signed(world, Call.LOCK, terms(world), world.lock)
    tier = list(world.spec.finality)[-1]
    status = world.adapter.transaction_status(never_sent.hash, world.lock.account, tier)
    assert status == TransactionStatus(Stage.UNKNOWN)


def test_a_transaction_waits_is_included_and_becomes_final(world: World) -> None:
    bound = ready(world, terms(world))
    with world.hold_blocks():
        sent = make(world, Call.LOCK, bound)
        waits = Stage.UNKNOWN if world.answers_unchecked else Stage.PENDING
        assert stage(world, sent.hash) is waits
        assert read(world, bound).state is LockState.ABSENT
    world.mine()
    assert stage(world, sent.hash) is Stage.INCLUDED
    finalize(world)
    assert stage(world, sent.hash) is Stage.FINAL


def test_a_status_names_the_block_of_inclusion(world: World) -> None:
    sent = make(world, Call.LOCK, terms(world))
    tier = list(world.spec.finality)[-1]
    status = world.adapter.transaction_status(sent.hash, world.lock.account, tier)
    assert status.height is not None
    assert world.adapter.block(status.height).hash == status.block_hash


def test_the_same_bytes_sent_again_change_nothing(world: World) -> None:
    bound = ready(world, terms(world))
    start = world.adapter.head().height
    with world.hold_blocks():
        sent = make(world, Call.LOCK, bound)
        world.adapter.broadcast(sent.raw)
    world.mine()
    world.adapter.broadcast(sent.raw)
    world.mine()
    assert read(world, bound).state is LockState.OPEN
    assert len(facts_since(world, start).facts) == 1


def test_signing_is_deterministic_and_needs_no_node(world: World) -> None:
    bound, key = terms(world), world.lock
    prepared = world.adapter.prepare(Call.LOCK, bound, key)
    nonce = prepared.nonce_floor
    first = world.adapter.sign(Call.LOCK, bound, prepared, key, nonce, None)
    alone = world.unreachable()
    assert alone.sign(Call.LOCK, bound, prepared, key, nonce, None) == first


def test_a_used_nonce_is_refused(world: World) -> None:
    bound = terms(world)
    first = signed(world, Call.LOCK, bound, world.lock)
    other = signed(world, Call.REFUND, bound, world.lock)
    world.adapter.broadcast(first.raw)
    world.include()
    assert_dropped(world, other, Refusal.NONCE_USED)


def test_the_keys_nonces_follow_the_head_and_then_the_final_block(world: World) -> None:
    bound = ready(world, terms(world))
    finalize(world)
    before = world.adapter.key_state(world.lock)
    nonce = world.adapter.prepare(Call.LOCK, bound, world.lock).nonce_floor
    assert (before.final_nonce, before.head_nonce) == (nonce - 1, nonce - 1)
    make(world, Call.LOCK, bound)
    assert world.adapter.key_state(world.lock).head_nonce == nonce
    finalize(world)
    after = world.adapter.key_state(world.lock)
    assert (after.final_nonce, after.head_nonce) == (nonce, nonce)
    assert after.head_height == world.adapter.head().height


@pytest.mark.parametrize("world", NATIVE, indirect=True)
def test_what_an_account_lacks_is_refused(world: World) -> None:
    too_much = world.adapter.balance(world.lock.account, None)
    lock = signed(world, Call.LOCK, terms(world, amount=too_much), world.lock)
    assert_dropped(world, lock, Refusal.NO_FUNDS)


def test_garbage_is_refused(world: World) -> None:
    assert refusal(world, b"no transaction") is Refusal.INVALID


@pytest.mark.parametrize("call", [Call.LOCK, Call.WITHDRAW, Call.REFUND_EARLY])
def test_the_cost_stays_below_the_cap(world: World, call: Call) -> None:
    bound = ready(world, terms(world))
    key = world.duty if call is Call.WITHDRAW else world.lock
    if call is not Call.LOCK:
        make(world, Call.LOCK, bound)
    prepared = world.adapter.prepare(call, bound, key)
    assert prepared.cost_cap <= world.spec.cost_cap(call, bound)
    before = world.adapter.balance(key.account, None)
    make(world, call, bound, key)
    assert 0 < before - world.adapter.balance(key.account, None) <= prepared.cost_cap
    assert prepared.balance <= before


def test_a_withdrawal_without_its_secret_is_not_signed(world: World) -> None:
    bound = terms(world)
    prepared = world.adapter.prepare(Call.WITHDRAW, bound, world.duty)
    with pytest.raises(ValueError, match="needs its secret"):
        world.adapter.sign(Call.WITHDRAW, bound, prepared, world.duty, 0, None)


def test_rule_6_a_send_without_an_answer_is_not_tried_again(world: World) -> None:
    sent = signed(world, Call.LOCK, terms(world), world.lock)
    with pytest.raises(ChainUnavailableError):
        world.unreachable().broadcast(sent.raw)


@pytest.mark.parametrize("world", SEQUENTIAL, indirect=True)
def test_a_replacement_with_raised_fees_takes_the_nonce(world: World) -> None:
    bound, key = ready(world, terms(world)), world.lock
    prepared = world.adapter.prepare(Call.LOCK, bound, key)
    nonce = prepared.nonce_floor
    raised = world.adapter.replace(prepared, 13)
    assert raised.cost_cap > prepared.cost_cap
    slow = world.adapter.sign(Call.LOCK, bound, prepared, key, nonce, None)
    same = world.adapter.sign(Call.REFUND, bound, prepared, key, nonce, None)
    fast = world.adapter.sign(Call.LOCK, bound, raised, key, nonce, None)
    with world.hold_blocks():
        world.adapter.broadcast(slow.raw)
        assert refusal(world, same.raw) is Refusal.UNDERPRICED
        world.adapter.broadcast(fast.raw)
    world.mine()
    assert stage(world, fast.hash) is Stage.INCLUDED
    assert stage(world, slow.hash) is Stage.UNKNOWN
    assert read(world, bound).state is LockState.OPEN


@pytest.mark.parametrize("world", SEQUENTIAL, indirect=True)
def test_a_gap_of_nonces_waits_until_a_transfer_to_self_fills_it(world: World) -> None:
    bound, key = ready(world, terms(world)), world.lock
    prepared = world.adapter.prepare(Call.LOCK, bound, key)
    nonce = prepared.nonce_floor
    later = world.adapter.sign(Call.LOCK, bound, prepared, key, nonce + 1, None)
    world.adapter.broadcast(later.raw)
    world.include()
    assert stage(world, later.hash) is Stage.PENDING
    filler = world.adapter.prepare_transfer_to_self(key)
    filling = world.adapter.sign(None, None, filler, key, nonce, None)
    before = world.adapter.balance(key.account, None)
    world.adapter.broadcast(filling.raw)
    world.include()
    assert stage(world, later.hash) is Stage.INCLUDED
    assert stage(world, filling.hash) is Stage.INCLUDED
    locked = bound.amount if bound.token is None else 0
    spent = before - world.adapter.balance(key.account, None) - locked
    assert 0 < spent <= filler.cost_cap + prepared.cost_cap - locked


@pytest.mark.parametrize("world", GROWING, indirect=True)
def test_nonces_may_leave_gaps_and_fees_are_not_raised(world: World) -> None:
    bound, key = ready(world, terms(world)), world.lock
    prepared = world.adapter.prepare(Call.LOCK, bound, key)
    sent = world.adapter.sign(Call.LOCK, bound, prepared, key, prepared.nonce_floor + 5, None)
    world.adapter.broadcast(sent.raw)
    world.include()
    assert read(world, bound).state is LockState.OPEN
    assert world.adapter.key_state(key).head_nonce == prepared.nonce_floor + 5


@pytest.mark.parametrize("world", GROWING, indirect=True)
def test_a_transaction_expires_at_the_height_that_was_told(world: World) -> None:
    sent = signed(world, Call.LOCK, terms(world), world.lock)
    expires = world.adapter.prepare(Call.LOCK, terms(world), world.lock).expires_at_height
    assert expires is not None
    world.mine(expires - world.adapter.head().height)
    assert_dropped(world, sent, Refusal.EXPIRED)
