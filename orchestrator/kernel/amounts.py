"""Money: integers of base units (wei, yocto, token units), never a float, every rounding named."""

import re
from enum import Enum

from orchestrator.kernel.errors import InvalidAmountError

MAX_AMOUNT = 2**256 - 1  # what an EVM word holds; NEAR's u128 is checked by its adapter
_DECIMAL = re.compile(r"0|[1-9][0-9]{0,77}")


class Rounding(Enum):
    """Which way a division goes: fees UP, payouts DOWN."""

    UP = "up"
    DOWN = "down"


def parse_amount(text: str) -> int:
    """Base units from a canonical decimal string (no sign, space, leading zero or exponent).

    Raises InvalidAmountError.
    """
    if not _DECIMAL.fullmatch(text) or int(text) > MAX_AMOUNT:
        raise InvalidAmountError(
            f"{text[:90]!r} is not an amount: give base units as a decimal string, at most 2^256-1"
        )
    return int(text)


def multiply_divide(amount: int, numerator: int, denominator: int, rounding: Rounding) -> int:
    """`amount` * `numerator` / `denominator`, exact until the one named rounding.

    All three are non-negative, `denominator` is positive; raises InvalidAmountError otherwise.
    """
    if amount < 0 or numerator < 0 or denominator <= 0:
        raise InvalidAmountError(
            f"cannot scale {amount} by {numerator}/{denominator}: only non-negative amounts"
        )
    product = amount * numerator
    return product // denominator if rounding is Rounding.DOWN else -(-product // denominator)


def in_coins(amount: int, decimals: int) -> str:
    """Base units as people read them: `1500000` with 6 decimals is `1.5`."""
    whole, rest = divmod(amount, 10**decimals)
    return f"{whole}.{rest:0{decimals}d}".rstrip("0").rstrip(".")
