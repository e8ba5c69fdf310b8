"""Secrets and hashlocks: exactly 32 bytes each, and never a secret in a log or a repr."""

import hashlib
import hmac
import secrets
from enum import Enum
from typing import Final

from eth_hash.auto import keccak

from orchestrator.kernel.errors import InvalidSecretError

LENGTH: Final = 32  # an EVM word; another length could unlock one chain and never the other


class HashFunction(Enum):
    """The hash of an escrow deployment; a route exists only between two that agree."""

    SHA256 = "sha256"
    KECCAK256 = "keccak256"

    def digest(self, data: bytes) -> bytes:
        """The 32-byte hash of `data`."""
        return hashlib.sha256(data).digest() if self is HashFunction.SHA256 else keccak(data)


class Secret:
    """A preimage; the bytes come out through `reveal` alone, so that each use can be found."""

    __slots__ = ("_value",)

    def __init__(self, value: bytes) -> None:
        if len(value) != LENGTH:
            raise InvalidSecretError(f"a secret has {LENGTH} bytes, this one has {len(value)}")
        self._value = value

    @classmethod
    def generate(cls) -> "Secret":
        """A new secret from the system's generator."""
        return cls(secrets.token_bytes(LENGTH))

    def reveal(self) -> bytes:
        """The 32 bytes."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(***)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self._value, other._value)

    def __hash__(self) -> int:
        return hash(self._value)

    def __reduce__(self) -> str:
        raise TypeError("a secret is never pickled: it would reach a task, a cache or a log")


def fits(secret: Secret, hashlock: bytes, function: HashFunction) -> bool:
    """Whether `secret` opens `hashlock`."""
    return hmac.compare_digest(function.digest(secret.reveal()), hashlock)
