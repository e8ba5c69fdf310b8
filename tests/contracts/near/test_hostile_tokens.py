"""Tokens that fail, burn gas, lie or answer garbage hurt nobody but those who chose them."""

import pytest

from tests.contracts.near import hostile
from tests.contracts.near.interface import SECRET, Contract, Lock, refusal
from tests.contracts.near.world import World

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


def test_the_longest_answer_that_a_token_can_pay_for_does_not_stop_the_callback(
    world: World,
) -> None:
    """With the 30 Tgas of ft_transfer a token can return 400,000 bytes, but not 500,000."""
    _, lock = open_lock(world, hostile.answer_bytes(400_000))
    withdrawn = world.htlc.withdraw(world.bob, lock)
    assert (withdrawn.json, withdrawn.failures) == (True, [])


def test_a_longer_answer_is_the_tokens_failure(world: World) -> None:
    _, lock = open_lock(world, hostile.answer_bytes(500_000))
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
