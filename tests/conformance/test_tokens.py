"""Locks of tokens: what has to be written before them, and what nobody can make of less."""

from dataclasses import replace

import pytest

from chains_app.adapters.interface import ChainError, FeeAboveCapError
from chains_app.adapters.memory import MemoryAdapter
from chains_app.adapters.near import NearAdapter
from chains_app.locks import Call, LockState
from devnet.faults import ChainFaults, Lie
from orchestrator.kernel.clock import Seconds
from orchestrator.kernel.hashlock import Secret
from tests.conformance.conftest import NATIVE, TOKEN
from tests.conformance.memory_world import MemoryWorld
from tests.conformance.near_world import NearWorld
from tests.conformance.world import (
    World,
    finalize,
    make,
    makers_terms,
    read,
    ready,
    signed,
    succeeded,
    terms,
)

TOKENS = pytest.mark.parametrize("world", TOKEN, indirect=True)
APPROVED = pytest.mark.parametrize("world", ["memory-token", "evm-token"], indirect=True)
PREPARED = pytest.mark.parametrize("world", ["memory-growing-token", "near-token"], indirect=True)
OTHER_HASHLOCK = bytes(31) + b"\1"


def missing(world: World, **changes: object) -> Call | None:
    bound = terms(world, **changes)
    return world.adapter.preliminary(Call.LOCK, bound, bound.depositor)


@pytest.mark.parametrize("world", NATIVE, indirect=True)
def test_a_native_lock_needs_nothing_before_it(world: World) -> None:
    assert missing(world) is None
    assert world.adapter.registration_cost(None, world.maker.account) == 0


@TOKENS
def test_nothing_but_a_lock_needs_anything_before_it(world: World) -> None:
    bound = terms(world)
    for call in set(Call) - {Call.LOCK}:
        assert world.adapter.preliminary(call, bound, bound.depositor) is None


@TOKENS
def test_each_preliminary_is_asked_for_until_it_was_made(world: World) -> None:
    coin = world.spec.asset(world.token)
    bound = terms(world, beneficiary=world.stranger())
    asked = []
    while (call := world.adapter.preliminary(Call.LOCK, bound, bound.depositor)) is not None:
        asked.append(call)
        assert succeeded(world, make(world, call, bound), world.lock) is True
    wanted = [call for call in coin.preliminaries if call is not Call.APPROVE_ZERO]
    assert asked == wanted
    assert succeeded(world, make(world, Call.LOCK, bound), world.lock) is True
    assert read(world, bound).state is LockState.OPEN


@TOKENS
def test_a_lock_without_its_preliminaries_is_refused_and_moves_nothing(world: World) -> None:
    bound = terms(world)
    had = world.adapter.balance(world.lock.account, world.token)
    sent = signed(world, Call.LOCK, bound, world.lock)
    world.adapter.broadcast(sent.raw)
    world.include()
    assert succeeded(world, sent, world.lock) is False
    assert read(world, bound).state is LockState.ABSENT
    assert world.adapter.balance(world.lock.account, world.token) == had


@TOKENS
def test_more_than_the_depositor_holds_is_not_locked(world: World) -> None:
    too_much = world.adapter.balance(world.lock.account, world.token) + 1
    bound = terms(world, amount=too_much)
    sent = make(world, Call.LOCK, bound)
    assert succeeded(world, sent, world.lock) is False
    assert read(world, bound).state is LockState.ABSENT


@TOKENS
def test_a_preliminary_costs_no_more_than_its_cap(world: World) -> None:
    bound = terms(world, beneficiary=world.stranger())
    calls = world.spec.asset(world.token).preliminaries
    assert len(calls) == 2
    for call in calls:
        prepared = world.adapter.prepare(call, bound, world.lock)
        assert prepared.cost_cap <= world.spec.cost_cap(call, bound)
        before = world.adapter.balance(world.lock.account, None)
        make(world, call, bound)
        assert 0 < before - world.adapter.balance(world.lock.account, None) <= prepared.cost_cap


@APPROVED
def test_an_approval_serves_every_later_lock(world: World) -> None:
    ready(world, terms(world))
    assert missing(world, hashlock=OTHER_HASHLOCK, amount=world.amount * 3) is None
    make(world, Call.LOCK, terms(world))
    assert missing(world, hashlock=OTHER_HASHLOCK) is None


@APPROVED
def test_an_allowance_that_was_taken_back_is_missing_again(world: World) -> None:
    bound = ready(world, terms(world))
    make(world, Call.APPROVE_ZERO, bound)
    assert world.adapter.preliminary(Call.LOCK, bound, bound.depositor) is Call.APPROVE


@PREPARED
def test_a_preparation_serves_its_own_lock_alone(world: World) -> None:
    bound = ready(world, terms(world))
    assert world.adapter.preliminary(Call.LOCK, bound, bound.depositor) is None
    assert read(world, bound).state is LockState.ABSENT  # it holds no money
    assert missing(world, hashlock=OTHER_HASHLOCK) is Call.PREPARE
    assert missing(world, amount=bound.amount + 1) is Call.PREPARE


@PREPARED
@pytest.mark.parametrize("error", [-1, 1])
def test_another_amount_than_the_prepared_one_goes_back(world: World, error: int) -> None:
    bound = ready(world, terms(world))
    had = world.adapter.balance(world.lock.account, world.token)
    wrong = replace(bound, amount=bound.amount + error)
    sent = signed(world, Call.LOCK, wrong, world.lock)
    world.adapter.broadcast(sent.raw)
    world.include()
    assert succeeded(world, sent, world.lock) is False
    assert world.adapter.balance(world.lock.account, world.token) == had
    assert read(world, bound).state is LockState.ABSENT
    assert read(world, wrong).state is LockState.ABSENT


