"""A whole chain in memory: blocks on demand, a mempool, finality by depth, and every fault at will.

It ships with the code: property tests and drills run the service over it. Accounts are names,
nobody forges signatures, and a transaction costs its fee and nothing else.
"""

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from itertools import takewhile
from typing import Any, Final

from chains_app.adapters.interface import Fact, Refusal, TransactionRefusedError
from chains_app.adapters.memory_contract import ContractError, Invocation, State, execute, lock_id
from chains_app.adapters.memory_tokens import PLAIN, MemoryToken
from chains_app.config import ConfigurationError
from chains_app.locks import Block, Call, LockTerms, native_value
from chains_app.orders import SignedOrder
from orchestrator.kernel.clock import Seconds
from orchestrator.kernel.errors import InvalidInputError
from orchestrator.kernel.hashlock import Secret

FEE: Final = 100  # of one transaction, base units of the native coin
TIERS: Final = {"head+1": 1, "safe": 2, "finalized": 2, "final": 2}  # blocks that lie above
RAISE_PERCENT: Final = 10  # least by which a replacement must pay more
# of these the contract hears nothing
_SILENT: Final = (Call.APPROVE_ZERO, Call.APPROVE, Call.REGISTER, Call.REPAY)
_GENESIS_TIME: Final = Seconds(1_700_000_000)


@dataclass(frozen=True)
class Transaction:
    """What a signer sends; `call` None moves nothing. Known by the hash of its bytes, its JSON."""

    account: str
    public: str
    nonce: int
    fee: int
    call: Call | None = None
    terms: LockTerms | None = None
    secret: bytes | None = field(default=None, repr=False)
    expires_at_height: int | None = None
    order: SignedOrder | None = None

    @property
    def key(self) -> tuple[str, str]:
        """The nonces' owner."""
        return self.account, self.public

    def encode(self) -> bytes:
        """The bytes to send; they hold the secret of a withdrawal."""
        plain = {each.name: getattr(self, each.name) for each in fields(self)}
        values = plain | {
            "call": self.call and self.call.value,
            "terms": self.terms and self.terms.to_json(),
            "secret": self.secret and self.secret.hex(),
            "order": self.order and self.order.to_json(),
        }
        return json.dumps(values, sort_keys=True).encode()

    @classmethod
    def decode(cls, raw: bytes) -> "Transaction":
        """What `encode` wrote; raises TransactionRefusedError."""
        try:
            values: dict[str, Any] = json.loads(raw)
            return cls(**values | {
                "call": values["call"] and Call(values["call"]),
                "terms": values["terms"] and LockTerms.from_json(values["terms"]),
                "secret": values["secret"] and bytes.fromhex(values["secret"]),
                "order": values["order"] and SignedOrder.from_json(values["order"]),
            })  # fmt: skip
        except (ValueError, TypeError, KeyError):
            raise TransactionRefusedError(Refusal.INVALID) from None

    @cached_property
    def hash(self) -> str:
        """What it is known by."""
        return "0x" + hashlib.sha256(self.encode()).hexdigest()


@dataclass(frozen=True)
class Inclusion:
    """Where a transaction ran, and whether the contract took it."""

    block: Block
    succeeded: bool


@dataclass(frozen=True)
class Mined:
    """A block with all that it changed, and the state after it."""

    block: Block
    state: State
    transactions: tuple[Transaction, ...] = ()
    facts: tuple[Fact, ...] = ()
    outcomes: tuple[bool, ...] = ()


