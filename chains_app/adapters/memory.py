"""The adapter of the in-memory chain."""

import hashlib
import re
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any, Final

from chains_app.adapters.interface import (
    SECRET_PLACE,
    BlockUnknownError,
    ChainUnavailableError,
    Fact,
    FactsPage,
    KeyState,
    Prepared,
    Signed,
    SigningKey,
    Stage,
    TransactionStatus,
)
from chains_app.adapters.memory_chain import MemoryChain, Mined, Transaction
from chains_app.adapters.memory_contract import ContractError, Invocation, execute, lock_id
from chains_app.adapters.memory_tokens import PLAIN
from chains_app.config import ChainSpec, Nonces
from chains_app.locks import Block, Call, LockReading, LockState, LockTerms
from chains_app.orders import Order, SignedOrder
from chains_app.tokens import TokenSpec
from orchestrator.kernel.amounts import Rounding, multiply_divide
from orchestrator.kernel.hashlock import HashFunction, Secret

PAGE_BLOCKS: Final = 20  # of one page of facts, as of a real adapter's
_ACCOUNT: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


def memory_key(account: str, number: int = 0) -> SigningKey:
    """A key of an account of the in-memory chain; the same one for the same arguments."""
    secret = hashlib.sha256(f"{account} {number}".encode()).digest()
    return SigningKey(account, f"key-{number}", Secret(secret))


def memory_spec(chain: MemoryChain) -> ChainSpec:
    """The numbers of an in-memory chain, with each tier's depth in blocks as its budget."""
    return ChainSpec(
        name=chain.name,
        caip2=f"memory:{chain.name}",
        hash_function=HashFunction.SHA256,
        contract=chain.contract,
        finality={tier: depth * chain.block_seconds for tier, depth in chain.tiers.items()},
        stale_after=None,
        nonces=Nonces.SEQUENTIAL if chain.sequential_nonces else Nonces.GROWING,
        native=TokenSpec("COIN", None, chain.decimals, native_gas(chain.fee)),
        max_gas_price=1,
        tokens={name: token.spec(name, chain.fee) for name, token in chain.tokens.items()},
    )


def native_gas(fee: int) -> dict[Call, int]:
    """What each call on a native lock takes; it is never made by an order."""
    return {call: fee for call in Call if call is not Call.LOCK_FOR}


