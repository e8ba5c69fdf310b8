"""Blocks, finality and time."""

from itertools import pairwise

import pytest

from chains_app.adapters.interface import BlockUnknownError, ChainUnavailableError
from chains_app.config import ConfigurationError
from tests.conformance.world import World


def test_the_head_is_found_again_by_height_and_by_hash(world: World) -> None:
    world.mine(2)
    head = world.adapter.head()
    assert world.adapter.block(head.height) == head
    assert world.adapter.block(head.hash) == head
    assert world.adapter.block(head.parent_hash).height == head.height - 1


def test_a_new_block_is_the_child_of_the_head(world: World) -> None:
    before = world.adapter.head()
    world.mine()
    after = world.adapter.head()
    assert (after.height, after.parent_hash) == (before.height + 1, before.hash)


def test_time_jumps_by_whole_seconds(world: World) -> None:
    before = world.adapter.head().time
    world.mine(seconds=1_000)
    assert 1_000 <= world.adapter.head().time - before <= 1_060


def test_each_tier_is_a_canonical_block_behind_the_head(world: World) -> None:
    world.mine(5)
    head = world.adapter.head()
    for tier in world.spec.finality:
        final = world.adapter.final(tier)
        assert head.height - 3 <= final.height < head.height
        assert world.adapter.block(final.height) == final


def test_tiers_are_named_from_the_fastest_to_the_safest(world: World) -> None:
    world.mine(5)
    heights = [world.adapter.final(tier).height for tier in world.spec.finality]
    assert all(slower <= faster for faster, slower in pairwise(heights))


def test_an_unknown_tier_is_refused(world: World) -> None:
    with pytest.raises(ConfigurationError, match="'soon' is no finality tier"):
        world.adapter.final("soon")


def test_unknown_blocks_are_said_to_be_unknown(world: World) -> None:
    with pytest.raises(BlockUnknownError):
        world.adapter.block(world.adapter.head().height + 1)
    unknown = {"near": "1" * 32}.get(world.spec.name, "0x" + "11" * 32)
    with pytest.raises(BlockUnknownError):
        world.adapter.block(unknown)


def test_no_answer_is_an_error_without_address_or_text(world: World) -> None:
    adapter = world.unreachable()
    with pytest.raises(ChainUnavailableError) as raised:
        adapter.head()
    shown = f"{raised.value} {raised.value.__cause__} {raised.value.__suppress_context__}"
    assert shown.startswith(f"{world.spec.name}: no node answer")
    assert "127.0.0.1" not in shown
    assert "token-in-a-path" not in shown
