"""The poller: what a chain takes back, and whose finality is believed (rules 5 and 7)."""

from dataclasses import replace
from uuid import UUID

import pytest

from chains_app.adapters.interface import BlockUnknownError, ChainUnavailableError
from chains_app.adapters.memory_chain import Transaction
from chains_app.agreement import require_agreement
from chains_app.config import ChainSpec
from chains_app.ingest import restart
from chains_app.locks import Block, Call, LockState
from chains_app.models import (
    AttemptStatus,
    ChainBlock,
    ChainCursor,
    InboxFact,
    Intent,
    IntentStatus,
    Observation,
    SeenLock,
    Watch,
)
from chains_app.outbox import worker
from chains_app.outbox.decision import STUCK_AFTER
from chains_app.outbox.effects import Effect
from chains_app.outbox.following import Followed, Stored, follow
from chains_app.outbox.worker import drain, run_outbox
from chains_app.poller import poll_all
from chains_app.selectors import chain_clocks
from orchestrator.kernel.hashlock import Secret
from tests.integration.chains.test_poller import CHAINS, facts_of, watch
from tests.integration.chains.world import (
    World,
    age_attempts,
    assert_all_spending_is_counted,
    make_all_due,
)


def shallow(world: World) -> World:
    """A tier that a reorganisation can reach: final one block below the head."""
    Watch.objects.update(tier="head+1")
    return world


@pytest.mark.parametrize("chain", CHAINS)
def test_rule_7_a_reorganisation_takes_back_what_was_read(world: World, chain: str) -> None:
    terms, reference = watch(world, chain)
    poll_all()
    world.lock_by_maker(terms)
    poll_all()
    seen = facts_of(reference).first_seen_time
    world.chains[chain].reorganise(1)
    poll_all()
    facts = facts_of(reference)
    assert (facts.head, facts.first_seen_time) == (LockState.ABSENT, seen)
    world.chains[chain].mine()
    poll_all()
    assert facts_of(reference).head is LockState.OPEN
    assert facts_of(reference).first_seen_time == seen
    assert InboxFact.objects.count() == 1


def test_a_preimage_stays_known_through_a_reorganisation(world: World) -> None:
    secret = Secret.generate()
    terms = world.terms("near", secret, ours=False)
    reference = world.plan(terms, Call.REFUND_EARLY)
    world.lock_by_maker(terms)
    world.near.mine(2)
    world.send_as("maker", Call.WITHDRAW, terms, secret)
    world.near.mine()
    poll_all()
    world.near.reorganise(1)
    poll_all()
    facts = facts_of(reference)
    assert (facts.head, facts.preimage) == (LockState.OPEN, secret.reveal())


def test_a_reorganisation_is_announced(world: World) -> None:
    terms, reference = watch(world)
    poll_all()
    world.lock_by_maker(terms)
    poll_all()
    world.changed.clear()
    world.base.reorganise(1)
    poll_all()
    assert world.changed[0] == {reference}


def test_rule_5_a_reorganisation_sends_an_included_attempt_back(world: World) -> None:
    reference = world.plan(world.terms())
    drain()
    world.base.mine()
    poll_all()
    make_all_due()
    drain()
    assert world.statuses(reference) == [AttemptStatus.INCLUDED]
    world.base.reorganise(1)
    poll_all()
    assert world.statuses(reference) == [AttemptStatus.SENT]
    world.turn(5)
    assert world.statuses(reference) == [AttemptStatus.FINAL]
    assert len(world.attempts(reference)) == 1


def locked(world: World) -> UUID:
    """The reference of a lock of ours that is done, one block below the head."""
    reference = world.plan(world.terms())
    shallow(world)
    include(world)
    return reference


def include(world: World) -> None:
    """What is in the mempool, one block below the head."""
    world.turn()
    world.base.mine()
    poll_all()
    make_all_due()
    drain()


