"""A payout that fails leaves the lock decided and owed, payable by anybody at any time."""

import hashlib
from typing import Any

import pytest

from devnet.near.client import NEAR
from tests.contracts.near.interface import (
    GAS_NEEDED,
    REFUNDED_COST,
    SECRET,
    STORAGE_DEPOSIT,
    Lock,
    events,
    refusal,
)
from tests.contracts.near.world import World, create_account, delete_account

GHOST = "ghost.test.near"


def owed_native_lock(world: World, **changes: Any) -> Lock:
    """Decided for a beneficiary whose account does not exist."""
    lock = world.open_native_lock(beneficiary=GHOST, **changes)
    assert world.htlc.withdraw(world.carol, lock).json is False
    return lock


def owed_token_lock(world: World) -> Lock:
    """Decided for a beneficiary who is not registered with the token."""
    lock = world.open_token_lock(beneficiary="carol.test.near")
    assert world.htlc.withdraw(world.alice, lock).json is False
    return lock


def owed(lock: Lock, payer: str) -> dict[str, object]:
    decided = {"state": "owed_to_beneficiary", "in_flight": False, "secret": SECRET.hex()}
    return {"id": lock.id(), **decided, **lock.arguments(), "payer": payer}


def test_a_withdrawal_to_a_missing_account_stays_owed(world: World) -> None:
    lock = world.open_native_lock(beneficiary=GHOST)
    held = world.near.balance("htlc.test.near")
    failed = world.htlc.withdraw(world.carol, lock)
    receiver = {"receiver": GHOST, "token": None, "amount": str(lock.amount)}
    assert events(failed) == [
        ("lock_withdrawn", {"id": lock.id(), "secret": SECRET.hex()}),
        ("payout_failed", {"id": lock.id(), **receiver}),
    ]
    assert world.htlc.get(lock) == owed(lock, payer="alice.test.near")
    assert world.near.balance("htlc.test.near") >= held


def test_a_withdrawal_to_an_unregistered_account_stays_owed(world: World) -> None:
    lock = owed_token_lock(world)
    assert world.htlc.get(lock) == owed(lock, payer="carol.test.near")
    assert world.token.balance("htlc.test.near") == lock.amount


def test_what_is_owed_to_the_beneficiary_is_never_refunded(world: World) -> None:
    lock = owed_native_lock(world)
    world.pass_hours(3)
    refused = f"E_NOT_OPEN: lock {lock.id()} is owed_to_beneficiary"
    assert refusal(world.htlc.refund(world.alice, lock)) == refused
    assert refusal(world.htlc.withdraw(world.alice, lock)) == refused
    assert refusal(world.htlc.refund_early(world.bob, lock)) == refused


@pytest.mark.parametrize("hours", [0, 3])
def test_anybody_pays_a_new_account_before_and_after_the_timelock(world: World, hours: int) -> None:
    lock = owed_native_lock(world)
    world.pass_hours(hours)
    assert world.htlc.pay(world.alice, lock).json is False
    create_account(world.near, world.root, GHOST, NEAR)
    paid = world.htlc.pay(world.carol, lock)
    assert paid.json is True
    receiver = {"receiver": GHOST, "token": None, "amount": str(lock.amount)}
    assert events(paid) == [("payout_made", {"id": lock.id(), **receiver})]
    assert world.near.balance(GHOST) == NEAR + lock.amount
    assert world.htlc.state(lock) == "withdrawn"


@pytest.mark.parametrize("hours", [0, 3])
def test_anybody_pays_once_the_beneficiary_is_registered(world: World, hours: int) -> None:
    lock = owed_token_lock(world)
    world.pass_hours(hours)
    world.token.register(world.root, "carol.test.near")
    assert world.htlc.pay(world.alice, lock).json is True
    assert world.token.balance("carol.test.near") == lock.amount
    assert world.token.balance("htlc.test.near") == 0
    assert world.htlc.get(lock)["secret"] == SECRET.hex()


def test_a_refund_that_fails_is_owed_to_the_depositor(world: World) -> None:
    lock = world.open_token_lock(amount=1_000_000)
    gone = world.token.call(world.alice, "storage_unregister", {"force": True}, deposit=1)
    assert gone.json is True
    refunded = world.htlc.refund_early(world.bob, lock)
    assert refunded.json is False
    assert [name for name, _ in events(refunded)] == ["lock_refunded", "payout_failed"]
    assert world.htlc.state(lock) == "owed_to_depositor"
    refused = world.htlc.withdraw(world.bob, lock)
    assert refusal(refused) == f"E_NOT_OPEN: lock {lock.id()} is owed_to_depositor"
    world.token.register(world.root, "alice.test.near")
    assert world.htlc.pay(world.carol, lock).json is True
    assert world.htlc.state(lock) == "refunded"
    assert world.token.balance("alice.test.near") == lock.amount


