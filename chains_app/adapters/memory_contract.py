"""The escrow contract of the in-memory chain: what docs/rules.md says of all contracts, and no gas.

States are values: `execute` answers with the next one, so that every block keeps its own.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from types import MappingProxyType

from chains_app.adapters.memory_tokens import PLAIN, UNLIMITED, MemoryToken
from chains_app.locks import PRELIMINARIES, Call, LockState, LockTerms
from chains_app.orders import Order, SignedOrder
from orchestrator.kernel.clock import Seconds
from orchestrator.kernel.hashlock import HashFunction, Secret, fits


class ContractError(Exception):
    """The contract refused a call; nothing but the fee has changed."""


@dataclass(frozen=True)
class Invocation:
    """A call as the contracts see it: who, what, the time of its block, the terms' token."""

    sender: str
    call: Call
    terms: LockTerms
    secret: Secret | None
    now: Seconds
    token: MemoryToken = PLAIN
    order: SignedOrder | None = None


@dataclass(frozen=True)
class Lock:
    """A lock's record. `secret` is public once it was shown."""

    terms: LockTerms
    state: LockState
    is_paid: bool = False
    secret: bytes | None = field(default=None, repr=False)

    @property
    def receiver(self) -> str:
        """Whom a decided lock pays."""
        withdrawn = self.state is LockState.WITHDRAWN
        return self.terms.beneficiary if withdrawn else self.terms.depositor


Holding = tuple[str, str | None]  # an account and a token, None for the native coin


@dataclass(frozen=True)
class State:
    """Everything on chain at one block. An account exists once it has been given native coin."""

    balances: Mapping[Holding, int] = field(default_factory=lambda: MappingProxyType({}))
    locks: Mapping[str, Lock] = field(default_factory=lambda: MappingProxyType({}))
    used: frozenset[tuple[str, str | None, bytes]] = frozenset()
    nonces: Mapping[tuple[str, str], int] = field(default_factory=lambda: MappingProxyType({}))
    allowances: Mapping[Holding, int] = field(default_factory=lambda: MappingProxyType({}))
    registered: frozenset[Holding] = frozenset()
    prepared: frozenset[str] = frozenset()

    def balance(self, account: str, token: str | None) -> int:
        """Base units."""
        return self.balances.get((account, token), 0)

    def exists(self, account: str) -> bool:
        """Whether the account was ever funded."""
        return (account, None) in self.balances

    def add(self, account: str, token: str | None, amount: int) -> "State":
        """The state with `amount` more (or less) on one holding."""
        total = self.balance(account, token) + amount
        return replace(self, balances={**self.balances, (account, token): total})

    def keep(self, identifier: str, lock: Lock) -> "State":
        """The state with that lock."""
        return replace(self, locks={**self.locks, identifier: lock})

    def allow(self, account: str, token: str | None, amount: int) -> "State":
        """The state in which the contract may move so much of an account's token."""
        return replace(self, allowances={**self.allowances, (account, token): amount})

    def allowance(self, account: str, token: str | None) -> int:
        """Base units that the contract may move."""
        return self.allowances.get((account, token), 0)

    def register(self, account: str, token: str | None) -> "State":
        """The state in which the token takes transfers to the account."""
        return replace(self, registered=self.registered | {(account, token)})

    def use_nonce(self, key: tuple[str, str], nonce: int) -> "State":
        """The state in which `nonce` is the key's last one."""
        return replace(self, nonces={**self.nonces, key: nonce})


@lru_cache(4096)
def lock_id(terms: LockTerms) -> str:
    """The hash of all terms, the contract and its chain included."""
    canonical = json.dumps(terms.to_json(), sort_keys=True).encode()
    return "0x" + hashlib.sha256(canonical).hexdigest()


def execute(state: State, made: Invocation, refusing: frozenset[str]) -> State:
    """The state after a call; raises ContractError. Nothing can be paid to who is in `refusing`."""
    match made.call:
        case Call.LOCK:
            _require(made.sender == made.terms.depositor, "not the depositor")
            return _lock(state, made)
        case Call.LOCK_FOR:
            _require_signed(made)
            return _lock(state, made)
        case Call.WITHDRAW:
            return _pay_out(state, _withdrawn(_open(state, made), made), made.token, refusing)
        case Call.REFUND:
            _require(made.now >= made.terms.timelock, "too early")
            return _pay_out(state, _refunded(_open(state, made)), made.token, refusing)
        case Call.REFUND_EARLY:
            _require(made.sender == made.terms.beneficiary, "not the beneficiary")
            return _pay_out(state, _refunded(_open(state, made)), made.token, refusing)
        case Call.PAY:
            return _pay_again(state, made, refusing)
        case Call.REPAY:
            return _transfer(state, made, refusing)
        case _:
            return _preliminary(state, made)


def _preliminary(state: State, made: Invocation) -> State:
    call, terms, token = made.call, made.terms, made.token
    _require(call in PRELIMINARIES and call in token.preliminaries, "no such method")
    if call is Call.REGISTER and (terms.beneficiary, terms.token) in state.registered:
        return state  # the deposit is given back
    receiver = terms.token if call is Call.REGISTER else terms.contract
    paid = state.add(made.sender, None, -token.deposit(call)).add(
        receiver or "", None, token.deposit(call)
    )
    match call:
        case Call.REGISTER:
            return paid.register(terms.beneficiary, terms.token)
        case Call.PREPARE:
            return _prepare(paid, made)
        case _:
            return _approve(state, made)


