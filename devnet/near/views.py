"""The JSON of blocks, transactions, receipts and state, in nearcore's shapes."""

import time
from base64 import b64encode
from hashlib import sha256
from typing import Any

from devnet.near import actions, fees
from devnet.near.actions import AccessKey, Action
from devnet.near.chain import ROOT_ACCOUNT, Chain
from devnet.near.crypto import SYSTEM_KEY, ZERO_HASH, hash_of
from devnet.near.receipts import ActionReceipt, Block, Outcome
from devnet.near.state import Account
from devnet.near.status import Progress
from devnet.near.transaction import SignedTransaction

PROTOCOL_VERSION = 83
SHARD_ID = 0
_NO_SIGNATURE = "ed25519:" + "1" * 64


def base64(data: bytes) -> str:
    """Bytes as base64 text."""
    return b64encode(data).decode()


def time_text(nanoseconds: int) -> str:
    """A block's time as ISO-8601 with nanoseconds."""
    seconds, rest = divmod(nanoseconds, 10**9)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{rest:09d}Z"


def epoch_id(height: int) -> str:
    """The id of the epoch that a height belongs to."""
    epoch = height // fees.EPOCH_BLOCKS
    return ZERO_HASH if epoch == 0 else hash_of(b"epoch", epoch.to_bytes(8, "little"))


# state


def account(value: Account) -> dict[str, Any]:
    """An account."""
    return {
        "amount": str(value.amount),
        "locked": "0",
        "code_hash": value.code_hash,
        "storage_usage": value.storage_usage,
        "storage_paid_at": 0,
    }


def access_key(key: AccessKey) -> dict[str, Any]:
    """An access key."""
    if key.permission is None:
        return {"nonce": key.nonce, "permission": "FullAccess"}
    allowance = key.permission.allowance
    call = {
        "allowance": None if allowance is None else str(allowance),
        "receiver_id": key.permission.receiver_id,
        "method_names": list(key.permission.method_names),
    }
    return {"nonce": key.nonce, "permission": {"FunctionCall": call}}


# transactions


def action(value: Action) -> Any:
    """An action; code is shown as the base64 of its hash, as nearcore does."""
    match value:
        case actions.CreateAccount():
            return "CreateAccount"
        case actions.DeployContract(code):
            return {"DeployContract": {"code": base64(sha256(code).digest())}}
        case actions.FunctionCall(method_name, args, gas, deposit):
            call = {"method_name": method_name, "args": base64(args)}
            return {"FunctionCall": {**call, "gas": gas, "deposit": str(deposit)}}
        case actions.Transfer(deposit):
            return {"Transfer": {"deposit": str(deposit)}}
        case actions.Stake(stake, public_key):
            return {"Stake": {"stake": str(stake), "public_key": public_key}}
        case actions.AddKey(public_key, key):
            return {"AddKey": {"public_key": public_key, "access_key": access_key(key)}}
        case actions.DeleteKey(public_key):
            return {"DeleteKey": {"public_key": public_key}}
        case actions.DeleteAccount(beneficiary_id):
            return {"DeleteAccount": {"beneficiary_id": beneficiary_id}}


def transaction(value: SignedTransaction) -> dict[str, Any]:
    """A signed transaction."""
    return {
        "signer_id": value.signer_id,
        "public_key": value.public_key,
        "nonce": value.nonce,
        "receiver_id": value.receiver_id,
        "actions": [action(each) for each in value.actions],
        "priority_fee": 0,
        "signature": value.signature,
        "hash": value.hash,
    }


def receipt(value: ActionReceipt) -> dict[str, Any]:
    """A receipt of actions."""
    outputs = [
        {"data_id": data_id, "receiver_id": receiver}
        for data_id, receiver in value.output_receivers
    ]
    body = {
        "signer_id": value.signer_id,
        "signer_public_key": value.signer_public_key,
        "gas_price": str(value.gas_price),
        "output_data_receivers": outputs,
        "input_data_ids": list(value.input_data_ids),
        "actions": [action(each) for each in value.actions],
        "is_promise_yield": False,
    }
    return {
        "predecessor_id": value.predecessor_id,
        "receiver_id": value.receiver_id,
        "receipt_id": value.id,
        "receipt": {"Action": body},
        "priority": 0,
    }


def outcome(value: Outcome) -> dict[str, Any]:
    """The outcome of a transaction or a receipt."""
    return {
        "proof": [],
        "block_hash": value.block_hash,
        "id": value.id,
        "outcome": {
            "logs": list(value.logs),
            "receipt_ids": list(value.receipt_ids),
            "gas_burnt": value.gas_burnt,
            "tokens_burnt": str(value.tokens_burnt),
            "executor_id": value.executor_id,
            "status": value.status,
            "metadata": {"version": 3, "gas_profile": []},
        },
    }


def final_outcome(found: Progress, *, with_receipts: bool = False) -> dict[str, Any]:
    """A transaction with all its outcomes so far."""
    answer = {
        "final_execution_status": found.level,
        "status": found.status,
        "transaction": transaction(found.included.transaction),
        "transaction_outcome": outcome(found.outcome),
        "receipts_outcome": [outcome(each) for each in found.receipt_outcomes],
    }
    if with_receipts:
        answer["receipts"] = [receipt(each) for each in found.receipts]
    return answer


# blocks


def block(value: Block, chain: Chain) -> dict[str, Any]:
    """A block with the header of its only chunk."""
    return {
        "author": ROOT_ACCOUNT,
        "header": block_header(value, chain),
        "chunks": [chunk_header(value)],
    }


