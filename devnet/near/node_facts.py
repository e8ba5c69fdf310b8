"""What else clients ask a node: its configuration, its validators, single receipts."""

from typing import Any

from devnet.near import block_views, fees, views
from devnet.near.chain import ROOT_ACCOUNT, Chain, GarbageCollectedError, UnknownBlockError
from devnet.near.crypto import SYSTEM_KEY
from devnet.near.errors import RpcError
from devnet.near.params import Params
from devnet.near.receipts import Block


def receipt(request: Params, chain: Chain) -> dict[str, Any]:
    """`EXPERIMENTAL_receipt`: a receipt of actions, or of data, by its id."""
    receipt_id = request.hash("receipt_id")
    found = chain.receipts.get(receipt_id) or chain.data_receipts.get(receipt_id)
    if found is None:
        text = f"Receipt with id {receipt_id} has never been observed on this node"
        raise RpcError("UNKNOWN_RECEIPT", text, {"receipt_id": receipt_id})
    return views.receipt(found)


def validators(request: Params, chain: Chain) -> dict[str, Any]:
    """`validators`: of the epoch under way, of one by its id, or of that which a block ends."""
    epoch = _epoch(request, chain)
    first = epoch * chain.config.epoch_blocks
    last = min(chain.head.height, first + chain.config.epoch_blocks - 1)
    made = sum(1 for height in range(first, last + 1) if height in chain.blocks)
    return block_views.validators(epoch, first, made)


def _epoch(request: Params, chain: Chain) -> int:
    if request.has("epoch_id"):
        epoch_id = request.hash("epoch_id")
        for epoch in range(chain.head.epoch, max(-1, chain.head.epoch - fees.EPOCHS_KEPT), -1):
            if block_views.epoch_id(epoch) == epoch_id:
                return epoch
        raise RpcError("UNKNOWN_EPOCH", "Epoch not found", has_info=False)
    if not request.has("block_id"):
        return chain.head.epoch
    try:
        block = request.block(chain)
    except (UnknownBlockError, GarbageCollectedError):
        raise RpcError("UNKNOWN_EPOCH", "Epoch not found", has_info=False) from None
    if block.epoch == chain.head.epoch or not _ends_epoch(block, chain):
        text = "Validator info unavailable"
        raise RpcError("VALIDATOR_INFO_UNAVAILABLE", text, has_info=False)
    return block.epoch


def _ends_epoch(block: Block, chain: Chain) -> bool:
    """Whether the next block belongs to another epoch; nearcore tells of no other block."""
    following = (block.epoch + 1) * chain.config.epoch_blocks
    return not any(height in chain.blocks for height in range(block.height + 1, following))


def validators_ordered() -> list[dict[str, Any]]:
    """`EXPERIMENTAL_validators_ordered`: the node alone."""
    return [
        {
            "validator_stake_struct_version": "V1",
            "account_id": ROOT_ACCOUNT,
            "public_key": SYSTEM_KEY,
            "stake": "0",
        }
    ]


def split_storage(chain: Chain) -> dict[str, Any]:
    """`EXPERIMENTAL_split_storage_info`: there is one store, and it is hot."""
    return {
        "head_height": chain.head.height,
        "final_head_height": chain.final_height(),
        "cold_head_height": None,
        "hot_db_kind": "RPC",
    }
