"""The environment, right and wrong in every variable."""

import json
import os
import re
from typing import Any

import pytest

from chains_app.config import (
    ChainSpec,
    ConfigurationError,
    Nonces,
    chain_specs,
    read_environment,
)
from chains_app.locks import Call, LockTerms
from chains_app.tokens import EvmToken
from orchestrator.kernel.clock import Seconds
from orchestrator.kernel.hashlock import HashFunction
from tests.unit.chains.environment import ENVIRONMENT, ETHER, NEAR_SECRET, caps


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the process's own chains, and every right value."""
    for name in list(os.environ):
        if name.startswith(("BASE_", "NEAR_")):
            monkeypatch.delenv(name)
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


def specs() -> dict[str, ChainSpec]:
    return chain_specs(read_environment())


def refusal() -> str:
    with pytest.raises(ConfigurationError) as refused:
        read_environment()
    return str(refused.value)


def test_the_chains_of_a_devnet() -> None:
    base, near = specs()["base"], specs()["near"]
    assert (base.caip2, near.caip2) == ("eip155:31337", "near:devnet")
    assert (base.native.decimals, near.native.decimals) == (18, 24)
    assert (base.nonces, near.nonces) == (Nonces.SEQUENTIAL, Nonces.GROWING)
    assert {spec.hash_function for spec in (base, near)} == {HashFunction.SHA256}
    assert (base.finality, near.finality) == ({"head+1": 3, "finalized": 6}, {"final": 4})
    assert (base.stale_after, near.stale_after) == (5, 5)
    assert base.genesis_hash is None


def test_mainnet_is_the_policy_unless_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("POLICY")
    monkeypatch.setenv("BASE_CHAIN_ID", "8453")
    base, near = specs()["base"], specs()["near"]
    assert base.finality == {"head+3": 15, "safe": 300, "finalized": 1500}
    assert (near.finality, near.stale_after) == ({"final": 10}, 30)
    assert base.genesis_hash == "0xf712aa9241cc24369b143cf6dce85f0902a9731e70d66818a3a5845b296c73dd"


def test_stale_heads_can_be_allowed_for_blocks_on_demand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHECK_STALE_HEADS", "false")
    assert {spec.stale_after for spec in specs().values()} == {None}


