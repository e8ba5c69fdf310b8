"""What the outbox does next, as pure decisions (rule 5)."""

from dataclasses import replace
from typing import Any

import pytest

from chains_app.adapters.interface import KeyState, Stage, TransactionStatus
from chains_app.locks import Call, LockState, LockTerms
from chains_app.models import AttemptStatus
from chains_app.outbox.decision import (
    LONGEST_PAUSE,
    MOST_TRIES,
    RESEND_AFTER,
    STALE_AFTER,
    STUCK_AFTER,
    Alive,
    Fate,
    Move,
    Situation,
    fate_of,
    next_move,
    pause_after,
)
from chains_app.outbox.effects import Effect, Standing, effect_of, is_useful
from orchestrator.kernel.clock import Seconds

TERMS = LockTerms(
    chain="base", contract="escrows", depositor="lock", beneficiary="maker", token=None,
    amount=1, hashlock=bytes(32), lock_by=Seconds(100), timelock=Seconds(200),
)  # fmt: skip
WANTED = Situation(
    effect=Effect.MISSING, is_open=True, may_leave=True, is_useful=True, ever_left=False
)
SENT = Alive(AttemptStatus.SENT, Fate.PENDING, age=0, last_sent=0, may_be_replaced=True)


def with_attempt(
    fate: Fate,
    *,
    age: float = 0,
    last_sent: float | None = 0,
    holds_up: bool = False,
    **changed: object,
) -> Situation:
    attempt = replace(SENT, fate=fate, age=age, last_sent=last_sent, holds_up=holds_up)
    return replace(WANTED, attempt=attempt, ever_left=True, **changed)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("situation", "move"),
    [
        (WANTED, Move.SIGN),
        (replace(WANTED, effect=Effect.NOT_YET), Move.WAIT),
        (replace(WANTED, effect=Effect.AT_HEAD), Move.WAIT),
        (replace(WANTED, effect=Effect.DONE), Move.END_DONE),
        (replace(WANTED, effect=Effect.IMPOSSIBLE), Move.END_IMPOSSIBLE),
        (replace(WANTED, may_leave=False), Move.END_VOID),
        (replace(WANTED, is_useful=False), Move.END_VOID),
        (replace(WANTED, is_useful=False, is_endless=True), Move.WAIT),
        (replace(WANTED, may_leave=False, ever_left=True), Move.WAIT),
        (replace(WANTED, may_leave=False, effect=Effect.AT_HEAD), Move.WAIT),
        (replace(WANTED, read_is_old=True), Move.WAIT),
        (replace(WANTED, tries=3, last_try=7.9), Move.WAIT),
        (replace(WANTED, tries=3, last_try=8), Move.SIGN),
        (replace(WANTED, tries=MOST_TRIES, last_try=10**9), Move.WAIT),
        (replace(WANTED, is_open=False), Move.WAIT),
        (replace(WANTED, is_open=False, effect=Effect.DONE), Move.WAIT),
    ],
)
def test_rule_5_without_an_attempt(situation: Situation, move: Move) -> None:
    assert next_move(situation) is move


