"""The outbox worker: claims due intents and takes each as far as it can go without waiting."""

import time
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

import structlog

from chains_app.adapters.interface import ChainError, ChainUnavailableError
from chains_app.intents import OUTBOX_TASK
from chains_app.leases import LeaseLostError, claim, heartbeat, release
from chains_app.models import Intent, IntentStatus
from chains_app.outbox import foreign, settling
from chains_app.outbox.decision import Fate, Move, Situation, next_move, pause_after
from chains_app.outbox.effects import Effect
from chains_app.outbox.following import Followed, Stored, follow, stored_of
from chains_app.outbox.nonces import ForeignNonceError, NoFreeKeyError
from chains_app.outbox.preliminaries import (
    is_preliminary,
    may_need_a_preliminary,
    wake_lock,
    want,
)
from chains_app.outbox.repayments import is_repayment
from chains_app.outbox.sending import broadcast, send_first
from chains_app.outbox.signing import GuardRefusedError, sign, sign_replacement
from chains_app.ports import Verdict
from chains_app.signers import SignerRefusedError, SignerRole, role_of
from orchestrator.hints import send_hint
from orchestrator.kernel.clock import wall_clock

BATCH: Final = 100
DRAIN_SECONDS: Final = 20.0
OLD_SECONDS: Final = 1.0  # what was read for a whole batch, before an intent's turn came
MOST_MOVES: Final = 8  # of one intent in one claim: void, sign, send, and what was found before
RETRY: Final = timedelta(seconds=1)
KEY_RETRY: Final = timedelta(milliseconds=200)  # a key is free again with the next block
SENT_PAUSE: Final = timedelta(seconds=2)
FREED_PAUSE: Final = timedelta(seconds=8)  # no faster than a block can take it
PRELIMINARY_PAUSE: Final = timedelta(milliseconds=500)  # a lock waits behind it
SENDING: Final = frozenset(
    {
        Move.WANT_PRELIMINARY,
        Move.SIGN,
        Move.SEND_FIRST,
        Move.RESEND,
        Move.RAISE_FEE,
        Move.FREE_NONCE,
    }
)

FREEING: Final = frozenset(
    {Move.MARK_INCLUDED, Move.MARK_FINAL, Move.MARK_DEAD, Move.VOID_ATTEMPT}
)  # of a key, where one transaction of it is in flight
IN_THE_MEMPOOL: Final = (Fate.PENDING, Fate.UNKNOWN)

log = structlog.get_logger(__name__)


def drain(seconds: float = DRAIN_SECONDS) -> int:
    """Work on due intents until there are none, or for `seconds`; returns how many there were."""
    until, worked = time.monotonic() + seconds, 0
    while count := run_outbox():
        worked += count
        if time.monotonic() > until:
            send_hint(OUTBOX_TASK)
            break
    return worked


def run_outbox() -> int:
    """Work once on up to 100 due intents, the most urgent first; returns how many there were."""
    intents = claim(Intent, order="urgency DESC, due_at", most=BATCH)
    if not intents:  # most often
        return 0
    with heartbeat(intents):
        batch = _Batch(stored_of(intents))
        for intent in intents:
            _work(intent, batch)
    return len(intents)


@dataclass
class _Batch:
    """What is stored of the intents of one claim, and what was met while they were worked on:
    chains that do not answer, and signers that have no free key.
    """

    stored: dict[int, Stored]
    silent: set[str] = field(default_factory=set)
    busy: set[tuple[str, SignerRole]] = field(default_factory=set)

    def take(self, intent: Intent) -> Stored:
        """As it was read for all; anew when that grew old, or was used."""
        known = self.stored.pop(intent.pk, None)
        if known is None or time.monotonic() - known.read_at > OLD_SECONDS:
            known = stored_of([intent])[intent.pk]
        return known

    def waits(self, intent: Intent) -> bool:
        """Whether nothing of it was signed, and nothing can be before a key is free: until then no
        node is asked about it. What is too late to be signed is looked at, for its end, and a lock
        that may need something made before it.
        """
        known = self.stored.get(intent.pk)
        if known is None or known.attempts or wall_clock() > intent.send_by:
            return False
        return _signers_of(intent) in self.busy and not may_need_a_preliminary(intent)


def _work(intent: Intent, batch: _Batch) -> None:
    """Drive one intent and give it back; what fails is set aside, the others go on."""
    pause: timedelta | None = RETRY
    try:
        if intent.chain not in batch.silent:
            pause = KEY_RETRY if batch.waits(intent) else _drive(intent, batch)
    except LeaseLostError:
        return
    except GuardRefusedError as refused:
        _store_refusal(intent, refused.verdict)
    except NoFreeKeyError:
        batch.busy.add(_signers_of(intent))
        pause = KEY_RETRY
    except SignerRefusedError as refused:
        _tell_not_signed(intent, refused)
    except ChainUnavailableError:
        batch.silent.add(intent.chain)  # not asked again in this batch: others wait behind it
    except ChainError as error:
        log.warning("chain_error", intent=str(intent), reason=error.code)
    except Exception:
        log.exception("intent_failed", intent=str(intent))
        pause = timedelta(seconds=10)
    release(intent, pause)


