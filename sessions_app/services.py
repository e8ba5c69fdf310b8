"""What a client can do: create, execute and cancel a session. Each is one transaction.

What only a node can tell is asked before it. Money rules are not here: a service records a fact and
drives the session.
"""

from uuid import UUID, uuid4

from django.db import connection, transaction

from auctions_app.market import current_market
from auctions_app.routes import SecretMode
from auctions_app.selectors import get_quote
from auctions_app.services import auction_ends_at, take_quote
from chains_app.adapters.interface import ChainError
from chains_app.registry import get_adapter
from chains_app.selectors import chain_clocks
from orchestrator.clients.models import ApiClient
from orchestrator.kernel.clock import Seconds, wall_clock
from orchestrator.kernel.errors import ConflictError, InvalidInputError, UnavailableError
from secrets_app.services import create_secret
from sessions_app.coordinator import advance_locked
from sessions_app.domain.states import ENDS, Status
from sessions_app.domain.timelocks import latest
from sessions_app.filling import Readings, chains_of, read_chains, route_of
from sessions_app.lifecycle import Commit, lock_sessions
from sessions_app.models import Session
from sessions_app.selectors import get_session
from sessions_app.wall import instant, seconds

MOST_OPEN_SESSIONS = 200  # of one client
CANCELLABLE = {
    Status.INITIALIZED, Status.EXECUTING, Status.SOURCE_LOCKING, Status.SOURCE_LOCKED
}  # fmt: skip


class InvalidAccountError(InvalidInputError):
    """An account that cannot be a party on its chain."""

    code = "invalid_account"


class TooManySessionsError(ConflictError):
    """The client has as many open sessions as one may have."""

    code = "too_many_open_sessions"


class SessionEndedError(ConflictError):
    """The session was cancelled or has expired before it was executed."""

    code = "session_ended"


class NotCancellableError(ConflictError):
    """Our lock may be on its way: from here on the timelocks decide."""

    code = "not_cancellable"


def create_session(
    *,
    client: ApiClient,
    quote_id: UUID,
    maker_source_account: str,
    maker_destination_account: str,
    secret_mode: SecretMode = SecretMode.SERVICE,
) -> Session:
    """Prepare and store a session; raises what these two raise."""
    return store_session(
        prepare_session(
            client=client,
            quote_id=quote_id,
            maker_source_account=maker_source_account,
            maker_destination_account=maker_destination_account,
            secret_mode=secret_mode,
        )
    )


def prepare_session(
    *,
    client: ApiClient,
    quote_id: UUID,
    maker_source_account: str,
    maker_destination_account: str,
    secret_mode: SecretMode = SecretMode.SERVICE,
) -> Session:
    """A session that can be stored: quote and parties are good; asks the chains, writes nothing.

    Raises QuoteNotFoundError, SecretModeError, AmountOutOfLimitsError, InvalidAccountError,
    UnavailableError (a chain that cannot be asked about the accounts).
    """
    quote = get_quote(client.id, quote_id)
    route = current_market().route(quote.route_id)
    route.require_within_limits(quote.source_amount, (secret_mode,))
    _require_account(route.source.chain.name, maker_source_account, "makerSourceAccount")
    _require_account(
        route.destination.chain.name, maker_destination_account, "makerDestinationAccount"
    )
    return Session(
        id=uuid4(),
        client=client,
        quote=quote,
        maker_source_account=maker_source_account,
        maker_destination_account=maker_destination_account,
        secret_mode=secret_mode.value,
    )


@transaction.atomic
def store_session(session: Session) -> Session:
    """Bind the quote to a prepared session and fix its policy; the secret is drawn here.

    Raises QuoteExpiredError, QuoteTakenError, TooManySessionsError.
    """
    now, route = wall_clock(), route_of(session)
    _require_room(session.client)
    session.quote = quote = take_quote(
        client_id=session.client_id,
        quote_id=session.quote_id,
        session_id=session.id,
        now=now,
        secret_mode=SecretMode(session.secret_mode),
    )
    session.policy = quote.policy_json
    session.secret_id, session.hashlock = create_secret(
        session.id, route.source.chain.hash_function
    )
    session.created_at = instant(now)
    session.expires_at = session.wake_at = quote.expires_at
    commit = Commit(instant(now))
    commit.begin(session)
    commit.write([])
    return session


def read_for_execution(*, client: ApiClient, session_id: UUID) -> Readings:
    """What a fill must know of the session's chains, asked of them; raises SessionNotFoundError."""
    return read_chains(chains_of([get_session(client, session_id)]))


def execute_session(
    *, client: ApiClient, session_id: UUID, readings: Readings | None = None
) -> Session:
    """Start the auction, and fill it at once where the first price is ours; again changes nothing.

    `readings`: what `read_for_execution` gave, for a caller that has a transaction open.
    Raises SessionNotFoundError, SessionEndedError.
    """
    if readings is None:
        readings = read_for_execution(client=client, session_id=session_id)
    with transaction.atomic():
        session = _lock(client, session_id)
        if session.is_executed:
            return session
        now = wall_clock()
        if session.state in ENDS or now >= seconds(session.expires_at):
            raise SessionEndedError(
                f"session {session_id} ended before it was executed: ask for a new quote"
            )
        _start_auction(session, now)
        advance_locked([session], readings)
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
            raise NotCancellableError(_why_not_cancellable(session))
        session.cancel_requested = True
        advance_locked([session], {})
    return session


def _why_not_cancellable(session: Session) -> str:
    deadlines = session.fixed_deadlines
    if session.state in ENDS or deadlines is None:
        return f"session {session.id} has ended: it is {session.status}"
    returns_at = instant(deadlines.source_timelock)
    return (
        f"session {session.id} is {session.status} and can't be cancelled any more: what is locked "
        f"returns from {returns_at:%Y-%m-%dT%H:%M:%SZ} on, if the swap does not complete before"
    )


def _lock(client: ApiClient, session_id: UUID) -> Session:
    get_session(client, session_id)
    return lock_sessions([session_id])[0]


def _require_account(chain: str, account: str, field: str) -> None:
    try:
        problem = get_adapter(chain).account_problem(account)
    except ChainError:
        raise UnavailableError(f"{chain} does not answer: try again") from None
    if problem is not None:
        raise InvalidAccountError(problem, field=field)


def _require_room(client: ApiClient) -> None:
    """One lock for the client, so that two requests at once do not both take the last place."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [str(client.id)])
    ended = [status.value for status in ENDS]
    open_ones = Session.objects.filter(client=client).exclude(status__in=ended).count()
    if open_ones >= MOST_OPEN_SESSIONS:
        raise TooManySessionsError(
            f"you have {open_ones} open sessions, the most that one client may: end one first"
        )