@pytest.mark.parametrize(
    ("variable", "value", "chain"),
    [("BASE_CHAIN_ID", "8453", "eip155:8453"), ("NEAR_CHAIN_ID", "mainnet", "near:mainnet")],
)
@pytest.mark.parametrize("policy", ["mainnet", "devnet"])
def test_rule_11_stale_heads_are_not_allowed_on_real_chains(
    policy: str, variable: str, value: str, chain: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POLICY", policy)
    monkeypatch.setenv("CHECK_STALE_HEADS", "false")
    monkeypatch.setenv(variable, value)
    assert refusal() == (
        f"wrong configuration: CHECK_STALE_HEADS is false, and {chain} would be believed however "
        "old its head is: take it out"
    )


TOKEN = {"symbol": "USDC", "address": "0xABaBaBaBABabABabAbAbABAbABabababaBaBABaB", "decimals": 6}


def bound(amount: int, token: str | None = None) -> LockTerms:
    parties = {"chain": "base", "contract": "", "depositor": "", "beneficiary": ""}
    return LockTerms(**parties, token=token, amount=amount, hashlock=b"",
                     lock_by=Seconds(0), timelock=Seconds(0))  # fmt: skip


def test_two_nodes_agree_about_every_lock_unless_told_otherwise() -> None:
    base, near = specs()["base"], specs()["near"]
    assert (base.nodes, near.nodes) == (2, 1)
    assert base.needs_agreement(bound(1))
    assert not near.needs_agreement(bound(10**30))


def test_two_nodes_agree_from_an_amount_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BASE_AGREE_FROM", str(10**18))
    monkeypatch.setenv("BASE_TOKENS", json.dumps([TOKEN | {"agree_from": 1_000}]))
    base = specs()["base"]
    [usdc] = base.tokens
    asked = {
        (10**18, None): True,
        (10**18 - 1, None): False,
        (999, usdc): False,
        (1_000, usdc): True,
        (1, "0x5TRANGE"): True,
    }
    assert {each: base.needs_agreement(bound(*each)) for each in asked} == asked


@pytest.mark.parametrize("variable", ["BASE_AGREE_FROM", "BASE_TOKENS"])
def test_one_node_can_agree_with_nobody(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    values = {"BASE_AGREE_FROM": "0", "BASE_TOKENS": json.dumps([TOKEN | {"agree_from": 0}])}
    monkeypatch.setenv("BASE_RPC_URL", "http://127.0.0.1:1")
    monkeypatch.setenv(variable, values[variable])
    assert refusal() == (
        "wrong configuration: BASE_AGREE_FROM, or agree_from of one of BASE_TOKENS, wants two "
        "nodes to agree: name another in BASE_RPC_URL, or take it out"
    )


def test_a_node_that_is_named_twice_is_not_two(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEAR_RPC_URL", "http://127.0.0.1:3,http://127.0.0.1:3/")
    assert refusal() == (
        "wrong configuration: NEAR_RPC_URL names a node twice: no other agrees with it then"
    )


def test_lists_have_commas() -> None:
    read = read_environment()
    assert [str(url) for url in read.base_rpc_url] == ["http://127.0.0.1:1/", "http://127.0.0.1:2/"]
    assert len(read.near_lock_keys) == 2


def test_a_token_is_there_only_if_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    assert specs()["base"].tokens == {}
    token = "0xABaBaBaBABabABabAbAbABAbABabababaBaBABaB"
    monkeypatch.setenv("BASE_TOKENS", tokens({"address": token}))
    base = specs()["base"]
    assert base.asset(token).decimals == 6
    with pytest.raises(ConfigurationError, match="'0xother' is not a configured token of base"):
        base.asset("0xother")


BASE_TOKEN = {"address": "0xABaBaBaBABabABabAbAbABAbABabababaBaBABaB"}
NEAR_TOKEN = {"account": "usdc.near"}


def tokens(*declared: dict[str, Any]) -> str:
    return json.dumps([{"symbol": "USDC", "decimals": 6, **one} for one in declared])


def test_a_token_has_the_limits_of_its_chain_unless_it_declares_its_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    declared = {**NEAR_TOKEN, "gas": {"lock": 60 * 10**12}, "most_registration": 7}
    monkeypatch.setenv("NEAR_TOKENS", tokens(declared))
    coin = specs()["near"].asset("usdc.near")
    assert (coin.gas[Call.LOCK], coin.gas[Call.PREPARE]) == (60 * 10**12, 30 * 10**12)
    assert coin.preliminaries == (Call.REGISTER, Call.PREPARE)
    assert coin.deposits[Call.REGISTER] == 7


@pytest.mark.parametrize(("flag", "zero"), [(False, ()), (True, (Call.APPROVE_ZERO,))])
def test_an_approval_to_nothing_comes_first_where_that_is_declared(
    flag: bool, zero: tuple[Call, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BASE_TOKENS", tokens({**BASE_TOKEN, "approve_zero_first": flag}))
    coin = specs()["base"].asset(BASE_TOKEN["address"])
    assert coin.preliminaries == (*zero, Call.APPROVE)


REFUSED = {
    "fee_on_transfer": "takes a fee on transfers: less than a lock's amount would arrive",
    "rebasing": "changes balances by itself: a lock could not pay what it took",
}


@pytest.mark.parametrize("flag", REFUSED)
@pytest.mark.parametrize("name", ["BASE_TOKENS", "NEAR_TOKENS"])
def test_a_token_that_can_not_be_held_safely_is_refused_with_the_reason(
    name: str, flag: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    token: dict[str, Any] = dict(BASE_TOKEN if name == "BASE_TOKENS" else NEAR_TOKEN)
    monkeypatch.setenv(name, tokens({**token, flag: True}))
    said = refusal()
    assert said.startswith(f"wrong configuration: {name}.0 declares that USDC {REFUSED[flag]}")
    assert said.endswith("take it out")
    assert "\n" not in said


@pytest.mark.parametrize("flag", ["pausable", "blacklist", "approve_zero_first", "no_return"])
def test_a_token_that_can_be_held_safely_is_taken(
    flag: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BASE_TOKENS", tokens({**BASE_TOKEN, flag: True}))
    assert list(specs()["base"].tokens) == [BASE_TOKEN["address"]]


WRONG_TOKENS = {
    "twice": (tokens(BASE_TOKEN, BASE_TOKEN), "BASE_TOKENS names USDC twice"),
    "the address twice": (
        tokens(BASE_TOKEN, {**BASE_TOKEN, "symbol": "OTHER"}),
        f"BASE_TOKENS names {BASE_TOKEN['address']} twice",
    ),
    "no address": (tokens({}), "BASE_TOKENS.0.address is missing"),
    "an unknown flag": (tokens({**BASE_TOKEN, "deflating": True}), "BASE_TOKENS.0.deflating"),
    "no gas": (tokens({**BASE_TOKEN, "gas": {"lock": 0}}), "BASE_TOKENS.0.gas.lock"),
    "fractions": (tokens({**BASE_TOKEN, "decimals": 6.5}), "BASE_TOKENS.0.decimals"),
    "a bad symbol": (tokens({**BASE_TOKEN, "symbol": "a:b"}), "BASE_TOKENS.0.symbol is not"),
}


@pytest.mark.parametrize("wrong", WRONG_TOKENS)
def test_a_wrong_token_is_named_with_its_place(wrong: str, monkeypatch: pytest.MonkeyPatch) -> None:
    value, said = WRONG_TOKENS[wrong]
    monkeypatch.setenv("BASE_TOKENS", value)
    assert refusal().startswith(f"wrong configuration: {said}")


def test_the_fee_cap_is_gas_at_the_highest_price_and_data() -> None:
    base = specs()["base"]
    assert base.fee_cap(Call.WITHDRAW, None) == 350_000 * 20 * 10**9 + 50_000 * 10**9


WRONG = {
    "POLICY": "testnet",
    "BASE_RPC_URL": "not a url",
    "BASE_CHAIN_ID": "base",
    "BASE_GENESIS_HASH": "0x12",
    "BASE_ESCROW_FACTORY": "0x1234",
    "BASE_TOKENS": "usdc",
    "BASE_LOCK_KEY": "11" * 32,
    "BASE_DUTY_KEY": "0x11",
    "NEAR_RPC_URL": " , ",
    "NEAR_GENESIS_HASH": "0OIl",
    "NEAR_HTLC": "Htlc.near",
    "NEAR_HTLC_CODE_HASH": "short",
    "NEAR_TOKENS": '[{"symbol": "USDC", "account": "usdc..near", "decimals": 6}]',
    "NEAR_LOCK_ACCOUNT": "a",
    "NEAR_LOCK_KEYS": f"{NEAR_SECRET},ed25519:short",
    "NEAR_DUTY_ACCOUNT": "-duty",
    "NEAR_DUTY_KEYS": "secp256k1:" + "1" * 87,
    "BASE_LOCK_CAPS": '{"transaction": 3, "hour": 2, "day": 9}',
    "BASE_DUTY_CAPS": '{"transaction": 0, "hour": 2, "day": 9}',
    "NEAR_LOCK_CAPS": '{"transaction": 1, "hour": 2}',
    "NEAR_DUTY_CAPS": "none",
    "CHECK_STALE_HEADS": "perhaps",
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_variable_is_named_in_one_line(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, WRONG[name])
    said = refusal()
    assert re.fullmatch(rf"wrong configuration: {name}[. ][^\n]+", said)
    if name.endswith(("KEY", "KEYS")):
        assert WRONG[name].split(",")[-1] not in said


@pytest.mark.parametrize("digit", ["0", "f"])
def test_a_number_that_is_no_key_is_named(digit: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BASE_DUTY_KEY", "0x" + digit * 64)
    assert refusal() == (
        "wrong configuration: BASE_DUTY_KEY is no key: "
        "it must lie between 0 and the order of secp256k1"
    )


@pytest.mark.parametrize(
    ("name", "call"),
    [("BASE_DUTY_CAPS", "withdraw of ETH"), ("NEAR_LOCK_CAPS", "lock of NEAR")],
)
def test_rule_15_a_cap_that_stops_each_call_is_named(
    name: str, call: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, caps(1, ETHER, ETHER))
    with pytest.raises(ConfigurationError, match=rf"{name}.transaction 1 is less than one {call}"):
        chain_specs(read_environment())


REQUIRED = [name for name in ENVIRONMENT if name != "POLICY"]


@pytest.mark.parametrize("name", REQUIRED)
def test_a_missing_variable_is_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(name)
    assert refusal() == f"wrong configuration: {name} is missing"


def test_all_that_is_wrong_is_said_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BASE_LOCK_KEY")
    monkeypatch.delenv("NEAR_HTLC")
    assert refusal() == ("wrong configuration: BASE_LOCK_KEY is missing; NEAR_HTLC is missing")


@pytest.mark.parametrize(
    ("name", "other"),
    [("BASE_DUTY_KEY", "BASE_LOCK_KEY"), ("NEAR_DUTY_ACCOUNT", "NEAR_LOCK_ACCOUNT")],
)
def test_rule_15_the_roles_have_accounts_of_their_own(
    name: str, other: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, ENVIRONMENT[other])
    assert f"{other} and {name} are the same" in refusal()


def test_rule_13_keys_are_in_no_repr() -> None:
    shown = repr(read_environment())
    assert "11" * 16 not in shown
    assert NEAR_SECRET[10:40] not in shown


def test_an_address_has_one_spelling_as_the_chains_events_have_it() -> None:
    address = "0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913"
    for spelled in (address, address.lower()):
        assert EvmToken(symbol="USDC", decimals=6, address=spelled).spec().token == address
