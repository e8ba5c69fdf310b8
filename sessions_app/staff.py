"""What staff can ask and do, in commands and admin, with any session; never a status by hand.

Each act records a fact or makes work due, and the machine goes on from there by its own rules.
"""

from datetime import timedelta
from typing import Final
from uuid import UUID

from django.utils import timezone

from chains_app.intents import release_repayment
from chains_app.locks import Call, LockTerms
from chains_app.models import OPEN_INTENTS, Attempt, Intent, IntentStatus
from chains_app.registry import get_chain
from chains_app.selectors import writes_left
from chains_app.staff import retry_writes, send_again, waiting_attempts
from orchestrator.audit.acts import Act, NotDoneError
from orchestrator.audit.models import AuditEntry, Kind
from orchestrator.kernel.clock import iso, wall_clock
from sessions_app.binding import Evidence
from sessions_app.coordinator import advance, advance_locked
from sessions_app.domain.attention import advice_for
from sessions_app.domain.guards import objection
from sessions_app.domain.plan import Action
from sessions_app.domain.states import ENDS, Status
from sessions_app.lifecycle import lock_sessions
from sessions_app.models import Leg, Role, Session, Surplus
from sessions_app.selectors import SessionNotFoundError, sessions_in_need
from sessions_app.services import CANCELLABLE, why_not_cancellable
from sessions_app.surplus import require_owed, worth

OVERDUE: Final = timedelta(seconds=60)  # a due session waits a second, as long as workers run
_RETURNING: Final = (Status.TIMEOUT, Status.FAILED, Status.REFUNDING)
_REFUNDABLE: Final = (Status.SOURCE_LOCKING, Status.SOURCE_LOCKED, Status.DESTINATION_LOCKING)


def find_session(session_id: UUID | str) -> Session:
    """Anybody's session with its quote and client; raises SessionNotFoundError."""
    rows = Session.objects.select_related("quote", "client")
    found = rows.filter(pk=_uuid(session_id)).first()
    if found is None:
        raise SessionNotFoundError(f"no session {session_id}")
    return found


def _uuid(session_id: UUID | str) -> UUID:
    if isinstance(session_id, UUID):
        return session_id
    try:
        return UUID(session_id)
    except ValueError:
        raise SessionNotFoundError(f"no session {session_id[:40]!r}: give its UUID") from None


def _lock(session_id: str) -> Session:
    """Its row, locked; raises SessionNotFoundError."""
    session = next(iter(lock_sessions([_uuid(session_id)])), None)
    if session is None:
        raise SessionNotFoundError(f"no session {session_id}")
    return session


def stuck_sessions(*, limit: int = 200) -> list[Session]:
    """Those that call for a person, then those that nobody drives though they are due."""
    in_need = sessions_in_need(limit=limit)
    due_since = timezone.now() - OVERDUE
    overdue = Session.objects.filter(attention_since=None, wake_at__lt=due_since)
    return in_need + list(overdue.order_by("wake_at")[: limit - len(in_need)])


def owed_surplus(*, limit: int = 200) -> list[Surplus]:
    """What reached us through locks that no session agreed on, and is not repaid: the dearest
    first, and nothing in coins that are none of ours, which anybody can send without end.
    """
    rows = Surplus.objects.filter(state=Surplus.State.OWED).order_by("chain", "pk")
    known = [each for each in rows.iterator() if _is_a_coin_of_ours(each.lock_terms)]
    known.sort(key=lambda each: worth(each.lock_terms) or 0, reverse=True)
    return known[:limit]


def _is_a_coin_of_ours(terms: LockTerms) -> bool:
    return terms.token is None or terms.token in get_chain(terms.chain).tokens


def what_people_did(session: Session) -> list[AuditEntry]:
    """With this session, in order."""
    entries = AuditEntry.objects.filter(kind=Kind.SESSION, subject=str(session.pk))
    return list(entries.order_by("at", "pk"))


