"""Quotes, their binding to a session, and the fill by our resolver with the liquidity it ties up.

Instants are whole seconds; amounts base units.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from typing import Any, Final
from uuid import UUID

import structlog
from django.db import connection, transaction
from django.db.models import QuerySet, Sum

from auctions_app.market import Market, current_market
from auctions_app.models import Hold, Quote, Reservation, RouteSwitch
from auctions_app.pricing import acceptable_amount, make_offer
from auctions_app.routes import LockMode, Route, SecretMode, Side
from auctions_app.selectors import STAKE_UNITS, Balance, exposure, get_quote, held, paused_routes
from auctions_app.timelocks import FinalityTiers
from chains_app.outbox.caps import cap_problem
from chains_app.signers import SignerRole, role_of
from orchestrator.kernel.amounts import Rounding
from orchestrator.kernel.clock import Seconds, instant, iso
from orchestrator.kernel.errors import ConflictError, UnavailableError

log = structlog.get_logger(__name__)

QUOTE_LIFETIME: Final = 30  # seconds
_RESERVATIONS_LOCK: Final = 0x5245_5345_5256_4544  # PostgreSQL's name of the lock below


class QuoteExpiredError(ConflictError):
    """A quote that was not taken in time."""

    code = "quote_expired"


class QuoteTakenError(ConflictError):
    """A quote that another session is bound to."""

    code = "quote_taken"


class InsufficientLiquidityError(UnavailableError):
    """Not enough of ours is free on a chain to fill this; nothing was reserved."""

    code = "insufficient_liquidity"


class MakerModeFullError(UnavailableError):
    """As much as may be stands open in mode `maker` on the destination's chain."""

    code = "maker_mode_full"


class RoutePausedError(ConflictError):
    """Staff have paused the route, or all signers of a role that its swaps need: it takes nothing
    new; open swaps go on.
    """

    code = "route_paused"


class AlreadyFilledError(ConflictError):
    """The session has its reservation already."""

    code = "already_filled"


@dataclass(frozen=True)
class ChainReading:
    """What the caller last read of a chain.

    `final`: time of the newest block that is final by the slowest tier. `balances`: of our
    accounts, by role and token (None: native coin), read at a block of the time `balances_at`.
    `broken`: tiers that protect nothing for now.
    """

    head: Seconds
    final: Seconds
    balances: Mapping[tuple[SignerRole, str | None], int]
    balances_at: Seconds
    broken: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Fill:
    """What our resolver accepted; deadlines count from `filled_at`."""

    destination_amount: int
    filled_at: Seconds
    tiers: FinalityTiers


@dataclass(frozen=True)
class Waiting:
    """No fill yet. `until`: when our price comes; None when this auction has no such instant."""

    until: Seconds | None


def create_quote(
    *,
    client_id: UUID,
    route_id: str,
    amount: int,
    now: Seconds,
    lock_mode: LockMode = LockMode.WALLET,
) -> Quote:
    """Offer a swap of `amount` source units; the quote is good until 30 s after `now`, wall clock.

    Raises UnknownRouteError, RoutePausedError, LockModeError, AmountOutOfLimitsError,
    PriceUnavailableError, ConfigurationError.
    """
    market = current_market()
    route = market.route(route_id)
    require_running(route)
    route.require_within_limits(amount, route.secret_modes)
    route.require_lock_mode(lock_mode)
    offer = make_offer(route, amount, market.prices, lock_mode)
    return Quote.objects.create(
        client_id=client_id,
        route_id=route.id,
        source_amount=amount,
        fair_amount=offer.fair_amount,
        gas_fee=offer.gas_fee,
        start_amount=offer.start_amount,
        end_amount=offer.end_amount,
        lock_mode=lock_mode.value,
        submission_fee=offer.submission_fee,
        curve_json=offer.curve.to_json(),
        policy_json=route.policy.to_json(),
        expires_at=instant(Seconds(now + QUOTE_LIFETIME)),
    )


def require_running(route: Route) -> None:
    """Raises RoutePausedError."""
    if (reason := paused_routes([route]).get(route.id)) is not None:
        raise RoutePausedError(f"{reason}: take another one of /routes, or come again later")