class MemoryChain:
    """The chain. `sequential_nonces` False: nonces only grow (NEAR); `valid_for`: blocks until a
    prepared transaction expires, None for never; `tokens`: how each behaves, by its contract.

    Faults: `is_unreachable` (no call is answered), `loses_answers` (a sent transaction arrives, the
    answer does not), `drops_sent` (the answer arrives, the transaction does not), `is_halted` (no
    block is made), `held` (hashes that wait in the mempool), `refusing` (accounts that no payout
    reaches), `refused_calls` (that contracts refuse whatever they say), `reorganise`, and heights
    and time that jump (`mine`).
    """

    def __init__(
        self,
        name: str,
        *,
        contract: str = "escrows",
        start: Seconds = _GENESIS_TIME,
        block_seconds: int = 1,
        tiers: Mapping[str, int] = TIERS,
        sequential_nonces: bool = True,
        valid_for: int | None = None,
        decimals: int = 18,
        tokens: Mapping[str, MemoryToken] | None = None,
    ) -> None:
        self.name, self.contract, self.block_seconds = name, contract, block_seconds
        self.decimals, self.tokens = decimals, dict(tokens or {})
        self.tiers, self.valid_for = dict(tiers), valid_for
        self.sequential_nonces = sequential_nonces
        self.fee = FEE
        self.is_unreachable = self.is_halted = self.loses_answers = self.drops_sent = False
        self.held: set[str] = set()
        self.refusing: set[str] = set()
        self.refused_calls: set[Call] = set()
        self.mempool: list[Transaction] = []
        self._forks = 0
        self._blocks = [Mined(Block(0, self._hash("", 0), "", start), State())]

    # reading

    @property
    def head(self) -> Block:
        """The newest block."""
        return self._blocks[-1].block

    @property
    def state(self) -> State:
        """The state at the head."""
        return self._blocks[-1].state

    def final(self, tier: str) -> Mined:
        """The newest block with as many above it as `tier` wants."""
        if tier not in self.tiers:
            raise ConfigurationError(f"{tier!r} is no finality tier of {self.name}")
        return self._blocks[max(0, len(self._blocks) - 1 - self.tiers[tier])]

    def find(self, height_or_hash: int | str) -> Mined | None:
        """A block of the canonical chain."""
        wanted = height_or_hash
        return next(
            (m for m in reversed(self._blocks) if wanted in (m.block.height, m.block.hash)), None
        )

    def between(self, from_height: int, to_height: int) -> list[Mined]:
        """The canonical blocks of a range."""
        newest = takewhile(lambda m: m.block.height >= from_height, reversed(self._blocks))
        return [mined for mined in newest if mined.block.height <= to_height][::-1]

    def inclusion(self, hash_: str) -> Inclusion | None:
        """Where a transaction ran on the canonical chain."""
        for mined in reversed(self._blocks):
            for transaction, succeeded in zip(mined.transactions, mined.outcomes, strict=True):
                if transaction.hash == hash_:
                    return Inclusion(mined.block, succeeded)
        return None

    # changing

    def fund(self, account: str, amount: int, token: str | None = None) -> None:
        """Give base units out of nothing, at every block, as if they had always been there.

        Who is given a token is registered with it.
        """
        self._blocks = [
            replace(mined, state=_funded(mined.state, account, amount, token))
            for mined in self._blocks
        ]

    def allow(self, account: str, token: str, amount: int) -> None:
        """Change an allowance at the head, as a transaction that nobody knows of would."""
        head = self._blocks[-1]
        self._blocks[-1] = replace(head, state=head.state.allow(account, token, amount))

    def token_of(self, terms: LockTerms | None) -> MemoryToken:
        """How the terms' token behaves."""
        return PLAIN if terms is None else self.tokens.get(terms.token or "", PLAIN)

    def cost_of(self, call: Call | None, terms: LockTerms | None, fee: int) -> int:
        """The most that a transaction takes in the native coin."""
        deposit = 0 if call is None else self.token_of(terms).deposit(call)
        value = 0 if call is None or terms is None else native_value(call, terms)
        return fee + deposit + value

    def _can_pay(self, sent: Transaction, state: State) -> bool:
        cost = self.cost_of(sent.call, sent.terms, sent.fee)
        return state.balance(sent.account, None) >= cost

    def submit(self, transaction: Transaction) -> None:
        """Take a transaction into the mempool; known ones are left as they are.

        Raises TransactionRefusedError.
        """
        known = [pending.hash for pending in self.mempool]
        if transaction.hash in known or self.inclusion(transaction.hash) is not None:
            return
        self._require_valid(transaction)
        rival = next((p for p in self.mempool if _same_nonce(p, transaction)), None)
        if rival is not None:
            if transaction.fee * 100 < rival.fee * (100 + RAISE_PERCENT):
                raise TransactionRefusedError(Refusal.UNDERPRICED)
            self.mempool.remove(rival)
        self.mempool.append(transaction)

    def drop(self, hash_: str) -> None:
        """Forget a transaction that waits, as nodes do."""
        self.mempool = [pending for pending in self.mempool if pending.hash != hash_]

    def mine(self, blocks: int = 1, seconds: int = 0, skipped_heights: int = 0) -> Block:
        """Make blocks; time jumps by `seconds` and heights are skipped before the last of them."""
        for left in range(blocks, 0, -1):
            if not self.is_halted:
                last = left == 1
                self._make_block(seconds if last else 0, skipped_heights if last else 0)
        return self.head

    def reorganise(self, depth: int, *, dropped: Collection[str] = (), empty: bool = True) -> Block:
        """Put as many other blocks in the place of the newest `depth`.

        Their transactions wait in the mempool again, but those `dropped`; the new blocks are
        `empty`, or the first of them takes the transactions in at once.
        """
        if not 0 < depth <= min(max(self.tiers.values()), len(self._blocks) - 1):
            raise InvalidInputError(
                f"{depth} blocks of {self.name} can't be replaced: some are final"
            )
        gone, self._blocks = self._blocks[-depth:], self._blocks[:-depth]
        returning = [t for mined in gone for t in mined.transactions if t.hash not in dropped]
        waiting = [t for t in self.mempool if t.hash not in dropped]
        self.mempool = [] if empty else returning + waiting
        self._forks += 1
        for mined in gone:
            self._make_block(mined.block.time - self.head.time - self.block_seconds, 0)
        if empty:
            self.mempool = returning + waiting
        return self.head

    def _make_block(self, seconds: int, skipped: int) -> None:
        parent = self.head
        height, time = parent.height + 1 + skipped, parent.time + self.block_seconds + seconds
        hash_ = self._hash(parent.hash, height)
        block = Block(height, hash_, parent.hash, Seconds(time))
        mined = Mined(block, self.state)
        while (ready := self._next_ready(mined.state)) is not None:
            self.mempool.remove(ready)
            mined = self._run(mined, ready)
        self._blocks.append(mined)
        self.mempool = [t for t in self.mempool if self._can_still_run(t)]

    def _next_ready(self, state: State) -> Transaction | None:
        for transaction in sorted(self.mempool, key=lambda t: t.nonce):
            expected = self.next_nonce(transaction.key, state)
            in_turn = transaction.nonce == expected or (
                not self.sequential_nonces and transaction.nonce > expected
            )
            if in_turn and transaction.hash not in self.held and self._can_pay(transaction, state):
                return transaction
        return None

    def _run(self, mined: Mined, sent: Transaction) -> Mined:
        state = mined.state.add(sent.account, None, -sent.fee).use_nonce(sent.key, sent.nonce)
        facts, succeeded = mined.facts, True
        if sent.call is not None and sent.terms is not None:
            secret = None if sent.secret is None else Secret(sent.secret)
            token = self.token_of(sent.terms)
            made = Invocation(
                sent.account, sent.call, sent.terms, secret, mined.block.time, token, sent.order
            )
            try:
                self._require_taken(sent.call)
                state = execute(state, made, frozenset(self.refusing))
                facts += () if sent.call in _SILENT else (_fact(mined.block, sent, sent.terms),)
            except ContractError:
                succeeded = False
        transactions, outcomes = (*mined.transactions, sent), (*mined.outcomes, succeeded)
        return Mined(mined.block, state, transactions, facts, outcomes)

    def _require_taken(self, call: Call) -> None:
        if call in self.refused_calls:
            raise ContractError("refused")

    def next_nonce(self, key: tuple[str, str], state: State | None = None) -> int:
        """The next free nonce of a key at the head."""
        return (state or self.state).nonces.get(key, -1) + 1

    def _require_valid(self, sent: Transaction) -> None:
        if sent.nonce < self.next_nonce(sent.key):
            raise TransactionRefusedError(Refusal.NONCE_USED)
        if not self._can_still_run(sent):
            raise TransactionRefusedError(Refusal.EXPIRED)
        if not self._can_pay(sent, self.state):
            raise TransactionRefusedError(Refusal.NO_FUNDS)

    def _can_still_run(self, sent: Transaction) -> bool:
        expires = sent.expires_at_height
        fresh = expires is None or self.head.height < expires
        return fresh and sent.nonce >= self.next_nonce(sent.key)

    def _hash(self, parent: str, height: int) -> str:
        seed = f"{self.name} {self._forks} {parent} {height}"
        return "0x" + hashlib.sha256(seed.encode()).hexdigest()


def _funded(state: State, account: str, amount: int, token: str | None) -> State:
    return state.add(account, None, 0).add(account, token, amount).register(account, token)


def _same_nonce(one: Transaction, other: Transaction) -> bool:
    return (one.key, one.nonce) == (other.key, other.nonce)


def _fact(block: Block, sent: Transaction, terms: LockTerms) -> Fact:
    shown = sent.secret if sent.call is Call.WITHDRAW else None
    return Fact(lock_id(terms), block.height, block.hash, sent.hash, shown)
