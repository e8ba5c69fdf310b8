"""The JSON of blocks, chunks, the node's status and the network, in nearcore's shapes."""

import time
from typing import Any

from devnet.near import fees
from devnet.near.chain import ROOT_ACCOUNT, Chain
from devnet.near.crypto import SYSTEM_KEY, ZERO_HASH, hash_of
from devnet.near.receipts import Block
from devnet.near.views import receipt, transaction

PROTOCOL_VERSION = 83
SHARD_ID = 0
_SHARD_COUNTS = [(v, w) for v in ("produced", "expected") for w in ("chunks", "endorsements")]
_NO_SIGNATURE = "ed25519:" + "1" * 64


def time_text(nanoseconds: int) -> str:
    """A block's time as ISO-8601 with nanoseconds."""
    seconds, rest = divmod(nanoseconds, 10**9)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{rest:09d}Z"


def epoch_id(epoch: int) -> str:
    """The id of the epoch of this number."""
    return ZERO_HASH if epoch == 0 else hash_of(b"epoch", epoch.to_bytes(8, "little"))


def block(value: Block) -> dict[str, Any]:
    """A block with the header of its only chunk, which may be that of an earlier block."""
    return {
        "author": ROOT_ACCOUNT,
        "header": block_header(value),
        "chunks": [chunk_header(value.with_chunk)],
    }


def block_header(value: Block) -> dict[str, Any]:
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
    has_chunk = value.older_chunk is None
    return {
        **roots,
        "height": value.height,
        "prev_height": value.prev.height if value.prev else None,
        "hash": value.hash,
        "prev_hash": value.prev_hash,
        "epoch_id": epoch_id(value.epoch),
        "next_epoch_id": epoch_id(value.epoch + 1),
        "timestamp": value.timestamp,
        "timestamp_nanosec": str(value.timestamp),
        "random_value": hash_of(value.hash.encode()),
        "last_final_block": value.last_final.hash,
        "last_ds_final_block": value.last_near_final.hash,
        "block_ordinal": value.ordinal,
        "gas_price": str(value.gas_price),
        "total_supply": str(value.total_supply),
        "rent_paid": "0",
        "validator_reward": "0",
        "validator_proposals": [],
        "challenges_result": [],
        "approvals": [_NO_SIGNATURE],
        "signature": _NO_SIGNATURE,
        "chunks_included": int(has_chunk),
        "chunk_mask": [has_chunk],
        "chunk_endorsements": [[1] if has_chunk else []],
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
    """A block's only chunk: its transactions, and the receipts that the chunk before sent to it.

    Of a block without a chunk of its own, that of the block before which had one.
    """
    value = value.with_chunk
    return {
        "author": ROOT_ACCOUNT,
        "header": chunk_header(value),
        "transactions": [
            transaction(chain.included[each].transaction) for each in value.transactions
        ],
        "receipts": [receipt(each) for each in value.incoming],
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
            "epoch_id": epoch_id(head.epoch),
            "epoch_start_height": head.epoch * chain.config.epoch_blocks,
        },
        "validator_account_id": ROOT_ACCOUNT,
        "validator_public_key": SYSTEM_KEY,
        "node_public_key": SYSTEM_KEY,
        "node_key": None,
        "uptime_sec": uptime,
        "detailed_debug_status": None,
    }


def validators(epoch: int, first_height: int, blocks: int) -> dict[str, Any]:
    """The validators of the epoch: the node alone, with nothing at stake."""
    counts = dict.fromkeys(("blocks", "chunks", "endorsements"), blocks)
    of_shard = {f"num_{verb}_{what}_per_shard": [blocks] for verb, what in _SHARD_COUNTS}
    node = {
        "account_id": ROOT_ACCOUNT,
        "public_key": SYSTEM_KEY,
        "stake": "0",
        "shards": [SHARD_ID],
    }
    return {
        "current_validators": [
            {
                **node,
                "is_slashed": False,
                "shards_endorsed": [SHARD_ID],
                **{f"num_produced_{what}": count for what, count in counts.items()},
                **{f"num_expected_{what}": count for what, count in counts.items()},
                **of_shard,
            }
        ],
        "next_validators": [node],
        "current_fishermen": [],
        "next_fishermen": [],
        "current_proposals": [],
        "prev_epoch_kickout": [],
        "epoch_start_height": first_height,
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
