"""What a conformance test needs of a chain beside its adapter: parties, blocks, wallets, faults."""

import hashlib
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

from chains_app.adapters.interface import ChainAdapter, FactsPage, Signed, SigningKey
from chains_app.config import ChainSpec
from chains_app.locks import PRELIMINARIES, Call, LockReading, LockTerms
from chains_app.signers import SignerRole, role_of
from orchestrator.kernel.clock import Seconds
from orchestrator.kernel.hashlock import Secret

SECRET: Final = Secret(bytes(range(1, 33)))
LOCK_WINDOW: Final = 60
TIMELOCK: Final = 120  # seconds from the head to the timelock


@dataclass(frozen=True)
class Unpayable:
    """An account that no payout reaches, from `refuse` on until `heal`."""

    account: str
    refuse: Callable[[], object]
    heal: Callable[[], object]


class World(Protocol):
    """A chain under test, and the coin or token that is locked on it.

    `maker` uses a wallet of its own, `lock` and `duty` are ours.
    """

    adapter: ChainAdapter
    spec: ChainSpec
    maker: SigningKey
    lock: SigningKey
    duty: SigningKey
    amount: int
    answers_unchecked: bool  # its nodes take what they are sent, and drop it later (nearcore)
    token: str | None

    def mine(self, blocks: int = 1, seconds: int = 0) -> None:
        """Make blocks; the last of them `seconds` later."""

    def include(self) -> None:
        """Have what was just sent in a block (chains that make one by themselves do nothing)."""

    def hold_blocks(self) -> AbstractContextManager[None]:
        """No blocks inside: what is sent waits."""

    def send_by_wallet(self, transactions: Sequence[dict[str, Any]]) -> None:
        """Sign with the maker's key and send, knowing nothing of the service."""

    def unpayable(self) -> Unpayable:
        """A new one."""

    def stranger(self) -> str:
        """An account that has never heard of the token."""

    def unreachable(self) -> ChainAdapter:
        """An adapter of the same chain whose nodes don't answer."""


def terms(world: World, **changes: Any) -> LockTerms:
    """The terms of our lock for the maker, with other values where told."""
    now = world.adapter.head().time
    plain = LockTerms(
        chain=world.spec.name,
        contract=world.spec.contract,
        depositor=world.lock.account,
        beneficiary=world.maker.account,
        token=world.token,
        amount=world.amount,
        hashlock=hashlib.sha256(SECRET.reveal()).digest(),
        lock_by=Seconds(now + LOCK_WINDOW),
        timelock=Seconds(now + TIMELOCK),
    )
    return replace(plain, **changes)


def makers_terms(world: World, **changes: Any) -> LockTerms:
    """The terms of the maker's lock for us."""
    parties = {"depositor": world.maker.account, "beneficiary": world.lock.account}
    return terms(world, **parties | changes)


def signed(world: World, call: Call, bound: LockTerms, key: SigningKey) -> Signed:
    """The next transaction of `key`."""
    prepared = world.adapter.prepare(call, bound, key)
    secret = SECRET if call is Call.WITHDRAW else None
    return world.adapter.sign(call, bound, prepared, key, prepared.nonce_floor, secret)


def ready(world: World, bound: LockTerms, key: SigningKey | None = None) -> LockTerms:
    """The terms again, each preliminary of their lock made once, if the adapter asks for it."""
    for call in PRELIMINARIES:
        if world.adapter.preliminary(Call.LOCK, bound, bound.depositor) is call:
            make(world, call, bound, key)
    return bound


def make(world: World, call: Call, bound: LockTerms, key: SigningKey | None = None) -> Signed:
    """Sign, send and include; by the account that the service would use unless told.

    A lock's preliminaries come first.
    """
    if call is Call.LOCK:
        ready(world, bound, key)
    ours = world.lock if role_of(call) is SignerRole.LOCK else world.duty
    sent = signed(world, call, bound, key or ours)
    world.adapter.broadcast(sent.raw)
    world.include()
    return sent


def finalize(world: World) -> None:
    """Make what stands in the head final by every tier."""
    world.mine(4)


def read(world: World, bound: LockTerms) -> LockReading:
    """The lock at the head."""
    return world.adapter.read_lock(bound, world.adapter.head())


def succeeded(world: World, sent: Signed, key: SigningKey) -> bool | None:
    """Whether the contract took the call."""
    tier = list(world.spec.finality)[-1]
    return world.adapter.transaction_status(sent.hash, key.account, tier).succeeded


def facts_since(world: World, height: int) -> FactsPage:
    """All facts of the blocks after `height`, page by page."""
    head, pages = world.adapter.head(), []
    while height < head.height:
        pages.append(world.adapter.facts(height + 1, head.height))
        height = pages[-1].last.height
    blocks = tuple(block for page in pages for block in page.blocks)
    return FactsPage(blocks, tuple(fact for page in pages for fact in page.facts))
