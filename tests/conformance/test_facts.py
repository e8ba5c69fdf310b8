"""The feed of facts: complete, in order, and tied to blocks."""

from itertools import groupby, pairwise

import pytest

from chains_app.adapters.interface import BlockUnknownError
from chains_app.locks import Call
from tests.conformance.world import World, facts_since, make, makers_terms, ready, terms


def test_facts_are_complete_and_in_order(world: World) -> None:
    ours, makers = ready(world, terms(world)), ready(world, makers_terms(world), world.maker)
    start = world.adapter.head().height
    calls = [
        make(world, Call.LOCK, ours),
        make(world, Call.LOCK, makers, world.maker),
        make(world, Call.WITHDRAW, ours),
        make(world, Call.REFUND_EARLY, makers),
    ]
    facts = facts_since(world, start).facts
    one, two = world.adapter.lock_id(ours), world.adapter.lock_id(makers)
    # NEAR pays in a later block than it decides, so that an ending shows twice there
    assert [lock for lock, _ in groupby(fact.lock_id for fact in facts)] == [one, two, one, two]
    assert [fact.height for fact in facts] == sorted(fact.height for fact in facts)
    assert {fact.transaction for fact in facts} <= {None, *(sent.hash for sent in calls)}


def test_facts_name_the_blocks_that_they_come_from(world: World) -> None:
    start = world.adapter.head().height
    make(world, Call.LOCK, terms(world))
    page = facts_since(world, start)
    hashes = {block.height: block.hash for block in page.blocks}
    assert page.facts
    assert all(hashes[fact.height] == fact.block_hash for fact in page.facts)


def test_pages_cover_a_long_range_without_a_gap(world: World) -> None:
    bound = ready(world, terms(world))
    start = world.adapter.head()
    world.mine(30)
    make(world, Call.LOCK, bound)
    world.mine(30)
    page = facts_since(world, start.height)
    assert page.blocks[0].parent_hash == start.hash
    assert all(a.hash == b.parent_hash for a, b in pairwise(page.blocks))
    assert page.last == world.adapter.head()
    assert [fact.lock_id for fact in page.facts] == [world.adapter.lock_id(bound)]


def test_quiet_blocks_have_no_facts(world: World) -> None:
    start = world.adapter.head().height
    world.mine(3)
    page = world.adapter.facts(start + 1, start + 3)
    assert (len(page.blocks), page.facts) == (3, ())


def test_a_range_beyond_the_head_is_unknown(world: World) -> None:
    head = world.adapter.head().height
    with pytest.raises(BlockUnknownError):
        world.adapter.facts(head + 1, head + 2)


def test_a_range_that_passes_the_head_ends_there(world: World) -> None:
    head = world.adapter.head()
    assert world.adapter.facts(head.height, head.height + 5).last == head


def test_a_failed_call_is_no_fact(world: World) -> None:
    bound = terms(world)
    make(world, Call.LOCK, bound)
    start = world.adapter.head().height
    make(world, Call.REFUND, bound)
    assert facts_since(world, start).facts == ()


def test_a_creation_tells_the_terms_of_anybodys_lock_and_nothing_else_does(world: World) -> None:
    start = world.adapter.head().height
    bound = ready(world, makers_terms(world), world.maker)
    make(world, Call.LOCK, bound, world.maker)
    made = world.adapter.head().height
    make(world, Call.REFUND_EARLY, bound)
    world.mine(2)
    page = facts_since(world, start)
    blocks = {block.hash: block for block in page.blocks}
    told = [
        (fact.height <= made, world.adapter.lock_made(fact, blocks[fact.block_hash]))
        for fact in page.facts
        if fact.may_be_new
    ]
    assert [terms for is_before, terms in told if is_before and terms] == [bound]
    assert {terms for is_before, terms in told if not is_before} <= {None}