def test_rule_5_a_reorganisation_opens_a_done_intent_again(world: World) -> None:
    reference = locked(world)
    assert world.intent(reference).status == IntentStatus.DONE
    world.base.reorganise(2)
    poll_all()
    assert world.intent(reference).status == IntentStatus.ACTIVE
    assert facts_of(reference).head is LockState.ABSENT
    world.turn(4)
    assert world.intent(reference).status == IntentStatus.DONE
    assert facts_of(reference).final is LockState.OPEN
    assert len(world.attempts(reference)) == 1


def test_rule_5_a_lock_that_a_reorganisation_dropped_is_made_again(world: World) -> None:
    reference = locked(world)
    gone = world.attempts(reference)[0].hash
    world.base.reorganise(2, dropped={gone})
    poll_all()
    make_all_due()
    drain()
    assert world.base.mempool == []
    age_attempts(5)
    world.turn(5)
    assert world.intent(reference).status == IntentStatus.DONE
    assert facts_of(reference).final is LockState.OPEN


@pytest.mark.parametrize("mined", ["the first", "the one with the higher fee", "neither"])
def test_rule_5_a_reorganisation_sends_back_each_attempt_of_a_nonce(
    world: World, mined: str
) -> None:
    """Either may be in a block by now: one that we called dead would be nobody's transaction."""
    reference = world.plan(world.terms())
    shallow(world)
    drain()
    (first,) = world.base.mempool
    age_attempts(STUCK_AFTER)
    make_all_due()
    drain()
    (second,) = world.base.mempool
    world.base.mempool[:] = [first]
    include(world)
    assert world.statuses(reference) == [AttemptStatus.FINAL, AttemptStatus.DEAD]
    world.base.reorganise(2, dropped={first.hash})
    poll_all()
    assert world.statuses(reference) == [AttemptStatus.SENT, AttemptStatus.SENT]
    left = {"the first": [first], "the one with the higher fee": [second], "neither": []}
    world.base.mempool[:] = left[mined]
    age_attempts(STUCK_AFTER)
    world.turn(4)
    assert world.intent(reference).status == IntentStatus.DONE
    assert world.statuses(reference).count(AttemptStatus.FINAL) == 1
    assert {attempt.nonce for attempt in world.attempts(reference)} == {0}
    assert_all_spending_is_counted()


def test_finality_of_a_replaced_block_is_taken_back(world: World) -> None:
    world.base.mine(3)
    poll_all()
    world.base.mine(2)
    poll_all()
    before = ChainCursor.objects.get(chain="base").finals
    assert before["head+1"][0] == 4
    world.base.reorganise(2)
    poll_all()
    after = ChainCursor.objects.get(chain="base").finals
    assert after["head+1"][0] == 4
    assert after["head+1"][1] != before["head+1"][1]
    assert after["final"] == before["final"]


def test_rule_7_a_final_block_that_is_no_ancestor_of_ours_is_not_believed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    terms, reference = watch(world)
    poll_all()
    world.lock_by_maker(terms)
    foreign = replace(world.base.head, hash="0xforeign")
    monkeypatch.setattr(world.adapters["base"], "final", lambda _: foreign)
    poll_all()
    facts = facts_of(reference)
    assert (facts.head, facts.final) == (LockState.OPEN, LockState.ABSENT)