# --- retry ----------------------------------------------------------------------------------------
def retry_session() -> Act[Session | Surplus]:
    """Drive a session and its open chain writes now, instead of after their pauses and whatever
    failed before; also what an ended one, or a surplus, still owes. Every guard is asked as ever.
    """
    return Act("retry_session", Kind.SESSION, _lock_owed, _plan_retry, _retry, _drive_if_session)


def _references(owed: Session | Surplus) -> list[UUID]:
    if isinstance(owed, Surplus):
        return [owed.pk]
    return list(owed.legs.values_list("pk", flat=True))


def _status(owed: Session | Surplus) -> str:
    return owed.state if isinstance(owed, Surplus) else owed.status


def _plan_retry(owed: Session | Surplus) -> str:
    open_ones = Intent.objects.filter(reference__in=_references(owed), status__in=OPEN_INTENTS)
    named = ", ".join(f"{each.call} on {each.chain}" for each in open_ones.order_by("pk"))
    has_ended = isinstance(owed, Surplus) or owed.state in ENDS
    if has_ended and not named:
        kind = owed._meta.verbose_name
        raise NotDoneError(f"{kind} {owed.pk} has ended: it is {_status(owed)}, owing nothing")
    return f"drive {owed.pk} ({_status(owed)}) now, and its open writes: {named or 'none'}"


def _retry(owed: Session | Surplus) -> str:
    writes = retry_writes(_references(owed))
    return f"{owed.pk} was {_status(owed)}; {len(writes)} open writes are due now"


def _drive_on(session: Session) -> str:
    """As far as its facts allow; what a fill must know is asked of the nodes."""
    advance([session.pk])
    after = find_session(session.pk)
    advice = advice_for(after.attention)
    needs = "" if advice is None else f", and needs you: {advice.title} ({advice.page})"
    return f"it is {after.status}{needs}"


# --- cancel and refund ----------------------------------------------------------------------------
def cancel_session() -> Act[Session]:
    """Record the wish to cancel, as its client could; what the maker has locked is given back."""
    return Act("cancel_session", Kind.SESSION, _lock, _plan_cancel, _wish)


def _plan_cancel(session: Session) -> str:
    _require_no_wish(session)
    if session.state not in CANCELLABLE:
        raise NotDoneError(why_not_cancellable(session))
    if session.state in (Status.INITIALIZED, Status.EXECUTING):
        return f"cancel {session.pk} ({session.status}): nothing is locked"
    return _plan_of_return(session)


def refund_session() -> Act[Session]:
    """Record the wish that the source goes back. The machine gives it back when our lock was never
    made and never can be (rule 4); a lock of ours that has not left us is voided for it.
    """
    return Act("refund_session", Kind.SESSION, _lock, _plan_refund, _wish)


def _plan_refund(session: Session) -> str:
    if session.state in _RETURNING:
        raise NotDoneError(
            f"session {session.pk} is {session.status}: what it holds is being given back already; "
            "`retry_session` drives it now"
        )
    _require_no_wish(session)
    if session.state in (Status.INITIALIZED, Status.EXECUTING):
        raise NotDoneError(
            f"session {session.pk} is {session.status}: nothing is locked; `cancel_session` ends it"
        )
    if session.state not in _REFUNDABLE or _our_lock_left(session):
        raise NotDoneError(why_not_cancellable(session))
    return _plan_of_return(session)


def _require_no_wish(session: Session) -> None:
    if session.cancel_requested:
        raise NotDoneError(f"session {session.pk} is {session.status}, and cancelled already")


def _plan_of_return(session: Session) -> str:
    source = session.legs.get(role=Role.SOURCE).lock_terms
    return (
        f"make no lock of ours for {session.pk} ({session.status}), and once the source is final "
        f"give {source.amount} base units on {source.chain} back to {source.depositor}"
    )


def _our_lock_left(session: Session) -> bool:
    ours = [leg.pk for leg in session.legs.filter(role=Role.DESTINATION)]
    return any(Call.LOCK in calls for calls in writes_left(ours).values())


def _wish(session: Session) -> str:
    """Raises NotDoneError, and nothing is recorded, when our lock has left meanwhile."""
    before = session.status
    session.cancel_requested = True
    advance_locked([session], {})
    if session.state is Status.DESTINATION_LOCKING:
        raise NotDoneError(why_not_cancellable(session))
    return f"{session.pk} was {before}, is {session.status}"


