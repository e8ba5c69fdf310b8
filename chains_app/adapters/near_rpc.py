"""What the adapter asks a NEAR node, in nearcore's shapes (2.x JSON-RPC)."""

import json
from base64 import b64decode, b64encode
from collections.abc import Sequence
from typing import Any, Final, Self

from chains_app.adapters.interface import BlockUnknownError, ChainError, Refusal
from chains_app.adapters.node import Node, RpcError
from chains_app.adapters.rpc import Dialect, JsonRpc
from chains_app.adapters.shapes import decoded, fits_near, fits_view
from chains_app.config import ChainSpec
from chains_app.locks import Block
from orchestrator.kernel.clock import from_nanoseconds

OPTIMISTIC: Final = {"finality": "optimistic"}
FINAL: Final = {"finality": "final"}
_UNKNOWN_BLOCK: Final = ("UNKNOWN_BLOCK", "GARBAGE_COLLECTED_BLOCK")
_UNKNOWN_TRANSACTION: Final = ("UNKNOWN_TRANSACTION", "INVALID_TRANSACTION")  # or it has expired
_REFUSALS: Final = {
    "InvalidNonce": Refusal.NONCE_USED,
    "Expired": Refusal.EXPIRED,
    "NotEnoughBalance": Refusal.NO_FUNDS,
    "LackBalanceForState": Refusal.NO_FUNDS,
    "NotEnoughAllowance": Refusal.NO_FUNDS,
}


