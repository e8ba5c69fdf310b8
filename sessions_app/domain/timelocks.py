"""Deadlines of a swap, all fixed at the fill and never computed again (durations in seconds)."""

from collections.abc import Mapping
from dataclasses import dataclass

from orchestrator.kernel.clock import Seconds


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

    def problems(self) -> list[str]:
        """Why no route may run under this policy; empty when it is safe."""
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


@dataclass(frozen=True)
class FinalityTiers:
    """The tier of each leg, chosen at the fill by what is at stake on its chain."""

    source: str
    destination: str


@dataclass(frozen=True)
class Deadlines:
    """The instants of one swap, in chain time."""

    accept_by: Seconds
    source_lock_by: Seconds
    destination_lock_by: Seconds
    destination_timelock: Seconds
    source_timelock: Seconds
    last_safe_source_withdrawal: Seconds


def latest(*clocks: Seconds) -> Seconds:
    """The time that a deadline which we must beat counts from, and the time of a fill."""
    return max(clocks)


def fix_deadlines(fill: Seconds, policy: TimelockPolicy, tiers: FinalityTiers) -> Deadlines:
    """The deadlines of a swap filled at `fill` (the latest of wall clock and both heads)."""
    source_budget = policy.source_finality[tiers.source]
    destination_budget = policy.destination_finality[tiers.destination]
    accept_by = fill + policy.time_to_lock
    destination = accept_by + source_budget + destination_budget + policy.claim_window
    source = destination + policy.margin + policy.clock_slack
    return Deadlines(
        accept_by=Seconds(accept_by),
        source_lock_by=Seconds(accept_by + max(policy.source_finality.values())),
        destination_lock_by=Seconds(destination - destination_budget - policy.guard_distance),
        destination_timelock=Seconds(destination),
        source_timelock=Seconds(source),
        last_safe_source_withdrawal=Seconds(source - source_budget - policy.inclusion),
    )


@dataclass(frozen=True)
class Clocks:
    """Times that a decision is made on: wall clock and the newest block of each chain."""

    wall: Seconds
    source_head: Seconds
    destination_head: Seconds


def ladder_holds(
    source_timelock: Seconds, destination_timelock: Seconds, margin: int, clocks: Clocks
) -> bool:
    """Whether our lock may be signed: after the maker can be paid there is `margin` left for us.

    Both timelocks as read on chain. Each side counts in its own chain's time; a source head that
    lags must not make the source look safer than the wall clock says.
    """
    for_the_maker = destination_timelock - clocks.destination_head
    for_us = source_timelock - latest(clocks.source_head, clocks.wall)
    return for_the_maker + margin <= for_us
