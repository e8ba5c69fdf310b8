"""NEAR's rules for account ids."""

import re

_VALID = re.compile(r"[a-z0-9]+(?:[-_][a-z0-9]+)*(?:\.[a-z0-9]+(?:[-_][a-z0-9]+)*)*")
_NEAR_IMPLICIT = re.compile(r"[0-9a-f]{64}")
_ETH_IMPLICIT = re.compile(r"0x[0-9a-f]{40}")

SYSTEM = "system"


def is_valid(account_id: str) -> bool:
    """Two to 64 characters: lower-case parts joined by dots, with single `-` and `_` inside."""
    return 2 <= len(account_id) <= 64 and _VALID.fullmatch(account_id) is not None


def is_near_implicit(account_id: str) -> bool:
    """Whether the name is the hex of an ed25519 key, which a transfer may create."""
    return _NEAR_IMPLICIT.fullmatch(account_id) is not None


def is_eth_implicit(account_id: str) -> bool:
    """Whether the name is an Ethereum address, whose wallet a transfer may create (NEP-518)."""
    return _ETH_IMPLICIT.fullmatch(account_id) is not None


def is_implicit(account_id: str) -> bool:
    """Whether no CreateAccount may make this name."""
    return is_near_implicit(account_id) or is_eth_implicit(account_id)


def is_top_level(account_id: str) -> bool:
    """Whether the name has no parent."""
    return "." not in account_id and account_id != SYSTEM


def is_child_of(account_id: str, parent: str) -> bool:
    """Whether the name is exactly one part longer than `parent`."""
    prefix, dot, rest = account_id.partition(".")
    return bool(prefix and dot) and rest == parent