def test_rule_7_a_foreign_final_block_below_our_head_is_not_believed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As from another branch than the one whose head we follow: its height is one of ours."""
    terms, reference = watch(world)
    poll_all()
    world.lock_by_maker(terms)
    at_lock = world.base.head
    poll_all()
    world.base.mine(1)
    foreign = replace(at_lock, hash="0xforeign")
    monkeypatch.setattr(world.adapters["base"], "final", lambda _: foreign)
    poll_all()
    facts = facts_of(reference)
    assert (facts.head, facts.final, facts.stood_finally) == (
        LockState.OPEN,
        LockState.ABSENT,
        False,
    )


def test_rule_7_blocks_that_do_not_follow_on_ours_are_a_reorganisation(world: World) -> None:
    """Also where the other branch is longer already: its new blocks alone look like a page."""
    terms, reference = watch(world)
    poll_all()
    world.lock_by_maker(terms)
    poll_all()
    height = world.base.head.height
    (sent,) = world.base.between(height, height)[0].transactions
    world.base.reorganise(1, dropped=[sent.hash])
    world.base.mine()
    poll_all()
    assert chain_clocks()["base"].head_height == height + 1
    assert facts_of(reference).head is LockState.ABSENT


def test_a_chain_that_no_longer_knows_our_blocks_is_read_anew(world: World) -> None:
    terms, reference = watch(world)
    poll_all()
    world.lock_by_maker(terms)
    poll_all()
    ChainBlock.objects.update(hash="0xforeign")
    ChainCursor.objects.update(hash="0xforeign")
    world.base.mine(3)
    poll_all()
    facts = facts_of(reference)
    assert (facts.head, facts.final) == (LockState.OPEN, LockState.OPEN)  # as its own block tells
    assert chain_clocks()["base"].head_height == 4
    assert set(Observation.objects.values_list("height", flat=True)) == {1, 4}


def test_what_a_branch_without_our_blocks_holds_is_seen(world: World) -> None:
    """A lock that no swap agreed on is told of by its fact alone."""
    poll_all()
    world.lock_by_maker(world.terms(ours=False))
    ChainBlock.objects.update(hash="0xforeign")
    ChainCursor.objects.update(hash="0xforeign")
    world.base.mine(3)
    poll_all()
    assert SeenLock.objects.filter(is_for_us=True).count() == 1


def test_a_branch_that_begins_above_our_blocks_is_read_from_its_head(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    poll_all()

    def unknown(*_: object) -> Block:
        raise BlockUnknownError("pruned")

    monkeypatch.setattr(world.adapters["base"], "block", unknown, raising=False)
    ChainBlock.objects.update(hash="0xforeign")
    ChainCursor.objects.update(hash="0xforeign")
    world.base.mine(3)
    poll_all()
    assert chain_clocks()["base"].head_height == 3


def test_rule_7_nothing_is_agreed_on_before_a_block_is_final_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, reference = watch(world)
    poll_all()
    monkeypatch.setattr(ChainSpec, "needs_agreement", lambda *_: True)
    monkeypatch.setattr(world.adapters["base"], "views", lambda: [world.adapters["base"]] * 2)
    require_agreement(reference)
    restart(ChainCursor.objects.get(chain="base"), world.base.head, {})
    with pytest.raises(ChainUnavailableError, match=r"^base: no final block is read since"):
        require_agreement(reference)
    world.base.mine(3)
    poll_all()
    require_agreement(reference)


def test_rule_8_who_works_on_what_a_reorganisation_takes_back_ends_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody else made the effect; it is gone between the worker's reading and his write."""
    poll_all()
    terms = world.terms(ours=False)
    world.lock_by_maker(terms)
    world.base.mine(seconds=1200)
    poll_all()
    reference = world.plan(terms, Call.REFUND, send_by=terms.timelock + 10**6)
    refund = Transaction("maker", "wallet", 1, world.base.fee, Call.REFUND, terms, None)
    world.base.submit(refund)
    world.base.mine(blocks=2)
    shallow(world)
    poll_all()

    def reorganised(intent: Intent, stored: Stored) -> Followed:
        followed = follow(intent, stored)
        assert followed.situation.effect is Effect.DONE
        monkeypatch.undo()
        world.base.reorganise(2, dropped={refund.hash})
        poll_all()
        return followed

    monkeypatch.setattr(worker, "follow", reorganised)
    make_all_due()
    assert run_outbox() == 1
    assert world.intent(reference, Call.REFUND).status == IntentStatus.PLANNED
    world.turn(4)
    assert world.intent(reference, Call.REFUND).status == IntentStatus.DONE
    assert world.statuses(reference) == [AttemptStatus.FINAL]
