"""Routes: ordered pairs of coins with limits, fees and durations, and why one may not run."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import Enum
from fractions import Fraction
from math import ceil, floor
from typing import Final

from auctions_app.prices import PriceSource
from auctions_app.timelocks import TimelockPolicy
from chains_app.config import ChainSpec
from chains_app.locks import Call
from chains_app.signers import SignerRole, role_of
from chains_app.tokens import TokenSpec
from orchestrator.kernel.amounts import Rounding
from orchestrator.kernel.errors import InvalidInputError

TRUST_OF_SERVICE_MODE: Final = (
    "In mode `service` the secret is ours, and until the destination is final we could take the "
    "source without paying you: you trust us for that time."
)
TRUST_OF_MAKER_MODE: Final = (
    "In mode `maker` the secret is yours and you trust nobody: once both locks are final you are "
    "paid by showing it, here or on chain, and if you never do, both locks go back."
)
# What a leg can cost us: the native coin that a fill reserves for it, with what our lock may need
# before it (`Side.lock_calls`).
_SOURCE_CALLS: Final = (Call.WITHDRAW, Call.REFUND, Call.REFUND_EARLY)
_DESTINATION_CALLS: Final = (Call.LOCK, Call.WITHDRAW, Call.REFUND)
# A preliminary that each lock needs; others serve many locks, or are charged by themselves.
_OF_EACH_LOCK: Final = (Call.PREPARE,)


class AmountOutOfLimitsError(InvalidInputError):
    """An amount below or above what the route takes in one session."""

    code = "amount_out_of_limits"


class SecretModeError(InvalidInputError):
    """A secret mode that the route does not offer."""

    code = "secret_mode_not_offered"


class SecretMode(Enum):
    """Who draws the secret."""

    SERVICE = "service"
    MAKER = "maker"


class LockMode(Enum):
    """Who makes the source lock: the maker's wallet, or we by the maker's signed order."""

    WALLET = "wallet"
    GASLESS = "gasless"


SUBMISSIONS: Final[Mapping[LockMode, tuple[Call, ...]]] = {
    LockMode.WALLET: (),
    LockMode.GASLESS: (Call.LOCK_FOR,),
}


class LockModeError(InvalidInputError):
    """A lock mode that the route does not offer."""

    code = "lock_mode_not_offered"


@dataclass(frozen=True)
class Side:
    """One end of a route: a coin on its chain.

    `bounds`: finality tier to the dollars at stake that it protects.
    """

    chain: ChainSpec
    coin: TokenSpec
    bounds: Mapping[str, int]

    @property
    def id(self) -> str:
        """The coin's name in configuration and prices: "base:ETH"."""
        return f"{self.chain.name}:{self.coin.symbol}"

    def value(self, amount: int, prices: PriceSource) -> Fraction:
        """What `amount` base units are worth, in dollars."""
        return Fraction(amount, 10**self.coin.decimals) * prices.price(self.id)

    def amount(self, value: Fraction, prices: PriceSource, rounding: Rounding) -> int:
        """The base units that are worth `value` dollars."""
        exact: Fraction = value / prices.price(self.id) * 10**self.coin.decimals
        return floor(exact) if rounding is Rounding.DOWN else ceil(exact)

    @staticmethod
    def source_calls(mode: LockMode) -> tuple[Call, ...]:
        """All that we may have to write where this is the source."""
        return (*SUBMISSIONS[mode], *_SOURCE_CALLS)

    @property
    def destination_calls(self) -> tuple[Call, ...]:
        """All that we may have to write where this is the destination."""
        return (*self.coin.preliminaries, *_DESTINATION_CALLS)

    @property
    def lock_calls(self) -> tuple[Call, ...]:
        """What every lock of ours takes here."""
        return (*(call for call in self.coin.preliminaries if call in _OF_EACH_LOCK), Call.LOCK)

    @property
    def native(self) -> "Side":
        """The coin in which this chain's fees are paid."""
        return Side(self.chain, self.chain.native, self.bounds)

    def outlay_cap(self, call: Call) -> int:
        """The most native coin that such a call takes out of an account, a lock's amount aside."""
        return self.chain.outlay_cap(call, self.coin.token)

    def cost_cap(self, *calls: Call) -> int:
        """The most that these calls cost us together in fees, base units of the native coin."""
        return sum(self.chain.fee_cap(call, self.coin.token) for call in calls)

    def cost_value(self, prices: PriceSource, *calls: Call) -> Fraction:
        """The same in dollars."""
        return self.native.value(self.cost_cap(*calls), prices)

    def tier_for(
        self, stake: Fraction, budgets: Mapping[str, int], broken: Collection[str] = ()
    ) -> str:
        """The fastest tier of `budgets` (tier to seconds) that protects `stake`, or the slowest.
        One that is `broken` protects nothing.
        """
        by_speed = sorted(budgets, key=lambda tier: budgets[tier])
        trusted = (tier for tier in by_speed[:-1] if tier not in broken)
        protecting = (tier for tier in trusted if stake <= self.bounds.get(tier, 0))
        return next(protecting, by_speed[-1])


