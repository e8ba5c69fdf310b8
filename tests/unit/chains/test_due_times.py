"""When a lock is read again although no fact tells of it."""

from dataclasses import replace

import pytest

from chains_app.locks import Block, LockReading, LockState, LockTerms
from chains_app.watching import LOOK_AGAIN, next_due_time, overdue_time
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


def reading(state: LockState, time: int, *, is_paid: bool = False) -> LockReading:
    return LockReading(state, is_paid, None, Block(1, "0x1", "0x0", Seconds(time)))


@pytest.mark.parametrize(
    ("state", "time", "expected"),
    [(ABSENT, 1_000, 1_001), (ABSENT, 1_001, None), (OPEN, 1, 2_000), (OPEN, 1_999, 2_000)],
)
def test_a_deadline_turns_a_reading_into_another_truth(
    state: LockState, time: int, expected: int | None
) -> None:
    assert next_due_time(TERMS, reading(state, time)) == expected
    assert overdue_time(TERMS, reading(state, time)) is None


@pytest.mark.parametrize("state", [WITHDRAWN, REFUNDED])
def test_what_is_decided_and_paid_is_over(state: LockState) -> None:
    over = reading(state, 5_000, is_paid=True)
    assert (next_due_time(TERMS, over), overdue_time(TERMS, over)) == (None, None)


@pytest.mark.parametrize("state", [OPEN, WITHDRAWN, REFUNDED])
def test_what_is_overdue_is_read_again_and_ever_less_often(state: LockState) -> None:
    assert next_due_time(TERMS, reading(state, 2_000)) is None
    times = [2_000]
    while times[-1] < 2_000 + 86_400:
        times.append(overdue_time(TERMS, reading(state, times[-1])) or 0)
    assert times[1] - times[0] >= LOOK_AGAIN
    assert times == sorted(times)
    assert len(times) < 100


def test_what_can_never_be_refunded_has_no_due_time() -> None:
    """A stranger may name instants that no column holds."""
    far = replace(TERMS, timelock=Seconds(2**40))
    assert next_due_time(far, reading(OPEN, 5_000)) is None
