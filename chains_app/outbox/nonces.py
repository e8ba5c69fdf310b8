"""Nonces and keys: which key signs, which nonce it takes, and what happens to one that is voided.

All of it under the lock of the signer's rows, so that no nonce is ever given out twice.
"""

import uuid
from contextlib import suppress
from typing import Any, Final

from django.db.models import Exists, OuterRef, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from chains_app.adapters.interface import ChainError, SigningKey
from chains_app.config import Nonces
from chains_app.models import (
    ALIVE,
    FILL,
    ON_THE_WAY,
    OPEN_INTENTS,
    Attempt,
    AttemptStatus,
    ChainCursor,
    Intent,
    IntentStatus,
    Signer,
)
from chains_app.outbox import caps
from chains_app.registry import get_adapter, get_chain, signing_keys
from chains_app.signers import SignerRefusedError, SignerRole, all_paused

FILL_URGENCY: Final = 100  # what stands behind a gap waits for it
NEVER: Final = 2**62


class NoFreeKeyError(SignerRefusedError):
    """Every key of the role that is not switched off has a transaction in flight."""

    code = "no_free_key"


class ForeignNonceError(SignerRefusedError):
    """The chain calls a nonce used that `signer` never gave out."""

    code = "foreign_nonce"

    def __init__(self, signer: Signer, floor: int) -> None:
        super().__init__(
            f"{signer} gave out nonces up to {signer.next_nonce - 1}, and {floor - 1} is used: "
            "find out who else signs with the key"
        )
        self.signer, self.nonce = signer, signer.next_nonce


def sync_signers(chain: str) -> None:
    """A row for each configured key, with its account's caps (none where a chain has none, which
    the environment does not allow); rows of keys that are gone stay, and sign nothing.
    """
    rows = [
        Signer(chain=chain, role=role.value, account=key.account, public_key=key.public)
        for role in SignerRole
        for key in signing_keys(chain, role)
    ]
    Signer.objects.bulk_create(rows, ignore_conflicts=True)
    for role, configured in get_chain(chain).caps.items():
        wanted = {f"cap_per_{period}": cap for period, cap in configured}
        Signer.objects.filter(chain=chain, role=role.value).exclude(**wanted).update(**wanted)


def choose_key(chain: str, role: SignerRole) -> tuple[Signer, SigningKey]:
    """A key that is free now; on a chain whose nonces may skip, one that has nothing in flight.

    Raises NoFreeKeyError where one will be, SignerRefusedError where each is switched off.
    """
    keys = {(key.account, key.public): key for key in signing_keys(chain, role)}
    rows = Signer.objects.filter(chain=chain, role=role.value).order_by("?")
    if get_chain(chain).nonces is Nonces.GROWING:
        rows = rows.annotate(is_busy=Exists(_in_flight(OuterRef("pk"))))
    signers = list(rows)
    if not keys.keys() <= {(row.account, row.public_key) for row in signers}:
        sync_signers(chain)
        signers = list(rows.all())
    running = [row for row in signers if row.is_enabled and (row.account, row.public_key) in keys]
    if not running:
        raise SignerRefusedError(f"{all_paused(chain, role)}: resume one")
    for signer in running:
        if not getattr(signer, "is_busy", False):
            return signer, keys[signer.account, signer.public_key]
    raise NoFreeKeyError(f"no key of {role.value} on {chain} is free: wait")


def key_of(signer: Signer) -> SigningKey:
    """The key of a row; raises SignerRefusedError when it is no longer configured."""
    for key in signing_keys(signer.chain, SignerRole(signer.role)):
        if (key.account, key.public) == (signer.account, signer.public_key):
            return key
    raise SignerRefusedError(f"the key of {signer} is not configured any more")


def _in_flight(signer: OuterRef | Signer) -> QuerySet[Attempt]:
    """What may still be included by this key and is wanted; what is not may be overtaken."""
    return Attempt.objects.filter(
        signer=signer, status__in=ON_THE_WAY, intent__status__in=OPEN_INTENTS
    )


def lock_signer(signer: Signer) -> Signer:
    """The row, locked with all rows of its account, whose spending its caps count."""
    rows = Signer.objects.filter(chain=signer.chain, account=signer.account)
    return next(row for row in rows.select_for_update().order_by("pk") if row.pk == signer.pk)


