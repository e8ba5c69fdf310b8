"""Rules 1 and 4 with a first node that lies of locks once the secret is out: nobody loses a leg.

What it shows ends nothing until another tells the same; what it hides is found in time.
"""

from collections.abc import Collection
from dataclasses import replace
from typing import ClassVar

import pytest

from chains_app.adapters.interface import (
    BlockUnknownError,
    FactsPage,
    Stage,
    TransactionStatus,
)
from chains_app.adapters.memory import MemoryAdapter
from chains_app.adapters.memory_chain import Mined
from chains_app.locks import Block, Call, LockReading, LockState, LockTerms
from chains_app.models import Attempt, AttemptStatus, Intent, IntentStatus, Observation, Watch
from sessions_app.domain.states import Status
from sessions_app.models import Role, Session
from sessions_app.sweeps import wake_overdue
from tests.integration.sessions.test_agreement import Silent, TwoNodes, two_nodes
from tests.integration.sessions.test_alarming import INCLUSION, let_wait
from tests.integration.sessions.test_guard import waiting_for
from tests.integration.sessions.test_maker_mode import BOTH_WITHDRAWN, until_both_are_locked
from tests.integration.sessions.world import (
    BACK,
    MAKER,
    STRANGER,
    THERE,
    World,
    reload,
    status,
    terms,
)

DESTINATION, SOURCE = Role.DESTINATION, Role.SOURCE
ROUTES = pytest.mark.parametrize(("route", "source"), [(THERE, "base"), (BACK, "near")])


class First(TwoNodes):
    """Is asked first, and answers for itself when all are; the second is as told."""

    def views(self) -> list[MemoryAdapter]:
        return [self, self.second(self._chain)]


class Liar(First):
    """Shows open locks otherwise, to whoever asks: all, or the one that it lies about."""

    shown: ClassVar = LockState.WITHDRAWN
    about: ClassVar[str | None] = None

    def read_lock(self, terms: LockTerms, block: Block) -> LockReading:
        read = super().read_lock(terms, block)
        is_open = read.state is LockState.OPEN and self.about in (None, self.lock_id(terms))
        return replace(read, state=self.shown, is_paid=True) if is_open else read


class Swallower(First):
    """Shows what it was sent as included, and is honest about locks."""

    stage: ClassVar = Stage.INCLUDED

    def transaction_status(self, hash_: str, sender: str, tier: str) -> TransactionStatus:
        told = super().transaction_status(hash_, sender, tier)
        if told.block_hash is not None:
            return told
        block = self.final(tier)
        return TransactionStatus(
            self.stage, succeeded=True, height=block.height, block_hash=block.hash
        )


class Boaster(Swallower, Liar):
    """Shows it as done, too."""


class FinalBoaster(Boaster):
    """And as final."""

    stage: ClassVar = Stage.FINAL


class Hiding(First):
    """Tells of no withdrawal, by no fact and no state."""

    def facts(
        self, from_height: int, to_height: int, locks: Collection[str] | None = None
    ) -> FactsPage:
        page = super().facts(from_height, to_height, locks)
        return FactsPage(page.blocks, tuple(each for each in page.facts if each.secret is None))

    def read_lock(self, terms: LockTerms, block: Block) -> LockReading:
        read = super().read_lock(terms, block)
        is_taken = read.state is LockState.WITHDRAWN
        return replace(read, state=LockState.OPEN, is_paid=False, secret=None) if is_taken else read


class Late(MemoryAdapter):
    """Is always a block behind."""

    def head(self) -> Block:
        return self._chain.between(0, super().head().height - 1)[-1].block

    def _find(self, height_or_hash: int | str) -> Mined:
        mined = super()._find(height_or_hash)
        if mined.block.height > self.head().height:
            raise BlockUnknownError(f"{self.name} has no block {height_or_hash}")
        return mined


class Backward(MemoryAdapter):
    """Shows open for ever what is decided, and knows nothing of what was sent."""

    def read_lock(self, terms: LockTerms, block: Block) -> LockReading:
        read = super().read_lock(terms, block)
        is_over = read.state.is_decided
        return replace(read, state=LockState.OPEN, is_paid=False, secret=None) if is_over else read

    def transaction_status(self, hash_: str, sender: str, tier: str) -> TransactionStatus:
        return TransactionStatus(Stage.UNKNOWN)


class Inventing(MemoryAdapter):
    """Shows open locks as taken, and has no secret for it."""

    def read_lock(self, terms: LockTerms, block: Block) -> LockReading:
        read = super().read_lock(terms, block)
        is_open = read.state is LockState.OPEN
        return replace(read, state=LockState.WITHDRAWN, is_paid=True) if is_open else read


def in_truth(world: World, session: Session, role: Role) -> LockState:
    """As the chain has it, whoever lies."""
    lock = terms(session, role)
    honest = MemoryAdapter(world.chains[lock.chain])
    return honest.read_lock(lock, honest.head()).state


def withdrawal(session: Session, role: Role = SOURCE) -> Intent:
    reference = session.legs.get(role=role).pk
    return Intent.objects.get(reference=reference, call=Call.WITHDRAW.value)


