"""Payouts that fail, are owed and are made later; receivers and tokens that misbehave."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tests.contracts.evm.chain import NATIVE, Contract, Event, Receipt, Refused
from tests.contracts.evm.locks import Lock, State, hash_of
from tests.contracts.evm.world import AMOUNT, ANYBODY, BENEFICIARY, SECRET, TIMELOCK, World

ACCEPT, REFUSE, BURN_GAS, REVERT_LONG, RETURN_LONG, STORE = 0, 1, 2, 3, 4, 7  # Receiver.Conduct
# HostileToken.Answer
ORDINARY, FALSE, TWO, SHORT, NOTHING, BURN, LONG_TRUE, REVERT_WITH_LONG, STORE_FIRST = range(9)
LATER = pytest.mark.parametrize("time", [TIMELOCK - 1, TIMELOCK, TIMELOCK + 10**6])


@dataclass
class Party:
    """A contract that is depositor and beneficiary, and whose payouts can be made to fail."""

    world: World
    account: Contract
    token: Contract | None

    @property
    def lock(self) -> Lock:
        """Its lock with itself: whoever is paid, this contract is."""
        where = self.account.address
        token = self.token.address if self.token else NATIVE
        return self.world.lock(depositor=where, beneficiary=where, token=token)

    def block(self, value: bool) -> None:
        """Make payouts to it fail, or succeed again."""
        if self.token:
            self.token.send("setBlocked", self.account.address, value, sender=ANYBODY)
        else:
            self.account.send("setConduct", int(value), sender=ANYBODY)

    def execute(self, to: Contract, function: str, *args: object, value: int = 0) -> Receipt:
        """Call as this contract."""
        data = bytes.fromhex(to.data(function, *args)[2:])
        return self.account.send("execute", to.address, data, sender=ANYBODY, value=value)

    def opened(self) -> Contract:
        """Create the lock; its escrow."""
        value = 0 if self.token else AMOUNT
        self.execute(self.world.factory, "createSrcEscrow", self.lock, value=value)
        return self.world.escrow(self.lock)

    def held(self) -> int:
        """What it has of the lock's asset."""
        return self.world.held(self.lock.token, self.account.address)


@pytest.fixture(params=["native", "erc20"])
def party(request: pytest.FixtureRequest, world: World) -> Party:
    """The party, with money, unblocked."""
    account = world.chain.deploy("Receiver", sender=ANYBODY)
    if request.param == "native":
        return Party(world, account, None)
    token = world.token_named("BlockingToken")
    token.send("mint", account.address, AMOUNT, sender=ANYBODY)
    made = Party(world, account, token)
    made.execute(token, "approve", world.factory.address, AMOUNT)
    return made


def _decide(party: Party, escrow: Contract, how: str) -> Receipt:
    if how == "withdraw":
        return escrow.send("withdraw", SECRET, party.lock, sender=ANYBODY)
    if how == "cancelByBeneficiary":
        return party.execute(escrow, "cancelByBeneficiary", party.lock)
    party.world.chain.at(TIMELOCK)
    return escrow.send("cancel", party.lock, sender=ANYBODY)


WAYS = pytest.mark.parametrize(
    ("how", "event", "owed", "ended"),
    [
        ("withdraw", ("Withdrawn", (SECRET, False)), State.OWED_TO_BENEFICIARY, State.WITHDRAWN),
        ("cancel", ("Cancelled", (False, False)), State.OWED_TO_DEPOSITOR, State.REFUNDED),
        (
            "cancelByBeneficiary",
            ("Cancelled", (True, False)),
            State.OWED_TO_DEPOSITOR,
            State.REFUNDED,
        ),
    ],
    ids=["withdraw", "cancel", "cancelByBeneficiary"],
)


@WAYS
def test_failed_payout_is_owed_and_paid_later_by_anybody(
    party: Party, how: str, event: tuple[str, object], owed: State, ended: State
) -> None:
    escrow = party.opened()
    before = party.held()
    party.block(True)
    receipt = _decide(party, escrow, how)
    assert receipt.events == [Event(escrow.address, *event)]  # type: ignore[arg-type]
    assert party.world.state(party.lock) == owed
    assert party.held() == before
    party.block(False)
    paid = escrow.send("pay", party.lock, sender=ANYBODY)
    assert paid.events == [Event(escrow.address, "Paid", (party.account.address, AMOUNT))]
    assert party.held() == before + AMOUNT
    assert party.world.state(party.lock) == ended


@LATER
def test_withdrawn_lock_that_is_owed_is_never_refunded(party: Party, time: int) -> None:
    escrow = party.opened()
    party.block(True)
    _decide(party, escrow, "withdraw")
    party.block(False)
    party.world.chain.at(time)
    for function, args in [
        ("withdraw", (SECRET, party.lock)),
        ("cancel", (party.lock,)),
        ("cancelByBeneficiary", (party.lock,)),
    ]:
        with pytest.raises(Refused) as refused:
            party.execute(escrow, function, *args)
        values = (State.OWED_TO_BENEFICIARY,)
        assert (refused.value.name, refused.value.values) == ("NotOpen", values)
    escrow.send("pay", party.lock, sender=ANYBODY)
    assert party.world.state(party.lock) == State.WITHDRAWN
    assert party.world.held(party.lock.token, escrow.address) == 0


