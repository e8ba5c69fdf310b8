"""Locks for us that no session agreed on: recorded, shown, given back early, repaid when taken.

Nothing here asks a session to move. A lock of exactly a leg's terms is that leg and never surplus.
"""

from collections.abc import Iterable, Mapping
from fractions import Fraction
from math import ceil
from typing import Final
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q
from django.utils import timezone

from auctions_app.market import current_market
from auctions_app.prices import PriceUnavailableError
from auctions_app.routes import Side
from chains_app.adapters.interface import ChainError
from chains_app.agreement import require_agreement
from chains_app.config import ConfigurationError
from chains_app.intents import plan_intent
from chains_app.locks import Call, LockState, LockTerms
from chains_app.models import SeenLock, Watch
from chains_app.ports import Moment, Verdict
from chains_app.registry import chains, get_adapter, get_chain, signing_keys
from chains_app.selectors import DISTRUST, LegFacts, chain_clocks, leg_facts, repaid
from chains_app.signers import SignerRole
from chains_app.watching import WatchConflictError, watch_lock
from orchestrator.audit.acts import NotDoneError
from orchestrator.kernel.amounts import in_coins
from orchestrator.kernel.clock import wall_clock
from orchestrator.queries import Select
from sessions_app.binding import FACTS_AGE
from sessions_app.lifecycle import NEVER_TOO_LATE
from sessions_app.models import ENDED, Leg, Role, Session, Surplus

BATCH: Final = 100
AFTER_SESSIONS: Final = -1  # urgency: strangers' money waits behind what sessions do
State = Surplus.State
_UNDECIDED: Final = (State.OPEN, State.OWED)

_KNOWN: Final = Surplus.objects.filter(
    chain=OuterRef("chain"), lock_id=OuterRef("lock_id"), terms=OuterRef("terms_json")
)
_NEW: Final = Select(
    lambda: SeenLock.objects.filter(~Exists(_KNOWN), is_for_us=True).order_by("pk")[:BATCH]
)
_WAITING: Final = Select(
    lambda: (
        Surplus.objects.filter(Q(state__in=_UNDECIDED) | Q(checked_at=None))
        .order_by(F("checked_at").asc(nulls_first=True))
        .values_list("pk")[:BATCH]
    )
)


def sweep() -> int:
    """Record what the poller saw, and look again at what is undecided; how many were recorded."""
    recorded = _record_new()
    if ids := [pk for (pk,) in _WAITING.all()]:
        follow(ids)
    return recorded


def _record_new() -> int:
    return sum(_record(seen) for seen in _NEW.all())


def _record(seen: SeenLock) -> bool:
    """False for one that is a session's leg after all; it is not looked at again."""
    terms, spec = seen.terms, get_chain(seen.chain)
    session = Session.objects.filter(hashlock=terms.hashlock).first()
    surplus = Surplus(
        session=session, chain=seen.chain, lock_id=seen.lock_id, terms=terms.to_json(),
        reason=_reason(session, terms),
    )  # fmt: skip
    try:
        with transaction.atomic():
            Surplus.objects.bulk_create([surplus], ignore_conflicts=True)
            if Surplus.objects.filter(pk=surplus.pk).exists():  # else another recorded it
                watch_lock(
                    reference=surplus.pk, terms=terms, tier=spec.slowest_tier, pays_out=False
                )
    except WatchConflictError:
        SeenLock.objects.filter(pk=seen.pk).update(is_for_us=False)
        return False
    return True


def _reason(session: Session | None, terms: LockTerms) -> str:
    """How it differs from what was agreed."""
    if session is None:
        return "no session has its hashlock"
    leg = session.legs.filter(role=Role.SOURCE).first()
    if leg is None:
        return "its session has agreed on no lock"
    agreed = leg.lock_terms
    if terms.chain != agreed.chain:
        return f"on {terms.chain}, not {agreed.chain}"
    names = ("depositor", "token", "amount", "lock_by", "timelock")
    other = [name for name in names if getattr(terms, name) != getattr(agreed, name)]
    return f"other {', '.join(other)} than agreed"


