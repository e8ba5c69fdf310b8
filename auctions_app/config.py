"""What auctions read from the environment: POLICY, DURATIONS, PRICES, ROUTES, CAPS and more."""

import json
from collections.abc import Mapping
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from auctions_app.prices import FixedPrices
from auctions_app.routes import SecretMode
from chains_app.config import ConfigurationError, Policy, PolicyName
from orchestrator.kernel.amounts import parse_amount
from orchestrator.kernel.errors import InvalidAmountError

# The times of docs/rules.md, without the finality budgets: those belong to the chains.
DURATIONS: Final = {
    PolicyName.MAINNET: {
        "time_to_lock": 90,
        "inclusion": 300,
        "guard_distance": 600,
        "claim_window": 1800,
        # F_dst 10 + inclusion 300 + F_src 1500 + halt 1800 = 3610 s, and some air (ADR 0018)
        "margin": 3900,
        "clock_slack": 60,
        "halt": 1800,
    },
    PolicyName.DEVNET: {
        "time_to_lock": 20,
        "inclusion": 5,
        "guard_distance": 8,
        "claim_window": 30,
        "margin": 30,
        "clock_slack": 10,
        "halt": 15,
    },
}
# A tier protects stakes up to so many dollars; the slowest tier of a chain has no bound.
_FINALITY_BOUNDS: Final = {
    PolicyName.MAINNET: {"base": {"head+3": 1_000, "safe": 100_000}},
    PolicyName.DEVNET: {"base": {"head+1": 1_000_000}},
}
# Coins of the devnet have no market; on mainnet prices have to be said.
_PRICES: Final[Mapping[PolicyName, dict[str, str]]] = {
    PolicyName.DEVNET: {
        "base:ETH": "2500",
        "near:NEAR": "2.5",
        "base:USDC": "1",
        "near:USDC": "1",
    },
    PolicyName.MAINNET: {},
}


def _amount(text: str) -> str:
    try:
        parse_amount(text)
    except InvalidAmountError as error:
        raise ValueError(str(error)) from None
    return text


def _prices(table: dict[str, str] | None) -> dict[str, str] | None:
    FixedPrices(table or {})
    return table


Amount = Annotated[str, AfterValidator(_amount)]
Duration = Literal[
    "time_to_lock", "inclusion", "guard_distance", "claim_window", "margin", "clock_slack", "halt"
]
BasisPoints = Annotated[int, Field(ge=0, le=10_000)]


class RouteConfiguration(BaseModel):
    """One ordered pair of coins, and how much of the source coin one session may carry, in base
    units as a decimal string.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    source: str
    """A coin, such as `base:ETH`: a chain, and `ETH`, `NEAR` or a token's symbol."""
    destination: str
    """One of the other chain."""
    minimum: Amount
    """The least."""
    maximum: Amount
    """The most in secret mode `maker`."""
    service_maximum: Amount
    """The most in secret mode `service`; less than in the other, as the maker trusts us there."""


_ROUTES: Final = (
    RouteConfiguration(
        source="base:ETH",
        destination="near:NEAR",
        minimum=str(10**16),
        maximum=str(100 * 10**18),
        service_maximum=str(5 * 10**18),
    ),
    RouteConfiguration(
        source="near:NEAR",
        destination="base:ETH",
        minimum=str(10 * 10**24),
        maximum=str(100_000 * 10**24),
        service_maximum=str(5_000 * 10**24),
    ),
)


class Caps(BaseModel):
    """The most that one client or one maker may have open at a time, and leave behind in a day."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    client_sessions: Annotated[int, Field(ge=1)] = 200
    """Open sessions of an API client."""
    client_dollars: Annotated[int, Field(ge=1)] = 20_000_000
    """What the makers of these give together."""
    client_abandoned: Annotated[int, Field(ge=1)] = 50
    """Its swaps of a day in mode `maker` whose maker let both locks expire; and, each counted
    apart, those whose maker cancelled after the own lock or took no payment, and its signed orders
    that came to nothing."""
    maker_sessions: Annotated[int, Field(ge=1)] = 50
    """Open sessions of a maker's account."""
    maker_dollars: Annotated[int, Field(ge=1)] = 2_000_000
    """What it gives in these together."""
    maker_abandoned: Annotated[int, Field(ge=1)] = 3
    """As for a client."""
    maker_mode_chain_dollars: Annotated[int, Field(ge=1)] = 5_000_000
    """What all open sessions in mode `maker` may be paid on one chain together, since each is an
    option on our price."""


