"""All guards of section 4, rule by rule."""

from typing import Final

from tests.mutations.guard import Guard
from tests.mutations.rules import rules_1_4, rules_5_6, rules_7_10, rules_11_15

GUARDS: Final[tuple[Guard, ...]] = (
    *rules_1_4.ROWS,
    *rules_5_6.ROWS,
    *rules_7_10.ROWS,
    *rules_11_15.ROWS,
)
