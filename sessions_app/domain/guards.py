"""What each chain write is asked before it is signed and before it first leaves us (rule 5).

The answers are `next_step`'s own on fresh facts, so that no rule of the machine is written twice.
"""

from collections.abc import Callable
from dataclasses import replace

from chains_app.locks import LockState
from sessions_app.domain.filled import Filled, filled
from sessions_app.domain.plan import Action, next_step
from sessions_app.domain.snapshot import Snapshot


def objection(facts: Snapshot, action: Action) -> str | None:
    """Why this write must not be signed or sent now, in words; None when it may."""
    if action is Action.REPAY_SOURCE and not facts.chains_are_fresh:
        return "a chain's head is stale"
    after_the_fill = filled(facts)
    if after_the_fill is None:
        return None if action in next_step(facts).actions else "the session was not filled"
    return _GUARDS.get(action, _only_when_due)(after_the_fill, action)


def _only_when_due(s: Filled, action: Action) -> str | None:
    step = next_step(s.facts)
    if action in step.actions:
        return None
    return step.reason or f"not due while the session is {s.facts.status.value}"


def _lock(s: Filled, action: Action) -> str | None:
    """A lock is judged as if none of ours had left: a new attempt is a new lock (rule 2)."""
    if not s.facts.chains_are_fresh:
        return "a chain's head is stale"
    if s.destination.is_seen:
        return "our lock is there already"
    if not s.facts.liquidity_is_reserved:
        return "the reservation has ended"
    return _only_when_due(replace(s, facts=replace(s.facts, destination_lock_left=False)), action)


def _reveal(s: Filled, action: Action) -> str | None:
    """Once the secret has left us or stands on a chain, the maker must be paid (rule 4)."""
    not_due = _only_when_due(s, action)
    if not_due is not None:
        return not_due
    if s.facts.secret_left or s.facts.secret_is_shown:
        is_open = s.destination.head is LockState.OPEN or s.destination.is_doubted
        return None if is_open else "our lock is not open"
    return s.reveal_objection


_GUARDS: dict[Action, Callable[[Filled, Action], str | None]] = {
    Action.LOCK_DESTINATION: _lock,
    Action.WITHDRAW_DESTINATION: _reveal,
}
