from fractions import Fraction

import pytest

from auctions_app.prices import FixedPrices, PriceUnavailableError


def test_prices_are_exact() -> None:
    prices = FixedPrices({"base:ETH": "2500.10", "near:NEAR": "1/3"})
    assert prices.price("base:ETH") == Fraction(25001, 10)
    assert prices.price("near:NEAR") == Fraction(1, 3)


def test_a_coin_without_a_price_is_named() -> None:
    with pytest.raises(PriceUnavailableError, match="no price of near:NEAR: add it to PRICES"):
        FixedPrices({"base:ETH": "1"}).price("near:NEAR")


@pytest.mark.parametrize("text", ["", "0", "0.00", "-1", "1e9", "nan", "1/0", " 1", "1.5/3", "1_0"])
def test_what_is_not_a_positive_number_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"the price of base:ETH is .*: give a decimal above 0"):
        FixedPrices({"base:ETH": text})
