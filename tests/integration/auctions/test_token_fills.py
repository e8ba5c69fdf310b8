"""Fills of token routes: the token in its own balance, all fees in the native coin (rule 12)."""

from collections.abc import Iterator

import pytest

from auctions_app.config import AuctionConfiguration, RouteConfiguration
from auctions_app.market import Market, build_market, use_market
from auctions_app.models import Hold, Reservation
from auctions_app.services import Fill, InsufficientLiquidityError
from chains_app.config import PolicyName
from devnet.deployment import routes
from tests.integration.auctions.worlds import (
    DUTY,
    LOCK,
    PLENTY,
    Readings,
    bound_quote,
    changed,
    fill_at,
    filled,
    readings,
)
from tests.unit.auctions.test_tokens import AMOUNTS, BASE_TOKEN, NEAR_TOKEN, ROUTES, specs

pytestmark = pytest.mark.django_db
TOKENS = {"base": BASE_TOKEN, "near": NEAR_TOKEN}
WITHDRAWAL = 350_000 * 20 * 10**9 + 50_000 * 10**9  # capped, on BASE
TGAS_CAP = 10**21  # yocto
DEPOSIT, REGISTRATION = 551 * 10**19, 125 * 10**20
# REGISTER, PREPARE and LOCK of NEAR's USDC; APPROVE and LOCK of BASE's
NEAR_LOCK = (25 + 40 + 110) * TGAS_CAP + DEPOSIT + REGISTRATION + 1
BASE_LOCK = 400_000 * 20 * 10**9 + 2 * 50_000 * 10**9


@pytest.fixture(autouse=True)
def market() -> Iterator[Market]:
    wanted = tuple(RouteConfiguration.model_validate(route) for route in routes())
    configuration = AuctionConfiguration(policy=PolicyName.DEVNET, routes=wanted)
    made = build_market(configuration, specs())
    with use_market(made):
        yield made


def rich() -> Readings:
    found = readings()
    for chain, token in TOKENS.items():
        balances = {**found[chain].balances, (LOCK, token): PLENTY}
        found = changed(found, chain, balances=balances)
    return found


def holds(route_id: str) -> tuple[int, dict[tuple[str, str, str | None], int]]:
    """The amount that a fill accepted, and what it holds."""
    session_id, quote = bound_quote(AMOUNTS[route_id.split("->", maxsplit=1)[0]], route_id)
    amount = filled(session_id, quote, rich()).destination_amount
    rows = Hold.objects.filter(reservation__session_id=session_id)
    return amount, {(row.chain, row.role, row.token): row.amount for row in rows}


@pytest.mark.parametrize("route_id", ROUTES)
def test_every_route_can_be_filled(route_id: str) -> None:
    amount, held = holds(route_id)
    chain, symbol = route_id.split("->")[1].split(":")
    token = TOKENS[chain] if symbol == "USDC" else None
    assert held[chain, "lock", token] >= amount
    reservation = Reservation.objects.get()
    assert (reservation.chain, reservation.token, reservation.amount) == (chain, token, amount)


def test_a_token_of_near_is_held_apart_from_what_its_lock_costs() -> None:
    amount, held = holds("base:ETH->near:USDC")
    assert held == {
        ("near", "lock", NEAR_TOKEN): amount,
        ("near", "lock", None): NEAR_LOCK,
        ("near", "duty", None): 160 * TGAS_CAP,
        ("base", "lock", None): WITHDRAWAL,
        ("base", "duty", None): 2 * WITHDRAWAL,
    }


def test_a_token_of_base_is_held_apart_from_what_its_lock_costs() -> None:
    amount, held = holds("near:USDC->base:USDC")
    assert held == {
        ("base", "lock", BASE_TOKEN): amount,
        ("base", "lock", None): BASE_LOCK,
        ("base", "duty", None): 2 * WITHDRAWAL,
        ("near", "lock", None): 80 * TGAS_CAP + 1,
        ("near", "duty", None): 160 * TGAS_CAP,
    }


@pytest.mark.parametrize(
    ("route_id", "chain", "lack"),
    [("base:USDC->near:USDC", "near", NEAR_LOCK), ("near:NEAR->base:USDC", "base", BASE_LOCK)],
)
def test_a_lock_account_without_the_native_coin_of_its_preliminaries_fills_nothing(
    route_id: str, chain: str, lack: int
) -> None:
    session_id, quote = bound_quote(AMOUNTS[route_id.split("->", maxsplit=1)[0]], route_id)
    found = rich()
    enough = {**found[chain].balances, (LOCK, None): lack}
    short = {**enough, (LOCK, None): lack - 1}
    with pytest.raises(InsufficientLiquidityError, match=f"lack {lack} free base units of the nat"):
        fill_at(10, session_id, quote, changed(found, chain, balances=short))
    answer = fill_at(10, session_id, quote, changed(found, chain, balances=enough))
    assert isinstance(answer, Fill)


@pytest.mark.parametrize("chain", ["base", "near"])
def test_a_unit_less_of_the_token_than_the_lock_takes_fills_nothing(chain: str) -> None:
    source = "near" if chain == "base" else "base"
    route_id = f"{source}:USDC->{chain}:USDC"
    amount, _ = holds(route_id)
    Hold.objects.all().delete()
    session_id, quote = bound_quote(AMOUNTS[f"{source}:USDC"], route_id)
    found = rich()
    short = {**found[chain].balances, (LOCK, TOKENS[chain]): amount - 1}
    with pytest.raises(
        InsufficientLiquidityError, match=f"lack {amount} free .* of {TOKENS[chain]}"
    ):
        fill_at(10, session_id, quote, changed(found, chain, balances=short))


def test_duty_accounts_need_no_tokens() -> None:
    _, held = holds("base:USDC->near:USDC")
    assert {token for _, role, token in held if role == DUTY.value} == {None}
