"""What every chain looks like to the service. Each adapter passes tests/conformance.

All methods are synchronous, do one bounded exchange with a node (or none, where said), and raise
ChainError or one of its kinds, whose messages never hold a node's text or address.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final, Protocol

from chains_app.locks import Block, Call, LockReading, LockTerms
from chains_app.orders import Order, SignedOrder
from orchestrator.kernel.errors import OrchestratorError
from orchestrator.kernel.hashlock import Secret

SECRET_PLACE: Final = "{secret}"  # noqa: S105 - where one belongs, not one


class Shortage(str):
    """A problem that operation brings, and that no start may end for: what we hold, whether a token
    is paused, what it asks. Guards refuse what it forbids, and duties go on.
    """

    __slots__ = ()


class ChainError(OrchestratorError):
    """A chain did not give an answer that we can use."""

    code = "chain_error"


class ChainUnavailableError(ChainError):
    """No answer: timeout, lost connection, overload. What was asked for may have happened."""

    code = "chain_unavailable"


class WrongChainError(ChainError):
    """A node, or each of them, is on another chain than the one it is configured for."""

    code = "wrong_chain"


class NodesDisagreeError(ChainError):
    """Two nodes of a chain tell different things of what can only be one: nobody acts on it."""

    code = "nodes_disagree"


class BlockUnknownError(ChainError):
    """The node does not know a block that was named by hash or height: reorganised, or pruned."""

    code = "block_unknown"


class TooManyFactsError(ChainError):
    """Nodes refuse a block's events for their number: ask for those of our own locks."""

    code = "too_many_facts"


class FeeAboveCapError(ChainError):
    """The chain asks more for a unit of gas than the registry allows: nothing is to be signed."""

    code = "fee_above_cap"


class TransactionRefusedError(ChainError):
    """A node refused to take a transaction; `reason` is one of Refusal, never a node's text."""

    code = "transaction_refused"

    def __init__(self, reason: "Refusal") -> None:
        super().__init__(f"a node refused the transaction: {reason.value}")
        self.reason = reason


class Refusal(Enum):
    """Why a node refuses a transaction. None of them proves that it is not on chain.

    The most telling first: last what may be a rule of one node, or anything.
    """

    NONCE_USED = "nonce_used"
    EXPIRED = "expired"
    NO_FUNDS = "no_funds"
    UNDERPRICED = "underpriced"
    INVALID = "invalid"


@dataclass(frozen=True)
class Fact:
    """A hint that a lock changed: the block and transaction say where to look, nothing more.

    `lock_id`: the escrow's address, or the HTLC's lock id. `secret`: what an event showed (EVM).
    `may_be_new`: whether the lock may have been made here; `terms`: as its creation told them.
    """

    lock_id: str
    height: int
    block_hash: str
    transaction: str | None
    secret: bytes | None = None
    may_be_new: bool = True
    terms: LockTerms | None = None


@dataclass(frozen=True)
class FactsPage:
    """The facts of the blocks `from_height` to `last.height`, and the blocks (heights may skip)."""

    blocks: tuple[Block, ...]
    facts: tuple[Fact, ...]

    @property
    def last(self) -> Block:
        """The newest block read."""
        return self.blocks[-1]


@dataclass(frozen=True)
class Prepared:
    """All that signing needs and only a node can tell; JSON, so that it can be stored.

    `nonce_floor`: the chain's next free nonce of that key. `cost_cap`: the most that the
    transaction can cost in the native coin's base units, its value included.
    `expires_at_height`: NEAR's block hash is no longer accepted from there; None on EVM.
    """

    fields: dict[str, Any]
    nonce_floor: int
    cost_cap: int
    balance: int
    expires_at_height: int | None = None


@dataclass(frozen=True)
class Signed:
    """Bytes to send (they may hold a secret), and the hash that they will be known by."""

    raw: bytes = field(repr=False)
    hash: str


class Stage(Enum):
    """How far a transaction got. UNKNOWN is not failed (rule 6)."""

    UNKNOWN = "unknown"
    PENDING = "pending"
    INCLUDED = "included"
    FINAL = "final"


@dataclass(frozen=True)
class TransactionStatus:
    """`succeeded` is None until it ran; it says nothing about the lock: read that (rule 5)."""

    stage: Stage
    succeeded: bool | None = None
    height: int | None = None
    block_hash: str | None = None


@dataclass(frozen=True)
class KeyState:
    """A signer's key on chain: the last nonce used at the final block and at the head."""

    final_nonce: int
    head_nonce: int
    head_height: int


@dataclass(frozen=True)
class SigningKey:
    """Whom to sign as: the account, the key's public name, and the secret half (never shown)."""

    account: str
    public: str
    secret: Secret


