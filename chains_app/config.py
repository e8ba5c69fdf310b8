"""What the service knows about its chains, from typed environment variables.

`ChainSpec` is what the rest of the service reads; `ChainsEnvironment` is where it comes from.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Annotated, Any, Final, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    HttpUrl,
    ValidationError,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from chains_app.locks import Call, LockTerms, native_value
from chains_app.patterns import EvmAddress, EvmHash, EvmKey, NearAccount, NearHash, NearKey
from chains_app.signers import SignerCaps, SignerRole, role_of
from chains_app.tokens import (
    EVM_NATIVE_GAS,
    NEAR_NATIVE_DEPOSITS,
    NEAR_NATIVE_GAS,
    TGAS,
    EvmToken,
    FromJson,
    NearToken,
    TokenSpec,
    by_contract,
    distinct,
)
from orchestrator.kernel.errors import OrchestratorError
from orchestrator.kernel.hashlock import HashFunction


class ConfigurationError(OrchestratorError):
    """The environment is wrong: one line that names each variable and says what to give."""

    code = "wrong_configuration"


class PolicyName(Enum):
    """Which column of the table of times holds (docs/rules.md)."""

    DEVNET = "devnet"
    MAINNET = "mainnet"


Policy = Annotated[
    PolicyName,
    Field(
        description="Which durations and finality budgets hold (docs/rules.md), and whether coins "
        "without a price have one (devnet)."
    ),
]


class Nonces(Enum):
    """SEQUENTIAL: a gap stops all later ones (EVM). GROWING: gaps are allowed (NEAR)."""

    SEQUENTIAL = "sequential"
    GROWING = "growing"


@dataclass(frozen=True)
class ChainSpec:
    """One chain of this deployment.

    `finality`: tier to the seconds that it may take. `stale_after`: seconds without a new block
    after which the head is stale, None to trust it for ever (on-demand blocks).
    `max_gas_price`: most that we pay for a unit of gas, in base units of the native coin.
    `data_fee`: bound of what one transaction costs beside its gas (a rollup's L1 data).
    `sending_gas`: bound of what a call burns beside the gas attached to it (NEAR). `nodes`: how
    many serve it. `caps`: of each role's account.
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
    sending_gas: int = 0
    genesis_hash: str | None = None
    nodes: int = 1
    caps: Mapping[SignerRole, SignerCaps] = field(default_factory=dict)

    @property
    def slowest_tier(self) -> str:
        """The finality that nothing comes back from."""
        return max(self.finality, key=lambda tier: self.finality[tier])

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

    def needs_agreement(self, terms: LockTerms) -> bool:
        """Whether two nodes have to tell the same before anything is staked on this lock; always of
        a token that is not configured, which a stranger may lock.
        """
        is_known = terms.token is None or terms.token in self.tokens
        return self.nodes > 1 and (
            not is_known or terms.amount >= self.asset(terms.token).agree_from
        )

    def fee_cap(self, call: Call, token: str | None) -> int:
        """The most that one such call may cost us in fees, in base units of the native coin."""
        gas = self.asset(token).gas[call] + self.sending_gas
        return gas * self.max_gas_price + self.data_fee

    def outlay_cap(self, call: Call, token: str | None) -> int:
        """The same with the deposit that the call takes along, whoever gets it back."""
        return self.fee_cap(call, token) + self.asset(token).deposits.get(call, 0)

    def cost_cap(self, call: Call, terms: LockTerms) -> int:
        """The same with the native coin that the call moves: all that can leave the signer."""
        return self.outlay_cap(call, terms.token) + native_value(call, terms)


def _split(value: Any) -> Any:
    """Several values in one variable, with commas between."""
    if not isinstance(value, str):
        return value
    return [part for part in (part.strip() for part in value.split(",")) if part]


def _all_different(urls: list[HttpUrl]) -> list[HttpUrl]:
    if len(set(urls)) < len(urls):
        raise ValueError("names a node twice: no other agrees with it then")
    return urls


WITH_COMMAS: Final = BeforeValidator(_split)
_Urls = Annotated[
    list[HttpUrl],
    NoDecode,
    WITH_COMMAS,
    Field(min_length=1),
    AfterValidator(_all_different),
]
_Amount = Annotated[int, Field(ge=0)]
_NearKeys = Annotated[list[NearKey], NoDecode, WITH_COMMAS, Field(min_length=1)]
_Caps = Annotated[SignerCaps, NoDecode, FromJson]
_EvmTokens = Annotated[list[EvmToken], NoDecode, FromJson, AfterValidator(distinct)]
_NearTokens = Annotated[list[NearToken], NoDecode, FromJson, AfterValidator(distinct)]


class ChainsEnvironment(BaseSettings):
    """An empty variable counts as one that is not set."""

    model_config = SettingsConfigDict(env_ignore_empty=True, use_attribute_docstrings=True)

    policy: Policy = PolicyName.MAINNET
    check_stale_heads: bool = True
    """`false` trusts a head for ever: for chains that make blocks on demand, in tests."""
    base_rpc_url: _Urls
    """Nodes of BASE (docs/nodes.md); secret where a key stands in it."""
    base_agree_from: _Amount | None = None
    """Wei of a lock from which on two nodes have to agree; unset: always, where there are two."""
    base_chain_id: int
    """8453 for BASE."""
    base_genesis_hash: EvmHash | None = None
    """Of block 0; unset: BASE's own, and of another chain none is compared."""
    base_escrow_factory: EvmAddress
    """Our `EscrowFactory` (contracts/evm)."""
    base_tokens: _EvmTokens = []
    """What can be swapped beside ETH (docs/tokens.md)."""
    base_lock_key: EvmKey
    """Of the account that holds the liquidity: 0x and 64 hex digits."""
    base_duty_key: EvmKey
    """Of another account, which holds gas."""
    base_lock_caps: _Caps
    """The most that the lock account may spend."""
    base_duty_caps: _Caps
    """The most that the duty account may spend."""
    near_rpc_url: _Urls
    """Nodes of NEAR (docs/nodes.md); secret where a key stands in it."""
    near_agree_from: _Amount | None = None
    """Yocto of a lock from which on two nodes have to agree; unset: always, where there are two."""
    near_chain_id: str
    """`mainnet`, `testnet`."""
    near_genesis_hash: NearHash | None = None
    """Of the first block; unset: that of `mainnet`, and of another chain none is compared."""
    near_htlc: NearAccount
    """The account of our `htlc` (contracts/near)."""
    near_htlc_code_hash: NearHash
    """Of its code, in base58 (contracts/near/artifacts/artifacts.json)."""
    near_tokens: _NearTokens = []
    """What can be swapped beside NEAR (docs/tokens.md)."""
    near_lock_account: NearAccount
    """Holds the liquidity."""
    near_lock_keys: _NearKeys
    """Its full-access keys, `ed25519:...`; each has one transaction on its way at a time."""
    near_duty_account: NearAccount
    """Another one, which holds gas."""
    near_duty_keys: _NearKeys
    """Its keys, which may call `withdraw`, `refund` and `pay` of `NEAR_HTLC` and nothing else."""
    near_lock_caps: _Caps
    """The most that the lock account may spend."""
    near_duty_caps: _Caps
    """The most that the duty account may spend."""

    @property
    def base_caip2(self) -> str:
        """The EVM chain's CAIP-2 name."""
        return f"eip155:{self.base_chain_id}"

    @property
    def near_caip2(self) -> str:
        """The NEAR chain's CAIP-2 name."""
        return f"near:{self.near_chain_id}"

    @classmethod
    def of(cls, variables: Mapping[str, str]) -> Self:
        """Of these variables instead of the process's own; raises ValidationError."""
        named = {name: variables.get(name.upper()) for name in cls.model_fields}
        return cls.model_validate({name: each for name, each in named.items() if each is not None})

    @model_validator(mode="after")
    def _keep_roles_apart(self) -> Self:
        """Rule 15: what holds liquidity does nothing else."""
        if self.base_lock_key == self.base_duty_key:
            raise ValueError("BASE_LOCK_KEY and BASE_DUTY_KEY are the same: use two accounts")
        if self.near_lock_account == self.near_duty_account:
            raise ValueError("NEAR_LOCK_ACCOUNT and NEAR_DUTY_ACCOUNT are the same: use two")
        return self

    @model_validator(mode="after")
    def _check_heads_of_real_chains(self) -> Self:
        """Rule 11: blocks on demand are a devnet's."""
        real = [name for name in (self.base_caip2, self.near_caip2) if name in _GENESIS]
        if real and not self.check_stale_heads:
            raise ValueError(
                f"CHECK_STALE_HEADS is false, and {real[0]} would be believed however old its head "
                "is: take it out"
            )
        return self

    @model_validator(mode="after")
    def _have_who_agrees(self) -> Self:
        for chain in ("base", "near"):
            tokens: list[EvmToken | NearToken] = getattr(self, f"{chain}_tokens")
            wanted = [getattr(self, f"{chain}_agree_from"), *(each.agree_from for each in tokens)]
            if len(getattr(self, f"{chain}_rpc_url")) < 2 and wanted != [None] * len(wanted):
                name = chain.upper()
                raise ValueError(
                    f"{name}_AGREE_FROM, or agree_from of one of {name}_TOKENS, wants two nodes to "
                    f"agree: name another in {name}_RPC_URL, or take it out"
                )
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
    if not place:
        return said
    variable, *inside = map(str, place)
    return f"{'.'.join([variable.upper(), *inside])} {said}"


# Block 0 by CAIP-2 name. Another chain's is configured, or not checked (a devnet's is always new).
_GENESIS: Final = {
    "eip155:8453": "0xf712aa9241cc24369b143cf6dce85f0902a9731e70d66818a3a5845b296c73dd",
    "near:mainnet": "EPnLgE7iEq9s7yTkos96M3cWymH5avBAPm3qx3NXqR8H",
}
GWEI: Final = 10**9


@dataclass(frozen=True)
class _Times:
    """Of the table of times (docs/rules.md): finality budgets and staleness, in seconds."""

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
    base_caip2, near_caip2 = environment.base_caip2, environment.near_caip2
    base = ChainSpec(
        name="base",
        caip2=base_caip2,
        hash_function=HashFunction.SHA256,
        contract=environment.base_escrow_factory,
        finality=times.base,
        stale_after=stale_after,
        nonces=Nonces.SEQUENTIAL,
        native=TokenSpec(
            "ETH", None, 18, EVM_NATIVE_GAS, agree_from=environment.base_agree_from or 0
        ),
        max_gas_price=20 * GWEI,
        tokens=by_contract(environment.base_tokens),
        data_fee=50_000 * GWEI,
        genesis_hash=environment.base_genesis_hash or _GENESIS.get(base_caip2),
        nodes=len(environment.base_rpc_url),
        caps={
            SignerRole.LOCK: environment.base_lock_caps,
            SignerRole.DUTY: environment.base_duty_caps,
        },
    )
    near = ChainSpec(
        name="near",
        caip2=near_caip2,
        hash_function=HashFunction.SHA256,
        contract=environment.near_htlc,
        finality=times.near,
        stale_after=stale_after,
        nonces=Nonces.GROWING,
        native=TokenSpec(
            "NEAR",
            None,
            24,
            NEAR_NATIVE_GAS,
            NEAR_NATIVE_DEPOSITS,
            agree_from=environment.near_agree_from or 0,
        ),
        max_gas_price=GWEI,
        tokens=by_contract(environment.near_tokens),
        sending_gas=10 * TGAS,  # sending a call, and starting its receipt
        genesis_hash=environment.near_genesis_hash or _GENESIS.get(near_caip2),
        nodes=len(environment.near_rpc_url),
        caps={
            SignerRole.LOCK: environment.near_lock_caps,
            SignerRole.DUTY: environment.near_duty_caps,
        },
    )
    for spec in (base, near):
        _require_that_caps_let_sign(spec)
    return {base.name: base, near.name: near}


def _require_that_caps_let_sign(spec: ChainSpec) -> None:
    """A cap that stops each withdrawal would show when the secret is out. Raises
    ConfigurationError.
    """
    for token in (None, *spec.tokens):
        for call in spec.asset(token).gas:
            cap, cost = spec.caps[role_of(call)].transaction, spec.outlay_cap(call, token)
            if cap < cost:
                name = f"{spec.name}_{role_of(call).value}_caps".upper()
                raise ConfigurationError(
                    f"wrong configuration: {name}.transaction {cap} is less than one {call.value} "
                    f"of {spec.asset(token).symbol} may cost, {cost}: raise it"
                )
