"""Calls whose receipts are in flight at once: the first that may decides, others change nothing.

All are sent for one block, so that they run in the next one, before any payout. A block runs them
in the order of their nonces, which start higher in younger keys: root's, Alice's, Bob's, Carol's.
"""

import hashlib
import itertools
from typing import Any

import pytest

from devnet.near.client import NEAR, Outcome, Signer
from tests.contracts.near.interface import SECRET, STORAGE_DEPOSIT, Lock, events, refusal
from tests.contracts.near.world import World, create_account

GHOST = "ghost.test.near"
OTHER_SECRET = b"\7" * 32
CALLS = ("withdraw", "refund_early", "pay", "withdraw another")
ASSETS = pytest.mark.parametrize("asset", ["native", "token"])


def two_locks(world: World, asset: str, **changes: Any) -> tuple[Lock, Lock]:
    """Alike but for their hashlocks."""
    make = world.open_native_lock if asset == "native" else world.open_token_lock
    hashlock = hashlib.sha256(OTHER_SECRET).hexdigest()
    return make(**changes), make(hashlock=hashlock, **changes)


def held(world: World, lock: Lock, account_id: str) -> int:
    """What an account has of a lock's asset."""
    if lock.token is None:
        return world.near.balance(account_id)
    return world.token.balance(account_id)


def in_order(world: World) -> tuple[Signer, ...]:
    """Whose calls run first in a block."""
    return world.root, world.alice, world.bob, world.carol


def send_at_once(
    world: World, lock: Lock, other: Lock, order: tuple[str, ...]
) -> dict[str, Outcome]:
    """Runs the calls in this order; how each ended."""
    by_id = {"id": lock.id()}
    calls: dict[str, tuple[str, dict[str, str], int]] = {
        "withdraw": ("withdraw", by_id | {"secret": SECRET.hex()}, 0),
        "refund_early": ("refund_early", by_id, 1),
        "pay": ("pay", by_id, 0),
        "withdraw another": ("withdraw", {"id": other.id(), "secret": OTHER_SECRET.hex()}, 0),
    }
    callers = dict(zip(order, in_order(world), strict=True))
    with world.blocks_by_hand():
        sent = {name: world.submit(caller, *calls[name]) for name, caller in callers.items()}
    return {name: world.outcome(sent[name], caller) for name, caller in callers.items()}


def paid_to(outcome: Outcome) -> list[str]:
    return [data["receiver"] for name, data in events(outcome) if name == "payout_made"]


@ASSETS
@pytest.mark.parametrize("order", list(itertools.permutations(CALLS)), ids="-".join)
def test_of_calls_in_one_block_the_first_decides(
    world: World, asset: str, order: tuple[str, ...]
) -> None:
    beneficiary = in_order(world)[order.index("refund_early")].account_id
    world.token.register(world.root, "carol.test.near")
    lock, other = two_locks(world, asset, beneficiary=beneficiary)
    escrow_held = held(world, lock, "htlc.test.near")
    outcomes = send_at_once(world, lock, other, order)
    assert paid_to(outcomes["withdraw another"]) == [beneficiary]

    decider, loser = sorted(("withdraw", "refund_early"), key=order.index)
    decided, receiver, ended = {
        "withdraw": ("owed_to_beneficiary", beneficiary, "withdrawn"),
        "refund_early": ("owed_to_depositor", "alice.test.near", "refunded"),
    }[decider]
    assert paid_to(outcomes[decider]) == [receiver]
    assert refusal(outcomes[loser]) == f"E_NOT_OPEN: lock {lock.id()} is {decided}"
    early = order.index("pay") < order.index(decider)
    assert refusal(outcomes["pay"]) == (
        f"E_NOT_OWED: lock {lock.id()} is open"
        if early
        else f"E_IN_FLIGHT: lock {lock.id()} is being paid"
    )
    assert (world.htlc.state(lock), world.htlc.state(other)) == (ended, "withdrawn")
    paid = escrow_held - held(world, lock, "htlc.test.near")
    given_back = 2 * STORAGE_DEPOSIT if asset == "native" else 0  # at most
    assert 2 * lock.amount <= paid <= 2 * lock.amount + given_back


@ASSETS
def test_two_payments_of_one_debt_in_one_block_pay_it_once(world: World, asset: str) -> None:
    """While another lock's withdrawal runs between them."""
    lock, other = two_locks(world, asset, beneficiary=GHOST)
    assert world.htlc.withdraw(world.carol, lock).json is False
    create_account(world.near, world.root, GHOST, NEAR)
    world.token.register(world.root, GHOST)
    before, by_id = held(world, lock, GHOST), {"id": lock.id()}
    another = {"id": other.id(), "secret": OTHER_SECRET.hex()}
    with world.blocks_by_hand():
        first = world.submit(world.alice, "pay", by_id)
        between = world.submit(world.bob, "withdraw", another)
        second = world.submit(world.carol, "pay", by_id)
    assert paid_to(world.outcome(first, world.alice)) == [GHOST]
    assert paid_to(world.outcome(between, world.bob)) == [GHOST]
    late = refusal(world.outcome(second, world.carol))
    assert late == f"E_IN_FLIGHT: lock {lock.id()} is being paid"
    assert held(world, lock, GHOST) == before + 2 * lock.amount
    assert world.htlc.state(lock) == world.htlc.state(other) == "withdrawn"
