"""Others' wallets and accounts, and what is wrong with a chain."""

from dataclasses import replace

import pytest

from chains_app.locks import Call, LockState
from tests.conformance.world import World, make, makers_terms, read, terms


def test_a_plain_wallet_makes_exactly_the_lock_of_the_terms(world: World) -> None:
    bound = makers_terms(world)
    world.send_by_wallet(world.adapter.wallet_transactions(bound))
    reading = read(world, bound)
    assert (reading.state, reading.is_paid) == (LockState.OPEN, False)


def test_our_parties_are_accounts(world: World) -> None:
    for key in (world.maker, world.lock, world.duty):
        assert world.adapter.account_problem(key.account) is None
        assert world.adapter.spelled(key.account) == key.account


BAD_ACCOUNTS = ["", " ", "Ünïcode", "-dash", "UPPER", "x" * 65, "a b", "\u0430lice.near", "a\n"]


@pytest.mark.parametrize("account", BAD_ACCOUNTS)
def test_what_is_no_account_is_refused_by_form(world: World, account: str) -> None:
    problem = world.adapter.account_problem(account)
    assert problem is not None
    assert repr(account[:80]) in problem


def test_the_contract_is_no_party(world: World) -> None:
    assert world.adapter.account_problem(world.spec.contract) is not None


def test_a_payout_to_who_takes_it_has_no_problem(world: World) -> None:
    bound = terms(world)
    assert world.adapter.payout_problem(bound, bound.beneficiary) is None
    assert world.adapter.payout_problem(bound, bound.depositor) is None


def test_a_payout_that_would_fail_is_known_before(world: World) -> None:
    refuser = world.unpayable()
    bound = terms(world, beneficiary=refuser.account)
    refuser.refuse()
    problem = world.adapter.payout_problem(bound, refuser.account)
    assert problem is not None
    assert refuser.account in problem
    refuser.heal()
    assert world.adapter.payout_problem(bound, refuser.account) is None


@pytest.mark.parametrize("world", ["evm", "evm-token", "near", "near-token"], indirect=True)
def test_rule_3_a_lock_that_would_pay_its_own_place_is_known_before_it_is_refused(
    world: World,
) -> None:
    """Who draws the hashlock knows the address of our lock on an EVM chain beforehand."""
    place = world.adapter.lock_id(terms(world)) if is_evm(world) else world.spec.contract
    bound = replace(terms(world), beneficiary=place)
    problem = world.adapter.payout_problem(bound, place)
    assert problem is not None
    assert problem.startswith(place)
    make(world, Call.LOCK, bound)
    assert read(world, bound).state is LockState.ABSENT


def is_evm(world: World) -> bool:
    return world.spec.caip2.startswith("eip155:")


def test_an_account_that_is_not_there_holds_nothing(world: World) -> None:
    nobody = {"near": "nobody.test.near"}.get(world.spec.name, "0x" + "12" * 20)
    assert world.adapter.balance(nobody, world.token) == 0


def test_a_rightly_configured_chain_has_no_problems(world: World) -> None:
    assert world.adapter.problems() == []


def test_an_unreachable_chain_is_a_problem(world: World) -> None:
    (problem,) = world.unreachable().problems()
    assert "no node answer" in problem
