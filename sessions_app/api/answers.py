"""What the API says of routes, quotes and sessions, as JSON. `schemas` describes the same."""

from typing import Any

from django.conf import settings

from auctions_app.market import current_market
from auctions_app.models import Quote
from auctions_app.routes import (
    TRUST_OF_MAKER_MODE,
    TRUST_OF_SERVICE_MODE,
    Route,
    SecretMode,
    Side,
)
from auctions_app.selectors import paused_routes
from auctions_app.timelocks import TimelockPolicy
from chains_app.registry import get_adapter, get_chain
from chains_app.selectors import LegFacts, LockTransaction, lock_transactions
from orchestrator.kernel.clock import Seconds, iso
from sessions_app.domain.timelocks import fix_deadlines
from sessions_app.feed import PHASES
from sessions_app.gasless import order_to_sign
from sessions_app.models import Leg, Session
from sessions_app.selectors import list_legs, wallet_transactions

ABSENT = "absent"
TRUST = {SecretMode.SERVICE: TRUST_OF_SERVICE_MODE, SecretMode.MAKER: TRUST_OF_MAKER_MODE}


def route_answers() -> list[dict[str, Any]]:
    """Every route, those that are paused among them."""
    routes = current_market().routes
    paused = paused_routes(routes.values())
    return [_route(route, is_paused=route.id in paused) for route in routes.values()]


def _route(route: Route, *, is_paused: bool) -> dict[str, Any]:
    """A route, with what each of its secret modes asks you to trust."""
    return {
        "routeId": route.id,
        "isPaused": is_paused,
        "source": _coin(route.source),
        "destination": _coin(route.destination),
        "minimum": str(route.minimum),
        "auctionSeconds": route.auction_seconds,
        "maximumFeeBps": route.fees.maximum_bps,
        "lockModes": [mode.value for mode in route.lock_modes],
        "secretModes": [
            {"mode": mode.value, "maximum": str(route.maximum[mode]), "trust": TRUST[mode]}
            for mode in route.secret_modes
        ],
        "timelocks": _timelocks(route.policy),
    }


def quote_answer(quote: Quote) -> dict[str, Any]:
    """A quote; `sessionId` once a session has taken it."""
    curve = quote.curve
    return {
        "quoteId": str(quote.id),
        "routeId": quote.route_id,
        "sourceAmount": str(quote.source_amount),
        "startAmount": str(quote.start_amount),
        "endAmount": str(quote.end_amount),
        "fairAmount": str(quote.fair_amount),
        "lockMode": quote.lock_mode,
        "fees": {
            "gas": str(quote.gas_fee),
            "maximum": str(quote.maximum_fee),
            "submission": str(quote.submission_fee),
        },
        "curve": {
            "duration": curve.duration,
            "initialRateBump": curve.initial_rate_bump,
            "points": [{"delay": at.delay, "coefficient": at.coefficient} for at in curve.points],
        },
        "timelocks": _timelocks(quote.policy),
        "limits": _limits(quote.route_id),
        "createdAt": iso(quote.created_at),
        "expiresAt": iso(quote.expires_at),
        "sessionId": None if quote.bound_to is None else str(quote.bound_to),
    }


def summary_answer(session: Session) -> dict[str, Any]:
    """A session without its legs; reads nothing but the row and its quote."""
    phase, progress = PHASES[session.state]
    deadlines, quote = session.fixed_deadlines, session.quote
    return {
        "sessionId": str(session.id),
        "status": session.status,
        "seq": session.version,
        "phase": phase,
        "progress": progress,
        "routeId": quote.route_id,
        "quoteId": str(quote.id),
        "secretMode": session.secret_mode,
        "lockMode": quote.lock_mode,
        "hashlock": _hex(session.hashlock),
        "makerSourceAccount": session.maker_source_account,
        "makerDestinationAccount": session.maker_destination_account,
        "sourceAmount": str(quote.source_amount),
        "minimumDestinationAmount": str(session.least_payout),
        "registrationFee": str(session.registration_fee),
        "cancelRequested": session.cancel_requested,
        "attention": _attention(session),
        "createdAt": iso(session.created_at),
        "expiresAt": iso(session.expires_at),
        "acceptBy": None if deadlines is None else iso(deadlines.accept_by),
        "feedUrl": settings.FEED_URL,
    }


def session_answer(session: Session) -> dict[str, Any]:
    """A session with its legs, and what the maker's wallet has to send now."""
    legs = list_legs(session)
    transactions = lock_transactions(leg.id for leg, _ in legs.values())
    return {
        **summary_answer(session),
        "legs": [
            _leg(leg, facts, transactions.get(leg.id, []))
            for _, (leg, facts) in sorted(legs.items(), key=lambda item: item[0], reverse=True)
        ],
        "order": order_to_sign(session),
        "walletTransactions": wallet_transactions(session),
    }


def _leg(leg: Leg, facts: LegFacts | None, transactions: list[LockTransaction]) -> dict[str, Any]:
    terms = leg.lock_terms
    chain, coin = get_chain(terms.chain), get_chain(terms.chain).asset(terms.token)
    return {
        "role": leg.role,
        "chain": terms.chain,
        "caip2": chain.caip2,
        "symbol": coin.symbol,
        "token": terms.token,
        "decimals": coin.decimals,
        "amount": str(terms.amount),
        "depositor": terms.depositor,
        "beneficiary": terms.beneficiary,
        "contract": terms.contract,
        "lockId": get_adapter(terms.chain).lock_id(terms),
        "hashlock": _hex(terms.hashlock),
        "lockBy": iso(terms.lock_by),
        "timelock": iso(terms.timelock),
        "finalityTier": leg.tier,
        "state": {
            "head": ABSENT if facts is None else facts.head.value,
            "final": ABSENT if facts is None else facts.final.value,
        },
        "transactions": [
            {"call": each.call, "hash": each.hash, "status": each.status, "isOurs": each.is_ours}
            for each in transactions
        ],
    }


def _coin(side: Side) -> dict[str, Any]:
    return {
        "chain": side.chain.name,
        "caip2": side.chain.caip2,
        "symbol": side.coin.symbol,
        "token": side.coin.token,
        "decimals": side.coin.decimals,
        "contract": side.chain.contract,
    }


def _limits(route_id: str) -> dict[str, str] | None:
    """The route's, as they are today; None when it was taken out."""
    route = current_market().routes.get(route_id)
    if route is None:
        return None
    most = max(route.maximum[mode] for mode in route.secret_modes)
    return {"minimum": str(route.minimum), "maximum": str(most)}


def _timelocks(policy: TimelockPolicy) -> dict[str, int]:
    """Seconds after the fill, at the slowest finality: no session's come later."""
    latest = fix_deadlines(Seconds(0), policy, policy.slowest)
    return {
        "acceptBy": latest.accept_by,
        "sourceLockBy": latest.source_lock_by,
        "destinationLockBy": latest.destination_lock_by,
        "destinationTimelock": latest.destination_timelock,
        "sourceTimelock": latest.source_timelock,
    }


def _attention(session: Session) -> dict[str, str] | None:
    if session.attention_since is None:
        return None
    return {"reason": session.attention, "since": iso(session.attention_since)}


def _hex(value: bytes | memoryview) -> str:
    return "0x" + bytes(value).hex()
