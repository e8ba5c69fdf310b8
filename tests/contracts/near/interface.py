"""The contracts as a client sees them; ids and keys are computed apart from the contract."""

import hashlib
import json
from dataclasses import dataclass, replace
from typing import Any

from devnet.near.client import TGAS, NearClient, Outcome, Signer, call

CHAIN_ID = "near:devnet"
SECRET = bytes(range(32))
HASHLOCK = hashlib.sha256(SECRET).hexdigest()
YOCTO_PER_BYTE = 10**19
RECORD_OVERHEAD = 40
INDEX_BYTES = 33 + 32 + RECORD_OVERHEAD
WITHDRAWN_BYTES = 33 + 34 + RECORD_OVERHEAD
REFUNDED_BYTES = 33 + 2 + RECORD_OVERHEAD
LONGEST_LOCK_BYTES = 33 + 372 + RECORD_OVERHEAD
# One byte's price pays the yocto of every `ft_transfer`.
FT_ATTEMPTS_COST = YOCTO_PER_BYTE
STORAGE_DEPOSIT = (LONGEST_LOCK_BYTES + INDEX_BYTES) * YOCTO_PER_BYTE + FT_ATTEMPTS_COST
# What an ended lock keeps for ever.
WITHDRAWN_COST = (WITHDRAWN_BYTES + INDEX_BYTES) * YOCTO_PER_BYTE
REFUNDED_COST = (REFUNDED_BYTES + INDEX_BYTES) * YOCTO_PER_BYTE
GAS_NEEDED = 65 * TGAS
SECOND = 10**9


def borsh_string(text: str) -> bytes:
    """Borsh: the length in four bytes, little endian, then UTF-8."""
    return len(text).to_bytes(4, "little") + text.encode()


def borsh_option(text: str | None) -> bytes:
    """Borsh: 0, or 1 and the string."""
    return b"\0" if text is None else b"\1" + borsh_string(text)


@dataclass(frozen=True)
class Lock:
    """A lock's parameters; amount in base units, times in nanoseconds."""

    depositor: str
    beneficiary: str
    token: str | None
    amount: int
    lock_by: int
    timelock: int
    hashlock: str = HASHLOCK

    def arguments(self) -> dict[str, str | None]:
        """The JSON object that the contract takes."""
        return {
            "depositor": self.depositor,
            "beneficiary": self.beneficiary,
            "token": self.token,
            "amount": str(self.amount),
            "hashlock": self.hashlock,
            "lock_by": str(self.lock_by),
            "timelock": str(self.timelock),
        }

    def encoded(self) -> bytes:
        """The parameters in Borsh."""
        return (
            borsh_string(self.depositor)
            + borsh_string(self.beneficiary)
            + borsh_option(self.token)
            + self.amount.to_bytes(16, "little")
            + bytes.fromhex(self.hashlock)
            + self.lock_by.to_bytes(8, "little")
            + self.timelock.to_bytes(8, "little")
        )

    def id(self, contract: str = "htlc.test.near", chain_id: str = CHAIN_ID) -> str:
        """The lock's id in one contract on one chain."""
        domain = b"".join(map(borsh_string, ("1balancer-htlc-v1", chain_id, contract)))
        return hashlib.sha256(domain + self.encoded()).hexdigest()

    def index_key(self) -> bytes:
        """The storage key that a depositor can take once per token and hashlock."""
        parts = borsh_string(self.depositor) + borsh_option(self.token)
        return b"i" + hashlib.sha256(parts + bytes.fromhex(self.hashlock)).digest()

    def but(self, **changes: Any) -> "Lock":
        """The same with other values."""
        return replace(self, **changes)


def events(outcome: Outcome, standard: str = "1balancer-htlc") -> list[tuple[str, dict[str, Any]]]:
    """Name and data of each NEP-297 event of a standard, in order, from receipts that succeeded."""
    found = []
    for line in outcome.logs:
        event = json.loads(line.removeprefix("EVENT_JSON:"))
        if event["standard"] == standard:
            assert event["version"] == "1.0.0"
            found += [(event["event"], data) for data in event["data"]]
    return found


