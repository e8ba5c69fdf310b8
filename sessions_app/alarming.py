"""When a session begins, and no longer has, to need a person; and which duties are overdue."""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from functools import partial
from typing import Final
from uuid import UUID

import structlog
from django.db import transaction
from django.utils import timezone

from auctions_app.services import close_route
from chains_app.locks import Call, LockState
from chains_app.selectors import LegFacts
from orchestrator.kernel.clock import instant
from sessions_app.binding import Evidence
from sessions_app.domain.attention import Attention, advice_for
from sessions_app.domain.plan import Step
from sessions_app.lifecycle import WRITES
from sessions_app.models import Role, Session

log = structlog.get_logger(__name__)

DUTIES: Final[Mapping[Call, Attention]] = {
    Call.WITHDRAW: Attention.WITHDRAWAL_OVERDUE,
    Call.REFUND: Attention.REFUND_OVERDUE,
    Call.REFUND_EARLY: Attention.REFUND_OVERDUE,
    Call.PAY: Attention.PAYOUT_OVERDUE,
}
Overdue = Mapping[UUID, Mapping[tuple[Role, Call], Attention]]  # by session


def time_for_a_duty(inclusion: int) -> timedelta:
    """After which it is overdue: what one transaction may take (seconds), and as long again."""
    return timedelta(seconds=2 * inclusion)


def overdue_duties(sessions: Iterable[Session], evidence: Evidence) -> Overdue:
    """Those writes of each session that are due for too long, and not at the head."""
    policies = {session.id: session.timelock_policy for session in sessions}
    legs = {leg.id: leg for both in evidence.legs.values() for leg in both.values()}
    found: dict[UUID, dict[tuple[Role, Call], Attention]] = {}
    now = timezone.now()
    for (reference, call), write in evidence.writes.items():
        if call not in DUTIES or not write.is_open:
            continue
        leg, facts = legs[reference], evidence.facts.get(reference)
        is_late = now - write.since > time_for_a_duty(policies[leg.session_id].inclusion)
        if is_late and facts is not None and not _is_at_head(call, facts):
            found.setdefault(leg.session_id, {})[Role(leg.role), call] = DUTIES[call]
    return found


def _is_at_head(call: Call, facts: LegFacts) -> bool:
    """And believed: what no two nodes tell may hide that nothing was done."""
    is_there = facts.head_paid if call is Call.PAY else facts.head is not LockState.OPEN
    return is_there and not facts.is_doubted


def attention_for(session: Session, step: Step, overdue: Overdue) -> Attention | None:
    """The machine's own reason comes first; then a duty that is due still, and overdue."""
    due = {WRITES[action] for action in step.actions & WRITES.keys()}
    late = overdue.get(session.id, {})
    others = (late[each] for each in late if each in due or each[1] is Call.PAY)
    return step.attention or next(others, None)


def set_attention(session: Session, attention: Attention | None, evidence: Evidence) -> None:
    """Since when and why; a line in the log when it begins, and when it is over."""
    before, now = session.attention, attention or ""
    if before == now:
        return
    if attention is Attention.SOURCE_LOCK_VANISHED:
        close_route(session.quote.route_id)
    session.attention = now
    session.attention_since = instant(evidence.now) if now else None
    transaction.on_commit(partial(tell, session.id, now or before, is_over=not now))


def tell(session_id: UUID, reason: str, *, is_over: bool = False) -> None:
    """One line for who watches the log."""
    about = {"session_id": str(session_id), "reason": reason}
    advice = advice_for(reason)
    if is_over:
        log.info("attention_over", **about)
    else:
        what = {} if advice is None else {"title": advice.title, "page": advice.page}
        log.error("attention", **about, **what)
