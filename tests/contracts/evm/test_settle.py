"""Deciding and paying a lock: who may, when, with what, and what it leaves."""

from collections.abc import Iterator

import pytest

from devnet.anvil import CHAIN_ID
from tests.contracts.evm.chain import NATIVE, Contract, Event, Refused
from tests.contracts.evm.locks import Lock, State, address, hash_of, lock_id
from tests.contracts.evm.world import (
    AMOUNT,
    ANYBODY,
    BENEFICIARY,
    DEPOSITOR,
    LOCK_BY,
    SECRET,
    TIMELOCK,
    World,
)


@pytest.fixture(params=["native", "erc20"])
def lock(request: pytest.FixtureRequest, world: World) -> Iterator[Lock]:
    """A lock, not yet created, of either kind of asset; payees are accounts without code."""
    token = NATIVE if request.param == "native" else world.token.address
    return world.lock(token=token, beneficiary=address("payee"))  # type: ignore[return-value]


def _refuses(escrow: Contract, error: str, values: object, function: str, *args: object) -> None:
    for sender in (ANYBODY, DEPOSITOR, BENEFICIARY):
        with pytest.raises(Refused) as refused:
            escrow.send(function, *args, sender=sender)
        assert (refused.value.name, refused.value.values) == (error, values)


@pytest.mark.parametrize("sender", [ANYBODY, DEPOSITOR, BENEFICIARY])
def test_anybody_withdraws_to_the_beneficiary(world: World, lock: Lock, sender: str) -> None:
    escrow = world.opened(lock)
    receipt = escrow.send("withdraw", SECRET, lock, sender=sender)
    assert receipt.events == [Event(escrow.address, "Withdrawn", (SECRET, True))]
    assert world.held(lock.token, lock.beneficiary) == AMOUNT
    assert world.held(lock.token, escrow.address) == 0
    assert world.state(lock) == State.WITHDRAWN


@pytest.mark.parametrize("sender", [ANYBODY, DEPOSITOR, BENEFICIARY])
def test_anybody_cancels_to_the_depositor(world: World, lock: Lock, sender: str) -> None:
    payer = address("payer")
    lock = lock._replace(depositor=payer)
    world.chain.anvil.fund(payer, 10**18)
    world.supply(world.token, payer, AMOUNT)
    escrow = world.opened(lock)
    before = world.held(lock.token, payer)
    world.chain.at(TIMELOCK)
    receipt = escrow.send("cancel", lock, sender=sender)
    assert receipt.events == [Event(escrow.address, "Cancelled", (False, True))]
    assert world.held(lock.token, payer) == before + AMOUNT
    assert world.held(lock.token, escrow.address) == 0
    assert world.state(lock) == State.REFUNDED


@pytest.mark.parametrize("time", [LOCK_BY, TIMELOCK - 1, TIMELOCK, TIMELOCK + 10**6])
def test_beneficiary_cancels_at_any_time(world: World, lock: Lock, time: int) -> None:
    lock = lock._replace(beneficiary=BENEFICIARY)
    escrow = world.opened(lock)
    before = world.held(lock.token, DEPOSITOR)
    world.chain.at(time)
    receipt = escrow.send("cancelByBeneficiary", lock, sender=BENEFICIARY)
    assert receipt.events == [Event(escrow.address, "Cancelled", (True, True))]
    assert world.held(lock.token, DEPOSITOR) == before + AMOUNT
    assert world.state(lock) == State.REFUNDED


def test_nobody_but_the_beneficiary_cancels_early(world: World, lock: Lock) -> None:
    escrow = world.opened(lock)
    for sender in (ANYBODY, DEPOSITOR, world.factory.address):
        world.chain.anvil.fund(sender, 10**18)
        with pytest.raises(Refused) as refused:
            escrow.send("cancelByBeneficiary", lock, sender=sender)
        values = (sender, lock.beneficiary)
        assert (refused.value.name, refused.value.values) == ("OnlyBeneficiary", values)
    assert world.state(lock) == State.OPEN


def test_withdrawal_a_second_before_the_timelock_is_accepted(world: World, lock: Lock) -> None:
    escrow = world.opened(lock)
    world.chain.at(TIMELOCK - 1)
    escrow.send("withdraw", SECRET, lock, sender=ANYBODY)
    assert world.state(lock) == State.WITHDRAWN


@pytest.mark.parametrize("time", [TIMELOCK, TIMELOCK + 1])
def test_withdrawal_from_the_timelock_on_is_refused(world: World, lock: Lock, time: int) -> None:
    escrow = world.opened(lock)
    world.chain.at(time)
    _refuses(escrow, "TimelockPassed", (time, TIMELOCK), "withdraw", SECRET, lock)
    assert world.state(lock) == State.OPEN
    assert world.held(lock.token, escrow.address) == AMOUNT


