"""Gasless creation: who signed what for which factory, permits, and who may submit."""

from typing import Any

import pytest

from devnet.anvil import CHAIN_ID
from tests.contracts.evm.chain import NATIVE, Contract, Event, Refused
from tests.contracts.evm.locks import (
    Order,
    State,
    account,
    address,
    hash_of,
    high_s,
    sign_order,
    sign_permit,
)
from tests.contracts.evm.world import (
    AMOUNT,
    ANYBODY,
    BENEFICIARY,
    DEPOSITOR,
    ETHER,
    LOCK_BY,
    SECRET,
    TIMELOCK,
    World,
)


def _refused(world: World, order: Order, signature: bytes) -> None:
    with pytest.raises(Refused) as refused:
        world.create_for(order, signature)
    values = (order.depositor, world.factory.view("hashOrder", order))
    assert (refused.value.name, refused.value.values) == ("InvalidSignature", values)
    assert world.state(order.lock) == State.NONE


def _permit(world: World, deadline: int = TIMELOCK, value: int = AMOUNT, nonce: int = 0) -> bytes:
    """The depositor's permit for the factory to take `value` of the ordinary token."""
    domain = {"name": "USD Coin", "chainId": CHAIN_ID, "verifyingContract": world.token.address}
    signer = account("depositor")
    return sign_permit(signer, world.factory.address, value, nonce, deadline, **domain)


def _forbid(world: World) -> None:
    """Take the allowance away that the factory has from the start."""
    world.token.send("approve", world.factory.address, 0, sender=DEPOSITOR)


@pytest.mark.parametrize("submitter", [ANYBODY, DEPOSITOR, BENEFICIARY])
def test_whoever_submits_an_order_the_lock_is_the_same(world: World, submitter: str) -> None:
    order = world.order()
    receipt = world.create_for(order, sender=submitter)
    escrow = world.escrow(order.lock).address
    args = (escrow, order.hashlock, order.lock)
    assert receipt.events == [Event(world.factory.address, "SrcEscrowCreated", args)]
    assert world.held(order.token, escrow) == AMOUNT
    assert world.held(order.token, DEPOSITOR) == 9 * AMOUNT
    assert world.state(order.lock) == State.OPEN


def test_refund_of_an_order_returns_the_fee_too(world: World) -> None:
    order = world.order(fee=AMOUNT)
    world.create_for(order)
    world.chain.at(TIMELOCK)
    world.escrow(order.lock).send("cancel", order.lock, sender=ANYBODY)
    assert world.held(order.token, DEPOSITOR) == 10 * AMOUNT


