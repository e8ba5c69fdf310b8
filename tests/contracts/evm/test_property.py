"""Any sequence of creations, withdrawals, refunds, payouts, blocks, gifts and time, by anybody.

After each step every wei and every unit is where the ledger says, each lock stands as it says, no
lock was paid twice, and none that saw its secret in time was refunded.
"""

from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.contracts.evm.chain import NATIVE, START, Contract, Receipt, Refused
from tests.contracts.evm.ledger import Entry, Ledger
from tests.contracts.evm.locks import Lock, Order, State, address, escrow_address, hash_of
from tests.contracts.evm.world import ANYBODY, ETHER, World

SECRETS = [bytes([number]) * 32 for number in range(3)]
KEYED = address("keyed")  # signs orders; the other parties are contracts and create by themselves
FUNDS = 10**9

secrets = st.sampled_from(SECRETS)
picks = st.integers(min_value=0, max_value=10**6)
# The first of each list is what the search tries most when it simplifies: the ordinary case
amounts = st.sampled_from([1000, 1, 2, 7, 0])
waits = st.sampled_from([60, 60, 30, 10, 1, 0])  # seconds


class Escrows(RuleBasedStateMachine):
    """Drives the contracts and the ledger side by side."""

    deployed: World

    @initialize()
    def begin(self) -> None:
        """Parties with money on a chain of their own."""
        self.world, self.ledger = self.deployed, Ledger()
        self.chain = self.world.chain
        self.snapshot = self.chain.anvil.snapshot()
        self.ledger.now = START + 1
        self.token = self.world.chain.deploy("BlockingToken", sender=ANYBODY)
        made = [self.chain.deploy("Receiver", sender=ANYBODY) for _ in range(2)]
        self.receivers = {receiver.address: receiver for receiver in made}
        self.parties = [*self.receivers, KEYED]
        for party in self.parties:
            self.fund(party)

    def fund(self, party: str) -> None:
        """Give a party both assets, and the factory the right to take its units."""
        self.chain.anvil.fund(party, ETHER)
        self.token.send("mint", party, FUNDS, sender=ANYBODY)
        args = (self.world.factory.address, FUNDS)
        if party in self.receivers:
            self.execute(party, self.token, "approve", *args)
        else:
            self.chain.rpc.call("anvil_setNextBlockBaseFeePerGas", "0x0")
            self.token.send("approve", *args, sender=party)
        self.ledger.units[self.token.address, party] = FUNDS
        self.ledger.units[NATIVE, party] = self.chain.balance(party)

    def execute(
        self, party: str, to: Contract, function: str, *args: object, value: int = 0
    ) -> Receipt:
        """Call as a party that is a contract; the ether comes from it, not from the sender."""
        data = bytes.fromhex(to.data(function, *args)[2:])
        receiver = self.receivers[party]
        return receiver.send("spend", to.address, data, value, sender=ANYBODY)

    def expect(self, refusal: str, act: Callable[[], object]) -> None:
        """Do it at the ledger's time; it must be refused exactly as the ledger says."""
        self.chain.at(self.ledger.now)
        outcome = ""
        try:
            act()
        except Refused as refused:
            outcome = refused.name
        assert outcome == refusal

    def entry(self, pick: int) -> tuple[Entry, Contract]:
        """Any lock that was ever made, and its escrow."""
        entries = list(self.ledger.entries.values())
        entry = entries[pick % len(entries)]
        return entry, self.chain.contract("Escrow", entry.escrow)

    def place(self, lock: Lock) -> str:
        """Where the lock is or would be."""
        return escrow_address(self.world.factory.address, self.world.implementation, lock)

    def has_locks(self) -> bool:
        """Whether a lock was ever made."""
        return bool(self.ledger.entries)

    @rule(
        who=picks,
        whom=picks,
        native=st.booleans(),
        leg=st.sampled_from(["Src", "Dst"]),
        secret=secrets,
        amount=amounts,
        lock_by=st.sampled_from([0, 0, 0, 30, -1]),
        timelock=waits,
    )
    def create(
        self, who: int, whom: int, native: bool, leg: str, secret: bytes, amount: int,
        lock_by: int, timelock: int,
    ) -> None:  # fmt: skip
        """A party locks for a party: by its own call, or by an order that anybody submits."""
        depositor, beneficiary = (self.parties[pick % len(self.parties)] for pick in (who, whom))
        token = NATIVE if native and depositor in self.receivers else self.token.address
        latest = self.ledger.now + lock_by
        times_ = (latest, latest + timelock)
        lock = Lock(depositor, beneficiary, token, amount, hash_of(secret), *times_)
        refusal = self.ledger.create(lock, self.place(lock))
        if depositor == KEYED:
            self.expect(refusal, lambda: self.submit(lock))
        else:
            function, value = f"create{leg}Escrow", amount if token == NATIVE else 0
            factory = self.world.factory
            self.expect(
                refusal, lambda: self.execute(depositor, factory, function, lock, value=value)
            )

    def submit(self, lock: Lock) -> Receipt:
        """Somebody submits the order of the party that has a key."""
        order = Order(*lock, "near:testnet", "usdc", "maker", 1, 0)
        return self.world.create_for(order, self.world.sign(order, "keyed"))

    @precondition(has_locks)
    @rule(pick=picks, secret=secrets)
    def withdraw(self, pick: int, secret: bytes) -> None:
        """Anybody shows a secret, right or wrong."""
        entry, escrow = self.entry(pick)
        refusal = self.ledger.withdraw(entry, secret)
        self.expect(refusal, lambda: escrow.send("withdraw", secret, entry.lock, sender=ANYBODY))

    @precondition(has_locks)
    @rule(pick=picks)
    def withdraw_with_the_right_secret(self, pick: int) -> None:
        """Often enough for long stories after a withdrawal."""
        hashlock = self.entry(pick)[0].lock.hashlock
        self.withdraw(pick, next(secret for secret in SECRETS if hash_of(secret) == hashlock))

    @precondition(has_locks)
    @rule(pick=picks)
    def cancel(self, pick: int) -> None:
        """Anybody asks for the refund."""
        entry, escrow = self.entry(pick)
        refusal = self.ledger.cancel(entry)
        self.expect(refusal, lambda: escrow.send("cancel", entry.lock, sender=ANYBODY))

    @precondition(has_locks)
    @rule(pick=picks, who=picks)
    def cancel_by_beneficiary(self, pick: int, who: int) -> None:
        """A party that may be the beneficiary gives the money back."""
        entry, escrow = self.entry(pick)
        callers = list(self.receivers)
        caller = callers[who % len(callers)]
        refusal = self.ledger.cancel_by_beneficiary(entry, caller)
        function = "cancelByBeneficiary"
        self.expect(refusal, lambda: self.execute(caller, escrow, function, entry.lock))

    @precondition(has_locks)
    @rule(pick=picks)
    def pay(self, pick: int) -> None:
        """Anybody asks for a payout that failed."""
        entry, escrow = self.entry(pick)
        refusal = self.ledger.pay(entry)
        self.expect(refusal, lambda: escrow.send("pay", entry.lock, sender=ANYBODY))

    @precondition(lambda self: bool(self.owed()))
    @rule(pick=picks)
    def pay_what_is_owed(self, pick: int) -> None:
        """Often enough for payouts that fail again or succeed at last."""
        owed = self.owed()
        self.pay(owed[pick % len(owed)])

    def owed(self) -> list[int]:
        """Picks of the locks that are decided and not paid."""
        states = (State.OWED_TO_BENEFICIARY, State.OWED_TO_DEPOSITOR)
        entries = self.ledger.entries.values()
        return [pick for pick, entry in enumerate(entries) if entry.state in states]

    @precondition(has_locks)
    @rule(pick=picks, amount=st.sampled_from([-1, 1]))
    def settle_under_other_terms(self, pick: int, amount: int) -> None:
        """Anybody claims other terms for a lock."""
        entry, escrow = self.entry(pick)
        other = entry.lock._replace(amount=entry.lock.amount + amount)
        for function, args in (("withdraw", (SECRETS[0], other)), ("pay", (other,))):
            self.expect("WrongLock", self._sending(escrow, function, args))

    def _sending(
        self, escrow: Contract, function: str, args: tuple[Any, ...]
    ) -> Callable[[], object]:
        return lambda: escrow.send(function, *args, sender=ANYBODY)

    @precondition(has_locks)
    @rule(pick=picks, depositor=st.booleans(), value=st.booleans())
    def block(self, pick: int, depositor: bool, value: bool) -> None:
        """A lock's party gets no payouts in its asset from now on, or gets them again."""
        lock = self.entry(pick)[0].lock
        party = lock.depositor if depositor else lock.beneficiary
        if lock.token == NATIVE and party == KEYED:
            return  # an account without code takes ether always
        if lock.token == NATIVE:
            self.receivers[party].send("setConduct", int(value), sender=ANYBODY)
        else:
            self.token.send("setBlocked", party, value, sender=ANYBODY)
        change = self.ledger.blocked.add if value else self.ledger.blocked.discard
        change((lock.token, party))

    @rule(who=picks, native=st.booleans(), secret=secrets, amount=st.sampled_from([1, 1000]))
    def donate(self, who: int, native: bool, secret: bytes, amount: int) -> None:
        """A party gives units to an address where an escrow is or may come to be."""
        depositor = self.parties[who % len(self.parties)]
        token = NATIVE if native else self.token.address
        lock = Lock(depositor, depositor, token, amount, hash_of(secret), 0, 0)
        escrow, donor = self.place(lock), next(iter(self.receivers))
        refusal = self.ledger.donate(token, donor, escrow, amount)
        self.expect(refusal, lambda: self.give(token, donor, escrow, amount))

    def give(self, token: str, donor: str, to: str, amount: int) -> Receipt:
        """Send units of either asset as a party."""
        if token == NATIVE:
            return self.receivers[donor].send("spend", to, b"", amount, sender=ANYBODY)
        return self.execute(donor, self.token, "transfer", to, amount)

    @rule(seconds=waits)
    def wait(self, seconds: int) -> None:
        """Time passes."""
        self.ledger.now += seconds

    @invariant()
    def every_unit_is_accounted_for(self) -> None:
        """No wei and no unit is anywhere but where the ledger says, and none came or went."""
        expected = self.ledger.units
        assert dict(zip(expected, self.world.all_held(list(expected)), strict=True)) == expected
        supply = self.token.view("totalSupply")
        assert supply == sum(
            units for (token, _), units in self.ledger.units.items() if token != NATIVE
        )

    @invariant()
    def every_lock_ends_once_at_the_right_party(self) -> None:
        """State as the ledger has it; the secret in time excludes the depositor for ever."""
        entries = list(self.ledger.entries.values())
        states = self.world.states([entry.lock for entry in entries])
        for entry, state in zip(entries, states, strict=True):
            assert state == entry.state
            assert entry.payouts == (entry.state in (State.WITHDRAWN, State.REFUNDED))
            if entry.secret_in_time:
                assert entry.state in (State.WITHDRAWN, State.OWED_TO_BENEFICIARY)

    def teardown(self) -> None:
        """Undo the example."""
        self.chain.anvil.revert(self.snapshot)


def test_every_unit_is_accounted_for_whatever_anybody_does(deployed: World) -> None:
    class Machine(Escrows):
        pass

    Machine.deployed = deployed
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=80,
            stateful_step_count=50,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )
