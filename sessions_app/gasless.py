"""Lock mode `gasless`: the maker signs an order for the source lock, and we submit it.

What the order binds is fixed when the session is made, as if the fill were the auction's last
instant; the fill then fixes the amount alone. Whoever submits the order, the lock is the session's.
"""

from dataclasses import asdict
from typing import Any

from auctions_app.market import current_market
from auctions_app.routes import LockMode
from auctions_app.services import auction_ends_at
from chains_app.adapters.interface import ChainError
from chains_app.locks import LockState
from chains_app.orders import Order, SignedOrder
from chains_app.registry import get_adapter, get_chain
from orchestrator.kernel.clock import seconds
from orchestrator.kernel.errors import InvalidInputError, UnavailableError
from sessions_app.domain.states import Status
from sessions_app.domain.timelocks import fix_deadlines
from sessions_app.filling import add_leg, route_of, source_terms
from sessions_app.models import Role, Session


class OrderRefusedError(InvalidInputError):
    """An order that is missing, not wanted, or that its chain would refuse now."""

    code = "order_refused"


def fix_deadlines_in_advance(session: Session) -> None:
    """The deadlines of a gasless session that is about to be stored; they bind its fill."""
    last = auction_ends_at(session.quote, seconds(session.expires_at))
    policy = session.timelock_policy
    session.deadlines = asdict(fix_deadlines(last, policy, policy.slowest))


def fix_source_leg(session: Session) -> None:
    """Its source leg, watched from now on: who has the order and its signature may make the lock.

    In the transaction that stores the session.
    """
    deadlines = session.fixed_deadlines
    if deadlines is None:
        raise ValueError(f"the deadlines of {session.id} are not fixed")
    terms, tier = source_terms(session, deadlines), session.timelock_policy.slowest.source
    add_leg(session, Role.SOURCE, terms, tier)


def order_of(session: Session) -> Order:
    """What the maker of a gasless session signs; it follows from the stored session."""
    destination = route_of(session).destination
    return Order(
        terms=session.legs.get(role=Role.SOURCE).lock_terms,
        destination_chain=destination.chain.caip2,
        destination_token=destination.coin.token or "",
        receiver=session.maker_destination_account,
        minimum_amount=session.least_payout,
        fee=session.quote.submission_fee,
    )


def order_to_sign(session: Session) -> dict[str, Any] | None:
    """The order as the maker's wallet takes it, while it is awaited; None otherwise, and where its
    route was taken out: no such order would be filled.
    """
    is_awaited = session.is_gasless and session.state is Status.INITIALIZED
    if not is_awaited or session.quote.route_id not in current_market().routes:
        return None
    order = order_of(session)
    return get_adapter(order.terms.chain).order_to_sign(order)


def take_order(session: Session, signature: bytes | None, permit: bytes) -> SignedOrder | None:
    """The checked order of a session that is about to be executed; None where its wallet locks.

    Asks the chain, so outside of any transaction. An order whose lock stands already, submitted by
    somebody else, is as good as any. Raises OrderRefusedError, UnavailableError.
    """
    if not session.is_gasless:
        if signature is not None or permit:
            raise OrderRefusedError(
                f"session {session.id} is in lock mode {LockMode.WALLET.value}: your wallet makes "
                "the lock; leave signature and permit out",
                field="signature",
            )
        return None
    if signature is None:
        raise OrderRefusedError(
            "missing: sign the typed data of the session's `order` and give the signature",
            field="signature",
        )
    signed = SignedOrder(order_of(session), signature, permit)
    try:
        problem = _problem(signed)
    except ChainError:
        chain = signed.order.terms.chain
        raise UnavailableError(f"{chain} does not answer: try again") from None
    if problem is not None:
        raise OrderRefusedError(f"the order is not taken: {problem}", field="signature")
    return signed


def _problem(signed: SignedOrder) -> str | None:
    terms = signed.order.terms
    adapter = get_adapter(terms.chain)
    stands = adapter.read_lock(terms, adapter.head()).state is not LockState.ABSENT
    return None if stands else adapter.order_problem(signed)


def submission_problem(session: Session) -> str | None:
    """Why submitting the session's order would fail now, or None."""
    if session.order is None:
        return "the maker has not signed the order"
    chain = get_chain(session.order.order.terms.chain)
    try:
        return get_adapter(chain.name).order_problem(session.order)
    except ChainError as error:
        return f"a chain could not be asked: {error}"
