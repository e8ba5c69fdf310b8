"""What a swap is worth: the two ends of its auction, our fees, and what our resolver accepts.

Pure, in exact rationals until one named rounding: fees up, payouts down.
"""

from dataclasses import dataclass
from fractions import Fraction
from math import ceil, floor
from typing import Final

from auctions_app.curve import Curve, initial_rate_bump
from auctions_app.prices import PriceSource
from auctions_app.routes import SUBMISSIONS, AmountOutOfLimitsError, LockMode, Route
from chains_app.locks import Call
from orchestrator.kernel.amounts import Rounding, in_coins, multiply_divide

_BASIS_POINTS: Final = 10_000


@dataclass(frozen=True)
class Offer:
    """Base units of the destination coin. The auction starts where we earn nothing."""

    fair_amount: int
    gas_fee: int
    end_amount: int
    curve: Curve
    submission_fee: int  # the part of `gas_fee` for submitting an order, in source base units

    @property
    def start_amount(self) -> int:
        """The first and best payout."""
        return self.curve.amount_at(self.end_amount, 0, rounding=Rounding.DOWN)


def make_offer(
    route: Route, amount: int, prices: PriceSource, mode: LockMode = LockMode.WALLET
) -> Offer:
    """Price `amount` of the source coin; raises AmountOutOfLimitsError, PriceUnavailableError."""
    fair, gas = _fair_amount(route, amount, prices), _gas_fee(route, prices, mode)
    start = fair - gas
    end = start - _share(fair, route.fees.maximum_bps)
    if end <= 0:
        raise AmountOutOfLimitsError(
            f"nothing is left of {amount} base units of {route.source.coin.symbol} after fees: "
            "give more",
            field="amount",
        )
    curve = Curve(route.auction_seconds, initial_rate_bump(start, end))
    submission = route.source.amount(_submission_cost(route, prices, mode), prices, Rounding.UP)
    return Offer(fair, gas, end, curve, submission)


def acceptable_amount(
    route: Route, amount: int, prices: PriceSource, mode: LockMode = LockMode.WALLET
) -> int:
    """The most that our resolver pays out for `amount` at these prices; may be below zero."""
    fair = _fair_amount(route, amount, prices)
    return fair - _gas_fee(route, prices, mode) - _share(fair, route.fees.resolver_profit_bps)


def registration_fee(route: Route, deposit: int, prices: PriceSource) -> int:
    """What the maker pays for being registered with the destination's token: our deposit there
    (`ChainAdapter.registration_cost`, native base units) and the call that makes it, as we expect
    it to cost, in base units of the destination's coin, rounded up. 0 when there is nothing to pay.
    """
    if deposit == 0:
        return 0
    destination = route.destination
    fee = _expected(route, destination.cost_value(prices, Call.REGISTER))
    value = destination.native.value(deposit, prices) + fee
    return destination.amount(value, prices, Rounding.UP)


def minimum_problem(route: Route, prices: PriceSource, times: int) -> str | None:
    """Why the route's minimum is too small, or None.

    It is worth at least `times` what all claims and refunds of a swap are expected to cost;
    something of it is left for the maker at the auction's end; and no call of ours, its fee raised
    to the cap, costs more than the smaller of the two locks: nothing pays more than is at risk.
    """
    least = times * _expected(route, _cost_of_all_calls(route, prices))
    if route.source.value(route.minimum, prices) < least:
        needed = route.source.amount(least, prices, Rounding.UP)
        return (
            f"route {route.id}: minimum {route.minimum} is worth less than {times} times what it "
            f"costs to claim and refund: raise it to at least {needed}"
        )
    try:
        offer = make_offer(route, route.minimum, prices, route.lock_modes[-1])
    except AmountOutOfLimitsError as error:
        return f"route {route.id}: at the minimum, {error}"
    return _fee_problem(route, prices, route.destination.value(offer.end_amount, prices))


def _fee_problem(route: Route, prices: PriceSource, at_risk: Fraction) -> str | None:
    """Whether the outbox may raise one call's fee above `at_risk` dollars, and which call's."""
    source, destination = route.source, route.destination
    sides = [
        (source, source.source_calls(route.lock_modes[-1])),
        (destination, destination.destination_calls),
    ]
    fee, call, chain = max(
        (side.cost_value(prices, call), call.value, side.chain.name)
        for side, calls in sides
        for call in (*calls, Call.PAY)
    )
    if fee <= at_risk:
        return None
    return (
        f"route {route.id}: at the minimum {route.minimum} a lock may hold only "
        f"{in_coins(floor(at_risk * 100), 2)} dollars, and one {call} on {chain} may cost "
        f"{in_coins(ceil(fee * 100), 2)}: raise the minimum"
    )


def _fair_amount(route: Route, amount: int, prices: PriceSource) -> int:
    value = route.source.value(amount, prices)
    return route.destination.amount(value, prices, Rounding.DOWN)


def _share(amount: int, basis_points: int) -> int:
    return multiply_divide(amount, basis_points, _BASIS_POINTS, Rounding.UP)


def _gas_fee(route: Route, prices: PriceSource, mode: LockMode) -> int:
    """Our calls of a swap that goes well, as we expect them to cost."""
    cost = route.source.cost_value(prices, Call.WITHDRAW)
    destination = route.destination
    cost += destination.cost_value(prices, *destination.lock_calls, Call.WITHDRAW)
    expected = _expected(route, cost) + _submission_cost(route, prices, mode)
    return route.destination.amount(expected, prices, Rounding.UP)


def _submission_cost(route: Route, prices: PriceSource, mode: LockMode) -> Fraction:
    return _expected(route, route.source.cost_value(prices, *SUBMISSIONS[mode]))


def _cost_of_all_calls(route: Route, prices: PriceSource) -> Fraction:
    source = route.source.cost_value(prices, *route.source.source_calls(route.lock_modes[-1]))
    destination = route.destination
    return source + destination.cost_value(prices, *destination.destination_calls)


def _expected(route: Route, cost_cap: Fraction) -> Fraction:
    return cost_cap * route.fees.expected_cost_bps / _BASIS_POINTS
