"""The exit kit's transactions: a wallet that knows nothing of us gets the money out with them."""

import json
from typing import Any

import pytest
from eth_account import Account

from chains_app.adapters.interface import SECRET_PLACE
from chains_app.locks import Call, LockState
from tests.conformance.evm_world import EvmWorld
from tests.conformance.near_world import NearWorld, function_call
from tests.conformance.world import SECRET, World, make, read, terms


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