@ROUTES
@pytest.mark.parametrize("shown", [LockState.WITHDRAWN, LockState.REFUNDED, LockState.ABSENT])
def test_rule_4_no_node_talks_us_out_of_the_source(
    world: World, route: str, source: str, shown: LockState, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Liar, "shown", shown)
    session = waiting_for(world, SOURCE, Call.WITHDRAW, route)
    with two_nodes(world, MemoryAdapter, source, first=Liar):
        world.live(2)
        assert status(session) is Status.REVEALING_SECRET
        world.live_to_the_end(session)
    assert status(session) is Status.COMPLETED
    assert world.both_on_chain(session) == BOTH_WITHDRAWN


@ROUTES
def test_rule_1_what_one_node_tells_alone_completes_nothing(
    world: World, route: str, source: str
) -> None:
    session = waiting_for(world, SOURCE, Call.WITHDRAW, route)
    with two_nodes(world, Silent, source, first=Liar):
        world.live(20)
        assert status(session) is Status.REVEALING_SECRET
        assert withdrawal(session).status == IntentStatus.PLANNED
        reference = session.legs.get(role=SOURCE).pk
        last = Observation.objects.filter(watch__reference=reference).latest("height")
        assert (last.lock_state, last.is_doubted) == (LockState.WITHDRAWN, True)
    with two_nodes(world, MemoryAdapter, source, first=Liar):
        world.live_to_the_end(session)
    assert status(session) is Status.COMPLETED
    assert world.both_on_chain(session) == BOTH_WITHDRAWN


def swallowed(
    world: World, role: Role, route: str, first: type[First], second: type[MemoryAdapter]
) -> Session:
    """Until the first node alone was sent our withdrawal, told nobody, and shows it as done."""
    session = waiting_for(world, role, Call.WITHDRAW, route)
    lock = terms(session, role)
    world.chains[lock.chain].drops_sent = True
    world.send()
    with two_nodes(world, Silent, lock.chain, first=first):
        world.live(6)
    world.chains[lock.chain].drops_sent = False
    assert in_truth(world, session, role) is LockState.OPEN
    assert withdrawal(session, role).attempts.count() == 1
    with two_nodes(world, second, lock.chain, first=first):
        world.live(20)
    return session


@ROUTES
@pytest.mark.parametrize("second", [MemoryAdapter, Late])
@pytest.mark.parametrize("first", [Swallower, Boaster, FinalBoaster])
def test_rule_4_a_withdrawal_that_one_node_swallowed_is_sent_again(
    world: World, route: str, source: str, first: type[First], second: type[MemoryAdapter]
) -> None:
    session = swallowed(world, SOURCE, route, first, second)
    assert in_truth(world, session, SOURCE) is LockState.WITHDRAWN
    world.live_to_the_end(session)
    assert status(session) is Status.COMPLETED
    assert world.both_on_chain(session) == BOTH_WITHDRAWN
    assert withdrawal(session).attempts.count() <= 2


@ROUTES
@pytest.mark.parametrize("first", [Swallower, Boaster])
@pytest.mark.parametrize("second", [MemoryAdapter, Late])
def test_rule_4_the_makers_withdrawal_that_one_node_swallowed_is_sent_again(
    world: World, route: str, source: str, first: type[First], second: type[MemoryAdapter]
) -> None:
    """The source is not taken meanwhile: nobody but that node shows that the maker is paid."""
    session = swallowed(world, DESTINATION, route, first, second)
    assert in_truth(world, session, DESTINATION) is LockState.WITHDRAWN
    world.live_to_the_end(session)
    assert status(session) is Status.COMPLETED
    assert world.both_on_chain(session) == BOTH_WITHDRAWN


