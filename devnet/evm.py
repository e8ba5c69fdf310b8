"""Signs and sends transactions on the devnet's EVM chain: what deployment and funding need."""

import json
from pathlib import Path
from typing import Any

from eth_abi import encode
from eth_utils import function_signature_to_4byte_selector, to_checksum_address

from chains_app.adapters.evm_accounts import Account, LocalAccount
from devnet.anvil import CHAIN_ID, Anvil

ARTIFACTS = Path(__file__).resolve().parent.parent / "contracts/evm/artifacts"
GAS_LIMIT = 5_000_000


def new_account() -> LocalAccount:
    """A fresh key from the system's generator."""
    account: LocalAccount = Account.create()
    return account


def artifact(name: str) -> dict[str, Any]:
    """The committed build of contract `name`: `abi`, `bytecode` (creation) and more."""
    built: dict[str, Any] = json.loads((ARTIFACTS / f"{name}.json").read_text())
    return built


def call_data(signature: str, *values: Any) -> str:
    """ABI-encoded call, from a signature such as `mint(address,uint256)`."""
    types = signature[signature.index("(") + 1 : -1]
    arguments = encode(types.split(","), values) if types else b""
    return "0x" + (function_signature_to_4byte_selector(signature) + arguments).hex()


def constructor_data(name: str, *values: Any) -> str:
    """Creation bytecode of contract `name` with its constructor's arguments."""
    built = artifact(name)
    constructor = next((entry for entry in built["abi"] if entry["type"] == "constructor"), None)
    types = [argument["type"] for argument in constructor["inputs"]] if constructor else []
    return str(built["bytecode"]) + encode(types, values).hex()


class Sender:
    """Sends transactions of one account; nonces counted here, so several can share a block."""

    def __init__(self, anvil: Anvil, account: LocalAccount) -> None:
        self._anvil, self._account = anvil, account
        self._nonce = int(anvil.rpc.call("eth_getTransactionCount", account.address, "latest"), 16)

    def send(self, to: str | None, data: str, value: int = 0) -> str:
        """Send without waiting; `value` in wei; returns the transaction's hash."""
        transaction: dict[str, Any] = {
            "chainId": CHAIN_ID,
            "nonce": self._nonce,
            "data": data,
            "value": value,
            "gas": GAS_LIMIT,
            "maxFeePerGas": 100 * 10**9,
            "maxPriorityFeePerGas": 10**9,
        }
        if to is not None:
            transaction["to"] = to_checksum_address(to)
        signed = self._account.sign_transaction(transaction)
        self._nonce += 1
        return str(
            self._anvil.rpc.call("eth_sendRawTransaction", signed.raw_transaction.to_0x_hex())
        )

    def receipt(self, transaction_hash: str) -> dict[str, Any]:
        """The receipt; raises RuntimeError when the transaction reverted or is not mined."""
        receipt: dict[str, Any] | None = self._anvil.rpc.call(
            "eth_getTransactionReceipt", transaction_hash
        )
        if receipt is None or receipt["status"] != "0x1":
            state = "is not mined" if receipt is None else "reverted"
            raise RuntimeError(f"transaction {transaction_hash} of {self._account.address} {state}")
        return receipt
