"""Locks and orders in Python: their identity, computed apart from the contracts, and signatures."""

import hashlib
from enum import IntEnum
from typing import Any, NamedTuple

from eth_abi.abi import encode
from eth_utils.crypto import keccak
from hexbytes import HexBytes

from chains_app.adapters.evm_accounts import Account, LocalAccount

LOCK_TYPE = "(address,address,address,uint256,bytes32,uint64,uint64)"
SECP256K1_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


class State(IntEnum):
    """The last byte of an escrow's slot."""

    NONE = 0
    OPEN = 1
    PAYING = 2
    WITHDRAWN = 3
    REFUNDED = 4
    OWED_TO_BENEFICIARY = 5
    OWED_TO_DEPOSITOR = 6


class Lock(NamedTuple):
    """The contracts' struct Lock: addresses 0x-hex, amount in base units, times in seconds."""

    depositor: str
    beneficiary: str
    token: str
    amount: int
    hashlock: bytes
    lock_by: int
    timelock: int


class Order(NamedTuple):
    """The contracts' struct Order."""

    depositor: str
    beneficiary: str
    token: str
    amount: int
    hashlock: bytes
    lock_by: int
    timelock: int
    destination_chain: str
    destination_token: str
    receiver: str
    minimum_amount: int
    fee: int

    @property
    def lock(self) -> Lock:
        """The lock that the order asks for."""
        return Lock(*self[:7])


ORDER_FIELDS = {
    "depositor": "address",
    "beneficiary": "address",
    "token": "address",
    "amount": "uint256",
    "hashlock": "bytes32",
    "lockBy": "uint64",
    "timelock": "uint64",
    "destinationChain": "string",
    "destinationToken": "string",
    "receiver": "string",
    "minimumAmount": "uint256",
    "fee": "uint256",
}


def account(name: str) -> LocalAccount:
    """The same key and address for the same name, always."""
    signer: LocalAccount = Account.from_key(keccak(text=name))
    return signer


def address(name: str) -> str:
    """Lower-case address of `account(name)`."""
    return str(account(name).address).lower()


def hash_of(secret: bytes) -> bytes:
    """The hashlock of a secret."""
    return hashlib.sha256(secret).digest()


def lock_id(chain_id: int, factory: str, lock: Lock) -> bytes:
    """The identity of a lock; an escrow keeps its first 31 bytes."""
    return keccak(encode(["uint256", "address", LOCK_TYPE], [chain_id, factory, lock]))


def escrow_address(factory: str, implementation: str, lock: Lock) -> str:
    """CREATE2 address of the EIP-1167 proxy for this depositor, token and hashlock."""
    salt = keccak(
        encode(["address", "address", "bytes32"], [lock.depositor, lock.token, lock.hashlock])
    )
    init_code = bytes.fromhex("3d602d80600a3d3981f3") + proxy_code(implementation)
    preimage = b"\xff" + bytes.fromhex(factory[2:]) + salt + keccak(init_code)
    return "0x" + keccak(preimage)[12:].hex()


def proxy_code(implementation: str) -> bytes:
    """Deployed code of an EIP-1167 proxy."""
    target = bytes.fromhex(implementation[2:])
    return (
        bytes.fromhex("363d3d373d3d3d363d73")
        + target
        + bytes.fromhex("5af43d82803e903d91602b57fd5bf3")
    )


def sign_order(signer: LocalAccount, order: Order, **domain: Any) -> bytes:
    """65 byte EIP-712 signature; `domain` names at least chainId and verifyingContract."""
    full = {"name": "1Balancer EscrowFactory", "version": "1"} | domain
    return _sign(signer, full, "Order", ORDER_FIELDS, tuple(order))


def sign_permit(
    signer: LocalAccount, spender: str, value: int, nonce: int, deadline: int, **domain: Any
) -> bytes:
    """The factory's `permit` argument: abi.encode(value, deadline, v, r, s) by ERC-2612."""
    names = ["owner", "spender", "value", "nonce", "deadline"]
    types = ["address", "address", "uint256", "uint256", "uint256"]
    values = (signer.address, spender, value, nonce, deadline)
    fields = dict(zip(names, types, strict=True))
    signature = _sign(signer, {"version": "1"} | domain, "Permit", fields, values)
    r, s, v = signature[:32], signature[32:64], signature[64]
    return encode(["uint256", "uint256", "uint8", "bytes32", "bytes32"], [value, deadline, v, r, s])


def _sign(
    signer: LocalAccount,
    domain: dict[str, Any],
    name: str,
    fields: dict[str, str],
    values: tuple[Any, ...],
) -> bytes:
    types = {name: [{"name": key, "type": kind} for key, kind in fields.items()]}
    message = dict(zip(fields, values, strict=True))
    signature: HexBytes = signer.sign_typed_data(domain, types, message).signature
    return bytes(signature)


def high_s(signature: bytes) -> bytes:
    """The other signature of the same key over the same hash, which a strict verifier refuses."""
    s = SECP256K1_ORDER - int.from_bytes(signature[32:64], "big")
    return signature[:32] + s.to_bytes(32, "big") + bytes([55 - signature[64]])
