"""A deployed factory and token, parties with money, and the swaps' steps in a word each."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from devnet.anvil import CHAIN_ID
from tests.contracts.evm.chain import NATIVE, START, Chain, Contract, Question, Receipt
from tests.contracts.evm.locks import (
    Lock,
    Order,
    State,
    account,
    address,
    escrow_address,
    hash_of,
    sign_order,
)

SECRET = b"a secret of exactly 32 bytes, yes"[:32]
AMOUNT = 1_000_000
LOCK_BY = START + 600
TIMELOCK = START + 3600
ETHER = 10**18

DEPOSITOR, BENEFICIARY, ANYBODY = address("depositor"), address("beneficiary"), address("anybody")


@dataclass
class World:
    """Everything that a test of the contracts starts from."""

    chain: Chain
    factory: Contract
    token: Contract
    implementation: str

    @classmethod
    def deploy(cls, chain: Chain, deployer: str) -> "World":
        """Deploy the factory and the ordinary token, and give all parties ether."""
        for party in (deployer, DEPOSITOR, BENEFICIARY, ANYBODY):
            chain.anvil.fund(party, 1000 * ETHER)
        factory = chain.deploy("EscrowFactory", sender=deployer)
        token = chain.deploy("OrdinaryToken", "USD Coin", "USDC", 6, sender=deployer)
        world = cls(chain, factory, token, factory.view("IMPLEMENTATION"))
        world.supply(token, DEPOSITOR, 10 * AMOUNT)
        token.send("mint", BENEFICIARY, 1, sender=deployer)
        return world

    def supply(self, token: Contract, owner: str, amount: int) -> None:
        """Give `owner` units of `token`, and the factory the right to take them."""
        token.send("mint", owner, amount, sender=ANYBODY)
        token.send("approve", self.factory.address, amount, sender=owner)

    def token_named(self, name: str) -> Contract:
        """Deploy one of the ill-behaved tokens; the depositor has units of it."""
        token = self.chain.deploy(name, sender=ANYBODY)
        self.supply(token, DEPOSITOR, 10 * AMOUNT)
        return token

    def lock(self, **changes: Any) -> Lock:
        """An ordinary ERC-20 lock with `changes`."""
        usual = Lock(
            DEPOSITOR, BENEFICIARY, self.token.address, AMOUNT, hash_of(SECRET), LOCK_BY, TIMELOCK
        )
        return usual._replace(**changes)

    def order(self, **changes: Any) -> Order:
        """An ordinary order with `changes`."""
        usual = Order(*self.lock(), "near:testnet", "usdc.test.near", "maker.test.near", 990_000, 9)
        return usual._replace(**changes)

    @property
    def domain(self) -> dict[str, Any]:
        """What tells this factory's orders from those of any other."""
        return {"chainId": CHAIN_ID, "verifyingContract": self.factory.address}

    def sign(self, order: Order, signer: str = "depositor") -> bytes:
        """Signature of `order` for this factory by the account of that name."""
        return sign_order(account(signer), order, **self.domain)

    def create(self, lock: Lock, leg: str = "Src", sender: str = "") -> Receipt:
        """Lock the depositor's money, with exactly the ether that a native lock needs."""
        value = lock.amount if lock.token == NATIVE else 0
        function = f"create{leg}Escrow"
        return self.factory.send(function, lock, sender=sender or lock.depositor, value=value)

    def create_for(
        self,
        order: Order,
        signature: bytes | None = None,
        permit: bytes = b"",
        sender: str = ANYBODY,
    ) -> Receipt:
        """Submit `order`, signed by the depositor unless a signature is given."""
        signed = self.sign(order) if signature is None else signature
        return self.factory.send("createSrcEscrowFor", order, signed, permit, sender=sender)

    def escrow(self, lock: Lock) -> Contract:
        """Where the lock is or will be."""
        where = escrow_address(self.factory.address, self.implementation, lock)
        return self.chain.contract("Escrow", where)

    def opened(self, lock: Lock) -> Contract:
        """Create the lock; its escrow."""
        self.create(lock)
        return self.escrow(lock)

    def state(self, lock: Lock) -> State:
        """How the factory says that the lock stands."""
        return self.states([lock])[0]

    def states(self, locks: Sequence[Lock]) -> list[State]:
        """How each of them stands."""
        questions = [self.factory.question("lockState", lock) for lock in locks]
        return [State(state) for state in self.chain.answers(questions)]

    def held(self, token: str, owner: str) -> int:
        """Units of `token` (or wei) that `owner` has."""
        return self.all_held([(token, owner)])[0]

    def all_held(self, holdings: Sequence[tuple[str, str]]) -> list[int]:
        """The same of each (token, owner)."""
        return self.chain.answers([self._holding(*holding) for holding in holdings])

    def _holding(self, token: str, owner: str) -> Question:
        if token == NATIVE:
            return self.chain.balance_question(owner)
        return self.chain.contract("OrdinaryToken", token).question("balanceOf", owner)