def _ancestor_hash(value: Block, chain: Chain, behind: int) -> str:
    older = chain.blocks.get(max(chain.genesis.height, value.height - behind))
    return older.hash if older else ZERO_HASH


def block_header(value: Block, chain: Chain) -> dict[str, Any]:
    """A block's header; roots of Merkle trees that this node does not build are zero."""
    roots = dict.fromkeys(
        (
            "block_body_hash",
            "block_merkle_root",
            "challenges_root",
            "chunk_headers_root",
            "chunk_receipts_root",
            "chunk_tx_root",
            "next_bp_hash",
            "outcome_root",
            "prev_state_root",
        ),
        ZERO_HASH,
    )
    return {
        **roots,
        "height": value.height,
        "prev_height": value.height - 1 if value.height else None,
        "hash": value.hash,
        "prev_hash": value.prev_hash,
        "epoch_id": epoch_id(value.height),
        "next_epoch_id": epoch_id(value.height + fees.EPOCH_BLOCKS),
        "timestamp": value.timestamp,
        "timestamp_nanosec": str(value.timestamp),
        "random_value": hash_of(value.hash.encode()),
        "last_final_block": _ancestor_hash(value, chain, fees.FINALITY_BLOCKS),
        "last_ds_final_block": _ancestor_hash(value, chain, 1),
        "block_ordinal": value.height + 1,
        "gas_price": str(value.gas_price),
        "total_supply": str(value.total_supply),
        "rent_paid": "0",
        "validator_reward": "0",
        "validator_proposals": [],
        "challenges_result": [],
        "approvals": [_NO_SIGNATURE],
        "signature": _NO_SIGNATURE,
        "chunks_included": 1,
        "chunk_mask": [True],
        "chunk_endorsements": [[1]],
        "epoch_sync_data_hash": None,
        "latest_protocol_version": PROTOCOL_VERSION,
    }


def chunk_hash(value: Block) -> str:
    """The hash of a block's only chunk."""
    return hash_of(b"chunk", value.hash.encode())


def chunk_header(value: Block) -> dict[str, Any]:
    """The header of a block's only chunk."""
    roots = dict.fromkeys(
        (
            "encoded_merkle_root",
            "outcome_root",
            "outgoing_receipts_root",
            "prev_state_root",
            "tx_root",
        ),
        ZERO_HASH,
    )
    return {
        **roots,
        "chunk_hash": chunk_hash(value),
        "prev_block_hash": value.prev_hash,
        "height_created": value.height,
        "height_included": value.height,
        "shard_id": SHARD_ID,
        "gas_used": value.gas_used,
        "gas_limit": fees.BLOCK_GAS_LIMIT,
        "balance_burnt": str(value.balance_burnt),
        "encoded_length": 0,
        "rent_paid": "0",
        "validator_reward": "0",
        "validator_proposals": [],
        "congestion_info": None,
        "bandwidth_requests": None,
        "signature": _NO_SIGNATURE,
    }


def chunk(value: Block, chain: Chain) -> dict[str, Any]:
    """A block's only chunk: its transactions, and the receipts that ran in it."""
    ran = [chain.receipts[each.id] for each in value.outcomes if each.id in chain.receipts]
    return {
        "author": ROOT_ACCOUNT,
        "header": chunk_header(value),
        "transactions": [
            transaction(chain.included[each].transaction) for each in value.transactions
        ],
        "receipts": [receipt(each) for each in ran],
    }


def status(chain: Chain, rpc_address: str, uptime: int) -> dict[str, Any]:
    """The node's status."""
    head, earliest = chain.head, chain.earliest
    return {
        "version": {"version": "devnet", "build": "devnet", "commit": "", "rustc_version": ""},
        "chain_id": chain.config.chain_id,
        "genesis_hash": chain.genesis.hash,
        "protocol_version": PROTOCOL_VERSION,
        "latest_protocol_version": PROTOCOL_VERSION,
        "rpc_addr": rpc_address,
        "validators": [{"account_id": ROOT_ACCOUNT}],
        "sync_info": {
            "latest_block_hash": head.hash,
            "latest_block_height": head.height,
            "latest_block_time": time_text(head.timestamp),
            "latest_state_root": ZERO_HASH,
            "syncing": False,
            "earliest_block_hash": earliest.hash,
            "earliest_block_height": earliest.height,
            "earliest_block_time": time_text(earliest.timestamp),
            "epoch_id": epoch_id(head.height),
            "epoch_start_height": head.height // fees.EPOCH_BLOCKS * fees.EPOCH_BLOCKS,
        },
        "validator_account_id": ROOT_ACCOUNT,
        "validator_public_key": SYSTEM_KEY,
        "node_public_key": SYSTEM_KEY,
        "node_key": None,
        "uptime_sec": uptime,
        "detailed_debug_status": None,
    }


def validators(height: int) -> dict[str, Any]:
    """The validators of the epoch: the node alone, with nothing at stake."""
    epoch = height // fees.EPOCH_BLOCKS
    return {
        "current_validators": [],
        "next_validators": [],
        "current_fishermen": [],
        "next_fishermen": [],
        "current_proposals": [],
        "prev_epoch_kickout": [],
        "epoch_start_height": epoch * fees.EPOCH_BLOCKS,
        "epoch_height": epoch,
    }


NETWORK_INFO = {
    "active_peers": [],
    "num_active_peers": 0,
    "peer_max_count": 0,
    "sent_bytes_per_sec": 0,
    "received_bytes_per_sec": 0,
    "known_producers": [],
}