def _signers_of(intent: Intent) -> tuple[str, SignerRole]:
    """Whose keys sign it: those of a role on a chain."""
    call = intent.contract_call
    return intent.chain, SignerRole.DUTY if call is None else role_of(call)


def _tell_not_signed(intent: Intent, refused: SignerRefusedError) -> None:
    log.info("not_signed", intent=str(intent), reason=str(refused))
    _store_refusal(intent, Verdict(ok=False, reason=str(refused)))
    if isinstance(refused, ForeignNonceError):
        foreign.stop_after_stranger(refused.signer, refused.nonce)


def _store_refusal(intent: Intent, verdict: Verdict) -> None:
    rows = Intent.objects.filter(pk=intent.pk, version=intent.version)
    rows.update(refusal=verdict.to_json())


def _drive(intent: Intent, batch: _Batch) -> timedelta | None:
    """Move until only time or a fact can change anything; answers how long to pause."""
    signers = _signers_of(intent)
    for _ in range(MOST_MOVES):
        followed = follow(intent, batch.take(intent))
        move = next_move(followed.situation)
        if move is Move.WAIT:
            return _pause(intent, followed.situation)
        if move is Move.SIGN and intent.fill_signer_id is None and signers in batch.busy:
            return KEY_RETRY
        _make(move, intent, followed)
        if move in FREEING:
            batch.busy.discard(signers)
        if move in SENDING and intent.is_open:
            return PRELIMINARY_PAUSE if is_preliminary(intent) else SENT_PAUSE
        if move is Move.FREE_NONCE:
            return FREED_PAUSE
    return RETRY


def _pause(intent: Intent, situation: Situation) -> timedelta | None:
    """A preliminary that only a block is missing for is looked at more often: a lock waits."""
    attempt = situation.attempt
    fate = None if attempt is None else attempt.fate
    if is_preliminary(intent) and (situation.effect is Effect.NOT_YET or fate in IN_THE_MEMPOOL):
        return PRELIMINARY_PAUSE
    seconds = pause_after(situation)
    return None if seconds is None else timedelta(seconds=seconds)


def _make(move: Move, intent: Intent, read: Followed) -> None:
    match move:
        case Move.WANT_PRELIMINARY if read.situation.missing is not None:
            want(intent, read.situation.missing)
        case Move.SIGN:
            _sign_and_send(intent, read)
        case Move.SEND_FIRST:
            send_first(intent, read.newest, read.read_at)
        case Move.RESEND:
            broadcast(intent, read.newest)
        case Move.RAISE_FEE:
            _raise_fee(intent, read)
        case Move.FREE_NONCE:
            _free_nonce(intent, read)
        case Move.VOID_ATTEMPT:
            settling.void_unsent(intent, read.newest)
        case _:
            _settle(move, intent, read)


def _sign_and_send(intent: Intent, read: Followed) -> None:
    attempt = sign(intent)
    if attempt is None:
        settling.end(intent, IntentStatus.DONE, read.final_height)
    else:
        intent.status = IntentStatus.ACTIVE
        send_first(intent, attempt, read.read_at)


def _raise_fee(intent: Intent, read: Followed) -> None:
    """Where the fee may not rise any more, the same bytes are sent again."""
    try:
        attempt = sign_replacement(intent, read.newest, to_self=False)
    except SignerRefusedError as refused:
        log.warning("fee_not_raised", intent=str(intent), reason=str(refused))
        attempt = read.newest
    broadcast(intent, attempt)


def _free_nonce(intent: Intent, read: Followed) -> None:
    """Where the fee may not rise any more, the last bytes are sent again, so that no gap stays: by
    now the contract would refuse what they ask, but a secret they must not show, and
    nobody refuses a repayment.
    """
    try:
        attempt = sign_replacement(intent, read.newest, to_self=True)
    except SignerRefusedError as refused:
        log.warning("nonce_not_freed", intent=str(intent), reason=str(refused))
        if read.newest.sealed_raw is not None or is_repayment(intent):
            raise
        attempt = read.newest
    broadcast(intent, attempt)


def _settle(move: Move, intent: Intent, read: Followed) -> None:
    match move:
        case Move.MARK_INCLUDED:
            settling.mark_included(intent, read.group, read.statuses)
        case Move.MARK_FINAL:
            settling.mark_final(intent, read.group, read.statuses)
        case Move.MARK_DEAD:
            foreign.mark_dead(intent, read.group)
        case Move.END_DONE:
            settling.end(intent, IntentStatus.DONE, read.final_height)
        case Move.END_IMPOSSIBLE:
            settling.end(intent, IntentStatus.IMPOSSIBLE, read.final_height)
        case Move.END_VOID:
            settling.end(intent, IntentStatus.VOID, read.final_height)
        case _:
            raise ValueError(f"{move.value} of {intent} can't be made")
    if is_preliminary(intent):
        wake_lock(intent)
