"""All that a decision about a session depends on, as stored facts; times are chain seconds."""

from dataclasses import dataclass

from chains_app.locks import LockState
from orchestrator.kernel.clock import Seconds
from sessions_app.domain.states import Status
from sessions_app.domain.timelocks import Clocks, Deadlines, latest


@dataclass(frozen=True)
class Leg:
    """One leg as its chain showed it: at the newest block read, and at the newest final block."""

    lock_by: Seconds
    timelock: Seconds
    head: LockState
    final: LockState
    final_time: Seconds
    stood_finally: bool = False  # a final block showed it once
    has_paid: bool = True  # when final: what it decided was paid out
    is_doubted: bool = False  # what the head shows no two nodes tell

    @property
    def is_seen(self) -> bool:
        """Whether a lock stands at the head or stood at a final block."""
        return self.head is not LockState.ABSENT or self.final is not LockState.ABSENT

    @property
    def is_open(self) -> bool:
        """Final, and undecided as far as anybody can see."""
        return self.head is LockState.OPEN and self.final is LockState.OPEN

    @property
    def has_reached_us(self) -> bool:
        """Of a source: withdrawn and paid out, finally."""
        return self.final is LockState.WITHDRAWN and self.has_paid

    @property
    def can_never_be_locked(self) -> bool:
        """A final block later than `lock_by` shows no lock: the contract refuses it ever after.

        Not of a lock that was final before: no chain takes that back, but a node of another chain,
        or one that lies, may say so.
        """
        is_gone = not self.is_seen and not self.stood_finally
        return is_gone and self.final_time > self.lock_by


@dataclass(frozen=True)
class Snapshot:
    """A session's facts. Before the fill the legs and deadlines are None."""

    status: Status
    clocks: Clocks
    chains_are_fresh: bool
    expires_at: Seconds
    is_executed: bool = False
    cancel_requested: bool = False
    order_is_held: bool = False  # the maker signed its lock, for us to submit
    deadlines: Deadlines | None = None
    source: Leg | None = None
    destination: Leg | None = None
    guard_distance: int = 0
    margin: int = 0
    clock_slack: int = 0
    source_seen_in_time: bool = False  # first in a block not later than `accept_by`
    liquidity_is_reserved: bool = False  # for our lock; from the fill until it is final or not made
    destination_lock_left: bool = False  # the commit of `left_at` of our lock
    secret_is_held: bool = False  # drawn by us, or posted by the maker
    secret_left: bool = False  # the commit of `left_at` of bytes that carry it
    payout_is_refused: bool = False  # by the maker's account, for too long to be waited for
    secret_is_shown: bool = False  # a fitting preimage stands on a chain
    source_is_repaid: bool = False  # what reached us against a refunded destination, finally

    @property
    def source_now(self) -> Seconds:
        """The time that our deadlines on the source chain count from (rule 11)."""
        return latest(self.clocks.source_head, self.clocks.wall)

    @property
    def destination_now(self) -> Seconds:
        """The time that our deadlines on the destination chain count from (rule 11)."""
        return latest(self.clocks.destination_head, self.clocks.wall)