def _approve(state: State, made: Invocation) -> State:
    wanted = UNLIMITED if made.call is Call.APPROVE else 0
    has_some = state.allowance(made.sender, made.terms.token) > 0
    refuses = made.token.approve_zero_first and has_some and wanted > 0
    _require(not refuses, "an allowance is changed to nothing first")
    return state.allow(made.sender, made.terms.token, wanted)


def _prepare(state: State, made: Invocation) -> State:
    terms, identifier = made.terms, lock_id(made.terms)
    _require(identifier not in state.prepared, "prepared before")
    _require(_index(terms) not in state.used, "token and hashlock used before")
    _require(made.now <= terms.lock_by <= terms.timelock, "too late")
    return replace(state, prepared=state.prepared | {identifier})


def _index(terms: LockTerms) -> tuple[str, str | None, bytes]:
    return terms.depositor, terms.token, terms.hashlock


def order_signature(order: Order, account: str) -> bytes:
    """How an account signs an order here; nothing that anybody could not do for it."""
    canonical = json.dumps(order.to_json(), sort_keys=True)
    return hashlib.sha256(f"{account} {canonical}".encode()).digest()


def _require_signed(made: Invocation) -> None:
    signed, terms = made.order, made.terms
    _require(made.token.takes_orders, "no orders of this token")
    if signed is None or signed.order.terms != terms:
        raise ContractError("not an order for these terms")
    expected = order_signature(signed.order, terms.depositor)
    _require(signed.signature == expected, "not signed by the depositor")


def _lock(state: State, made: Invocation) -> State:
    terms, index = made.terms, _index(made.terms)
    _require(terms.amount > 0, "no amount")
    _require(made.now <= terms.lock_by <= terms.timelock, "too late")
    _require(index not in state.used, "token and hashlock used before")
    _require(state.balance(terms.depositor, terms.token) >= terms.amount, "no funds")
    funded = _use_preliminaries(state, made)
    funded = funded.add(terms.depositor, terms.token, -terms.amount)
    funded = funded.add(terms.contract, terms.token, terms.amount)
    return replace(funded, used=state.used | {index}).keep(
        lock_id(terms), Lock(terms, LockState.OPEN)
    )


def _use_preliminaries(state: State, made: Invocation) -> State:
    """What a token's lock needs was done before it; an allowance with a limit is used up."""
    terms, token = made.terms, made.token
    _require(not token.needs_preparation or lock_id(terms) in state.prepared, "not prepared")
    allowance = state.allowance(terms.depositor, terms.token)
    if not token.needs_approval or allowance == UNLIMITED:
        return state
    _require(allowance >= terms.amount, "no allowance")
    return state.allow(terms.depositor, terms.token, allowance - terms.amount)


def _open(state: State, made: Invocation) -> Lock:
    lock = state.locks.get(lock_id(made.terms))
    if lock is None or lock.state is not LockState.OPEN:
        raise ContractError("not open")
    return lock


def _withdrawn(lock: Lock, made: Invocation) -> Lock:
    _require(made.now < lock.terms.timelock, "too late")
    if made.secret is None or not fits(made.secret, lock.terms.hashlock, HashFunction.SHA256):
        raise ContractError("wrong secret")
    return replace(lock, state=LockState.WITHDRAWN, secret=made.secret.reveal())


def _refunded(lock: Lock) -> Lock:
    return replace(lock, state=LockState.REFUNDED)


def _pay_again(state: State, made: Invocation, refusing: frozenset[str]) -> State:
    lock = state.locks.get(lock_id(made.terms))
    if lock is None or lock.state is LockState.OPEN or lock.is_paid:
        raise ContractError("nothing owed")
    paid = _pay_out(state, lock, made.token, refusing)
    _require(paid.locks[lock_id(made.terms)].is_paid, "payout failed")
    return paid


def _transfer(state: State, made: Invocation, refusing: frozenset[str]) -> State:
    """A lock's amount from whoever sends it to its depositor; no contract of ours is asked."""
    terms, to = made.terms, made.terms.depositor
    _require(_is_reachable(state, to, terms.token, made.token, refusing), "can't be paid")
    _require(state.balance(made.sender, terms.token) >= terms.amount, "no funds")
    moved = state.add(made.sender, terms.token, -terms.amount)
    return moved.add(to, terms.token, terms.amount)


def _is_reachable(
    state: State, to: str, contract: str | None, token: MemoryToken, refusing: frozenset[str]
) -> bool:
    is_unknown = token.needs_preparation and (to, contract) not in state.registered
    return to not in refusing and not is_unknown and state.exists(to)


def _pay_out(state: State, lock: Lock, token: MemoryToken, refusing: frozenset[str]) -> State:
    """Keep a decided lock, paid when its receiver can be paid, owed otherwise."""
    terms, to = lock.terms, lock.receiver
    if not _is_reachable(state, to, terms.token, token, refusing):
        return state.keep(lock_id(terms), lock)
    moved = state.add(terms.contract, terms.token, -terms.amount).add(to, terms.token, terms.amount)
    return moved.keep(lock_id(terms), replace(lock, is_paid=True))


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise ContractError(otherwise)
