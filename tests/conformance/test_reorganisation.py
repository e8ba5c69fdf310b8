"""Blocks that are replaced."""

import pytest

from chains_app.adapters.interface import BlockUnknownError, Signed, Stage
from chains_app.locks import Block, Call, LockState, LockTerms
from tests.conformance.evm_world import EvmWorld
from tests.conformance.memory_world import MemoryWorld
from tests.conformance.near_world import NearWorld
from tests.conformance.world import World, facts_since, make, read, ready, terms

WORLDS = ("memory", "evm", "near", "memory-token", "evm-token")
pytestmark = pytest.mark.parametrize("world", WORLDS, indirect=True)


def replace_blocks(world: World, depth: int) -> None:
    """Other blocks, empty ones, instead of the newest `depth`."""
    if isinstance(world, EvmWorld):
        world.rpc.call("anvil_reorg", depth, [])
    elif isinstance(world, NearWorld):
        world.client.rpc.call("devnet_reorganise", depth=depth, keep_transactions=False)
    else:
        assert isinstance(world, MemoryWorld)
        lost = world.chain.between(0, 10**9)[-1].transactions
        world.chain.reorganise(depth, dropped={transaction.hash for transaction in lost})


def lock_and_lose(world: World, bound: LockTerms) -> tuple[Signed, Block]:
    """A lock, and the head that showed it, which is replaced with all that held the lock.

    NEAR runs a call in the block after its transaction's.
    """
    with world.hold_blocks():
        sent = make(world, Call.LOCK, bound)
        depth = 2 if isinstance(world, NearWorld) else 1
        world.mine(depth)
        assert read(world, bound).state is LockState.OPEN
        lost = world.adapter.head()
        replace_blocks(world, depth)
    return sent, lost


def test_rule_7_a_lock_in_a_replaced_block_is_gone(world: World) -> None:
    bound = ready(world, terms(world))
    start = world.adapter.head()
    sent, lost = lock_and_lose(world, bound)
    assert read(world, bound).state is LockState.ABSENT
    assert facts_since(world, start.height).facts == ()
    tier = list(world.spec.finality)[-1]
    status = world.adapter.transaction_status(sent.hash, world.lock.account, tier)
    assert status.stage in (Stage.UNKNOWN, Stage.PENDING)
    assert world.adapter.block(lost.height).hash != lost.hash


def test_what_made_a_lock_makes_it_again(world: World) -> None:
    bound = ready(world, terms(world))
    with world.hold_blocks():
        sent = make(world, Call.LOCK, bound)
        world.mine(2)
        kept = world.adapter.signed_bytes(sent.hash)
        assert kept == (None if isinstance(world, NearWorld) else sent.raw)
        replace_blocks(world, 2)
        assert read(world, bound).state is LockState.ABSENT
        if kept is not None:
            world.adapter.broadcast(kept)
            world.mine()
            assert read(world, bound).state is LockState.OPEN
    assert world.adapter.signed_bytes("0x" + "5e" * 32) is None


def test_rule_7_nothing_is_read_at_a_replaced_block(world: World) -> None:
    bound = ready(world, terms(world))
    _, lost = lock_and_lose(world, bound)
    with pytest.raises(BlockUnknownError):
        world.adapter.read_lock(bound, lost)
    with pytest.raises(BlockUnknownError):
        world.adapter.block(lost.hash)


def test_the_new_blocks_are_linked_to_what_stayed(world: World) -> None:
    start = world.adapter.head()
    world.mine(2)
    replace_blocks(world, 2)
    page = facts_since(world, start.height)
    assert page.blocks[0].parent_hash == start.hash
    assert page.last == world.adapter.head()


def test_the_same_bytes_make_the_lock_again(world: World) -> None:
    bound = ready(world, terms(world))
    sent, _ = lock_and_lose(world, bound)
    world.adapter.broadcast(sent.raw)
    world.include()
    assert read(world, bound).state is LockState.OPEN
