"""A small synchronous NEAR client for tests, documentation and deployment."""

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from nacl.signing import SigningKey
from py_near import transactions

from devnet.jsonrpc import JsonRpc
from devnet.near.crypto import base58_decode, base58_encode

TGAS = 10**12
NEAR = 10**24


@dataclass(frozen=True)
class Key:
    """An ed25519 key; its secret half never shows in a repr."""

    secret: bytes = field(repr=False)

    @classmethod
    def generate(cls) -> "Key":
        """A new random key."""
        return cls(SigningKey.generate().encode())

    @classmethod
    def parse(cls, text: str) -> "Key":
        """A key from `ed25519:<base58>`; raises ValueError."""
        return cls(base58_decode(text.removeprefix("ed25519:"))[:32])

    @property
    def public_bytes(self) -> bytes:
        """The 32 bytes of the public key."""
        return bytes(SigningKey(self.secret).verify_key.encode())

    @property
    def public_key(self) -> str:
        """The public key as text."""
        return "ed25519:" + base58_encode(self.public_bytes)

    @property
    def secret_key(self) -> str:
        """The whole key as NEAR's tools write it."""
        return "ed25519:" + base58_encode(self.secret + self.public_bytes)


@dataclass(frozen=True)
class Signer:
    """An account and one of its keys."""

    account_id: str
    key: Key


class ViewError(RuntimeError):
    """A view call failed; the text is the node's."""


@dataclass(frozen=True)
class Outcome:
    """A transaction's end; `failure` of any of its receipts is in `failures`."""

    raw: dict[str, Any] = field(repr=False)

    @property
    def hash(self) -> str:
        """The transaction's hash."""
        return str(self.raw["transaction"]["hash"])

    @property
    def failure(self) -> Any:
        """The error that the transaction itself ended with, None when it succeeded."""
        return self.raw["status"].get("Failure")

    @property
    def value(self) -> bytes:
        """What the transaction returned; empty when it failed."""
        return base64.b64decode(self.raw["status"].get("SuccessValue", ""))

    @property
    def json(self) -> Any:
        """The returned value read as JSON, None when there is none."""
        return json.loads(self.value) if self.value else None

    @property
    def receipts(self) -> list[dict[str, Any]]:
        """The outcomes of all receipts, refunds included."""
        return [receipt["outcome"] for receipt in self.raw["receipts_outcome"]]

    @property
    def failures(self) -> list[Any]:
        """The errors of the receipts that failed."""
        statuses = [receipt["status"] for receipt in self.receipts]
        return [status["Failure"] for status in statuses if "Failure" in status]

    @property
    def logs(self) -> list[str]:
        """The logs of the receipts that succeeded."""
        return [
            line
            for receipt in self.receipts
            if "Failure" not in receipt["status"]
            for line in receipt["logs"]
        ]

    @property
    def gas_burnt(self) -> int:
        """Gas burnt by the transaction and all its receipts."""
        return sum(int(outcome["gas_burnt"]) for outcome in [self._transaction, *self.receipts])

    @property
    def tokens_burnt(self) -> int:
        """Yocto paid for that gas."""
        outcomes = [self._transaction, *self.receipts]
        return sum(int(outcome["tokens_burnt"]) for outcome in outcomes)

    @property
    def _transaction(self) -> dict[str, Any]:
        outcome: dict[str, Any] = self.raw["transaction_outcome"]["outcome"]
        return outcome


class NearClient:
    """Calls one node, and signs what it sends; `rpc` is there for any other method."""

    def __init__(self, url: str, timeout: float = 30) -> None:
        self.rpc = JsonRpc(url, timeout)

    def query(self, request_type: str, account_id: str, **more: Any) -> dict[str, Any]:
        """A query of the state at the head, unless `finality` or `block_id` say otherwise."""
        if "block_id" not in more:
            more.setdefault("finality", "optimistic")
        answer: dict[str, Any] = self.rpc.call(
            "query", request_type=request_type, account_id=account_id, **more
        )
        return answer

    def view_account(self, account_id: str, **at: Any) -> dict[str, Any]:
        """An account; raises JsonRpcError when there is none."""
        return self.query("view_account", account_id, **at)

    def balance(self, account_id: str) -> int:
        """An account's balance in yocto."""
        return int(self.view_account(account_id)["amount"])

    def view(self, account_id: str, method: str, args: Any = None, **at: Any) -> Any:
        """The result of a view call, read as JSON; raises ViewError when it failed."""
        packed = base64.b64encode(_args(args)).decode()
        answer = self.query(
            "call_function", account_id, method_name=method, args_base64=packed, **at
        )
        if "error" in answer:
            raise ViewError(answer["error"])
        result = bytes(answer["result"])
        return json.loads(result) if result else None

    def sign(self, signer: Signer, receiver_id: str, actions: Sequence[Any]) -> str:
        """A signed transaction with the key's next nonce, as base64."""
        key = self.query("view_access_key", signer.account_id, public_key=signer.key.public_key)
        nonce = int(key["nonce"]) + 1
        signed: str = transactions.sign_and_serialize_transaction(
            signer.account_id,
            signer.key.secret + signer.key.public_bytes,
            receiver_id,
            nonce,
            list(actions),
            base58_decode(key["block_hash"]),
        )
        return signed

    def send(
        self,
        signer: Signer,
        receiver_id: str,
        actions: Sequence[Any],
        wait_until: str = "EXECUTED_OPTIMISTIC",
    ) -> Outcome:
        """Sign, send and wait; raises JsonRpcError when the node refuses the transaction."""
        signed = self.sign(signer, receiver_id, actions)
        answer = self.rpc.call("send_tx", signed_tx_base64=signed, wait_until=wait_until)
        return Outcome(answer)

    def mine(self, blocks: int = 1, seconds: int = 0) -> dict[str, Any]:
        """Make blocks, and put the chain's clock ahead."""
        answer: dict[str, Any] = self.rpc.call("devnet_mine", blocks=blocks, seconds=seconds)
        return answer

    def set_next_block_time(self, nanoseconds: int, blocks_before: int = 0) -> None:
        """Fix the time of the next block, or of a later one.

        A call of another account runs in the block after its transaction's: `blocks_before=1`.
        """
        self.rpc.call(
            "devnet_set_next_block_time",
            nanoseconds=str(nanoseconds),
            blocks_before=blocks_before,
        )

    def snapshot(self) -> str:
        """Keep the chain as it is now."""
        return str(self.rpc.call("devnet_snapshot"))

    def revert(self, snapshot_id: str) -> None:
        """Return to a snapshot."""
        self.rpc.call("devnet_revert", id=snapshot_id)

    def close(self) -> None:
        """Close the connection."""
        self.rpc.close()


def call(method: str, args: Any = None, *, gas: int = 100 * TGAS, deposit: int = 0) -> Any:
    """A FunctionCall action; `args` are bytes, or made to JSON."""
    return transactions.create_function_call_action(method, _args(args), gas, deposit)


def _args(args: Any) -> bytes:
    return args if isinstance(args, bytes) else json.dumps({} if args is None else args).encode()
