"""Times: whole seconds since the epoch where decisions count them; other forms at the borders."""

import time
from datetime import UTC, datetime
from typing import Final, NewType

Seconds = NewType("Seconds", int)  # an instant, since the epoch
NANOSECONDS: Final = 10**9


def wall_clock() -> Seconds:
    """Now, by this machine."""
    return Seconds(int(time.time()))


def from_nanoseconds(nanoseconds: int) -> Seconds:
    """A NEAR time, rounded down: never later than the chain says, and not all are whole seconds."""
    return Seconds(nanoseconds // NANOSECONDS)


def to_nanoseconds(at: Seconds) -> int:
    """Exact: timelocks are whole seconds on both chains."""
    return at * NANOSECONDS


def instant(at: Seconds) -> datetime:
    """For a timestamp column."""
    return datetime.fromtimestamp(at, UTC)


def seconds(at: datetime) -> Seconds:
    """Rounded down."""
    return Seconds(int(at.timestamp()))


def iso(at: datetime | Seconds) -> str:
    """As clients read it, ISO-8601 in UTC to the second: `2026-11-22T22:01:00Z`."""
    moment = at if isinstance(at, datetime) else instant(at)
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
