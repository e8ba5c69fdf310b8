"""Clients, quotes bound to sessions, and what the caller of a fill has read of both chains."""

from collections.abc import Mapping
from dataclasses import replace
from uuid import UUID, uuid4

from django.db import transaction

from auctions_app.models import Quote
from auctions_app.services import ChainReading, Fill, Waiting, create_quote, fill, take_quote
from chains_app.signers import SignerRole
from orchestrator.kernel.clock import Seconds
from tests.unit.auctions.markets import ETHER, NEAR, THERE

NOW = Seconds(1_800_000_000)
LOCK, DUTY = SignerRole.LOCK, SignerRole.DUTY
PLENTY = 10**30

Readings = dict[str, ChainReading]
Balances = dict[tuple[SignerRole, str | None], int]


def at(offset: int) -> Seconds:
    """`offset` seconds from NOW."""
    return Seconds(NOW + offset)


def readings(offset: int = 0, **near: int) -> Readings:
    """Both chains at NOW + `offset`, final there; `near` overrides balances by role."""
    rich: Balances = {(LOCK, None): PLENTY, (DUTY, None): PLENTY}
    near_balances = rich | {(SignerRole(role), None): amount for role, amount in near.items()}
    return {
        "base": ChainReading(at(offset), at(offset), rich, at(offset)),
        "near": ChainReading(at(offset), at(offset), near_balances, at(offset)),
    }


def changed(before: Readings, chain: str, **changes: object) -> Readings:
    """The same with one chain's reading changed."""
    return before | {chain: replace(before[chain], **changes)}  # type: ignore[arg-type]


def quote_of(amount: int = ETHER, route_id: str = THERE, client_id: UUID | None = None) -> Quote:
    """A fresh quote, made NOW."""
    return create_quote(client_id=client_id or uuid4(), route_id=route_id, amount=amount, now=NOW)


def bound_quote(amount: int = ETHER, route_id: str = THERE) -> tuple[UUID, Quote]:
    """A session, and the quote that it took."""
    session_id, quote = uuid4(), quote_of(amount, route_id)
    taken = take_quote(client_id=quote.client_id, quote_id=quote.id, session_id=session_id, now=NOW)
    return session_id, taken


def fill_at(
    offset: int, session_id: UUID, quote: Quote, read: Mapping[str, ChainReading] | None = None
) -> Fill | Waiting:
    """Ask for the fill of an auction that began NOW, in a transaction of its own."""
    with transaction.atomic():
        return fill(
            session_id=session_id,
            quote=quote,
            started_at=NOW,
            wall=at(offset),
            readings=read or readings(),
        )


def filled(session_id: UUID, quote: Quote, read: Mapping[str, ChainReading] | None = None) -> Fill:
    """The fill at the first price that our resolver takes, half of the auction on."""
    done = fill_at(10, session_id, quote, read)
    assert isinstance(done, Fill)
    return done


def lock_needs(amount: int) -> int:
    """What NEAR's lock account must have free for a destination lock of `amount`."""
    fee, deposit = 40 * NEAR // 1000, 551 * NEAR // 100_000
    return amount + fee + deposit
