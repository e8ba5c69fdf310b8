"""Base58, keys, signatures and account ids, against the libraries and rules that define them."""

import base58
import coincurve
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from nacl.signing import SigningKey

from devnet.near import account_id, crypto


@settings(deadline=None, derandomize=True, database=None)
@given(some.binary(max_size=80))
def test_base58_is_that_of_everybody(data: bytes) -> None:
    text = base58.b58encode(data).decode()
    assert crypto.base58_encode(data) == text
    assert crypto.base58_decode(text) == data


@pytest.mark.parametrize("text", ["0", "O", "I", "l", "é", " "])
def test_other_characters_are_not_base58(text: str) -> None:
    with pytest.raises(ValueError, match="invalid base58 character"):
        crypto.base58_decode(text)


def test_signatures_of_both_kinds_of_key() -> None:
    digest = bytes(range(32))
    edwards, curve = SigningKey(b"\1" * 32), coincurve.PrivateKey(b"\2" * 32)
    for tagged, signature in (
        (b"\0" + edwards.verify_key.encode(), edwards.sign(digest).signature),
        (
            b"\1" + curve.public_key.format(compressed=False)[1:],
            curve.sign_recoverable(digest, hasher=None),
        ),
    ):
        public_key = crypto.key_text(tagged)
        assert crypto.key_bytes(public_key) == tagged
        assert crypto.signature_fits(public_key, digest, signature)
        assert not crypto.signature_fits(public_key, bytes(32), signature)
        damaged = signature[:10] + bytes([signature[10] ^ 1]) + signature[11:]
        assert not crypto.signature_fits(public_key, digest, damaged)


@pytest.mark.parametrize("text", ["", "ed25519:", "ed25519:11", "rsa:" + "1" * 32, "secp256k1:1"])
def test_what_is_no_key(text: str) -> None:
    with pytest.raises(ValueError, match="key"):
        crypto.key_bytes(text)


@pytest.mark.parametrize(
    ("name", "valid"),
    [
        ("ok", True),
        ("bowen", True),
        ("ek-2", True),
        ("ek.near", True),
        ("com", True),
        ("google.com", True),
        ("illia.cheap-accounts.near", True),
        ("max_99.near", True),
        ("100", True),
        ("alex.2.near", True),
        ("a" * 64, True),
        ("a", False),
        ("a" * 65, False),
        ("not ok", False),
        ("100-", False),
        ("bo__wen", False),
        ("_illia", False),
        (".near", False),
        ("near.", False),
        ("a..near", False),
        ("$$$", False),
        ("WAT", False),
        ("me@google.com", False),
        ("a\n", False),
    ],
)
def test_account_ids(name: str, valid: bool) -> None:
    assert account_id.is_valid(name) is valid
