"""How a life must have ended: the states of all locks, and every base unit where it belongs."""

from collections import Counter
from collections.abc import Iterator

from hypothesis import event

from auctions_app.models import Hold
from chains_app.adapters.memory_chain import MemoryChain
from chains_app.adapters.memory_contract import Lock
from chains_app.locks import Call, LockState, LockTerms
from chains_app.models import Attempt, Intent
from sessions_app.domain.states import ENDS
from sessions_app.models import Role, Session, Surplus
from sessions_app.sweeps import handle_surplus
from tests.integration.doors.staff import do
from tests.integration.sessions.world import WHOLE_LIFE, World, path, reload, status, terms

Balances = Counter[tuple[str, str, str | None]]  # by chain, account and token; None: the coin
LITTLE = 1  # base units of a lock that is not worth its refund
SETTLING = 40  # seconds in which all that is due is paid, once nothing fails


def balances(world: World) -> Balances:
    return Counter({
        (name, account, token): amount
        for name, chain in world.chains.items()
        for (account, token), amount in chain.state.balances.items()
    })  # fmt: skip


def live_to_the_end(world: World, session: Session, before: Balances) -> None:
    """Until it has ended, all that is owed was released and has come, and all of it is final."""
    for _ in range(0, WHOLE_LIFE + 60, 5):
        world.live(5, step=5)
        release_what_is_owed(session)
        if status(session) in ENDS:
            break
    for chain in world.chains.values():
        chain.refusing.clear()
    for _ in range(SETTLING):
        world.live(1)
        release_what_is_owed(session)
        if not unexplained(world, session, before):
            break
    for _ in range(2):  # what is on its way comes, and all of it is final
        world.block()
        world.block()
        world.live(1)
    handle_surplus()


def release_what_is_owed(session: Session) -> None:
    """By staff, once each, as soon as it calls for them."""
    owed = list(Surplus.objects.filter(state=Surplus.State.OWED).values_list("pk", flat=True))
    references = {pk: pk for pk in owed}
    if reload(session).attention == "repayment_owed":
        references[session.pk] = session.legs.get(role=Role.SOURCE).pk
    for pk, reference in references.items():
        if not Intent.objects.filter(reference=reference, call=Call.REPAY.value).exists():
            do("repay_session", pk)
            event("a surplus is released" if pk in owed else "the source is released")


# --- money ----------------------------------------------------------------------------------------
def unexplained(world: World, session: Session, before: Balances) -> dict[object, int]:
    """By how much each holding is off what the swap's end, fees and what stays open make of it."""
    changes = balances(world)
    changes.subtract(before)
    for explained in (swapped(session), left_open(world, session), costs(world)):
        changes.subtract(explained)
    return {holding: amount for holding, amount in changes.items() if amount}


def swapped(session: Session) -> Balances:
    """What the maker and we have paid each other: both legs when it is completed, else nothing."""
    moved: Balances = Counter()
    if path(session)[-1] == "completed":
        for role in Role:
            lock = terms(session, role)
            move(moved, lock, lock.depositor, lock.beneficiary)
    return moved


def left_open(world: World, session: Session) -> Balances:
    """What the contracts may hold at the end."""
    held: Balances = Counter()
    for _, lock in surplus_locks(world, session):
        if lock.state is LockState.OPEN and lock.terms.amount == LITTLE:
            move(held, lock.terms, lock.terms.depositor, lock.terms.contract)
    return held


def move(moved: Balances, lock: LockTerms, payer: str, paid: str) -> None:
    moved[lock.chain, payer, lock.token] -= lock.amount
    moved[lock.chain, paid, lock.token] += lock.amount


def costs(world: World) -> Balances:
    """Fees, and the storage that a token's lock pays the contract for."""
    spent: Balances = Counter()
    for name, chain in world.chains.items():
        for mined in chain.between(0, chain.head.height):
            for sent, succeeded in zip(mined.transactions, mined.outcomes, strict=True):
                spent[name, sent.account, None] -= sent.fee
                if succeeded and sent.call is Call.PREPARE:
                    storage = chain.token_of(sent.terms).deposit(Call.PREPARE)
                    spent[name, sent.account, None] -= storage
                    spent[name, chain.contract, None] += storage
    return spent


