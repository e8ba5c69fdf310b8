"""The only writer of a session's status (rule 9).

A `Commit` is made inside the transaction that holds the sessions' locks. It collects the moves of a
batch, plans and voids their chain writes as they are decided, and writes all rows at the end.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache, partial
from typing import Final
from uuid import UUID

from django.db import connection, transaction

from chains_app.intents import plan_intent, stop_intent, void_intents
from chains_app.locks import Call, LockTerms
from chains_app.models import IntentStatus
from chains_app.outbox.effects import last_useful_moment
from chains_app.selectors import Write
from orchestrator.kernel.clock import Seconds
from orchestrator.kernel.errors import OrchestratorError
from orchestrator.queries import Given, Select, write_all
from sessions_app.counting import count_on_commit
from sessions_app.domain.plan import Action, Step
from sessions_app.domain.states import Status, is_allowed
from sessions_app.models import Leg, Role, Session, Transition
from sessions_app.notices import ring

Legs = Mapping[Role, Leg]
Writes = Mapping[tuple[UUID, Call], Write]

WRITES: Final[Mapping[Action, tuple[Role, Call]]] = {
    Action.LOCK_SOURCE: (Role.SOURCE, Call.LOCK_FOR),
    Action.LOCK_DESTINATION: (Role.DESTINATION, Call.LOCK),
    Action.WITHDRAW_DESTINATION: (Role.DESTINATION, Call.WITHDRAW),
    Action.WITHDRAW_SOURCE: (Role.SOURCE, Call.WITHDRAW),
    Action.REFUND_DESTINATION: (Role.DESTINATION, Call.REFUND),
    Action.REFUND_SOURCE: (Role.SOURCE, Call.REFUND),
    Action.REFUND_SOURCE_EARLY: (Role.SOURCE, Call.REFUND_EARLY),
}  # a repayment is not among them: a person releases it
NEVER_TOO_LATE: Final = Seconds(2**40)
_CHANGING: Final = [
    "status", "version", "is_executed", "auction_started_at", "cancel_requested", "is_reserved",
    "holds_gas", "source_seen_in_time", "secret_is_shown", "attention", "attention_since",
    "expires_at", "wake_at",
]  # fmt: skip


class MoveNotAllowedError(OrchestratorError):
    """A move that is not in the table of states; a fault of ours, nothing was written."""

    code = "move_not_allowed"


def lock_sessions(session_ids: Iterable[UUID]) -> list[Session]:
    """The sessions, their rows locked in the order of their ids (rule 8)."""
    rows = Session.objects.select_for_update(of=("self",), no_key=True).filter(
        id__in=list(session_ids)
    )
    return list(rows.select_related("quote").order_by("id"))


def claim_due(now: datetime, limit: int) -> list[Session]:
    """At most `limit` sessions whose time has come and that nobody else has locked."""
    return _due(limit).all(now=now)


@cache
def _due(limit: int) -> Select[Session]:
    rows = Session.objects.select_for_update(of=("self",), no_key=True, skip_locked=True)
    due = rows.filter(wake_at__lte=Given("now")).select_related("quote").order_by("wake_at")
    return Select(lambda: due[:limit])


class Commit:
    """What one transaction does to the sessions that it has locked."""

    def __init__(self, now: datetime) -> None:
        if not connection.in_atomic_block:
            raise transaction.TransactionManagementError("a commit needs its caller's transaction")
        self._now = now
        self._transitions: list[Transition] = []

    def begin(self, session: Session) -> None:
        """Store a new session, with the transition that every feed starts from."""
        session.version = 1
        session.save(force_insert=True)
        self._record(session, "", "the session was created", by_reorganisation=False)

    def move(self, session: Session, step: Step, legs: Legs) -> bool:
        """Make a step's move. False, and nothing done, when a write that it counts on never leaving
        has left: look at the facts again. Raises MoveNotAllowedError.
        """
        if step.move_to is None:
            return True
        before, after = Status(session.status), step.move_to
        if not is_allowed(before, after, by_reorganisation=step.by_reorganisation):
            raise MoveNotAllowedError(f"{session.id}: {before.value} to {after.value}")
        if not _void(step.void, legs):
            return False
        session.status = after.value
        session.version += 1
        self._record(session, before.value, step.reason, step.by_reorganisation)
        return True

    def plan(
        self, session: Session, actions: frozenset[Action], legs: Legs, writes: Writes
    ) -> None:
        """Have these writes made; those that are among `writes`, read under the sessions' locks,
        stay as they are, but for void ones.
        """
        for action in sorted(actions & WRITES.keys(), key=lambda each: each.value):
            role, call = WRITES[action]
            terms, known = legs[role].lock_terms, writes.get((legs[role].id, call))
            if known is not None and known.status is not IntentStatus.VOID:
                continue
            plan_intent(
                reference=legs[role].id,
                call=call,
                terms=terms,
                send_by=_send_by(action, call, terms),
                secret_id=session.secret_id if call is Call.WITHDRAW else None,
                order=session.order if call is Call.LOCK_FOR else None,
            )

    def stop(self, actions: frozenset[Action], legs: Legs, writes: Writes) -> None:
        """Push these writes on no longer, whatever has left; `writes` as above."""
        for role, call in (WRITES[action] for action in actions):
            known = writes.get((legs[role].id, call))
            if known is not None and known.is_open:
                stop_intent(legs[role].id, call)

    def write(self, sessions: Sequence[Session]) -> None:
        """Write all rows, and ring the feed's doorbell once they are committed."""
        write_all(sessions, _CHANGING)
        count_on_commit(self._transitions)
        Transition.objects.bulk_create(self._transitions)
        newest = {transition.session_id: transition.seq for transition in self._transitions}
        if newest:
            transaction.on_commit(partial(ring, newest.items()))

    def _record(self, session: Session, before: str, reason: str, by_reorganisation: bool) -> None:
        self._transitions.append(
            Transition(
                session=session,
                seq=session.version,
                before=before,
                after=session.status,
                reason=reason,
                by_reorganisation=by_reorganisation,
                at=self._now,
            )
        )


def _send_by(action: Action, call: Call, terms: LockTerms) -> Seconds:
    """The last instant at which the contract could still take the call, by any clock. Nothing but a
    fee is at risk with a source that is ours by now: its own chain's clock alone ends that.
    """
    last = None if action is Action.WITHDRAW_SOURCE else last_useful_moment(call, terms)
    return NEVER_TOO_LATE if last is None else last


def _void(actions: Iterable[Action], legs: Legs) -> bool:
    writes = [WRITES[action] for action in actions]
    return all(void_intents(legs[role].id, [call]) for role, call in writes)
