"""Coins and tokens: what configuration declares of each, and what its calls take.

A token is held safely only if exactly what was sent arrives, and stays. One that takes a fee on
transfers, or whose balances change by themselves, is refused with the reason.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, Self, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from chains_app.locks import PRELIMINARIES, Call
from chains_app.patterns import EvmAddress, NearAccount, matching

TGAS: Final = 10**12

# Gas limits of BASE. A payout refuses to start with less than 260,000 left (contracts/evm), so that
# what ends a lock needs 350,000; docs/gas.md has what is used. Locks leave room for a first token
# balance of the escrow, approvals for a token behind a proxy.
_EVM_ENDING: Final = dict.fromkeys(
    (Call.WITHDRAW, Call.REFUND, Call.REFUND_EARLY, Call.PAY), 350_000
)
# A repayment gives its receiver what an escrow's payout would have: 200,000 beside the 21,000 of
# any transaction, so that whoever a lock could have refunded can be repaid. A token's has data.
EVM_NATIVE_GAS: Final = {Call.LOCK: 150_000, **_EVM_ENDING, Call.REPAY: 221_000}
# An order's lock has a signature to check (a wallet contract's takes what it takes) and a permit.
_EVM_TOKEN_GAS: Final = {
    Call.LOCK: 300_000, Call.LOCK_FOR: 500_000, **_EVM_ENDING, Call.APPROVE: 100_000,
    Call.REPAY: 225_000,
}  # fmt: skip

# Gas attached on NEAR. The contract refuses to pay out with less than 65 Tgas; a token's lock is
# its `ft_transfer_call`, whose receiver and resolution have to run on what is attached.
_NEAR_ENDING: Final = dict.fromkeys(
    (Call.WITHDRAW, Call.REFUND, Call.REFUND_EARLY, Call.PAY), 70 * TGAS
)
# A native repayment is no call: nothing is attached. A token's is its `ft_transfer`.
NEAR_NATIVE_GAS: Final = {Call.LOCK: 30 * TGAS, **_NEAR_ENDING, Call.REPAY: 0}
_NEAR_TOKEN_GAS: Final = {
    Call.LOCK: 100 * TGAS, **_NEAR_ENDING, Call.REGISTER: 15 * TGAS, Call.PREPARE: 30 * TGAS,
    Call.REPAY: 30 * TGAS,
}  # fmt: skip

# Yocto that calls of NEAR take along. The HTLC's `storage_deposit` answers this constant: it is
# part of the pinned code. One yocto is what a function-call key can't attach.
NEAR_STORAGE_DEPOSIT: Final = 551 * 10**19
ONE_YOCTO: Final = 1
NEAR_NATIVE_DEPOSITS: Final = {Call.LOCK: NEAR_STORAGE_DEPOSIT, Call.REFUND_EARLY: ONE_YOCTO}


@dataclass(frozen=True)
class TokenSpec:
    """A coin or token; `token` is its contract, None for the native coin.

    `gas`: the fixed limit (EVM) or attached gas (NEAR) of each call on a lock of it, never
    estimated: what carries a secret is not simulated. `deposits`: the most native coin that a call
    takes along beside a native lock's amount. `approve_zero_first`: an allowance is changed to
    nothing first; `no_return`: a transfer answers nothing where the standard wants a bool.
    `agree_from`: the base units of a lock from which on two nodes have to agree about it.
    """

    symbol: str
    token: str | None
    decimals: int
    gas: Mapping[Call, int]
    deposits: Mapping[Call, int] = field(default_factory=dict)
    approve_zero_first: bool = False
    no_return: bool = False
    agree_from: int = 0

    @property
    def takes_orders(self) -> bool:
        """Whether a maker may sign a lock of it for us to submit."""
        return Call.LOCK_FOR in self.gas

    @property
    def preliminaries(self) -> tuple[Call, ...]:
        """What a lock of ours may need before it, in the order in which it is made."""
        needed = () if self.token is None else PRELIMINARIES
        return tuple(call for call in needed if call in self.gas)


Symbol = Annotated[str, matching(r"[A-Za-z0-9.]{1,16}", "a symbol: 1 to 16 letters and digits")]


class _Token(BaseModel):
    """What every token declares; anything that is not declared is held to be absent."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    symbol: Symbol
    decimals: Annotated[int, Field(ge=0, le=36)]
    gas: dict[Call, Annotated[int, Field(gt=0)]] = Field(default_factory=dict)
    fee_on_transfer: bool = False
    rebasing: bool = False
    pausable: bool = False
    blacklist: bool = False
    agree_from: Annotated[int, Field(ge=0)] | None = None

    @model_validator(mode="after")
    def _refuse_what_is_not_held_safely(self) -> Self:
        if self.fee_on_transfer:
            raise ValueError(
                f"declares that {self.symbol} takes a fee on transfers: less than a lock's amount "
                "would arrive; take it out"
            )
        if self.rebasing:
            raise ValueError(
                f"declares that {self.symbol} changes balances by itself: a lock could not pay "
                "what it took, or would keep the rest for ever; take it out"
            )
        return self


class EvmToken(_Token):
    """An ERC-20."""

    address: EvmAddress
    approve_zero_first: bool = False
    no_return: bool = False

    def spec(self) -> TokenSpec:
        """As the service reads it."""
        zero = {Call.APPROVE_ZERO: _EVM_TOKEN_GAS[Call.APPROVE]} if self.approve_zero_first else {}
        return TokenSpec(
            symbol=self.symbol,
            token=self.address,
            decimals=self.decimals,
            gas={**_EVM_TOKEN_GAS, **zero, **self.gas},
            approve_zero_first=self.approve_zero_first,
            no_return=self.no_return,
            agree_from=self.agree_from or 0,
        )


class NearToken(_Token):
    """A NEP-141. `most_registration`: the yocto that we pay at most to register a beneficiary."""

    account: NearAccount
    most_registration: Annotated[int, Field(ge=0)] = 125 * 10**20

    def spec(self) -> TokenSpec:
        """As the service reads it."""
        return TokenSpec(
            symbol=self.symbol,
            token=self.account,
            decimals=self.decimals,
            gas={**_NEAR_TOKEN_GAS, **self.gas},
            deposits={
                Call.LOCK: ONE_YOCTO,
                Call.REFUND_EARLY: ONE_YOCTO,
                Call.REPAY: ONE_YOCTO,
                Call.REGISTER: self.most_registration,
                Call.PREPARE: NEAR_STORAGE_DEPOSIT,
            },
            agree_from=self.agree_from or 0,
        )


T = TypeVar("T", EvmToken, NearToken)


def from_json(value: Any) -> Any:
    """Several values in one variable, as JSON."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        raise ValueError("is not JSON") from None


def distinct(tokens: list[T]) -> list[T]:
    """Raise ValueError for a symbol or a contract that stands there twice."""
    for names in ([one.symbol for one in tokens], [str(one.spec().token) for one in tokens]):
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"names {', '.join(twice)} twice")
    return tokens


FromJson: Final = BeforeValidator(from_json)


def by_contract(tokens: Iterable[EvmToken | NearToken]) -> dict[str, TokenSpec]:
    """The tokens as the registry keeps them."""
    specs = [token.spec() for token in tokens]
    return {spec.token: spec for spec in specs if spec.token is not None}
