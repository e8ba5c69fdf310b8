"""When a lock is read again although no fact tells of it."""

from dataclasses import replace

import pytest

from chains_app.locks import Block, LockReading, LockState, LockTerms
from chains_app.watching import LOOK_AGAIN, next_due_time
from orchestrator.kernel.clock import Seconds

ABSENT, OPEN, WITHDRAWN, REFUNDED = (
    LockState.ABSENT,
    LockState.OPEN,
    LockState.WITHDRAWN,
    LockState.REFUNDED,
)
TERMS = LockTerms(
    chain="base", contract="contract", depositor="maker", beneficiary="lock", token=None, amount=1,
    hashlock=bytes(32), lock_by=Seconds(1_000), timelock=Seconds(2_000),
)  # fmt: skip


def due(state: LockState, time: int, *, is_paid: bool = False) -> int | None:
    block = Block(1, "0x1", "0x0", Seconds(time))
    return next_due_time(TERMS, LockReading(state, is_paid, None, block))


@pytest.mark.parametrize(
    ("state", "time", "expected"),
    [(ABSENT, 1_000, 1_001), (ABSENT, 1_001, None), (OPEN, 1, 2_000), (OPEN, 1_999, 2_000)],
)
def test_a_deadline_turns_a_reading_into_another_truth(
    state: LockState, time: int, expected: int | None
) -> None:
    assert due(state, time) == expected


@pytest.mark.parametrize("state", [WITHDRAWN, REFUNDED])
def test_what_is_decided_and_paid_is_over(state: LockState) -> None:
    assert due(state, 5_000, is_paid=True) is None


@pytest.mark.parametrize("state", [OPEN, WITHDRAWN, REFUNDED])
def test_what_is_overdue_is_read_again_and_ever_less_often(state: LockState) -> None:
    assert due(state, 2_000) == 2_000 + LOOK_AGAIN
    read, time = 0, 2_000
    while time < 2_000 + 86_400:
        time = due(state, time) or pytest.fail("it is not read again")
        read += 1
    assert read < 20


def test_what_can_never_be_refunded_has_no_due_time() -> None:
    """A stranger may name instants that no column holds."""
    far = replace(TERMS, timelock=Seconds(2**40))
    block = Block(1, "0x1", "0x0", Seconds(5_000))
    assert next_due_time(far, LockReading(OPEN, False, None, block)) is None