@LATER
def test_refund_that_is_owed_is_never_withdrawn(party: Party, time: int) -> None:
    escrow = party.opened()
    party.block(True)
    _decide(party, escrow, "cancelByBeneficiary")
    party.block(False)
    party.world.chain.at(time)
    with pytest.raises(Refused) as refused:
        escrow.send("withdraw", SECRET, party.lock, sender=ANYBODY)
    values = (State.OWED_TO_DEPOSITOR,)
    assert (refused.value.name, refused.value.values) == ("NotOpen", values)
    escrow.send("pay", party.lock, sender=ANYBODY)
    assert party.world.state(party.lock) == State.REFUNDED


@WAYS
def test_payout_that_fails_again_changes_nothing(
    party: Party, how: str, event: object, owed: State, ended: State
) -> None:
    escrow = party.opened()
    party.block(True)
    _decide(party, escrow, how)
    for _ in range(2):
        with pytest.raises(Refused) as refused:
            escrow.send("pay", party.lock, sender=ANYBODY)
        values = (party.account.address,)
        assert (refused.value.name, refused.value.values) == ("PayoutFailed", values)
    assert party.world.state(party.lock) == owed
    party.block(False)
    escrow.send("pay", party.lock, sender=ANYBODY)
    with pytest.raises(Refused) as refused:
        escrow.send("pay", party.lock, sender=ANYBODY)
    assert (refused.value.name, refused.value.values) == ("NothingOwed", (ended,))


def _to_receiver_that_stores(world: World) -> tuple[Lock, Contract]:
    receiver = world.chain.deploy("Receiver", sender=ANYBODY)
    lock = world.lock(token=NATIVE, beneficiary=receiver.address)
    escrow = world.opened(lock)
    receiver.send("setConduct", STORE, sender=ANYBODY)
    return lock, escrow


def _of_token_that_stores(world: World) -> tuple[Lock, Contract]:
    token = world.token_named("HostileToken")
    token.send("setAnswers", STORE_FIRST, ORDINARY, sender=ANYBODY)
    lock = world.lock(token=token.address)
    return lock, world.opened(lock)


DEAR = pytest.mark.parametrize("make", [_to_receiver_that_stores, _of_token_that_stores])


@DEAR
def test_payout_that_needs_more_gas_than_a_decision_gives_is_paid_by_pay(
    world: World, make: Callable[[World], tuple[Lock, Contract]]
) -> None:
    lock, escrow = make(world)
    decided = escrow.send("withdraw", SECRET, lock, sender=ANYBODY)
    assert decided.events == [Event(escrow.address, "Withdrawn", (SECRET, False))]
    before = world.held(lock.token, lock.beneficiary)
    paid = escrow.send("pay", lock, sender=ANYBODY, gas=1_000_000)
    assert paid.events == [Event(escrow.address, "Paid", (lock.beneficiary, AMOUNT))]
    assert world.held(lock.token, lock.beneficiary) == before + AMOUNT
    assert world.state(lock) == State.WITHDRAWN


@DEAR
@pytest.mark.parametrize(
    ("gas", "error"), [(250_000, "InsufficientGas"), (320_000, "PayoutFailed")]
)
def test_pay_with_too_little_gas_changes_nothing(
    world: World, make: Callable[[World], tuple[Lock, Contract]], gas: int, error: str
) -> None:
    lock, escrow = make(world)
    escrow.send("withdraw", SECRET, lock, sender=ANYBODY)
    with pytest.raises(Refused) as refused:
        escrow.send("pay", lock, sender=ANYBODY, gas=gas)
    assert refused.value.name == error
    assert world.held(lock.token, escrow.address) == AMOUNT
    assert world.state(lock) == State.OWED_TO_BENEFICIARY


def _numbered(number: int) -> bytes:
    """A secret."""
    return number.to_bytes(32, "big")


def _bound(escrow: Contract) -> int:
    """Most gas that a withdrawal may use, whatever it calls; copying long answers would exceed it.

    A payout's gas buys 270 kB of memory, and to copy these would cost the same once more.
    """
    transaction, decision = 21_000 + 3_000, 15_000
    return int(transaction + decision + escrow.view("PAYOUT_GAS") + escrow.view("CALL_GAS"))


