"""Explains what became of balances of native coin, to the last unit, from the blocks themselves."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from eth_abi import decode
from eth_utils import keccak, to_checksum_address

from devnet.jsonrpc import JsonRpc

Parts = dict[str, Counter[str]]  # account to what changed its balance, by reason

_LOCK = "(address,address,address,uint256,bytes32,uint64,uint64)"
_CREATED = [f"{leg}EscrowCreated(address,bytes32,{_LOCK})" for leg in ("Src", "Dst")]
CREATED = {"0x" + keccak(text=event).hex() for event in _CREATED}
WITHDRAWN = "0x" + keccak(text="Withdrawn(bytes32,bool)").hex()
CANCELLED = "0x" + keccak(text="Cancelled(bool,bool)").hex()


def base_changes(rpc: JsonRpc, accounts: Iterable[str], after_block: int) -> Parts:
    """Gas, value sent and payouts of each account in all blocks after `after_block`, in wei."""
    parts: Parts = {account: Counter() for account in accounts}
    locks: dict[str, tuple[str, str, int]] = {}
    for number in range(after_block + 1, int(rpc.call("eth_blockNumber"), 16) + 1):
        for transaction in rpc.call("eth_getBlockByNumber", hex(number), True)["transactions"]:
            receipt = rpc.call("eth_getTransactionReceipt", transaction["hash"])
            _count_sender(parts, transaction, receipt)
            for log in receipt["logs"]:
                _count_log(parts, log, locks)
    return parts


def _count_sender(parts: Parts, transaction: Mapping[str, Any], receipt: Mapping[str, Any]) -> None:
    sender = to_checksum_address(transaction["from"])
    if sender in parts:
        gas = int(receipt["gasUsed"], 16) * int(receipt["effectiveGasPrice"], 16)
        parts[sender]["gas"] -= gas
        if receipt["status"] == "0x1":
            parts[sender]["locked"] -= int(transaction["value"], 16)


def _count_log(
    parts: Parts, log: Mapping[str, Any], locks: dict[str, tuple[str, str, int]]
) -> None:
    """A payout of native coin leaves no log of its own: the lock's event says to whom and what."""
    event, data = log["topics"][0], bytes.fromhex(log["data"][2:])
    if event in CREATED:
        (lock,) = decode([_LOCK], data)
        escrow = "0x" + log["topics"][1][-40:]
        locks[escrow] = (to_checksum_address(lock[0]), to_checksum_address(lock[1]), lock[3])
    elif event in (WITHDRAWN, CANCELLED) and log["address"] in locks:
        depositor, beneficiary, amount = locks[log["address"]]
        receiver = beneficiary if event == WITHDRAWN else depositor
        paid = int.from_bytes(data[-32:], "big") == 1
        if paid and receiver in parts:
            parts[receiver]["received"] += amount


def near_changes(rpc: JsonRpc, accounts: Iterable[str], after_height: int) -> Parts:
    """Gas, deposits sent and transfers received in all blocks after `after_height`, in yocto."""
    parts: Parts = {account: Counter() for account in accounts}
    head = rpc.call("status")["sync_info"]["latest_block_height"]
    for height in range(after_height + 1, head + 1):
        for transaction in rpc.call("chunk", block_id=height, shard_id=0)["transactions"]:
            _count_transaction(parts, rpc, transaction)
    return parts


def _count_transaction(parts: Parts, rpc: JsonRpc, transaction: Mapping[str, Any]) -> None:
    found = rpc.call(
        "EXPERIMENTAL_tx_status",
        tx_hash=transaction["hash"],
        sender_account_id=transaction["signer_id"],
        wait_until="FINAL",
    )
    outcomes = [found["transaction_outcome"], *found["receipts_outcome"]]
    if transaction["signer_id"] in parts:
        burnt = sum(int(outcome["outcome"]["tokens_burnt"]) for outcome in outcomes)
        parts[transaction["signer_id"]]["gas"] -= burnt
    failed = {o["id"] for o in outcomes if "Failure" in o["outcome"]["status"]}
    for receipt in found["receipts"]:
        if receipt["receipt_id"] not in failed and receipt["predecessor_id"] != "system":
            _count_receipt(parts, receipt)


def _count_receipt(parts: Parts, receipt: Mapping[str, Any]) -> None:
    """Deposits move with the receipts; the runtime's own ones (`system`) give back unused gas."""
    actions = receipt["receipt"].get("Action", {}).get("actions", [])
    details = [value for action in actions if isinstance(action, dict) for value in action.values()]
    deposit = sum(int(detail.get("deposit", 0)) for detail in details)
    if receipt["predecessor_id"] in parts:
        parts[receipt["predecessor_id"]]["locked"] -= deposit
    if receipt["receiver_id"] in parts:
        parts[receipt["receiver_id"]]["received"] += deposit
