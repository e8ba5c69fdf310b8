"""Reading where an intent and its alive attempt stand; exchanges only, no transaction open."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from django.db.models import F
from django.utils import timezone

from chains_app.adapters.agreed import Agreed
from chains_app.adapters.interface import (
    ChainAdapter,
    ChainError,
    KeyState,
    Stage,
    TransactionStatus,
)
from chains_app.agreement import is_compared
from chains_app.config import Nonces
from chains_app.locks import Block, Call
from chains_app.models import (
    ALIVE,
    Attempt,
    AttemptStatus,
    ChainCursor,
    Intent,
    Observation,
    Watch,
)
from chains_app.outbox.deaths import are_dead, fate_as_told, is_used
from chains_app.outbox.decision import (
    Alive,
    Fate,
    Situation,
    costs_a_fee,
    fate_of,
    tries_of,
)
from chains_app.outbox.denials import denying_block, is_withdrawal_of_several
from chains_app.outbox.effects import Effect, Standing, effect_of, goes_by_its_chain, is_useful
from chains_app.outbox.nonces import key_of
from chains_app.outbox.preliminaries import is_preliminary, missing_before, preliminary_effect
from chains_app.outbox.repayments import is_repayment, repayment_effect
from chains_app.registry import get_adapter, get_chain
from chains_app.selectors import CURSORS
from chains_app.watching import BY_KEY, READINGS, by_watch, doubt, final_observation, standing
from orchestrator.kernel.clock import Seconds, wall_clock
from orchestrator.queries import Given, IsAmong, Select, read_together

_ATTEMPTS: Final = Select(
    lambda: (
        Attempt.objects.filter(IsAmong(F("intent_id"), Given("intents")))
        .select_related("signer")
        .order_by("signed_at", "nonce")
    )
)
SEEN_AFTER: Final = 60  # seconds, within which each node shows a block that one has


@dataclass(frozen=True)
class Stored:
    """What is stored of an intent and of its chain, read at a monotonic second."""

    attempts: Sequence[Attempt]
    readings: Sequence[Observation]
    cursor: ChainCursor | None
    read_at: float


@dataclass(frozen=True)
class Followed:
    """What was read, and the situation that follows from it.

    `group`: the attempts of the nonce that is alive, oldest first; `statuses` of those that left.
    `read_at`: monotonic seconds before any of it was read. `final_height`: of the reading, if any,
    that makes the effect final.
    """

    situation: Situation
    group: tuple[Attempt, ...]
    statuses: dict[str, TransactionStatus]
    read_at: float
    final_height: int

    @property
    def newest(self) -> Attempt:
        """The attempt with the highest fee: the one to send."""
        return self.group[-1]


@dataclass(frozen=True)
class _Read:
    effect: Effect
    head: Block
    final_height: int
    missing: Call | None = None  # that has to be made before


def stored_of(intents: Sequence[Intent]) -> dict[int, Stored]:
    """By the intents' keys; read at once, however many they are, and their watches with it.

    Cursors first: a reading that a reorganisation takes back must not look final by a later one.
    """
    read_at, keys = time.monotonic(), [each.watch_id for each in intents if each.watch_id]
    cursors, made = CURSORS.ask(), _ATTEMPTS.ask(intents=[each.pk for each in intents])
    watches, read = BY_KEY.ask(keys=keys), READINGS.ask(watches=keys)
    read_together(cursors, made, watches, read)
    attempts = _join(intents, made.rows, watches.rows)
    by_chain, readings = {cursor.chain: cursor for cursor in cursors.rows}, by_watch(read.rows)
    return {
        each.pk: Stored(
            attempts[each.pk],
            readings.get(each.watch_id or 0, []),
            by_chain.get(each.chain),
            read_at,
        )
        for each in intents
    }


def _join(
    intents: Sequence[Intent], made: Iterable[Attempt], watches: Iterable[Watch]
) -> dict[int, list[Attempt]]:
    """Let each know the others; the attempts by their intents' keys."""
    by_key, watch_of = {each.pk: each for each in intents}, {watch.pk: watch for watch in watches}
    for intent in intents:
        intent.watch = watch_of.get(intent.watch_id or 0)
    attempts: dict[int, list[Attempt]] = {key: [] for key in by_key}
    for attempt in made:
        attempt.intent = by_key[attempt.intent_id]
        attempts[attempt.intent_id].append(attempt)
    return attempts


