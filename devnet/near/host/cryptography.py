"""Hashes and signatures."""

import hashlib

from Crypto.Hash import RIPEMD160, keccak

from devnet.near import fees
from devnet.near.crypto import recover_secp256k1, verify_ed25519
from devnet.near.errors import HostError
from devnet.near.fees import HostFee
from devnet.near.host.imports import imported
from devnet.near.host.logic import Logic

_SECP256K1_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


@imported
def sha256(logic: Logic, length: int, pointer: int, register: int) -> None:
    """SHA-256 into the register."""
    data = _hashed(logic, length, pointer, fees.SHA256)
    logic.set_register(register, hashlib.sha256(data).digest())


@imported
def keccak256(logic: Logic, length: int, pointer: int, register: int) -> None:
    """Keccak-256 (Ethereum's) into the register."""
    data = _hashed(logic, length, pointer, fees.KECCAK256)
    logic.set_register(register, keccak.new(digest_bits=256, data=data).digest())


@imported
def keccak512(logic: Logic, length: int, pointer: int, register: int) -> None:
    """Keccak-512 into the register."""
    data = _hashed(logic, length, pointer, fees.KECCAK512)
    logic.set_register(register, keccak.new(digest_bits=512, data=data).digest())


@imported
def ripemd160(logic: Logic, length: int, pointer: int, register: int) -> None:
    """RIPEMD-160 into the register; it pays for blocks of 64 bytes, padding included."""
    logic.pay(fees.HOST)
    data = logic.bytes_at(length, pointer)
    logic.pay(fees.RIPEMD160, (len(data) + 8) // 64 + 1)
    logic.set_register(register, RIPEMD160.new(data).digest())


@imported
def ecrecover(
    logic: Logic,
    hash_length: int,
    hash_at: int,
    signature_length: int,
    signature_at: int,
    v: int,
    malleability: int,
    register: int,
) -> int:
    """The secp256k1 key (64 bytes) that signed a hash, into the register; 0 when there is none.

    With `malleability` 1, signatures in the upper half of the order are refused.
    """
    logic.pay(fees.HOST)
    logic.pay(fees.ECRECOVER)
    signature = logic.bytes_at(signature_length, signature_at)
    digest = logic.bytes_at(hash_length, hash_at)
    problem = _recover_problem(len(signature), len(digest), v, malleability)
    if problem:
        raise HostError("ECRecoverError", f"ECDSA recover error: {problem}", msg=problem)
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    highest = _SECP256K1_ORDER // 2 if malleability else _SECP256K1_ORDER - 1
    if not 0 < r < _SECP256K1_ORDER or not 0 < s <= highest:
        return 0
    key = recover_secp256k1(signature + bytes([v]), digest)
    if key is None:
        return 0
    logic.set_register(register, key)
    return 1


def _recover_problem(signature: int, digest: int, v: int, malleability: int) -> str:
    if signature != 64:
        return f"The length of the signature: {signature}, exceeds the limit of 64 bytes"
    if digest != 32:
        return f"The length of the hash: {digest}, exceeds the limit of 32 bytes"
    if v > 3:
        return f"V recovery byte 0 through 3 are valid but was provided {v}"
    if malleability > 1:
        return f"Malleability flag 0 and 1 are valid but was provided {malleability}"
    return ""


@imported
def ed25519_verify(
    logic: Logic,
    signature_length: int,
    signature_at: int,
    message_length: int,
    message_at: int,
    key_length: int,
    key_at: int,
) -> int:
    """Whether an ed25519 signature fits message and key."""
    logic.pay(fees.HOST)
    logic.pay(fees.ED25519)
    signature = logic.bytes_at(signature_length, signature_at)
    if len(signature) != 64:
        raise _ed25519_error("invalid signature length")
    message = logic.bytes_at(message_length, message_at)
    logic.burn(fees.ED25519.byte * len(message))
    key = logic.bytes_at(key_length, key_at)
    if len(key) != 32:
        raise _ed25519_error("invalid public key length")
    return int(verify_ed25519(key, message, signature))


def _ed25519_error(problem: str) -> HostError:
    text = f"ED25519 signature verification error: {problem}"
    return HostError("Ed25519VerifyInvalidInput", text, msg=problem)


def _hashed(logic: Logic, length: int, pointer: int, fee: HostFee) -> bytes:
    logic.pay(fees.HOST)
    data = logic.bytes_at(length, pointer)
    logic.pay(fee, len(data))
    return data