@pytest.mark.parametrize("conduct", [REFUSE, BURN_GAS, REVERT_LONG])
def test_receiver_that_fails_costs_a_bounded_amount_of_gas(world: World, conduct: int) -> None:
    receiver = world.chain.deploy("Receiver", sender=ANYBODY)
    lock = world.lock(token=NATIVE, beneficiary=receiver.address)
    escrow = world.opened(lock)
    receiver.send("setConduct", conduct, sender=ANYBODY)
    receipt = escrow.send("withdraw", SECRET, lock, sender=ANYBODY)
    assert receipt.events == [Event(escrow.address, "Withdrawn", (SECRET, False))]
    assert receipt.gas_used < _bound(escrow)
    assert world.state(lock) == State.OWED_TO_BENEFICIARY
    assert world.held(NATIVE, escrow.address) == AMOUNT


def test_receiver_that_returns_all_that_its_gas_buys_is_paid(world: World) -> None:
    receiver = world.chain.deploy("Receiver", sender=ANYBODY)
    lock = world.lock(token=NATIVE, beneficiary=receiver.address)
    escrow = world.opened(lock)
    receiver.send("setConduct", RETURN_LONG, sender=ANYBODY)
    receipt = escrow.send("withdraw", SECRET, lock, sender=ANYBODY)
    assert 150_000 < receipt.gas_used < _bound(escrow)
    assert world.held(NATIVE, receiver.address) == AMOUNT
    assert world.state(lock) == State.WITHDRAWN


@pytest.mark.parametrize("answer", [FALSE, TWO, SHORT, BURN, REVERT_WITH_LONG])
def test_token_that_does_not_say_yes_leaves_the_payout_owed(world: World, answer: int) -> None:
    token = world.token_named("HostileToken")
    # the hash may be what a short answer leaves in memory: one that ends like the word true
    secret = next(key for key in map(_numbered, range(10_000)) if hash_of(key)[-1] == 1)
    lock = world.lock(token=token.address, hashlock=hash_of(secret))
    escrow = world.opened(lock)
    token.send("setAnswers", answer, ORDINARY, sender=ANYBODY)
    receipt = escrow.send("withdraw", secret, lock, sender=ANYBODY)
    assert receipt.events == [Event(escrow.address, "Withdrawn", (secret, False))]
    token.send("setAnswers", ORDINARY, ORDINARY, sender=ANYBODY)
    world.chain.at(TIMELOCK + 1)
    escrow.send("pay", lock, sender=ANYBODY)
    assert world.held(lock.token, BENEFICIARY) == AMOUNT
    assert world.state(lock) == State.WITHDRAWN


@pytest.mark.parametrize("answer", [NOTHING, LONG_TRUE])
def test_token_that_says_yes_is_believed_at_payout(world: World, answer: int) -> None:
    token = world.token_named("HostileToken")
    lock = world.lock(token=token.address)
    escrow = world.opened(lock)
    token.send("setAnswers", answer, ORDINARY, sender=ANYBODY)
    receipt = escrow.send("withdraw", SECRET, lock, sender=ANYBODY)
    assert receipt.gas_used < _bound(escrow)
    assert world.state(lock) == State.WITHDRAWN


def test_token_whose_code_vanished_leaves_the_payout_owed(world: World) -> None:
    lock = world.lock()
    escrow = world.opened(lock)
    code = world.chain.code(world.token.address)
    world.chain.rpc.call("anvil_setCode", lock.token, "0x")
    escrow.send("withdraw", SECRET, lock, sender=ANYBODY)
    assert world.state(lock) == State.OWED_TO_BENEFICIARY
    world.chain.rpc.call("anvil_setCode", lock.token, code)
    escrow.send("pay", lock, sender=ANYBODY)
    assert world.held(lock.token, BENEFICIARY) == 1 + AMOUNT


def test_token_without_return_values_works_throughout(world: World) -> None:
    token = world.token_named("NoReturnToken")
    lock = world.lock(token=token.address)
    escrow = world.opened(lock)
    escrow.send("withdraw", SECRET, lock, sender=ANYBODY)
    assert world.held(lock.token, BENEFICIARY) == AMOUNT
    assert world.state(lock) == State.WITHDRAWN


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (FALSE, "SafeERC20FailedOperation"),
        (TWO, "SafeERC20FailedOperation"),
        (SHORT, "SafeERC20FailedOperation"),
        (NOTHING, "WrongAmountReceived"),  # believed, but nothing came
        (LONG_TRUE, "WrongAmountReceived"),
    ],
)
def test_token_that_moves_nothing_is_refused_at_creation(
    world: World, answer: int, error: str
) -> None:
    token = world.token_named("HostileToken")
    token.send("setAnswers", ORDINARY, answer, sender=ANYBODY)
    lock = world.lock(token=token.address)
    with pytest.raises(Refused) as refused:
        world.create(lock)
    assert refused.value.name == error
    assert world.state(lock) == State.NONE


def test_token_that_takes_a_fee_is_refused(world: World) -> None:
    token = world.token_named("FeeToken")
    lock = world.lock(token=token.address)
    with pytest.raises(Refused) as refused:
        world.create(lock)
    values = (AMOUNT - AMOUNT // 100, AMOUNT)
    assert (refused.value.name, refused.value.values) == ("WrongAmountReceived", values)
    assert world.held(lock.token, world.escrow(lock).address) == 0