@pytest.mark.parametrize(
    ("situation", "move"),
    [
        (with_attempt(Fate.UNSENT), Move.SEND_FIRST),
        (with_attempt(Fate.UNSENT, age=STALE_AFTER), Move.VOID_ATTEMPT),
        (with_attempt(Fate.UNSENT, may_leave=False), Move.VOID_ATTEMPT),
        (with_attempt(Fate.UNSENT, is_useful=False), Move.VOID_ATTEMPT),
        (with_attempt(Fate.UNSENT, effect=Effect.AT_HEAD), Move.VOID_ATTEMPT),
        (with_attempt(Fate.UNSENT, is_open=False), Move.VOID_ATTEMPT),
        (with_attempt(Fate.PENDING, last_sent=RESEND_AFTER), Move.WAIT),
        (with_attempt(Fate.UNKNOWN), Move.WAIT),
        (with_attempt(Fate.UNKNOWN, last_sent=RESEND_AFTER), Move.RESEND),
        (with_attempt(Fate.UNKNOWN, last_sent=None), Move.RESEND),
        (with_attempt(Fate.UNKNOWN, last_sent=9, may_leave=False), Move.RESEND),
        (with_attempt(Fate.UNKNOWN, last_sent=9, is_useful=False), Move.WAIT),
        (with_attempt(Fate.UNKNOWN, last_sent=9, effect=Effect.AT_HEAD), Move.WAIT),
        (with_attempt(Fate.UNKNOWN, last_sent=9, effect=Effect.NOT_YET), Move.WAIT),
        (with_attempt(Fate.PENDING, age=STUCK_AFTER), Move.RAISE_FEE),
        (with_attempt(Fate.PENDING, age=STUCK_AFTER, effect=Effect.AT_HEAD), Move.WAIT),
        (with_attempt(Fate.PENDING, age=9, effect=Effect.AT_HEAD, holds_up=True), Move.FREE_NONCE),
        (with_attempt(Fate.PENDING, age=7, effect=Effect.AT_HEAD, holds_up=True), Move.WAIT),
        (with_attempt(Fate.PENDING, age=STUCK_AFTER, effect=Effect.NOT_YET), Move.WAIT),
        (with_attempt(Fate.PENDING, age=STUCK_AFTER, is_useful=False), Move.FREE_NONCE),
        (with_attempt(Fate.PENDING, age=STUCK_AFTER, is_open=False), Move.FREE_NONCE),
        (with_attempt(Fate.PENDING, is_open=False), Move.WAIT),
        (with_attempt(Fate.INCLUDED), Move.MARK_INCLUDED),
        (with_attempt(Fate.FINAL), Move.MARK_FINAL),
        (with_attempt(Fate.FINAL, effect=Effect.DONE), Move.MARK_FINAL),
        (with_attempt(Fate.DEAD), Move.MARK_DEAD),
        (with_attempt(Fate.DEAD, is_open=False), Move.MARK_DEAD),
        (with_attempt(Fate.UNKNOWN, effect=Effect.DONE), Move.END_DONE),
    ],
)
def test_rule_5_with_an_attempt_alive(situation: Situation, move: Move) -> None:
    assert next_move(situation) is move


def test_rule_5_where_nonces_may_skip_a_stuck_transaction_is_not_replaced() -> None:
    attempt = replace(SENT, age=STUCK_AFTER, may_be_replaced=False)
    assert next_move(replace(WANTED, attempt=attempt)) is Move.WAIT
    assert next_move(replace(WANTED, attempt=attempt, is_open=False)) is Move.WAIT


def test_an_included_attempt_waits_for_its_finality() -> None:
    attempt = replace(SENT, status=AttemptStatus.INCLUDED, fate=Fate.INCLUDED)
    assert next_move(replace(WANTED, effect=Effect.AT_HEAD, attempt=attempt)) is Move.WAIT


@pytest.mark.parametrize(
    ("stages", "final_nonce", "final_height", "fate"),
    [
        ([Stage.UNKNOWN], 4, 0, Fate.UNKNOWN),
        ([Stage.PENDING], 4, 0, Fate.PENDING),
        ([Stage.UNKNOWN], 5, 0, Fate.DEAD),
        ([Stage.PENDING], 5, 0, Fate.DEAD),
        ([Stage.UNKNOWN], 4, 50, Fate.DEAD),
        ([Stage.UNKNOWN], 4, 49, Fate.UNKNOWN),
        ([Stage.INCLUDED], 5, 50, Fate.INCLUDED),
        ([Stage.UNKNOWN, Stage.INCLUDED], 5, 0, Fate.INCLUDED),
        ([Stage.FINAL, Stage.UNKNOWN], 5, 0, Fate.FINAL),
    ],
)
def test_rule_6_the_fate_of_a_nonce(
    stages: list[Stage], final_nonce: int, final_height: int, fate: Fate
) -> None:
    key = KeyState(final_nonce=final_nonce, head_nonce=9, head_height=99)
    statuses = [TransactionStatus(stage) for stage in stages]
    assert fate_of(5, key, statuses, 50, final_height) is fate


def standing(state: LockState, time: int = 50, *, is_paid: bool = True) -> Standing:
    return Standing(state, is_paid, Seconds(time))


OPEN, ABSENT = standing(LockState.OPEN), standing(LockState.ABSENT)
WITHDRAWN, REFUNDED = standing(LockState.WITHDRAWN), standing(LockState.REFUNDED)
OWED = standing(LockState.WITHDRAWN, is_paid=False)


