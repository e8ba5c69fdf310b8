"""Routes and durations as configured, and every reason not to start with them."""

import json
import os
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from django.core.checks import Error

from auctions_app.checks import check_routes
from auctions_app.config import AuctionConfiguration, read_configuration
from auctions_app.market import UnknownRouteError, build_market, current_market, use_market
from auctions_app.routes import (
    TRUST_OF_SERVICE_MODE,
    AmountOutOfLimitsError,
    SecretMode,
    SecretModeError,
)
from auctions_app.timelocks import TimelockPolicy
from chains_app.config import ConfigurationError, PolicyName
from chains_app.locks import Call
from chains_app.registry import use_adapters
from chains_app.tokens import TokenSpec
from orchestrator.kernel.hashlock import HashFunction
from tests.unit.auctions.markets import BACK, ETHER, NEAR, PRICES, THERE, market, specs, with_spec
from tests.unit.chains.environment import CAPS

DEVNET = AuctionConfiguration(policy=PolicyName.DEVNET)
ROOT = Path(__file__).resolve().parents[3]


def problems(chains: Any = None, **configuration: Any) -> list[str]:
    fields = {"policy": PolicyName.DEVNET, **configuration}
    return build_market(AuctionConfiguration(**fields), chains or specs()).problems()


def route_of(**changes: str) -> dict[str, str]:
    fields = {"source": "base:ETH", "destination": "near:NEAR", "minimum": str(ETHER)}
    return fields | {"maximum": str(9 * ETHER), "service_maximum": str(2 * ETHER)} | changes


@pytest.mark.parametrize("policy", PolicyName)
def test_both_native_routes_are_safe_under_both_policies(policy: PolicyName) -> None:
    both = market(policy)
    assert list(both.routes) == [THERE, BACK]
    assert both.problems() == []
    assert both.route(BACK).id == BACK


def test_the_devnet_needs_no_configuration_but_its_policy() -> None:
    assert problems() == []


def test_durations_of_the_mainnet() -> None:
    assert market(PolicyName.MAINNET).route(THERE).policy == TimelockPolicy(
        time_to_lock=90,
        inclusion=300,
        guard_distance=600,
        claim_window=1800,
        margin=3900,
        clock_slack=60,
        halt=1800,
        source_finality={"head+3": 15, "safe": 300, "finalized": 1500},
        destination_finality={"final": 10},
    )


def test_durations_of_the_devnet() -> None:
    assert market().route(BACK).policy == TimelockPolicy(
        time_to_lock=20,
        inclusion=5,
        guard_distance=8,
        claim_window=30,
        margin=30,
        clock_slack=10,
        halt=15,
        source_finality={"final": 4},
        destination_finality={"head+1": 3, "finalized": 6},
    )


def test_a_margin_of_an_hour_is_ten_seconds_short_on_mainnet() -> None:
    policy = market(PolicyName.MAINNET).route(THERE).policy
    hour = TimelockPolicy(**{**policy.to_json(), "margin": 3600})
    assert hour.problems() == [
        "margin is 3600 s, less than both slowest finality budgets + inclusion + halt = 3610 s: "
        "raise it to at least 3610"
    ]


