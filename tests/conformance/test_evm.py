"""What only an EVM chain can pretend."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from chains_app.adapters import evm_contract, evm_tokens
from chains_app.adapters.evm import EvmAdapter
from chains_app.adapters.evm_contract import EscrowContracts
from chains_app.adapters.interface import FeeAboveCapError
from chains_app.locks import Call, LockState
from chains_app.registry import signing_keys
from chains_app.signers import SignerRole
from devnet.anvil import CHAIN_ID
from sessions_app.admission import InvalidAccountError, require_account
from tests.conformance.evm_world import FUNDS, EvmWorld
from tests.conformance.world import facts_since, make, read, succeeded, terms

pytestmark = pytest.mark.parametrize("world", ["evm"], indirect=True)


def emitter_of(topics: list[str]) -> str:
    """Code that emits one event with these topics and no data."""
    pushes = "".join("7f" + topic[2:] for topic in reversed(topics))
    return "0x" + pushes + "60006000" + f"{0xA0 + len(topics):x}" + "00"


def test_rule_7_state_without_our_code_is_no_lock(world: EvmWorld) -> None:
    bound = terms(world)
    make(world, Call.LOCK, bound)
    escrow = world.adapter.lock_id(bound)
    code = world.rpc.call("eth_getCode", escrow, "latest")
    world.rpc.call("anvil_setCode", escrow, code[:-2] + "f4")
    world.mine()
    assert read(world, bound).state is LockState.ABSENT
    world.rpc.call("anvil_setCode", escrow, code)
    world.mine()
    assert read(world, bound).state is LockState.OPEN


def test_rule_7_money_at_the_address_is_no_lock(world: EvmWorld) -> None:
    bound = terms(world)
    world.anvil.fund(world.adapter.lock_id(bound), bound.amount)
    world.mine()
    assert read(world, bound).state is LockState.ABSENT


def test_rule_7_a_strangers_creation_event_is_no_fact(world: EvmWorld) -> None:
    bound = terms(world)
    indexed = "0x" + world.adapter.lock_id(bound)[2:].lower().rjust(64, "0")
    start = world.adapter.head().height
    for created in evm_contract.CREATED:
        code = emitter_of([created, indexed, "0x" + bound.hashlock.hex()])
        call_stranger(world, code)
    assert facts_since(world, start).facts == ()


def test_an_event_of_a_stranger_names_the_stranger(world: EvmWorld) -> None:
    start = world.adapter.head().height
    stranger = call_stranger(world, emitter_of([evm_contract.WITHDRAWN]))
    (fact,) = facts_since(world, start).facts
    assert (fact.lock_id, fact.secret) == (stranger, None)


def call_stranger(world: EvmWorld, code: str) -> str:
    """Put `code` at a foreign address, and call it; the address."""
    stranger = "0x1111111111111111111111111111111111111111"
    world.rpc.call("anvil_setCode", stranger, code)
    call = {"chainId": hex(CHAIN_ID), "from": world.maker.account, "to": stranger, "value": "0x0"}
    world.send_by_wallet([call])
    return stranger


def test_a_payout_is_asked_for_with_the_contracts_gas(world: EvmWorld) -> None:
    contracts = EscrowContracts(CHAIN_ID, world.spec.contract)
    data = "0x" + evm_contract.selector("PAYOUT_GAS()").hex()
    asked = world.rpc.call("eth_call", {"to": contracts.implementation, "data": data}, "latest")
    assert int(asked, 16) == evm_contract.PAYOUT_GAS


WRONG = {
    "chain id": ({"caip2": "eip155:1"}, "base: node 1 of 1 is on chain 31337, not 1: "),
    "contract": ({"contract": "0x" + "12" * 20}, "is not our EscrowFactory: deploy it"),
    "genesis": (
        {"genesis_hash": "0x" + "34" * 32},
        "base: node 1 of 1 has another genesis than 0x3434",
    ),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_configuration_is_a_problem(world: EvmWorld, wrong: str) -> None:
    changes, said = WRONG[wrong]
    keys = {role: signing_keys("base", role) for role in SignerRole}
    adapter = EvmAdapter(replace(world.spec, **changes), keys, [world.anvil.url])  # type: ignore[arg-type]
    assert any(said in problem for problem in adapter.problems())


def test_an_account_without_gas_is_a_problem(world: EvmWorld) -> None:
    world.anvil.fund(world.duty.account, 0)
    assert world.adapter.problems() == [f"base: {world.duty.account} has no ETH for gas"]


@pytest.mark.parametrize("came_as", [str.lower, lambda a: "0x" + a[2:].upper()])
def test_an_address_of_one_case_gets_its_checksum(
    world: EvmWorld, came_as: Callable[[str], str]
) -> None:
    """It has none (EIP-55), and is how `eth_requestAccounts` gives it."""
    assert world.adapter.spelled(came_as(world.maker.account)) == world.maker.account


def test_an_address_that_fails_its_checksum_is_refused(world: EvmWorld) -> None:
    wrong = "0x" + world.maker.account[2:].swapcase()
    assert world.adapter.spelled(wrong) == wrong
    problem = world.adapter.account_problem(wrong)
    assert problem == f"{wrong} fails its checksum (EIP-55): give it as your wallet shows it"


@pytest.mark.parametrize("account", ["UPPER", "0x", "0x12", "0X" + "AB" * 20, "ab" * 20, ""])
def test_what_is_no_address_is_spelled_as_it_came(world: EvmWorld, account: str) -> None:
    assert world.adapter.spelled(account) == account
    assert world.adapter.account_problem(account) is not None


@pytest.mark.parametrize("role", SignerRole)
@pytest.mark.parametrize("came_as", [str, str.lower])
def test_our_accounts_are_no_makers_in_any_spelling(
    world: EvmWorld, role: SignerRole, came_as: Callable[[str], str]
) -> None:
    (key,) = signing_keys("base", role)
    with pytest.raises(InvalidAccountError, match=f"{key.account} is ours"):
        require_account("base", world.adapter.spelled(came_as(key.account)), "makerSourceAccount")


@contextmanager
def base_fee(world: EvmWorld, wei: int) -> Iterator[None]:
    """The head asks so much; anvil forgets it with its block, but not at a revert."""
    before = world.rpc.call("eth_getBlockByNumber", "latest", False)["baseFeePerGas"]
    world.rpc.call("anvil_setNextBlockBaseFeePerGas", hex(wei))
    world.mine()
    yield
    world.rpc.call("anvil_setNextBlockBaseFeePerGas", before)


@pytest.mark.parametrize("below", [0, 1, 10**9])
def test_rule_15_a_first_fee_stays_below_the_cap_that_reservations_count_on(
    world: EvmWorld, below: int
) -> None:
    asked = world.spec.max_gas_price - below
    with base_fee(world, asked):
        prepared = world.adapter.prepare(Call.WITHDRAW, terms(world), world.duty)
    assert prepared.cost_cap == world.spec.fee_cap(Call.WITHDRAW, None)
    assert prepared.fields["maxFeePerGas"] == world.spec.max_gas_price >= asked
    assert prepared.fields["maxPriorityFeePerGas"] <= prepared.fields["maxFeePerGas"]


def test_rule_15_nothing_is_prepared_while_gas_costs_more_than_the_cap(world: EvmWorld) -> None:
    with base_fee(world, world.spec.max_gas_price + 1):
        with pytest.raises(FeeAboveCapError, match="a unit of gas, we pay 20000000000 at most"):
            world.adapter.prepare(Call.WITHDRAW, terms(world), world.duty)
        with pytest.raises(FeeAboveCapError):
            world.adapter.prepare_transfer_to_self(world.duty)


def test_a_token_that_answers_nothing_is_held_when_it_is_declared(world: EvmWorld) -> None:
    world.use_token("NoReturnToken", no_return=True)
    bound = terms(world)
    assert world.adapter.payout_problem(bound, bound.beneficiary) is None
    make(world, Call.LOCK, bound)
    assert world.adapter.payout_problem(bound, bound.beneficiary) is None
    had = world.adapter.balance(bound.beneficiary, world.token)
    make(world, Call.WITHDRAW, bound)
    assert world.adapter.balance(bound.beneficiary, world.token) == had + bound.amount


def test_a_token_that_answers_nothing_undeclared_pays_nobody(world: EvmWorld) -> None:
    world.use_token("NoReturnToken")
    assert world.adapter.payout_problem(terms(world), world.maker.account) is not None


def test_a_token_that_moves_less_than_it_was_told_is_never_locked(world: EvmWorld) -> None:
    """What the declaration of a fee on transfers saves us from: the contract refuses it, too."""
    world.use_token("FeeToken")
    bound = terms(world)
    assert succeeded(world, make(world, Call.LOCK, bound), world.lock) is False
    assert read(world, bound).state is LockState.ABSENT


@pytest.mark.parametrize("answer", [1, 4])
def test_a_token_that_refuses_a_transfer_is_known_before_the_lock_and_after(
    world: EvmWorld, answer: int
) -> None:
    """Its transfers answer false, or nothing."""
    world.use_token("HostileToken")
    bound = terms(world)
    make(world, Call.LOCK, bound)
    unlocked = replace(bound, hashlock=bytes(32))
    for each in (bound, unlocked):
        assert world.adapter.payout_problem(each, each.beneficiary) is None
    world.call_token(str(world.token), "setAnswers(uint8,uint8)", answer, 0)
    for each in (bound, unlocked):
        problem = world.adapter.payout_problem(each, each.beneficiary)
        assert problem == f"USDC on base refuses a transfer to {each.beneficiary}"


def test_rule_15_an_approval_goes_to_the_token_for_the_factory_alone(world: EvmWorld) -> None:
    world.use_token()
    sent = make(world, Call.APPROVE, terms(world))
    found = world.rpc.call("eth_getTransactionByHash", sent.hash)
    assert found["to"] == str(world.token).lower()
    assert found["value"] == "0x0"
    unlimited = evm_tokens.approval(world.spec.contract, 2**256 - 1)
    assert found["input"] == "0x" + unlimited.hex()


def problems_of_tokens(world: EvmWorld, **changes: object) -> list[str]:
    """With one token, declared otherwise."""
    coin = replace(world.spec.asset(world.token), **changes)  # type: ignore[arg-type]
    spec = replace(world.spec, tokens={str(coin.token): coin})
    keys = {role: signing_keys("base", role) for role in SignerRole}
    return EvmAdapter(spec, keys, [world.anvil.url]).problems()


def test_a_token_is_proved_against_its_declaration(world: EvmWorld) -> None:
    world.use_token()
    name, nobody = f"base: USDC at {world.token}", "0x" + "11" * 20
    decimals = world.spec.asset(world.token).decimals
    assert problems_of_tokens(world) == []
    assert problems_of_tokens(world, decimals=decimals + 1) == [
        f"{name} has {decimals} decimals, not {decimals + 1}: correct them"
    ]
    assert problems_of_tokens(world, token=nobody) == [
        f"base: USDC at {nobody} has no code: correct its address"
    ]
    assert problems_of_tokens(world, token=world.spec.contract) == [
        f"base: USDC at {world.spec.contract} does not answer as an ERC-20: take it out"
    ]


def test_a_lock_account_without_a_configured_token_is_a_problem(world: EvmWorld) -> None:
    world.use_token()
    spend = evm_tokens.transfer(world.maker.account, FUNDS)
    chain = {"chainId": hex(CHAIN_ID), "from": world.lock.account, "value": "0x0"}
    maker, world.maker = world.maker, world.lock
    world.send_by_wallet([chain | {"to": str(world.token), "data": "0x" + spend.hex()}])
    world.maker = maker
    assert world.adapter.problems() == [
        f"base: USDC at {world.token}: {world.lock.account} holds none: fund it"
    ]


def test_a_token_that_moves_nothing_is_a_problem(world: EvmWorld) -> None:
    world.use_token("HostileToken")
    world.call_token(str(world.token), "setAnswers(uint8,uint8)", 1, 0)
    [problem] = problems_of_tokens(world, decimals=18)
    assert "see whether it is paused" in problem
