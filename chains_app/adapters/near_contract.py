"""The HTLC of contracts/near as bytes and JSON: ids, arguments, storage keys, records."""

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any, Final

from chains_app.config import NEAR_ACCOUNT_ID
from chains_app.locks import Call, LockState, LockTerms
from orchestrator.kernel.clock import to_nanoseconds
from orchestrator.kernel.hashlock import Secret

STORAGE_DEPOSIT: Final = 551 * 10**19  # what `storage_deposit` answers: part of the pinned code
DUTY_METHODS: Final = frozenset({"withdraw", "refund", "pay"})
LOCK_KEY: Final = b"l"  # first byte of a lock's storage key; its id follows
ACCOUNT: Final = re.compile(NEAR_ACCOUNT_ID)
# Accounts that a transfer creates: a key in hex, and an Ethereum address (nearcore, AccountType).
IMPLICIT: Final = re.compile(r"[0-9a-f]{64}|0x[0-9a-f]{40}")
_ID_DOMAIN: Final = "1balancer-htlc-v1"
_ONE_YOCTO: Final = 1  # what `refund_early` wants: a function-call key can't attach it
_MAX_AMOUNT: Final = 2**128 - 1
_STATES: Final = {
    "open": (LockState.OPEN, False),
    "owed_to_beneficiary": (LockState.WITHDRAWN, False),
    "owed_to_depositor": (LockState.REFUNDED, False),
    "withdrawn": (LockState.WITHDRAWN, True),
    "refunded": (LockState.REFUNDED, True),
}


def lock_id(terms: LockTerms, caip2: str) -> str:
    """SHA-256 of domain, chain, contract and all terms in Borsh, as 64 hex digits.

    A lock that the contract could not hold (an amount beyond u128) has none: it gets an id that
    no contract can know.
    """
    if terms.amount > _MAX_AMOUNT:
        return ""
    domain = b"".join(_string(part) for part in (_ID_DOMAIN, caip2, terms.contract))
    return hashlib.sha256(domain + _encoded(terms)).hexdigest()


def _encoded(terms: LockTerms) -> bytes:
    token = b"\0" if terms.token is None else b"\1" + _string(terms.token)
    instants = (to_nanoseconds(terms.lock_by), to_nanoseconds(terms.timelock))
    return (
        _string(terms.depositor)
        + _string(terms.beneficiary)
        + token
        + terms.amount.to_bytes(16, "little")
        + terms.hashlock
        + b"".join(instant.to_bytes(8, "little") for instant in instants)
    )


def _string(text: str) -> bytes:
    return len(text.encode()).to_bytes(4, "little") + text.encode()


def arguments(call: Call, terms: LockTerms, identifier: str, secret: Secret | None) -> bytes:
    """The JSON that a call of the contract takes."""
    if call is Call.LOCK:
        return _json(_parameters(terms))
    if call is not Call.WITHDRAW:
        return _json({"id": identifier})
    if secret is None:
        raise ValueError("a withdrawal needs its secret")
    return _json({"id": identifier, "secret": secret.reveal().hex()})


def deposit(call: Call, terms: LockTerms) -> int:
    """The yocto that a call takes along."""
    match call:
        case Call.LOCK:
            return terms.amount + STORAGE_DEPOSIT
        case Call.REFUND_EARLY:
            return _ONE_YOCTO
        case _:
            return 0


def _parameters(terms: LockTerms) -> dict[str, Any]:
    return {
        "depositor": terms.depositor,
        "beneficiary": terms.beneficiary,
        "token": terms.token,
        "amount": str(terms.amount),
        "hashlock": terms.hashlock.hex(),
        "lock_by": str(to_nanoseconds(terms.lock_by)),
        "timelock": str(to_nanoseconds(terms.timelock)),
    }


def decode_record(record: Mapping[str, Any] | None) -> tuple[LockState, bool, bytes | None]:
    """How `get_lock`'s answer stands, whether it is paid, and the secret once it was shown.

    A lock that is only prepared holds no money: absent.
    """
    if record is None:
        return LockState.ABSENT, False, None
    state, is_paid = _STATES.get(record["state"], (LockState.ABSENT, False))
    secret = record.get("secret")
    return state, is_paid, None if secret is None else bytes.fromhex(secret)


def changed_lock(storage_key: bytes) -> str:
    """The lock that a storage key of the prefix `LOCK_KEY` belongs to."""
    return storage_key[len(LOCK_KEY) :].hex()


def _json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def decode_arguments(arguments: bytes) -> dict[str, Any]:
    """The JSON object again, as wallets take it."""
    decoded: dict[str, Any] = json.loads(arguments)
    return decoded
