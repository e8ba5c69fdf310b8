"""What a call is for, and whether the chain shows it: done by anybody is done (rule 5). Pure."""

from dataclasses import dataclass
from enum import Enum

from chains_app.locks import Call, LockState, LockTerms
from orchestrator.kernel.clock import Seconds


class Effect(Enum):
    """DONE and IMPOSSIBLE are final. NOT_YET: the chain would refuse the call now."""

    DONE = "done"
    AT_HEAD = "at_head"
    MISSING = "missing"
    NOT_YET = "not_yet"
    IMPOSSIBLE = "impossible"


@dataclass(frozen=True)
class Standing:
    """How a lock stood in a block of that time."""

    state: LockState
    is_paid: bool
    time: Seconds

    @property
    def is_there(self) -> bool:
        """Whether the lock was made."""
        return self.state is not LockState.ABSENT


def effect_of(call: Call, terms: LockTerms, head: Standing, final: Standing | None) -> Effect:
    """The effect of `call`; `final` is the newest reading at a final block, if there is one."""
    if final is not None:
        if _shows(call, final):
            return Effect.DONE
        if _can_never_be(call, terms, final):
            return Effect.IMPOSSIBLE
    if _shows(call, head):
        return Effect.AT_HEAD
    return Effect.MISSING if _would_be_taken(call, terms, head) else Effect.NOT_YET


def _shows(call: Call, standing: Standing) -> bool:
    match call:
        case Call.LOCK | Call.LOCK_FOR:
            return standing.is_there
        case Call.WITHDRAW:
            return standing.state is LockState.WITHDRAWN
        case Call.REFUND | Call.REFUND_EARLY:
            return standing.state is LockState.REFUNDED
        case Call.PAY:
            return standing.state.is_decided and standing.is_paid
        case _:
            raise ValueError(f"{call.value} has no effect on a lock")


def _can_never_be(call: Call, terms: LockTerms, final: Standing) -> bool:
    """Decided otherwise, past the timelock, or never locked: as the contract will always see it."""
    if final.state is LockState.ABSENT:
        return final.time > terms.lock_by
    match call:
        case Call.WITHDRAW:
            return final.state is LockState.REFUNDED or final.time >= terms.timelock
        case Call.REFUND | Call.REFUND_EARLY:
            return final.state is LockState.WITHDRAWN
        case _:
            return False


def _would_be_taken(call: Call, terms: LockTerms, head: Standing) -> bool:
    match call:
        case Call.LOCK | Call.LOCK_FOR:
            return head.state is LockState.ABSENT
        case Call.PAY:
            return head.state.is_decided
        case Call.REFUND:
            return head.state is LockState.OPEN and head.time >= terms.timelock
        case _:
            return head.state is LockState.OPEN


def last_useful_moment(call: Call, terms: LockTerms) -> Seconds | None:
    """The latest block time at which the contract takes the call; None when there is no end."""
    match call:
        case Call.LOCK | Call.LOCK_FOR | Call.APPROVE_ZERO | Call.APPROVE | Call.REGISTER:
            return terms.lock_by
        case Call.PREPARE:
            return terms.lock_by
        case Call.WITHDRAW:
            return Seconds(terms.timelock - 1)
        case _:
            return None


def goes_by_its_chain(call: Call, terms: LockTerms, send_by: int) -> bool:
    """Whether a call's end counts from its own chain's clock alone, and not from the later of that
    and the wall clock (rule 11): it is wanted while the contract takes it, since what it may
    cost is a fee. A chain that stood still may go on where it stood, however late it is elsewhere.
    """
    last = last_useful_moment(call, terms)
    return last is not None and send_by > last


def is_useful(call: Call, terms: LockTerms, now: Seconds) -> bool:
    """Whether bytes sent now could still be mined in time; the next block comes after `now`."""
    last = last_useful_moment(call, terms)
    return last is None or now + 1 <= last
