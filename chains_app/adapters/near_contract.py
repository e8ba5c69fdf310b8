"""The HTLC of contracts/near as bytes and JSON: ids, arguments, storage keys, records."""

import hashlib
import json
import re
from base64 import b64decode
from collections.abc import Mapping
from typing import Any, Final

from chains_app.locks import Call, LockState, LockTerms
from chains_app.patterns import NEAR_ACCOUNT_ID
from chains_app.signers import SignerRole
from chains_app.tokens import NEAR_STORAGE_DEPOSIT, ONE_YOCTO
from orchestrator.kernel.clock import from_nanoseconds, to_nanoseconds
from orchestrator.kernel.hashlock import Secret

DUTY_METHODS: Final = frozenset({"withdraw", "refund", "pay"})
LOCK_KEY: Final = b"l"  # first byte of a lock's storage key; its id follows
ACCOUNT: Final = re.compile(NEAR_ACCOUNT_ID)
# Accounts that a transfer creates: a key in hex, and an Ethereum address (nearcore, AccountType).
IMPLICIT: Final = re.compile(r"[0-9a-f]{64}|0x[0-9a-f]{40}")
_ID_DOMAIN: Final = "1balancer-htlc-v1"
_MAX_AMOUNT: Final = 2**128 - 1
_MAX_INSTANT: Final = 2**64 - 1  # nanoseconds
_STATES: Final = {
    "open": (LockState.OPEN, False),
    "owed_to_beneficiary": (LockState.WITHDRAWN, False),
    "owed_to_depositor": (LockState.REFUNDED, False),
    "withdrawn": (LockState.WITHDRAWN, True),
    "refunded": (LockState.REFUNDED, True),
}


def lock_id(terms: LockTerms, caip2: str) -> str:
    """SHA-256 of domain, chain, contract and all terms in Borsh, as 64 hex digits.

    A lock that the contract could not hold (an amount beyond u128, an instant beyond u64) has none:
    it gets an id that no contract can know.
    """
    if terms.amount > _MAX_AMOUNT:
        return ""
    if to_nanoseconds(max(terms.lock_by, terms.timelock)) > _MAX_INSTANT:
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


def target(call: Call, terms: LockTerms, htlc: str) -> tuple[str, str]:
    """The account and the method that a call goes to; a token's lock is a transfer of the token.

    No method: a plain transfer of what the call takes along.
    """
    if terms.token is not None and call is Call.LOCK:
        return terms.token, "ft_transfer_call"
    if call is Call.REPAY:
        return (terms.token, "ft_transfer") if terms.token is not None else (terms.depositor, "")
    if terms.token is not None and call is Call.REGISTER:
        return terms.token, "storage_deposit"
    return htlc, call.value


def arguments(call: Call, terms: LockTerms, identifier: str, secret: Secret | None) -> bytes:
    """The JSON that a call takes."""
    match call:
        case Call.LOCK if terms.token is not None:
            transfer = {"receiver_id": terms.contract, "amount": str(terms.amount)}
            return _json(transfer | {"msg": identifier})
        case Call.LOCK | Call.PREPARE:
            return _json(_parameters(terms))
        case Call.REPAY:
            return _json({"receiver_id": terms.depositor, "amount": str(terms.amount)})
        case Call.REGISTER:
            return _json({"account_id": terms.beneficiary, "registration_only": True})
        case Call.WITHDRAW:
            if secret is None:
                raise ValueError("a withdrawal needs its secret")
            return _json({"id": identifier, "secret": secret.reveal().hex()})
        case _:
            return _json({"id": identifier})


def deposit(call: Call, terms: LockTerms) -> int:
    """The yocto that a call takes along; those of REGISTER are the token's to ask."""
    match call:
        case Call.LOCK:
            native = terms.amount + NEAR_STORAGE_DEPOSIT
            return native if terms.token is None else ONE_YOCTO
        case Call.PREPARE:
            return NEAR_STORAGE_DEPOSIT
        case Call.REPAY:
            return terms.amount if terms.token is None else ONE_YOCTO
        case Call.REFUND_EARLY:
            return ONE_YOCTO
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


def open_terms(record: Mapping[str, Any] | None, chain: str, htlc: str) -> LockTerms | None:
    """The terms of `get_lock`'s answer; None for one that holds no money, or is a tombstone."""
    if record is None or record["state"] != "open":
        return None
    return LockTerms(
        chain=chain,
        contract=htlc,
        depositor=record["depositor"],
        beneficiary=record["beneficiary"],
        token=record["token"],
        amount=int(record["amount"]),
        hashlock=bytes.fromhex(record["hashlock"]),
        lock_by=from_nanoseconds(int(record["lock_by"])),
        timelock=from_nanoseconds(int(record["timelock"])),
    )


def changed_lock(storage_key: bytes) -> str:
    """The lock that a storage key of the prefix `LOCK_KEY` belongs to."""
    return storage_key[len(LOCK_KEY) :].hex()


def _json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def decode_arguments(arguments: bytes) -> dict[str, Any]:
    """The JSON object again, as wallets take it."""
    decoded: dict[str, Any] = json.loads(arguments)
    return decoded


def succeeded(found: dict[str, Any], contract: str) -> bool | None:
    """Whether the contract took the call; None until its receipts ran.

    A refused payout is no failure of the call: the lock is decided and owed.
    """
    status = found["status"]
    if not isinstance(status, dict):  # NotStarted, Started
        return None
    if _kept_nothing(found):
        return False
    ran = [each["outcome"] for each in found["receipts_outcome"]]
    of_contract = [outcome["status"] for outcome in ran if outcome["executor_id"] == contract]
    return all("Failure" not in each for each in [status, *of_contract])


def _kept_nothing(found: dict[str, Any]) -> bool:
    """Whether it is a transfer that its receiver gave back, as NEP-141 answers it: success, "0"."""
    actions = found["transaction"]["actions"]
    methods = [
        action["FunctionCall"]["method_name"]
        for action in actions
        if isinstance(action, dict) and "FunctionCall" in action
    ]
    kept = b64decode(found["status"].get("SuccessValue", ""))
    return methods == ["ft_transfer_call"] and kept == b'"0"'


def fits(role: SignerRole, permission: Any, htlc: str) -> bool:
    """Whether a key may do all that its role does, and a duty's key no more (rule 15)."""
    if role is SignerRole.LOCK or permission == "FullAccess":
        return role is SignerRole.LOCK and permission == "FullAccess"
    call = permission["FunctionCall"]
    methods = frozenset(call["method_names"])
    return call["receiver_id"] == htlc and methods == DUTY_METHODS
