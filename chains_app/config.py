"""What the service knows about its chains, from typed environment variables.

`ChainSpec` is what the rest of the service reads; `ChainsEnvironment` is where it comes from.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Annotated, Any, Final, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    HttpUrl,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from chains_app.locks import Call
from orchestrator.kernel.errors import OrchestratorError
from orchestrator.kernel.hashlock import HashFunction


class ConfigurationError(OrchestratorError):
    """The environment is wrong: one line that names each variable and says what to give."""

    code = "wrong_configuration"


class PolicyName(Enum):
    """Which column of the design's table of times holds."""

    DEVNET = "devnet"
    MAINNET = "mainnet"


class Nonces(Enum):
    """SEQUENTIAL: a gap stops all later ones (EVM). GROWING: gaps are allowed (NEAR)."""

    SEQUENTIAL = "sequential"
    GROWING = "growing"


@dataclass(frozen=True)
class TokenSpec:
    """A coin or token; `token` is its contract, None for the native coin.

    `gas`: the fixed limit (EVM) or attached gas (NEAR) of each call on a lock of it, never
    estimated: what carries a secret is not simulated.
    """

    symbol: str
    token: str | None
    decimals: int
    gas: Mapping[Call, int]


@dataclass(frozen=True)
class ChainSpec:
    """One chain of this deployment.

    `finality`: tier to the seconds that it may take. `stale_after`: seconds without a new block
    after which the head is stale, None to trust it for ever (on-demand blocks).
    `max_gas_price`: most that we pay for a unit of gas, in base units of the native coin.
    `data_fee`: bound of what one transaction costs beside its gas (a rollup's L1 data).
    """

    name: str
    caip2: str
    hash_function: HashFunction
    contract: str
    finality: Mapping[str, int]
    stale_after: int | None
    nonces: Nonces
    native: TokenSpec
    max_gas_price: int
    tokens: Mapping[str, TokenSpec] = field(default_factory=dict)
    data_fee: int = 0
    genesis_hash: str | None = None

    @property
    def native_decimals(self) -> int:
        """18 for wei, 24 for yocto."""
        return self.native.decimals

    def require_tier(self, tier: str) -> None:
        """Raise ConfigurationError when `tier` is none of this chain's."""
        if tier not in self.finality:
            known = ", ".join(self.finality)
            raise ConfigurationError(f"{tier!r} is no finality tier of {self.name}: {known} are")

    def asset(self, token: str | None) -> TokenSpec:
        """The native coin or a configured token; raises ConfigurationError for another."""
        found = self.native if token is None else self.tokens.get(token)
        if found is None:
            raise ConfigurationError(f"{token!r} is not a configured token of {self.name}")
        return found

    def fee_cap(self, call: Call, token: str | None) -> int:
        """The most that one such call may cost us, in base units of the native coin."""
        return self.asset(token).gas[call] * self.max_gas_price + self.data_fee


def _split(value: Any) -> Any:
    """Several values in one variable, with commas between."""
    if not isinstance(value, str):
        return value
    return [part for part in (part.strip() for part in value.split(",")) if part]


def _matching(pattern: str, example: str) -> AfterValidator:
    compiled = re.compile(pattern)

    def check(value: Any) -> Any:
        text = value.get_secret_value() if isinstance(value, SecretStr) else value
        if not compiled.fullmatch(text):
            raise ValueError(f"is not {example}")  # never the value: it may be a key
        return value

    return AfterValidator(check)


_SECP256K1_ORDER: Final = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


def _on_curve(key: SecretStr) -> SecretStr:
    if not 0 < int(key.get_secret_value(), 16) < _SECP256K1_ORDER:
        raise ValueError("is no key: it must lie between 0 and the order of secp256k1")
    return key


NEAR_ACCOUNT_ID: Final = r"(?=.{2,64}$)(?:[a-z\d]+[-_])*[a-z\d]+(?:\.(?:[a-z\d]+[-_])*[a-z\d]+)*"
_HASH58: Final = r"[1-9A-HJ-NP-Za-km-z]{43,44}"
EvmAddress = Annotated[str, _matching(r"0x[0-9a-fA-F]{40}", "an address: 0x and 40 hex digits")]
EvmHash = Annotated[str, _matching(r"0x[0-9a-f]{64}", "a hash: 0x and 64 hex digits")]
EvmKey = Annotated[
    SecretStr,
    _matching(r"0x[0-9a-fA-F]{64}", "a key: 0x and 64 hex digits"),
    AfterValidator(_on_curve),
]
NearAccount = Annotated[str, _matching(NEAR_ACCOUNT_ID, "a NEAR account id, such as htlc.near")]
NearHash = Annotated[str, _matching(_HASH58, "a hash in base58")]
NearKey = Annotated[
    SecretStr, _matching(r"ed25519:[1-9A-HJ-NP-Za-km-z]{86,88}", "an ed25519:... secret key")
]
_Urls = Annotated[list[HttpUrl], NoDecode, BeforeValidator(_split), Field(min_length=1)]
_NearKeys = Annotated[list[NearKey], NoDecode, BeforeValidator(_split), Field(min_length=1)]


