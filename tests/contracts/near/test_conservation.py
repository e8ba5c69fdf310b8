"""Any calls by anybody in any order: every unit is accounted for, each lock ends once, rightly."""

import hashlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from devnet.near.client import NEAR, Outcome, Signer
from tests.contracts.near.interface import YOCTO_PER_BYTE, Lock, events, refusal
from tests.contracts.near.model import Model, ModelLock
from tests.contracts.near.world import HOUR, World, create_account

SECRETS = [bytes([number]) * 32 for number in (1, 2, 3)]
MICRO_NEAR = NEAR // 10**6
REGISTRATION = (1 + 64 + 16 + 40) * YOCTO_PER_BYTE
GHOST = "ghost.test.near"
PEOPLE = ["alice.test.near", "bob.test.near", "carol.test.near"]
ENDINGS = ["withdraw", "refund", "refund_early", "pay"]

people = st.sampled_from(PEOPLE)
hours = st.sampled_from([0, 0, 1])


@dataclass(frozen=True)
class Wish:
    """A lock that somebody wants; `wait` and `claim` in hours from now, and from then."""

    native: bool
    caller: str
    depositor: str
    beneficiary: str
    amount: int
    secret: bytes
    wait: int
    claim: int


wishes = st.builds(
    Wish,
    native=st.booleans(),
    caller=people,
    depositor=st.sampled_from(PEOPLE[:2]),
    beneficiary=st.sampled_from([*PEOPLE[1:], GHOST]),
    amount=st.sampled_from([1, 400_000]),
    secret=st.sampled_from(SECRETS),
    wait=st.sampled_from([0, 0, 1, -1]),
    claim=st.integers(0, 2),
)


