"""The states of a session and every move between them; what is not in the table cannot happen."""

from collections.abc import Mapping
from enum import Enum


class Status(Enum):
    """A session's status, by its name on the wire."""

    INITIALIZED = "initialized"
    EXECUTING = "executing"
    SOURCE_LOCKING = "source_locking"
    SOURCE_LOCKED = "source_locked"
    DESTINATION_LOCKING = "destination_locking"
    BOTH_LOCKED = "both_locked"
    REVEALING_SECRET = "revealing_secret"  # noqa: S105 - a status, not a secret
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    FAILED = "failed"
    TIMEOUT = "timeout"
    REFUNDING = "refunding"
    REFUNDED = "refunded"


S = Status

FORWARD: Mapping[Status, frozenset[Status]] = {
    S.INITIALIZED: frozenset({S.EXECUTING, S.CANCELLED}),
    S.EXECUTING: frozenset({S.SOURCE_LOCKING, S.CANCELLED}),
    S.SOURCE_LOCKING: frozenset({S.SOURCE_LOCKED, S.TIMEOUT, S.FAILED, S.CANCELLED}),
    S.SOURCE_LOCKED: frozenset({S.DESTINATION_LOCKING, S.TIMEOUT, S.FAILED}),
    S.DESTINATION_LOCKING: frozenset({S.BOTH_LOCKED, S.TIMEOUT, S.FAILED, S.REVEALING_SECRET}),
    S.BOTH_LOCKED: frozenset({S.REVEALING_SECRET, S.TIMEOUT}),
    S.REVEALING_SECRET: frozenset({S.COMPLETED, S.TIMEOUT, S.REFUNDING, S.FAILED}),
    S.TIMEOUT: frozenset({S.REFUNDING, S.CANCELLED, S.REVEALING_SECRET}),
    S.FAILED: frozenset({S.REFUNDING, S.REVEALING_SECRET}),
    S.REFUNDING: frozenset({S.REFUNDED, S.CANCELLED, S.REVEALING_SECRET}),
    S.COMPLETED: frozenset(),
    S.CANCELLED: frozenset(),
    S.REFUNDED: frozenset(),
}

# What a reorganisation alone may undo; recorded as a transition like any other.
BACK: Mapping[Status, Status] = {
    S.SOURCE_LOCKED: S.SOURCE_LOCKING,
    S.BOTH_LOCKED: S.DESTINATION_LOCKING,
    S.COMPLETED: S.REVEALING_SECRET,
    S.REFUNDED: S.REFUNDING,
    S.CANCELLED: S.SOURCE_LOCKING,  # only if the fill had happened
}


ENDS = frozenset({S.COMPLETED, S.CANCELLED, S.REFUNDED})  # and `failed` with nothing left to do


def is_allowed(before: Status, after: Status, *, by_reorganisation: bool = False) -> bool:
    """Whether a session may go from `before` to `after`."""
    if by_reorganisation and BACK.get(before) is after:
        return True
    return after in FORWARD[before]
