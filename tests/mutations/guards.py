"""All guards of section 4, rule by rule."""

from typing import Final

from tests.mutations.guard import Guard
from tests.mutations.rules import rules_1_4

GUARDS: Final[tuple[Guard, ...]] = tuple(
    sorted(rules_1_4.ROWS, key=lambda guard: guard.rule)
)
