"""Locks by their depositors' signed orders: whoever submits one, and what is no order."""

from dataclasses import replace
from typing import Any

import pytest

from chains_app.adapters.interface import ChainError, Signed, SigningKey
from chains_app.locks import Call, LockState, LockTerms
from chains_app.orders import Order, SignedOrder, permit_bytes
from devnet.anvil import CHAIN_ID
from devnet.evm import call_data
from orchestrator.kernel.clock import Seconds
from tests.conformance.evm_world import FUNDS, EvmWorld
from tests.conformance.memory_world import MemoryWorld
from tests.conformance.near_world import NearWorld
from tests.conformance.world import World, make, makers_terms, read, succeeded

TAKES_ORDERS = pytest.mark.parametrize("world", ["memory-token", "evm-token"], indirect=True)
EVM = pytest.mark.parametrize("world", ["evm-token"], indirect=True)


def order_for(world: World, **changes: Any) -> Order:
    return Order(makers_terms(world, **changes), "near:devnet", "usdc.near", "alice.near", 10, 1)


def signed_by_maker(world: MemoryWorld | EvmWorld, order: Order) -> SignedOrder:
    return SignedOrder(order, world.sign_order(order))


def approved(world: MemoryWorld | EvmWorld) -> SignedOrder:
    """An order whose lock the contract would make."""
    order = order_for(world)
    make(world, Call.APPROVE, order.terms, world.maker)
    return signed_by_maker(world, order)


def submit(world: World, signed: SignedOrder, key: SigningKey | None = None) -> Signed:
    """By our duty account, unless told; the terms are the order's."""
    by, terms = key or world.duty, signed.order.terms
    ready = world.adapter.prepare(Call.LOCK_FOR, terms, by)
    sent = world.adapter.sign(Call.LOCK_FOR, terms, ready, by, ready.nonce_floor, order=signed)
    world.adapter.broadcast(sent.raw)
    world.include()
    return sent


@TAKES_ORDERS
def test_the_lock_of_an_order_is_its_depositors(world: EvmWorld) -> None:
    signed = approved(world)
    had = world.adapter.balance(world.maker.account, world.token)
    coins = world.adapter.balance(world.maker.account, None)
    assert world.adapter.order_problem(signed) is None
    assert succeeded(world, submit(world, signed), world.duty) is True
    assert read(world, signed.order.terms).state is LockState.OPEN
    assert world.adapter.balance(world.maker.account, world.token) == had - world.amount
    assert world.adapter.balance(world.maker.account, None) == coins


@TAKES_ORDERS
def test_anybody_may_submit_it_and_once_only(world: EvmWorld) -> None:
    signed = approved(world)
    assert succeeded(world, submit(world, signed, world.lock), world.lock) is True
    assert world.adapter.order_problem(signed) is not None
    assert succeeded(world, submit(world, signed), world.duty) is False
    assert read(world, signed.order.terms).state is LockState.OPEN


@TAKES_ORDERS
def test_it_can_be_withdrawn_and_refunded_as_every_lock(world: EvmWorld) -> None:
    signed = approved(world)
    submit(world, signed)
    make(world, Call.REFUND_EARLY, signed.order.terms)
    assert read(world, signed.order.terms).state is LockState.REFUNDED


ALTERED = {
    "amount": lambda order, terms: replace(order, terms=replace(terms, amount=terms.amount - 1)),
    "timelock": lambda order, terms: replace(
        order, terms=replace(terms, timelock=Seconds(terms.timelock + 1))
    ),
    "minimum": lambda order, terms: replace(order, minimum_amount=order.minimum_amount - 1),
    "fee": lambda order, terms: replace(order, fee=order.fee + 1),
    "receiver": lambda order, terms: replace(order, receiver="mallory.near"),
    "destination chain": lambda order, terms: replace(order, destination_chain="near:other"),
    "destination token": lambda order, terms: replace(order, destination_token=""),
}


@TAKES_ORDERS
@pytest.mark.parametrize("what", ALTERED)
def test_an_altered_order_makes_no_lock(world: EvmWorld, what: str) -> None:
    signed = approved(world)
    altered = replace(signed, order=ALTERED[what](signed.order, signed.order.terms))
    had = world.adapter.balance(world.maker.account, world.token)
    assert world.adapter.order_problem(altered) is not None
    assert succeeded(world, submit(world, altered), world.duty) is False
    assert read(world, altered.order.terms).state is LockState.ABSENT
    assert world.adapter.balance(world.maker.account, world.token) == had


@TAKES_ORDERS
def test_an_expired_order_makes_no_lock(world: EvmWorld) -> None:
    signed = approved(world)
    world.mine(seconds=61)
    assert world.adapter.order_problem(signed) is not None
    assert succeeded(world, submit(world, signed), world.duty) is False


@TAKES_ORDERS
def test_without_an_allowance_it_makes_no_lock(world: EvmWorld) -> None:
    signed = signed_by_maker(world, order_for(world))
    assert world.adapter.order_problem(signed) is not None
    assert succeeded(world, submit(world, signed), world.duty) is False


@TAKES_ORDERS
def test_more_than_the_depositor_has_makes_no_lock(world: EvmWorld) -> None:
    held = world.adapter.balance(world.maker.account, world.token)
    order = order_for(world, amount=held + 1)
    make(world, Call.APPROVE, order.terms, world.maker)
    signed = signed_by_maker(world, order)
    assert world.adapter.order_problem(signed) is not None
    assert succeeded(world, submit(world, signed), world.duty) is False


