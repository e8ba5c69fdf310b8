"""Times: whole seconds since the epoch inside; a chain's own unit only at its adapter."""

import time
from collections.abc import Callable
from typing import Final, NewType

Seconds = NewType("Seconds", int)  # an instant, since the epoch
NANOSECONDS: Final = 10**9

Clock = Callable[[], Seconds]


def wall_clock() -> Seconds:
    """Now, by this machine."""
    return Seconds(int(time.time()))


def from_nanoseconds(instant: int) -> Seconds:
    """A NEAR time in seconds, rounded down: never later than the chain says."""
    return Seconds(instant // NANOSECONDS)


def to_nanoseconds(instant: Seconds) -> int:
    """Exact: timelocks are whole seconds on both chains."""
    return instant * NANOSECONDS


def to_seconds(nanoseconds: int) -> Seconds:
    """Rounded down; others' timelocks may be no whole seconds."""
    return Seconds(nanoseconds // NANOSECONDS)
