"""Storage is paid to the byte, and its keys are an interface that feeds follow."""

import base64
from typing import Any

import pytest

from devnet.near.client import NEAR, Outcome
from tests.contracts.near import hostile
from tests.contracts.near.interface import (
    FT_ATTEMPTS_COST,
    INDEX_BYTES,
    LONGEST_LOCK_BYTES,
    REFUNDED_BYTES,
    SECRET,
    STORAGE_DEPOSIT,
    WITHDRAWN_BYTES,
    YOCTO_PER_BYTE,
    Contract,
    borsh_string,
)
from tests.contracts.near.world import World, create_account, deploy


def longest(name: str) -> str:
    """An account of test.near with 64 characters."""
    return name.ljust(64 - len(".test.near"), "x") + ".test.near"


def test_the_storage_deposit_pays_for_the_longest_ids_to_the_byte(world: World) -> None:
    """The longest record: three accounts and a token of 64 characters, and the secret."""
    depositor, beneficiary, token = longest("depositor"), longest("beneficiary"), longest("token")
    payer = create_account(world.near, world.root, longest("payer"), 10 * NEAR)
    deploy(world.near, world.root, token, hostile.code(hostile.PANIC))
    lock = world.token_lock(depositor=depositor, beneficiary=beneficiary, token=token)
    empty = world.storage_usage()

    assert world.htlc.prepare(payer, lock).failures == []
    funding = {"sender_id": depositor, "amount": str(lock.amount), "msg": lock.id()}
    assert Contract(world.near, token).call(world.carol, "tell", funding).json == "0"
    assert world.htlc.withdraw(world.carol, lock).json is False

    assert world.htlc.get(lock)["secret"] == SECRET.hex()
    used = world.storage_usage() - empty
    assert used == LONGEST_LOCK_BYTES + INDEX_BYTES
    assert used * YOCTO_PER_BYTE == STORAGE_DEPOSIT - FT_ATTEMPTS_COST


def test_an_ended_lock_keeps_a_tombstone_and_its_index_entry(world: World) -> None:
    empty = world.storage_usage()
    withdrawn, refunded = world.open_native_lock(), world.open_native_lock(hashlock="00" * 32)
    assert world.htlc.withdraw(world.carol, withdrawn).json is True
    assert world.storage_usage() - empty > WITHDRAWN_BYTES + INDEX_BYTES
    assert world.htlc.refund_early(world.bob, refunded).json is True
    kept = WITHDRAWN_BYTES + REFUNDED_BYTES + 2 * INDEX_BYTES
    assert world.storage_usage() - empty == kept


def test_a_removed_lock_keeps_nothing(world: World) -> None:
    empty = world.storage_usage()
    lock = world.prepared_lock()
    world.pass_hours(1)
    assert world.htlc.remove(world.alice, lock).failures == []
    assert world.storage_usage() == empty


def data_changes(world: World, outcome: Outcome) -> dict[bytes, bytes | None]:
    """What a call's receipt stored in the escrow; None is a removal."""
    block_hash = outcome.raw["receipts_outcome"][0]["block_hash"]
    answer = world.near.rpc.call(
        "EXPERIMENTAL_changes",
        changes_type="data_changes",
        account_ids=[world.htlc.account_id],
        key_prefix_base64="",
        block_id=block_hash,
    )
    return dict(_change(entry["change"]) for entry in answer["changes"])


def _change(change: dict[str, Any]) -> tuple[bytes, bytes | None]:
    value = change.get("value_base64")
    return base64.b64decode(change["key_base64"]), value and base64.b64decode(value)


def test_a_new_lock_shows_as_changes_of_its_record_and_its_index_entry(world: World) -> None:
    lock = world.native_lock()
    stored = data_changes(world, world.htlc.lock(world.alice, lock))
    lock_id = bytes.fromhex(lock.id())
    is_open, no_secret, not_in_flight = b"\1", b"\0", b"\0"
    record = is_open + no_secret + not_in_flight + lock.encoded() + borsh_string(lock.depositor)
    record += bytes(32)  # the secret's place
    assert stored == {b"l" + lock_id: record, lock.index_key(): lock_id}


def test_a_refund_keeps_the_secrets_place_until_it_is_paid(world: World) -> None:
    lock = world.open_native_lock()
    stored = data_changes(world, world.htlc.refund_early(world.bob, lock))
    owed, no_secret, in_flight = b"\3", b"\0", b"\1"
    record = owed + no_secret + in_flight + lock.encoded() + borsh_string(lock.depositor)
    assert stored == {b"l" + bytes.fromhex(lock.id()): record + bytes(32)}


@pytest.mark.parametrize("method", ["withdraw", "refund", "refund_early"])
@pytest.mark.parametrize("asset", ["native", "token"])
def test_deciding_occupies_not_a_byte_more(world: World, method: str, asset: str) -> None:
    lock = world.open_native_lock() if asset == "native" else world.open_token_lock()
    world.pass_hours(2 if method == "refund" else 0)
    before = world.storage_usage()
    with world.blocks_by_hand():
        secret = {"secret": SECRET.hex()} if method == "withdraw" else {}
        deposit = 1 if method == "refund_early" else 0
        world.submit(world.bob, method, {"id": lock.id(), **secret}, deposit=deposit)
        world.mine_until(lambda: world.htlc.get(lock)["in_flight"])
        assert world.storage_usage() == before
    assert world.storage_usage() < before


def test_a_decision_shows_as_a_change_of_the_record(world: World) -> None:
    lock = world.open_native_lock()
    stored = data_changes(world, world.htlc.withdraw(world.carol, lock))
    owed, in_flight = b"\2", b"\1"
    record = owed + b"\1" + SECRET + in_flight + lock.encoded() + borsh_string(lock.depositor)
    assert stored == {b"l" + bytes.fromhex(lock.id()): record}


def test_the_locks_of_others_make_no_call_dearer(world: World) -> None:
    """Whoever opens locks of one yocto pays for them alone: no call reads or writes them all."""
    lock = world.open_native_lock()
    alone = world.near.snapshot()
    cost = world.htlc.withdraw(world.carol, lock).gas_burnt
    world.near.revert(alone)
    for number in range(30):
        world.open_native_lock(amount=1, hashlock=f"{number:064x}")
    assert world.htlc.withdraw(world.carol, lock).gas_burnt == cost
