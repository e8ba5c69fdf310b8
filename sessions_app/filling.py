"""The fill: our resolver accepts, and a swap's amounts, deadlines and locks are fixed for good."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any, Final

import structlog
from django.db.models import QuerySet

from auctions_app.market import current_market
from auctions_app.routes import Route, SecretMode, Side
from auctions_app.services import (
    ChainReading,
    Fill,
    InsufficientLiquidityError,
    MakerModeFullError,
    RoutePausedError,
    Waiting,
    fill,
)
from chains_app.adapters.interface import ChainError
from chains_app.locks import LockTerms
from chains_app.registry import get_adapter, get_chain, signing_keys
from chains_app.selectors import ChainClock, chain_clocks
from chains_app.signers import SignerRole
from chains_app.watching import set_tier, watch_lock
from orchestrator.kernel.clock import Seconds, instant, seconds
from sessions_app.domain.states import Status
from sessions_app.domain.timelocks import Deadlines, fix_deadlines, latest
from sessions_app.models import ENDED, Leg, Role, Session

log = structlog.get_logger(__name__)

ASK_AGAIN: Final = 1  # seconds; after no answer of a chain, or too little liquidity

Readings = Mapping[str, ChainReading]


def route_of(session: Session) -> Route:
    """The route of its quote."""
    return current_market().route(session.quote.route_id)


def chains_of(route_ids: Iterable[str]) -> set[str]:
    """The chains of these routes; a route that was taken out has none."""
    routes = current_market().routes
    found = [routes[route_id] for route_id in route_ids if route_id in routes]
    return {side.chain.name for route in found for side in (route.source, route.destination)}


def read_chains(names: set[str]) -> dict[str, ChainReading]:
    """Our balances on these chains, asked of their nodes: never inside a transaction.

    A chain that does not answer, that was not followed yet, or whose fees are above what we pay is
    left out: no fill without it.
    """
    clocks, readings = chain_clocks() if names else {}, {}
    for name in names & clocks.keys():
        try:
            readings[name] = _read_chain(name, clocks[name])
        except ChainError as error:
            log.warning("chain_not_ready", chain=name, code=error.code)
    return readings


def _read_chain(name: str, clock: ChainClock) -> ChainReading:
    adapter = get_adapter(name)
    adapter.prepare_transfer_to_self(signing_keys(name, SignerRole.DUTY)[0])  # or FeeAboveCapError
    tokens = {side.coin.token for route in current_market().routes.values()
              for side in (route.source, route.destination) if side.chain.name == name}  # fmt: skip
    balances = {
        (role, token): adapter.balance(our_account(name, role), token)
        for role in SignerRole
        for token in {None, *tokens}
    }
    tiers = get_chain(name).finality
    final = min(clock.final_time.get(tier, Seconds(0)) for tier in tiers)
    return ChainReading(clock.head_time, final, balances, clock.head_time, clock.broken)


def our_account(chain: str, role: SignerRole) -> str:
    """The account that all keys of a role sign for."""
    return signing_keys(chain, role)[0].account


def try_to_fill(session: Session, readings: Readings, now: Seconds) -> Seconds | None:
    """Ask our resolver; None when it accepted and all is fixed, else the wall time to ask again.

    In the transaction that holds the session's lock. The auction counts by the latest of wall clock
    and both heads; where a head is ahead it ends before its instant comes by the wall clock.
    """
    route, started_at = route_of(session), session.auction_started_at
    chains = {route.source.chain.name, route.destination.chain.name}
    if started_at is None or not readings.keys() >= chains:
        return Seconds(now + ASK_AGAIN)
    ends_at = seconds(session.expires_at)
    auction_now = latest(now, *(readings[chain].head for chain in chains))
    if auction_now > _fill_by(session, ends_at):
        session.expires_at = min(session.expires_at, instant(now))
        return now
    try:
        answer = fill(
            session_id=session.id,
            quote=session.quote,
            started_at=Seconds(started_at),
            wall=now,
            readings=readings,
            options=_open_options(session),
        )
    except (InsufficientLiquidityError, MakerModeFullError, RoutePausedError) as error:
        log.warning("not_filled", session_id=str(session.id), reason=str(error))
        return Seconds(now + ASK_AGAIN)
    if isinstance(answer, Waiting):
        return Seconds(now + max((answer.until or ends_at) - auction_now, ASK_AGAIN))
    _fix(session, route, answer)
    return None


def _open_options(session: Session) -> QuerySet[Any] | None:
    """The sessions that the cap of mode `maker` counts with this one; a failed one has no lock."""
    if session.secret_mode != SecretMode.MAKER.value:
        return None
    ended = [*ENDED, Status.FAILED.value]
    theirs = Session.objects.filter(secret_mode=SecretMode.MAKER.value)
    return theirs.exclude(status__in=ended).values("pk")


def _fill_by(session: Session, ends_at: Seconds) -> Seconds:
    """The last instant of a fill; deadlines that were fixed in advance may set an earlier one."""
    deadlines = session.fixed_deadlines
    if deadlines is None:
        return ends_at
    return Seconds(deadlines.accept_by - session.timelock_policy.time_to_lock)


def _fix(session: Session, route: Route, filled: Fill) -> None:
    session.is_reserved = True
    deadlines = session.fixed_deadlines
    if deadlines is None:
        deadlines = fix_deadlines(filled.filled_at, session.timelock_policy, filled.tiers)
        session.deadlines = asdict(deadlines)
        Session.objects.filter(pk=session.pk).update(deadlines=session.deadlines)
        add_leg(session, Role.SOURCE, source_terms(session, deadlines), filled.tiers.source)
    else:
        _speed_up(session.legs.get(role=Role.SOURCE), filled.tiers.source)
    amount = filled.destination_amount - session.registration_fee
    terms = _destination_terms(session, route.destination, deadlines, amount)
    add_leg(session, Role.DESTINATION, terms, filled.tiers.destination)


def add_leg(session: Session, role: Role, terms: LockTerms, tier: str) -> None:
    """Store a leg and watch its lock from now on; in the caller's transaction."""
    leg = Leg.objects.create(session=session, role=role, tier=tier, terms=terms.to_json())
    watch_lock(reference=leg.id, terms=terms, tier=tier)


def _speed_up(leg: Leg, tier: str) -> None:
    """What was fixed in advance by the slowest tier is final as soon as what is at stake allows."""
    Leg.objects.filter(pk=leg.pk).update(tier=tier)
    set_tier(reference=leg.id, tier=tier)


def source_terms(session: Session, deadlines: Deadlines) -> LockTerms:
    """What the maker locks."""
    side = route_of(session).source
    return LockTerms(
        chain=side.chain.name,
        contract=side.chain.contract,
        depositor=session.maker_source_account,
        beneficiary=our_account(side.chain.name, SignerRole.LOCK),
        token=side.coin.token,
        amount=session.quote.source_amount,
        hashlock=bytes(session.hashlock),
        lock_by=deadlines.source_lock_by,
        timelock=deadlines.source_timelock,
    )


def _destination_terms(
    session: Session, side: Side, deadlines: Deadlines, amount: int
) -> LockTerms:
    return LockTerms(
        chain=side.chain.name,
        contract=side.chain.contract,
        depositor=our_account(side.chain.name, SignerRole.LOCK),
        beneficiary=session.maker_destination_account,
        token=side.coin.token,
        amount=amount,
        hashlock=bytes(session.hashlock),
        lock_by=deadlines.destination_lock_by,
        timelock=deadlines.destination_timelock,
    )
