"""Sealing of secrets at rest: AES-256-GCM with a key id and associated data.

A sealed value is bound to its row by the associated data: copied into another row it does not open.
Layout: key id (8 bytes, big endian) | nonce (12) | ciphertext and tag.
"""

import os
from collections.abc import Mapping
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from orchestrator.kernel.errors import DecryptionError

KEY_LENGTH: Final = 32
KEY_ID_LENGTH: Final = 8
_NONCE_LENGTH: Final = 12  # NIST SP 800-38D's recommended length


class Cipher:
    """Seals under the newest key, opens under any that it holds.

    `keys`: key id (a positive number that grows with each rotation) to 32 bytes.
    """

    def __init__(self, keys: Mapping[int, bytes]) -> None:
        if not keys or any(len(key) != KEY_LENGTH for key in keys.values()) or min(keys) < 1:
            raise ValueError(f"give at least one key of {KEY_LENGTH} bytes, with ids from 1 on")
        self._keys = {key_id: AESGCM(key) for key_id, key in keys.items()}
        self.newest = max(keys)

    def __repr__(self) -> str:
        return f"Cipher(keys={sorted(self._keys)})"

    def seal(self, plaintext: bytes, associated_data: bytes) -> bytes:
        """Encrypt under the newest key."""
        header = self.newest.to_bytes(KEY_ID_LENGTH, "big")
        nonce = os.urandom(_NONCE_LENGTH)
        sealed = self._keys[self.newest].encrypt(nonce, plaintext, header + associated_data)
        return header + nonce + sealed

    def open(self, sealed: bytes, associated_data: bytes) -> bytes:
        """Decrypt; raises DecryptionError, which says the key id and nothing of the value."""
        header, rest = sealed[:KEY_ID_LENGTH], sealed[KEY_ID_LENGTH:]
        nonce, ciphertext = rest[:_NONCE_LENGTH], rest[_NONCE_LENGTH:]
        key = self._keys.get(key_id(sealed))
        if key is None:
            raise DecryptionError(f"no key with id {key_id(sealed)}: add it to the configuration")
        try:
            return key.decrypt(nonce, ciphertext, header + associated_data)
        except (InvalidTag, ValueError):
            raise DecryptionError(
                f"a value sealed under key {key_id(sealed)} was altered or belongs to another row"
            ) from None


def key_id(sealed: bytes) -> int:
    """The id of the key that `sealed` was made with (for rotation)."""
    return int.from_bytes(sealed[:KEY_ID_LENGTH], "big")
