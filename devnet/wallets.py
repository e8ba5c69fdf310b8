"""A maker's wallets: they sign and send what the service asks for, whatever its contracts."""

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

from eth_abi import decode
from eth_utils import to_checksum_address

from chains_app.adapters.evm_accounts import Account, encode_typed_data
from devnet.evm import call_data
from devnet.jsonrpc import JsonRpc
from devnet.near.client import Key, NearClient, Signer, call

PATIENCE = 60.0  # s, for a transaction to come into a block


class BaseWallet:
    """An EVM wallet: takes the parameters of `eth_sendTransaction` (EIP-1193)."""

    def __init__(self, url: str, key: str) -> None:
        self._rpc, self._account = JsonRpc(url), Account.from_key(key)
        self.address: str = self._account.address

    def send(self, transaction: Mapping[str, Any]) -> str:
        """Fill in nonce, fees, and gas where none is said; sign and send; returns the hash."""
        fee = int(self._rpc.call("eth_gasPrice"), 16) * 2
        filled = {
            "chainId": int(transaction["chainId"], 16),
            "nonce": int(self._rpc.call("eth_getTransactionCount", self.address, "pending"), 16),
            "to": to_checksum_address(transaction["to"]),
            "value": int(transaction["value"], 16),
            "data": transaction["data"],
            "gas": self._gas(transaction),
            "maxFeePerGas": fee,
            "maxPriorityFeePerGas": min(fee, 10**9),
        }
        signed = self._account.sign_transaction(filled)
        sent = self._rpc.call("eth_sendRawTransaction", signed.raw_transaction.to_0x_hex())
        return str(sent)

    def send_in_order(self, transactions: Sequence[Mapping[str, Any]]) -> list[str]:
        """Each when the one before it stands in a block; the hashes. Raises TimeoutError."""
        hashes: list[str] = []
        for transaction in transactions:
            if hashes:  # an estimate of gas, too, needs the effect of the one before
                self._wait_for(hashes[-1])
            hashes.append(self.send(transaction))
        return hashes

    def _wait_for(self, transaction_hash: str) -> None:
        until = time.monotonic() + PATIENCE
        while self._rpc.call("eth_getTransactionReceipt", transaction_hash) is None:
            if time.monotonic() > until:
                raise TimeoutError(f"{transaction_hash} is in no block after {PATIENCE:.0f} s")
            time.sleep(0.1)

    def _gas(self, transaction: Mapping[str, Any]) -> int:
        if "gas" in transaction:
            return int(transaction["gas"], 16)
        asked = {name: transaction[name] for name in ("from", "to", "value", "data")}
        return int(self._rpc.call("eth_estimateGas", asked), 16) * 5 // 4

    def sign_typed_data(self, data: Mapping[str, Any]) -> str:
        """As `eth_signTypedData_v4` does; 0x-hex."""
        message = encode_typed_data(full_message=dict(data))
        return str(self._account.sign_message(message).signature.to_0x_hex())

    def sign_permit(self, token: str, spender: str, value: int, deadline: int) -> str:
        """An ERC-2612 permit of a token whose version is 1; 0x-hex."""
        (name,) = decode(["string"], self._view(token, call_data("name()")))
        nonce = int.from_bytes(self._view(token, call_data("nonces(address)", self.address)), "big")
        chain_id = int(self._rpc.call("eth_chainId"), 16)
        domain = {"name": name, "version": "1", "chainId": chain_id, "verifyingContract": token}
        permit = {"owner": self.address, "spender": spender, "value": value, "nonce": nonce,
                  "deadline": deadline}  # fmt: skip
        types = {"EIP712Domain": _PERMIT_DOMAIN, "Permit": _PERMIT}
        return self.sign_typed_data(
            {"types": types, "primaryType": "Permit", "domain": domain, "message": permit}
        )

    def _view(self, to: str, data: str) -> bytes:
        answer = self._rpc.call("eth_call", {"to": to, "data": data}, "latest")
        return bytes.fromhex(answer[2:])

    def close(self) -> None:
        """Close the connection."""
        self._rpc.close()


def _members(text: str) -> list[dict[str, str]]:
    """Of a typed struct, from its signature's list."""
    pairs = (member.split() for member in text.split(","))
    return [{"name": name, "type": kind} for kind, name in pairs]


_PERMIT_DOMAIN = _members("string name,string version,uint256 chainId,address verifyingContract")
_PERMIT = _members("address owner,address spender,uint256 value,uint256 nonce,uint256 deadline")


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

    def send_in_order(self, transactions: Sequence[Mapping[str, Any]]) -> list[str]:
        """Each when the one before it ran; the hashes."""
        return [self.send(transaction) for transaction in transactions]

    def close(self) -> None:
        """Close the connection."""
        self._client.close()