class NearRpc:
    """A chain's nodes. `at` names a block: one of the constants, or `{"block_id": hash}`."""

    def __init__(self, chain: str, rpc: JsonRpc) -> None:
        self.chain, self._rpc = chain, rpc

    @classmethod
    def of(cls, spec: ChainSpec, urls: Sequence[str]) -> Self:
        """A chain's configured nodes."""
        return cls(spec.name, JsonRpc(spec.name, urls, _dialect(spec)))

    def alone(self) -> "list[NearRpc]":
        """Each node alone, the most trusted first."""
        return [NearRpc(self.chain, rpc) for rpc in self._rpc.alone()]

    def close(self) -> None:
        """Close the connections."""
        self._rpc.close()

    def problems(self) -> list[str]:
        """The nodes that are not on our chain."""
        return self._rpc.problems()

    def block(self, at: dict[str, Any]) -> Block:
        """A block; raises BlockUnknownError, also for a height that was skipped."""
        return _block(self._at_block("block", at))

    def gas_price(self) -> int:
        """Yocto per gas at the head."""
        return int(self._rpc.read("gas_price", [None])["gas_price"])

    def data_changes(self, account: str, prefix: bytes, block_hash: str) -> list[bytes]:
        """The storage keys of `account` with that prefix which a block wrote, each once."""
        answer = self._at_block("EXPERIMENTAL_changes", {
            "changes_type": "data_changes",
            "account_ids": [account],
            "key_prefix_base64": b64encode(prefix).decode(),
            "block_id": block_hash,
        })  # fmt: skip
        keys = [change["change"]["key_base64"] for change in answer["changes"]]
        return [b64decode(key) for key in dict.fromkeys(keys)]

    def account(self, account: str, at: dict[str, Any]) -> dict[str, Any] | None:
        """Balance, storage and code hash; None when there is no such account."""
        try:
            return self._query("view_account", at, account_id=account)
        except RpcError as error:
            if error.cause in ("UNKNOWN_ACCOUNT", "INVALID_ACCOUNT"):
                return None
            raise

    def access_key(self, account: str, public: str, at: dict[str, Any]) -> dict[str, Any]:
        """Nonce, permission, block; raises ChainError when the account has no such key."""
        try:
            answer = self._query("view_access_key", at, account_id=account, public_key=public)
        except RpcError as error:
            if error.cause not in ("UNKNOWN_ACCESS_KEY", "UNKNOWN_ACCOUNT"):
                raise
            answer = {"error": ""}
        if "error" in answer:  # nearcore answers an unknown key as a result
            raise ChainError(f"{self.chain}: {account} has no key {public}")
        return answer

    def access_keys(self, account: str) -> list[str]:
        """The public keys of an account."""
        answer = self._query("view_access_key_list", OPTIMISTIC, account_id=account)
        return [key["public_key"] for key in answer["keys"]]

    def view(self, contract: str, method: str, arguments: Any, at: dict[str, Any]) -> Any:
        """What a view method answers.

        Raises ChainError when it panics, is not there, or answers in another shape.
        """
        packed = b64encode(json.dumps(arguments).encode()).decode()
        answer = self._query(
            "call_function", at, account_id=contract, method_name=method, args_base64=packed
        )
        if "error" in answer:
            raise ChainError(f"{self.chain}: {contract} refused the view {method}")
        found = decoded(answer["result"])
        if not fits_view(method, found):
            raise ChainError(f"{self.chain}: {contract} answers the view {method} in another shape")
        return found

    def transaction(self, hash_: str, sender: str) -> dict[str, Any] | None:
        """A transaction and what has run of it, not waited for; None when no node knows it."""
        return self._transaction({"tx_hash": hash_, "sender_account_id": sender})

    def send(self, raw: bytes) -> Refusal | None:
        """Send signed bytes to all nodes; why they were refused, if all that answer say so.

        nearcore answers before it has checked them: what it drops later stays unknown, and the
        key's nonce and the block hash's age tell (rule 5).
        """
        packed = b64encode(raw).decode()
        refusal = self._rpc.send("broadcast_tx_async", [packed], lambda error: _refusal(error.data))
        known = refusal is Refusal.NONCE_USED and self._transaction({"signed_tx_base64": packed})
        return None if known else refusal

    def _transaction(self, which: dict[str, str]) -> dict[str, Any] | None:
        def ask(node: Node) -> dict[str, Any] | None:
            try:
                answer: dict[str, Any] = node.read("tx", {**which, "wait_until": "NONE"})
            except RpcError as error:
                if error.cause in _UNKNOWN_TRANSACTION:
                    return None
                raise
            return answer

        return self._rpc.first_known(ask)

    def _query(self, request: str, at: dict[str, Any], **more: Any) -> dict[str, Any]:
        return self._at_block("query", {"request_type": request, **at, **more})

    def _at_block(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        try:
            answer: dict[str, Any] = self._rpc.read(method, params)
        except RpcError as error:
            if error.cause in _UNKNOWN_BLOCK:
                raise BlockUnknownError(f"{self.chain} lacks the block asked for") from None
            raise
        return answer


def _dialect(spec: ChainSpec) -> Dialect:
    return Dialect(fits_near, _is_the_chains, lambda node: _foreign(spec, node), _head,
                   spec.stale_after)  # fmt: skip


def _is_the_chains(error: RpcError) -> bool:
    return error.cause not in (*_UNKNOWN_BLOCK, "METHOD_NOT_FOUND")


def _foreign(spec: ChainSpec, node: Node) -> str | None:
    status, chain_id = node.read("status", []), spec.caip2.removeprefix("near:")
    if status["chain_id"] != chain_id:
        return f"is on chain {str(status['chain_id'])[:40]!r}, not {chain_id!r}"
    if spec.genesis_hash not in (None, status.get("genesis_hash")):
        return f"has another genesis than {spec.genesis_hash}"
    return None


def _head(node: Node) -> Block:
    return _block(node.read("block", OPTIMISTIC))


def _block(answer: dict[str, Any]) -> Block:
    header = answer["header"]
    time = from_nanoseconds(int(header["timestamp_nanosec"]))
    return Block(header["height"], header["hash"], header["prev_hash"], time)


def _refusal(data: Any) -> Refusal:
    """From nearcore's InvalidTxError, nested as it is."""
    while isinstance(data, dict) and data:
        name, data = next(iter(data.items()))
        if name in _REFUSALS:
            return _REFUSALS[name]
    return _REFUSALS.get(data, Refusal.INVALID) if isinstance(data, str) else Refusal.INVALID
