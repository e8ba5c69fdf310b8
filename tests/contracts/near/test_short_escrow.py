"""An escrow without the money that it owes still decides, and no callback of it fails.

Only forged storage brings an escrow there: the account of a real one never had a key.
"""

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
    forged = b"\1\0\0" + lock.encoded() + borsh_string("alice.test.near")
    escrow = Htlc(world.near, SHORT)
    assert escrow.call(world.alice, "forge", key + forged).failures == []
    hostile.replace_code(world, owner, (ARTIFACTS / "htlc.wasm").read_bytes())
    assert escrow.call(world.alice, "new", {"chain_id": CHAIN_ID}).failures == []
    return escrow, owner


def send_near(world: World, sender: Signer, receiver: str, amount: int) -> None:
    transfer = [transactions.create_transfer_action(amount)]
    assert world.near.send(sender, receiver, transfer).failures == []


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