@pytest.mark.parametrize(
    ("call", "head", "final", "effect"),
    [
        (Call.LOCK, ABSENT, None, Effect.MISSING),
        (Call.LOCK, OPEN, ABSENT, Effect.AT_HEAD),
        (Call.LOCK, WITHDRAWN, OPEN, Effect.DONE),
        (Call.LOCK, ABSENT, standing(LockState.ABSENT, 100), Effect.MISSING),
        (Call.LOCK, ABSENT, standing(LockState.ABSENT, 101), Effect.IMPOSSIBLE),
        (Call.WITHDRAW, ABSENT, None, Effect.NOT_YET),
        (Call.WITHDRAW, OPEN, OPEN, Effect.MISSING),
        (Call.WITHDRAW, WITHDRAWN, OPEN, Effect.AT_HEAD),
        (Call.WITHDRAW, OWED, OWED, Effect.DONE),
        (Call.WITHDRAW, REFUNDED, OPEN, Effect.NOT_YET),
        (Call.WITHDRAW, REFUNDED, REFUNDED, Effect.IMPOSSIBLE),
        (Call.WITHDRAW, OPEN, standing(LockState.OPEN, 199), Effect.MISSING),
        (Call.WITHDRAW, OPEN, standing(LockState.OPEN, 200), Effect.IMPOSSIBLE),
        (Call.WITHDRAW, ABSENT, standing(LockState.ABSENT, 101), Effect.IMPOSSIBLE),
        (Call.REFUND, standing(LockState.OPEN, 199), OPEN, Effect.NOT_YET),
        (Call.REFUND, standing(LockState.OPEN, 200), OPEN, Effect.MISSING),
        (Call.REFUND, REFUNDED, REFUNDED, Effect.DONE),
        (Call.REFUND, WITHDRAWN, WITHDRAWN, Effect.IMPOSSIBLE),
        (Call.REFUND_EARLY, OPEN, OPEN, Effect.MISSING),
        (Call.REFUND_EARLY, ABSENT, None, Effect.NOT_YET),
        (Call.PAY, OPEN, OPEN, Effect.NOT_YET),
        (Call.PAY, OWED, OWED, Effect.MISSING),
        (Call.PAY, WITHDRAWN, OWED, Effect.AT_HEAD),
        (Call.PAY, WITHDRAWN, WITHDRAWN, Effect.DONE),
    ],
)
def test_rule_5_the_effect_decides(
    call: Call, head: Standing, final: Standing | None, effect: Effect
) -> None:
    assert effect_of(call, TERMS, head, final) is effect


@pytest.mark.parametrize(
    ("call", "now", "useful"),
    [
        (Call.LOCK, 99, True),
        (Call.LOCK, 100, False),
        (Call.WITHDRAW, 198, True),
        (Call.WITHDRAW, 199, False),
        (Call.REFUND, 10**9, True),
        (Call.PAY, 10**9, True),
    ],
)
def test_rule_5_nothing_is_sent_that_could_only_be_mined_too_late(
    call: Call, now: int, *, useful: bool
) -> None:
    assert is_useful(call, TERMS, Seconds(now)) is useful


def test_pauses_grow_and_end() -> None:
    rests = [pause_after(replace(WANTED, tries=tries)) for tries in range(1, 12)]
    assert rests == [2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]
    assert pause_after(replace(WANTED, is_open=False)) is None
    assert pause_after(with_attempt(Fate.PENDING)) == 2


@pytest.mark.parametrize(
    ("changes", "move"),
    [
        ({"last_sent": 1}, Move.WAIT),
        ({"last_sent": RESEND_AFTER}, Move.RESEND),
        ({"last_sent": RESEND_AFTER, "age": STUCK_AFTER}, Move.RESEND),
        ({"last_sent": RESEND_AFTER, "age": STUCK_AFTER, "costs_a_fee": True}, Move.RAISE_FEE),
        ({"age": STUCK_AFTER, "is_useful": False}, Move.FREE_NONCE),
        ({"age": STUCK_AFTER, "is_open": False}, Move.FREE_NONCE),
        ({"age": STUCK_AFTER, "effect": Effect.AT_HEAD}, Move.WAIT),
    ],
)
def test_rule_6_what_is_disputed_is_sent_again_under_its_own_nonce(
    changes: dict[str, Any], move: Move
) -> None:
    """And for more only where a fee is all that it may cost; what waits behind it waits no longer
    than that.
    """
    assert next_move(with_attempt(Fate.DISPUTED, **changes)) is move


@pytest.mark.parametrize(
    ("fate", "age", "pause"),
    [
        (Fate.PENDING, 1_000, 10),
        (Fate.INCLUDED, 0, 10),
        (Fate.INCLUDED, 400, 100),
        (Fate.INCLUDED, 10**6, LONGEST_PAUSE),
    ],
)
def test_what_stands_in_a_block_and_is_done_is_followed_ever_less_often(
    fate: Fate, age: float, pause: int
) -> None:
    """A second node that is down for long would have all of them asked again and again."""
    assert pause_after(with_attempt(fate, age=age, is_open=False)) == pause
