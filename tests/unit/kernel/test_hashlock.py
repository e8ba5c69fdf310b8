import pickle

import pytest

from orchestrator.kernel.errors import InvalidSecretError
from orchestrator.kernel.hashlock import HashFunction, Secret, fits

# the secret and its keccak hash are published vectors of an escrow SDK; sha256 by coreutils
SECRET = bytes.fromhex("531d1d2d7a594f1c7e413b074c7b693161486b5c495d457748144a01795c6a45")
KECCAK = bytes.fromhex("9f65fdcf781d4320c2dde70da02a1fe916d595dc1817149cc4758fd6a4bfd830")
SHA256 = bytes.fromhex("44ee30cd58331c6c3604ccacce20671f831f68f005d68eab8c45b41b1b72e02c")


def test_hash_functions_give_known_hashes() -> None:
    assert HashFunction.KECCAK256.digest(SECRET) == KECCAK
    assert HashFunction.SHA256.digest(SECRET) == SHA256


def test_a_secret_fits_its_own_hashlock_under_its_own_function_only() -> None:
    secret = Secret(SECRET)
    assert fits(secret, SHA256, HashFunction.SHA256)
    assert not fits(secret, SHA256, HashFunction.KECCAK256)
    assert not fits(Secret(bytes(32)), SHA256, HashFunction.SHA256)


@pytest.mark.parametrize("length", [0, 31, 33, 64])
def test_a_secret_has_exactly_32_bytes(length: int) -> None:
    with pytest.raises(InvalidSecretError, match=f"this one has {length}"):
        Secret(bytes(length))


def test_a_secret_is_not_shown_and_not_pickled() -> None:
    secret = Secret(SECRET)
    assert SECRET.hex()[:6] not in f"{secret} {secret!r} {[secret]}"
    with pytest.raises(TypeError):
        pickle.dumps(secret)


def test_generated_secrets_differ() -> None:
    assert Secret.generate() != Secret.generate()
