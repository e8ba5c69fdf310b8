"""Both ends of an auction, by hand and for any amount and price."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auctions_app.curve import RATE_BASE
from auctions_app.prices import PriceSource
from auctions_app.pricing import acceptable_amount, make_offer
from auctions_app.routes import AmountOutOfLimitsError, Route
from chains_app.locks import Call
from orchestrator.kernel.amounts import Rounding
from tests.unit.auctions.markets import BACK, ETHER, NEAR, THERE, market

prices = st.fractions(min_value=Fraction(1, 1000), max_value=100_000, max_denominator=10**6)
# 2 % of the caps: BASE withdrawal 0.00705 ETH, lock 0.00305; NEAR lock 0.04, withdrawal 0.08
GAS_THERE = 141 * NEAR // 1000 + 24 * NEAR // 10_000  # 0.000141 ETH at 1000 NEAR each, 0.0024 NEAR
GAS_BACK = 202 * 10**12 + 16 * 10**11  # 0.000202 ETH, 0.0016 NEAR at 0.001 ETH each


def test_one_ether_to_near() -> None:
    offer = make_offer(market().route(THERE), ETHER, market().prices)
    assert offer.fair_amount == 1000 * NEAR
    assert offer.gas_fee == GAS_THERE
    assert offer.end_amount == 994 * NEAR - GAS_THERE  # 60 basis points
    assert offer.curve.duration == 20
    assert 0 <= 1000 * NEAR - GAS_THERE - offer.start_amount <= offer.end_amount // RATE_BASE


def test_a_hundred_near_to_ether() -> None:
    offer = make_offer(market().route(BACK), 100 * NEAR, market().prices)
    assert offer.fair_amount == ETHER // 10
    assert offer.gas_fee == GAS_BACK
    assert offer.end_amount == ETHER // 10 - 6 * ETHER // 10_000 - GAS_BACK


def test_our_resolver_wants_its_profit() -> None:
    assert acceptable_amount(market().route(THERE), ETHER, market().prices) == (
        997 * NEAR - GAS_THERE  # 30 basis points
    )


def test_without_a_profit_our_resolver_takes_the_start_price() -> None:
    eager = market(resolver_profit_bps=0)
    offer = make_offer(eager.route(THERE), ETHER, eager.prices)
    limit = acceptable_amount(eager.route(THERE), ETHER, eager.prices)
    assert offer.curve.first_at_most(offer.end_amount, limit) == 0


def test_with_half_of_the_fee_our_resolver_waits_for_half_of_the_auction() -> None:
    offer = make_offer(market().route(THERE), ETHER, market().prices)
    limit = acceptable_amount(market().route(THERE), ETHER, market().prices)
    assert offer.curve.first_at_most(offer.end_amount, limit) == 10


def expected_cost(route: Route, prices: PriceSource) -> Fraction:
    """In dollars, of our calls of a swap that goes well."""
    most = route.source.cost_value(prices, Call.WITHDRAW)
    most += route.destination.cost_value(prices, Call.LOCK, Call.WITHDRAW)
    return most * route.fees.expected_cost_bps / 10_000


@pytest.mark.parametrize("amount", [0, 1, 10**13])
def test_an_amount_that_fees_eat_up_is_refused(amount: int) -> None:
    with pytest.raises(AmountOutOfLimitsError, match=f"nothing is left of {amount} base units"):
        make_offer(market().route(THERE), amount, market().prices)


@given(st.sampled_from([THERE, BACK]), prices, prices, st.integers(10**18, 10**28))
def test_fees_round_up_and_payouts_down(
    route_id: str, ether: Fraction, near: Fraction, amount: int
) -> None:
    there = market(prices={"base:ETH": str(ether), "near:NEAR": str(near)})
    route = there.route(route_id)
    value = route.source.value(amount, there.prices)
    try:
        offer = make_offer(route, amount, there.prices)
    except AmountOutOfLimitsError:
        return
    assert route.destination.value(offer.fair_amount, there.prices) <= value
    assert route.destination.value(offer.fair_amount + 1, there.prices) > value
    cost = expected_cost(route, there.prices)
    assert route.destination.value(offer.gas_fee - 1, there.prices) < cost
    assert route.destination.value(offer.gas_fee, there.prices) >= cost
    assert 0 < offer.end_amount <= offer.start_amount <= offer.fair_amount - offer.gas_fee
    fee = offer.fair_amount - offer.gas_fee - offer.end_amount
    assert 0 <= fee * 10_000 - offer.fair_amount * 60 < 10_000


@given(st.sampled_from([THERE, BACK]), st.integers(10**19, 10**27), st.integers(0, 60))
def test_what_our_resolver_accepts_never_loses_at_todays_prices(
    route_id: str, amount: int, profit: int
) -> None:
    there = market(resolver_profit_bps=profit)
    route = there.route(route_id)
    try:
        offer = make_offer(route, amount, there.prices)
    except AmountOutOfLimitsError:
        return
    limit = acceptable_amount(route, amount, there.prices)
    accepted = offer.curve.first_at_most(offer.end_amount, limit)
    assert accepted is not None
    payout = offer.curve.amount_at(offer.end_amount, accepted, rounding=Rounding.DOWN)
    assert offer.end_amount <= payout <= limit
    earned = offer.fair_amount - offer.gas_fee - payout
    assert earned * 10_000 >= offer.fair_amount * profit
