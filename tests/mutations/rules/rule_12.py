"""Rule 12: money is integers."""

from tests.mutations.guard import Guard

AMOUNTS = "orchestrator/kernel/amounts.py"
FIELDS = "orchestrator/fields.py"
CONFORMANCE = "tests/conformance/"
NUMBERS = "tests/unit/kernel/test_amounts.py::"
CONVERSION = "tests/unit/auctions/test_conversion.py::"
PRICING = "tests/unit/auctions/test_pricing.py::"
COLUMNS = "tests/integration/floor/test_fields.py::"

ROWS = (
    Guard(
        12, "int-columns", "Nothing but an int is stored as an amount.", FIELDS,
        "        if is_float_like:\n", "        if False:\n",
        (COLUMNS + "test_rule_12_nothing_but_an_int_is_stored",),
    ),
    Guard(
        12, "int-from-columns", "An amount comes back as an int.", FIELDS,
        "return None if value is None else int(value)", "return value",
        (COLUMNS + "test_rule_12_an_amount_comes_back_as_the_same_int",),
    ),
    Guard(
        12, "fees-up", "Fees are rounded up.", AMOUNTS,
        "if rounding is Rounding.DOWN else -(-product // denominator)",
        "if rounding is Rounding.DOWN else product // denominator",
        (NUMBERS + "test_the_two_roundings_enclose_the_exact_quotient",),
    ),
    Guard(
        12, "payouts-down", "Payouts are rounded down.", AMOUNTS,
        "return product // denominator if rounding", "return -(-product // denominator) if rounding",
        (NUMBERS + "test_the_two_roundings_enclose_the_exact_quotient",),
    ),
    Guard(
        12, "conversions-up", "What is converted as a fee is rounded up.",
        "auctions_app/routes.py",
        "return floor(exact) if rounding is Rounding.DOWN else ceil(exact)",
        "return floor(exact)",
        (CONVERSION + "test_the_two_roundings_of_a_conversion_enclose_its_value",),
    ),
    Guard(
        12, "conversions-down", "What is converted as a payout is rounded down.",
        "auctions_app/routes.py",
        "return floor(exact) if rounding is Rounding.DOWN else ceil(exact)",
        "return ceil(exact)",
        (CONVERSION + "test_the_two_roundings_of_a_conversion_enclose_its_value",),
    ),
    Guard(
        12, "gas-fee-up", "What our calls cost the maker is rounded up.", "auctions_app/pricing.py",
        "return route.destination.amount(expected, prices, Rounding.UP)",
        "return route.destination.amount(expected, prices, Rounding.DOWN)",
        (PRICING + "test_fees_round_up_and_payouts_down",),
    ),
    Guard(
        12, "fair-amount-down", "What a swap is worth in the other coin is rounded down.",
        "auctions_app/pricing.py",
        "return route.destination.amount(value, prices, Rounding.DOWN)",
        "return route.destination.amount(value, prices, Rounding.UP)",
        (PRICING + "test_fees_round_up_and_payouts_down",),
    ),
    Guard(
        12, "decimal-strings", "An amount is a canonical decimal string.", AMOUNTS,
        "if not _DECIMAL.fullmatch(text) or int(text) > MAX_AMOUNT:", "if int(text) > MAX_AMOUNT:",
        (NUMBERS + "test_anything_but_a_canonical_decimal_is_refused",),
    ),
    Guard(
        12, "amount-range", "An amount fits an EVM word.", AMOUNTS,
        "if not _DECIMAL.fullmatch(text) or int(text) > MAX_AMOUNT:",
        "if not _DECIMAL.fullmatch(text):",
        (NUMBERS + "test_anything_but_a_canonical_decimal_is_refused",),
    ),
    Guard(
        12, "near-amount-range", "An amount that no contract could hold has no lock.",
        "chains_app/adapters/near_contract.py",
        "    if terms.amount > _MAX_AMOUNT:\n        return \"\"\n", "",
        (CONFORMANCE + "test_locks.py::test_rule_7_a_lock_with_one_other_term_is_absent",),
    ),
)  # fmt: skip
