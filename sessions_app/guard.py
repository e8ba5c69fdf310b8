"""The ports of the outbox: may this write be signed or sent now, and the secret that it needs.

Every answer is derived anew from the stored facts by the machine's own rules (`domain.guards`).
What only a node can tell is asked here, without the secret (rule 3), outside of any transaction.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from enum import Enum
from functools import partial
from typing import Any, Final
from uuid import UUID

from auctions_app.selectors import gas_of_others
from chains_app import ports
from chains_app.adapters.interface import ChainError, SigningKey
from chains_app.agreement import require_agreement
from chains_app.locks import PRELIMINARIES, Call, LockState, LockTerms
from chains_app.outbox.caps import cap_problem
from chains_app.ports import Moment, Verdict
from chains_app.registry import get_adapter, get_chain, signing_keys
from chains_app.selectors import PAUSED_KEYS, is_withdrawn_for_good, leg_facts
from chains_app.signers import SignerRefusedError, SignerRole, all_paused
from orchestrator.kernel.clock import instant, seconds, wall_clock
from orchestrator.kernel.hashlock import Secret, fits
from orchestrator.queries import Given, Select
from secrets_app.services import open_secret
from sessions_app import surplus
from sessions_app.binding import FACTS_AGE, Evidence, Legs
from sessions_app.domain.guards import objection
from sessions_app.domain.plan import Action
from sessions_app.domain.snapshot import Snapshot
from sessions_app.gasless import submission_problem
from sessions_app.lifecycle import WRITES
from sessions_app.models import Leg, Role, Session

_ACTIONS: Final[Mapping[tuple[Role, Call], Action]] = {
    **{write: action for action, write in WRITES.items()},
    (Role.SOURCE, Call.REPAY): Action.REPAY_SOURCE,
}
_RISKING_OURS: Final = {Action.LOCK_DESTINATION, Action.WITHDRAW_DESTINATION}
_LEG: Final = Select(lambda: Leg.objects.filter(id=Given("reference")).select_related("session"))
GUARDED: Final = (
    Call.LOCK,
    Call.LOCK_FOR,
    Call.WITHDRAW,
    Call.REFUND,
    Call.REFUND_EARLY,
    Call.REPAY,
    *PRELIMINARIES,
)


def register_ports() -> None:
    """Tell the outbox whom to ask; once, at boot."""
    for call in GUARDED:
        ports.register_guard(call, partial(judge, call))
    ports.register_secret_opener(open_for_withdrawal)


def judge(call: Call, reference: UUID, moment: Moment) -> Verdict:
    """Whether a leg's write may be signed or sent for the first time; reads the chains.

    A preliminary may be made exactly when its lock may: nothing is spent for one that may not.
    """
    leg = _LEG.first(reference=reference)
    if leg is None:
        return surplus.judge(call, reference, moment)
    guarded = Call.LOCK if call in PRELIMINARIES else call
    session, action = leg.session, _ACTIONS.get((Role(leg.role), guarded))
    if action is None:
        return Verdict(ok=False, reason=f"{call.value} is never ours on the {leg.role} leg")
    evidence = Evidence.gather([session], wall_clock())
    evidence.bind(session)
    facts = evidence.snapshot(session, age=FACTS_AGE)
    inputs = {"action": action.value, "moment": moment.value, "facts": _to_json(asdict(facts))}
    reason = objection(facts, action)
    if reason is None and action is Action.LOCK_SOURCE:
        reason = submission_problem(session)
    if reason is None and _is_a_risk(action, facts):
        reason = _problem_on_chain(session, evidence.legs[session.id], call)
    if reason is None and action is Action.REFUND_SOURCE_EARLY:
        reason = _lock_of_ours(session, evidence.legs[session.id], left=facts.destination_lock_left)
    if reason is None and action is Action.REPAY_SOURCE:
        reason = _repayment_problem(evidence.legs[session.id])
    return Verdict(ok=reason is None, reason=reason or "agreed", inputs=inputs)


def _is_a_risk(action: Action, facts: Snapshot) -> bool:
    """Whether something that we can still keep would leave us: our money, or the secret."""
    return action in _RISKING_OURS and not (facts.secret_left or facts.secret_is_shown)


def _lock_of_ours(session: Session, legs: Legs, *, left: bool) -> str | None:
    """Why a lock of ours may stand against the source, which is then not given back (rule 4).

    One that left us is back as two nodes tell it. That none has left is not believed of our own
    records alone: a database that was put back has forgotten it.
    """
    fixed = Role.DESTINATION in legs and not session.is_gasless  # else another fill may fix others
    forgotten = surplus.forgotten_lock(bytes(session.hashlock), all_read=not fixed)
    if forgotten is not None or Role.DESTINATION not in legs:
        return forgotten
    if left:
        return _disagreement(legs[Role.DESTINATION])
    terms = legs[Role.DESTINATION].lock_terms
    try:
        adapter = get_adapter(terms.chain)
        state = adapter.read_lock(terms, adapter.head()).state
    except ChainError as error:
        return f"a chain could not be asked: {error}"
    return None if state is LockState.ABSENT else f"our lock is {state.value}, and was forgotten"


def _disagreement(destination: Leg) -> str | None:
    """Why our lock may not be back, as one node alone tells it; from its timelock on the source
    goes back without this question.
    """
    try:
        require_agreement(destination.id, is_over=True)
    except ChainError as error:
        return f"a chain could not be asked: {error}"
    return None


def _problem_on_chain(session: Session, legs: Legs, call: Call) -> str | None:
    """Why the two withdrawals might not go through, or None; the secret is not needed to ask.

    First of all two nodes of each chain have to show the locks as we know them (rule 7).
    Who is about to be registered with a token (REGISTER) cannot be paid yet.
    """
    source = legs[Role.SOURCE].lock_terms
    try:
        for leg in legs.values():
            require_agreement(leg.id)
        return (
            (None if call is Call.REGISTER else _payout_problem(session, legs[Role.DESTINATION]))
            or get_adapter(source.chain).payout_problem(source, source.beneficiary)
            or _gas_problem(source, legs[Role.SOURCE].session_id)
        )
    except ChainError as error:
        return f"a chain could not be asked: {error}"


def _payout_problem(session: Session, destination: Leg) -> str | None:
    """Why the maker would not be paid now; raises ChainError. Where we would be, it is the maker's
    account that takes no payment: who waits so for a better price has a free option.
    """
    terms = destination.lock_terms
    adapter = get_adapter(terms.chain)
    problem = adapter.payout_problem(terms, terms.beneficiary)
    if problem is not None and adapter.payout_problem(terms, terms.depositor) is None:
        _keep_refusal(session)
    elif session.payout_refused_at is not None:
        rows = Session.objects.filter(pk=session.pk)
        rows.update(payout_refused_at=None, payout_is_refused=False)
    return problem


def _keep_refusal(session: Session) -> None:
    """Since when; and once that is too long the session is looked at (`plan`)."""
    now, row = wall_clock(), Session.objects.filter(pk=session.pk)
    since = session.payout_refused_at
    if since is None:
        row.filter(payout_refused_at=None).update(payout_refused_at=instant(now))
    elif now - seconds(since) >= session.timelock_policy.inclusion:
        row.update(payout_is_refused=True, wake_at=instant(now))


def _repayment_problem(legs: Legs) -> str | None:
    """Why the maker would not be repaid now, or two nodes do not tell alike why we owe it. What is
    repaid is never taken back, so what it is for must not be either.
    """
    source = legs[Role.SOURCE].lock_terms
    if not is_withdrawn_for_good(legs[Role.SOURCE].id):
        return "a reorganisation may still take the source's withdrawal back"
    try:
        for leg in legs.values():
            require_agreement(leg.id)
        return get_adapter(source.chain).repayment_problem(source, source.beneficiary)
    except ChainError as error:
        return f"a chain could not be asked: {error}"


def _gas_problem(source: LockTerms, session_id: UUID) -> str | None:
    """Our own withdrawal of the source needs a signer with gas (rule 3), beside what other sessions
    hold of it.
    """
    chain, role, paused = source.chain, SignerRole.DUTY, set(PAUSED_KEYS.all())
    keys = [k for k in signing_keys(chain, role) if (chain, k.account, k.public) not in paused]
    if not keys:
        return all_paused(chain, role)
    needed = get_chain(chain).fee_cap(Call.WITHDRAW, source.token)
    others = gas_of_others(chain, session_id)
    if _has_gas(source, keys, needed, others):
        return cap_problem(chain, role, needed, largest=needed, beside=others)
    kept = f" beside {others} that other swaps hold" if others else ""
    return f"{keys[0].account} on {chain} lacks the gas of a withdrawal: {needed} base units{kept}"


def _has_gas(source: LockTerms, keys: Sequence[SigningKey], needed: int, others: int) -> bool:
    """A key may spend it, and the account has it beside the others'. NEAR's keys have allowances of
    their own, which may be less than the account has.
    """
    adapter = get_adapter(source.chain)
    balances = (adapter.prepare(Call.WITHDRAW, source, key).balance for key in keys)
    spendable = next((balance for balance in balances if balance >= needed), 0)
    if not needed <= spendable < needed + others:
        return spendable >= needed
    return adapter.balance(keys[0].account, None) >= needed + others


def open_for_withdrawal(secret_id: UUID | None, reference: UUID) -> Secret:
    """The secret that a withdrawal shows: as the chain showed it already, else from the vault.

    Raises SignerRefusedError when a maker's secret is neither shown nor posted.
    """
    leg = Leg.objects.select_related("session").get(id=reference)
    shown = _shown_preimage(leg.session)
    if shown is not None:
        return shown
    if secret_id is None:
        raise SignerRefusedError(f"the secret of session {leg.session_id} is the maker's")
    return open_secret(
        secret_id, reference=leg.session_id, purpose=f"withdrawal of the {leg.role} leg"
    )


def _shown_preimage(session: Session) -> Secret | None:
    legs = {leg.id: leg.lock_terms for leg in session.legs.all()}
    for reference, facts in leg_facts(legs).items():
        terms = legs[reference]
        if facts.preimage is not None:
            secret = Secret(facts.preimage)
            if fits(secret, terms.hashlock, get_chain(terms.chain).hash_function):
                return secret
    return None


def _to_json(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _to_json(each) for name, each in value.items()}
    return value.value if isinstance(value, Enum) else value