class ChainsEnvironment(BaseSettings):
    """The variables; lists have commas between their values."""

    model_config = SettingsConfigDict(env_ignore_empty=True)

    policy: PolicyName = PolicyName.MAINNET
    check_stale_heads: bool = True
    base_rpc_url: _Urls
    base_chain_id: int
    base_genesis_hash: EvmHash | None = None
    base_escrow_factory: EvmAddress
    base_usdc: EvmAddress | None = None
    base_lock_key: EvmKey
    base_duty_key: EvmKey
    near_rpc_url: _Urls
    near_chain_id: str
    near_genesis_hash: NearHash | None = None
    near_htlc: NearAccount
    near_htlc_code_hash: NearHash
    near_usdc: NearAccount | None = None
    near_lock_account: NearAccount
    near_lock_keys: _NearKeys
    near_duty_account: NearAccount
    near_duty_keys: _NearKeys

    @model_validator(mode="after")
    def _keep_roles_apart(self) -> Self:
        """Rule 15: what holds liquidity does nothing else."""
        if self.base_lock_key == self.base_duty_key:
            raise ValueError("BASE_LOCK_KEY and BASE_DUTY_KEY are the same: use two accounts")
        if self.near_lock_account == self.near_duty_account:
            raise ValueError("NEAR_LOCK_ACCOUNT and NEAR_DUTY_ACCOUNT are the same: use two")
        return self


def read_environment() -> ChainsEnvironment:
    """The checked variables; raises ConfigurationError with one line for all that is wrong."""
    try:
        return ChainsEnvironment()
    except ValidationError as error:
        wrong = "; ".join(_said(one["loc"], one["msg"]) for one in error.errors())
        raise ConfigurationError(f"wrong configuration: {wrong}") from None


def _said(place: tuple[int | str, ...], message: str) -> str:
    """What is wrong with one variable, never its value."""
    said = "is missing" if message == "Field required" else message.removeprefix("Value error, ")
    return f"{str(place[0]).upper()} {said}" if place else said


# Block 0 by CAIP-2 name. Another chain's is configured, or not checked (a devnet's is always new).
_GENESIS: Final = {
    "eip155:8453": "0xf712aa9241cc24369b143cf6dce85f0902a9731e70d66818a3a5845b296c73dd",
    "near:mainnet": "EPnLgE7iEq9s7yTkos96M3cWymH5avBAPm3qx3NXqR8H",
}
GWEI: Final = 10**9
TGAS: Final = 10**12

# Gas limits of BASE. A payout refuses to start with less than 260,000 left (contracts/evm), so that
# what ends a lock needs 350,000; docs/gas.md has what is used. Locks leave room for a first token
# balance of the escrow.
_EVM_ENDING: Final = dict.fromkeys(
    (Call.WITHDRAW, Call.REFUND, Call.REFUND_EARLY, Call.PAY), 350_000
)
_EVM_NATIVE: Final = {Call.LOCK: 150_000, **_EVM_ENDING}
_EVM_TOKEN: Final = {Call.LOCK: 300_000, **_EVM_ENDING}

# Gas attached on NEAR. The contract refuses to pay out with less than 65 Tgas.
_NEAR_GAS: Final = {
    Call.LOCK: 30 * TGAS,
    **dict.fromkeys((Call.WITHDRAW, Call.REFUND, Call.REFUND_EARLY, Call.PAY), 70 * TGAS),
}


@dataclass(frozen=True)
class _Times:
    """Of the design's table: finality budgets and staleness, in seconds."""

    base: Mapping[str, int]
    near: Mapping[str, int]
    stale_after: int


_TIMES: Final = {
    PolicyName.MAINNET: _Times(
        base={"head+3": 15, "safe": 300, "finalized": 1_500}, near={"final": 10}, stale_after=30
    ),
    PolicyName.DEVNET: _Times(
        base={"head+1": 3, "finalized": 6}, near={"final": 4}, stale_after=5
    ),
}  # fmt: skip


def chain_specs(environment: ChainsEnvironment) -> dict[str, ChainSpec]:
    """All chains by name."""
    times = _TIMES[environment.policy]
    stale_after = times.stale_after if environment.check_stale_heads else None
    base_caip2 = f"eip155:{environment.base_chain_id}"
    near_caip2 = f"near:{environment.near_chain_id}"
    base = ChainSpec(
        name="base",
        caip2=base_caip2,
        hash_function=HashFunction.SHA256,
        contract=environment.base_escrow_factory,
        finality=times.base,
        stale_after=stale_after,
        nonces=Nonces.SEQUENTIAL,
        native=TokenSpec("ETH", None, 18, _EVM_NATIVE),
        max_gas_price=20 * GWEI,
        tokens=_usdc(environment.base_usdc, _EVM_TOKEN),
        data_fee=50_000 * GWEI,
        genesis_hash=environment.base_genesis_hash or _GENESIS.get(base_caip2),
    )
    near = ChainSpec(
        name="near",
        caip2=near_caip2,
        hash_function=HashFunction.SHA256,
        contract=environment.near_htlc,
        finality=times.near,
        stale_after=stale_after,
        nonces=Nonces.GROWING,
        native=TokenSpec("NEAR", None, 24, _NEAR_GAS),
        max_gas_price=GWEI,
        tokens=_usdc(environment.near_usdc, _NEAR_GAS),
        genesis_hash=environment.near_genesis_hash or _GENESIS.get(near_caip2),
    )
    return {base.name: base, near.name: near}


def _usdc(token: str | None, gas: Mapping[Call, int]) -> dict[str, TokenSpec]:
    return {} if token is None else {token: TokenSpec("USDC", token, 6, gas)}
