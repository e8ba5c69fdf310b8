"""The centre of the service: what a session does next, from its stored facts alone.

An API call, a chain fact, a timer and a person each record a fact and ask `next_step`. It answers
with one move, or, where none is due, with the chain writes that must exist by now (idempotent: the
effect decides). docs/rules.md has the rules that the comments name.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from chains_app.locks import LockState
from sessions_app.domain.attention import Attention
from sessions_app.domain.filled import Filled, filled
from sessions_app.domain.snapshot import Snapshot
from sessions_app.domain.states import BACK, Status

S = Status


class Action(Enum):
    """A chain write that a session can need; one intent for each."""

    LOCK_SOURCE = "lock_source"  # by the maker's signed order
    LOCK_DESTINATION = "lock_destination"
    WITHDRAW_DESTINATION = "withdraw_destination"
    WITHDRAW_SOURCE = "withdraw_source"
    REFUND_DESTINATION = "refund_destination"
    REFUND_SOURCE = "refund_source"
    REFUND_SOURCE_EARLY = "refund_source_early"
    REPAY_SOURCE = "repay_source"


@dataclass(frozen=True)
class Step:
    """One decision: a move with its reason, or the writes that are due; `attention` for a person.

    `void`: intents that the move counts on never leaving; the writer voids them in its commit.
    `stop`: writes that may have left us, and are not pushed on.
    """

    move_to: Status | None = None
    reason: str = ""
    by_reorganisation: bool = False
    actions: frozenset[Action] = frozenset()
    void: frozenset[Action] = frozenset()
    stop: frozenset[Action] = frozenset()
    attention: Attention | None = None


def next_step(facts: Snapshot) -> Step:
    """The session's next move, or the actions that are due when it stays where it is."""
    after_the_fill = filled(facts)
    if after_the_fill is None:
        return _before_the_fill(facts)
    return _AFTER_THE_FILL[facts.status](after_the_fill)


def _before_the_fill(facts: Snapshot) -> Step:
    if facts.status is S.CANCELLED:
        return _never_filled(facts)
    if facts.cancel_requested:
        return Step(S.CANCELLED, "cancelled before anything was locked")
    if facts.clocks.wall >= facts.expires_at:
        return Step(S.CANCELLED, "the quote expired")
    if facts.status is S.INITIALIZED and facts.is_executed:
        return Step(S.EXECUTING, "execution was asked for")
    return Step()


def _never_filled(facts: Snapshot) -> Step:
    """A gasless order that somebody submitted all the same: nothing of ours stands against it."""
    source = facts.source
    if source is None or facts.deadlines is None:
        return Step()
    if source.head is LockState.OPEN:
        expired = facts.clocks.source_head >= facts.deadlines.source_timelock
        back = Action.REFUND_SOURCE if expired else Action.REFUND_SOURCE_EARLY
        return Step(actions=frozenset({back}))
    if not source.has_reached_us or facts.source_is_repaid:
        return Step()
    return Step(actions=frozenset({Action.REPAY_SOURCE}), attention=Attention.REPAYMENT_OWED)


def _executing(s: Filled) -> Step:
    return Step(S.SOURCE_LOCKING, "the resolver filled the auction")


def _source_locking(s: Filled) -> Step:
    facts = s.facts
    if s.source.can_never_be_locked:
        return Step(S.CANCELLED, "no source lock by its lock_by")
    if s.source.final.is_decided:
        return Step(S.FAILED, f"the source lock was {s.source.final.value} before ours was made")
    if s.source.final is LockState.OPEN:
        return _judge_source_lock(s)
    late = facts.clocks.source_head > s.deadlines.accept_by + facts.clock_slack
    if late and not s.source.is_seen and not facts.source_seen_in_time:
        return Step(S.TIMEOUT, "no source lock by accept_by")
    return Step(actions=_order_to_submit(s))


