"""What others read of the chains: few queries for many legs."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.utils import timezone

from chains_app.locks import Call, LockState
from chains_app.models import (
    FILL,
    OPEN_INTENTS,
    Attempt,
    AttemptStatus,
    ChainCursor,
    InboxFact,
    Intent,
    IntentStatus,
    Observation,
    SeenLock,
    Signer,
    Watch,
)
from chains_app.registry import chains, get_chain, signing_keys
from chains_app.signers import SignerRole
from chains_app.watching import WATCHED, believed, by_watch, newest
from orchestrator.kernel.clock import Seconds, wall_clock
from orchestrator.queries import Given, IsAmong, Select, read_together

_AMONG: Final = IsAmong(F("reference"), Given("references"))
CURSORS: Final = Select(lambda: ChainCursor.objects.all())
_CURSOR: Final = Select(lambda: ChainCursor.objects.filter(chain=Given("chain")))
_READINGS: Final = Select(
    lambda: Observation.objects.filter(IsAmong(F("watch__reference"), Given("references")))
)
_WRITES: Final = Select(
    lambda: Intent.objects.filter(_AMONG).values_list("reference", "call", "status", "wanted_since")
)
_LEFT: Final = Select(
    lambda: (
        Attempt.objects.filter(
            IsAmong(F("intent__reference"), Given("references")), left_at__isnull=False
        )
        .values_list("intent__reference", "intent__call")
        .distinct()
    )
)
_REPAID: Final = Select(
    lambda: Intent.objects.filter(
        _AMONG, call=Call.REPAY.value, status=IntentStatus.DONE
    ).values_list("reference")
)
PAUSED_KEYS: Final = Select(
    lambda: Signer.objects.filter(is_enabled=False).values_list("chain", "account", "public_key")
)
DISTRUST: Final = 24 * 3600  # seconds; a chain that reorganised so deep may do it again


@dataclass(frozen=True)
class LegFacts:
    """A watched lock: at the newest block read, and at the newest final block (rule 7).

    `final_time`: of the block that the final reading was made at, 0 before there is one; so an
    absence counts as of then. `first_seen_time`: of the first block that showed the lock, kept
    through reorganisations. `stood_finally`: some final block showed it. `preimage`: what the chain
    has shown, public. `is_doubted`: what the head shows no two nodes tell.
    """

    head: LockState
    final: LockState
    final_time: Seconds
    head_paid: bool
    final_paid: bool
    first_seen_time: Seconds | None
    stood_finally: bool
    preimage: bytes | None = field(repr=False)
    is_doubted: bool


@dataclass(frozen=True)
class ChainClock:
    """A chain's times. `advanced_at`: wall time at which its head was last seen to advance.
    `broken`: tiers that a reorganisation has gone below within the last `DISTRUST` seconds.
    `left_out_at`: wall time at which strangers' locks were last too many to look at each.
    """

    head_time: Seconds
    final_time: dict[str, Seconds]
    head_height: int
    advanced_at: datetime | None
    broken: frozenset[str]
    left_out_at: Seconds


def leg_facts(references: Iterable[UUID]) -> dict[UUID, LegFacts]:
    """The facts of each watched reference; those that are not watched are left out."""
    asked = _Asked(list(references))
    read_together(*asked.asks)
    return asked.facts()


@dataclass(frozen=True)
class Known:
    """What is stored of some locks, and of the chains' clocks. `left`: the calls whose bytes may
    have left us: the commit of `left_at`. `writes`: what was ever wanted.
    """

    facts: Mapping[UUID, LegFacts]
    left: Mapping[UUID, set[Call]]
    writes: Mapping[tuple[UUID, Call], "Write"]
    clocks: Mapping[str, ChainClock]


def known_of(references: Sequence[UUID]) -> Known:
    """All of it, read at once."""
    asked = _Asked(references)
    left, writes = _LEFT.ask(references=references), _WRITES.ask(references=references)
    read_together(*asked.asks, left, writes)
    clocks = _clocks(asked.cursors.rows)
    return Known(asked.facts(), _calls(left.rows), _writes(writes.rows), clocks)


class _Asked:
    """Cursors first: a reading that a reorganisation takes back must not look final by a later
    one.
    """

    def __init__(self, references: Sequence[UUID]) -> None:
        self.cursors = CURSORS.ask()
        self._watches = WATCHED.ask(references=references)
        self._readings = _READINGS.ask(references=references)
        self.asks = (self.cursors, self._watches, self._readings)

    def facts(self) -> dict[UUID, LegFacts]:
        by_chain = {cursor.chain: cursor for cursor in self.cursors.rows}
        readings = by_watch(self._readings.rows)
        return {
            watch.reference: _facts(watch, readings.get(watch.pk, []), by_chain.get(watch.chain))
            for watch in self._watches.rows
        }


def cursor_of(chain: str) -> ChainCursor | None:
    """How far a chain is read; None of one that nobody follows."""
    return _CURSOR.first(chain=chain)


def _facts(watch: Watch, readings: list[Observation], cursor: ChainCursor | None) -> LegFacts:
    up_to = -1 if cursor is None else cursor.final_height(watch.tier)
    head, final = newest(readings), believed(readings, up_to)
    seen = watch.first_seen_time
    return LegFacts(
        head=LockState.ABSENT if head is None else head.lock_state,
        final=LockState.ABSENT if final is None else final.lock_state,
        final_time=Seconds(0 if final is None else final.time),
        head_paid=head is not None and head.is_paid,
        final_paid=final is not None and final.is_paid,
        first_seen_time=None if seen is None else Seconds(seen),
        stood_finally=watch.stood_finally,
        preimage=None if watch.preimage is None else bytes(watch.preimage),
        is_doubted=head is not None and head.is_doubted,
    )


def stale_chains() -> set[str]:
    """Those whose heads were seen to advance, and that too long ago (rule 11)."""
    clocks, now, found = chain_clocks(), wall_clock(), set()
    for name in clocks.keys() & chains():
        bound, advanced_at = get_chain(name).stale_after, clocks[name].advanced_at
        if bound is None or advanced_at is None:
            continue
        if now - advanced_at.timestamp() > bound:
            found.add(name)
    return found


def chain_clocks() -> dict[str, ChainClock]:
    """The clock of each chain that was read at least once."""
    return _clocks(CURSORS.all())


def _clocks(cursors: Iterable[ChainCursor]) -> dict[str, ChainClock]:
    return {cursor.chain: _clock(cursor) for cursor in cursors if cursor.hash}


def _clock(cursor: ChainCursor) -> ChainClock:
    finals = {tier: Seconds(final[2]) for tier, final in cursor.finals.items()}
    since = wall_clock() - DISTRUST
    broken = frozenset(tier for tier, at in cursor.broken.items() if at > since)
    return ChainClock(
        Seconds(cursor.time), finals, cursor.height, cursor.advanced_at, broken,
        Seconds(cursor.left_out_at),
    )  # fmt: skip


def is_withdrawn_for_good(reference: UUID) -> bool:
    """Whether a block that no reorganisation takes back shows the lock withdrawn."""
    watch = Watch.objects.get(reference=reference)
    cursor, tier = ChainCursor.objects.get(chain=watch.chain), get_chain(watch.chain).slowest_tier
    shown = watch.observations.filter(height__lte=cursor.final_height(tier))
    return shown.filter(state=LockState.WITHDRAWN.value, is_doubted=False).exists()


def chain_now(chain: str, *, by_itself: bool = False) -> Seconds:
    """The time that a deadline which we must beat counts from: the later of head and wall clock.

    `by_itself`: the head's, of what goes by its chain's clock alone (`goes_by_its_chain`).
    """
    cursor = cursor_of(chain)
    return Seconds(max(0 if by_itself else wall_clock(), 0 if cursor is None else cursor.time))


@dataclass(frozen=True)
class Write:
    """A write that somebody wanted. `since`: for how long, without a break, while it is open."""

    status: IntentStatus
    since: datetime

    @property
    def is_open(self) -> bool:
        """Whether it is still wanted."""
        return self.status in OPEN_INTENTS


def _writes(rows: Iterable[tuple[Any, ...]]) -> dict[tuple[UUID, Call], Write]:
    return {
        (reference, Call(call)): Write(IntentStatus(status), since)
        for reference, call, status, since in rows
    }


def waiting_references(calls: Iterable[Call], *, longer_than: timedelta) -> set[UUID]:
    """References of these calls that are wanted for longer, with nothing of ours in a block."""
    included = Attempt.objects.filter(intent=OuterRef("pk"), status=AttemptStatus.INCLUDED)
    rows = _open_intents().filter(
        ~Exists(included),
        call__in=[call.value for call in calls],
        wanted_since__lt=timezone.now() - longer_than,
    )
    return set(rows.values_list("reference", flat=True))


def _open_intents() -> QuerySet[Intent]:
    """An open intent is due or leased, so the query reads what is open and no more."""
    is_looked_at = Q(due_at__isnull=False) | Q(lease_expires_at__isnull=False)
    return Intent.objects.filter(is_looked_at, status__in=OPEN_INTENTS)


class Place(NamedTuple):
    """A contract that holds locks, and the token that they are in (None: native coin)."""

    chain: str
    contract: str
    token: str | None


def places_in_use() -> set[Place]:
    """Where locks stand that we still want something written of, or, of those that are no
    stranger's, whose end is not paid or may be reorganised away.
    """
    unsettled = Watch.objects.filter(is_settled=False, pays_out=True)
    written = Watch.objects.filter(pk__in=_open_intents().values("watch"))
    terms = "chain", "terms_json__contract", "terms_json__token"
    return {Place(*each) for rows in (unsettled, written) for each in rows.values_list(*terms)}


def writes_left(references: Iterable[UUID]) -> dict[UUID, set[Call]]:
    """The calls of each reference whose bytes may have left us: the commit of `left_at`."""
    return _calls(_LEFT.all(references=list(references)))


def _calls(rows: Iterable[tuple[Any, ...]]) -> dict[UUID, set[Call]]:
    left: dict[UUID, set[Call]] = defaultdict(set)
    for reference, call in rows:
        if call != FILL:
            left[reference].add(Call(call))
    return dict(left)


def is_hashlock_seen(hashlock: bytes) -> bool:
    """Whether a lock that nobody watched stands, or stood, under it on a chain of ours."""
    return SeenLock.objects.filter(hashlock=hashlock).exists()


def repaid(references: Iterable[UUID]) -> set[UUID]:
    """Those of these locks whose amount went from us to their depositor, finally."""
    asked = list(references)
    return {reference for (reference,) in _REPAID.all(references=asked)} if asked else set()


def paused_roles(paused: Iterable[tuple[str, str, str]]) -> set[tuple[str, SignerRole]]:
    """Chain and role of those that sign nothing: each of their keys is in PAUSED_KEYS' rows."""
    keys = set(paused)
    return {
        (chain, role)
        for chain in {chain for chain, _, _ in keys}.intersection(chains() if keys else ())
        for role in SignerRole
        if all((chain, key.account, key.public) in keys for key in signing_keys(chain, role))
    }


