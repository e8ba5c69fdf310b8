"""What is reserved and what is at stake, counted from the open and the just ended reservations."""

from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Final, NamedTuple
from uuid import UUID

from django.db.models import Q, Sum

from auctions_app.models import Hold, Quote, Reservation, RouteSwitch
from auctions_app.routes import Route
from chains_app.selectors import PAUSED_KEYS, paused_roles
from chains_app.signers import SignerRole, all_paused
from orchestrator.kernel.clock import Seconds
from orchestrator.kernel.errors import NotFoundError
from orchestrator.queries import Given, Select, read_together

_PAUSED: Final = Select(lambda: RouteSwitch.objects.filter(is_paused=True).values_list("route_id"))
STAKE_UNITS: Final = 10**6  # in a dollar
_GAS: Final = Select(
    lambda: (
        Hold.objects.filter(chain=Given("chain"), role=SignerRole.DUTY.value, ended_at=None)
        .exclude(reservation__session_id=Given("session"))
        .values_list("chain")
        .annotate(total=Sum("amount"))
    )
)


class QuoteNotFoundError(NotFoundError):
    """No such quote of this client."""

    code = "quote_not_found"


class Balance(NamedTuple):
    """Which balance of ours: the accounts' role, the chain, and the token (None: native coin)."""

    role: SignerRole
    chain: str
    token: str | None


def get_quote(client_id: UUID, quote_id: UUID) -> Quote:
    """A client's own quote; raises QuoteNotFoundError, also for another client's."""
    quote = Quote.objects.filter(client_id=client_id, id=quote_id).first()
    if quote is None:
        raise QuoteNotFoundError(f"no quote {quote_id}: ask for one by POST /api/v1/quote")
    return quote


def paused_routes(routes: Iterable[Route]) -> dict[str, str]:
    """By id, in words, those of these routes that staff have paused, or whose signers are."""
    switches, keys = _PAUSED.ask(), PAUSED_KEYS.ask()
    read_together(switches, keys)
    paused, roles = {route_id for (route_id,) in switches.rows}, paused_roles(keys.rows)
    found = {}
    for route in routes:
        idle = next((each for each in route.signers if each in roles), None)
        if route.id in paused:
            found[route.id] = f"route {route.id} is paused"
        elif idle is not None:
            found[route.id] = f"route {route.id} is paused while {all_paused(*idle)}"
    return found


def held(balances_at: Mapping[str, Seconds]) -> dict[Balance, int]:
    """Base units of each balance that reservations hold, on the chains in `balances_at`.

    A hold that ended after its chain's instant there still counts: a balance read at that instant
    may not show yet what our lock took out of it.
    """
    rows = Hold.objects.filter(_alive("chain", "ended_at", balances_at))
    sums = rows.values_list("role", "chain", "token").annotate(total=Sum("amount"))
    return {Balance(SignerRole(role), chain, token): total for role, chain, token, total in sums}


def gas_of_others(chain: str, session_id: UUID) -> int:
    """Base units of the native coin that all sessions but this one hold of our duty accounts: what
    their withdrawals and refunds on that chain may still take.
    """
    return sum(int(total) for _, total in _GAS.all(chain=chain, session=session_id))


def exposure(finals: Mapping[str, Seconds]) -> dict[str, Fraction]:
    """Dollars at stake in not yet finalized blocks, by chain.

    `finals`: the time of each chain's newest block that is final by its slowest tier.
    """
    totals = dict.fromkeys(finals, 0)
    for chain, ended_at, stake in (
        ("chain", "ended_at", "stake"),
        ("source_chain", "source_ended_at", "source_stake"),
    ):
        rows = Reservation.objects.filter(_alive(chain, ended_at, finals))
        for name, total in rows.values_list(chain).annotate(total=Sum(stake)):
            totals[name] += total
    return {name: Fraction(total, STAKE_UNITS) for name, total in totals.items()}


def _alive(chain: str, ended_at: str, instants: Mapping[str, Seconds]) -> Q:
    """Open, or ended after that chain's instant."""
    alive = Q(pk__in=())
    for name, instant in instants.items():
        not_over = Q(**{f"{ended_at}__isnull": True}) | Q(**{f"{ended_at}__gt": instant})
        alive |= Q(**{chain: name}) & not_over
    return alive