def _order_to_submit(s: Filled) -> frozenset[Action]:
    """The maker's signed order, while its lock would be accepted and is still wanted; again when
    the lock has vanished. Nobody's money is bound while a chain stands still, but where ours is.
    """
    facts, d = s.facts, s.deadlines
    is_missing = facts.order_is_held and s.source.head is LockState.ABSENT
    is_wanted = facts.destination_lock_left or (
        facts.chains_are_fresh and not facts.cancel_requested
    )
    until = d.source_lock_by if facts.source_seen_in_time else d.accept_by
    is_due = is_missing and is_wanted and facts.source_now <= until
    return frozenset({Action.LOCK_SOURCE} if is_due else ())


def _judge_source_lock(s: Filled) -> Step:
    if s.facts.secret_is_shown:
        return Step(S.FAILED, "the secret was shown before our lock was made")
    if not s.facts.source_seen_in_time:
        return Step(S.FAILED, "the source lock came after accept_by")
    if s.facts.cancel_requested:
        return Step(S.TIMEOUT, "cancelled: the source is given back")
    return Step(S.SOURCE_LOCKED, "the source lock is final")


def _source_locked(s: Filled) -> Step:
    if s.source.final is LockState.ABSENT:
        return _back(S.SOURCE_LOCKED, "the source lock left the final chain")
    if s.source.head is LockState.WITHDRAWN or s.facts.secret_is_shown:
        return Step(S.FAILED, "the secret was shown before our lock was made")
    if s.source.head is LockState.REFUNDED:
        return Step(S.FAILED, "the source lock was refunded")
    if s.facts.cancel_requested:
        return Step(S.TIMEOUT, "cancelled: the source is given back")
    if s.is_too_late_for_our_lock:
        return Step(S.TIMEOUT, "too late for our lock")
    if s.source.head is LockState.ABSENT:
        return Step(actions=_order_to_submit(s))
    if not s.facts.chains_are_fresh:
        return Step()
    return Step(S.DESTINATION_LOCKING, "the ladder holds")


def _destination_locking(s: Filled) -> Step:
    if s.facts.destination_lock_left:
        return _destination_lock_on_its_way(s)
    if s.facts.secret_is_shown:
        return _without_our_lock(S.FAILED, "the secret was shown before our lock was made")
    if s.source.head is not LockState.OPEN or s.source.final is not LockState.OPEN:
        return _without_our_lock(S.FAILED, "the source lock is no longer there")
    if s.facts.cancel_requested:
        return _without_our_lock(S.TIMEOUT, "cancelled: the source is given back")
    if s.is_too_late_for_our_lock:
        return _without_our_lock(S.TIMEOUT, "too late for our lock")
    if s.facts.payout_is_refused:
        return _without_our_lock(S.TIMEOUT, "the maker's account refuses the payment")
    return Step(actions=frozenset({Action.LOCK_DESTINATION}))


def _without_our_lock(status: Status, reason: str) -> Step:
    return Step(status, reason, void=frozenset({Action.LOCK_DESTINATION}))


def _destination_lock_on_its_way(s: Filled) -> Step:
    if s.facts.secret_is_shown and not s.destination_is_gone:
        return Step(S.REVEALING_SECRET, "a fitting preimage stands on a chain")
    if s.destination_is_gone:
        return Step(S.TIMEOUT, "our lock can never be made or was given back")
    if s.reveal_window_is_over:
        return Step(S.TIMEOUT, "too late to reveal the secret")
    if s.destination.is_open and s.source.is_open:
        return Step(S.BOTH_LOCKED, "both locks are final")
    due = frozenset({Action.LOCK_DESTINATION}) | _order_to_submit(s)
    return Step(actions=due, attention=_vanished_source(s))


def _vanished_source(s: Filled) -> Attention | None:
    gone = s.source.head is LockState.ABSENT or s.source.final is LockState.ABSENT
    return Attention.SOURCE_LOCK_VANISHED if gone else None