def follow(intent: Intent, stored: Stored) -> Followed:
    """The effect first, then the attempt by hash (rule 5); raises ChainError."""
    attempts, adapter = stored.attempts, get_adapter(intent.chain)
    group = tuple(attempt for attempt in attempts if attempt.status in ALIVE)
    read = _read_effect(intent, adapter, stored)
    fate, statuses, key = _read_fate(intent, adapter, stored.cursor, group)
    is_doubtful = read.effect is Effect.MISSING and is_withdrawal_of_several(intent)
    if fate is Fate.INCLUDED and is_doubtful:
        fate = fate_as_told(group, adapter, tier_of(intent))
    is_endless = _goes_by_its_chain(intent)
    now = Seconds(max(read.head.time, 0 if is_endless else wall_clock()))
    call, watch = intent.contract_call, intent.watch
    finals = [attempt for attempt in attempts if attempt.status == AttemptStatus.FINAL]
    over = _over(attempts) if is_doubtful else finals
    tries = [attempt for attempt in over if _counts(attempt, intent)]
    situation = Situation(
        effect=read.effect,
        is_open=intent.is_open,
        may_leave=now <= intent.send_by,
        is_useful=call is None or watch is None or is_useful(call, watch.terms, now),
        ever_left=any(attempt.left_at is not None for attempt in attempts),
        tries=len(tries),
        last_try=min((_age(attempt.ended_at) or 0.0 for attempt in tries), default=0.0),
        read_is_old=any(_is_above(attempt, read.head) for attempt in finals),
        attempt=_alive(intent, group, fate, key) if group else None,
        missing=read.missing,
        most_tries=tries_of(call),
        is_endless=is_endless,
        costs_a_fee=costs_a_fee(call),
    )
    return Followed(situation, group, statuses, stored.read_at, read.final_height)


def _over(attempts: Sequence[Attempt]) -> list[Attempt]:
    """The newest of each nonce that was used, or can't be used any more, with what had left us."""
    ended = (AttemptStatus.FINAL, AttemptStatus.DEAD)
    left = (a for a in attempts if a.status in ended and a.left_at is not None)
    return list({(attempt.signer_id, attempt.nonce): attempt for attempt in left}.values())


def _is_above(attempt: Attempt, head: Block) -> bool:
    """Whether it was included in a block that the reading did not see. Of several nodes not for
    long: no honest one is so far ahead.
    """
    is_one = get_chain(attempt.signer.chain).nodes == 1
    is_recent = is_one or (_age(attempt.ended_at) or 0.0) < SEEN_AFTER
    return is_recent and (attempt.included_height or 0) > head.height


def _goes_by_its_chain(intent: Intent) -> bool:
    call, watch = intent.contract_call, intent.watch
    return bool(call and watch and goes_by_its_chain(call, watch.terms, intent.send_by))


def _read_effect(intent: Intent, adapter: ChainAdapter, known: Stored) -> _Read:
    """At the head now; at a final block as the poller read it (nodes drop old states)."""
    call, watch, head = intent.contract_call, intent.watch, adapter.head()
    if call is None or watch is None:
        return _Read(_effect_of_fill(intent, adapter), head, head.height)
    if is_repayment(intent):
        effect, height = repayment_effect(known.attempts)
        return _Read(effect, head, height or head.height)
    reading = adapter.read_lock(watch.terms, head)
    doubt(watch, known.readings, reading)
    final = final_observation(watch, known.readings, known.cursor)
    at_head = Standing(reading.state, reading.is_paid, head.time)
    at_final = None if final is None else standing(final)
    if is_preliminary(intent):
        is_alive = any(attempt.status in ALIVE for attempt in known.attempts)
        effect = preliminary_effect(intent, adapter, at_head, at_final, is_alive=is_alive)
        return _Read(effect, head, head.height)
    effect = effect_of(call, watch.terms, at_head, at_final)
    denying = denying_block(intent, watch, effect, head, known.readings, known.attempts)
    if denying is not None:
        effect, head = Effect.MISSING, denying
    asks = intent.is_open and effect is Effect.MISSING
    missing = missing_before(intent, adapter, watch.terms) if asks else None
    height = head.height if final is None else final.height
    return _Read(effect, head, height, missing)


def _effect_of_fill(intent: Intent, adapter: ChainAdapter) -> Effect:
    """A nonce is filled when any transaction used it."""
    signer, nonce = intent.fill_signer, intent.fill_nonce
    if signer is None or nonce is None:
        return Effect.DONE
    key = adapter.key_state(key_of(signer))
    if key.final_nonce >= nonce:
        return Effect.DONE
    return Effect.AT_HEAD if key.head_nonce >= nonce else Effect.MISSING