def refusal(outcome: Outcome) -> str:
    """The message with which the one failed receipt of a transaction panicked."""
    [failure] = outcome.failures
    message: str = failure["ActionError"]["kind"]["FunctionCallError"]["ExecutionError"]
    return message.removeprefix("Smart contract panicked: ")


@dataclass(frozen=True)
class Contract:
    """A contract's account, called through one node."""

    near: NearClient
    account_id: str

    def call(
        self, signer: Signer, method: str, args: Any = None, *, deposit: int = 0, gas: int = 300
    ) -> Outcome:
        """A transaction with one call; deposit in yocto, gas in Tgas."""
        action = call(method, args, deposit=deposit, gas=gas * TGAS)
        return self.near.send(signer, self.account_id, [action])

    def view(self, method: str, args: Any = None) -> Any:
        """A view of the newest state."""
        return self.near.view(self.account_id, method, args)


class Htlc(Contract):
    """The escrow contract."""

    def lock(self, signer: Signer, lock: Lock, deposit: int | None = None) -> Outcome:
        """Makes a native lock, with the deposit that it needs unless told otherwise."""
        needed = lock.amount + STORAGE_DEPOSIT if deposit is None else deposit
        return self.call(signer, "lock", lock.arguments(), deposit=needed)

    def prepare(self, signer: Signer, lock: Lock, deposit: int = STORAGE_DEPOSIT) -> Outcome:
        """Binds a token's lock."""
        return self.call(signer, "prepare", lock.arguments(), deposit=deposit)

    def withdraw(self, signer: Signer, lock: Lock, secret: bytes = SECRET) -> Outcome:
        """Decides for the beneficiary."""
        return self.call(signer, "withdraw", {"id": lock.id(), "secret": secret.hex()})

    def refund(self, signer: Signer, lock: Lock) -> Outcome:
        """Decides for the depositor, from the timelock on."""
        return self.call(signer, "refund", {"id": lock.id()})

    def refund_early(self, signer: Signer, lock: Lock, deposit: int = 1) -> Outcome:
        """Decides for the depositor, by the beneficiary."""
        return self.call(signer, "refund_early", {"id": lock.id()}, deposit=deposit)

    def pay(self, signer: Signer, lock: Lock) -> Outcome:
        """Tries a payout again."""
        return self.call(signer, "pay", {"id": lock.id()})

    def remove(self, signer: Signer, lock: Lock) -> Outcome:
        """Gives up a prepared lock."""
        return self.call(signer, "remove", {"id": lock.id()})

    def get(self, lock: Lock) -> Any:
        """The lock's record, or None."""
        return self.view("get_lock", {"id": lock.id()})

    def state(self, lock: Lock) -> Any:
        """The lock's state, or None."""
        record = self.get(lock)
        return record and record["state"]


class Token(Contract):
    """A NEP-141 token."""

    def register(self, signer: Signer, account_id: str) -> Outcome:
        """Pays for an account's registration."""
        bounds = self.view("storage_balance_bounds")
        args = {"account_id": account_id}
        return self.call(signer, "storage_deposit", args, deposit=int(bounds["min"]))

    def transfer(self, signer: Signer, receiver: str, amount: int) -> Outcome:
        """Moves tokens."""
        args = {"receiver_id": receiver, "amount": str(amount)}
        return self.call(signer, "ft_transfer", args, deposit=1)

    def transfer_call(self, signer: Signer, receiver: str, amount: int, msg: str) -> Outcome:
        """Moves tokens to a contract that is told."""
        args = {"receiver_id": receiver, "amount": str(amount), "msg": msg}
        return self.call(signer, "ft_transfer_call", args, deposit=1)

    def balance(self, account_id: str) -> int:
        """An account's tokens, in base units."""
        return int(self.view("ft_balance_of", {"account_id": account_id}))