@dataclass(frozen=True)
class LockTransaction:
    """A transaction on a watched lock. `call` None: not ours, seen on chain; what it did is the
    lock's state to tell. `status`: of our attempt, or "seen".
    """

    call: str | None
    hash: str
    status: str
    is_ours: bool


def lock_transactions(references: Iterable[UUID]) -> dict[UUID, list[LockTransaction]]:
    """Per reference, in the order that the chain showed them, then what is on its way from us."""
    asked = list(references)
    ours: dict[UUID, dict[str, LockTransaction]] = defaultdict(dict)
    left = Attempt.objects.filter(intent__reference__in=asked, left_at__isnull=False)
    fields = "intent__reference", "intent__call", "hash", "status"
    for reference, call, hash_, status in left.order_by("left_at").values_list(*fields):
        shown = AttemptStatus.SENT.value if status == AttemptStatus.LEFT else status
        ours[reference][hash_] = LockTransaction(call, hash_, shown, is_ours=True)
    found: dict[UUID, dict[str, LockTransaction]] = defaultdict(dict)
    seen = InboxFact.objects.filter(watch__reference__in=asked, transaction__isnull=False)
    for reference, hash_ in seen.order_by("pk").values_list("watch__reference", "transaction"):
        theirs = LockTransaction(None, str(hash_), "seen", is_ours=False)
        found[reference][str(hash_)] = ours[reference].pop(str(hash_), theirs)
    return {
        reference: [*found[reference].values(), *ours[reference].values()]
        for reference in found.keys() | ours.keys()
    }


