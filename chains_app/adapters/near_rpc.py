"""What the adapter asks a NEAR node, in nearcore's shapes (2.x JSON-RPC)."""

import json
from base64 import b64decode, b64encode
from collections.abc import Sequence
from typing import Any, Final

from chains_app.adapters.interface import BlockUnknownError, ChainError, Refusal
from chains_app.adapters.rpc import JsonRpc, RpcError
from chains_app.adapters.shapes import fits_near
from chains_app.locks import Block
from orchestrator.kernel.clock import from_nanoseconds

OPTIMISTIC: Final = {"finality": "optimistic"}
FINAL: Final = {"finality": "final"}
_UNKNOWN_BLOCK: Final = ("UNKNOWN_BLOCK", "GARBAGE_COLLECTED_BLOCK")
_REFUSALS: Final = {
    "InvalidNonce": Refusal.NONCE_USED,
    "Expired": Refusal.EXPIRED,
    "NotEnoughBalance": Refusal.NO_FUNDS,
    "LackBalanceForState": Refusal.NO_FUNDS,
    "NotEnoughAllowance": Refusal.NO_FUNDS,
}


class NearRpc:
    """A chain's nodes. `at` names a block: one of the constants, or `{"block_id": hash}`."""

    def __init__(self, chain: str, urls: Sequence[str]) -> None:
        self.chain, self._rpc = chain, JsonRpc(chain, urls, fits_near)

    def close(self) -> None:
        """Close the connections."""
        self._rpc.close()

    def status(self) -> dict[str, Any]:
        """Chain id, genesis and more."""
        answer: dict[str, Any] = self._rpc.read("status", [])
        return answer

    def block(self, at: dict[str, Any]) -> Block:
        """A block; raises BlockUnknownError, also for a height that was skipped."""
        return _block(self._at_block("block", at))

    def known_block(self, block_hash: str) -> Block:
        """The same, of a block that one node has told of and another may lack."""
        found = self._known("block", {"block_id": block_hash}, _UNKNOWN_BLOCK)
        if found is None:
            raise BlockUnknownError(f"{self.chain} lacks the block asked for")
        return _block(found)

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
        """What a view method answers; raises ChainError when it panics or is not there."""
        packed = b64encode(json.dumps(arguments).encode()).decode()
        answer = self._query(
            "call_function", at, account_id=contract, method_name=method, args_base64=packed
        )
        if "error" in answer:
            raise ChainError(f"{self.chain}: {contract} refused the view {method}")
        return json.loads(bytes(answer["result"]))

    def transaction(self, hash_: str, sender: str) -> dict[str, Any] | None:
        """A transaction and what has run of it, not waited for; None when no node knows it."""
        return self._transaction({"tx_hash": hash_, "sender_account_id": sender})

    def send(self, raw: bytes) -> Refusal | None:
        """Send signed bytes; why they were refused, if the node says so.

        nearcore answers before it has checked them: what it drops later stays unknown, and the
        key's nonce and the block hash's age tell (rule 5).
        """
        packed = b64encode(raw).decode()
        try:
            self._rpc.send("broadcast_tx_async", [packed])
        except RpcError as error:
            refusal = _refusal(error.data)
            known = refusal is Refusal.NONCE_USED and self._transaction(
                {"signed_tx_base64": packed}
            )
            return None if known else refusal
        return None

    def _transaction(self, which: dict[str, str]) -> dict[str, Any] | None:
        unknown = (
            "UNKNOWN_TRANSACTION",
            "INVALID_TRANSACTION",
        )  # the second of one whose time is over
        return self._known("tx", {**which, "wait_until": "NONE"}, unknown)

    def _known(
        self, method: str, params: dict[str, Any], unknown: Sequence[str]
    ) -> dict[str, Any] | None:
        """The answer of a node that has it; None when all that answer say one of `unknown`."""

        def ask(rpc: JsonRpc) -> dict[str, Any] | None:
            try:
                answer: dict[str, Any] = rpc.read(method, params)
            except RpcError as error:
                if error.cause in unknown:
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
