"""Wall time as the database keeps it, as decisions count it, and as clients read it."""

from datetime import UTC, datetime

from orchestrator.kernel.clock import Seconds


def instant(seconds: Seconds) -> datetime:
    """For a timestamp column."""
    return datetime.fromtimestamp(seconds, UTC)


def seconds(at: datetime) -> Seconds:
    """Rounded down."""
    return Seconds(int(at.timestamp()))


def iso(at: datetime | Seconds) -> str:
    """ISO-8601 in UTC, to the second: `2026-11-22T22:01:00Z`."""
    moment = at if isinstance(at, datetime) else instant(at)
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
