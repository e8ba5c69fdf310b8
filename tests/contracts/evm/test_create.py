"""Creating locks directly: what is accepted, what is refused, what it leaves."""

import pytest

from devnet.anvil import CHAIN_ID
from tests.contracts.evm.chain import NATIVE, Event, Refused
from tests.contracts.evm.locks import State, address, lock_id, proxy_code
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

LEGS = pytest.mark.parametrize("leg", ["Src", "Dst"])


@LEGS
def test_erc20_lock_moves_exactly_the_amount_into_its_escrow(world: World, leg: str) -> None:
    lock = world.lock()
    receipt = world.create(lock, leg)
    escrow = world.escrow(lock).address
    created = Event(world.factory.address, f"{leg}EscrowCreated", (escrow, lock.hashlock, lock))
    assert receipt.events == [created]
    assert world.held(lock.token, escrow) == AMOUNT
    assert world.held(lock.token, DEPOSITOR) == 9 * AMOUNT
    assert world.state(lock) == State.OPEN


@LEGS
def test_native_lock_moves_exactly_the_amount_into_its_escrow(world: World, leg: str) -> None:
    lock = world.lock(token=NATIVE)
    receipt = world.create(lock, leg)
    escrow = world.escrow(lock).address
    created = Event(world.factory.address, f"{leg}EscrowCreated", (escrow, lock.hashlock, lock))
    assert receipt.events == [created]
    assert world.held(NATIVE, escrow) == AMOUNT
    assert world.held(NATIVE, world.factory.address) == 0
    assert world.state(lock) == State.OPEN


def test_address_id_and_code_follow_from_the_lock_alone(world: World) -> None:
    lock = world.lock()
    identity = lock_id(CHAIN_ID, world.factory.address, lock)
    escrow = world.escrow(lock)
    parts = (lock.depositor, lock.token, lock.hashlock)
    assert world.factory.view("escrowAddress", *parts) == escrow.address
    assert world.factory.view("lockId", lock) == identity
    world.create(lock)
    assert world.chain.code(escrow.address) == "0x" + proxy_code(world.implementation).hex()
    slot = world.chain.rpc.call("eth_getStorageAt", escrow.address, "0x0", "latest")
    assert slot == "0x" + bytes([State.OPEN]).hex() + identity[:31].hex()
    assert escrow.view("record") == (identity[:31], State.OPEN)


