"""How a lock is decided: by the secret before the timelock, by time, or by its beneficiary."""

import hashlib

import pytest
from py_near import transactions

from devnet.near.client import NEAR, Key, Signer
from tests.contracts.near.interface import (
    FT_ATTEMPTS_COST,
    HASHLOCK,
    REFUNDED_COST,
    SECRET,
    STORAGE_DEPOSIT,
    WITHDRAWN_COST,
    events,
    refusal,
)
from tests.contracts.near.world import World


def test_anybody_withdraws_for_the_beneficiary(world: World) -> None:
    lock = world.open_native_lock()
    bob, alice = world.near.balance("bob.test.near"), world.near.balance("alice.test.near")
    withdrawn = world.htlc.withdraw(world.carol, lock)
    assert withdrawn.json is True
    assert withdrawn.failures == []
    assert world.near.balance("bob.test.near") == bob + lock.amount
    given_back = STORAGE_DEPOSIT - WITHDRAWN_COST
    assert world.near.balance("alice.test.near") == alice + given_back


def test_a_withdrawal_announces_secret_and_payout(world: World) -> None:
    lock = world.open_native_lock()
    paid = {"id": lock.id(), "receiver": "bob.test.near", "token": None, "amount": str(lock.amount)}
    assert events(world.htlc.withdraw(world.carol, lock)) == [
        ("lock_withdrawn", {"id": lock.id(), "secret": SECRET.hex()}),
        ("payout_made", paid),
    ]


def test_a_withdrawn_lock_tells_its_secret_for_ever(world: World) -> None:
    lock = world.open_native_lock()
    world.htlc.withdraw(world.carol, lock)
    ended = {"id": lock.id(), "state": "withdrawn", "in_flight": False, "secret": SECRET.hex()}
    assert world.htlc.get(lock) == ended
    world.pass_hours(3)
    for call in (world.htlc.refund, world.htlc.refund_early):
        assert refusal(call(world.bob, lock)) == f"E_NOT_OPEN: lock {lock.id()} is withdrawn"
    assert world.htlc.get(lock) == ended


def test_tokens_are_withdrawn_for_the_beneficiary(world: World) -> None:
    lock = world.open_token_lock()
    carol = world.near.balance("carol.test.near")
    withdrawn = world.htlc.withdraw(world.alice, lock)
    assert withdrawn.json is True
    assert world.token.balance("bob.test.near") == 1_000_700
    assert world.token.balance("htlc.test.near") == 0
    given_back = STORAGE_DEPOSIT - WITHDRAWN_COST - FT_ATTEMPTS_COST
    assert world.near.balance("carol.test.near") == carol + given_back
    [_, (name, paid)] = events(withdrawn)
    assert (name, paid["token"], paid["amount"]) == ("payout_made", "token.test.near", "700")


def test_a_secret_that_does_not_fit_changes_nothing(world: World) -> None:
    lock = world.open_native_lock()
    wrong = bytes(32)
    refused = world.htlc.withdraw(world.bob, lock, wrong)
    digest = hashlib.sha256(wrong).hexdigest()
    assert refusal(refused) == (f"E_WRONG_SECRET: its hash is {digest}, the hashlock is {HASHLOCK}")
    assert world.htlc.state(lock) == "open"


@pytest.mark.parametrize("length", [0, 1, 31, 33, 64])
def test_a_secret_has_exactly_32_bytes(world: World, length: int) -> None:
    secret = bytes(range(length))
    hashlock = hashlib.sha256(secret).hexdigest()
    lock = world.open_native_lock(hashlock=hashlock)
    assert refusal(world.htlc.withdraw(world.bob, lock, secret)).startswith(
        "E_BAD_ARGUMENTS: expected 32 bytes as 64 lower-case hexadecimal digits"
    )
    assert world.htlc.state(lock) == "open"


def test_nothing_is_withdrawn_from_the_timelock_on(world: World) -> None:
    lock = world.open_native_lock()
    world.pass_hours(2)
    refused = refusal(world.htlc.withdraw(world.bob, lock))
    assert refused.startswith("E_TOO_LATE: now ")
    assert refused.endswith(f", timelock {lock.timelock}")
    assert world.htlc.state(lock) == "open"


def test_anybody_refunds_the_depositor_from_the_timelock_on(world: World) -> None:
    lock = world.open_native_lock()
    world.pass_hours(2)
    alice = world.near.balance("alice.test.near")
    refunded = world.htlc.refund(world.carol, lock)
    assert refunded.json is True
    paid = {
        "id": lock.id(),
        "receiver": "alice.test.near",
        "token": None,
        "amount": str(lock.amount),
    }
    assert events(refunded) == [
        ("lock_refunded", {"id": lock.id(), "early": False}),
        ("payout_made", paid),
    ]
    given_back = lock.amount + STORAGE_DEPOSIT - REFUNDED_COST
    assert world.near.balance("alice.test.near") == alice + given_back
    ended = {"id": lock.id(), "state": "refunded", "in_flight": False, "secret": None}
    assert world.htlc.get(lock) == ended


def test_nothing_is_refunded_before_the_timelock(world: World) -> None:
    lock = world.open_native_lock()
    world.pass_hours(1)
    refused = refusal(world.htlc.refund(world.alice, lock))
    assert refused.startswith("E_TOO_EARLY: now ")
    assert refused.endswith(f", timelock {lock.timelock}")
    assert world.htlc.state(lock) == "open"


