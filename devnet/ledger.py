"""Explains what became of balances, to the last unit, from the blocks themselves."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from eth_abi import decode
from eth_utils import keccak, to_checksum_address

from devnet.jsonrpc import JsonRpc

Holding = tuple[str, str | None]  # an account and a token's contract, None for the native coin
Parts = dict[Holding, Counter[str]]  # what changed a balance, by reason

_LOCK = "(address,address,address,uint256,bytes32,uint64,uint64)"
_CREATED = [f"{leg}EscrowCreated(address,bytes32,{_LOCK})" for leg in ("Src", "Dst")]
CREATED = {"0x" + keccak(text=event).hex() for event in _CREATED}
WITHDRAWN = "0x" + keccak(text="Withdrawn(bytes32,bool)").hex()
CANCELLED = "0x" + keccak(text="Cancelled(bool,bool)").hex()
TRANSFER = "0x" + keccak(text="Transfer(address,address,uint256)").hex()
NEP141_EVENT = 'EVENT_JSON:{"standard":"nep141"'


def base_changes(rpc: JsonRpc, holdings: Iterable[Holding], after_block: int) -> Parts:
    """Gas, value sent and payouts in all blocks after `after_block`: wei, or units of the token."""
    parts: Parts = {holding: Counter() for holding in holdings}
    locks: dict[str, tuple[str, str, int]] = {}
    for number in range(after_block + 1, int(rpc.call("eth_blockNumber"), 16) + 1):
        for transaction in rpc.call("eth_getBlockByNumber", hex(number), True)["transactions"]:
            receipt = rpc.call("eth_getTransactionReceipt", transaction["hash"])
            _count_sender(parts, transaction, receipt)
            for log in receipt["logs"]:
                _count_log(parts, log, locks)
                _count_token_log(parts, log)
    return parts


def _move(parts: Parts, token: str, sender: str, to: str, amount: int) -> None:
    if (sender, token) in parts:
        parts[sender, token]["locked"] -= amount
    if (to, token) in parts:
        parts[to, token]["received"] += amount


def _count_token_log(parts: Parts, log: Mapping[str, Any]) -> None:
    if log["topics"][0] == TRANSFER:
        sender, to = (to_checksum_address(topic[-40:]) for topic in log["topics"][1:])
        _move(parts, to_checksum_address(log["address"]), sender, to, int(log["data"], 16))


def _count_sender(parts: Parts, transaction: Mapping[str, Any], receipt: Mapping[str, Any]) -> None:
    sender = to_checksum_address(transaction["from"])
    if (sender, None) in parts:
        gas = int(receipt["gasUsed"], 16) * int(receipt["effectiveGasPrice"], 16)
        parts[sender, None]["gas"] -= gas
        if receipt["status"] == "0x1":
            parts[sender, None]["locked"] -= int(transaction["value"], 16)


def _count_log(
    parts: Parts, log: Mapping[str, Any], locks: dict[str, tuple[str, str, int]]
) -> None:
    """A payout of native coin leaves no log of its own: the lock's event says to whom and what."""
    event, data = log["topics"][0], bytes.fromhex(log["data"][2:])
    if event in CREATED:
        (lock,) = decode([_LOCK], data)
        escrow = "0x" + log["topics"][1][-40:]
        native = lock[3] if int(lock[2], 16) == 0 else 0  # a token tells of its own transfers
        locks[escrow] = (to_checksum_address(lock[0]), to_checksum_address(lock[1]), native)
    elif event in (WITHDRAWN, CANCELLED) and log["address"] in locks:
        depositor, beneficiary, amount = locks[log["address"]]
        receiver = beneficiary if event == WITHDRAWN else depositor
        paid = int.from_bytes(data[-32:], "big") == 1
        if paid and (receiver, None) in parts:
            parts[receiver, None]["received"] += amount


def near_changes(rpc: JsonRpc, holdings: Iterable[Holding], after_height: int) -> Parts:
    """Gas, deposits sent and transfers received in all blocks after `after_height`: yocto, or units
    of the token.
    """
    parts: Parts = {holding: Counter() for holding in holdings}
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
    if (transaction["signer_id"], None) in parts:
        burnt = sum(int(outcome["outcome"]["tokens_burnt"]) for outcome in outcomes)
        parts[transaction["signer_id"], None]["gas"] -= burnt
    for outcome in outcomes:
        _count_events(parts, outcome["outcome"])
    failed = {o["id"] for o in outcomes if "Failure" in o["outcome"]["status"]}
    for receipt in found["receipts"]:
        if receipt["receipt_id"] not in failed and receipt["predecessor_id"] != "system":
            _count_receipt(parts, receipt)


def _count_receipt(parts: Parts, receipt: Mapping[str, Any]) -> None:
    """Deposits move with the receipts; the runtime's own ones (`system`) give back unused gas."""
    actions = receipt["receipt"].get("Action", {}).get("actions", [])
    details = [value for action in actions if isinstance(action, dict) for value in action.values()]
    deposit = sum(int(detail.get("deposit", 0)) for detail in details)
    if (receipt["predecessor_id"], None) in parts:
        parts[receipt["predecessor_id"], None]["locked"] -= deposit
    if (receipt["receiver_id"], None) in parts:
        parts[receipt["receiver_id"], None]["received"] += deposit


def _count_events(parts: Parts, outcome: Mapping[str, Any]) -> None:
    """A NEP-141 contract tells of its transfers by NEP-297 events; a failed receipt has none."""
    if "Failure" in outcome["status"]:
        return
    for line in (line for line in outcome["logs"] if line.startswith(NEP141_EVENT)):
        event = json.loads(line.removeprefix("EVENT_JSON:"))
        for moved in event["data"] if event["event"] == "ft_transfer" else ():
            _move(
                parts, outcome["executor_id"], moved["old_owner_id"], moved["new_owner_id"],
                int(moved["amount"]),
            )  # fmt: skip
