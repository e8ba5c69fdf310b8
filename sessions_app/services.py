"""What a client can do: create, execute and cancel a session, and show its secret, each at once.

What only a node can tell is asked before it. Money rules are not here: a service records a fact and
drives the session.
"""

from dataclasses import dataclass
from math import ceil
from uuid import UUID, uuid4

from django.db import transaction

from auctions_app.market import current_market
from auctions_app.routes import SecretMode
from auctions_app.selectors import STAKE_UNITS, get_quote
from auctions_app.services import auction_ends_at, take_quote
from chains_app.orders import SignedOrder
from chains_app.registry import get_chain
from chains_app.selectors import chain_clocks, stale_chains
from orchestrator.clients.models import ApiClient
from orchestrator.kernel.clock import Seconds, instant, iso, seconds, wall_clock
from orchestrator.kernel.errors import ConflictError, InvalidSecretError
from orchestrator.kernel.hashlock import Secret, fits
from secrets_app.services import create_secret, keep_secret
from sessions_app.admission import (
    registration_fee_of,
    require_account,
    require_hashlock,
    require_new_hashlock,
    require_room,
)
from sessions_app.binding import FACTS_AGE, Evidence
from sessions_app.coordinator import advance_locked
from sessions_app.domain.filled import filled
from sessions_app.domain.states import ENDS, Status
from sessions_app.domain.timelocks import latest
from sessions_app.filling import Readings, chains_of, read_chains, route_of
from sessions_app.gasless import fix_deadlines_in_advance, fix_source_leg, take_order
from sessions_app.lifecycle import Commit, lock_sessions
from sessions_app.models import Session
from sessions_app.selectors import get_session

CANCELLABLE = {
    Status.INITIALIZED, Status.EXECUTING, Status.SOURCE_LOCKING, Status.SOURCE_LOCKED
}  # fmt: skip


class SessionEndedError(ConflictError):
    """The session was cancelled or has expired before it was executed."""

    code = "session_ended"


class SecretNotTakenError(ConflictError):
    """Not the time to show a secret, or not a session whose secret is the maker's."""

    code = "secret_not_taken"


class NotCancellableError(ConflictError):
    """Our lock may be on its way: from here on the timelocks decide."""

    code = "not_cancellable"


def prepare_session(
    *,
    client: ApiClient,
    quote_id: UUID,
    maker_source_account: str,
    maker_destination_account: str,
    secret_mode: SecretMode = SecretMode.SERVICE,
    hashlock: bytes | None = None,
) -> Session:
    """A session that can be stored: quote and parties are good; asks the chains, writes nothing.

    `hashlock`: of the maker's own secret, in mode `maker` and in no other. Raises
    QuoteNotFoundError, SecretModeError, AmountOutOfLimitsError, InvalidAccountError,
    InvalidHashlockError, UnavailableError (a chain that cannot be asked about the accounts).
    """
    quote, market = get_quote(client.id, quote_id), current_market()
    route = market.route(quote.route_id)
    route.require_lock_mode(quote.mode)
    route.require_within_limits(quote.source_amount, (secret_mode,))
    require_hashlock(secret_mode, hashlock, route.source.chain.hash_function)
    require_account(route.source.chain.name, maker_source_account, "makerSourceAccount")
    require_account(
        route.destination.chain.name, maker_destination_account, "makerDestinationAccount"
    )
    return Session(
        id=uuid4(),
        client=client,
        registration_fee=registration_fee_of(quote, maker_destination_account),
        quote=quote,
        maker_source_account=maker_source_account,
        maker_destination_account=maker_destination_account,
        secret_mode=secret_mode.value,
        hashlock=hashlock,
        stake=ceil(route.source.value(quote.source_amount, market.prices) * STAKE_UNITS),
    )


@transaction.atomic
def store_session(session: Session) -> Session:
    """Bind the quote to a prepared session and fix its policy; our secret is drawn here.

    Raises QuoteExpiredError, QuoteTakenError, CapReachedError, HashlockUsedError.
    """
    now, route = wall_clock(), route_of(session)
    require_room(session)
    session.quote = quote = take_quote(
        client_id=session.client_id,
        quote_id=session.quote_id,
        session_id=session.id,
        now=now,
        secret_mode=SecretMode(session.secret_mode),
    )
    session.policy = quote.policy_json
    if session.secret_mode == SecretMode.SERVICE.value:
        session.secret_id, session.hashlock = create_secret(
            session.id, route.source.chain.hash_function
        )
    else:
        require_new_hashlock(session)
    session.created_at = instant(now)
    session.expires_at = session.wake_at = quote.expires_at
    if session.is_gasless:
        fix_deadlines_in_advance(session)
    commit = Commit(instant(now))
    commit.begin(session)
    commit.write([])
    if session.is_gasless:
        fix_source_leg(session)
    return session


@dataclass(frozen=True)
class Execution:
    """What the chains said before a session is executed: for its fill, and of its order."""

    readings: Readings
    order: SignedOrder | None = None


def prepare_execution(
    *, client: ApiClient, session_id: UUID, signature: bytes | None = None, permit: bytes = b""
) -> Execution:
    """Ask the session's chains, while its execution is awaited; writes nothing. One whose head is
    stale is left to the workers, and so is the fill.

    `signature`, `permit`: of the maker's order (`SignedOrder`), in lock mode `gasless` alone.
    Raises SessionNotFoundError, OrderRefusedError, UnavailableError.
    """
    session = get_session(client, session_id)
    is_awaited = not session.is_executed and session.state not in ENDS
    if not is_awaited:
        return Execution({})
    order = take_order(session, signature, permit)
    names = chains_of([session.quote.route_id])
    return Execution(read_chains(names - stale_chains()), order)


def execute_session(*, client: ApiClient, session_id: UUID, execution: Execution) -> Session:
    """Start the auction, and fill it at once where the first price is ours; again changes nothing.

    `execution`: what `prepare_execution` gave. Raises SessionNotFoundError, SessionEndedError.
    """
    with transaction.atomic():
        session = _lock(client, session_id)
        if session.is_executed:
            return session
        now = wall_clock()
        if session.state in ENDS or now >= seconds(session.expires_at):
            raise SessionEndedError(
                f"session {session_id} ended before it was executed: ask for a new quote"
            )
        if execution.order is not None:
            session.signed_order = execution.order.to_json()
            Session.objects.filter(pk=session.pk).update(signed_order=session.signed_order)
        _start_auction(session, now)
        advance_locked([session], execution.readings)
    return session


def _start_auction(session: Session, now: Seconds) -> None:
    """The auction's clock is the fill's: the latest of wall clock and both heads."""
    route, clocks = route_of(session), chain_clocks()
    names = (route.source.chain.name, route.destination.chain.name)
    heads = [clocks[name].head_time for name in names if name in clocks]
    started_at = latest(now, *heads)
    session.is_executed, session.auction_started_at = True, started_at
    session.expires_at = instant(Seconds(auction_ends_at(session.quote, started_at) + 1))


def cancel_session(*, client: ApiClient, session_id: UUID) -> Session:
    """Record the wish; what the maker has locked is given back. Again changes nothing.

    Raises SessionNotFoundError, NotCancellableError (with the instant from which money returns).
    """
    with transaction.atomic():
        session = _lock(client, session_id)
        if session.cancel_requested:
            return session
        if session.state not in CANCELLABLE:
            raise NotCancellableError(why_not_cancellable(session))
        session.cancel_requested = True
        advance_locked([session], {})
    return session


@transaction.atomic
def post_secret(*, client: ApiClient, session_id: UUID, secret: Secret) -> Session:
    """Take the maker's own secret while the reveal guard agrees; again changes nothing.

    Raises SessionNotFoundError, InvalidSecretError (it does not fit), SecretNotTakenError.
    """
    session = _lock(client, session_id)
    function = get_chain(session.quote.source_chain).hash_function
    if session.secret_mode != SecretMode.MAKER.value:
        raise SecretNotTakenError(f"the secret of session {session_id} is ours: you need not post")
    if not fits(secret, bytes(session.hashlock), function):
        raise InvalidSecretError(
            "the secret does not fit the session's hashlock: give the 32 bytes that you hashed",
            field="secret",
        )
    if session.secret_id is not None or session.secret_is_shown or session.state in ENDS:
        return session
    advance_locked([session], {})
    if (objection := _why_no_secret(session)) is not None:
        raise SecretNotTakenError(
            f"session {session_id} is {session.status}: {objection}; until its timelock you can "
            "withdraw on chain yourself"
        )
    session.secret_id, _ = keep_secret(session.id, secret, function)
    Session.objects.filter(pk=session.pk).update(secret_id=session.secret_id)
    advance_locked([session], {})
    return session


def _why_no_secret(session: Session) -> str | None:
    """The reveal guard's answer on facts as fresh as a first send wants them (rules 3 and 5)."""
    if session.state is not Status.BOTH_LOCKED:
        return "a secret is taken once both locks are final, and not later"
    facts = filled(Evidence.gather([session], wall_clock()).snapshot(session, age=FACTS_AGE))
    return None if facts is None else facts.reveal_objection


def why_not_cancellable(session: Session) -> str:
    """In words, with the instant from which money returns where there is one."""
    deadlines = session.fixed_deadlines
    if session.state in ENDS or deadlines is None:
        return f"session {session.id} has ended: it is {session.status}"
    return (
        f"session {session.id} is {session.status} and can't be cancelled any more: what is locked "
        f"returns from {iso(deadlines.source_timelock)} on, if the swap does not complete before"
    )


def _lock(client: ApiClient, session_id: UUID) -> Session:
    get_session(client, session_id)
    return lock_sessions([session_id])[0]
