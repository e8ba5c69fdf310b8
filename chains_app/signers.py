"""Who signs what (rule 15): two roles of accounts, and what a signer refuses whatever is asked."""

from enum import Enum
from typing import Annotated, Final, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from chains_app.locks import PRELIMINARIES, Call, LockTerms
from orchestrator.kernel.errors import OrchestratorError


class SignerRole(Enum):
    """LOCK holds the liquidity and makes our locks; DUTY holds gas only and pays people out."""

    LOCK = "lock"
    DUTY = "duty"


_Cap = Annotated[int, Field(gt=0, lt=10**39)]


class SignerCaps(BaseModel):
    """The most that all keys of one account may spend, value and highest fee, in base units of the
    chain's native coin. What a call may cost counts, not what it did: on NEAR some 0.1 NEAR each,
    two of them for a swap on either chain. When too little is left nothing new is locked.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    transaction: _Cap
    """In one transaction; no less than the dearest of its calls may cost."""
    hour: _Cap
    """In any hour, to the minute; no less than in one transaction."""
    day: _Cap
    """In any day, to the minute; no less than in an hour."""

    @model_validator(mode="after")
    def _grow(self) -> Self:
        if not self.transaction <= self.hour <= self.day:
            raise ValueError(
                f"caps {self.transaction} a transaction, {self.hour} an hour and {self.day} a day: "
                "give the longer period no less"
            )
        return self


_FOR_THE_DEPOSITOR: Final = (Call.LOCK, *PRELIMINARIES)
_FOR_THE_BENEFICIARY: Final = (Call.REFUND_EARLY, Call.REPAY)
_BY_LOCK_ACCOUNT: Final = (*_FOR_THE_DEPOSITOR, *_FOR_THE_BENEFICIARY)


class SignerRefusedError(OrchestratorError):
    """A signer would not sign: wrong destination, a cap is reached, or the kill switch is on."""

    code = "signer_refused"


def role_of(call: Call) -> SignerRole:
    """The accounts that a call goes out from."""
    return SignerRole.LOCK if call in _BY_LOCK_ACCOUNT else SignerRole.DUTY


def all_paused(chain: str, role: SignerRole) -> str:
    """In words, what keeps everything of this role on this chain from being signed."""
    return f"our {role.value} signers on {chain} are paused"


def refusal(
    call: Call,
    terms: LockTerms,
    account: str,
    contract: str,
    tokens: frozenset[str],
    *,
    is_released: bool = False,
) -> str | None:
    """Why `account` does not sign this call, or None.

    `contract` and `tokens` are the configured ones of the terms' chain; nothing else is a
    destination: adapters build each call from the terms and their configuration alone. A lock and
    its preliminaries are made by its depositor alone, an early refund by its beneficiary alone. A
    repayment pays the terms' amount to their depositor, and was released by a person.
    """
    if terms.contract != contract:
        return f"{terms.contract} is not the configured contract {contract}"
    if terms.token is not None and terms.token not in tokens:
        return f"{terms.token} is not a configured token"
    if call in PRELIMINARIES and terms.token is None:
        return f"a native lock needs no {call.value}"
    if call in _FOR_THE_DEPOSITOR and terms.depositor != account:
        return f"the lock's depositor {terms.depositor} is not this signer {account}"
    if call is Call.REPAY and not is_released:
        return "nobody released the repayment"
    if call in _FOR_THE_BENEFICIARY and terms.beneficiary != account:
        return f"the lock's beneficiary {terms.beneficiary} is not this signer {account}"
    return None
