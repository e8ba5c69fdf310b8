"""A repayment on every chain: what a lock paid to us goes to its depositor, outside of any lock."""

import pytest

from chains_app.adapters.interface import Stage
from chains_app.locks import Call
from tests.conformance.conftest import TOKEN
from tests.conformance.world import (
    World,
    facts_since,
    finalize,
    make,
    makers_terms,
    signed,
    succeeded,
)


def problem(world: World, **changes: object) -> str | None:
    bound = makers_terms(world, **changes)
    return world.adapter.repayment_problem(bound, world.lock.account)


def test_a_repayment_gives_the_depositor_the_amount_and_nothing_more(world: World) -> None:
    bound, adapter = makers_terms(world), world.adapter
    start, tier = adapter.head().height, list(world.spec.finality)[-1]
    had = adapter.balance(world.maker.account, world.token)
    assert problem(world) is None
    sent = make(world, Call.REPAY, bound)
    finalize(world)
    status = adapter.transaction_status(sent.hash, world.lock.account, tier)
    assert (status.stage, status.succeeded) == (Stage.FINAL, True)
    assert adapter.balance(world.maker.account, world.token) == had + bound.amount
    assert facts_since(world, start).facts == ()


def test_a_repayment_costs_no_more_than_its_cap(world: World) -> None:
    bound, key = makers_terms(world), world.lock
    prepared = world.adapter.prepare(Call.REPAY, bound, key)
    assert prepared.cost_cap <= world.spec.cost_cap(Call.REPAY, bound)
    before = world.adapter.balance(key.account, None)
    make(world, Call.REPAY, bound)
    value = bound.amount if world.token is None else 0
    assert value < before - world.adapter.balance(key.account, None) <= prepared.cost_cap


def test_who_can_not_be_paid_is_told_before_and_is_not_paid(world: World) -> None:
    unpayable = world.unpayable()
    bound = makers_terms(world, depositor=unpayable.account)
    unpayable.refuse()
    assert world.adapter.repayment_problem(bound, world.lock.account) is not None
    held = world.adapter.balance(world.lock.account, world.token)
    sent = make(world, Call.REPAY, bound)
    assert succeeded(world, sent, world.lock) is False
    value = (
        0 if world.token is None else held - world.adapter.balance(world.lock.account, world.token)
    )
    assert value == 0


def test_more_than_we_hold_is_not_repaid(world: World) -> None:
    too_much = world.adapter.balance(world.lock.account, world.token) + 1
    assert problem(world, amount=too_much) is not None


@pytest.mark.parametrize("world", TOKEN, indirect=True)
def test_a_token_that_moves_nothing_is_no_success(world: World) -> None:
    """Whatever it answers."""
    too_much = world.adapter.balance(world.lock.account, world.token) + 1
    bound = makers_terms(world, amount=too_much)
    sent = signed(world, Call.REPAY, bound, world.lock)
    world.adapter.broadcast(sent.raw)
    world.include()
    assert succeeded(world, sent, world.lock) is False
