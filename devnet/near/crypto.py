"""Hashes, base58, public keys and signatures as NEAR writes them.

Hashes and ids travel through the node as base58 text and public keys as `ed25519:<base58>` or
`secp256k1:<base58>`, the forms of the JSON-RPC; bytes are made only where borsh wants them.
"""

from functools import lru_cache
from hashlib import sha256

import coincurve
from nacl.exceptions import CryptoError
from nacl.signing import VerifyKey

_ALPHABET = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_DIGIT = {character: value for value, character in enumerate(_ALPHABET)}
_PAIRS = [first + second for first in _ALPHABET for second in _ALPHABET]
_CHUNK = 58**10

KEY_TYPES = ("ed25519", "secp256k1")
KEY_LENGTHS = (32, 64)
SIGNATURE_LENGTHS = (64, 65)


def base58_encode(data: bytes) -> str:
    """The base58 text of `data`, ten digits at a time (this is hot: every id passes here)."""
    number, parts = int.from_bytes(data, "big"), []
    while number:
        number, chunk = divmod(number, _CHUNK)
        for _ in range(5):
            chunk, pair = divmod(chunk, 3364)
            parts.append(_PAIRS[pair])
    zeros = len(data) - len(data.lstrip(b"\0"))
    return "1" * zeros + "".join(reversed(parts)).lstrip("1")


@lru_cache(8192)
def base58_decode(text: str) -> bytes:
    """The bytes of base58 `text`; raises ValueError for a character outside the alphabet."""
    number = 0
    for character in text:
        if character not in _DIGIT:
            raise ValueError(f"invalid base58 character {character!r}")
        number = number * 58 + _DIGIT[character]
    zeros = len(text) - len(text.lstrip("1"))
    return bytes(zeros) + number.to_bytes((number.bit_length() + 7) // 8, "big")


def hash_of(*parts: bytes) -> str:
    """The SHA-256 of the joined parts, in base58."""
    return base58_encode(sha256(b"".join(parts)).digest())


def hash_bytes(text: str) -> bytes:
    """The 32 bytes of a base58 hash; raises ValueError for any other length."""
    decoded = base58_decode(text)
    if len(decoded) != 32:
        raise ValueError(f"incorrect hash length (expected 32, but {len(decoded)} was given)")
    return decoded


ZERO_HASH = base58_encode(bytes(32))
SYSTEM_KEY = "ed25519:" + ZERO_HASH  # signs the refunds, which nobody signs


@lru_cache(8192)
def key_text(tagged: bytes) -> str:
    """The text of a borsh public key: one byte of key type, then the key.

    Raises ValueError when the type is unknown or the length does not fit it.
    """
    if not tagged or tagged[0] >= len(KEY_TYPES) or len(tagged) != 1 + KEY_LENGTHS[tagged[0]]:
        raise ValueError("not a public key")
    return f"{KEY_TYPES[tagged[0]]}:{base58_encode(tagged[1:])}"


@lru_cache(8192)
def key_bytes(text: str) -> bytes:
    """The borsh form of a public key written as text; raises ValueError when it is none."""
    kind, _, digits = text.rpartition(":")
    kind = kind or "ed25519"
    if kind not in KEY_TYPES:
        raise ValueError(f"unknown key type {kind!r}")
    tag = KEY_TYPES.index(kind)
    decoded = base58_decode(digits)
    if len(decoded) != KEY_LENGTHS[tag]:
        raise ValueError(f"invalid key length {len(decoded)} for {kind}")
    return bytes([tag]) + decoded


@lru_cache(1024)
def _ed25519(key: bytes) -> VerifyKey:
    return VerifyKey(key)


def verify_ed25519(key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether `signature` (64 bytes) of `message` was made by the key (32 bytes)."""
    try:
        _ed25519(key).verify(message, signature)
    except (CryptoError, ValueError):
        return False
    return True


def recover_secp256k1(signature: bytes, digest: bytes) -> bytes | None:
    """The 64 bytes of the public key behind a 65-byte recoverable signature, or None."""
    try:
        key = coincurve.PublicKey.from_signature_and_message(signature, digest, hasher=None)
    except ValueError:
        return None
    return key.format(compressed=False)[1:]


def signature_fits(public_key: str, digest: bytes, signature: bytes) -> bool:
    """Whether the signature of a transaction's hash belongs to the public key."""
    tagged = key_bytes(public_key)
    if tagged[0] == 0:
        return verify_ed25519(tagged[1:], digest, signature)
    return recover_secp256k1(signature, digest) == tagged[1:]
