"""A route's durations, and the finality tier of each leg (durations in seconds)."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self


@dataclass(frozen=True)
class TimelockPolicy:
    """A route's durations. Finality budgets: the tier's name to the time that it may take."""

    time_to_lock: int
    inclusion: int
    guard_distance: int
    claim_window: int
    margin: int
    clock_slack: int
    halt: int
    source_finality: Mapping[str, int]
    destination_finality: Mapping[str, int]

    @property
    def slowest(self) -> "FinalityTiers":
        """Of each chain the tier that takes longest: no other makes a deadline come later."""
        source, destination = self.source_finality, self.destination_finality
        return FinalityTiers(
            source=max(source, key=lambda tier: source[tier]),
            destination=max(destination, key=lambda tier: destination[tier]),
        )

    def problems(self) -> list[str]:
        """Why no route may run under this policy; empty when it is safe."""
        if not self.source_finality or not self.destination_finality:
            return ["a chain without finality tiers: configure at least one for each"]
        settle = self.inclusion + self.halt
        settle += max(self.destination_finality.values()) + max(self.source_finality.values())
        needs = [
            ("claim window", self.claim_window, "guard distance + inclusion",
             self.guard_distance + self.inclusion),
            ("guard distance", self.guard_distance, "inclusion", self.inclusion),
            ("margin", self.margin, "both slowest finality budgets + inclusion + halt", settle),
        ]  # fmt: skip
        return [
            f"{name} is {value} s, less than {what} = {least} s: raise it to at least {least}"
            for name, value, what, least in needs
            if value < least
        ]

    def to_json(self) -> dict[str, Any]:
        """For a snapshot in a JSON column."""
        return asdict(self)

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Self:
        """What `to_json` wrote."""
        return cls(**stored)


@dataclass(frozen=True)
class FinalityTiers:
    """The tier of each leg, chosen at the fill by what is at stake on its chain."""

    source: str
    destination: str