@pytest.mark.parametrize(
    "changes",
    [
        {"depositor": address("another")},
        {"beneficiary": address("another")},
        {"token": address("another")},
        {"amount": AMOUNT + 1},
        {"hashlock": bytes(32)},
        {"lock_by": LOCK_BY + 1},
        {"timelock": TIMELOCK + 1},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_lock_state_is_none_for_any_other_terms(world: World, changes: dict[str, object]) -> None:
    world.create(world.lock())
    assert world.state(world.lock(**changes)) == State.NONE


def test_lock_state_is_none_before_creation(world: World) -> None:
    assert world.state(world.lock()) == State.NONE


@pytest.mark.parametrize("token", [NATIVE, "ordinary"])
@pytest.mark.parametrize(
    ("changes", "error", "values"),
    [
        ({"amount": 0}, "ZeroAmount", ()),
        ({"beneficiary": NATIVE}, "ZeroBeneficiary", ()),
        ({"lock_by": TIMELOCK + 1}, "LockByAfterTimelock", (TIMELOCK + 1, TIMELOCK)),
        ({"depositor": BENEFICIARY}, "NotDepositor", (DEPOSITOR, BENEFICIARY)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
@LEGS
def test_impossible_terms_are_refused(
    world: World, leg: str, token: str, changes: dict[str, object], error: str, values: object
) -> None:
    lock = world.lock(token=NATIVE if token == NATIVE else world.token.address)
    with pytest.raises(Refused) as refused:
        world.create(lock._replace(**changes), leg, sender=DEPOSITOR)  # type: ignore[arg-type]
    assert (refused.value.name, refused.value.values) == (error, values)
    assert world.state(lock) == State.NONE


@pytest.mark.parametrize("token", [NATIVE, "ordinary"])
@LEGS
def test_beneficiary_that_is_the_locks_own_escrow_is_refused(
    world: World, leg: str, token: str
) -> None:
    lock = world.lock(token=NATIVE if token == NATIVE else world.token.address)
    escrow = world.escrow(lock).address
    with pytest.raises(Refused) as refused:
        world.create(lock._replace(beneficiary=escrow), leg)
    assert (refused.value.name, refused.value.values) == ("BeneficiaryIsEscrow", (escrow,))
    assert world.state(lock) == State.NONE


@LEGS
def test_creation_at_lock_by_is_accepted(world: World, leg: str) -> None:
    world.chain.at(LOCK_BY)
    world.create(world.lock(), leg)
    assert world.state(world.lock()) == State.OPEN


@LEGS
def test_creation_a_second_after_lock_by_is_refused(world: World, leg: str) -> None:
    world.chain.at(LOCK_BY + 1)
    with pytest.raises(Refused) as refused:
        world.create(world.lock(), leg)
    assert (refused.value.name, refused.value.values) == ("LockByPassed", (LOCK_BY + 1, LOCK_BY))


def test_lock_by_equal_to_the_timelock_is_accepted(world: World) -> None:
    lock = world.lock(lock_by=TIMELOCK)
    world.create(lock)
    assert world.state(lock) == State.OPEN


@pytest.mark.parametrize("value", [0, AMOUNT - 1, AMOUNT + 1])
@LEGS
def test_native_lock_with_another_value_is_refused(world: World, leg: str, value: int) -> None:
    lock = world.lock(token=NATIVE)
    with pytest.raises(Refused) as refused:
        world.factory.send(f"create{leg}Escrow", lock, sender=DEPOSITOR, value=value)
    assert (refused.value.name, refused.value.values) == ("WrongValue", (value, AMOUNT))


@LEGS
def test_erc20_lock_with_ether_is_refused(world: World, leg: str) -> None:
    with pytest.raises(Refused) as refused:
        world.factory.send(f"create{leg}Escrow", world.lock(), sender=DEPOSITOR, value=1)
    assert (refused.value.name, refused.value.values) == ("WrongValue", (1, 0))


def test_factory_takes_no_ether_but_for_a_lock(world: World) -> None:
    with pytest.raises(Refused):
        world.chain.send(world.factory.address, sender=DEPOSITOR, value=1)


def test_missing_allowance_is_refused_by_the_token(world: World) -> None:
    world.token.send("approve", world.factory.address, AMOUNT - 1, sender=DEPOSITOR)
    with pytest.raises(Refused) as refused:
        world.create(world.lock())
    values = (world.factory.address, AMOUNT - 1, AMOUNT)
    assert (refused.value.name, refused.value.values) == ("ERC20InsufficientAllowance", values)


@pytest.mark.parametrize("token", [address("no contract"), "factory"])
def test_token_that_is_none_is_refused(world: World, token: str) -> None:
    where = world.factory.address if token == "factory" else token
    with pytest.raises(Refused) as refused:
        world.create(world.lock(token=where))
    assert (refused.value.name, refused.value.values) == ("NotAToken", (where,))


@pytest.mark.parametrize("token", [NATIVE, "ordinary"])
@pytest.mark.parametrize("ended", ["open", "withdrawn", "refunded"])
@LEGS
def test_second_lock_of_depositor_token_and_hashlock_is_refused_for_ever(
    world: World, leg: str, ended: str, token: str
) -> None:
    lock = world.lock(token=NATIVE if token == NATIVE else world.token.address)
    escrow = world.opened(lock)
    if ended == "withdrawn":
        escrow.send("withdraw", SECRET, lock, sender=ANYBODY)
    if ended == "refunded":
        escrow.send("cancelByBeneficiary", lock, sender=BENEFICIARY)
    before = world.state(lock)
    for other in (lock, lock._replace(amount=1, beneficiary=ANYBODY, timelock=TIMELOCK + 9)):
        with pytest.raises(Refused) as refused:
            world.create(other, leg)
        assert (refused.value.name, refused.value.values) == ("LockExists", (escrow.address,))
    assert world.state(lock) == before


def test_other_depositor_token_or_hashlock_has_a_lock_of_its_own(world: World) -> None:
    world.supply(world.token, ANYBODY, AMOUNT)
    locks = [
        world.lock(),
        world.lock(depositor=ANYBODY),
        world.lock(token=NATIVE),
        world.lock(hashlock=bytes(32)),
    ]
    for lock in locks:
        world.create(lock)
    assert [world.state(lock) for lock in locks] == [State.OPEN] * 4
    assert len({world.escrow(lock).address for lock in locks}) == 4


@pytest.mark.parametrize("before", [1, AMOUNT - 1, AMOUNT, 5 * AMOUNT])
def test_units_that_lay_at_the_address_neither_block_nor_count(world: World, before: int) -> None:
    lock = world.lock()
    escrow = world.escrow(lock)
    world.token.send("mint", escrow.address, before, sender=ANYBODY)
    world.create(lock)
    assert world.held(lock.token, escrow.address) == before + AMOUNT
    escrow.send("withdraw", SECRET, lock, sender=ANYBODY)
    assert world.held(lock.token, escrow.address) == before
    assert world.held(lock.token, BENEFICIARY) == 1 + AMOUNT


@pytest.mark.parametrize("before", [1, AMOUNT - 1, AMOUNT, 5 * AMOUNT])
def test_ether_that_lay_at_the_address_neither_blocks_nor_counts(world: World, before: int) -> None:
    lock = world.lock(token=NATIVE)
    escrow = world.escrow(lock)
    world.chain.send(escrow.address, sender=ANYBODY, value=before)
    world.create(lock)
    assert world.held(NATIVE, escrow.address) == before + AMOUNT
    at_first = world.held(NATIVE, BENEFICIARY)
    escrow.send("withdraw", SECRET, lock, sender=ANYBODY)
    assert world.held(NATIVE, escrow.address) == before
    assert world.held(NATIVE, BENEFICIARY) == at_first + AMOUNT


def test_escrow_takes_no_ether_once_it_exists(world: World) -> None:
    escrow = world.opened(world.lock())
    with pytest.raises(Refused):
        world.chain.send(escrow.address, sender=ANYBODY, value=1)


@pytest.mark.parametrize("where", ["escrow", "implementation"])
def test_only_the_factory_opens(world: World, where: str) -> None:
    escrow = world.opened(world.lock())
    if where == "implementation":
        escrow = world.chain.contract("Escrow", world.implementation)
    with pytest.raises(Refused) as refused:
        escrow.send("open", bytes(31), sender=ANYBODY)
    assert (refused.value.name, refused.value.values) == ("OnlyFactory", (ANYBODY,))


def test_implementation_holds_no_lock(world: World) -> None:
    implementation = world.chain.contract("Escrow", world.implementation)
    identity = lock_id(CHAIN_ID, world.factory.address, world.lock())[:31]
    for function, args in [
        ("withdraw", (SECRET, world.lock())),
        ("cancel", (world.lock(),)),
        ("cancelByBeneficiary", (world.lock(),)),
        ("pay", (world.lock(),)),
    ]:
        with pytest.raises(Refused) as refused:
            implementation.send(function, *args, sender=BENEFICIARY)
        assert (refused.value.name, refused.value.values) == ("WrongLock", (bytes(31), identity))
    assert implementation.view("FACTORY") == world.factory.address