class AuctionConfiguration(BaseSettings):
    """A forgotten POLICY means mainnet, whose durations are the careful ones. No process starts
    with a route that is not safe.
    """

    model_config = SettingsConfigDict(frozen=True, use_attribute_docstrings=True)

    policy: Policy = PolicyName.MAINNET
    durations: dict[Duration, Annotated[int, Field(ge=1)]] = {}
    """Seconds in place of the policy's, by their names in docs/rules.md: `{"margin": 4500}`."""
    prices: Annotated[dict[str, str] | None, AfterValidator(_prices)] = None
    """Dollars for one whole coin: `{"base:ETH": "2500.25"}`. Each coin of a route needs one, and so
    do ETH and NEAR, in which fees are paid. They are as they stand here: no market is asked. Unset:
    the policy's, of which `mainnet` has none."""
    routes: tuple[RouteConfiguration, ...] = _ROUTES
    """See below."""
    secret_modes: Annotated[tuple[SecretMode, ...], Field(min_length=1)] = tuple(SecretMode)
    """Who may draw a secret: we, the maker."""
    finality_bounds: Annotated[
        dict[str, dict[str, Annotated[int, Field(ge=0)]]] | None,
        Field(
            description="Chain to tier to the dollars at stake up to which it will do; a chain's "
            "slowest tier has no bound. Unset: the policy's, for `mainnet` "
            f"`{json.dumps(_FINALITY_BOUNDS[PolicyName.MAINNET])}`."
        ),
    ] = None
    auction_seconds: Annotated[int, Field(ge=1, le=3600)] = 20
    """How long a price falls."""
    maximum_fee_bps: BasisPoints = 60
    """Our fee at the auction's end, in basis points; it begins with none."""
    resolver_profit_bps: BasisPoints = 30
    """Our resolver fills at the first price that leaves it so much; 0: at the start."""
    expected_cost_bps: Annotated[int, Field(ge=1, le=10_000)] = 200
    """What we charge for our calls, in basis points of the most that they may cost. That is for the
    worst day; 2 % of it is a day with a threefold fee."""
    minimum_over_costs: Annotated[int, Field(ge=1)] = 20
    """How many times what its calls are expected to cost a route's minimum is worth at least."""
    caps: Caps = Caps()
    """See below."""
    surplus_floor_dollars: Annotated[int, Field(ge=0)] = 5
    """A lock for us that no session agreed on is given back early when it is worth more."""

    @property
    def all_durations(self) -> dict[str, int]:
        """The policy's, but for those that DURATIONS replaces."""
        return DURATIONS[self.policy] | {str(name): each for name, each in self.durations.items()}

    @property
    def price_table(self) -> dict[str, str]:
        """PRICES, or the devnet's."""
        return _PRICES[self.policy] if self.prices is None else self.prices

    @property
    def tier_bounds(self) -> dict[str, dict[str, int]]:
        """Chain to tier to dollars: FINALITY_BOUNDS, or the policy's."""
        bounds = self.finality_bounds
        return _FINALITY_BOUNDS[self.policy] if bounds is None else bounds


def read_configuration() -> AuctionConfiguration:
    """The environment's; raises ConfigurationError, which names every wrong variable."""
    try:
        return AuctionConfiguration()
    except (ValidationError, SettingsError) as error:
        raise ConfigurationError(f"wrong configuration: {_said(error)}") from None


def _said(error: ValidationError | SettingsError) -> str:
    if isinstance(error, SettingsError):
        return str(error)
    return "; ".join(f"{_place(one['loc'])}: {one['msg']}" for one in error.errors())


def _place(location: tuple[int | str, ...]) -> str:
    variable, *inside = map(str, location)
    return ".".join((variable.upper(), *inside))