# --- locks ----------------------------------------------------------------------------------------
def surplus_locks(world: World, session: Session) -> Iterator[tuple[MemoryChain, Lock]]:
    """All that were ever made and are no leg."""
    legs = [terms(session, role) for role in Role]
    for chain in world.chains.values():
        for lock in chain.state.locks.values():
            if lock.terms not in legs:
                yield chain, lock


def repayments(chain: MemoryChain, lock: LockTerms) -> int:
    return sum(
        succeeded and (sent.call, sent.terms) == (Call.REPAY, lock)
        for mined in chain.between(0, chain.head.height)
        for sent, succeeded in zip(mined.transactions, mined.outcomes, strict=True)
    )


def assert_every_surplus_went_back(world: World, session: Session) -> None:
    """To its depositor: early, or repaid once; but what is not worth it stays open, and is known"""
    expected = {}
    for chain, lock in surplus_locks(world, session):
        repaid = repayments(chain, lock.terms)
        match lock.state:
            case LockState.OPEN:
                assert (lock.terms.amount, repaid) == (LITTLE, 0)
                end = Surplus.State.OPEN
            case LockState.REFUNDED:
                assert (lock.is_paid, repaid) == (True, 0)
                end = Surplus.State.REFUNDED
            case _:
                assert (lock.is_paid, repaid) == (True, 1)
                end = Surplus.State.REPAID
        event(f"a surplus ends {end}")
        expected[lock.terms] = end
    known = Surplus.objects.exclude(state=Surplus.State.GONE)
    assert {each.lock_terms: each.state for each in known} == expected


# --- the swap -------------------------------------------------------------------------------------
def assert_atomic(world: World, session: Session) -> None:
    """Rule 1; a repayment counts as the source's refund."""
    source, destination = world.both_on_chain(session)
    lock, end = terms(session, Role.SOURCE), path(session)[-1]
    event(f"ends {end}")
    repaid = repayments(world.chains[lock.chain], lock)
    if end == "refunded" and source is LockState.WITHDRAWN:
        assert repaid == 1
        source, repaid = LockState.REFUNDED, 0
    assert repaid == 0
    if end == "completed":
        assert (source, destination) == (LockState.WITHDRAWN, LockState.WITHDRAWN)
    elif end == "refunded":
        assert {source, destination} <= {LockState.REFUNDED, LockState.ABSENT}
        assert LockState.REFUNDED in {source, destination}
    else:
        assert (end, source, destination) == ("cancelled", LockState.ABSENT, LockState.ABSENT)


def assert_never_locked(session: Session) -> None:
    """A swap whose maker locks nothing moves no further than that, by way of a timeout or not."""
    first, last = ["initialized", "executing", "source_locking"], ["cancelled"]
    assert path(session) in ([*first, *last], [*first, "timeout", *last])
    legs = session.legs.values_list("pk", flat=True)
    assert not Attempt.objects.filter(intent__reference__in=legs).exists()


def assert_nothing_is_held() -> None:
    """Of our accounts, by what any fill reserved."""
    assert not Hold.objects.filter(ended_at=None).exists()


def assert_no_secret_left_early() -> None:
    """Rule 3: what carried it first left in `revealing_secret`, agreed to with both legs final, or
    with the secret on a chain already.
    """
    left = Attempt.objects.filter(intent__call=Call.WITHDRAW.value, left_at__isnull=False)
    first = left.order_by("left_at").first()
    if first is not None and first.send_verdict is not None:
        facts = first.send_verdict["inputs"]["facts"]
        assert facts["status"] == "revealing_secret"
        finals = facts["source"]["final"], facts["destination"]["final"]
        assert finals == ("open", "open") or facts["secret_is_shown"]