@EVM
def test_an_order_is_signed_for_its_own_terms_alone(world: EvmWorld) -> None:
    signed = approved(world)
    other = replace(signed.order.terms, amount=1)
    ready = world.adapter.prepare(Call.LOCK_FOR, other, world.duty)
    with pytest.raises(ValueError, match="an order for its terms"):
        world.adapter.sign(Call.LOCK_FOR, other, ready, world.duty, 0, order=signed)
    with pytest.raises(ValueError, match="an order for its terms"):
        world.adapter.sign(Call.LOCK_FOR, other, ready, world.duty, 0)


@EVM
def test_each_problem_is_told_with_its_numbers(world: EvmWorld) -> None:
    order = order_for(world)
    owner, factory, amount = world.maker.account, world.spec.contract, world.amount
    problem = world.adapter.order_problem
    assert problem(SignedOrder(order, b"\1" * 65)) == (
        f"it is not signed by {owner} for this session: sign its typed data"
    )
    assert problem(signed_by_maker(world, order)) == (
        f"{owner} allows {factory} to move 0 base units of USDC, not {amount}: "
        "approve more, or send a permit"
    )
    rich = order_for(world, amount=FUNDS + 1)
    assert problem(signed_by_maker(world, rich)) == (
        f"{owner} has {FUNDS} base units of USDC, not {FUNDS + 1}"
    )


@EVM
def test_a_stuck_token_is_told_without_the_nodes_words(world: EvmWorld) -> None:
    signed = approved(world)
    escrow = world.adapter.lock_id(signed.order.terms)
    world.call_token(str(world.token), "setBlocked(address,bool)", escrow, True)
    said = world.adapter.order_problem(signed)
    assert said is not None
    assert said.startswith(f"{world.spec.contract} would refuse it now: see that the permit")


def named(members: dict[str, str]) -> list[dict[str, str]]:
    return [{"name": name, "type": kind} for name, kind in members.items()]


def permit_for(world: EvmWorld, value: int, deadline: int) -> bytes:
    """Of the ordinary token, for the factory."""
    members = ("owner", "spender", "value", "nonce", "deadline")
    kinds = ("address", "address", "uint256", "uint256", "uint256")
    domain = {"name": "USD Coin", "version": "1", "chainId": CHAIN_ID,
              "verifyingContract": world.token}  # fmt: skip
    of_domain = {"name": "string", "version": "string", "chainId": "uint256",
                 "verifyingContract": "address"}  # fmt: skip
    values = (world.maker.account, world.spec.contract, value, 0, deadline)
    data = {
        "types": {
            "EIP712Domain": named(of_domain),
            "Permit": named(dict(zip(members, kinds, strict=True))),
        },
        "primaryType": "Permit",
        "domain": domain,
        "message": dict(zip(members, values, strict=True)),
    }
    return permit_bytes(value, deadline, world.sign_typed_data(data))


@pytest.mark.parametrize("world", ["evm"], indirect=True)
def test_a_permit_takes_the_allowances_place(world: EvmWorld) -> None:
    world.use_token("OrdinaryToken", "USD Coin", "USDC", 6, approve_zero_first=False)
    order = order_for(world)
    plain = signed_by_maker(world, order)
    wrong = replace(plain, permit=permit_for(world, order.terms.amount - 1, order.terms.timelock))
    right = replace(plain, permit=permit_for(world, order.terms.amount, order.terms.timelock))
    assert world.adapter.order_problem(plain) is not None
    assert world.adapter.order_problem(wrong) is not None
    assert world.adapter.order_problem(right) is None
    assert succeeded(world, submit(world, right), world.duty) is True
    assert read(world, order.terms).state is LockState.OPEN


@EVM
def test_a_wallet_contract_signs_by_erc1271(world: EvmWorld) -> None:
    wallet = world.deploy("ContractWallet", world.maker.account)
    world.call_token(str(world.token), "mint(address,uint256)", wallet, world.amount)
    order = order_for(world, depositor=wallet)
    signed = signed_by_maker(world, order)
    approve = {"from": world.maker.account, "to": wallet, "value": 0, "chainId": CHAIN_ID}
    data = call_of_wallet(world, order.terms)
    world.send_by_wallet([{**approve, "data": data}])
    assert world.adapter.order_problem(replace(signed, signature=b"\1" * 65)) is not None
    assert world.adapter.order_problem(signed) is None
    assert succeeded(world, submit(world, signed), world.duty) is True
    assert read(world, order.terms).state is LockState.OPEN


def call_of_wallet(world: EvmWorld, terms: LockTerms) -> str:
    return call_data("approve(address,address,uint256)", world.token, terms.contract, terms.amount)


@pytest.mark.parametrize("world", ["near-token"], indirect=True)
def test_near_takes_none(world: NearWorld) -> None:
    order = order_for(world)
    with pytest.raises(ChainError, match="near takes no orders: lock by your own wallet"):
        world.adapter.order_to_sign(order)
    assert world.adapter.order_problem(SignedOrder(order, b"")) == (
        "near takes no orders: lock by your own wallet"
    )
    assert not world.spec.asset(world.token).takes_orders
