"""Preparing and signing: what only a node can tell first, then one transaction that stores all."""

from dataclasses import replace
from typing import Any, Final

from django.db import transaction
from django.db.models.functions import Now

from chains_app import ports
from chains_app.adapters.interface import Prepared, Signed, SigningKey
from chains_app.leases import LeaseLostError, lock
from chains_app.locks import Call, LockTerms
from chains_app.models import ALIVE, Attempt, AttemptStatus, Intent, IntentStatus, Signer
from chains_app.orders import SignedOrder
from chains_app.outbox import caps
from chains_app.outbox.effects import goes_by_its_chain, last_useful_moment
from chains_app.outbox.nonces import (
    choose_key,
    confirm_floor,
    is_gap,
    key_of,
    least_floor,
    lock_signer,
    take_nonce,
)
from chains_app.outbox.preparing import prepare
from chains_app.ports import Moment, Verdict
from chains_app.registry import get_adapter, get_chain
from chains_app.selectors import chain_now
from chains_app.signers import SignerRefusedError, refusal, role_of
from orchestrator.fields import vault_cipher

RAISE_PERCENT: Final = 13  # nodes want at least 12.5 to replace a transaction
HURRY: Final = 60  # seconds before the last useful block of a call; each fee gets 8 to be taken


class GuardRefusedError(SignerRefusedError):
    """The guard did not agree; `verdict` says why."""

    code = "guard_refused"

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(verdict.reason)
        self.verdict = verdict


def terms_of(intent: Intent) -> LockTerms | None:
    """The terms that an intent's call is about; None for a transfer to ourselves."""
    return None if intent.watch is None else intent.watch.terms


def sign(intent: Intent) -> Attempt | None:
    """Prepare and sign a first attempt under a new nonce, and store it; nothing leaves us here.

    None when a nonce gap that was to be filled is gone. Raises SignerRefusedError (guard, caps,
    kill switch, no free key, a nonce that is not ours), LeaseLostError, ChainError.
    """
    signer, key = _signer_for(intent)
    verdict = ports.ask_guard(intent.contract_call, intent.reference, Moment.SIGN)
    if not verdict.ok:
        raise GuardRefusedError(verdict)
    prepared = _prepare(intent, key)
    if signer.adopts_nonce:
        confirm_floor(signer, key, prepared.nonce_floor)
    elif prepared.nonce_floor > signer.next_nonce:
        prepared = replace(prepared, nonce_floor=least_floor(signer, key, prepared.nonce_floor))
    with transaction.atomic():
        locked = lock(intent)
        if not locked.is_open:
            raise LeaseLostError(f"{intent} has ended")
        signer = lock_signer(signer)
        caps.check_signer(signer, prepared.cost_cap, balance=prepared.balance)
        nonce = _nonce(intent, signer, prepared)
        if nonce is None:
            return None
        attempt = Attempt(intent=intent, signer=signer, nonce=nonce, sign_verdict=verdict.to_json())
        _sign_and_store(attempt, intent.contract_call, prepared, key)
        Intent.objects.filter(pk=intent.pk).update(status=IntentStatus.ACTIVE)
    return attempt


def sign_replacement(intent: Intent, replaced: Attempt, *, to_self: bool) -> Attempt:
    """Sign the same nonce again with a higher fee, as something that has left already.

    `to_self`: nothing but the nonce is wanted any more. The guard is not asked: what the bytes do,
    or show, may be out since `replaced` left. Raises SignerRefusedError, LeaseLostError.
    """
    key, cap = key_of(replaced.signer), _cap(intent, to_self=to_self)
    raised = get_adapter(intent.chain).replace(stored_prepared(replaced), RAISE_PERCENT)
    if raised.cost_cap > cap:
        raise SignerRefusedError(f"{intent} would cost {raised.cost_cap}, its cap is {cap}")
    highest = _at_the_cap(intent, raised, cap) if _is_urgent(replaced, to_self=to_self) else raised
    call = None if to_self else intent.contract_call
    reason = "frees the nonce" if call is None else "raises the fee of what has left"
    verdict = Verdict(ok=True, reason=reason).to_json()
    with transaction.atomic():
        lock(intent)
        signer = lock_signer(replaced.signer)
        caps.take_back(replaced)
        prepared = _allowed(signer, highest, raised)
        attempt = Attempt(
            intent=intent, signer=signer, nonce=replaced.nonce, replaces=replaced,
            sign_verdict=verdict, send_verdict=verdict,
            status=AttemptStatus.LEFT, left_at=Now(),
        )  # fmt: skip
        _sign_and_store(attempt, call, prepared, key)
    attempt.refresh_from_db()
    return attempt


def _is_urgent(replaced: Attempt, *, to_self: bool) -> bool:
    """Whether a call that this nonce carries, or that waits behind it, is nearly late (rule 15)."""
    behind = replaced.signer.attempts.filter(nonce__gt=replaced.nonce, status__in=ALIVE)
    waiting = {attempt.intent for attempt in behind.select_related("intent__watch")}
    if not to_self:
        waiting.add(replaced.intent)
    return any(_is_nearly_too_late(intent) for intent in waiting if intent.is_open)


