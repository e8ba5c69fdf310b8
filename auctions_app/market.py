"""All routes and the prices that they run at, built from configuration, or refused."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from auctions_app.config import (
    AuctionConfiguration,
    Caps,
    RouteConfiguration,
    read_configuration,
)
from auctions_app.prices import FixedPrices, PriceSource, PriceUnavailableError
from auctions_app.pricing import minimum_problem
from auctions_app.routes import Fees, Route, SecretMode, Side
from auctions_app.timelocks import TimelockPolicy
from chains_app import registry
from chains_app.config import ChainSpec, ConfigurationError
from chains_app.tokens import TokenSpec
from orchestrator.kernel.errors import InvalidInputError


class UnknownRouteError(InvalidInputError):
    """No such route."""

    code = "unknown_route"


@dataclass(frozen=True)
class Market:
    """Routes by id; may be none, while open swaps go on to their ends.

    `durations`: seconds, of each route's policy. `minimum_over_costs`: how many times its costs a
    swap is worth at least.
    """

    routes: Mapping[str, Route]
    prices: PriceSource
    durations: Mapping[str, int]
    minimum_over_costs: int
    caps: Caps = field(default_factory=Caps)
    surplus_floor_dollars: int = 5

    def route(self, route_id: str) -> Route:
        """Raises UnknownRouteError."""
        if route_id not in self.routes:
            known = ", ".join(self.routes)
            to_do = f"give one of {known}" if known else "there are none now; come again later"
            raise UnknownRouteError(f"no route {route_id[:80]!r}: {to_do}", field="routeId")
        return self.routes[route_id]

    def problems(self) -> list[str]:
        """Why nobody may swap under this configuration; empty when it is safe."""
        found = [problem for route in self.routes.values() for problem in route.problems()]
        return found or [
            problem
            for route in self.routes.values()
            if (problem := self._price_problem(route)) is not None
        ]

    def _price_problem(self, route: Route) -> str | None:
        try:
            return minimum_problem(route, self.prices, self.minimum_over_costs)
        except PriceUnavailableError as error:
            return f"route {route.id}: {error}"


def build_market(configuration: AuctionConfiguration, chains: Mapping[str, ChainSpec]) -> Market:
    """Raises ConfigurationError for a route over a chain or coin that there is not."""
    routes = [_build_route(each, configuration, chains) for each in configuration.routes]
    return Market(
        routes={route.id: route for route in routes},
        prices=FixedPrices(configuration.price_table),
        durations=configuration.all_durations,
        minimum_over_costs=configuration.minimum_over_costs,
        caps=configuration.caps,
        surplus_floor_dollars=configuration.surplus_floor_dollars,
    )


def configured_chains() -> dict[str, ChainSpec]:
    """The registry's; raises ConfigurationError."""
    return {name: registry.get_chain(name) for name in registry.chains()}


_installed: list[Market] = []


def current_market() -> Market:
    """The market that quotes and fills run on; raises ConfigurationError when it is not safe."""
    if not _installed:
        market = build_market(read_configuration(), configured_chains())
        if problems := market.problems():
            raise ConfigurationError("; ".join(problems))
        _installed.append(market)
    return _installed[-1]


@contextmanager
def use_market(market: Market) -> Generator[None]:
    """Another market instead of the configured one, for as long as the context lasts."""
    _installed.append(market)
    try:
        yield
    finally:
        _installed.pop()


def _build_route(
    wanted: RouteConfiguration,
    configuration: AuctionConfiguration,
    chains: Mapping[str, ChainSpec],
) -> Route:
    source = _build_side(wanted.source, configuration, chains)
    destination = _build_side(wanted.destination, configuration, chains)
    return Route(
        source=source,
        destination=destination,
        minimum=int(wanted.minimum),
        maximum={
            SecretMode.SERVICE: int(wanted.service_maximum),
            SecretMode.MAKER: int(wanted.maximum),
        },
        fees=Fees(
            maximum_bps=configuration.maximum_fee_bps,
            resolver_profit_bps=configuration.resolver_profit_bps,
            expected_cost_bps=configuration.expected_cost_bps,
        ),
        auction_seconds=configuration.auction_seconds,
        policy=TimelockPolicy(
            **configuration.all_durations,
            source_finality=source.chain.finality,
            destination_finality=destination.chain.finality,
        ),
        secret_modes=configuration.secret_modes,
    )


def _build_side(
    coin: str, configuration: AuctionConfiguration, chains: Mapping[str, ChainSpec]
) -> Side:
    chain, _, symbol = coin.partition(":")
    if chain not in chains:
        raise ConfigurationError(f"ROUTES: {coin!r} is on no configured chain: {', '.join(chains)}")
    spec = chains[chain]
    found = {each.symbol: each for each in _coins(spec)}.get(symbol)
    if found is None:
        raise ConfigurationError(f"ROUTES: {chain} has no coin {symbol!r} configured")
    return Side(spec, found, configuration.tier_bounds.get(chain, {}))


def _coins(spec: ChainSpec) -> tuple[TokenSpec, ...]:
    return spec.native, *spec.tokens.values()