class ChainAdapter(Protocol):
    """A chain. `name` is the registry's name ("base", "near")."""

    name: str

    def head(self) -> Block:
        """The newest block."""

    def final(self, tier: str) -> Block:
        """The newest block that is final by `tier` (one of the route policy's tier names)."""

    def block(self, height_or_hash: int | str) -> Block:
        """A block; raises BlockUnknownError (also for a NEAR height that was skipped)."""

    def views(self) -> "Sequence[ChainAdapter]":
        """The chain as each of its nodes alone shows it, most trusted first (no exchange).

        Reads of a view are tried once, at that node; itself, where there is no other. Who gave no
        answer a moment ago is left out, so that nobody waits for him again.
        """

    def facts(
        self, from_height: int, to_height: int, locks: Collection[str] | None = None
    ) -> FactsPage:
        """The contract's facts in a range; may stop before `to_height`: go on from `last`.

        With `locks` (ids) theirs alone suffice; to be given after TooManyFactsError.
        """

    def shown_secret(self, terms: LockTerms, first: int, last: int) -> bytes | None:
        """The secret of a withdrawn lock whose state does not hold it (EVM), sought anew in the
        events of these heights, at every node; None where none shows it.
        """

    def lock_id(self, terms: LockTerms) -> str:
        """The lock's id or address, recomputed from the terms (no exchange)."""

    def read_lock(self, terms: LockTerms, block: Block) -> LockReading:
        """The lock at exactly that block: contract, code, every term proved; else ABSENT."""

    def lock_made(self, fact: Fact, block: Block) -> LockTerms | None:
        """The terms of the lock, whosever it is, that a fact's block shows made; None when it shows
        none, or an ended one. Times that are no whole seconds are rounded down.
        """

    def payout_problem(self, terms: LockTerms, to: str) -> str | None:
        """Why paying `to` would fail now (no account, no registration, token refuses), or None."""

    def repayment_problem(self, terms: LockTerms, account: str) -> str | None:
        """Why REPAY by `account` would fail now (as above, or it holds too little), or None."""

    def preliminary(self, call: Call, terms: LockTerms, account: str) -> Call | None:
        """The next write that `account` has to make before `call`, by the head; None: go ahead.

        Only a token's LOCK needs any: one of PRELIMINARIES. Nothing is asked for other calls.
        """

    def registration_cost(self, token: str | None, account: str) -> int:
        """What REGISTER would cost us beside its fee, in the native coin's base units; 0 when
        `account` is registered, and where there is no such thing.
        """

    def prepare(self, call: Call, terms: LockTerms, key: SigningKey) -> Prepared:
        """Read fees, nonce, balance and (NEAR) a block hash for a call that we will sign.

        Its `cost_cap` is never above `ChainSpec.cost_cap`: raises FeeAboveCapError.
        """

    def prepare_transfer_to_self(self, key: SigningKey) -> Prepared:
        """The same for a zero-value transfer to the signer (EVM: fills a nonce gap)."""

    def named_block(self, prepared: Prepared) -> tuple[int, str] | None:
        """Height and hash of the block by which what was prepared is valid (NEAR), as the node told
        them (no exchange); None where it names none.
        """

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
        """Build and sign (no exchange); `call` None: transfer to self; WITHDRAW needs `secret`,
        LOCK_FOR the `order` for exactly these terms.
        """

    def replace(self, prepared: Prepared, percent: int) -> Prepared:
        """The same with fees raised by at least `percent` (no exchange); NEAR: unchanged."""

    def broadcast(self, raw: bytes) -> None:
        """Send to all nodes, not waiting for inclusion; it is enough when one takes or knows it."""

    def transaction_status(self, hash_: str, sender: str, tier: str) -> TransactionStatus:
        """Look up by hash; FINAL by `tier` (NEAR: with all its receipts)."""

    def signed_bytes(self, hash_: str) -> bytes | None:
        """A transaction as it was signed, whoever did; None where no node gives it. NEAR's don't:
        what was final there does not vanish.
        """

    def key_state(self, key: SigningKey) -> KeyState:
        """Nonces of the key."""

    def balance(self, account: str, token: str | None) -> int:
        """Base units at the head; 0 when the account does not exist."""

    def wallet_transactions(
        self, terms: LockTerms, *, only_missing: bool = False
    ) -> Sequence[dict[str, Any]]:
        """What the depositor's own wallet has to send to make this lock, in order, unsigned.

        Everything that the lock may need, without an exchange; with `only_missing` the head is
        asked, and what it shows already is left out (nothing is, when no node answers).
        """

    def open_lock_question(self, terms: LockTerms) -> dict[str, Any]:
        """How anybody asks a node whether exactly this lock stands open, and `open`, the answer
        while it does (no exchange).
        """

    def exit_transaction(self, call: Call, terms: LockTerms) -> dict[str, Any]:
        """How any wallet makes WITHDRAW, REFUND or PAY on the lock, unsigned (no exchange).

        In a withdrawal SECRET_PLACE stands where the 64 hex digits of the secret belong.
        """

    def order_to_sign(self, order: Order) -> dict[str, Any]:
        """What the maker's wallet is asked to sign (no exchange). Raises ChainError where the
        chain takes no orders.
        """

    def order_problem(self, signed: SignedOrder) -> str | None:
        """Why submitting it would fail now (signature, balance, allowance, refusal), or None."""

    def spelled(self, account: str) -> str:
        """The one spelling that an account has inside, whichever of the chain's it came in (no
        exchange); what is no account stays as it is.
        """

    def account_problem(self, account: str) -> str | None:
        """Why `account`, as `spelled`, can't be a party here (form, existence), or None."""

    def problems(self) -> list[str]:
        """What is wrong with chain id, genesis, contract code or keys; empty when all is right."""
