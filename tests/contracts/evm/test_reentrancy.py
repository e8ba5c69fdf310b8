"""Tokens and receivers that call back while money moves."""

from typing import Any

import pytest

from tests.contracts.evm.chain import NATIVE, Contract, Refused
from tests.contracts.evm.locks import State
from tests.contracts.evm.world import (
    AMOUNT,
    ANYBODY,
    DEPOSITOR,
    ETHER,
    SECRET,
    TIMELOCK,
    World,
)

CALLS = pytest.mark.parametrize("function", ["withdraw", "cancel", "cancelByBeneficiary", "pay"])
ERRORS = {"pay": "NothingOwed"}


def _prepare(caller: Contract, target: Contract, function: str, *args: object) -> None:
    data = bytes.fromhex(target.data(function, *args)[2:])
    caller.send("prepare", target.address, data, sender=ANYBODY)


def _args(function: str, lock: object) -> tuple[Any, ...]:
    return (SECRET, lock) if function == "withdraw" else (lock,)


def _answer(caller: Contract) -> tuple[bool, str, tuple[Any, ...]]:
    """What the call back came to: success, error, its values."""
    refusal = caller.chain.refusal("0x" + caller.view("answer").hex())
    return caller.view("succeeded"), refusal.name, refusal.values


@CALLS
@pytest.mark.parametrize("outer", ["withdraw", "cancel", "cancelByBeneficiary", "pay"])
def test_receiver_calling_back_finds_the_payout_in_flight(
    world: World, outer: str, function: str
) -> None:
    receiver = world.chain.deploy("Receiver", sender=ANYBODY)
    where = receiver.address
    lock = world.lock(token=NATIVE, depositor=where, beneficiary=where)
    create = bytes.fromhex(world.factory.data("createSrcEscrow", lock)[2:])
    receiver.send("execute", world.factory.address, create, sender=ANYBODY, value=AMOUNT)
    escrow = world.escrow(lock)
    if outer == "pay":
        receiver.send("setConduct", 1, sender=ANYBODY)
        escrow.send("withdraw", SECRET, lock, sender=ANYBODY)
    if outer == "cancel" or function == "cancel":
        world.chain.at(TIMELOCK if outer in ("cancel", "pay") else TIMELOCK - 1)
    _prepare(receiver, escrow, function, *_args(function, lock))
    data = bytes.fromhex(escrow.data(outer, *_args(outer, lock))[2:])
    receiver.send("execute", escrow.address, data, sender=ANYBODY)
    expected = (False, ERRORS.get(function, "NotOpen"), (State.PAYING,))
    assert _answer(receiver) == expected
    assert world.held(NATIVE, where) == AMOUNT
    assert world.held(NATIVE, escrow.address) == 0


@CALLS
def test_token_calling_back_finds_the_payout_in_flight(world: World, function: str) -> None:
    token = world.token_named("ReenteringToken")
    lock = world.lock(token=token.address, beneficiary=token.address)
    escrow = world.opened(lock)
    _prepare(token, escrow, function, *_args(function, lock))
    escrow.send("withdraw", SECRET, lock, sender=ANYBODY)
    assert _answer(token) == (False, ERRORS.get(function, "NotOpen"), (State.PAYING,))
    assert token.view("calls") == 1
    assert world.held(lock.token, token.address) == AMOUNT
    assert world.state(lock) == State.WITHDRAWN


@CALLS
def test_token_calling_back_finds_an_escrow_that_is_not_open_while_it_is_funded(
    world: World, function: str
) -> None:
    token = world.token_named("ReenteringToken")
    lock = world.lock(token=token.address, beneficiary=token.address)
    escrow = world.escrow(lock)
    token.send("mint", escrow.address, AMOUNT, sender=ANYBODY)
    _prepare(token, escrow, function, *_args(function, lock))
    world.create(lock)
    succeeded, error, values = _answer(token)
    assert (succeeded, error, values[0]) == (False, "WrongLock", bytes(31))
    assert world.held(lock.token, escrow.address) == 2 * AMOUNT
    assert world.state(lock) == State.OPEN


def test_token_creating_the_same_lock_while_it_is_funded_finds_the_address_taken(
    world: World,
) -> None:
    token = world.token_named("ReenteringToken")
    lock = world.lock(token=token.address)
    order = world.order(token=token.address)
    nested = (order, world.sign(order), b"")
    _prepare(token, world.factory, "createSrcEscrowFor", *nested)
    world.create(lock)
    assert _answer(token) == (False, "LockExists", (world.escrow(lock).address,))
    assert world.held(lock.token, world.escrow(lock).address) == AMOUNT
    assert world.held(lock.token, DEPOSITOR) == 9 * AMOUNT


def test_token_creating_another_lock_while_one_is_funded_funds_each_by_itself(
    world: World,
) -> None:
    token = world.token_named("ReenteringToken")
    world.chain.anvil.fund(token.address, ETHER)
    world.supply(token, token.address, AMOUNT)
    outer = world.lock(token=token.address)
    inner = world.lock(token=token.address, depositor=token.address)
    _prepare(token, world.factory, "createSrcEscrow", inner)
    world.create(outer)
    assert token.view("succeeded") is True
    for lock in (outer, inner):
        assert world.state(lock) == State.OPEN
        assert world.held(lock.token, world.escrow(lock).address) == AMOUNT


def test_token_giving_units_to_the_escrow_while_it_is_funded_is_refused(world: World) -> None:
    token = world.token_named("ReenteringToken")
    lock = world.lock(token=token.address)
    _prepare(token, token, "mint", world.escrow(lock).address, 1)
    with pytest.raises(Refused) as refused:
        world.create(lock)
    values = (AMOUNT + 1, AMOUNT)
    assert (refused.value.name, refused.value.values) == ("WrongAmountReceived", values)
