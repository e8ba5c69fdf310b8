"""Fees, bytes and signatures of EVM transactions (EIP-1559). No exchange with a node."""

from dataclasses import replace
from typing import Any, Final

from eth_keys.datatypes import PrivateKey
from eth_utils.crypto import keccak

from chains_app.adapters.evm_accounts import Account
from chains_app.adapters.interface import Prepared, Signed, SigningKey
from orchestrator.kernel.amounts import Rounding, multiply_divide
from orchestrator.kernel.hashlock import Secret

TRANSFER_GAS: Final = 21_000
_BASE_FEE_HEADROOM: Final = 2  # six full blocks in a row raise the base fee by 2.03


def evm_key(text: str) -> SigningKey:
    """The key of an account, from 0x and 64 hex digits."""
    secret = Secret(bytes.fromhex(text.removeprefix("0x")))
    address = PrivateKey(secret.reveal()).public_key.to_checksum_address()
    return SigningKey(address, address, secret)


def fee_fields(gas: int, base_fee: int, tip: int, most: int) -> dict[str, Any]:
    """Gas limit and fees per unit of gas, in wei; no fee is above `most`, whatever a node says."""
    fee = min(_BASE_FEE_HEADROOM * base_fee + tip, most)
    return {"gas": gas, "maxFeePerGas": fee, "maxPriorityFeePerGas": min(tip, fee)}


def cost_cap(fields: dict[str, Any], value: int, data_fee: int) -> int:
    """The most that it costs, in wei."""
    return int(fields["gas"]) * int(fields["maxFeePerGas"]) + value + data_fee


def raise_fees(prepared: Prepared, percent: int) -> Prepared:
    """Both fees up by at least `percent`: nodes want 10 for a replacement."""
    fields = dict(prepared.fields)
    for name in ("maxFeePerGas", "maxPriorityFeePerGas"):
        fields[name] = multiply_divide(fields[name], 100 + percent, 100, Rounding.UP)
    more = int(fields["gas"]) * (fields["maxFeePerGas"] - prepared.fields["maxFeePerGas"])
    return replace(prepared, fields=fields, cost_cap=prepared.cost_cap + more)


def sign_transaction(
    call: tuple[str, int, bytes], fields: dict[str, Any], chain_id: int, nonce: int, key: SigningKey
) -> Signed:
    """The signed bytes of a call (to, value in wei, data) under these fees and this nonce."""
    to, value, data = call
    body = {"type": 2, "chainId": chain_id, "nonce": nonce, "to": to, "value": value, "data": data}
    signed = Account.sign_transaction(body | fields, key.secret.reveal())
    return Signed(bytes(signed.raw_transaction), transaction_hash(bytes(signed.raw_transaction)))


def transaction_hash(raw: bytes) -> str:
    """The hash that signed bytes are known by."""
    return "0x" + keccak(raw).hex()