def references_of(written: Collection[str]) -> set[UUID]:
    """Whose lock has one of these as its id, or whose transaction, ours or not, as its hash."""
    chains = ChainCursor.objects.values("chain")  # the index of locks begins with theirs
    locks = Watch.objects.filter(chain__in=chains, lock_id__in=written)
    ours = Attempt.objects.filter(hash__in=written)
    theirs = InboxFact.objects.filter(transaction__in=written)
    return {
        *locks.values_list("reference", flat=True),
        *ours.values_list("intent__reference", flat=True),
        *theirs.values_list("watch__reference", flat=True),
    }


@dataclass(frozen=True)
class StoredVerdict:
    """A guard's answer as it was stored, with all that it went by; never a secret (rule 3).

    `moment`: "sign", "send", or "refused" (the newest refusal of an intent). `verdict` is the
    JSON of `ports.Verdict`.
    """

    reference: UUID
    call: str
    moment: str
    hash: str | None
    at: datetime | None
    verdict: dict[str, Any]


def stored_verdicts(references: Iterable[UUID]) -> list[StoredVerdict]:
    """All verdicts on these references' writes, attempt by attempt, then open refusals."""
    asked = list(references)
    verdicts: list[StoredVerdict] = []
    attempts = Attempt.objects.filter(intent__reference__in=asked).order_by("signed_at")
    for attempt in attempts.select_related("intent"):
        which = attempt.intent.reference, attempt.intent.call
        verdicts.append(
            StoredVerdict(*which, "sign", attempt.hash, attempt.signed_at, attempt.sign_verdict)
        )
        if attempt.send_verdict is not None:
            at = attempt.left_at or attempt.ended_at
            verdicts.append(StoredVerdict(*which, "send", attempt.hash, at, attempt.send_verdict))
    refused = Intent.objects.filter(reference__in=asked, refusal__isnull=False).order_by("pk")
    return verdicts + [
        StoredVerdict(intent.reference, intent.call, "refused", None, None, intent.refusal)
        for intent in refused
        if intent.refusal is not None
    ]