# --- its course -----------------------------------------------------------------------------------
def follow(ids: Iterable[UUID]) -> None:
    """Note how these stand, and have those given back that may be."""
    with transaction.atomic():
        rows = Surplus.objects.filter(pk__in=list(ids)).order_by("pk")
        found = list(rows.select_related("session").select_for_update(of=("self",)))
        references = [each.pk for each in found]
        facts, given_back = (leg_facts(references), repaid(references)) if found else ({}, set())
        for surplus in found:
            _note(surplus, facts.get(surplus.pk), is_repaid=surplus.pk in given_back)


def _note(surplus: Surplus, facts: LegFacts | None, *, is_repaid: bool) -> None:
    terms = surplus.lock_terms
    surplus.state = _state(terms, facts, is_repaid=is_repaid)
    surplus.checked_at = timezone.now()
    surplus.save(update_fields=["state", "checked_at"])
    if facts is not None and refund_objection(surplus, facts) is None:
        plan_intent(
            reference=surplus.pk, call=Call.REFUND_EARLY, terms=terms, send_by=NEVER_TOO_LATE,
            urgency=AFTER_SESSIONS,
        )  # fmt: skip


def _state(terms: LockTerms, facts: LegFacts | None, *, is_repaid: bool) -> State:
    """By final readings; a repayment counts while what it was for is there."""
    if facts is None:
        return State.OPEN
    match facts.final:
        case LockState.WITHDRAWN:
            return State.REPAID if is_repaid else State.OWED
        case LockState.REFUNDED:
            return State.REFUNDED
        case LockState.ABSENT if facts.head is LockState.ABSENT:
            return State.GONE if facts.final_time > terms.lock_by else State.OPEN
        case _:
            return State.OPEN


def refund_objection(surplus: Surplus, facts: LegFacts) -> str | None:
    """Why it is not given back early now, or None."""
    if (facts.head, facts.final) != (LockState.OPEN, LockState.OPEN):
        return "it is not open and final"
    value, floor = worth(surplus.lock_terms), _floor(surplus.lock_terms)
    if value is None or floor is None:
        return "nobody knows what it is worth: it is left to its timelock"
    if value <= floor:
        dollars = in_coins(ceil(floor * 100), 2)
        return f"it is not worth more than {dollars} dollars: it is left to its timelock"
    return _session_objection(surplus)


def _floor(terms: LockTerms) -> Fraction | None:
    """Dollars; not less than what giving it back may cost us, where a fee is raised to its cap.

    None of a token that is none of ours, or while fees have no price.
    """
    market = current_market()
    try:
        fee = _side(terms).cost_value(market.prices, Call.REFUND_EARLY)
    except (ConfigurationError, PriceUnavailableError):
        return None
    return max(Fraction(market.surplus_floor_dollars), fee)


def _leg_objection(surplus: Surplus) -> str | None:
    """A place holds one lock: where a leg's stands or stood, this is that one, however spelled."""
    others = Watch.objects.filter(chain=surplus.chain, lock_id=surplus.lock_id)
    legs = leg_facts(others.exclude(reference=surplus.pk).values_list("reference", flat=True))
    stands = any(each.head is not LockState.ABSENT or each.stood_finally for each in legs.values())
    return "a session's leg stands at its place" if stands else None


def _session_objection(surplus: Surplus) -> str | None:
    """A session's leg is its own machine's; one that has none yet may make one."""
    if (is_a_leg := _leg_objection(surplus)) is not None:
        return is_a_leg
    if (forgotten := forgotten_lock(surplus.lock_terms.hashlock, all_read=True)) is not None:
        return forgotten
    session = surplus.session
    if session is None:
        return None
    legs = [leg.lock_terms for leg in Leg.objects.filter(session=session)]
    if surplus.lock_terms in legs:
        return f"it is a leg of session {session.pk}"
    if not legs and session.status not in ENDED:
        return f"session {session.pk} has not fixed its legs yet"
    return None


