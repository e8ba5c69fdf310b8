"""Who may open a session: parties that exist, a hashlock that is new, and room under every cap."""

from datetime import timedelta
from typing import Final

from django.db import connection
from django.db.models import Count, Q, QuerySet, Sum
from django.db.models.functions import Now

from auctions_app.market import current_market
from auctions_app.models import Quote
from auctions_app.pricing import registration_fee
from auctions_app.routes import AmountOutOfLimitsError, LockMode, SecretMode
from auctions_app.selectors import STAKE_UNITS
from chains_app.adapters.interface import ChainError
from chains_app.locks import Call
from chains_app.models import Attempt, IntentStatus
from chains_app.registry import get_adapter, signing_keys
from chains_app.selectors import is_hashlock_seen
from chains_app.signers import SignerRole
from orchestrator.kernel.clock import instant, wall_clock
from orchestrator.kernel.errors import ConflictError, InvalidInputError, UnavailableError
from orchestrator.kernel.hashlock import LENGTH, HashFunction
from secrets_app.services import is_hashlock_known
from sessions_app.domain.states import Status
from sessions_app.models import HAS_ENDED, WALKED_AWAY, Session

ABANDONED_FOR: Final = timedelta(days=1)  # how long an abandoned swap counts
# Preimages that anybody would guess: one byte over and over, and the smallest numbers.
_GUESSABLE: Final = (
    *(bytes([byte]) * LENGTH for byte in range(256)),
    *(number.to_bytes(LENGTH, order) for number in range(1, 256) for order in ("big", "little")),
)


class InvalidAccountError(InvalidInputError):
    """An account that cannot be a party on its chain."""

    code = "invalid_account"


class InvalidHashlockError(InvalidInputError):
    """A hashlock that is missing, not wanted, or whose secret nobody has or anybody would guess."""

    code = "invalid_hashlock"


class HashlockUsedError(ConflictError):
    """A hashlock that a session, the vault or a chain has seen before."""

    code = "hashlock_used"


class CapReachedError(ConflictError):
    """The client or the maker has as much open, or left as much behind, as one may."""

    code = "cap_reached"


def spelled_parties(quote: Quote, source: str, destination: str) -> tuple[str, str]:
    """The maker's accounts on the quote's chains, each in its one spelling inside."""
    route = current_market().route(quote.route_id)
    chains = route.source.chain.name, route.destination.chain.name
    return get_adapter(chains[0]).spelled(source), get_adapter(chains[1]).spelled(destination)


def require_account(chain: str, account: str, field: str) -> None:
    """One that can be a party, and is none of ours: we would pay ourselves with the maker's money.

    Raises InvalidAccountError, UnavailableError.
    """
    if account in {key.account for role in SignerRole for key in signing_keys(chain, role)}:
        raise InvalidAccountError(f"{account} is ours: give the maker's own", field=field)
    try:
        problem = get_adapter(chain).account_problem(account)
    except ChainError:
        raise UnavailableError(f"{chain} does not answer: try again") from None
    if problem is not None:
        raise InvalidAccountError(problem, field=field)


def registration_fee_of(quote: Quote, account: str) -> int:
    """What registering the maker's `account` with the destination's token costs, in its units.

    Raises UnavailableError, AmountOutOfLimitsError when nothing would be left of the payout.
    """
    market = current_market()
    route = market.route(quote.route_id)
    chain, token = route.destination.chain.name, route.destination.coin.token
    try:
        deposit = get_adapter(chain).registration_cost(token, account)
    except ChainError:
        raise UnavailableError(f"{chain} does not answer: try again") from None
    fee = registration_fee(route, deposit, market.prices)
    if fee >= quote.end_amount:
        raise AmountOutOfLimitsError(
            f"registering {account} with {token} costs {fee} base units, all that is paid out: "
            "register it yourself (storage_deposit), or give more",
            field="quoteId",
        )
    return fee


def require_hashlock(mode: SecretMode, hashlock: bytes | None, function: HashFunction) -> None:
    """One in mode `maker`, and none where we draw the secret; raises InvalidHashlockError."""
    if mode is SecretMode.SERVICE:
        if hashlock is not None:
            raise InvalidHashlockError(
                "in mode `service` the secret is ours: leave the hashlock out", field="hashlock"
            )
        return
    if hashlock is None:
        raise InvalidHashlockError(
            f"mode `maker` needs a hashlock: give the {function.value} of your secret of 32 bytes",
            field="hashlock",
        )
    if not any(hashlock):  # a client's unset word: both locks would stand until their timelocks
        raise InvalidHashlockError(
            "nobody has a secret whose hash is zero: give the hash of 32 random bytes",
            field="hashlock",
        )
    if any(function.digest(guess) == hashlock for guess in _GUESSABLE):
        raise InvalidHashlockError(
            "anybody would guess the secret of this hashlock: draw 32 random bytes",
            field="hashlock",
        )


