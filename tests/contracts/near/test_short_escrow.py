"""An escrow without the money that it owes still decides, and no callback of it fails.

A real one can be short for some blocks, while the money of failed payouts is late on its way back.
Here the account has a key, which a real one never had: storage is forged, or money taken away.
"""

import pytest
from py_near import transactions

from devnet.near.client import NEAR, Signer
from tests.contracts.near import hostile
from tests.contracts.near.interface import (
    CHAIN_ID,
    SECRET,
    YOCTO_PER_BYTE,
    Htlc,
    Lock,
    borsh_string,
)
from tests.contracts.near.world import ARTIFACTS, World, create_account

SHORT = "short.test.near"


def short_escrow(world: World, lock: Lock) -> tuple[Htlc, Signer]:
    """An escrow that believes in an open lock that nobody paid for, and its account's owner."""
    owner = create_account(world.near, world.root, SHORT, 20 * NEAR)
    hostile.replace_code(world, owner, hostile.code(hostile.PANIC))
    key = b"l" + bytes.fromhex(lock.id(SHORT))
    forged = b"\1\0\0" + lock.encoded() + borsh_string("alice.test.near") + bytes(32)
    escrow = Htlc(world.near, SHORT)
    assert escrow.call(world.alice, "forge", key + forged).failures == []
    hostile.replace_code(world, owner, (ARTIFACTS / "htlc.wasm").read_bytes())
    assert escrow.call(world.alice, "new", {"chain_id": CHAIN_ID}).failures == []
    return escrow, owner


def send_near(world: World, sender: Signer, receiver: str, amount: int) -> None:
    transfer = [transactions.create_transfer_action(amount)]
    assert world.near.send(sender, receiver, transfer).failures == []


def drained_escrow(world: World, lock: Lock) -> Htlc:
    """An escrow with an open lock, and with less to spend than 32 bytes of storage cost."""
    owner = create_account(world.near, world.root, SHORT, 20 * NEAR)
    hostile.replace_code(world, owner, (ARTIFACTS / "htlc.wasm").read_bytes())
    escrow = Htlc(world.near, SHORT)
    assert escrow.call(world.alice, "new", {"chain_id": CHAIN_ID}).failures == []
    assert escrow.lock(world.alice, lock).failures == []
    send_near(world, owner, "bob.test.near", spendable(world) - 31 * YOCTO_PER_BYTE)
    assert 0 < spendable(world) < 32 * YOCTO_PER_BYTE
    return escrow


def spendable(world: World) -> int:
    """The yocto that the escrow holds beyond the price of its storage."""
    account = world.near.view_account(SHORT)
    return int(account["amount"]) - int(account["storage_usage"]) * YOCTO_PER_BYTE


@pytest.mark.parametrize(
    ("method", "hours", "decided", "receiver"),
    [
        ("withdraw", 0, "owed_to_beneficiary", "bob.test.near"),
        ("refund", 3, "owed_to_depositor", "alice.test.near"),
    ],
)
def test_a_decision_costs_no_storage(
    world: World, method: str, hours: int, decided: str, receiver: str
) -> None:
    """The secret of a withdrawal is public at once: nothing may undo it."""
    lock = world.native_lock()
    escrow, lock_id = drained_escrow(world, lock), {"id": lock.id(SHORT)}
    world.pass_hours(hours)
    secret = {"secret": SECRET.hex()} if method == "withdraw" else {}
    attempt = escrow.call(world.carol, method, lock_id | secret)
    assert (attempt.json, attempt.failures) == (False, [])
    assert escrow.view("get_lock", lock_id)["state"] == decided

    send_near(world, world.root, SHORT, lock.amount)
    before = world.near.balance(receiver)
    assert escrow.call(world.carol, "pay", lock_id).json is True
    assert world.near.balance(receiver) == before + lock.amount


def test_a_payout_that_is_not_covered_is_decided_and_owed(world: World) -> None:
    lock = world.native_lock(amount=100 * NEAR)
    escrow, _ = short_escrow(world, lock)
    lock_id = {"id": lock.id(SHORT)}
    assert escrow.call(world.carol, "withdraw", lock_id | {"secret": SECRET.hex()}).json is False
    owed = escrow.view("get_lock", lock_id)
    assert (owed["state"], owed["in_flight"]) == ("owed_to_beneficiary", False)
    assert owed["secret"] == SECRET.hex()

    send_near(world, world.root, SHORT, 100 * NEAR)
    before = world.near.balance("bob.test.near")
    assert escrow.call(world.carol, "pay", lock_id).json is True
    assert world.near.balance("bob.test.near") == before + lock.amount


def test_storage_money_that_is_not_there_does_not_stop_the_callback(world: World) -> None:
    lock = world.native_lock(amount=1)
    escrow, owner = short_escrow(world, lock)
    account = world.near.view_account(SHORT)
    kept = int(account["storage_usage"]) * YOCTO_PER_BYTE + NEAR // 1000
    send_near(world, owner, "bob.test.near", int(account["amount"]) - kept)

    before = world.near.balance("alice.test.near")
    withdrawal = {"id": lock.id(SHORT), "secret": SECRET.hex()}
    assert escrow.call(world.carol, "withdraw", withdrawal).json is True
    assert escrow.view("get_lock", {"id": lock.id(SHORT)})["state"] == "withdrawn"
    assert world.near.balance("alice.test.near") == before
