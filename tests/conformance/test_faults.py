"""The adapters when nodes, or the ways to them, misbehave: the truth, or that none came."""

import re
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from chains_app.adapters.interface import ChainUnavailableError, Signed, SigningKey, Stage
from chains_app.locks import Call, LockState
from devnet.faults import ChainFaults, Failure
from devnet.faults.chain import SAID
from tests.conformance.faulty import BEARABLE, NO_ANSWER, Fault, stage, unavailable
from tests.conformance.world import World, facts_since, read, signed, terms

pytestmark = pytest.mark.parametrize("world", ["evm", "near"], indirect=True)


def deliver(world: World, sent: Signed, key: SigningKey) -> None:
    """As the outbox does: what got no answer is looked up by hash, and sent again as it is."""
    for _ in range(4):
        with suppress(ChainUnavailableError):
            world.adapter.broadcast(sent.raw)
        world.include()
        if stage(world, sent, key) is Stage.INCLUDED:
            return
    pytest.fail("it never arrived")


@pytest.mark.parametrize("fault", BEARABLE)
def test_a_lock_lives_and_ends_under_a_fault(
    through: World, faults: ChainFaults, fault: str
) -> None:
    world, adapter, met_before = through, through.adapter, faults.injected.total()
    with BEARABLE[fault](faults):
        world.mine()  # the first at the fee of a spike
        start, bound = adapter.head(), terms(world)
        assert adapter.block(start.hash) == adapter.block(start.height) == start
        assert adapter.payout_problem(bound, bound.beneficiary) is None
        deliver(world, signed(world, Call.LOCK, bound, world.lock), world.lock)
        assert read(world, bound).state is LockState.OPEN
        before = adapter.balance(bound.beneficiary, None)
        nonce = adapter.key_state(world.duty).head_nonce
        deliver(world, signed(world, Call.WITHDRAW, bound, world.duty), world.duty)
        reading = read(world, bound)
        assert (reading.state, reading.is_paid) == (LockState.WITHDRAWN, True)
        assert adapter.balance(bound.beneficiary, None) == before + bound.amount
        assert adapter.key_state(world.duty).head_nonce == nonce + 1
        page = facts_since(world, start.height)
        assert {fact.lock_id for fact in page.facts} == {adapter.lock_id(bound)}
        assert page.last == adapter.head()
        world.mine(4)
        assert adapter.final(list(world.spec.finality)[-1]).height >= page.last.height
        assert adapter.problems() == []
    assert faults.injected.total() > met_before


@pytest.mark.parametrize("how", [ChainFaults.dripping, ChainFaults.never_ending])
def test_rule_6_a_send_whose_answer_comes_to_no_end_is_looked_up_by_hash(
    through: World, faults: ChainFaults, how: Fault
) -> None:
    sent = signed(through, Call.LOCK, terms(through), through.lock)
    with how(faults), pytest.raises(ChainUnavailableError, match=NO_ANSWER):
        through.adapter.broadcast(sent.raw)
    through.include()
    assert stage(through, sent) is Stage.INCLUDED


def exchanges(world: World) -> dict[str, Callable[[], Any]]:
    """Everything that asks a node, ready to be called."""
    adapter, bound = world.adapter, terms(world)
    head, tier = adapter.head(), list(world.spec.finality)[-1]
    sent = signed(world, Call.LOCK, bound, world.lock)
    return {
        "head": adapter.head,
        "final": lambda: adapter.final(tier),
        "block by hash": lambda: adapter.block(head.hash),
        "block by height": lambda: adapter.block(head.height),
        "facts": lambda: adapter.facts(head.height, head.height),
        "read_lock": lambda: adapter.read_lock(bound, head),
        "prepare": lambda: adapter.prepare(Call.LOCK, bound, world.lock),
        "transfer to self": lambda: adapter.prepare_transfer_to_self(world.duty),
        "broadcast": lambda: adapter.broadcast(sent.raw),
        "status": lambda: adapter.transaction_status(sent.hash, world.lock.account, tier),
        "key_state": lambda: adapter.key_state(world.lock),
        "balance": lambda: adapter.balance(world.maker.account, None),
    }


@pytest.mark.parametrize("how", Failure, ids=lambda how: str(how.value))
def test_without_any_answer_each_exchange_says_so_and_shows_nothing(
    through: World, faults: ChainFaults, how: Failure
) -> None:
    asked = exchanges(through)
    wrong = {}
    with faults.failing(how):
        for name, ask in asked.items():
            said = unavailable(ask)
            if said is None or not re.fullmatch(NO_ANSWER, said):
                wrong[name] = said
        problems = through.adapter.problems()
    assert wrong == {}
    assert len(problems) == 1
    assert re.fullmatch(NO_ANSWER, problems[0])
    assert SAID not in problems[0]
