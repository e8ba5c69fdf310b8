import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.kernel.cipher import Cipher, key_id
from orchestrator.kernel.errors import DecryptionError

OLD, NEW = bytes(range(32)), bytes(range(1, 33))


@given(st.binary(max_size=200), st.binary(max_size=50))
def test_what_is_sealed_opens(plaintext: bytes, row: bytes) -> None:
    cipher = Cipher({1: OLD})
    assert cipher.open(cipher.seal(plaintext, row), row) == plaintext


def test_sealing_twice_never_gives_the_same_bytes() -> None:
    cipher = Cipher({1: OLD})
    assert cipher.seal(b"x", b"row") != cipher.seal(b"x", b"row")


def test_a_sealed_value_opens_in_its_own_row_only() -> None:
    cipher = Cipher({1: OLD})
    with pytest.raises(DecryptionError, match="altered or belongs to another row"):
        cipher.open(cipher.seal(b"x", b"row 1"), b"row 2")


@given(st.data())
def test_any_flipped_bit_is_noticed(data: st.DataObject) -> None:
    cipher = Cipher({1: OLD, 2: NEW})
    sealed = bytearray(cipher.seal(b"secret", b"row"))
    position = data.draw(st.integers(0, len(sealed) * 8 - 1))
    sealed[position // 8] ^= 1 << position % 8
    with pytest.raises(DecryptionError):
        cipher.open(bytes(sealed), b"row")


@pytest.mark.parametrize("length", [0, 7, 8, 20, 35])
def test_a_cut_value_is_noticed(length: int) -> None:
    cipher = Cipher({1: OLD})
    with pytest.raises(DecryptionError):
        cipher.open(cipher.seal(b"secret", b"row")[:length], b"row")


def test_rotation_seals_under_the_newest_key_and_still_opens_the_old() -> None:
    before, after = Cipher({1: OLD}), Cipher({1: OLD, 2: NEW})
    old, new = before.seal(b"x", b"row"), after.seal(b"x", b"row")
    assert (key_id(old), key_id(new)) == (1, 2)
    assert after.open(old, b"row") == b"x"
    with pytest.raises(DecryptionError, match="no key with id 2"):
        before.open(new, b"row")


def test_keys_are_not_shown() -> None:
    assert repr(Cipher({1: OLD, 2: NEW})) == "Cipher(keys=[1, 2])"


@pytest.mark.parametrize("keys", [{}, {0: OLD}, {1: OLD[:31]}])
def test_wrong_keys_are_refused(keys: dict[int, bytes]) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Cipher(keys)