def test_cancel_before_the_timelock_is_refused(world: World, lock: Lock) -> None:
    escrow = world.opened(lock)
    world.chain.at(TIMELOCK - 1)
    _refuses(escrow, "TimelockNotReached", (TIMELOCK - 1, TIMELOCK), "cancel", lock)
    assert world.state(lock) == State.OPEN


@pytest.mark.parametrize("wrong", [bytes(32), SECRET[:-1] + b"?", hash_of(SECRET)])
def test_wrong_secret_is_refused(world: World, lock: Lock, wrong: bytes) -> None:
    escrow = world.opened(lock)
    _refuses(escrow, "WrongSecret", (hash_of(wrong), lock.hashlock), "withdraw", wrong, lock)
    assert world.state(lock) == State.OPEN


def test_secret_of_31_or_33_bytes_opens_nothing(world: World, lock: Lock) -> None:
    for secret in (SECRET[:31], SECRET + b"!"):
        longer = lock._replace(hashlock=hash_of(secret))
        escrow = world.opened(longer)
        given = secret[:32].ljust(32, b"\0")
        values = (hash_of(given), longer.hashlock)
        _refuses(escrow, "WrongSecret", values, "withdraw", given, longer)


@pytest.mark.parametrize("ended", ["withdrawn", "refunded", "given back"])
def test_decided_lock_is_never_decided_again(world: World, lock: Lock, ended: str) -> None:
    lock = lock._replace(beneficiary=BENEFICIARY)
    escrow = world.opened(lock)
    if ended == "withdrawn":
        escrow.send("withdraw", SECRET, lock, sender=ANYBODY)
    elif ended == "refunded":
        world.chain.at(TIMELOCK)
        escrow.send("cancel", lock, sender=ANYBODY)
    else:
        escrow.send("cancelByBeneficiary", lock, sender=BENEFICIARY)
    state = State.WITHDRAWN if ended == "withdrawn" else State.REFUNDED
    for time in (world.chain.now(), TIMELOCK + 1):
        world.chain.at(time)
        _refuses(escrow, "NotOpen", (state,), "withdraw", SECRET, lock)
        _refuses(escrow, "NotOpen", (state,), "cancel", lock)
        _refuses(escrow, "NotOpen", (state,), "cancelByBeneficiary", lock)
        _refuses(escrow, "NothingOwed", (state,), "pay", lock)
    assert world.state(lock) == state


def test_open_lock_owes_nothing_yet(world: World, lock: Lock) -> None:
    escrow = world.opened(lock)
    _refuses(escrow, "NothingOwed", (State.OPEN,), "pay", lock)


@pytest.mark.parametrize(
    "changes",
    [
        {"depositor": ANYBODY},
        {"beneficiary": ANYBODY},
        {"token": ANYBODY},
        {"amount": AMOUNT - 1},
        {"hashlock": hash_of(bytes(32))},
        {"lock_by": LOCK_BY - 1},
        {"timelock": TIMELOCK - 1},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_other_terms_are_refused(world: World, lock: Lock, changes: dict[str, object]) -> None:
    escrow = world.opened(lock)
    other = lock._replace(**changes)  # type: ignore[arg-type]
    identities = (lock_id(CHAIN_ID, world.factory.address, item)[:31] for item in (lock, other))
    values = tuple(identities)
    world.chain.at(TIMELOCK)
    _refuses(escrow, "WrongLock", values, "withdraw", SECRET, other)
    _refuses(escrow, "WrongLock", values, "cancel", other)
    _refuses(escrow, "WrongLock", values, "cancelByBeneficiary", other)
    _refuses(escrow, "WrongLock", values, "pay", other)
    assert world.state(lock) == State.OPEN


def test_lock_of_one_escrow_opens_no_other(world: World, lock: Lock) -> None:
    other = lock._replace(hashlock=hash_of(bytes(32)))
    first, second = world.opened(lock), world.opened(other)
    identities = (lock_id(CHAIN_ID, world.factory.address, item)[:31] for item in (other, lock))
    _refuses(second, "WrongLock", tuple(identities), "withdraw", SECRET, lock)
    first.send("withdraw", SECRET, lock, sender=ANYBODY)
    assert world.held(lock.token, second.address) == AMOUNT


def test_chain_that_changes_its_id_still_pays_its_locks(world: World, lock: Lock) -> None:
    escrow = world.opened(lock)
    world.chain.rpc.call("anvil_setChainId", CHAIN_ID + 1)
    try:
        assert world.state(lock) == State.OPEN
        escrow.send("withdraw", SECRET, lock, sender=ANYBODY)
    finally:
        world.chain.rpc.call("anvil_setChainId", CHAIN_ID)
    assert world.held(lock.token, lock.beneficiary) == AMOUNT
    assert world.state(lock) == State.WITHDRAWN


def test_settling_takes_no_ether(world: World, lock: Lock) -> None:
    escrow = world.opened(lock)
    with pytest.raises(Refused):
        escrow.send("withdraw", SECRET, lock, sender=ANYBODY, value=1)
    assert world.state(lock) == State.OPEN
