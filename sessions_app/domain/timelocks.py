"""Deadlines of a swap, all fixed at the fill and never computed again (durations in seconds)."""

from dataclasses import dataclass

from auctions_app.timelocks import FinalityTiers, TimelockPolicy
from orchestrator.kernel.clock import Seconds


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


@dataclass(frozen=True)
class Head:
    """A chain's newest block: its time, and the wall time at which it was seen to advance."""

    time: Seconds
    advanced_at: Seconds


def is_stale(head: Head, other: Head, wall: Seconds, stale_after: int, slack: int) -> bool:
    """Whether a head is too old to act on (rule 11): it does not advance, or it lags behind.

    `other`: the other chain's head. A head that is ahead of our clock is not stale.
    """
    return wall - head.advanced_at > stale_after or latest(wall, other.time) - head.time > slack


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