@pytest.mark.parametrize(
    "changes",
    [
        {"depositor": BENEFICIARY},
        {"beneficiary": ANYBODY},
        {"token": address("another token")},
        {"amount": AMOUNT + 1},
        {"hashlock": hash_of(bytes(32))},
        {"lock_by": LOCK_BY + 1},
        {"timelock": TIMELOCK + 1},
        {"destination_chain": "near:mainnet"},
        {"destination_token": "usdt.test.near"},
        {"receiver": "thief.test.near"},
        {"minimum_amount": 989_999},
        {"fee": 10},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_order_altered_in_any_field_is_refused(world: World, changes: dict[str, Any]) -> None:
    signature = world.sign(world.order())
    _refused(world, world.order(**changes), signature)


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "Another"},
        {"version": "2"},
        {"chainId": CHAIN_ID + 1},
        {"verifyingContract": address("another factory")},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_order_signed_for_another_domain_is_refused(world: World, changes: dict[str, Any]) -> None:
    order = world.order()
    _refused(world, order, sign_order(account("depositor"), order, **world.domain | changes))


def test_order_signed_by_somebody_else_is_refused(world: World) -> None:
    _refused(world, world.order(), world.sign(world.order(), "anybody"))


def test_signature_with_a_high_s_is_refused(world: World) -> None:
    _refused(world, world.order(), high_s(world.sign(world.order())))


@pytest.mark.parametrize("length", [0, 64, 66])
def test_signature_of_another_length_is_refused(world: World, length: int) -> None:
    signature = world.sign(world.order()).ljust(length, b"\0")[:length]
    _refused(world, world.order(), signature)


def test_unrecoverable_signature_never_stands_for_the_zero_address(world: World) -> None:
    _refused(world, world.order(depositor=NATIVE), bytes(65))


def test_order_is_accepted_at_lock_by(world: World) -> None:
    world.chain.at(LOCK_BY)
    world.create_for(world.order())
    assert world.state(world.order().lock) == State.OPEN


def test_expired_order_is_refused(world: World) -> None:
    world.chain.at(LOCK_BY + 1)
    with pytest.raises(Refused) as refused:
        world.create_for(world.order())
    assert (refused.value.name, refused.value.values) == ("LockByPassed", (LOCK_BY + 1, LOCK_BY))


def test_order_for_native_coin_is_refused(world: World) -> None:
    with pytest.raises(Refused) as refused:
        world.create_for(world.order(token=NATIVE))
    assert (refused.value.name, refused.value.values) == ("NativeOrder", ())


def test_fee_above_the_amount_is_refused(world: World) -> None:
    with pytest.raises(Refused) as refused:
        world.create_for(world.order(fee=AMOUNT + 1))
    values = (AMOUNT + 1, AMOUNT)
    assert (refused.value.name, refused.value.values) == ("FeeAboveAmount", values)


@pytest.mark.parametrize("ended", [False, True])
def test_order_is_never_filled_twice(world: World, ended: bool) -> None:
    order = world.order()
    world.create_for(order)
    if ended:
        world.escrow(order.lock).send("withdraw", SECRET, order.lock, sender=ANYBODY)
    with pytest.raises(Refused) as refused:
        world.create_for(order)
    values = (world.escrow(order.lock).address,)
    assert (refused.value.name, refused.value.values) == ("LockExists", values)


def test_order_sent_first_by_a_stranger_leaves_the_same_lock(world: World) -> None:
    """Who copies an order from the mempool pays for it, and changes nothing else."""
    order, permit = world.order(), _permit(world)
    _forbid(world)
    signature, escrow = world.sign(order), world.escrow(order.lock).address
    copied = world.create_for(order, signature, permit, sender=ANYBODY)
    created = (escrow, order.hashlock, order.lock)
    assert copied.events == [Event(world.factory.address, "SrcEscrowCreated", created)]
    for submitter in (BENEFICIARY, DEPOSITOR):
        with pytest.raises(Refused) as refused:
            world.create_for(order, signature, permit, sender=submitter)
        assert (refused.value.name, refused.value.values) == ("LockExists", (escrow,))
    assert world.held(order.token, escrow) == AMOUNT
    assert world.held(order.token, DEPOSITOR) == 9 * AMOUNT
    assert world.state(order.lock) == State.OPEN


def test_order_that_pays_its_own_escrow_is_refused(world: World) -> None:
    escrow = world.escrow(world.order().lock).address
    with pytest.raises(Refused) as refused:
        world.create_for(world.order(beneficiary=escrow))
    assert (refused.value.name, refused.value.values) == ("BeneficiaryIsEscrow", (escrow,))


def test_permit_gives_the_allowance(world: World) -> None:
    _forbid(world)
    world.create_for(world.order(), permit=_permit(world))
    assert world.state(world.order().lock) == State.OPEN
    assert world.token.view("allowance", DEPOSITOR, world.factory.address) == 0


def test_permit_sent_first_by_somebody_else_does_no_harm(world: World) -> None:
    _forbid(world)
    permit = _permit(world)
    parties = [DEPOSITOR, world.factory.address]
    data = world.token.data("permit", *parties, 0, 0, 0, bytes(32), bytes(32))[: 10 + 128]
    world.chain.send(world.token.address, data + permit.hex(), sender=ANYBODY)
    assert world.token.view("allowance", *parties) == AMOUNT
    world.create_for(world.order(), permit=permit)
    assert world.state(world.order().lock) == State.OPEN


@pytest.mark.parametrize("permit", [b"\1", bytes(159), bytes(160), b"\xff" * 500])
def test_permit_that_fails_is_ignored_where_the_allowance_suffices(
    world: World, permit: bytes
) -> None:
    world.create_for(world.order(), permit=permit)
    assert world.state(world.order().lock) == State.OPEN


@pytest.mark.parametrize("flaw", ["expired", "too small", "used nonce", "garbage"])
def test_permit_that_fails_leaves_the_order_refused_without_allowance(
    world: World, flaw: str
) -> None:
    _forbid(world)
    permit = {
        "expired": _permit(world, deadline=1),
        "too small": _permit(world, value=AMOUNT - 1),
        "used nonce": _permit(world, nonce=1),
        "garbage": bytes(160),
    }[flaw]
    with pytest.raises(Refused) as refused:
        world.create_for(world.order(), permit=permit)
    allowance = AMOUNT - 1 if flaw == "too small" else 0
    values = (world.factory.address, allowance, AMOUNT)
    assert (refused.value.name, refused.value.values) == ("ERC20InsufficientAllowance", values)


def test_permit_is_ignored_by_a_token_that_has_none(world: World) -> None:
    token = world.token_named("NoReturnToken")
    order = world.order(token=token.address)
    world.create_for(order, permit=_permit(world))
    assert world.state(order.lock) == State.OPEN


def _wallet(world: World) -> Contract:
    """A smart account of the account named owner, with units and an approval."""
    owner = address("owner")
    world.chain.anvil.fund(owner, ETHER)
    wallet = world.chain.deploy("ContractWallet", owner, sender=ANYBODY)
    world.token.send("mint", wallet.address, AMOUNT, sender=ANYBODY)
    wallet.send("approve", world.token.address, world.factory.address, AMOUNT, sender=owner)
    return wallet


def test_smart_account_orders_by_erc1271(world: World) -> None:
    wallet = _wallet(world)
    order = world.order(depositor=wallet.address)
    world.create_for(order, world.sign(order, "owner"))
    assert world.state(order.lock) == State.OPEN
    world.escrow(order.lock).send("cancelByBeneficiary", order.lock, sender=BENEFICIARY)
    assert world.held(order.token, wallet.address) == AMOUNT


def test_order_that_a_smart_account_does_not_confirm_is_refused(world: World) -> None:
    order = world.order(depositor=_wallet(world).address)
    _refused(world, order, world.sign(order, "anybody"))


def test_depositor_whose_code_knows_no_erc1271_is_refused(world: World) -> None:
    order = world.order(depositor=world.token.address)
    _refused(world, order, world.sign(order))


def test_account_that_delegates_to_code_orders_with_its_key(world: World) -> None:
    delegate = world.chain.deploy("Receiver", sender=ANYBODY).address
    world.chain.rpc.call("anvil_setCode", DEPOSITOR, "0xef0100" + delegate[2:])
    world.create_for(world.order())
    assert world.state(world.order().lock) == State.OPEN


def test_domain_is_published(world: World) -> None:
    _, name, version, chain_id, contract, _, _ = world.factory.view("eip712Domain")
    expected = ("1Balancer EscrowFactory", "1", CHAIN_ID, world.factory.address)
    assert (name, version, chain_id, contract) == expected


def test_order_takes_no_ether(world: World) -> None:
    order = world.order()
    args = (order, world.sign(order), b"")
    with pytest.raises(Refused):
        world.factory.send("createSrcEscrowFor", *args, sender=ANYBODY, value=1)
    assert world.state(order.lock) == State.NONE