@dataclass(frozen=True)
class Fees:
    """Ours, in basis points of the fair destination amount, and what we expect our calls to cost.

    An auction ends at `maximum_bps`; our resolver wants `resolver_profit_bps`. `expected_cost_bps`
    is of the calls' capped cost.
    """

    maximum_bps: int
    resolver_profit_bps: int
    expected_cost_bps: int


@dataclass(frozen=True)
class Route:
    """An ordered pair of coins; limits are base units of the source coin, for one session."""

    source: Side
    destination: Side
    minimum: int
    maximum: Mapping[SecretMode, int]
    fees: Fees
    auction_seconds: int
    policy: TimelockPolicy
    secret_modes: tuple[SecretMode, ...] = (SecretMode.SERVICE,)  # that we offer

    @property
    def id(self) -> str:
        """Its name on the wire: "base:ETH->near:NEAR"."""
        return f"{self.source.id}->{self.destination.id}"

    @property
    def lock_modes(self) -> tuple[LockMode, ...]:
        """Orders are taken for the tokens of a chain whose contract takes them."""
        return tuple(LockMode) if self.source.coin.takes_orders else (LockMode.WALLET,)

    @property
    def signers(self) -> tuple[tuple[str, SignerRole], ...]:
        """Chain and role of those without whom its makers would lock for nothing."""
        source, destination = self.source.chain.name, self.destination.chain.name
        calls = (destination, Call.LOCK), (destination, Call.WITHDRAW), (source, Call.WITHDRAW)
        return tuple((chain, role_of(call)) for chain, call in calls)

    def require_lock_mode(self, mode: LockMode) -> None:
        """Raises LockModeError."""
        if mode not in self.lock_modes:
            raise LockModeError(
                f"{self.id} does not offer lock mode {mode.value!r}: orders are signed for ERC-20 "
                "tokens; give wallet",
                field="lockMode",
            )

    def require_within_limits(self, amount: int, modes: Collection[SecretMode]) -> None:
        """Within those of one of the modes; raises AmountOutOfLimitsError, SecretModeError."""
        for mode in modes:
            if mode not in self.secret_modes:
                offered = ", ".join(each.value for each in self.secret_modes)
                raise SecretModeError(
                    f"{self.id} does not offer secret mode {mode.value!r}: give one of {offered}",
                    field="secretMode",
                )
        limit = max(self.maximum[mode] for mode in modes)
        if not self.minimum <= amount <= limit:
            raise AmountOutOfLimitsError(
                f"{amount} is outside what {self.id} takes: give {self.minimum} to {limit} base "
                f"units of {self.source.coin.symbol}",
                field="amount",
            )

    def problems(self) -> list[str]:
        """Why nobody may swap here by what the configuration alone tells; empty when safe."""
        return [f"route {self.id}: {text}" for text in self._problems()]

    def _problems(self) -> list[str]:
        source, destination = self.source.chain, self.destination.chain
        found = self.policy.problems()
        if source.name == destination.name:
            found.append("both legs are on the same chain: take the route out")
        if source.hash_function is not destination.hash_function:
            found.append(
                f"{source.name} hashes by {source.hash_function.value}, {destination.name} by "
                f"{destination.hash_function.value}: no secret opens both; take the route out"
            )
        service, maker = self.maximum[SecretMode.SERVICE], self.maximum[SecretMode.MAKER]
        if not 0 < self.minimum <= service < maker:
            found.append(
                f"the limits {self.minimum} (minimum), {service} (service_maximum) and {maker} "
                "(maximum) must rise, and be above 0: what we hold the secret of is kept smaller"
            )
        if self.fees.resolver_profit_bps > self.fees.maximum_bps:
            found.append("RESOLVER_PROFIT_BPS is above MAXIMUM_FEE_BPS: no auction would be filled")
        return found