def _both_locked(s: Filled) -> Step:
    if s.facts.secret_is_shown and not s.destination_is_gone:
        return Step(S.REVEALING_SECRET, "a fitting preimage stands on a chain")
    if s.destination.final is LockState.REFUNDED or s.destination.can_never_be_locked:
        return Step(S.TIMEOUT, "our lock can never be made or was given back")
    if s.reveal_window_is_over:
        return Step(S.TIMEOUT, "too late to reveal the secret")
    if s.destination.final is LockState.ABSENT:
        return _back(S.BOTH_LOCKED, "our lock left the final chain")
    if s.facts.secret_is_held and s.reveal_objection is None:
        return Step(S.REVEALING_SECRET, "the reveal guard agrees")
    attention = _vanished_source(s) or _unread_preimage(s)
    return Step(actions=_order_to_submit(s), attention=attention)


def _revealing(s: Filled) -> Step:
    if s.destination_is_gone:
        return Step(S.REFUNDING, "the destination ended with us")
    if s.is_lost_race:
        return Step(S.FAILED, "lost race: the maker has both legs", attention=Attention.LOST_RACE)
    decided = s.destination.final, s.source.final
    if decided == (LockState.WITHDRAWN, LockState.WITHDRAWN):
        return Step(S.COMPLETED, "both legs are paid")
    if (reason := _kept_secret(s)) is not None:
        return Step(S.TIMEOUT, reason, void=frozenset({Action.WITHDRAW_DESTINATION}))
    attention = _vanished_source(s) or _expired_source(s)
    due = _forward_actions(s) | _order_to_submit(s)
    return Step(actions=due, stop=frozenset({Action.REFUND_SOURCE_EARLY}), attention=attention)


def _kept_secret(s: Filled) -> str | None:
    """Why the secret, which nobody has seen, is not revealed any more."""
    if s.facts.secret_left or s.facts.secret_is_shown:
        return None
    if s.reveal_window_is_over:
        return "too late to reveal the secret"
    return "the maker's account refuses the payment" if s.facts.payout_is_refused else None


def _expired_source(s: Filled) -> Attention | None:
    """The race is lost in all but name: open, and from its timelock on for refunds only."""
    expired = s.facts.clocks.source_head >= s.deadlines.source_timelock
    return Attention.SOURCE_EXPIRED if expired and s.source.head is LockState.OPEN else None


def _forward_actions(s: Filled) -> frozenset[Action]:
    """Destination first (rule 4); one in the head counts when our last safe moment has come."""
    due = _for_the_destination(s)
    at_the_last = s.facts.source_now >= s.deadlines.last_safe_source_withdrawal
    is_taken = s.destination.head is LockState.WITHDRAWN and (
        s.facts.secret_is_shown or not s.destination.is_doubted
    )
    paid = s.destination.final is LockState.WITHDRAWN or (at_the_last and is_taken)
    if paid and s.source.final is not LockState.WITHDRAWN:
        due |= {Action.WITHDRAW_SOURCE}
    return due


def _for_the_destination(s: Filled) -> frozenset[Action]:
    """From its timelock on the contract pays nobody but us: it is taken back, never left open."""
    if _destination_is_refundable(s):
        return frozenset({Action.REFUND_DESTINATION})
    if s.destination.head is LockState.WITHDRAWN and not s.destination.is_doubted:
        return frozenset()
    return frozenset({Action.WITHDRAW_DESTINATION})


def _destination_is_refundable(s: Filled) -> bool:
    """Its timelock has passed by the chain's own clock (rule 11), and no two nodes tell that
    it is decided: the contract has the last word.
    """
    expired = s.facts.clocks.destination_head >= s.deadlines.destination_timelock
    is_undecided = s.destination.head is LockState.OPEN or (
        s.destination.is_doubted and s.destination.final is LockState.OPEN
    )
    return expired and is_undecided