def take_nonce(signer: Signer, floor: int) -> int:
    """The next nonce of a locked row. `floor`: the chain's next free one.

    Where a gap would stop all later ones, the lowest nonce that was voided comes first. Where they
    may skip, one transaction per key is in flight: raises NoFreeKeyError for a second. A floor that
    we did not come to ourselves would leave a gap if it were a lie: raises ForeignNonceError.
    """
    if floor > signer.next_nonce and not signer.adopts_nonce:
        raise ForeignNonceError(signer, floor)
    void = None
    if get_chain(signer.chain).nonces is Nonces.SEQUENTIAL:
        void = _lowest_void(signer, floor)
    elif _in_flight(signer).exists():
        raise NoFreeKeyError(f"{signer} has a transaction in flight")
    unused = max(signer.next_nonce, floor)
    nonce = unused if void is None else void
    rows = Signer.objects.filter(pk=signer.pk)
    rows.update(next_nonce=max(unused, nonce + 1), adopts_nonce=False)
    return nonce


def confirm_floor(signer: Signer, key: SigningKey, floor: int) -> None:
    """Before a key takes its number from the chain: every node that answers tells the same one.

    Raises SignerRefusedError; no transaction may be open.
    """
    for view in get_adapter(signer.chain).views():
        with suppress(ChainError):
            if view.key_state(key).head_nonce + 1 != floor:
                raise SignerRefusedError(f"the nodes tell different nonces of {signer}: it waits")


def least_floor(signer: Signer, key: SigningKey, floor: int) -> int:
    """The least that a node tells of a key's next free nonce, where one told more than we gave out:
    who lies alone keeps nothing from being signed. One that is behind what we have read tells
    nothing. No transaction may be open.
    """
    told, read = [floor], ChainCursor.objects.filter(chain=signer.chain)
    height = max(read.values_list("height", flat=True), default=0)
    for view in get_adapter(signer.chain).views():
        with suppress(ChainError):
            state = view.key_state(key)
            told += [state.head_nonce + 1] if state.head_height >= height else []
    return min(told)


def _lowest_void(signer: Signer, floor: int) -> int | None:
    used = Attempt.objects.filter(signer=signer, nonce=OuterRef("nonce"))
    void = Attempt.objects.filter(signer=signer, nonce__gte=floor, status=AttemptStatus.VOID)
    free = void.exclude(Exists(used.exclude(status=AttemptStatus.VOID)))
    return free.order_by("nonce").values_list("nonce", flat=True).first()


def is_gap(signer: Signer, nonce: int, floor: int) -> bool:
    """Whether a locked row's nonce is still to be used, and nothing that may be sent carries it."""
    carried = Attempt.objects.filter(signer=signer, nonce=nonce)
    return nonce >= floor and not carried.exclude(status=AttemptStatus.VOID).exists()


def void_attempt(attempt: Attempt, verdict: dict[str, Any] | None = None) -> None:
    """Void an attempt that has not left, its intent's row being locked.

    Where a gap stops later nonces and some are signed already, a transfer to ourselves is planned.
    """
    may_leave_gap = get_chain(attempt.signer.chain).nonces is Nonces.SEQUENTIAL
    fill = _lock_fill(attempt) if may_leave_gap else None
    signer = lock_signer(attempt.signer)
    unsent = Attempt.objects.filter(pk=attempt.pk, status=AttemptStatus.SIGNED, left_at=None)
    if unsent.update(status=AttemptStatus.VOID, send_verdict=verdict, ended_at=Now()):
        caps.take_back(attempt)
    later = Attempt.objects.filter(signer=signer, nonce__gt=attempt.nonce, status__in=ALIVE)
    if may_leave_gap and later.exists():
        _plan_fill(fill, signer, attempt.nonce)


def _fill_reference(signer: Signer, nonce: int) -> uuid.UUID:
    name = f"fill {signer.chain} {signer.account} {signer.public_key} {nonce}"
    return uuid.uuid5(uuid.NAMESPACE_URL, name)


def _lock_fill(attempt: Attempt) -> Intent | None:
    """Fills are locked after the intent that voids, and before the signer (rule 8)."""
    reference = _fill_reference(attempt.signer, attempt.nonce)
    return Intent.objects.select_for_update(of=("self",)).filter(reference=reference).first()


def _plan_fill(fill: Intent | None, signer: Signer, nonce: int) -> None:
    if fill is None:
        fill = Intent(reference=_fill_reference(signer, nonce), call=FILL, chain=signer.chain)
        fill.fill_signer, fill.fill_nonce = signer, nonce
        fill.send_by, fill.urgency = NEVER, FILL_URGENCY
    fill.status, fill.ended_height, fill.due_at = IntentStatus.PLANNED, None, timezone.now()
    fill.save()