def test_a_refund_to_a_deleted_account_is_owed_until_it_is_there_again(world: World) -> None:
    depositor = create_account(world.near, world.root, GHOST, 10 * NEAR)
    lock = world.native_lock(depositor=GHOST)
    assert world.htlc.lock(depositor, lock).failures == []
    delete_account(world, depositor)
    world.pass_hours(2)
    assert world.htlc.refund(world.carol, lock).json is False
    by_time = {"state": "owed_to_depositor", "in_flight": False, "secret": None}
    assert world.htlc.get(lock) == owed(lock, payer=GHOST) | by_time
    assert world.htlc.pay(world.bob, lock).json is False

    create_account(world.near, world.root, GHOST, NEAR)
    assert world.htlc.pay(world.carol, lock).json is True
    given_back = STORAGE_DEPOSIT - REFUNDED_COST
    assert world.near.balance(GHOST) == NEAR + lock.amount + given_back
    assert world.htlc.state(lock) == "refunded"


def test_a_refund_to_an_account_taken_off_the_token_is_owed_until_it_registers(
    world: World,
) -> None:
    lock = world.open_token_lock(amount=1_000_000)
    gone = world.token.call(world.alice, "storage_unregister", {"force": True}, deposit=1)
    assert gone.json is True
    world.pass_hours(2)
    refunded = world.htlc.refund(world.carol, lock)
    assert refunded.json is False
    assert events(refunded)[0] == ("lock_refunded", {"id": lock.id(), "early": False})
    by_time = {"state": "owed_to_depositor", "in_flight": False, "secret": None}
    assert world.htlc.get(lock) == owed(lock, payer="carol.test.near") | by_time
    assert world.htlc.pay(world.bob, lock).json is False

    world.token.register(world.root, "alice.test.near")
    assert world.htlc.pay(world.bob, lock).json is True
    assert world.token.balance("alice.test.near") == lock.amount
    assert world.htlc.state(lock) == "refunded"


def test_a_lock_that_is_not_owed_is_not_paid(world: World) -> None:
    lock = world.open_native_lock()
    refused = world.htlc.pay(world.bob, lock)
    assert refusal(refused) == f"E_NOT_OWED: lock {lock.id()} is open"
    world.htlc.withdraw(world.carol, lock)
    refused = world.htlc.pay(world.bob, lock)
    assert refusal(refused) == f"E_NOT_OWED: lock {lock.id()} is withdrawn"


def test_a_lost_storage_refund_does_not_undo_the_payout(world: World) -> None:
    payer = create_account(world.near, world.root, "payer.test.near", 10 * NEAR)
    lock = world.token_lock()
    assert world.htlc.prepare(payer, lock).failures == []
    assert world.fund(lock).json == str(lock.amount)
    delete_account(world, payer)
    withdrawn = world.htlc.withdraw(world.bob, lock)
    assert withdrawn.json is True
    [failure] = withdrawn.failures
    assert failure["ActionError"]["kind"] == {
        "AccountDoesNotExist": {"account_id": "payer.test.near"}
    }
    assert world.htlc.state(lock) == "withdrawn"
    assert world.token.balance("bob.test.near") == 1_000_700


@pytest.mark.parametrize("method", ["withdraw", "refund", "refund_early", "pay"])
@pytest.mark.parametrize("asset", ["native", "token"])
def test_too_little_gas_is_refused_at_entry(world: World, method: str, asset: str) -> None:
    lock = world.open_native_lock() if asset == "native" else world.open_token_lock()
    before = world.near.balance("bob.test.near")
    secret = {"secret": SECRET.hex()} if method == "withdraw" else {}
    deposit = 1 if method == "refund_early" else 0
    refused = world.htlc.call(
        world.bob, method, {"id": lock.id(), **secret}, deposit=deposit, gas=64
    )
    needed = GAS_NEEDED
    assert refusal(refused) == f"E_GAS: attached {64 * 10**12} gas, attach {needed}"
    assert world.spent(world.bob, before, refused) == 0
    assert world.htlc.state(lock) == "open"


