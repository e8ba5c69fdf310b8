"""Every call of the contracts and its effect, by reading (rule 7)."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from chains_app.locks import Call, LockReading, LockState, LockTerms
from tests.conformance.world import (
    SECRET,
    TIMELOCK,
    World,
    facts_since,
    make,
    makers_terms,
    read,
    succeeded,
    terms,
)


def stands(reading: LockReading) -> tuple[LockState, bool]:
    return reading.state, reading.is_paid


def test_a_lock_is_open_from_its_block_on_and_absent_before(world: World) -> None:
    bound, before = terms(world), world.adapter.head()
    make(world, Call.LOCK, bound)
    assert stands(read(world, bound)) == (LockState.OPEN, False)
    assert stands(world.adapter.read_lock(bound, before)) == (LockState.ABSENT, False)
    assert read(world, bound).secret is None


def test_the_id_follows_from_the_terms_alone(world: World) -> None:
    bound, before = terms(world), world.adapter.head().height
    expected = world.adapter.lock_id(bound)
    make(world, Call.LOCK, bound)
    assert world.adapter.lock_id(bound) == expected
    assert {fact.lock_id for fact in facts_since(world, before).facts} == {expected}


def test_a_withdrawal_pays_the_beneficiary_and_shows_the_secret(world: World) -> None:
    bound, before = terms(world), world.adapter.head().height
    had = world.adapter.balance(bound.beneficiary, world.token)
    make(world, Call.LOCK, bound)
    make(world, Call.WITHDRAW, bound)
    reading = read(world, bound)
    assert stands(reading) == (LockState.WITHDRAWN, True)
    assert world.adapter.balance(bound.beneficiary, world.token) == had + bound.amount
    shown = {reading.secret, *(fact.secret for fact in facts_since(world, before).facts)}
    assert shown - {None} == {SECRET.reveal()}


def test_a_refund_pays_the_depositor_from_the_timelock_on(world: World) -> None:
    bound = makers_terms(world)
    make(world, Call.LOCK, bound, world.maker)
    had = world.adapter.balance(bound.depositor, world.token)
    early = make(world, Call.REFUND, bound)
    assert succeeded(world, early, world.duty) is False
    assert stands(read(world, bound)) == (LockState.OPEN, False)
    world.mine(seconds=TIMELOCK + 1)
    make(world, Call.REFUND, bound)
    assert stands(read(world, bound)) == (LockState.REFUNDED, True)
    assert world.adapter.balance(bound.depositor, world.token) - had >= bound.amount


def test_the_beneficiary_alone_refunds_early(world: World) -> None:
    bound = makers_terms(world)
    make(world, Call.LOCK, bound, world.maker)
    refused = make(world, Call.REFUND_EARLY, bound, world.maker)
    assert succeeded(world, refused, world.maker) is False
    assert read(world, bound).state is LockState.OPEN
    taken = make(world, Call.REFUND_EARLY, bound)
    assert succeeded(world, taken, world.lock) is True
    assert stands(read(world, bound)) == (LockState.REFUNDED, True)


def test_an_unpaid_payout_is_decided_and_can_be_paid_later(world: World) -> None:
    refuser = world.unpayable()
    bound = terms(world, beneficiary=refuser.account)
    make(world, Call.LOCK, bound)
    refuser.refuse()
    withdrawn = make(world, Call.WITHDRAW, bound)
    assert succeeded(world, withdrawn, world.duty) is True
    assert stands(read(world, bound)) == (LockState.WITHDRAWN, False)
    make(world, Call.PAY, bound)
    assert stands(read(world, bound)) == (LockState.WITHDRAWN, False)
    refuser.heal()
    had = world.adapter.balance(refuser.account, world.token)
    make(world, Call.PAY, bound)
    assert stands(read(world, bound)) == (LockState.WITHDRAWN, True)
    assert world.adapter.balance(refuser.account, world.token) == had + bound.amount


def test_no_withdrawal_from_the_timelock_on(world: World) -> None:
    bound = terms(world)
    make(world, Call.LOCK, bound)
    world.mine(seconds=TIMELOCK + 1)
    late = make(world, Call.WITHDRAW, bound)
    assert succeeded(world, late, world.duty) is False
    assert read(world, bound).state is LockState.OPEN


def test_no_withdrawal_with_another_secret(world: World) -> None:
    bound = terms(world, hashlock=bytes(31) + b"\1")
    make(world, Call.LOCK, bound)
    wrong = make(world, Call.WITHDRAW, bound)
    assert succeeded(world, wrong, world.duty) is False
    assert read(world, bound).state is LockState.OPEN


def test_no_lock_after_lock_by(world: World) -> None:
    bound = terms(world)
    world.mine(seconds=TIMELOCK - 10)
    late = make(world, Call.LOCK, bound)
    assert succeeded(world, late, world.lock) is False
    assert stands(read(world, bound)) == (LockState.ABSENT, False)


Change = Callable[[World, LockTerms], dict[str, Any]]
WRONG: dict[str, Change] = {
    "depositor": lambda world, _: {"depositor": world.maker.account},
    "beneficiary": lambda world, _: {"beneficiary": world.lock.account},
    "amount less": lambda _, bound: {"amount": bound.amount - 1},
    "amount more": lambda _, bound: {"amount": bound.amount + 1},
    "amount beyond every word": lambda _, bound: {"amount": bound.amount + 2**128},
    "token": lambda world, _: {"token": world.maker.account},
    "hashlock": lambda _, bound: {"hashlock": bytes(31) + b"\1"},
    "lock_by": lambda _, bound: {"lock_by": bound.lock_by + 1},
    "timelock": lambda _, bound: {"timelock": bound.timelock + 1},
    "contract": lambda world, _: {"contract": world.maker.account},
    "chain": lambda _world, _: {"chain": "another"},
}


@pytest.mark.parametrize("wrong", WRONG)
def test_rule_7_a_lock_with_one_other_term_is_absent(world: World, wrong: str) -> None:
    bound = terms(world)
    make(world, Call.LOCK, bound)
    other = replace(bound, **WRONG[wrong](world, bound))
    assert stands(read(world, other)) == (LockState.ABSENT, False)


def test_a_depositor_uses_token_and_hashlock_once(world: World) -> None:
    bound = terms(world)
    make(world, Call.LOCK, bound)
    other = replace(bound, amount=bound.amount - 1)
    second = make(world, Call.LOCK, other)
    assert succeeded(world, second, world.lock) is False
    assert read(world, other).state is LockState.ABSENT
    assert read(world, bound).state is LockState.OPEN


def test_rule_7_a_lock_is_read_as_it_stood_at_the_named_block(world: World) -> None:
    bound = terms(world)
    make(world, Call.LOCK, bound)
    opened = world.adapter.head()
    make(world, Call.WITHDRAW, bound)
    assert stands(world.adapter.read_lock(bound, opened)) == (LockState.OPEN, False)
    assert world.adapter.read_lock(bound, opened).block == opened