def _returning(s: Filled) -> Step:
    """timeout, failed, refunding: money goes back unless a preimage turns everything forward."""
    if s.facts.secret_is_shown and not s.destination_is_gone and not s.is_lost_race:
        return Step(S.REVEALING_SECRET, "a fitting preimage stands on a chain")
    if s.is_lost_race:
        return Step(attention=Attention.LOST_RACE)
    nothing_was = s.source.can_never_be_locked and not s.destination.is_seen
    if nothing_was and s.destination_is_gone:
        return _nothing_was_locked(s)
    if s.facts.status is not S.REFUNDING:
        seen = s.source.is_seen or s.destination.is_seen
        return Step(S.REFUNDING, "a leg holds funds") if seen else Step()
    if s.destination_is_gone and _source_is_back(s):
        return Step(S.REFUNDED, "each funded leg is finally refunded")
    attention = _owed_source(s) or _unread_preimage(s) or _source_is_missed(s)
    wanted = frozenset() if s.destination_is_gone else _order_to_submit(s)
    stop = frozenset({Action.WITHDRAW_SOURCE} if s.destination_is_gone else ())
    return Step(actions=_refund_actions(s) | wanted, stop=stop, attention=attention)


def _nothing_was_locked(s: Filled) -> Step:
    if s.facts.status is S.FAILED:
        return Step(S.REFUNDING, "every funding has fallen out")
    return Step(S.CANCELLED, "no leg was ever locked and none can be any more")


def _source_is_back(s: Filled) -> bool:
    is_repaid = s.source.final is LockState.WITHDRAWN and s.facts.source_is_repaid
    return s.source.final is LockState.REFUNDED or s.source.can_never_be_locked or is_repaid


def _unread_preimage(s: Filled) -> Attention | None:
    """The maker has withdrawn, and we have not read with what: a person must find it in time."""
    taken = s.destination.head is LockState.WITHDRAWN
    return Attention.PREIMAGE_UNKNOWN if taken and not s.facts.secret_is_shown else None


def _source_is_missed(s: Filled) -> Attention | None:
    """It may be needed against our lock; and what was final and is gone has no end by itself."""
    is_missed = s.source.stood_finally or not s.destination_is_gone
    return _vanished_source(s) if is_missed else None


def _owed_source(s: Filled) -> Attention | None:
    """From when on a person can release it."""
    owed = s.source.has_reached_us and not s.facts.source_is_repaid
    return Attention.REPAYMENT_OWED if owed and s.destination_is_gone else None


def _refund_actions(s: Filled) -> frozenset[Action]:
    """The source only after the destination is finally back or can never be locked (rule 4)."""
    due = set()
    if _destination_is_refundable(s):
        due.add(Action.REFUND_DESTINATION)
    if s.destination_is_gone and s.source.head is LockState.OPEN:
        expired = s.facts.clocks.source_head >= s.deadlines.source_timelock
        due.add(Action.REFUND_SOURCE if expired else Action.REFUND_SOURCE_EARLY)
    if s.destination_is_gone and s.source.has_reached_us:
        due.add(Action.REPAY_SOURCE)  # made only when a person releases it
    return frozenset(due)


def _completed(s: Filled) -> Step:
    if {s.source.final, s.destination.final} != {LockState.WITHDRAWN}:
        return _back(S.COMPLETED, "a withdrawal left the final chain")
    return Step()


def _refunded(s: Filled) -> Step:
    if not (s.destination_is_gone and _source_is_back(s)):
        return _back(S.REFUNDED, "a refund left the final chain")
    return Step()


def _cancelled(s: Filled) -> Step:
    if s.source.is_seen:
        return _back(S.CANCELLED, "a source lock appeared after all")
    return Step()


def _back(status: Status, reason: str) -> Step:
    return Step(BACK[status], reason, by_reorganisation=True)


_AFTER_THE_FILL: dict[Status, Callable[[Filled], Step]] = {
    S.INITIALIZED: _executing,
    S.EXECUTING: _executing,
    S.SOURCE_LOCKING: _source_locking,
    S.SOURCE_LOCKED: _source_locked,
    S.DESTINATION_LOCKING: _destination_locking,
    S.BOTH_LOCKED: _both_locked,
    S.REVEALING_SECRET: _revealing,
    S.COMPLETED: _completed,
    S.CANCELLED: _cancelled,
    S.FAILED: _returning,
    S.TIMEOUT: _returning,
    S.REFUNDING: _returning,
    S.REFUNDED: _refunded,
}
