"""Nobody chooses the outcome of a payout by the gas that he gives.

For every gas limit a call either reverts, and leaves the lock as it was, or does exactly what it
does with plenty of gas.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import pytest

from tests.contracts.evm.chain import NAMELESS, NATIVE, PLENTY, Contract, Event, Refused
from tests.contracts.evm.locks import Lock, State, address
from tests.contracts.evm.world import AMOUNT, ANYBODY, SECRET, TIMELOCK, World

ACCEPT, BURN_GAS, MEASURE_GAS = 0, 2, 6  # Receiver.Conduct
HOSTILE_BURN = 5  # HostileToken.Answer
ADVISED = 350_000  # what contracts/evm/README.md tells to send
LOWEST = 30_000  # enough for the transaction to be mined, for nothing else
SLACK = 12  # limits tried one by one on each side of the least that suffices

Outcome = tuple[list[Event], State, int]  # events, state, what `look` saw


@dataclass
class Payout:
    """A lock about to be paid; `look` tells what a payout changed outside of the escrow."""

    world: World
    lock: Lock
    escrow: Contract
    look: Callable[[], int]

    @cached_property
    def before(self) -> State:
        """What every attempt starts from."""
        return self.world.state(self.lock)

    def attempt(self, function: str, gas: int) -> Outcome | None:
        """What `function` did with that gas limit, undone again; None if it reverted."""
        args = (SECRET, self.lock) if function == "withdraw" else (self.lock,)
        before = self.before
        anvil = self.world.chain.anvil
        snapshot = anvil.snapshot()
        if function == "cancel":
            self.world.chain.at(TIMELOCK)
        outcome: Outcome | None = None
        refusal = ""
        try:
            receipt = self.escrow.send(function, *args, sender=ANYBODY, gas=gas)
            outcome = (receipt.events, self.world.state(self.lock), self.look())
        except Refused as refused:
            refusal = refused.name
        if outcome is None:
            assert refusal in ("InsufficientGas", NAMELESS)
            assert self.world.state(self.lock) == before
        anvil.revert(snapshot)
        return outcome

    def sweep(self, function: str) -> Outcome:
        """Assert the rule over all limits; the outcome with plenty."""
        plenty = self.attempt(function, PLENTY)
        assert plenty is not None
        least = self.least(function, plenty)
        assert least <= ADVISED
        around = range(least - SLACK, least + SLACK)
        coarse = range(LOWEST, PLENTY // 5, 2_003)
        for gas in (*coarse, *around):
            expected = plenty if gas >= least else None
            assert self.attempt(function, gas) == expected, f"with a gas limit of {gas}"
        return plenty

    def least(self, function: str, plenty: Outcome) -> int:
        """The smallest limit that does not revert, by halving."""
        low, high = LOWEST, PLENTY
        while high - low > 1:
            middle = (low + high) // 2
            outcome = self.attempt(function, middle)
            assert outcome in (None, plenty), f"with a gas limit of {middle}"
            low, high = (middle, high) if outcome is None else (low, middle)
        return high


def _to_new_account(world: World) -> Payout:
    """Native coin to an address that does not exist yet: the dearest call."""
    lock = world.lock(token=NATIVE, beneficiary=address("never seen"))
    return Payout(world, lock, world.opened(lock), lambda: world.held(NATIVE, lock.beneficiary))


def _to_receiver(world: World, conduct: int) -> Payout:
    receiver = world.chain.deploy("Receiver", sender=ANYBODY)
    lock = world.lock(token=NATIVE, beneficiary=receiver.address)
    payout = Payout(world, lock, world.opened(lock), lambda: receiver.view("gasGiven"))
    receiver.send("setConduct", conduct, sender=ANYBODY)
    return payout


def _to_delegating_account(world: World) -> Payout:
    """Native coin to an account that delegates to code (EIP-7702): a second cold address."""
    payout = _to_receiver(world, MEASURE_GAS)
    account = address("delegating")
    code = "0xef0100" + payout.lock.beneficiary[2:]
    world.chain.rpc.call("anvil_setCode", account, code)
    receiver = world.chain.contract("Receiver", account)
    lock = world.lock(token=NATIVE, beneficiary=account, hashlock=payout.lock.hashlock, amount=7)
    lock = lock._replace(depositor=address("anybody"))
    escrow = world.opened(lock)
    receiver.send("setConduct", MEASURE_GAS, sender=ANYBODY)
    return Payout(world, lock, escrow, lambda: receiver.view("gasGiven"))


def _of_token(world: World, token: Contract) -> Payout:
    """Units to an account that has none yet: the dearest transfer."""
    lock = world.lock(token=token.address, beneficiary=address("never seen"))
    escrow = world.opened(lock)
    return Payout(world, lock, escrow, lambda: world.held(lock.token, lock.beneficiary))


def test_gas_cannot_choose_for_an_account_that_does_not_exist_yet(world: World) -> None:
    payout = _to_new_account(world)
    events = [Event(payout.escrow.address, "Withdrawn", (SECRET, True))]
    assert payout.sweep("withdraw") == (events, State.WITHDRAWN, AMOUNT)


def test_gas_cannot_choose_for_a_receiver_that_burns_gas(world: World) -> None:
    payout = _to_receiver(world, BURN_GAS)
    events = [Event(payout.escrow.address, "Withdrawn", (SECRET, False))]
    assert payout.sweep("withdraw") == (events, State.OWED_TO_BENEFICIARY, 0)


@pytest.mark.parametrize("make", [lambda w: _to_receiver(w, MEASURE_GAS), _to_delegating_account])
def test_receiver_is_given_the_same_gas_whatever_the_limit(
    world: World, make: Callable[[World], Payout]
) -> None:
    payout = make(world)
    given = payout.sweep("withdraw")[2]
    stipend, entry = 2_300, 100  # a call with value adds the stipend; some opcodes run before
    limit = payout.escrow.view("PAYOUT_GAS") + stipend
    assert limit - entry < given < limit


@pytest.mark.parametrize("function", ["withdraw", "cancel"])
def test_gas_cannot_choose_for_a_token(world: World, function: str) -> None:
    payout = _of_token(world, world.token)
    ended = {"withdraw": State.WITHDRAWN, "cancel": State.REFUNDED}[function]
    assert payout.sweep(function)[1] == ended


def test_gas_cannot_choose_for_a_token_without_return_values(world: World) -> None:
    payout = _of_token(world, world.token_named("NoReturnToken"))
    assert payout.sweep("withdraw")[1:] == (State.WITHDRAWN, AMOUNT)


@pytest.mark.parametrize("function", ["withdraw", "cancel"])
def test_gas_cannot_choose_for_a_token_that_burns_gas(world: World, function: str) -> None:
    token = world.token_named("HostileToken")
    payout = _of_token(world, token)
    token.send("setAnswers", HOSTILE_BURN, 0, sender=ANYBODY)
    owed = {"withdraw": State.OWED_TO_BENEFICIARY, "cancel": State.OWED_TO_DEPOSITOR}[function]
    assert payout.sweep(function)[1:] == (owed, 0)


def _owed_to_receiver(world: World, conduct: int) -> Payout:
    """A payout that failed, and whose receiver behaves so by now."""
    payout = _to_receiver(world, BURN_GAS)
    payout.escrow.send("withdraw", SECRET, payout.lock, sender=ANYBODY)
    receiver = world.chain.contract("Receiver", payout.lock.beneficiary)
    receiver.send("setConduct", conduct, sender=ANYBODY)
    return payout


def test_gas_cannot_choose_when_an_owed_payout_is_made(world: World) -> None:
    payout = _owed_to_receiver(world, ACCEPT)
    payout.look = lambda: world.held(NATIVE, payout.lock.beneficiary)
    assert payout.sweep("pay")[1:] == (State.WITHDRAWN, AMOUNT)


@pytest.mark.parametrize("limit", [ADVISED, 1_000_000, PLENTY])
def test_paying_what_is_owed_gives_all_gas_but_what_recording_needs(
    world: World, limit: int
) -> None:
    """Recording gets its part or, of a large limit, the 64th that the EVM keeps back anyway."""
    payout = _owed_to_receiver(world, MEASURE_GAS)
    outcome = payout.attempt("pay", limit)
    assert outcome is not None
    kept = payout.escrow.view("CALL_GAS") + payout.escrow.view("RECORD_GAS") + limit // 64
    before_the_payout = 50_000  # the transaction itself, its data, and the proof of the lock
    assert outcome[2] > max(payout.escrow.view("PAYOUT_GAS"), limit - kept - before_the_payout)


def test_too_little_gas_is_a_named_refusal(world: World) -> None:
    payout = _to_new_account(world)
    with pytest.raises(Refused) as refused:
        payout.escrow.send("withdraw", SECRET, payout.lock, sender=ANYBODY, gas=200_000)
    needed, left = refused.value.values
    assert (refused.value.name, needed) == ("InsufficientGas", payout.escrow.view("REQUIRED_GAS"))
    assert left < needed


@pytest.mark.parametrize("gas", [60_000, 150_000, 200_000])
def test_contract_that_forwards_little_gas_decides_nothing(world: World, gas: int) -> None:
    payout = _to_new_account(world)
    relay = world.chain.deploy("Receiver", sender=ANYBODY)
    data = bytes.fromhex(payout.escrow.data("withdraw", SECRET, payout.lock)[2:])
    with pytest.raises(Refused):
        relay.send("execute", payout.escrow.address, data, sender=ANYBODY, gas=gas)
    assert world.state(payout.lock) == State.OPEN
