"""How what a fill reserved becomes free: our lock's part first, then the gas of what comes last."""

from collections.abc import Mapping
from uuid import UUID

from django.db import transaction
from django.db.models import Case, F, QuerySet, When

from auctions_app.models import Hold, Reservation
from chains_app.signers import SignerRole
from orchestrator.kernel.clock import Seconds


@transaction.atomic
def release_reservation(*, session_id: UUID, heads: Mapping[str, Seconds] | None) -> bool:
    """End a session's reservation; False when there is none open. The gas of its withdrawals and
    refunds is held on, until `release_gas`.

    `heads`: both chains' head times when our lock was final; None when it was never made and never
    can be. Until later balances and final blocks are known, what left us still counts.
    """
    open_ones = Reservation.objects.filter(session_id=session_id, status=Reservation.Status.OPEN)
    reservation = open_ones.select_for_update().first()
    if reservation is None:
        return False
    reservation.status = Reservation.Status.ENDED
    reservation.ended_at = _head(heads, reservation.chain)
    reservation.source_ended_at = _head(heads, reservation.source_chain)
    reservation.save(update_fields=["status", "ended_at", "source_ended_at"])
    of_our_lock = reservation.holds.filter(chain=reservation.chain, role=SignerRole.LOCK.value)
    of_our_lock.update(ended_at=reservation.ended_at)
    return True


def release_gas(*, session_id: UUID, heads: Mapping[str, Seconds]) -> None:
    """End what a session still holds: neither leg can need a call of ours any more.

    `heads`: the chains' head times by then. A hold on a chain that is not among them just ends.
    """
    times = [When(chain=chain, then=time) for chain, time in heads.items()]
    _gas(session_id).filter(ended_at=None).update(ended_at=Case(*times, default=0))


def hold_gas(*, session_id: UUID) -> None:
    """Hold it again, whatever is free: a reorganisation took back an end, and the duty is ours."""
    _gas(session_id).update(ended_at=None)


def _gas(session_id: UUID) -> QuerySet[Hold]:
    """All that a reservation holds but our lock's part."""
    of_our_lock = {"chain": F("reservation__chain"), "role": SignerRole.LOCK.value}
    return Hold.objects.filter(reservation__session_id=session_id).exclude(**of_our_lock)


def _head(heads: Mapping[str, Seconds] | None, chain: str) -> Seconds:
    return Seconds(0) if heads is None else heads[chain]
