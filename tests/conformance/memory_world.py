"""The in-memory chain, with either kind of nonces."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from chains_app.adapters.interface import ChainAdapter
from chains_app.adapters.memory import MemoryAdapter, memory_key, memory_spec
from chains_app.adapters.memory_chain import MemoryChain, Transaction
from chains_app.adapters.memory_contract import order_signature
from chains_app.adapters.memory_tokens import MemoryToken
from chains_app.locks import Call, LockTerms
from chains_app.orders import Order
from tests.conformance.world import Unpayable

APPROVED = MemoryToken(needs_approval=True, approve_zero_first=True, takes_orders=True)
PREPARED = MemoryToken(needs_preparation=True, registration=7, storage=11)


class MemoryWorld:
    """A fresh chain."""

    amount = 10_000
    answers_unchecked = False

    def __init__(self, *, sequential_nonces: bool, with_token: bool = False) -> None:
        valid_for = None if sequential_nonces else 50
        self.token = "usdc" if with_token else None
        self.chain = MemoryChain(
            "base",
            sequential_nonces=sequential_nonces,
            valid_for=valid_for,
            tokens={"usdc": APPROVED if sequential_nonces else PREPARED},
        )
        self.adapter: ChainAdapter = MemoryAdapter(self.chain)
        self.spec = memory_spec(self.chain)
        self.maker, self.lock, self.duty = map(memory_key, ("maker", "lock", "duty"))
        for key in (self.maker, self.lock, self.duty):
            self.chain.fund(key.account, 10**6)
            self.chain.fund(key.account, 10**6, self.token)
        self._is_held = False

    def mine(self, blocks: int = 1, seconds: int = 0) -> None:
        self.chain.mine(blocks, seconds)

    def include(self) -> None:
        if not self._is_held:
            self.chain.mine()

    @contextmanager
    def hold_blocks(self) -> Iterator[None]:
        self._is_held = True
        yield
        self._is_held = False

    def send_by_wallet(self, transactions: Sequence[dict[str, Any]]) -> None:
        for wanted in transactions:
            nonce = self.chain.next_nonce((wanted["account"], self.maker.public))
            bound = LockTerms.from_json(wanted["terms"])
            call, fee = Call(wanted["call"]), self.chain.fee
            sent = Transaction(wanted["account"], self.maker.public, nonce, fee, call, bound)
            self.chain.submit(sent)
            self.chain.mine()

    def sign_order(self, order: Order) -> bytes:
        return order_signature(order, self.maker.account)

    def unpayable(self) -> Unpayable:
        self.chain.fund("refuser", 0, self.token)
        refusing = self.chain.refusing
        return Unpayable(
            "refuser", lambda: refusing.add("refuser"), lambda: refusing.remove("refuser")
        )

    def stranger(self) -> str:
        self.chain.fund("stranger", 0)
        return "stranger"

    def unreachable(self) -> ChainAdapter:
        self.chain.is_unreachable = True
        return self.adapter