class Escrow(RuleBasedStateMachine):
    """The contract beside its model. Whole hours pass, locks' times stand at half hours between."""

    locks: Bundle[Any] = Bundle("locks")

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world
        self.signers = {
            signer.account_id: signer for signer in (world.alice, world.bob, world.carol)
        }
        self.start = world.now()
        self.own_balance = world.storage_usage() * YOCTO_PER_BYTE
        self.receivers: dict[str, list[str]] = {}
        self.model = Model(
            near=Counter({name: world.near.balance(name) for name in PEOPLE}),
            tokens=Counter({name: world.token.balance(name) for name in PEOPLE}),
            registered={"alice.test.near", "bob.test.near"},
        )

    def spend(self, signer: Signer, outcome: Outcome) -> Outcome:
        """Books the gas of a transaction, and notes whom it paid."""
        self.model.near[signer.account_id] -= outcome.tokens_burnt
        for name, data in events(outcome):
            if name == "payout_made":
                self.receivers.setdefault(data["id"], []).append(data["receiver"])
        return outcome

    def call(self, caller: str, send: Callable[..., Outcome], *arguments: Any) -> bool:
        """Whether the call itself was accepted."""
        signer = self.signers[caller]
        outcome = self.spend(signer, send(signer, *arguments))
        return outcome.failure is None

    @initialize(target=locks, wanted=st.lists(wishes, min_size=6, max_size=6))
    def begin(self, wanted: list[Wish]) -> Any:
        """Some locks to start with, most of the tokens' locks funded."""
        made = [lock for lock in map(self.attempt, wanted) if lock is not None]
        for lock in made[:-1]:
            if lock.state == "prepared":
                self.send_tokens(lock, lock.lock.depositor, lock.lock.amount)
        return multiple(*made)

    @rule(target=locks, wish=wishes)
    def make(self, wish: Wish) -> Any:
        """A native lock by its depositor, or a token's lock prepared by anybody."""
        made = self.attempt(wish)
        return multiple() if made is None else made

    def attempt(self, wish: Wish) -> ModelLock | None:
        """The lock if it came to be, which the contract and the model agree on."""
        made = self.planned(wish)
        send = self.world.htlc.lock if wish.native else self.world.htlc.prepare
        admitted = self.model.admits(made)
        if admitted:
            self.model.make(made)
        assert self.call(made.payer, send, made.lock) == admitted
        return made if admitted else None

    def planned(self, wish: Wish) -> ModelLock:
        """What a wish asks for."""
        lock_by = self.model.hour + wish.wait
        lock = Lock(
            wish.depositor,
            wish.beneficiary,
            token=None if wish.native else self.world.token.account_id,
            amount=wish.amount * (MICRO_NEAR if wish.native else 1),
            lock_by=self.instant(lock_by),
            timelock=self.instant(lock_by + wish.claim),
            hashlock=hashlib.sha256(wish.secret).hexdigest(),
        )
        payer = wish.depositor if wish.native else wish.caller
        state = "open" if wish.native else "prepared"
        return ModelLock(lock, lock_by, lock_by + wish.claim + 1, payer, state, wish.secret)

    def instant(self, hour: int) -> int:
        """Half an hour after a whole one."""
        return self.start + hour * HOUR + HOUR // 2

    @rule(made=locks, caller=people, pick=st.integers(0, 5), hours=hours)
    def what_its_state_invites(self, made: ModelLock, caller: str, pick: int, hours: int) -> None:
        """By anybody who may, with the right secret or amount; often too early or too late."""
        self.pass_hours(hours)
        invited = {
            "prepared": [self.fund, self.remove],
            "open": [self.withdraw, self.refund, self.refund_early],
            "owed_to_beneficiary": [self.pay],
            "owed_to_depositor": [self.pay],
        }.get(made.state, [self.pay, self.withdraw, self.refund])
        invited[pick % len(invited)](made, caller)

    @rule(made=locks, caller=people, pick=st.integers(0, 5), hours=hours)
    def what_nothing_invites(self, made: ModelLock, caller: str, pick: int, hours: int) -> None:
        """By anybody, with a wrong secret or amount, at any time."""
        self.pass_hours(hours)
        [
            lambda: self.send_tokens(made, caller, made.lock.amount + 1),
            lambda: self.remove(made, caller),
            lambda: self.withdraw(made, caller, wrong=bytes(32)),
            lambda: self.refund(made, caller),
            lambda: self.early(made, caller),
            lambda: self.pay(made, caller),
        ][pick]()

    def pass_hours(self, hours: int) -> None:
        """Of chain time."""
        self.world.pass_hours(hours)
        self.model.hour += hours

    def fund(self, made: ModelLock, caller: str) -> None:
        """By its depositor, whoever calls."""
        del caller
        self.send_tokens(made, made.lock.depositor, made.lock.amount)

    def send_tokens(self, made: ModelLock, sender: str, amount: int) -> None:
        """Opens a lock, or comes back whole, or is more than the sender has."""
        held = self.model.tokens[sender]
        funded = self.model.fund(made, sender, amount)
        signer = self.signers[sender]
        outcome = self.spend(signer, self.world.fund(made.lock, amount, signer))
        if amount <= held:
            self.model.near[sender] -= 1  # which ft_transfer_call keeps
            assert outcome.json == (str(amount) if funded else "0")
        else:
            assert refusal(outcome).startswith(("E_BALANCE: ", "E_NOT_REGISTERED: "))

    def withdraw(self, made: ModelLock, caller: str, wrong: bytes | None = None) -> None:
        accepted = self.model.withdraw(made, fits=wrong is None)
        secret = made.secret if wrong is None else wrong
        assert self.call(caller, self.world.htlc.withdraw, made.lock, secret) == accepted

    def refund(self, made: ModelLock, caller: str) -> None:
        accepted = self.model.refund(made)
        assert self.call(caller, self.world.htlc.refund, made.lock) == accepted

    def refund_early(self, made: ModelLock, caller: str) -> None:
        """By the beneficiary, if there is one."""
        beneficiary = made.lock.beneficiary
        self.early(made, beneficiary if beneficiary in self.signers else caller)

    def early(self, made: ModelLock, caller: str) -> None:
        accepted = self.model.refund(made, early_by=caller)
        assert self.call(caller, self.world.htlc.refund_early, made.lock) == accepted
        self.model.near[caller] -= accepted  # the yocto that it wants

    def pay(self, made: ModelLock, caller: str) -> None:
        accepted = self.model.pay(made)
        assert self.call(caller, self.world.htlc.pay, made.lock) == accepted

    def remove(self, made: ModelLock, caller: str) -> None:
        accepted = self.model.remove(made)
        assert self.call(caller, self.world.htlc.remove, made.lock) == accepted

    @rule(
        made=locks,
        other=locks,
        methods=st.lists(st.sampled_from(ENDINGS), min_size=2, max_size=3),
        hours=hours,
    )
    def several_in_one_block(
        self, made: ModelLock, other: ModelLock, methods: list[str], hours: int
    ) -> None:
        """They run one after the other, and only then the payouts that they sent.

        The order in a block is that of nonces, which younger keys have higher: that of PEOPLE.
        """
        self.pass_hours(hours)
        calls = list(zip(methods, (made, other, made), PEOPLE, strict=False))
        with self.world.blocks_by_hand():
            sent = [self.submit(*each) for each in calls]
        in_flight: set[str] = set()
        for (method, target, caller), transaction in zip(calls, sent, strict=True):
            lock_id, signer = target.lock.id(), self.signers[caller]
            accepted = lock_id not in in_flight and self.accepts(method, target, caller)
            in_flight |= {lock_id} if accepted else set()
            outcome = self.spend(signer, self.world.outcome(transaction, signer))
            assert (outcome.failure is None) == accepted
            self.model.near[caller] -= accepted and method == "refund_early"

    def submit(self, method: str, made: ModelLock, caller: str) -> str:
        """A call for the next block; returns the transaction's hash."""
        secret = {"secret": made.secret.hex()} if method == "withdraw" else {}
        deposit = 1 if method == "refund_early" else 0
        arguments = {"id": made.lock.id(), **secret}
        return self.world.submit(self.signers[caller], method, arguments, deposit)

    def accepts(self, method: str, made: ModelLock, caller: str) -> bool:
        """Whether the model lets this call decide or pay a lock, which it then has done."""
        return {
            "withdraw": lambda: self.model.withdraw(made, fits=True),
            "refund": lambda: self.model.refund(made),
            "refund_early": lambda: self.model.refund(made, early_by=caller),
            "pay": lambda: self.model.pay(made),
        }[method]()

    @rule()
    def the_missing_account_appears(self) -> None:
        """Once; its payouts can be paid from then on."""
        if GHOST not in self.model.near:
            create_account(self.world.near, self.world.root, GHOST, NEAR)
            self.model.near[GHOST] = NEAR

    @rule(account=people)
    def registration_changes(self, account: str) -> None:
        """Registers an account with the token, or takes it off and burns what it holds."""
        model, token = self.model, self.world.token
        if account not in model.registered:
            assert token.register(self.world.root, account).failures == []
            model.registered.add(account)
            return
        signer = self.signers[account]
        force = {"force": True}
        self.spend(signer, token.call(signer, "storage_unregister", force, deposit=1))
        model.registered.remove(account)
        model.tokens[account] = 0
        model.near[account] += REGISTRATION

    @invariant()
    def everybody_has_what_is_theirs(self) -> None:
        """To the yocto and to the token's unit."""
        near, token = self.world.near, self.world.token
        assert {name: near.balance(name) for name in self.model.near} == self.model.near
        assert {name: token.balance(name) for name in PEOPLE} == self.model.tokens

    @invariant()
    def the_escrow_holds_what_it_owes(self) -> None:
        """NEAR beyond what its own code and state need, and exactly the tokens."""
        htlc = self.world.htlc.account_id
        needed = self.own_balance + self.model.obligations()
        assert self.world.near.balance(htlc) >= needed
        assert self.world.token.balance(htlc) == self.model.tokens_held()

    @invariant()
    def every_lock_is_where_the_model_has_it(self) -> None:
        """And no payout is left in flight."""
        for made in self.model.locks.values():
            record = self.world.htlc.get(made.lock)
            assert (record["state"], record["in_flight"]) == (made.state, False)
            assert (record["secret"] is not None) == made.secret_shown

    @invariant()
    def each_lock_pays_once_and_rightly(self) -> None:
        """A lock that saw its secret in time never pays its depositor."""
        for lock_id, receivers in self.receivers.items():
            made = self.model.locks[lock_id]
            lock = made.lock
            assert receivers == [lock.beneficiary if made.secret_shown else lock.depositor]


def test_any_sequence_of_calls_keeps_every_unit_accounted_for(genesis: tuple[World, str]) -> None:
    world, beginning = genesis

    class FreshEscrow(Escrow):
        def __init__(self) -> None:
            world.near.revert(beginning)
            super().__init__(world)

    bounded = settings(
        max_examples=40, stateful_step_count=20, deadline=None, derandomize=True, database=None
    )
    run_state_machine_as_test(FreshEscrow, settings=bounded)