def _read_fate(
    intent: Intent, adapter: ChainAdapter, cursor: ChainCursor | None, group: Sequence[Attempt]
) -> tuple[Fate, dict[str, TransactionStatus], KeyState | None]:
    """Statuses last: what concludes from their absence was true before they were asked for."""
    left = [attempt for attempt in group if attempt.left_at is not None]
    if not left:
        return Fate.UNSENT, {}, None
    signer, tier = left[0].signer, tier_of(intent)
    key, final_height = adapter.key_state(key_of(signer)), _final_height(cursor, tier)
    statuses = {a.hash: adapter.transaction_status(a.hash, signer.account, tier) for a in left}
    expires = left[-1].expires_at_height
    fate = fate_of(left[0].nonce, key, statuses.values(), expires, final_height)
    if fate is Fate.DEAD and not are_dead(intent, left, adapter, tier):
        fate = Fate.UNKNOWN
    read_up_to = 0 if cursor is None else cursor.height
    if fate in (Fate.FINAL, Fate.DEAD):
        used = is_used(left, adapter, tier, read_up_to)
        fate, statuses = _as_far_as_told(used, fate, statuses)
    if fate is Fate.FINAL and is_compared(intent):
        statuses = {a.hash: _as_two_tell(statuses[a.hash], a, tier) for a in left}
        are_final = Stage.FINAL in {status.stage for status in statuses.values()}
        fate = Fate.FINAL if are_final else Fate.INCLUDED
    return fate, statuses, key


def _as_far_as_told(
    used: bool | None, fate: Fate, statuses: dict[str, TransactionStatus]
) -> tuple[Fate, dict[str, TransactionStatus]]:
    """An end that one node tells alone is none yet."""
    if used is False:
        return Fate.DISPUTED, statuses
    if used:
        return fate, statuses
    included = {hash_: _in_a_block(status) for hash_, status in statuses.items()}
    return Fate.INCLUDED if fate is Fate.FINAL else Fate.DISPUTED, included


def _in_a_block(status: TransactionStatus) -> TransactionStatus:
    is_final = status.stage is Stage.FINAL
    return replace(status, stage=Stage.INCLUDED) if is_final else status


def _as_two_tell(status: TransactionStatus, attempt: Attempt, tier: str) -> TransactionStatus:
    """What one node calls final stands in a block, for us, until another tells the same end."""
    if status.stage is not Stage.FINAL:
        return status
    chain = Agreed(get_adapter(attempt.signer.chain))
    try:
        return chain.transaction_status(attempt.hash, attempt.signer.account, tier)
    except ChainError:
        return _in_a_block(status)


def tier_of(intent: Intent) -> str:
    """The tier by which the intent's transactions are final; a repayment's end is never undone."""
    if intent.watch is not None and not is_repayment(intent):
        return intent.watch.tier
    return get_chain(intent.chain).slowest_tier


def _final_height(cursor: ChainCursor | None, tier: str) -> int:
    return -1 if cursor is None else cursor.final_height(tier)


def _alive(intent: Intent, group: Sequence[Attempt], fate: Fate, key: KeyState | None) -> Alive:
    newest = group[-1]
    is_unused = key is not None and key.head_nonce < newest.nonce and not is_repayment(intent)
    included = any(attempt.status == AttemptStatus.INCLUDED for attempt in group)
    return Alive(
        status=AttemptStatus.INCLUDED if included else AttemptStatus(newest.status),
        fate=fate,
        age=_age(newest.left_at or newest.signed_at) or 0.0,
        last_sent=_age(newest.last_sent_at),
        may_be_replaced=get_chain(intent.chain).nonces is Nonces.SEQUENTIAL,
        holds_up=is_unused and _others_wait(newest),
    )


def _others_wait(attempt: Attempt) -> bool:
    """Behind its nonce."""
    later = attempt.signer.attempts.filter(nonce__gt=attempt.nonce, status__in=ALIVE)
    return later.exists()


def _counts(attempt: Attempt, intent: Intent) -> bool:
    """What failed before a person wanted it tried again is forgiven."""
    since, ended = intent.retried_at, attempt.ended_at
    return since is None or ended is None or ended > since


def _age(instant: datetime | None) -> float | None:
    """Seconds since an instant that the database wrote down."""
    return None if instant is None else (timezone.now() - instant).total_seconds()