# --- rebroadcast ----------------------------------------------------------------------------------
def rebroadcast() -> Act[Session]:
    """Give the nodes the same bytes again: only what has left us, is in no block, and would come
    in time (rule 5).
    """
    return Act("rebroadcast", Kind.SESSION, _lock, _plan_rebroadcast, _plan_rebroadcast, _send_all)


def _waiting(session: Session) -> list[Attempt]:
    return waiting_attempts(Leg.objects.filter(session=session).values_list("pk", flat=True))


def _plan_rebroadcast(session: Session) -> str:
    waiting = _waiting(session)
    if not waiting:
        raise NotDoneError(
            f"nothing of session {session.pk} that has left us waits for a block and could still "
            "come in time"
        )
    named = ", ".join(
        f"{each.intent.call} on {each.intent.chain} {each.hash} (left us {iso(each.left_at)})"
        for each in waiting
        if each.left_at is not None
    )
    return f"send the same bytes again: {named}"


def _send_all(session: Session) -> str:
    return send_again(_waiting(session))


# --- repay ----------------------------------------------------------------------------------------
def repay_session() -> Act[Session | Surplus]:
    """Release the repayment of what reached us although the destination came back, or was never
    locked (rule 4). The guard asks again, at the signature and at the first send, whether it is
    owed still.
    """
    return Act(
        "repay_session", Kind.SESSION, _lock_owed, _plan_repayment, _release, _drive_if_session
    )


def _lock_owed(owed_id: str) -> Session | Surplus:
    """The row of a session or a surplus, locked; raises SessionNotFoundError."""
    rows = Surplus.objects.select_for_update().filter(pk=_uuid(owed_id))
    return rows.first() or _lock(owed_id)


def _plan_repayment(owed: Session | Surplus) -> str:
    reference, terms = _owed_lock(owed)
    released = Intent.objects.filter(reference=reference, call=Call.REPAY.value).first()
    if released is not None:
        raise NotDoneError(_why_released(owed, released))
    if isinstance(owed, Surplus):
        require_owed(owed)
    else:
        _require_owed(owed)
    if not _is_a_coin_of_ours(terms):
        raise NotDoneError(f"{terms.token} on {terms.chain} is none of our tokens: nothing is paid")
    coin = get_chain(terms.chain).asset(terms.token).symbol
    return (
        f"pay {terms.amount} base units of {coin} on {terms.chain} from {terms.beneficiary} to "
        f"{terms.depositor}, once: they reached us for {owed.pk}, and nobody was paid for them"
    )


def _owed_lock(owed: Session | Surplus) -> tuple[UUID, LockTerms]:
    if isinstance(owed, Surplus):
        return owed.pk, owed.lock_terms
    source = owed.legs.filter(role=Role.SOURCE).first()
    if source is None:
        raise NotDoneError(f"session {owed.pk} is {owed.status}, and nothing was locked for it")
    return source.pk, source.lock_terms


def _require_owed(session: Session) -> None:
    facts = Evidence.gather([session], wall_clock()).snapshot(session)
    reason = objection(facts, Action.REPAY_SOURCE)
    if reason is not None:
        said = f"session {session.pk} is {session.status}, and nothing is to be repaid for it now"
        raise NotDoneError(f"{said}: {reason}")


def _why_released(owed: Session | Surplus, released: Intent) -> str:
    if released.status == IntentStatus.DONE:
        return f"what was owed for {owed.pk} is repaid already"
    return (
        f"the repayment for {owed.pk} was released already and is under way: `retry_session` "
        "tries it now"
    )


def _release(owed: Session | Surplus) -> str:
    reference, terms = _owed_lock(owed)
    release_repayment(reference=reference, terms=terms)
    return f"{terms.amount} base units on {terms.chain} are to be repaid to {terms.depositor}"


def _drive_if_session(owed: Session | Surplus) -> str:
    return _drive_on(owed) if isinstance(owed, Session) else ""