def test_rule_4_a_swallowed_withdrawal_whose_nonce_is_overtaken_is_signed_anew(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where nonces may skip, a later one of the same key makes its bytes worthless."""
    sessions = [world.start(BACK, maker_source_account=each) for each in (MAKER, STRANGER)]
    for each in sessions:
        lock = terms(each, SOURCE)
        world.send_as(lock.depositor, Call.LOCK, lock)
    wanted = Intent.objects.filter(chain="near", call=Call.WITHDRAW.value)
    while wanted.count() < len(sessions):
        world.send()
        world.block()
        world.poll()
        world.sweep()
    near = world.chains["near"]
    near.drops_sent = True
    world.send()
    near.drops_sent = False
    [attempt] = Attempt.objects.filter(intent__in=wanted)
    swallowed_lock = Watch.objects.get(intents=attempt.intent)
    monkeypatch.setattr(Boaster, "about", swallowed_lock.lock_id)
    with two_nodes(world, Silent, "near", first=Boaster):
        world.live(8)
    assert {in_truth(world, each, SOURCE) for each in sessions} == set(BOTH_WITHDRAWN) | {
        LockState.OPEN
    }
    with two_nodes(world, MemoryAdapter, "near", first=Boaster):
        world.live(20)
    assert {in_truth(world, each, SOURCE) for each in sessions} == set(BOTH_WITHDRAWN)
    attempt.refresh_from_db()
    assert attempt.status == AttemptStatus.DEAD


@ROUTES
@pytest.mark.parametrize("second", [MemoryAdapter, Late])
def test_rule_4_a_withdrawal_that_one_node_hides_is_found_in_time(
    world: World, route: str, source: str, second: type[MemoryAdapter]
) -> None:
    """Our lock is compared when its timelock has passed: the source is still ours to take."""
    session, secret = until_both_are_locked(world, route)
    lock = terms(session, DESTINATION)
    with two_nodes(world, second, lock.chain, first=Hiding):
        world.send_as(MAKER, Call.WITHDRAW, lock, secret)
        world.live(3)
        assert status(session) is Status.BOTH_LOCKED
        world.live(int(terms(session, SOURCE).timelock - world.clock.now))
        assert in_truth(world, session, SOURCE) is LockState.WITHDRAWN
    world.live_to_the_end(session)
    assert status(session) is Status.COMPLETED
    assert world.both_on_chain(session) == BOTH_WITHDRAWN


@ROUTES
def test_rule_4_what_was_found_stays_found_while_the_second_is_silent(
    world: World, route: str, source: str
) -> None:
    session, secret = until_both_are_locked(world, route)
    lock = terms(session, DESTINATION)
    with two_nodes(world, MemoryAdapter, lock.chain, first=Hiding):
        world.send_as(MAKER, Call.WITHDRAW, lock, secret)
        world.live(int(lock.timelock - world.clock.now) + 2)
        assert status(session) is Status.REVEALING_SECRET
    with two_nodes(world, Silent, lock.chain, first=Hiding):
        Watch.objects.filter(reference=session.legs.get(role=DESTINATION).pk).update(due_time=0)
        world.live(int(terms(session, SOURCE).timelock - world.clock.now))
    assert world.both_on_chain(session) == BOTH_WITHDRAWN


@ROUTES
def test_rule_4_who_shows_our_lock_taken_shows_the_secret(
    world: World, route: str, source: str
) -> None:
    """Else a second node that lies would keep both legs from going back."""
    session, _ = until_both_are_locked(world, route)
    lock = terms(session, DESTINATION)
    with two_nodes(world, Inventing, lock.chain):
        world.live(int(lock.timelock - world.clock.now) + 4)
        assert in_truth(world, session, DESTINATION) is LockState.REFUNDED
    world.live_to_the_end(session)
    assert status(session) is Status.REFUNDED


@ROUTES
def test_rule_4_a_paid_maker_that_one_node_alone_tells_of_is_enough_at_the_last_safe_moment(
    world: World, route: str, source: str
) -> None:
    session, secret = until_both_are_locked(world, route)
    lock = terms(session, DESTINATION)
    deadlines = reload(session).fixed_deadlines
    assert deadlines is not None
    with two_nodes(world, Silent, lock.chain):
        world.send_as(MAKER, Call.WITHDRAW, lock, secret)
        world.live(int(deadlines.last_safe_source_withdrawal - world.clock.now) - 1)
        assert in_truth(world, session, SOURCE) is LockState.OPEN
        world.live(4)
    assert world.both_on_chain(session) == BOTH_WITHDRAWN
    world.live_to_the_end(session)
    assert status(session) is Status.COMPLETED


@ROUTES
@pytest.mark.parametrize("role", [SOURCE, DESTINATION])
def test_a_second_node_that_is_always_late_holds_nothing_up(
    world: World, route: str, source: str, role: Role
) -> None:
    name = source if role is SOURCE else {"base": "near", "near": "base"}[source]
    with two_nodes(world, Late, name):
        session = world.start(route)
        world.lock_source(session)
        world.live(25)
    assert status(session) is Status.COMPLETED
    assert Attempt.objects.filter(intent=withdrawal(session)).count() == 1


@ROUTES
def test_a_second_node_that_lies_costs_fees_at_growing_pauses(
    world: World, route: str, source: str
) -> None:
    """It shows open for ever what the first one, which is honest, shows withdrawn."""
    session = waiting_for(world, SOURCE, Call.WITHDRAW, route)
    with two_nodes(world, Backward, source):
        world.live(40)
        assert in_truth(world, session, SOURCE) is LockState.WITHDRAWN
        assert withdrawal(session).attempts.count() <= 5
        assert status(session) is Status.REVEALING_SECRET
    world.live_to_the_end(session)
    assert status(session) is Status.COMPLETED


@ROUTES
def test_a_withdrawal_that_one_node_alone_tells_of_is_overdue(
    world: World, route: str, source: str
) -> None:
    """Nothing may have been done: a person is called while there is time."""
    session = waiting_for(world, SOURCE, Call.WITHDRAW, route)
    with two_nodes(world, Silent, source, first=Liar):
        world.live(3)
        let_wait(Call.WITHDRAW, INCLUSION)
        assert wake_overdue() == 1
        world.sweep()
        assert reload(session).attention == "withdrawal_overdue"
    world.live_to_the_end(session)
    assert (status(session), reload(session).attention) == (Status.COMPLETED, "")
