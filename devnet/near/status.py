"""How far a transaction has come, and its outcome with those of all receipts that follow."""

from typing import Any, Literal, NamedTuple

from devnet.near.chain import Chain, Included
from devnet.near.receipts import ActionReceipt, Outcome

Level = Literal["NONE", "INCLUDED", "EXECUTED_OPTIMISTIC", "INCLUDED_FINAL", "EXECUTED", "FINAL"]
LEVELS: tuple[Level, ...] = (
    "NONE", "INCLUDED", "EXECUTED_OPTIMISTIC", "INCLUDED_FINAL", "EXECUTED", "FINAL",
)  # fmt: skip


class Progress(NamedTuple):
    """A transaction that is in a block, and what has run of it, in the order of its receipts."""

    included: Included
    outcome: Outcome
    receipt_outcomes: list[Outcome]
    receipts: list[ActionReceipt]
    status: Any  # nearcore's FinalExecutionStatus
    reached: frozenset[Level]

    @property
    def level(self) -> Level:
        """The highest level reached."""
        return next(level for level in reversed(LEVELS) if level in self.reached)


def progress(chain: Chain, transaction_hash: str) -> Progress | None:
    """How far a transaction has come; None when it is in no block that is kept."""
    included = chain.included.get(transaction_hash)
    if included is None:
        return None
    outcome = chain.outcomes[transaction_hash]
    ran: list[Outcome] = []
    receipts: list[ActionReceipt] = []
    pending: list[ActionReceipt] = []
    ids = list(outcome.receipt_ids)
    while ids:
        receipt_id = ids.pop(0)
        receipt = chain.receipts[receipt_id]
        receipts.append(receipt)
        result = chain.outcomes.get(receipt_id)
        if result is None:
            pending.append(receipt)
        else:
            ran.append(result)
            ids = [*result.receipt_ids, *ids]
    status = _status(chain, outcome)
    reached = _reached(chain, included, ran, pending)
    return Progress(included, outcome, ran, receipts, status, reached)


def _status(chain: Chain, outcome: Outcome) -> Any:
    """Follow the receipts that return in each other's place to the one that has the result."""
    current: Outcome | None = outcome
    while current is not None:
        if "SuccessReceiptId" not in current.status:
            return current.status
        current = chain.outcomes.get(current.status["SuccessReceiptId"])
    return "Started"


def _reached(
    chain: Chain, included: Included, ran: list[Outcome], pending: list[ActionReceipt]
) -> frozenset[Level]:
    """The levels of nearcore's TxExecutionStatus, by their definitions there."""
    final = chain.final_height()
    reached: set[Level] = {"NONE", "INCLUDED"}
    if included.height <= final:
        reached.add("INCLUDED_FINAL")
    if all(receipt.is_refund for receipt in pending):
        reached.add("EXECUTED_OPTIMISTIC")
        if included.height <= final:
            reached.add("EXECUTED")
    blocks = [included.height, *(outcome.block_height for outcome in ran)]
    if not pending and max(blocks) <= final:
        reached.add("FINAL")
    return frozenset(reached)