def test_a_refunded_lock_is_not_withdrawn(world: World) -> None:
    lock = world.open_token_lock()
    world.pass_hours(2)
    assert world.htlc.refund(world.carol, lock).json is True
    assert world.token.balance("alice.test.near") == 1_000_000
    refused = world.htlc.withdraw(world.bob, lock)
    assert refusal(refused) == f"E_NOT_OPEN: lock {lock.id()} is refunded"


@pytest.mark.parametrize("hours", [0, 3])
def test_the_beneficiary_refunds_at_any_time(world: World, hours: int) -> None:
    lock = world.open_native_lock()
    world.pass_hours(hours)
    alice, bob = world.near.balance("alice.test.near"), world.near.balance("bob.test.near")
    refunded = world.htlc.refund_early(world.bob, lock)
    assert refunded.json is True
    assert events(refunded)[0] == ("lock_refunded", {"id": lock.id(), "early": True})
    given_back = lock.amount + STORAGE_DEPOSIT - REFUNDED_COST
    assert world.near.balance("alice.test.near") == alice + given_back
    assert world.spent(world.bob, bob, refunded) == 1


def test_tokens_are_refunded_early_to_the_depositor(world: World) -> None:
    lock = world.open_token_lock()
    assert world.htlc.refund_early(world.bob, lock).json is True
    assert world.token.balance("alice.test.near") == 1_000_000
    assert world.htlc.state(lock) == "refunded"


def test_nobody_but_the_beneficiary_refunds_early(world: World) -> None:
    lock = world.open_native_lock()
    for signer in (world.alice, world.carol):
        before = world.near.balance(signer.account_id)
        refused = world.htlc.refund_early(signer, lock)
        assert refusal(refused) == (
            f"E_CALLER: called by {signer.account_id}, the beneficiary is bob.test.near"
        )
        assert world.spent(signer, before, refused) == 0
    assert world.htlc.state(lock) == "open"


@pytest.mark.parametrize("deposit", [0, 2, NEAR])
def test_an_early_refund_wants_exactly_one_yocto(world: World, deposit: int) -> None:
    lock, before = world.open_native_lock(), world.near.balance("bob.test.near")
    refused = world.htlc.refund_early(world.bob, lock, deposit=deposit)
    assert refusal(refused) == f"E_DEPOSIT: attached {deposit} yocto, attach 1"
    assert world.spent(world.bob, before, refused) == 0
    assert world.htlc.state(lock) == "open"


def function_call_key(world: World, owner: Signer) -> Signer:
    """A key of an account that may call every method of the escrow, and attach nothing."""
    key = Key.generate()
    grant = transactions.create_function_call_access_key_action(
        key.public_bytes, NEAR, world.htlc.account_id, []
    )
    assert world.near.send(owner, owner.account_id, [grant]).failures == []
    return Signer(owner.account_id, key)


def test_the_beneficiarys_function_call_key_does_not_refund_early(world: World) -> None:
    lock = world.open_native_lock()
    duty = function_call_key(world, world.bob)
    with pytest.raises(RuntimeError, match="DepositWithFunctionCall"):
        world.htlc.refund_early(duty, lock)
    refused = world.htlc.refund_early(duty, lock, deposit=0)
    assert refusal(refused) == "E_DEPOSIT: attached 0 yocto, attach 1"
    assert world.htlc.state(lock) == "open"


def test_a_function_call_key_withdraws(world: World) -> None:
    lock = world.open_native_lock()
    assert world.htlc.withdraw(function_call_key(world, world.carol), lock).json is True


@pytest.mark.parametrize("method", ["withdraw", "refund", "refund_early", "pay", "remove"])
def test_a_lock_that_is_not_there_is_named(world: World, method: str) -> None:
    lock = world.native_lock()
    secret = {"secret": SECRET.hex()} if method == "withdraw" else {}
    deposit = 1 if method == "refund_early" else 0
    refused = world.htlc.call(world.bob, method, {"id": lock.id(), **secret}, deposit=deposit)
    assert refusal(refused) == f"E_NOT_FOUND: no lock {lock.id()}"


@pytest.mark.parametrize("method", ["withdraw", "refund", "pay", "remove", "ft_on_transfer"])
def test_methods_that_take_no_money_give_it_back(world: World, method: str) -> None:
    lock, before = world.open_native_lock(), world.near.balance("carol.test.near")
    refused = world.htlc.call(world.carol, method, {"id": lock.id()}, deposit=NEAR)
    assert refusal(refused) == f"E_DEPOSIT: attached {NEAR} yocto, attach nothing"
    assert world.spent(world.carol, before, refused) == 0
    assert world.htlc.state(lock) == "open"


def test_a_prepared_lock_is_neither_withdrawn_nor_refunded(world: World) -> None:
    lock = world.prepared_lock()
    refused = f"E_NOT_OPEN: lock {lock.id()} is prepared"
    assert refusal(world.htlc.withdraw(world.bob, lock)) == refused
    assert refusal(world.htlc.refund_early(world.bob, lock)) == refused
    world.pass_hours(2)
    assert refusal(world.htlc.refund(world.bob, lock)) == refused
