"""Base units to dollars and back, in any decimals: exact until the one rounding that is named."""

from dataclasses import replace
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from auctions_app.prices import FixedPrices
from auctions_app.routes import Side
from orchestrator.kernel.amounts import Rounding
from tests.unit.auctions.markets import BACK, ETHER, NEAR, THERE, market

USDC = 10**6
amounts = st.integers(0, 10**40)
decimals = st.sampled_from([0, 6, 8, 18, 24])
prices = st.fractions(min_value=Fraction(1, 1000), max_value=100_000, max_denominator=10**6).map(
    lambda price: FixedPrices({"base:ETH": str(price)})
)


def coin_of(decimals: int) -> Side:
    """BASE's own coin, were it counted in other units."""
    side = market().route(THERE).source
    return replace(side, coin=replace(side.coin, decimals=decimals))


def test_ether_to_near_and_to_six_decimals() -> None:
    ether, near = market().route(THERE).source, market().route(BACK).source
    value = ether.value(ETHER + 1, market().prices)  # 2,500 dollars each, NEAR 2.5
    assert near.amount(value, market().prices, Rounding.UP) == 1000 * NEAR + 10**9
    usdc = FixedPrices({"base:ETH": "1"})
    assert coin_of(6).amount(value, usdc, Rounding.DOWN) == 2500 * USDC
    assert coin_of(6).amount(value, usdc, Rounding.UP) == 2500 * USDC + 1


@given(amounts, decimals, prices)
def test_what_an_amount_is_worth_buys_it_back(
    amount: int, decimals: int, prices: FixedPrices
) -> None:
    side = coin_of(decimals)
    value = side.value(amount, prices)
    assert {side.amount(value, prices, rounding) for rounding in Rounding} == {amount}


@given(amounts, decimals, decimals, prices)
def test_more_decimals_lose_nothing(amount: int, few: int, many: int, prices: FixedPrices) -> None:
    few, many = sorted((few, many))
    value = coin_of(few).value(amount, prices)
    there = {coin_of(many).amount(value, prices, rounding) for rounding in Rounding}
    assert there == {amount * 10 ** (many - few)}


@given(st.fractions(min_value=0, max_denominator=10**30), decimals, prices)
def test_the_two_roundings_of_a_conversion_enclose_its_value(
    value: Fraction, decimals: int, prices: FixedPrices
) -> None:
    side = coin_of(decimals)
    down, up = (side.amount(value, prices, way) for way in (Rounding.DOWN, Rounding.UP))
    assert side.value(down, prices) <= value <= side.value(up, prices)
    assert up - down == (0 if side.value(down, prices) == value else 1)
