"""The exit kit's transactions: a wallet that knows nothing of us gets the money out with them."""

import json
from dataclasses import replace
from typing import Any

import pytest

from chains_app.adapters.evm_accounts import Account
from chains_app.adapters.interface import SECRET_PLACE
from chains_app.locks import Call, LockState, LockTerms
from tests.conformance.evm_world import EvmWorld
from tests.conformance.near_world import NearWorld, function_call
from tests.conformance.world import SECRET, World, finalize, make, read, ready, terms


def send(world: World, exit_: dict[str, Any]) -> None:
    """From an account that is no party, with the secret put where the kit says."""
    text = json.dumps(exit_).replace(SECRET_PLACE, SECRET.reveal().hex())
    filled = json.loads(text)
    if isinstance(world, EvmWorld):
        send_on_evm(world, filled)
    elif isinstance(world, NearWorld):
        send_on_near(world, filled)


def send_on_evm(world: EvmWorld, wanted: dict[str, Any]) -> None:
    stranger = Account.create()
    world.anvil.fund(stranger.address, 10**18)
    fees = {"maxFeePerGas": 10**11, "maxPriorityFeePerGas": 10**9, "nonce": 0}
    sent = Account.sign_transaction({**wanted, **fees}, stranger.key)
    world.rpc.call("eth_sendRawTransaction", sent.raw_transaction.to_0x_hex())
    world.anvil.mine()


def send_on_near(world: NearWorld, wanted: dict[str, Any]) -> None:
    actions = [function_call(action) for action in wanted["actions"]]
    world.client.send(world.node.root, wanted["receiverId"], actions)


@pytest.mark.parametrize("world", ["evm", "near"], indirect=True)
def test_a_withdrawal_of_the_kit_pays_the_beneficiary(world: World) -> None:
    bound = terms(world)
    make(world, Call.LOCK, bound)
    exit_ = world.adapter.exit_transaction(Call.WITHDRAW, bound)
    assert SECRET_PLACE in json.dumps(exit_)
    send(world, exit_)
    assert (read(world, bound).state, read(world, bound).is_paid) == (LockState.WITHDRAWN, True)


@pytest.mark.parametrize("world", ["evm", "near"], indirect=True)
def test_a_refund_of_the_kit_pays_the_depositor_from_the_timelock_on(world: World) -> None:
    bound = terms(world)
    make(world, Call.LOCK, bound)
    exit_ = world.adapter.exit_transaction(Call.REFUND, bound)
    send(world, exit_)
    assert read(world, bound).state is LockState.OPEN
    world.mine(seconds=bound.timelock - world.adapter.head().time)
    send(world, exit_)
    assert (read(world, bound).state, read(world, bound).is_paid) == (LockState.REFUNDED, True)


def stands(world: World, bound: LockTerms) -> bool:
    """What a node answers to the question of the kit."""
    asked = world.adapter.open_lock_question(bound)
    if isinstance(world, EvmWorld):
        return bool(world.rpc.call(asked["method"], *asked["params"]) == asked["open"])
    assert isinstance(world, NearWorld)
    record = world.client.view(asked["contractId"], asked["methodName"], asked["args"])
    return record is not None and record["state"] == asked["open"]


@pytest.mark.parametrize("world", ["evm", "near", "evm-token", "near-token"], indirect=True)
def test_the_question_of_the_kit_is_answered_by_exactly_this_open_lock(world: World) -> None:
    bound = ready(world, terms(world))
    assert not stands(world, bound)
    make(world, Call.LOCK, bound)
    finalize(world)
    assert stands(world, bound)
    for other in (
        replace(bound, amount=bound.amount + 1),
        replace(bound, depositor="0x" + "1" * 40),
    ):
        assert not stands(world, other)
    make(world, Call.WITHDRAW, bound)
    finalize(world)
    assert not stands(world, bound)
