"""What the outbox does next for one intent, from facts alone. Pure; the worker does it."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Final

from chains_app.adapters.interface import KeyState, Stage, TransactionStatus
from chains_app.locks import Call
from chains_app.models import AttemptStatus
from chains_app.outbox.effects import Effect

STALE_AFTER: Final = 30  # seconds; what was prepared so long ago is not sent for the first time
RESEND_AFTER: Final = 4  # seconds without a sign of the transaction
STUCK_AFTER: Final = 8  # seconds without inclusion; then the fee is raised
LONGEST_PAUSE: Final = 300  # seconds between two tries of what keeps failing
MOST_TRIES: Final = 12  # finally failed attempts, after which only a new fact starts another


def costs_a_fee(call: Call | None) -> bool:
    """Whether a call moves no money that is still ours."""
    return call not in (Call.LOCK, Call.LOCK_FOR, Call.REPAY)


def tries_of(call: Call | None) -> int:
    """How many finally failed attempts a call may have. An order's depositor can make its
    submission fail at our cost, again and again: it gets a second one, and no third.
    """
    return 2 if call is Call.LOCK_FOR else MOST_TRIES


class Fate(Enum):
    """What the chain says about a nonce that is alive. UNKNOWN is not failed (rule 6). DISPUTED:
    one node has it in a block, and it is not believed: the same nonce is sent again, and no other;
    for a higher fee where it costs no more, or to be freed.
    """

    UNSENT = "unsent"
    UNKNOWN = "unknown"
    DISPUTED = "disputed"
    PENDING = "pending"
    INCLUDED = "included"
    FINAL = "final"
    DEAD = "dead"


def fate_of(
    nonce: int,
    key: KeyState,
    statuses: Iterable[TransactionStatus],
    expires_at_height: int | None,
    final_height: int,
) -> Fate:
    """The fate of a nonce whose attempts left us.

    `statuses` of all its attempts, asked after `key`, so that a nonce which is used at the final
    block while none of them is known was used by another transaction. A block hash has expired when
    the final block is as high as it may be used.
    """
    stages = {status.stage for status in statuses}
    if Stage.FINAL in stages:
        return Fate.FINAL
    if Stage.INCLUDED in stages:
        return Fate.INCLUDED
    has_expired = expires_at_height is not None and final_height >= expires_at_height
    if key.final_nonce >= nonce or has_expired:
        return Fate.DEAD
    return Fate.PENDING if Stage.PENDING in stages else Fate.UNKNOWN


class Move(Enum):
    """One step. END_*: the intent; MARK_*: what became of the attempt."""

    WAIT = "wait"
    WANT_PRELIMINARY = "want_preliminary"
    SIGN = "sign"
    SEND_FIRST = "send_first"
    RESEND = "resend"
    RAISE_FEE = "raise_fee"
    FREE_NONCE = "free_nonce"
    VOID_ATTEMPT = "void_attempt"
    MARK_INCLUDED = "mark_included"
    MARK_FINAL = "mark_final"
    MARK_DEAD = "mark_dead"
    END_DONE = "end_done"
    END_IMPOSSIBLE = "end_impossible"
    END_VOID = "end_void"


@dataclass(frozen=True)
class Alive:
    """The attempt whose nonce is alive. Ages in seconds; `last_sent` None: no node took it yet.
    `holds_up`: its nonce is unused at the head, and later ones of its key wait behind it.
    """

    status: AttemptStatus
    fate: Fate
    age: float
    last_sent: float | None
    may_be_replaced: bool
    holds_up: bool = False


@dataclass(frozen=True)
class Situation:
    """`may_leave`: a first send is still within `send_by`; `is_useful`: it could be mined in time.

    `tries`: attempts that became final without the effect, the last one `last_try` seconds ago; of
    what one node has done and another not, all that are over.
    `read_is_old`: the effect was read at a block before the one that holds the last of them.
    `missing`: what has to be made before the write can succeed. `most_tries`: see `tries_of`.
    `is_endless`: nothing but the chain ends it. `costs_a_fee`: and no more, whatever comes of it.
    """

    effect: Effect
    is_open: bool
    may_leave: bool
    is_useful: bool
    ever_left: bool
    tries: int = 0
    last_try: float = 0
    read_is_old: bool = False
    attempt: Alive | None = None
    missing: Call | None = None
    most_tries: int = MOST_TRIES
    is_endless: bool = False
    costs_a_fee: bool = False


def next_move(s: Situation) -> Move:
    """The next step; WAIT when only time or a fact can change anything."""
    if s.attempt is not None and (mark := _mark(s.attempt)) is not None:
        return mark
    if s.is_open and s.effect is Effect.DONE:
        return Move.END_DONE
    if s.is_open and s.effect is Effect.IMPOSSIBLE:
        return Move.END_IMPOSSIBLE
    if s.attempt is None:
        return _without_attempt(s) if s.is_open else Move.WAIT
    if s.attempt.fate is Fate.UNSENT:
        return _unsent(s, s.attempt)
    return Move.WAIT if s.attempt.fate is Fate.INCLUDED else _on_the_way(s, s.attempt)


def _mark(attempt: Alive) -> Move | None:
    """What became of an attempt is written down first: an end counts on it."""
    match attempt.fate:
        case Fate.FINAL:
            return Move.MARK_FINAL
        case Fate.DEAD:
            return Move.MARK_DEAD
        case Fate.INCLUDED if attempt.status is not AttemptStatus.INCLUDED:
            return Move.MARK_INCLUDED
        case _:
            return None


def _without_attempt(s: Situation) -> Move:
    if s.effect is Effect.AT_HEAD:
        return Move.WAIT
    if not (s.may_leave and s.is_useful):
        return Move.WAIT if s.ever_left or s.is_endless else Move.END_VOID
    ready = s.effect is Effect.MISSING and not s.read_is_old and _has_rested(s)
    if not ready:
        return Move.WAIT
    return Move.SIGN if s.missing is None else Move.WANT_PRELIMINARY


def _has_rested(s: Situation) -> bool:
    """Growing pauses between tries, and an end to what they may cost us."""
    return s.tries < s.most_tries and (s.tries == 0 or s.last_try >= _rest(s.tries))


def _rest(tries: int) -> int:
    return min(1 << tries, LONGEST_PAUSE)


def _unsent(s: Situation, attempt: Alive) -> Move:
    wanted = s.is_open and s.effect is Effect.MISSING and s.may_leave and s.is_useful
    wanted = wanted and s.missing is None
    return Move.SEND_FIRST if wanted and attempt.age < STALE_AFTER else Move.VOID_ATTEMPT


def _on_the_way(s: Situation, attempt: Alive) -> Move:
    is_disputed = attempt.fate is Fate.DISPUTED
    is_stuck = attempt.age >= STUCK_AFTER and attempt.may_be_replaced
    is_made = s.effect is Effect.AT_HEAD and attempt.holds_up  # by somebody else's transaction
    if not s.is_open or not s.is_useful or is_made:
        return Move.FREE_NONCE if is_stuck else Move.WAIT
    if s.effect is not Effect.MISSING:
        return Move.WAIT
    if is_stuck and (s.costs_a_fee or not is_disputed):
        return Move.RAISE_FEE
    never_taken = attempt.last_sent is None
    is_lost = attempt.fate is Fate.UNKNOWN or is_disputed
    silent = is_lost and (attempt.last_sent or 0) >= RESEND_AFTER
    return Move.RESEND if never_taken or silent else Move.WAIT


def pause_after(s: Situation) -> int | None:
    """Seconds until somebody looks again by himself; None: when a fact wakes the intent."""
    if not s.is_open:
        return None if s.attempt is None else _pause_of_ended(s.attempt)
    if s.attempt is not None:
        return 2
    return _rest(s.tries) if s.effect is Effect.MISSING and s.tries else 5


def _pause_of_ended(attempt: Alive) -> int:
    """Who stands in a block waits for nothing but the chain's finality, or a second node's word."""
    is_there = attempt.fate is Fate.INCLUDED
    return min(max(10, int(attempt.age) // 4), LONGEST_PAUSE) if is_there else 10
