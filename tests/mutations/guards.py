"""All guards of the rules (docs/rules.md), rule by rule."""

from typing import Final

from tests.mutations.guard import Guard
from tests.mutations.rules import (
    rule_01,
    rule_02,
    rule_03,
    rule_04,
    rule_05_nonces,
    rule_05_sending,
    rule_05_voiding,
    rule_06,
    rule_07_proofs,
    rule_07_quorum,
    rule_08,
    rule_09,
    rule_10,
    rule_11,
    rule_12,
    rule_13,
    rule_14,
    rule_15,
)

GUARDS: Final[tuple[Guard, ...]] = (
    *rule_01.ROWS,
    *rule_02.ROWS,
    *rule_03.ROWS,
    *rule_04.ROWS,
    *rule_05_nonces.ROWS,
    *rule_05_sending.ROWS,
    *rule_05_voiding.ROWS,
    *rule_06.ROWS,
    *rule_07_proofs.ROWS,
    *rule_07_quorum.ROWS,
    *rule_08.ROWS,
    *rule_09.ROWS,
    *rule_10.ROWS,
    *rule_11.ROWS,
    *rule_12.ROWS,
    *rule_13.ROWS,
    *rule_14.ROWS,
    *rule_15.ROWS,
)