class MemoryAdapter:
    """Serves one MemoryChain; `contract` is the one that is expected there."""

    def __init__(self, chain: MemoryChain, *, contract: str | None = None) -> None:
        self._chain, self._contract = chain, contract or chain.contract
        self.name = chain.name

    def _reached(self) -> MemoryChain:
        if self._chain.is_unreachable:
            raise ChainUnavailableError(f"{self.name}: no node answers")
        return self._chain

    def head(self) -> Block:
        return self._reached().head

    def final(self, tier: str) -> Block:
        return self._reached().final(tier).block

    def block(self, height_or_hash: int | str) -> Block:
        return self._find(height_or_hash).block

    def _find(self, height_or_hash: int | str) -> Mined:
        mined = self._reached().find(height_or_hash)
        if mined is None:
            raise BlockUnknownError(f"{self.name} has no block {height_or_hash}")
        return mined

    def views(self) -> "Sequence[MemoryAdapter]":
        return [self]

    def facts(
        self, from_height: int, to_height: int, locks: Collection[str] | None = None
    ) -> FactsPage:
        found = self._reached().between(from_height, to_height)
        if not found:
            raise BlockUnknownError(f"{self.name} has no block {from_height} to {to_height}")
        found = found[:PAGE_BLOCKS]
        facts = tuple(fact for mined in found for fact in mined.facts)
        return FactsPage(tuple(mined.block for mined in found), facts)

    def shown_secret(self, terms: LockTerms, first: int, last: int) -> bytes | None:
        shown = (fact for mined in self._reached().between(first, last) for fact in mined.facts)
        secrets = (fact.secret for fact in shown if fact.lock_id == lock_id(terms))
        return next((secret for secret in secrets if secret), None)

    def lock_made(self, fact: Fact, block: Block) -> LockTerms | None:
        lock = self._find(block.hash).state.locks.get(fact.lock_id)
        return lock.terms if lock is not None and lock.state is LockState.OPEN else None

    def lock_id(self, terms: LockTerms) -> str:
        return lock_id(terms)

    def read_lock(self, terms: LockTerms, block: Block) -> LockReading:
        state = self._find(block.hash).state
        lock = state.locks.get(lock_id(terms))
        if lock is None or (terms.chain, terms.contract) != (self.name, self._contract):
            return LockReading(LockState.ABSENT, is_paid=False, secret=None, block=block)
        return LockReading(lock.state, lock.is_paid, lock.secret, block)

    def payout_problem(self, terms: LockTerms, to: str) -> str | None:
        chain = self._reached()
        if not chain.state.exists(to):
            return f"{to} does not exist on {self.name}"
        if not self._is_registered(terms.token, to):
            return f"{to} is not registered with {terms.token}"
        return f"{to} refuses payments on {self.name}" if to in chain.refusing else None

    def repayment_problem(self, terms: LockTerms, account: str) -> str | None:
        held = self._reached().state.balance(account, terms.token)
        if held < terms.amount:
            return f"{account} holds {held}, less than {terms.amount}: fund it"
        return self.payout_problem(terms, terms.depositor)

    def preliminary(self, call: Call, terms: LockTerms, account: str) -> Call | None:
        chain = self._reached()
        token, state = chain.token_of(terms), chain.state
        if call is not Call.LOCK or terms.token is None:
            return None
        allowance = state.allowance(account, terms.token)
        if token.needs_approval and allowance < terms.amount:
            zero_first = token.approve_zero_first and allowance > 0
            return Call.APPROVE_ZERO if zero_first else Call.APPROVE
        if not token.needs_preparation:
            return None
        if not self._is_registered(terms.token, terms.beneficiary):
            return Call.REGISTER
        return None if lock_id(terms) in state.prepared else Call.PREPARE

    def registration_cost(self, token: str | None, account: str) -> int:
        asked = self._reached().tokens.get(token or "", PLAIN)
        return 0 if self._is_registered(token, account) else asked.registration

    def _is_registered(self, token: str | None, account: str) -> bool:
        asked = self._chain.tokens.get(token or "", PLAIN)
        return not asked.needs_preparation or (account, token) in self._chain.state.registered

    def prepare(self, call: Call, terms: LockTerms, key: SigningKey) -> Prepared:
        return self._prepare(call, terms, key)

    def prepare_transfer_to_self(self, key: SigningKey) -> Prepared:
        return self._prepare(None, None, key)

    def _prepare(self, call: Call | None, terms: LockTerms | None, key: SigningKey) -> Prepared:
        chain = self._reached()
        expires = None if chain.valid_for is None else chain.head.height + chain.valid_for
        return Prepared(
            fields={"fee": chain.fee, "block_hash": chain.head.hash},
            nonce_floor=chain.next_nonce((key.account, key.public)),
            cost_cap=chain.cost_of(call, terms, chain.fee),
            balance=chain.state.balance(key.account, None),
            expires_at_height=expires,
        )

    def named_block(self, prepared: Prepared) -> tuple[int, str] | None:
        lives, expires = self._chain.valid_for, prepared.expires_at_height
        if lives is None or expires is None:
            return None
        return expires - lives, prepared.fields["block_hash"]

    def sign(
        self,
        call: Call | None,
        terms: LockTerms | None,
        prepared: Prepared,
        key: SigningKey,
        nonce: int,
        secret: Secret | None = None,
        order: SignedOrder | None = None,
    ) -> Signed:
        if call is Call.WITHDRAW and secret is None:
            raise ValueError("a withdrawal needs its secret")
        shown = None if secret is None else secret.reveal()
        fee, expires = prepared.fields["fee"], prepared.expires_at_height
        sent = Transaction(key.account, key.public, nonce, fee, call, terms, shown, expires, order)
        return Signed(sent.encode(), sent.hash)

    def replace(self, prepared: Prepared, percent: int) -> Prepared:
        fee = prepared.fields["fee"]
        raised = multiply_divide(fee, 100 + percent, 100, Rounding.UP)
        cost = prepared.cost_cap - fee + raised
        return replace(prepared, fields=prepared.fields | {"fee": raised}, cost_cap=cost)

    def broadcast(self, raw: bytes) -> None:
        chain, sent = self._reached(), Transaction.decode(raw)
        if not chain.drops_sent:
            chain.submit(sent)
        if chain.loses_answers:
            raise ChainUnavailableError(f"{self.name}: no node answers")

    def transaction_status(self, hash_: str, sender: str, tier: str) -> TransactionStatus:
        chain = self._reached()
        found = chain.inclusion(hash_)
        if found is None:
            waits = any(pending.hash == hash_ for pending in chain.mempool)
            return TransactionStatus(Stage.PENDING if waits else Stage.UNKNOWN)
        is_final = found.block.height <= chain.final(tier).block.height
        stage = Stage.FINAL if is_final else Stage.INCLUDED
        return TransactionStatus(stage, found.succeeded, found.block.height, found.block.hash)

    def signed_bytes(self, hash_: str) -> bytes | None:
        mined = self._reached().between(0, self._reached().head.height)
        found = (sent for each in mined for sent in each.transactions if sent.hash == hash_)
        return next((sent.encode() for sent in found), None)

    def key_state(self, key: SigningKey) -> KeyState:
        chain, name = self._reached(), (key.account, key.public)
        final = chain.final(max(chain.tiers, key=lambda tier: chain.tiers[tier]))
        last_final = chain.next_nonce(name, final.state) - 1
        return KeyState(last_final, chain.next_nonce(name) - 1, chain.head.height)

    def balance(self, account: str, token: str | None) -> int:
        return self._reached().state.balance(account, token)

    def wallet_transactions(
        self, terms: LockTerms, *, only_missing: bool = False
    ) -> Sequence[dict[str, Any]]:
        """A wallet here approves without limit, too."""
        needed = [c for c in self._chain.token_of(terms).preliminaries if c is not Call.REGISTER]
        if only_missing and not self._chain.is_unreachable:
            missing = self.preliminary(Call.LOCK, terms, terms.depositor)
            needed = needed[needed.index(missing) :] if missing in needed else []
        return [
            {"account": terms.depositor, "call": call.value, "terms": terms.to_json()}
            for call in (*needed, Call.LOCK)
        ]

    def open_lock_question(self, terms: LockTerms) -> dict[str, Any]:
        return {"lock": self.lock_id(terms), "open": LockState.OPEN.value}

    def exit_transaction(self, call: Call, terms: LockTerms) -> dict[str, Any]:
        secret = {"secret": SECRET_PLACE} if call is Call.WITHDRAW else {}
        return {"call": call.value, "terms": terms.to_json(), **secret}

    def order_to_sign(self, order: Order) -> dict[str, Any]:
        return {"order": order.to_json()}

    def order_problem(self, signed: SignedOrder) -> str | None:
        """Tried on the head's state."""
        chain, terms = self._reached(), signed.order.terms
        token, now = chain.token_of(terms), chain.head.time
        made = Invocation("anybody", Call.LOCK_FOR, terms, None, now, token, signed)
        try:
            execute(chain.state, made, frozenset())
        except ContractError as refused:
            return f"{self.name} would refuse it now: {refused}"
        return None

    def spelled(self, account: str) -> str:
        """Capitals alone are another spelling, as on an EVM chain."""
        return account.lower() if account.isupper() else account

    def account_problem(self, account: str) -> str | None:
        if not _ACCOUNT.fullmatch(account):
            return f"{account[:80]!r} is not an account of {self.name}: use a-z, 0-9, . _ and -"
        exists = self._reached().state.exists(account)
        return None if exists else f"{account} does not exist on {self.name}: give one that does"

    def problems(self) -> list[str]:
        if self._chain.is_unreachable:
            return [f"{self.name}: no node answers"]
        if self._chain.contract == self._contract:
            return []
        return [f"{self.name}: no escrow contract at {self._contract}: correct the configuration"]
