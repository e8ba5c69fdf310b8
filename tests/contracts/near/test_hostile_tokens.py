"""Tokens that fail, burn gas, lie or answer garbage hurt nobody but those who chose them."""

import pytest
from py_near import transactions

from devnet.near.client import NEAR, Key, Signer
from tests.contracts.near import hostile
from tests.contracts.near.interface import (
    FT_ATTEMPTS_COST,
    SECRET,
    STORAGE_DEPOSIT,
    WITHDRAWN_COST,
    Contract,
    Lock,
    refusal,
)
from tests.contracts.near.world import World, delete_account

GAS_PRICE = 10**8  # of which contracts get a share for the gas that their calls burn


def told(lock: Lock, **changes: str) -> dict[str, str]:
    transfer = {"sender_id": lock.depositor, "amount": str(lock.amount), "msg": lock.id()}
    return transfer | changes


def open_lock(world: World, ft_transfer: str) -> tuple[Contract, Lock]:
    """A lock of a bad token, which says that it was funded."""
    token = hostile.deploy_bad_token(world, ft_transfer)
    lock = world.prepared_lock(token=hostile.BAD)
    assert token.call(world.carol, "tell", told(lock)).json == "0"
    assert world.htlc.state(lock) == "open"
    return token, lock


@pytest.mark.parametrize("ft_transfer", [hostile.PANIC, hostile.BURN_GAS, hostile.FAIL_LATER])
def test_a_token_that_fails_leaves_the_lock_owed(world: World, ft_transfer: str) -> None:
    _, lock = open_lock(world, ft_transfer)
    arguments = {"id": lock.id(), "secret": SECRET.hex()}
    assert world.htlc.call(world.bob, "withdraw", arguments, gas=65).json is False
    record = world.htlc.get(lock)
    assert (record["state"], record["in_flight"]) == ("owed_to_beneficiary", False)
    assert world.htlc.call(world.bob, "pay", {"id": lock.id()}, gas=65).json is False
    assert world.htlc.get(lock) == record


def test_a_token_that_answers_garbage_has_paid(world: World) -> None:
    _, lock = open_lock(world, hostile.ANSWER_GARBAGE)
    assert world.htlc.withdraw(world.bob, lock).json is True
    assert world.htlc.state(lock) == "withdrawn"


def implicit_account(world: World) -> Signer:
    """An account whose name is its key: a transfer to it makes it, again after its deletion."""
    key = Key.generate()
    payer = Signer(key.public_bytes.hex(), key)
    transfer = [transactions.create_transfer_action(10 * NEAR)]
    assert world.near.send(world.root, payer.account_id, transfer).failures == []
    return payer


def test_the_dearest_callback_has_gas_enough(world: World) -> None:
    """The longest answer that ft_transfer's 30 Tgas buy, and a payer's account to make anew."""
    payer = implicit_account(world)
    token = hostile.deploy_bad_token(world, hostile.answer_bytes(430_000))
    lock = world.token_lock(token=hostile.BAD)
    assert world.htlc.prepare(payer, lock).failures == []
    assert token.call(world.carol, "tell", told(lock)).json == "0"
    delete_account(world, payer)
    arguments = {"id": lock.id(), "secret": SECRET.hex()}
    withdrawn = world.htlc.call(world.bob, "withdraw", arguments, gas=65)
    assert (withdrawn.json, withdrawn.failures) == (True, [])
    given_back = STORAGE_DEPOSIT - WITHDRAWN_COST - FT_ATTEMPTS_COST
    assert world.near.balance(payer.account_id) == given_back


def test_a_longer_answer_is_the_tokens_failure(world: World) -> None:
    _, lock = open_lock(world, hostile.answer_bytes(440_000))
    assert world.htlc.withdraw(world.bob, lock).json is False
    assert world.htlc.state(lock) == "owed_to_beneficiary"


def test_every_attempt_carries_one_yocto_that_a_token_may_keep(world: World) -> None:
    _, lock = open_lock(world, hostile.FAIL_LATER)
    for attempt in (world.htlc.withdraw, world.htlc.pay, world.htlc.pay):
        before = world.near.balance(hostile.BAD)
        assert attempt(world.bob, lock).json is False
        assert (world.near.balance(hostile.BAD) - before) % GAS_PRICE == 1


@pytest.mark.parametrize(
    "lie",
    [
        {},
        {"amount": "699"},
        {"amount": "701"},
        {"amount": "0700"},
        {"amount": "-700"},
        {"amount": 'a"lot'},
        {"sender_id": "bob.test.near"},
        {"sender_id": ""},
        {"msg": "0" * 64},
    ],
)
def test_a_token_can_not_fund_the_lock_of_another(world: World, lie: dict[str, str]) -> None:
    lock = world.prepared_lock()
    bad = hostile.deploy_bad_token(world, hostile.PANIC)
    transfer = told(lock, **lie)
    assert bad.call(world.carol, "tell", transfer).json == transfer["amount"]
    assert world.htlc.state(lock) == "prepared"
    assert world.htlc.call(world.carol, "ft_on_transfer", transfer).json == transfer["amount"]
    assert world.htlc.state(lock) == "prepared"


def test_a_token_may_say_more_than_the_standard_asks(world: World) -> None:
    bad = hostile.deploy_bad_token(world, hostile.PANIC)
    lock = world.prepared_lock(token=hostile.BAD)
    assert bad.call(world.carol, "tell", told(lock, memo="x")).json == "0"


@pytest.mark.parametrize("words", [b"", b"[]", b'{"amount":"7"}', b"\xff", b'{"amount":7}'])
def test_a_token_that_does_not_speak_nep_141_is_refused(world: World, words: bytes) -> None:
    bad = hostile.deploy_bad_token(world, hostile.PANIC)
    assert refusal(bad.call(world.carol, "tell", words)).startswith("E_BAD_ARGUMENTS: ")
