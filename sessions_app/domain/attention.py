"""Why a person must look at a session: what each reason means, what to do, and its page."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Attention(StrEnum):
    """A reason, as it is stored and as clients hear it."""

    SOURCE_LOCK_VANISHED = "source_lock_vanished"
    SOURCE_EXPIRED = "source_expired"
    LOST_RACE = "lost_race"
    PREIMAGE_UNKNOWN = "preimage_unknown"
    REPAYMENT_OWED = "repayment_owed"
    ADVANCE_FAILED = "advance_failed"
    WITHDRAWAL_OVERDUE = "withdrawal_overdue"
    REFUND_OVERDUE = "refund_overdue"
    PAYOUT_OVERDUE = "payout_overdue"


@dataclass(frozen=True)
class Advice:
    """What a reason means, in one line, and what to do about it, in another."""

    reason: Attention
    title: str
    to_do: str

    @property
    def page(self) -> str:
        """Its page of the runbook, from the project's root."""
        return f"docs/runbook/{self.reason}.md"


ADVICE: Final[Mapping[str, Advice]] = {
    each.reason: each
    for each in (
        Advice(
            Attention.SOURCE_LOCK_VANISHED,
            "the maker's lock left the chain after ours was made",
            "pause the route, check the chain's nodes, and wait: ours returns at its timelock",
        ),
        Advice(
            Attention.SOURCE_EXPIRED,
            "the maker is paid, and our withdrawal of the source did not come before its timelock",
            "retry it, and find out why it was late: from now on the maker can refund the source",
        ),
        Advice(
            Attention.LOST_RACE,
            "the maker has both legs for good",
            "book the loss, and find out what held the source's withdrawal up; nothing comes back",
        ),
        Advice(
            Attention.PREIMAGE_UNKNOWN,
            "the maker has withdrawn, and no node told us with which secret",
            "have the destination chain read again before the source's timelock",
        ),
        Advice(
            Attention.REPAYMENT_OWED,
            "the source was withdrawn to us although the destination came back",
            "check both legs, then release the repayment to the maker",
        ),
        Advice(
            Attention.ADVANCE_FAILED,
            "driving it failed by a fault of ours",
            "read the log line session_set_aside; it is tried every 30 seconds",
        ),
        Advice(
            Attention.WITHDRAWAL_OVERDUE,
            "a withdrawal that is due does not come into a block",
            "look for a paused or empty signer and for refusals, then retry it before the timelock",
        ),
        Advice(
            Attention.REFUND_OVERDUE,
            "a refund that is due does not come into a block",
            "look for a paused or empty signer, then retry it",
        ),
        Advice(
            Attention.PAYOUT_OVERDUE,
            "a payout is owed and does not go through",
            "find out why its receiver can't be paid, then retry it",
        ),
    )
}


def advice_for(reason: str) -> Advice | None:
    """None for no reason at all, and for one of another version of ours."""
    return ADVICE.get(reason)
