"""What coins are worth, as exact rationals of one reference unit (a dollar).

A source that reads a market adds its bounds on age and deviation behind the same protocol.
"""

import re
from collections.abc import Mapping
from fractions import Fraction
from typing import Protocol

from orchestrator.kernel.errors import UnavailableError

_PRICE = re.compile(r"[0-9]+(\.[0-9]+|/[1-9][0-9]*)?")


class PriceUnavailableError(UnavailableError):
    """No price that may be relied on now."""

    code = "price_unavailable"


class PriceSource(Protocol):
    """Where prices come from."""

    def price(self, asset: str) -> Fraction:
        """The worth of one whole coin of `asset` ("base:ETH"); raises PriceUnavailableError."""


class FixedPrices:
    """A table from configuration: asset to a positive decimal ("2500.25") or a ratio ("1/3").

    Raises ValueError, which names what is wrong.
    """

    def __init__(self, table: Mapping[str, str]) -> None:
        for asset, text in table.items():
            if not _PRICE.fullmatch(text) or not Fraction(text):
                raise ValueError(f"the price of {asset} is {text!r}: give a decimal above 0")
        self._prices = {asset: Fraction(text) for asset, text in table.items()}

    def price(self, asset: str) -> Fraction:
        """The table's worth of one whole coin; raises PriceUnavailableError."""
        if asset not in self._prices:
            raise PriceUnavailableError(f"no price of {asset}: add it to PRICES")
        return self._prices[asset]