@pytest.mark.parametrize(
    ("duration", "value", "complaint"),
    [
        ("claim_window", 12, "claim window is 12 s, less than guard distance + inclusion = 13 s"),
        ("guard_distance", 4, "guard distance is 4 s, less than inclusion = 5 s"),
        ("margin", 29, "margin is 29 s, less than both slowest finality budgets"),
    ],
)
def test_an_unsafe_duration_is_a_problem_of_each_route(
    duration: str, value: int, complaint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DURATIONS", json.dumps({duration: value}))
    found = problems()
    assert [text.startswith(f"route {THERE}: {complaint}") for text in found] == [True, False]
    assert found[1].startswith(f"route {BACK}: {complaint}")


def test_a_chain_without_finality_tiers_is_refused() -> None:
    assert problems(with_spec("near", finality={}))[0] == (
        f"route {THERE}: a chain without finality tiers: configure at least one for each"
    )


def test_a_route_between_two_hash_functions_is_refused() -> None:
    assert problems(with_spec("near", hash_function=HashFunction.KECCAK256))[0] == (
        f"route {THERE}: base hashes by sha256, near by keccak256: no secret opens both; take the "
        "route out"
    )


def test_a_route_on_one_chain_is_refused() -> None:
    assert problems(routes=[route_of(destination="base:ETH")])[-1] == (
        "route base:ETH->base:ETH: both legs are on the same chain: take the route out"
    )


@pytest.mark.parametrize(
    "limits",
    [
        {"minimum": "0"},
        {"minimum": str(3 * ETHER)},
        {"service_maximum": str(9 * ETHER)},
        {"service_maximum": str(10 * ETHER)},
    ],
)
def test_limits_must_rise_with_the_service_holding_less(limits: dict[str, str]) -> None:
    [problem] = problems(routes=[route_of(**limits)])
    assert problem.endswith("must rise, and be above 0: what we hold the secret of is kept smaller")


def test_a_minimum_must_be_worth_its_costs_many_times() -> None:
    [problem] = problems(routes=[route_of(minimum="1000")])
    start = f"route {THERE}: minimum 1000 is worth less than 20 times what it costs"
    assert problem.startswith(start)
    needed = problem.rsplit(" ", 1)[1]
    assert problems(routes=[route_of(minimum=needed)]) == []
    assert len(problems(routes=[route_of(minimum=str(int(needed) - 1))])) == 1


def test_no_call_may_cost_more_than_the_smaller_lock_of_the_least_swap() -> None:
    """A withdrawal on BASE may cost 350,000 gas at 20 gwei and 50,000 gwei: 17.625 dollars."""
    costly = dict.fromkeys(Call, 0) | {Call.WITHDRAW: 350_000}
    chains = with_spec("base", native=TokenSpec("ETH", None, 18, costly))
    for route, coin, unit in ((THERE, "base:ETH", ETHER), (BACK, "near:NEAR", NEAR)):
        source, destination = route.split("->")
        # of 18.10 dollars 60 basis points of it and 2 % of the caps are gone by the end
        enough = int(Fraction("18.10") / Fraction(PRICES[coin]) * unit)
        ends = {"source": source, "destination": destination, "maximum": str(9_000_000 * unit)}
        ends["service_maximum"] = str(8_000_000 * unit)
        assert problems(chains, routes=[route_of(**ends, minimum=str(enough))]) == []
        [problem] = problems(chains, routes=[route_of(**ends, minimum=str(enough * 9 // 10))])
        assert problem.startswith(f"route {route}: at the minimum {enough * 9 // 10} a lock may ")
        assert "one withdraw on base may cost 17.6" in problem


def test_a_minimum_that_scales_to_nothing_is_refused() -> None:
    free = dict.fromkeys(Call, 0)
    ether, near = TokenSpec("ETH", None, 18, free), TokenSpec("NEAR", None, 6, free)
    chains = with_spec("base", native=ether, data_fee=0)
    chains |= {"near": with_spec("near", native=near, sending_gas=0)["near"]}
    routes = [route_of(minimum="100")]
    assert problems(chains, routes=routes) == [
        f"route {THERE}: at the minimum, nothing is left of 100 base units of ETH after fees: give "
        "more"
    ]


def test_a_missing_price_is_a_problem() -> None:
    assert problems(prices={"base:ETH": "2500"}) == [
        f"route {route}: no price of near:NEAR: add it to PRICES" for route in (THERE, BACK)
    ]


def test_mainnet_has_no_prices_that_nobody_gave() -> None:
    assert problems(specs(PolicyName.MAINNET), policy=PolicyName.MAINNET)[0] == (
        f"route {THERE}: no price of base:ETH: add it to PRICES"
    )


def test_a_profit_above_the_fee_is_a_problem() -> None:
    assert problems(maximum_fee_bps=10, resolver_profit_bps=11)[0] == (
        f"route {THERE}: RESOLVER_PROFIT_BPS is above MAXIMUM_FEE_BPS: no auction would be filled"
    )


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ("moon:ETH", "ROUTES: 'moon:ETH' is on no configured chain: base, near"),
        ("base:DOGE", "ROUTES: base has no coin 'DOGE' configured"),
    ],
)
def test_a_route_of_an_unknown_coin_is_refused(source: str, complaint: str) -> None:
    with pytest.raises(ConfigurationError, match=complaint):
        problems(routes=[route_of(source=source)])


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("POLICY", "testnet", "POLICY: Input should be 'devnet' or 'mainnet'"),
        ("PRICES", '{"base:ETH": "0"}', "PRICES: Value error, the price of base:ETH is '0'"),
        ("PRICES", '{"base:ETH": 2500.5}', "PRICES.base:ETH: Input should be a valid string"),
        ("DURATIONS", '{"margin": 0}', "DURATIONS.margin: Input should be greater than or equal"),
        ("DURATIONS", '{"patience": 9}', r"DURATIONS.patience.\[key\]: Input should be 'time_to"),
        ("DURATIONS", "{", 'error parsing value for field "durations"'),
        ("PRICES", "{", "PRICES: Input should be a valid dictionary"),
        ("ROUTES", "{", 'error parsing value for field "routes"'),
        ("ROUTES", '[{"source": "base:ETH"}]', "ROUTES.0.destination: Field required"),
        ("RESOLVER_PROFIT_BPS", "10001", "RESOLVER_PROFIT_BPS: Input should be less than or equal"),
        ("AUCTION_SECONDS", "0", "AUCTION_SECONDS: Input should be greater than or equal to 1"),
    ],
)
def test_a_wrong_variable_is_named(
    name: str, value: str, complaint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError, match=f"^wrong configuration: {complaint}"):
        read_configuration()


def test_an_amount_in_another_form_than_base_units_is_refused() -> None:
    with pytest.raises(ValueError, match=r"'1\.5' is not an amount"):
        AuctionConfiguration(routes=[route_of(minimum="1.5")])


def test_unsafe_routes_are_errors_of_the_check_and_quote_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("POLICY", "devnet")
    monkeypatch.setenv("PRICES", "{}")
    problem = f"route {THERE}: no price of base:ETH: add it to PRICES"
    with use_adapters({}, specs(), {}):
        assert check_routes()[0] == Error(problem, id="auctions.E001")
        with pytest.raises(ConfigurationError, match=problem):
            current_market()


def test_safe_routes_pass_the_check(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POLICY", "devnet")
    with use_adapters({}, specs(), {}):
        assert check_routes() == []


def test_a_wrong_variable_is_an_error_of_the_check(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POLICY", "nowhere")
    with use_adapters({}, specs(), {}):
        [found] = check_routes()
    assert (found.id, found.msg.split(":")[0]) == ("auctions.E001", "wrong configuration")


def test_manage_py_refuses_to_start_with_an_unsafe_route() -> None:
    keys = {"NEAR_LOCK_KEYS": "ed25519:" + "1" * 87, "NEAR_DUTY_KEYS": "ed25519:" + "1" * 87}
    environment = keys | {
        "PATH": os.environ["PATH"],
        **{name: os.environ[name] for name in ("SECRET_KEY", "VAULT_KEYS", "DATABASE_URL")},
        "POLICY": "devnet",
        "PRICES": "{}",
        "BASE_RPC_URL": "http://127.0.0.1:1",
        "BASE_CHAIN_ID": "1",
        "BASE_ESCROW_FACTORY": "0x" + "11" * 20,
        "BASE_LOCK_KEY": "0x" + "22" * 32,
        "BASE_DUTY_KEY": "0x" + "33" * 32,
        **CAPS,
        "NEAR_RPC_URL": "http://127.0.0.1:2",
        "NEAR_CHAIN_ID": "localnet",
        "NEAR_HTLC": "htlc.near",
        "NEAR_HTLC_CODE_HASH": "1" * 44,
        "NEAR_LOCK_ACCOUNT": "lock.near",
        "NEAR_DUTY_ACCOUNT": "duty.near",
    }
    command = [sys.executable, "manage.py", "check"]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    problem = "no price of base:ETH: add it to PRICES"
    assert f"?: (auctions.E001) route {THERE}: {problem}" in done.stderr


def test_no_routes_at_all_are_a_market_that_quotes_nothing() -> None:
    assert problems(routes=()) == []
    empty = market(routes=())
    assert empty.durations["inclusion"] == market().route(THERE).policy.inclusion
    with pytest.raises(UnknownRouteError, match="no route 'x': there are none now"):
        empty.route("x")


def test_an_unknown_route_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(UnknownRouteError, match=f"no route 'x': give one of {THERE}, {BACK}"):
        market().route("x")


def test_the_market_in_use_is_the_installed_one() -> None:
    mine = market()
    with use_market(mine):
        assert current_market() is mine


@pytest.mark.parametrize("amount", [10**16, 5 * ETHER])
def test_the_limits_themselves_are_within(amount: int) -> None:
    market().route(THERE).require_within_limits(amount, [SecretMode.SERVICE])


@pytest.mark.parametrize("amount", [-1, 0, 10**16 - 1, 5 * ETHER + 1, 100 * ETHER])
def test_an_amount_beyond_the_service_modes_limits_is_refused(amount: int) -> None:
    complaint = f"{amount} is outside .*: give {10**16} to {5 * ETHER} base units of ETH"
    with pytest.raises(AmountOutOfLimitsError, match=complaint):
        market().route(THERE).require_within_limits(amount, [SecretMode.SERVICE])


def test_a_secret_mode_that_is_not_offered_is_refused() -> None:
    route = market(secret_modes=(SecretMode.SERVICE,)).route(BACK)
    with pytest.raises(SecretModeError, match="does not offer secret mode 'maker'"):
        route.require_within_limits(100 * NEAR, [SecretMode.MAKER])


@pytest.mark.parametrize(
    ("stake", "tier"),
    [
        (Fraction(0), "head+3"),
        (Fraction(1000), "head+3"),
        (Fraction(1001, 1) - Fraction(999_999, 10**6), "safe"),
        (Fraction(100_000), "safe"),
        (Fraction(100_001), "finalized"),
        (Fraction(10**12), "finalized"),
    ],
)
def test_a_stake_gets_the_fastest_tier_that_protects_it(stake: Fraction, tier: str) -> None:
    route = market(PolicyName.MAINNET).route(THERE)
    assert route.source.tier_for(stake, route.policy.source_finality) == tier


def test_a_tier_without_a_bound_protects_nothing_unless_it_is_the_slowest() -> None:
    route = market(PolicyName.MAINNET, finality_bounds={}).route(THERE)
    assert route.source.tier_for(Fraction(1), route.policy.source_finality) == "finalized"
    assert route.destination.tier_for(Fraction(1), route.policy.destination_finality) == "final"


def test_the_cost_cap_of_a_leg_is_in_the_chains_own_coin() -> None:
    route = market().route(THERE)
    gwei, tgas_cap = 10**9, 10**12 * 10**9
    withdrawal = 350_000 * 20 * gwei + 50_000 * gwei
    assert route.source.cost_cap(Call.WITHDRAW, Call.REFUND) == 2 * withdrawal
    assert route.destination.cost_cap(Call.LOCK, Call.WITHDRAW) == (40 + 80) * tgas_cap
    assert route.destination.outlay_cap(Call.LOCK) == 40 * tgas_cap + 551 * 10**19


def test_the_trust_of_service_mode_is_one_sentence() -> None:
    assert TRUST_OF_SERVICE_MODE.count(". ") == 0
    assert TRUST_OF_SERVICE_MODE.endswith("you trust us for that time.")


def test_prices_here_are_the_devnets() -> None:
    assert DEVNET.price_table.items() >= PRICES.items()