@pytest.mark.parametrize("asset", ["native", "token"])
def test_the_gas_that_is_asked_for_is_enough(world: World, asset: str) -> None:
    lock = world.open_native_lock() if asset == "native" else world.open_token_lock()
    arguments = {"id": lock.id(), "secret": SECRET.hex()}
    withdrawn = world.htlc.call(world.carol, "withdraw", arguments, gas=65)
    assert withdrawn.json is True
    assert world.htlc.state(lock) == "withdrawn"


def test_the_gas_is_enough_for_an_account_that_the_transfer_makes(world: World) -> None:
    implicit = "ab" * 32
    lock = world.open_native_lock(beneficiary=implicit)
    arguments = {"id": lock.id(), "secret": SECRET.hex()}
    assert world.htlc.call(world.carol, "withdraw", arguments, gas=65).json is True
    assert world.near.balance(implicit) == lock.amount


def test_nothing_else_is_accepted_while_a_payout_is_in_flight(world: World) -> None:
    lock = world.open_native_lock(beneficiary="carol.test.near")
    by_id = {"id": lock.id()}
    with world.blocks_by_hand():
        world.submit(world.bob, "withdraw", {**by_id, "secret": SECRET.hex()})
        world.mine_until(lambda: world.htlc.get(lock)["in_flight"])
        assert world.htlc.get(lock) == owed(lock, payer="alice.test.near") | {"in_flight": True}
        paying = world.submit(world.root, "pay", by_id)
        withdrawing = world.submit(world.alice, "withdraw", {**by_id, "secret": SECRET.hex()})
        refunding = world.submit(world.carol, "refund_early", by_id, deposit=1)
    late = f"E_IN_FLIGHT: lock {lock.id()} is being paid"
    decided = f"E_NOT_OPEN: lock {lock.id()} is owed_to_beneficiary"
    assert refusal(world.outcome(paying, world.root)) == late
    assert refusal(world.outcome(withdrawing, world.alice)) == decided
    assert refusal(world.outcome(refunding, world.carol)) == decided
    assert world.htlc.state(lock) == "withdrawn"


def test_paying_again_in_every_block_takes_nobody_elses_money(world: World) -> None:
    """The money of a failed transfer comes back in a receipt of its own, while others ask again."""
    secret = b"\1" * 32
    other = world.open_native_lock(hashlock=hashlib.sha256(secret).hexdigest())
    lock = owed_native_lock(world, amount=500 * NEAR)
    states = set()
    with world.blocks_by_hand():
        for _ in range(12):
            world.submit(world.carol, "pay", {"id": lock.id()})
            world.near.mine()
            in_flight = world.htlc.get(lock)["in_flight"]
            states.add(in_flight)
            needed = other.amount + (0 if in_flight else lock.amount) + 2 * STORAGE_DEPOSIT
            assert world.near.balance("htlc.test.near") > needed
    assert states == {False, True}
    assert world.htlc.get(lock)["in_flight"] is False
    bob = world.near.balance("bob.test.near")
    assert world.htlc.withdraw(world.carol, other, secret).json is True
    assert world.near.balance("bob.test.near") == bob + other.amount


def test_a_withdrawal_between_ft_on_transfer_and_its_resolution_leaves_it_nothing_to_take(
    world: World,
) -> None:
    """The token asks the escrow what it keeps, and moves tokens back, in two later blocks."""
    lock = world.prepared_lock()
    with world.blocks_by_hand():
        funding = world.submit_funding(lock)
        world.mine_until(lambda: world.htlc.state(lock) == "open")
        secret = {"id": lock.id(), "secret": SECRET.hex()}
        withdrawal = world.submit(world.carol, "withdraw", secret)
    assert world.outcome(withdrawal, world.carol).json is True
    assert world.outcome(funding, world.alice).json == str(lock.amount)
    assert world.token.balance("bob.test.near") == 1_000_700
    assert world.token.balance("alice.test.near") == 1_000_000 - lock.amount
    assert world.token.balance("htlc.test.near") == 0


def test_the_callback_is_the_contracts_own(world: World) -> None:
    lock = owed_native_lock(world)
    refused = world.htlc.call(world.bob, "on_payout", {"id": lock.id()})
    assert refusal(refused) == ("E_CALLER: called by bob.test.near, only the contract itself may")
    assert world.htlc.get(lock) == owed(lock, payer="alice.test.near")
