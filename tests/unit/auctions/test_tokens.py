"""Routes of tokens: exact in 6, 18 and 24 decimals, with what their locks need before them."""

import json
from fractions import Fraction

import pytest

from auctions_app.config import AuctionConfiguration
from auctions_app.market import Market, build_market
from auctions_app.prices import FixedPrices
from auctions_app.pricing import make_offer, registration_fee
from auctions_app.routes import LockMode, LockModeError
from chains_app.config import ChainsEnvironment, ChainSpec, PolicyName, chain_specs
from chains_app.locks import Call
from devnet.deployment import routes
from orchestrator.kernel.amounts import Rounding
from tests.unit.auctions.markets import ETHER, NEAR, environment

USDC = 10**6
TOKEN = {"symbol": "USDC", "decimals": 6}
BASE_TOKEN, NEAR_TOKEN = "0xABaBaBaBABabABabAbAbABAbABabababaBaBABaB", "usdc.near"
AMOUNTS = {"base:ETH": ETHER, "near:NEAR": 1000 * NEAR, "base:USDC": 2500 * USDC,
           "near:USDC": 2500 * USDC}  # fmt: skip
ROUTES = [f"{route['source']}->{route['destination']}" for route in routes()]


def specs() -> dict[str, ChainSpec]:
    return chain_specs(
        ChainsEnvironment(
            policy=PolicyName.DEVNET,
            **environment()
            | {
                "base_tokens": json.dumps([{**TOKEN, "address": BASE_TOKEN}]),
                "near_tokens": json.dumps([{**TOKEN, "account": NEAR_TOKEN}]),
            },
        )
    )


@pytest.fixture(scope="module")
def market() -> Market:
    configuration = AuctionConfiguration(policy=PolicyName.DEVNET, routes=tuple(routes()))
    return build_market(configuration, specs())


def test_every_coin_of_one_chain_goes_to_every_coin_of_the_other(market: Market) -> None:
    assert list(market.routes) == ROUTES
    assert len(ROUTES) == 8
    assert market.problems() == []


@pytest.mark.parametrize("route_id", ROUTES)
def test_a_fair_amount_is_exact_in_any_decimals(market: Market, route_id: str) -> None:
    """2,500 dollars are the same in all coins here."""
    route = market.route(route_id)
    offer = make_offer(route, AMOUNTS[route.source.id], market.prices)
    assert offer.fair_amount == AMOUNTS[route.destination.id]
    assert 0 < offer.end_amount < offer.start_amount <= offer.fair_amount - offer.gas_fee


@pytest.mark.parametrize("route_id", ROUTES)
def test_a_payout_is_rounded_down_and_never_worth_more_than_was_paid(
    market: Market, route_id: str
) -> None:
    route, prices = market.route(route_id), FixedPrices(
        {"base:ETH": "2500.07", "near:NEAR": "1/3", "base:USDC": "0.9997", "near:USDC": "1.0003"}
    )  # fmt: skip
    amount = AMOUNTS[route.source.id] + 1
    fair = make_offer(route, amount, prices).fair_amount
    paid = route.source.value(amount, prices)
    one_unit = route.destination.value(1, prices)
    assert paid - one_unit < route.destination.value(fair, prices) <= paid


def test_the_smallest_units_of_one_coin_may_be_none_of_another(market: Market) -> None:
    route = market.route("base:ETH->near:USDC")
    dust = 4 * 10**8 - 1  # wei, just under a millionth of a dollar / 2500
    value = route.source.value(dust, market.prices)
    assert route.destination.amount(value, market.prices, Rounding.DOWN) == 0
    assert route.destination.amount(value, market.prices, Rounding.UP) == 1


def test_what_a_lock_needs_before_it_is_reserved_and_charged(market: Market) -> None:
    near = market.route("base:USDC->near:USDC").destination
    base = market.route("near:USDC->base:USDC").destination
    assert near.destination_calls[:2] == (Call.REGISTER, Call.PREPARE)
    assert base.destination_calls[0] is Call.APPROVE
    assert near.lock_calls == (Call.PREPARE, Call.LOCK)
    assert base.lock_calls == (Call.LOCK,)  # one approval serves all
    assert near.outlay_cap(Call.PREPARE) == 40 * 10**21 + 551 * 10**19
    assert near.outlay_cap(Call.REGISTER) == 25 * 10**21 + 125 * 10**20
    assert near.outlay_cap(Call.LOCK) == 110 * 10**21 + 1


@pytest.mark.parametrize(
    ("deposit", "millionths"),
    [
        (0, 0),
        # 0.00125 NEAR at 2.5 dollars, and 2 % of 25 Tgas at the highest price
        (125 * 10**19, 3_125 + 1_250),
        (125 * 10**19 + 1, 3_125 + 1_250 + 1),
    ],
)
def test_a_registration_is_paid_by_who_needs_it_rounded_up(
    market: Market, deposit: int, millionths: int
) -> None:
    route = market.route("base:ETH->near:USDC")
    assert registration_fee(route, deposit, market.prices) == millionths


def test_a_registration_fee_covers_what_it_costs(market: Market) -> None:
    route, deposit = market.route("base:USDC->near:USDC"), 125 * 10**19
    fee = registration_fee(route, deposit, market.prices)
    assert route.destination.value(fee, market.prices) >= Fraction(125, 10**5) * Fraction(5, 2)


@pytest.mark.parametrize("route_id", [route for route in ROUTES if route.startswith("base:USDC")])
def test_an_orders_submission_is_paid_by_its_maker(market: Market, route_id: str) -> None:
    route, amount = market.route(route_id), AMOUNTS["base:USDC"]
    assert route.lock_modes == (LockMode.WALLET, LockMode.GASLESS)
    plain = make_offer(route, amount, market.prices)
    order = make_offer(route, amount, market.prices, LockMode.GASLESS)
    assert (plain.submission_fee, order.fair_amount) == (0, plain.fair_amount)
    # 500,000 gas at 20 gwei and the data's 50,000 gwei, 2 % of it, at 2,500 dollars an ether
    expected = (500_000 * 20 + 50_000) * 10**9 * 2 * 2500 * USDC // (100 * ETHER)
    assert order.submission_fee == expected == 502_500
    more = order.gas_fee - plain.gas_fee
    value = route.destination.value(more, market.prices)
    assert abs(value - route.source.value(expected, market.prices)) < Fraction(1, 10**5)
    assert plain.end_amount - order.end_amount == more


@pytest.mark.parametrize("route_id", [route for route in ROUTES if not route.startswith("base:U")])
def test_orders_are_for_erc20_tokens_alone(market: Market, route_id: str) -> None:
    route = market.route(route_id)
    assert route.lock_modes == (LockMode.WALLET,)
    with pytest.raises(LockModeError, match="give wallet"):
        route.require_lock_mode(LockMode.GASLESS)