def forgotten_lock(hashlock: bytes, *, all_read: bool) -> str | None:
    """Why a lock of ours may stand under this hashlock that no leg is: a database that was put back
    has forgotten it. `all_read`: also where not every chain is read to its head, with all locks.
    """
    if all_read and (unread := _unread()) is not None:
        return unread
    for seen in SeenLock.objects.filter(hashlock=hashlock):
        if seen.terms.depositor in {k.account for k in signing_keys(seen.chain, SignerRole.LOCK)}:
            return f"a forgotten lock of ours, {seen.lock_id}, stands on {seen.chain}"
    return None


def _unread() -> str | None:
    """Which chain may hold locks of ours that were not read: its cursor is old or lags behind the
    others and the wall, or strangers' locks were too many for a page.
    """
    clocks, wall = chain_clocks(), wall_clock()
    latest = max([wall, *(clock.head_time for clock in clocks.values())])
    slack = current_market().durations["clock_slack"]
    for chain in chains():
        if (stale := _staleness(chain)) is not None:
            return stale
        clock, bound = clocks.get(chain), get_chain(chain).stale_after
        if clock is None or (bound is not None and latest - clock.head_time > slack):
            return f"{chain} is not read to its head"
        if clock.left_out_at > wall - DISTRUST:
            return f"locks on {chain} were left out within the last day"
    return None


def _side(terms: LockTerms) -> Side:
    spec = get_chain(terms.chain)
    return Side(spec, spec.asset(terms.token), {})


def worth(terms: LockTerms) -> Fraction | None:
    """Dollars; None of a token that is none of ours, or has no price."""
    spec = get_chain(terms.chain)
    if terms.token is not None and terms.token not in spec.tokens:
        return None
    try:
        return _side(terms).value(terms.amount, current_market().prices)
    except PriceUnavailableError:
        return None


# --- the outbox's guard, and the release of what is owed ------------------------------------------
def judge(call: Call, reference: UUID, moment: Moment) -> Verdict:
    """Whether a write on a surplus may be signed or sent for the first time; reads the chain."""
    surplus = Surplus.objects.select_related("session").get(pk=reference)
    facts = leg_facts([reference])[reference]
    reason = _staleness(surplus.chain) or _objection(call, surplus, facts)
    if reason is None and call is Call.REPAY:
        reason = _payment_problem(surplus)
    seen = {"head": facts.head.value, "final": facts.final.value, "paid": facts.final_paid}
    inputs = {"surplus": surplus.reason, "moment": moment.value, **seen}
    return Verdict(ok=reason is None, reason=reason or "agreed", inputs=inputs)


def _objection(call: Call, surplus: Surplus, facts: LegFacts) -> str | None:
    if call is Call.REFUND_EARLY:
        return refund_objection(surplus, facts)
    if call is Call.REPAY:
        return _repay_objection(surplus, facts)
    return f"{call.value} is never ours on a surplus"


def _repay_objection(surplus: Surplus, facts: LegFacts) -> str | None:
    if surplus.pk in repaid([surplus.pk]):
        return "it is repaid already"
    if (is_a_leg := _leg_objection(surplus)) is not None:
        return is_a_leg
    if facts.final is not LockState.WITHDRAWN or not facts.final_paid:
        return f"it has not reached us: its lock is {facts.final.value} when final"
    return None


def _staleness(chain: str) -> str | None:
    bound, clock = get_chain(chain).stale_after, chain_clocks().get(chain)
    if bound is None:
        return None
    if clock is None or clock.advanced_at is None:
        return f"{chain} was not read yet"
    age = wall_clock() - clock.advanced_at.timestamp()
    return f"the head of {chain} is stale" if age > min(bound, FACTS_AGE) else None


def _payment_problem(surplus: Surplus) -> str | None:
    terms = surplus.lock_terms
    try:
        require_agreement(surplus.pk)
        return get_adapter(terms.chain).repayment_problem(terms, terms.beneficiary)
    except ChainError as error:
        return f"a chain could not be asked: {error}"


def require_owed(surplus: Surplus) -> None:
    """Raises NotDoneError."""
    facts: Mapping[UUID, LegFacts] = leg_facts([surplus.pk])
    reason = _repay_objection(surplus, facts[surplus.pk])
    if reason is not None:
        raise NotDoneError(f"nothing is owed of surplus {surplus.pk}: {reason}")
