"""The very instants of `lock_by` and timelock: a block stands exactly at each, and beside it."""

import pytest

from tests.contracts.near.interface import refusal
from tests.contracts.near.world import World


@pytest.mark.parametrize(("after", "state"), [(0, "open"), (1, None)])
def test_a_native_lock_can_be_made_until_lock_by(
    world: World, after: int, state: str | None
) -> None:
    lock = world.native_lock()
    world.near.set_next_block_time(lock.lock_by + after, blocks_before=1)
    world.htlc.lock(world.alice, lock)
    assert world.htlc.state(lock) == state


@pytest.mark.parametrize(("after", "state"), [(0, "prepared"), (1, None)])
def test_a_lock_can_be_prepared_until_lock_by(world: World, after: int, state: str | None) -> None:
    lock = world.token_lock()
    world.near.set_next_block_time(lock.lock_by + after, blocks_before=1)
    world.htlc.prepare(world.carol, lock)
    assert world.htlc.state(lock) == state


@pytest.mark.parametrize(("after", "state"), [(0, "open"), (1, "prepared")])
def test_a_prepared_lock_can_be_funded_until_lock_by(world: World, after: int, state: str) -> None:
    lock = world.prepared_lock()
    world.near.set_next_block_time(lock.lock_by + after, blocks_before=2)
    world.fund(lock)
    assert world.htlc.state(lock) == state


@pytest.mark.parametrize(("after", "state"), [(0, "prepared"), (1, None)])
def test_a_prepared_lock_can_be_removed_after_lock_by(
    world: World, after: int, state: str | None
) -> None:
    lock = world.prepared_lock()
    world.near.set_next_block_time(lock.lock_by + after, blocks_before=1)
    world.htlc.remove(world.carol, lock)
    assert world.htlc.state(lock) == state


@pytest.mark.parametrize(("after", "state"), [(-1, "withdrawn"), (0, "open")])
def test_a_lock_can_be_withdrawn_before_its_timelock(world: World, after: int, state: str) -> None:
    lock = world.open_native_lock()
    world.near.set_next_block_time(lock.timelock + after, blocks_before=1)
    world.htlc.withdraw(world.bob, lock)
    assert world.htlc.state(lock) == state


@pytest.mark.parametrize(("after", "state"), [(-1, "open"), (0, "refunded")])
def test_a_lock_can_be_refunded_from_its_timelock_on(world: World, after: int, state: str) -> None:
    lock = world.open_native_lock()
    world.near.set_next_block_time(lock.timelock + after, blocks_before=1)
    world.htlc.refund(world.carol, lock)
    assert world.htlc.state(lock) == state


def test_a_lock_whose_times_are_one_instant_can_be_made_then_and_only_refunded(
    world: World,
) -> None:
    start = world.native_lock()
    lock = start.but(timelock=start.lock_by)
    world.near.set_next_block_time(lock.lock_by, blocks_before=1)
    assert world.htlc.lock(world.alice, lock).failures == []
    assert refusal(world.htlc.withdraw(world.bob, lock)).startswith("E_TOO_LATE: now ")
    assert world.htlc.refund(world.carol, lock).json is True
