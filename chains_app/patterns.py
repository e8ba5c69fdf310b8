"""The forms of what is named in the environment: addresses, accounts, keys, hashes."""

import re
from typing import Annotated, Any, Final

from eth_utils.address import to_checksum_address
from pydantic import AfterValidator, SecretStr


def matching(pattern: str, example: str) -> AfterValidator:
    """A validator whose complaint never shows the value: it may be a key."""
    compiled = re.compile(pattern)

    def check(value: Any) -> Any:
        text = value.get_secret_value() if isinstance(value, SecretStr) else value
        if not compiled.fullmatch(text):
            raise ValueError(f"is not {example}")
        return value

    return AfterValidator(check)


_SECP256K1_ORDER: Final = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


def _on_curve(key: SecretStr) -> SecretStr:
    if not 0 < int(key.get_secret_value(), 16) < _SECP256K1_ORDER:
        raise ValueError("is no key: it must lie between 0 and the order of secp256k1")
    return key


NEAR_ACCOUNT_ID: Final = r"(?=.{2,64}$)(?:[a-z\d]+[-_])*[a-z\d]+(?:\.(?:[a-z\d]+[-_])*[a-z\d]+)*"
_HASH58: Final = r"[1-9A-HJ-NP-Za-km-z]{43,44}"
# in one spelling, as the chain's own events are read: two of one address would be two tokens
EvmAddress = Annotated[
    str,
    matching(r"0x[0-9a-fA-F]{40}", "an address: 0x and 40 hex digits"),
    AfterValidator(to_checksum_address),
]
EvmHash = Annotated[str, matching(r"0x[0-9a-f]{64}", "a hash: 0x and 64 hex digits")]
EvmKey = Annotated[
    SecretStr,
    matching(r"0x[0-9a-fA-F]{64}", "a key: 0x and 64 hex digits"),
    AfterValidator(_on_curve),
]
NearAccount = Annotated[str, matching(NEAR_ACCOUNT_ID, "a NEAR account id, such as htlc.near")]
NearHash = Annotated[str, matching(_HASH58, "a hash in base58")]
NearKey = Annotated[
    SecretStr, matching(r"ed25519:[1-9A-HJ-NP-Za-km-z]{86,88}", "an ed25519:... secret key")
]


def spellings(text: str) -> list[str]:
    """How the id, the account or the hash that a person gives may be stored: in lower case, as hex
    and NEAR accounts are; an address with its checksum; in base58 as it is given.
    """
    plain = text.lower()
    digits = plain.removeprefix("0x")
    found = {text, plain}
    if re.fullmatch(r"[0-9a-f]{64}", digits):  # NEAR's lock ids have no 0x, hashes on EVM have one
        found |= {digits, f"0x{digits}"}
    if re.fullmatch(r"0x[0-9a-f]{40}", plain):
        found.add(to_checksum_address(plain))
    return sorted(found)