def close_route(route_id: str) -> None:
    """No new quotes, sessions and fills by a route whose chain took back what was final.

    In the caller's transaction; a person resumes it.
    """
    switch, is_new = RouteSwitch.objects.get_or_create(
        route_id=route_id, defaults={"is_paused": True}
    )
    running = RouteSwitch.objects.filter(pk=switch.pk, is_paused=False)
    if is_new or running.update(is_paused=True):
        log.error("route_closed", route_id=route_id)


def take_quote(
    *,
    client_id: UUID,
    quote_id: UUID,
    session_id: UUID,
    now: Seconds,
    secret_mode: SecretMode = SecretMode.SERVICE,
) -> Quote:
    """Bind a quote to a session, once; asking again for the same session changes nothing.

    Raises QuoteNotFoundError, QuoteExpiredError, QuoteTakenError, RoutePausedError,
    SecretModeError, AmountOutOfLimitsError (the mode's limit).
    """
    quote = get_quote(client_id, quote_id)
    route = current_market().route(quote.route_id)
    if quote.bound_to != session_id:
        require_running(route)
    route.require_within_limits(quote.source_amount, (secret_mode,))
    free = Quote.objects.filter(id=quote_id, bound_to=None, expires_at__gt=instant(now))
    is_bound = free.update(bound_to=session_id) == 1
    quote.refresh_from_db()
    if is_bound or quote.bound_to == session_id:
        return quote
    if quote.bound_to is not None:
        raise QuoteTakenError(f"quote {quote_id} belongs to another session: ask for a new one")
    raise QuoteExpiredError(
        f"quote {quote_id} expired at {iso(quote.expires_at)}: ask for a new one"
    )


def auction_ends_at(quote: Quote, started_at: Seconds) -> Seconds:
    """The last instant at which an auction that began at `started_at` may be filled."""
    return Seconds(started_at + quote.curve.duration)


def fill(
    *,
    session_id: UUID,
    quote: Quote,
    started_at: Seconds,
    wall: Seconds,
    readings: Mapping[str, ChainReading],
    options: QuerySet[Any] | None = None,
) -> Fill | Waiting:
    """Ask our resolver: it accepts the first price that leaves it its profit at today's prices.

    That price holds also when we are asked later. The fill's time is the latest of `wall` and both
    heads; `started_at` is by the same clock. A fill reserves our liquidity and the native coin for
    all calls at the capped fee, and chooses each leg's finality tier by all that is at stake on its
    chain, under one lock that it keeps until the caller's transaction ends (READ COMMITTED). Take
    session and intent rows' locks before. `options`: of a session in mode `maker`, the ids of all
    open ones in that mode, counted under that lock. Raises InsufficientLiquidityError,
    MakerModeFullError, AlreadyFilledError, RoutePausedError.
    """
    market = current_market()
    route = market.route(quote.route_id)
    require_running(route)
    chains = route.source.chain.name, route.destination.chain.name
    filled_at = Seconds(max(wall, *(readings[chain].head for chain in chains)))
    accepted = _accepted_after(quote, route, market)
    if accepted is None or filled_at > auction_ends_at(quote, started_at):
        return Waiting(None)
    if filled_at < started_at + accepted:
        return Waiting(Seconds(started_at + accepted))
    amount = quote.curve.amount_at(quote.end_amount, accepted, rounding=Rounding.DOWN)
    tiers = _reserve(session_id, quote, amount, market, readings, options)
    return Fill(amount, filled_at, tiers)


def _accepted_after(quote: Quote, route: Route, market: Market) -> int | None:
    """Seconds into the auction at which our resolver accepts, or None."""
    limit = acceptable_amount(route, quote.source_amount, market.prices, quote.mode)
    return quote.curve.first_at_most(quote.end_amount, limit)


def _reserve(
    session_id: UUID,
    quote: Quote,
    amount: int,
    market: Market,
    readings: Mapping[str, ChainReading],
    options: QuerySet[Any] | None,
) -> FinalityTiers:
    if quote.bound_to != session_id:
        raise QuoteTakenError(f"quote {quote.id} is not bound to session {session_id}")
    _lock_reservations()
    if Reservation.objects.filter(session_id=session_id).exists():
        raise AlreadyFilledError(f"session {session_id} is filled already")
    route = market.route(quote.route_id)
    needs = _needs(route, amount, quote.mode)
    _require_free(needs, readings, amount)
    stakes = (
        route.source.value(quote.source_amount, market.prices),
        route.destination.value(amount, market.prices),
    )
    if options is not None:
        _require_room(route.destination.chain.name, stakes[1], options, market)
    tiers = _choose_tiers(route, quote, stakes, readings)
    _store(session_id, route, amount, needs, stakes)
    return tiers