def _is_nearly_too_late(intent: Intent) -> bool:
    call, terms = intent.contract_call, terms_of(intent)
    if call is None or terms is None or (last := last_useful_moment(call, terms)) is None:
        return False
    by_itself = goes_by_its_chain(call, terms, intent.send_by)
    begun = last - HURRY <= chain_now(intent.chain)
    return begun and chain_now(intent.chain, by_itself=by_itself) <= last


def _at_the_cap(intent: Intent, prepared: Prepared, cap: int) -> Prepared:
    """With as high a fee as the cap allows, and the account could pay when it was asked, to a
    percent: no node takes what can't be paid.
    """
    adapter, most = get_adapter(intent.chain), min(cap, prepared.balance)
    whole_fee = adapter.replace(prepared, 100).cost_cap - prepared.cost_cap
    percent = (most - prepared.cost_cap) * 100 // max(whole_fee, 1) - 1  # fees are rounded up
    return adapter.replace(prepared, percent) if percent > 0 else prepared


def _allowed(signer: Signer, highest: Prepared, least: Prepared) -> Prepared:
    """The higher of two fees that the caps of a locked row allow; raises SignerRefusedError."""
    try:
        caps.check_signer(signer, highest.cost_cap)
    except SignerRefusedError:
        caps.check_signer(signer, least.cost_cap)
        return least
    return highest


def _cap(intent: Intent, *, to_self: bool) -> int:
    """No fee is raised above the registry's cap, which reservations count on.

    A transfer to ourselves uses a small part of the call's gas, and has to outbid the call: twice
    the fee. It carries no value; what it was prepared with still counts the call's.
    """
    spec, call, terms = get_chain(intent.chain), intent.contract_call, terms_of(intent)
    if call is None or terms is None:
        cap = fee = max(spec.fee_cap(each, None) for each in spec.native.gas)
    else:
        cap, fee = spec.cost_cap(call, terms), spec.fee_cap(call, terms.token)
    return cap + fee if to_self else cap


def _signer_for(intent: Intent) -> tuple[Signer, SigningKey]:
    call, terms = intent.contract_call, terms_of(intent)
    if intent.fill_signer is not None:
        return intent.fill_signer, key_of(intent.fill_signer)
    if call is None or terms is None:
        raise SignerRefusedError(f"{intent} says neither a lock nor a nonce")
    signer, key = choose_key(intent.chain, role_of(call))
    spec = get_chain(intent.chain)
    reason = refusal(
        call, terms, key.account, spec.contract, frozenset(spec.tokens),
        is_released=intent.released_at is not None,
    )  # fmt: skip
    if reason is not None:
        raise SignerRefusedError(f"{intent} is not signed: {reason}")
    return signer, key


def _prepare(intent: Intent, key: SigningKey) -> Prepared:
    return prepare(intent.chain, intent.contract_call, terms_of(intent), key)


def _nonce(intent: Intent, signer: Signer, prepared: Prepared) -> int | None:
    if intent.fill_nonce is None:
        return take_nonce(signer, prepared.nonce_floor)
    is_wanted = is_gap(signer, intent.fill_nonce, prepared.nonce_floor)
    return intent.fill_nonce if is_wanted else None


def _sign_and_store(
    attempt: Attempt, call: Call | None, prepared: Prepared, key: SigningKey
) -> None:
    """Sign and insert. Bytes that show the secret are stored sealed."""
    intent = attempt.intent
    secret = (
        ports.open_secret(intent.secret_id, intent.reference) if call is Call.WITHDRAW else None
    )
    order = None if intent.order is None else SignedOrder.from_json(intent.order)
    terms = terms_of(intent) if call is not None else None
    adapter = get_adapter(intent.chain)
    signed = adapter.sign(call, terms, prepared, key, attempt.nonce, secret, order)
    _store_bytes(attempt, signed, is_secret=secret is not None)
    attempt.prepared = {
        "fields": prepared.fields,
        "nonce_floor": prepared.nonce_floor,
        "cost_cap": str(prepared.cost_cap),
        "balance": str(prepared.balance),
    }
    attempt.cost_cap, attempt.expires_at_height = prepared.cost_cap, prepared.expires_at_height
    caps.count(attempt)
    attempt.save(force_insert=True)


def _store_bytes(attempt: Attempt, signed: Signed, *, is_secret: bool) -> None:
    attempt.hash = signed.hash
    if is_secret:
        attempt.sealed_raw = vault_cipher().seal(signed.raw, attempt.associated_data)
    else:
        attempt.raw = signed.raw


def raw_bytes(attempt: Attempt) -> bytes:
    """The bytes to send."""
    if attempt.sealed_raw is not None:
        return vault_cipher().open(attempt.sealed_raw, attempt.associated_data)
    return bytes(attempt.raw or b"")


def stored_prepared(attempt: Attempt) -> Prepared:
    """What an attempt was signed with."""
    stored: dict[str, Any] = attempt.prepared
    return Prepared(
        fields=stored["fields"],
        nonce_floor=stored["nonce_floor"],
        cost_cap=int(stored["cost_cap"]),
        balance=int(stored["balance"]),
        expires_at_height=attempt.expires_at_height,
    )
