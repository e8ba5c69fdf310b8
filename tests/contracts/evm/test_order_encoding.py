"""The service's encoding of orders against the contract's own: hash, signer and creation."""

from dataclasses import replace

import pytest
from eth_utils import keccak, to_checksum_address

from chains_app.adapters.evm_accounts import Account, encode_typed_data
from chains_app.adapters.evm_orders import creation_for, signer_of, typed_data
from chains_app.locks import LockTerms
from chains_app.orders import Order, SignedOrder
from devnet.anvil import CHAIN_ID
from orchestrator.kernel.clock import Seconds
from tests.contracts.evm.chain import NATIVE
from tests.contracts.evm.locks import State, account
from tests.contracts.evm.world import World


def ours(world: World) -> Order:
    """The world's order as the service knows it."""
    wanted = world.order()
    terms = LockTerms(
        "base", world.factory.address, to_checksum_address(wanted.depositor), wanted.beneficiary,
        None if wanted.token == NATIVE else wanted.token, wanted.amount, wanted.hashlock,
        Seconds(wanted.lock_by), Seconds(wanted.timelock),
    )  # fmt: skip
    return Order(
        terms, wanted.destination_chain, wanted.destination_token, wanted.receiver,
        wanted.minimum_amount, wanted.fee,
    )  # fmt: skip


def test_an_order_has_the_hash_that_the_contract_gives_it(world: World) -> None:
    order = ours(world)
    message = encode_typed_data(full_message=typed_data(order, CHAIN_ID))
    hashed = keccak(b"\x19" + message.version + message.header + message.body)
    assert hashed == world.factory.view("hashOrder", world.order())
    assert Order.from_json(order.to_json()) == order


def test_a_wallet_signs_the_typed_data_as_it_is(world: World) -> None:
    order = ours(world)
    message = encode_typed_data(full_message=typed_data(order, CHAIN_ID))
    signature = bytes(Account.sign_message(message, account("depositor").key).signature)
    signed = SignedOrder(order, signature)
    assert signer_of(signed, CHAIN_ID) == order.terms.depositor
    assert SignedOrder.from_json(signed.to_json()) == signed
    world.create_for(world.order(), signature)
    assert world.state(world.order().lock) == State.OPEN


def test_the_factory_takes_the_data_of_a_creation(world: World) -> None:
    order = ours(world)
    signed = SignedOrder(order, world.sign(world.order()))
    to, value, data = creation_for(signed)
    assert (to, value) == (world.factory.address, 0)
    sent = {"from": account("anybody").address, "to": to, "data": "0x" + data.hex()}
    answer = world.chain.anvil.rpc.call("eth_call", sent, "latest")
    assert answer[-40:] == world.escrow(world.order().lock).address[2:].lower()


@pytest.mark.parametrize(
    "signature",
    [b"", b"\1" * 64, bytes(65), b"\xff" * 65, b"\0" * 200, b"\1" * 65, b"\1" * 64 + b"\x1b"],
)
def test_what_is_no_signature_has_no_signer(world: World, signature: bytes) -> None:
    assert signer_of(SignedOrder(ours(world), signature), CHAIN_ID) != ours(world).terms.depositor


def test_another_order_has_another_signer(world: World) -> None:
    signed = SignedOrder(ours(world), world.sign(world.order()))
    altered = replace(signed.order, minimum_amount=signed.order.minimum_amount - 1)
    assert signer_of(replace(signed, order=altered), CHAIN_ID) != altered.terms.depositor
