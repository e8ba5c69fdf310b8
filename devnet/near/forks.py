"""Taking back blocks that are not final yet, so that others can be built in their place.

Before each block the chain remembers what is in flight; the state itself keeps what each block
replaced. So nothing is copied but the receipts under way.
"""

from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from devnet.near.receipts import ActionReceipt, Receipt
from devnet.near.transaction import SignedTransaction

if TYPE_CHECKING:
    from devnet.near.chain import Chain
    from devnet.near.runtime import DataKey


class InFlight(NamedTuple):
    """What was under way before a block: receipts, and data that came or is waited for."""

    outgoing: list[Receipt]
    delayed: deque[Receipt]
    received: dict["DataKey", bytes | None]
    awaited_by: dict["DataKey", ActionReceipt]
    missing: dict[str, int]


def in_flight(chain: "Chain") -> InFlight:
    """A copy of what is under way now."""
    runtime = chain.runtime
    return InFlight(
        runtime.outgoing.copy(),
        chain.delayed.copy(),
        runtime.received.copy(),
        runtime.awaited_by.copy(),
        runtime.missing.copy(),
    )


def take_back(chain: "Chain", depth: int, *, keep_transactions: bool) -> None:
    """Undo the newest `depth` blocks; their transactions go back to the mempool, or are lost.

    Raises ValueError when one of the blocks is final.
    """
    not_final = chain.head.ordinal - chain.block_at(chain.final_height()).ordinal
    if depth > not_final:
        raise ValueError(f"only the newest {not_final} blocks are not final")
    taken: dict[str, SignedTransaction] = {}
    for _ in range(depth):
        taken |= _drop_head(chain)
    if keep_transactions:
        chain.mempool |= taken


def _drop_head(chain: "Chain") -> dict[str, SignedTransaction]:
    """Undo the newest block; returns its transactions."""
    block = chain.head
    transactions = {each: chain.included.pop(each).transaction for each in block.transactions}
    for outcome in block.outcomes:
        del chain.outcomes[outcome.id]
        for made in outcome.receipt_ids:
            chain.receipts.pop(made, None)
    for sent in chain.runtime.outgoing:
        chain.data_receipts.pop(sent.id, None)
    del chain.blocks[block.height], chain.heights[block.hash]
    chain.head = next(reversed(chain.blocks.values()))
    chain.runtime.state.undo_block()
    _put_back(chain, chain.before.pop())
    return transactions


def _put_back(chain: "Chain", before: InFlight) -> None:
    """Copies: a snapshot of the chain may share what it remembers."""
    runtime = chain.runtime
    chain.delayed = before.delayed.copy()
    runtime.outgoing, runtime.received = before.outgoing.copy(), before.received.copy()
    runtime.awaited_by, runtime.missing = before.awaited_by.copy(), before.missing.copy()