def require_new_hashlock(session: Session) -> None:
    """Raises HashlockUsedError. One lock for the hashlock: two requests can't both find it new."""
    _lock(f"hashlock {bytes(session.hashlock).hex()}")
    hashlock = bytes(session.hashlock)
    used = Session.objects.filter(hashlock=hashlock).exists()
    if used or is_hashlock_known(hashlock) or is_hashlock_seen(hashlock):
        raise HashlockUsedError("this hashlock was used before: draw a new secret")


def require_room(session: Session) -> None:
    """Raises CapReachedError. Client and maker are locked, so that two requests at once do not
    both take the last place.
    """
    caps = current_market().caps
    _lock(f"client {session.client_id}")
    _lock(f"maker {session.maker_source_account}")
    ours = Session.objects.filter(client=session.client_id)
    _require_below(ours, "you have", session, caps.client_sessions, caps.client_dollars)
    theirs = Session.objects.filter(maker_source_account=session.maker_source_account)
    who = f"{session.maker_source_account} has"
    _require_below(theirs, who, session, caps.maker_sessions, caps.maker_dollars)
    _require_taken(ours, "you", caps.client_abandoned)
    _require_taken(theirs, session.maker_source_account, caps.maker_abandoned)
    if session.secret_mode == SecretMode.MAKER.value:
        _require_kept(ours, "you", caps.client_abandoned)
        _require_kept(theirs, session.maker_source_account, caps.maker_abandoned)
    if session.is_gasless:
        _require_used(ours, "you", caps.client_abandoned)
        _require_used(theirs, session.maker_source_account, caps.maker_abandoned)


def _require_below(
    sessions: QuerySet[Session], who: str, new: Session, most: int, most_dollars: int
) -> None:
    open_ones = sessions.exclude(HAS_ENDED)
    found = open_ones.aggregate(count=Count("pk"), stake=Sum("stake", default=0))
    if found["count"] >= most:
        raise CapReachedError(f"{who} {found['count']} open sessions, {most} at most: end one")
    if found["stake"] + new.stake > most_dollars * STAKE_UNITS:
        dollars = found["stake"] // STAKE_UNITS
        raise CapReachedError(
            f"{who} open sessions over {dollars} dollars, {most_dollars} at most: try less"
        )


def _require_kept(sessions: QuerySet[Session], who: str, most: int) -> None:
    """Who lets our lock expire again and again has a free option on its price."""
    since = instant(wall_clock()) - ABANDONED_FOR
    abandoned = sessions.filter(
        secret_mode=SecretMode.MAKER.value,
        status=Status.REFUNDED.value,
        transitions__after=Status.BOTH_LOCKED.value,
        transitions__at__gt=since,
    )
    if (count := abandoned.distinct().count()) >= most:
        raise CapReachedError(
            f"{who} let {count} swaps expire after our lock within a day, {most} at most: use mode "
            "`service`, or try again tomorrow"
        )


def _require_taken(sessions: QuerySet[Session], who: str, most: int) -> None:
    """Who locks, looks how the price moves, and cancels or takes no payment, again and again, has
    a free option on our price in any mode.
    """
    since = instant(wall_clock()) - ABANDONED_FOR
    left = sessions.filter(
        WALKED_AWAY, transitions__after=Status.REFUNDED.value, transitions__at__gt=since
    )
    if (count := left.distinct().count()) >= most:
        raise CapReachedError(
            f"{who} cancelled {count} swaps after their lock, or took no payment, within a day, "
            f"{most} at most: try again tomorrow"
        )


def _require_used(sessions: QuerySet[Session], who: str, most: int) -> None:
    """Who again and again lets us submit orders of which no lock comes, or takes the money back,
    spends our gas alone.
    """
    since = instant(wall_clock()) - ABANDONED_FOR
    refunded = Q(
        quote__lock_mode=LockMode.GASLESS.value,
        status=Status.REFUNDED.value,
        transitions__after=Status.REFUNDED.value,
        transitions__at__gt=since,
    )
    failed = Attempt.objects.filter(
        intent__call=Call.LOCK_FOR.value, succeeded=False, ended_at__gt=Now() - ABANDONED_FOR
    ).exclude(intent__status=IntentStatus.DONE)  # a copy of it was faster: the lock was made
    wasted = sessions.filter(refunded | Q(legs__in=failed.values("intent__reference")))
    if (count := wasted.distinct().count()) >= most:
        raise CapReachedError(
            f"{who} let {count} signed orders come to nothing within a day, {most} at most: use "
            "lock mode `wallet`, or try again tomorrow"
        )


def _lock(name: str) -> None:
    """Until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [name])