def _lock_reservations() -> None:
    """One lock for all chains: a batch of fills over several pairs of them could cross others'."""
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError("a fill needs its caller's transaction")
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_RESERVATIONS_LOCK])


def _needs(route: Route, amount: int, mode: LockMode) -> Counter[Balance]:
    """What one fill takes from each balance at most."""
    source, destination = route.source, route.destination
    both = ((source, source.source_calls(mode)), (destination, destination.destination_calls))
    needs: Counter[Balance] = Counter()
    needs[Balance(SignerRole.LOCK, destination.chain.name, destination.coin.token)] += amount
    for side, calls in both:
        for call in calls:
            needs[Balance(role_of(call), side.chain.name, None)] += side.outlay_cap(call)
    return needs


def _require_free(
    needs: Mapping[Balance, int], readings: Mapping[str, ChainReading], amount: int
) -> None:
    """Of what we have, and of what our signers may spend; `amount` is our lock's."""
    held_now = held({chain: reading.balances_at for chain, reading in readings.items()})
    for balance, needed in needs.items():
        ours = readings[balance.chain].balances.get((balance.role, balance.token), 0)
        if ours - held_now.get(balance, 0) < needed:
            raise InsufficientLiquidityError(
                f"our {balance.role.value} accounts on {balance.chain} lack {needed} free base "
                f"units of {balance.token or 'the native coin'}: try less, or later"
            )
        _require_under_caps(balance, needed, held_now.get(balance, 0), amount)


def _require_under_caps(balance: Balance, needed: int, beside: int, amount: int) -> None:
    """They count the native coin; a token's needs are none of theirs."""
    if balance.token is not None:
        return
    largest = min(amount, needed) if balance.role is SignerRole.LOCK else 0
    if problem := cap_problem(balance.chain, balance.role, needed, largest=largest, beside=beside):
        raise InsufficientLiquidityError(f"{problem}: try less, or later")


def _require_room(chain: str, stake: Fraction, options: QuerySet[Any], market: Market) -> None:
    """Whoever may take our lock or leave it has an option on its price; `stake` in dollars."""
    most, ours = market.caps.maker_mode_chain_dollars, Reservation.objects.filter(chain=chain)
    open_ones = ours.filter(session_id__in=options).exclude(ended_at=0)  # 0: never locked
    taken = Fraction(open_ones.aggregate(total=Sum("stake", default=0))["total"], STAKE_UNITS)
    if taken + stake > most:
        raise MakerModeFullError(
            f"sessions in mode {SecretMode.MAKER.value} are open over {ceil(taken)} dollars on "
            f"{chain}, {most} at most: try less, or later"
        )


def _choose_tiers(
    route: Route,
    quote: Quote,
    stakes: tuple[Fraction, Fraction],
    readings: Mapping[str, ChainReading],
) -> FinalityTiers:
    at_stake = exposure({chain: reading.final for chain, reading in readings.items()})

    def tier(side: Side, stake: Fraction, budgets: Mapping[str, int]) -> str:
        chain = side.chain.name
        return side.tier_for(at_stake[chain] + stake, budgets, readings[chain].broken)

    return FinalityTiers(
        source=tier(route.source, stakes[0], quote.policy.source_finality),
        destination=tier(route.destination, stakes[1], quote.policy.destination_finality),
    )


def _store(
    session_id: UUID,
    route: Route,
    amount: int,
    needs: Mapping[Balance, int],
    stakes: tuple[Fraction, Fraction],
) -> None:
    source_stake, stake = (ceil(value * STAKE_UNITS) for value in stakes)
    reservation = Reservation.objects.create(
        session_id=session_id,
        chain=route.destination.chain.name,
        token=route.destination.coin.token,
        amount=amount,
        stake=stake,
        source_chain=route.source.chain.name,
        source_stake=source_stake,
    )
    Hold.objects.bulk_create(
        Hold(
            reservation=reservation,
            chain=balance.chain,
            role=balance.role.value,
            token=balance.token,
            amount=held_amount,
        )
        for balance, held_amount in needs.items()
    )
