import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.kernel.amounts import (
    MAX_AMOUNT,
    Rounding,
    in_coins,
    multiply_divide,
    parse_amount,
)
from orchestrator.kernel.errors import InvalidAmountError

amounts = st.integers(min_value=0, max_value=MAX_AMOUNT)


@given(amounts)
def test_a_decimal_string_round_trips(amount: int) -> None:
    assert parse_amount(str(amount)) == amount


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-1",
        "+1",
        "01",
        "1.0",
        "1e18",
        " 1",
        "1_000",
        "0x10",
        "\u0661",
        str(MAX_AMOUNT + 1),
        "9" * 5000,
    ],
)
def test_anything_but_a_canonical_decimal_is_refused(text: str) -> None:
    with pytest.raises(InvalidAmountError):
        parse_amount(text)


@given(amounts, amounts, st.integers(min_value=1, max_value=MAX_AMOUNT))
def test_the_two_roundings_enclose_the_exact_quotient(a: int, b: int, c: int) -> None:
    down, up = multiply_divide(a, b, c, Rounding.DOWN), multiply_divide(a, b, c, Rounding.UP)
    assert down * c <= a * b <= up * c
    assert up - down == (1 if a * b % c else 0)


@pytest.mark.parametrize(("a", "b", "c"), [(-1, 1, 1), (1, -1, 1), (1, 1, 0), (1, 1, -1)])
def test_negative_factors_and_zero_divisors_are_refused(a: int, b: int, c: int) -> None:
    with pytest.raises(InvalidAmountError):
        multiply_divide(a, b, c, Rounding.UP)


@pytest.mark.parametrize(
    ("amount", "decimals", "shown"),
    [(1_500_000, 6, "1.5"), (10**18, 18, "1"), (1, 24, "0." + "0" * 23 + "1"), (0, 6, "0"),
     (120, 0, "120"), (100, 1, "10")],
)  # fmt: skip
def test_base_units_are_shown_as_coins(amount: int, decimals: int, shown: str) -> None:
    assert in_coins(amount, decimals) == shown
