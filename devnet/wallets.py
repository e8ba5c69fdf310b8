"""A maker's wallets: they sign and send what the service asks for, whatever its contracts."""

import json
from collections.abc import Mapping
from typing import Any

from eth_account import Account
from eth_utils import to_checksum_address

from devnet.jsonrpc import JsonRpc
from devnet.near.client import Key, NearClient, Signer, call


class BaseWallet:
    """An EVM wallet: takes the parameters of `eth_sendTransaction` (EIP-1193)."""

    def __init__(self, url: str, key: str) -> None:
        self._rpc, self._account = JsonRpc(url), Account.from_key(key)
        self.address: str = self._account.address

    def send(self, transaction: Mapping[str, Any]) -> str:
        """Fill in nonce, gas and fees, sign and send; returns the hash."""
        asked = {name: transaction[name] for name in ("from", "to", "value", "data")}
        fee = int(self._rpc.call("eth_gasPrice"), 16) * 2
        filled = {
            "chainId": int(transaction["chainId"], 16),
            "nonce": int(self._rpc.call("eth_getTransactionCount", self.address, "pending"), 16),
            "to": to_checksum_address(transaction["to"]),
            "value": int(transaction["value"], 16),
            "data": transaction["data"],
            "gas": int(self._rpc.call("eth_estimateGas", asked), 16) * 5 // 4,
            "maxFeePerGas": fee,
            "maxPriorityFeePerGas": min(fee, 10**9),
        }
        signed = self._account.sign_transaction(filled)
        sent = self._rpc.call("eth_sendRawTransaction", signed.raw_transaction.to_0x_hex())
        return str(sent)

    def close(self) -> None:
        """Close the connection."""
        self._rpc.close()


class NearWallet:
    """A NEAR wallet: takes transactions as wallet-selector's `signAndSendTransactions` does."""

    def __init__(self, url: str, account: str, key: str) -> None:
        self._client, self._signer = NearClient(url), Signer(account, Key.parse(key))
        self.account = account

    def send(self, transaction: Mapping[str, Any]) -> str:
        """Sign, send and wait until it ran; returns the hash."""
        actions = [
            call(
                action["params"]["methodName"],
                json.dumps(action["params"]["args"]).encode(),
                gas=int(action["params"]["gas"]),
                deposit=int(action["params"]["deposit"]),
            )
            for action in transaction["actions"]
        ]
        return self._client.send(self._signer, transaction["receiverId"], actions).hash

    def close(self) -> None:
        """Close the connection."""
        self._client.close()