@PREPARED
def test_a_preparation_too_many_changes_nothing(world: World) -> None:
    bound = ready(world, terms(world))
    again = make(world, Call.PREPARE, bound)
    assert succeeded(world, again, world.lock) is False
    make(world, Call.LOCK, bound)
    assert read(world, bound).state is LockState.OPEN


@PREPARED
def test_an_unregistered_beneficiary_is_registered_at_the_cost_that_was_told(world: World) -> None:
    bound = terms(world, beneficiary=world.stranger())
    cost = world.adapter.registration_cost(world.token, bound.beneficiary)
    assert 0 < cost <= world.spec.asset(world.token).deposits[Call.REGISTER]
    assert bound.beneficiary in (world.adapter.payout_problem(bound, bound.beneficiary) or "")
    prepared = world.adapter.prepare(Call.REGISTER, bound, world.lock)
    fee = world.spec.fee_cap(Call.REGISTER, world.token)
    assert prepared.cost_cap == fee + cost
    make(world, Call.REGISTER, bound)
    assert world.adapter.registration_cost(world.token, bound.beneficiary) == 0
    assert world.adapter.payout_problem(bound, bound.beneficiary) is None


@PREPARED
def test_a_second_registration_takes_no_deposit(world: World) -> None:
    bound = terms(world)
    cost = world.spec.fee_cap(Call.REGISTER, world.token)
    before = world.adapter.balance(world.lock.account, None)
    assert succeeded(world, make(world, Call.REGISTER, bound), world.lock) is True
    finalize(world)
    assert 0 < before - world.adapter.balance(world.lock.account, None) <= cost


@pytest.mark.parametrize("world", ["near-token"], indirect=True)
def test_rule_15_a_token_that_asks_more_for_a_registration_is_not_paid(world: NearWorld) -> None:
    coin = world.spec.asset(world.token)
    cheap = replace(coin, deposits={**coin.deposits, Call.REGISTER: 1})
    spec = replace(world.spec, tokens={str(world.token): cheap})
    adapter = NearAdapter(spec, {}, [world.node.url], "1" * 43)
    with pytest.raises(FeeAboveCapError, match=r"USDC on near asks .* we pay 1 at most"):
        adapter.prepare(Call.REGISTER, terms(world), world.lock)


@TOKENS
def test_a_wallet_is_asked_for_everything_unless_the_chain_shows_it(world: World) -> None:
    bound = makers_terms(world)
    everything = world.adapter.wallet_transactions(bound)
    coin = world.spec.asset(world.token)
    own = [call for call in coin.preliminaries if call is not Call.REGISTER]
    assert len(everything) == len(own) + 1
    world.send_by_wallet(everything[:-1])
    left = world.adapter.wallet_transactions(bound, only_missing=True)
    assert left == everything[-1:]
    world.send_by_wallet(left)
    assert read(world, bound).state is LockState.OPEN


@TOKENS
def test_a_wallet_is_asked_for_everything_when_no_node_answers(world: World) -> None:
    bound = makers_terms(world)
    everything = world.adapter.wallet_transactions(bound)
    assert world.unreachable().wallet_transactions(bound, only_missing=True) == everything


@APPROVED
def test_an_approval_too_many_of_a_wallet_changes_nothing(world: World) -> None:
    bound = makers_terms(world)
    everything = world.adapter.wallet_transactions(bound)
    world.send_by_wallet(everything[:-1])
    world.send_by_wallet(everything)
    assert read(world, bound).state is LockState.OPEN


@PREPARED
def test_a_lock_of_the_wallet_that_missed_its_time_can_be_made_anew(world: World) -> None:
    """Only funding uses a hashlock up, so that a preparation that came to nothing stops nobody."""
    bound = makers_terms(world)
    world.send_by_wallet(world.adapter.wallet_transactions(bound)[:-1])
    later = replace(bound, lock_by=Seconds(bound.lock_by + 1))
    world.send_by_wallet(world.adapter.wallet_transactions(later))
    assert read(world, later).state is LockState.OPEN


@TOKENS
def test_a_withdrawal_of_tokens_needs_its_secret_like_any(world: World) -> None:
    bound = terms(world)
    prepared = world.adapter.prepare(Call.WITHDRAW, bound, world.duty)
    with pytest.raises(ValueError, match="needs its secret"):
        world.adapter.sign(Call.WITHDRAW, bound, prepared, world.duty, 0, None)
    other = Secret(bytes(range(2, 34)))
    assert world.adapter.sign(Call.WITHDRAW, bound, prepared, world.duty, 0, other).raw


@pytest.mark.parametrize("world", ["memory-token"], indirect=True)
def test_a_reorganised_approval_is_missing_again(world: MemoryWorld) -> None:
    bound = ready(world, terms(world))
    assert isinstance(world.adapter, MemoryAdapter)
    world.chain.reorganise(1)
    assert world.adapter.preliminary(Call.LOCK, bound, bound.depositor) is Call.APPROVE
    world.include()
    assert world.adapter.preliminary(Call.LOCK, bound, bound.depositor) is None


@pytest.mark.parametrize("world", ["near-token"], indirect=True)
def test_what_no_token_would_answer_is_no_balance(through: World, faults: ChainFaults) -> None:
    adapter, other_shape = through.adapter, r"answers the view [a-z_]+ in another shape"
    with faults.lying(Lie.STATE):
        with pytest.raises(ChainError, match=other_shape):
            adapter.balance(through.lock.account, through.token)
        with pytest.raises(ChainError, match=other_shape):
            adapter.registration_cost(through.token, through.stranger())
