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
from chains_app.models import Attempt, Intent, IntentStatus, Observation
from sessions_app.domain.states import Status
from sessions_app.models import Role, Session
from tests.integration.sessions.test_agreement import Silent, TwoNodes, two_nodes
from tests.integration.sessions.test_guard import waiting_for
from tests.integration.sessions.test_maker_mode import BOTH_WITHDRAWN, until_both_are_locked
from tests.integration.sessions.world import BACK, MAKER, THERE, World, status, terms

DESTINATION, SOURCE = Role.DESTINATION, Role.SOURCE
ROUTES = pytest.mark.parametrize(("route", "source"), [(THERE, "base"), (BACK, "near")])


class Liar(TwoNodes):
    """Shows open locks otherwise, to whoever asks; the second is as told."""

    shown: ClassVar = LockState.WITHDRAWN

    def views(self) -> list[MemoryAdapter]:
        return [self, self.second(self._chain)]

    def read_lock(self, terms: LockTerms, block: Block) -> LockReading:
        read = super().read_lock(terms, block)
        is_open = read.state is LockState.OPEN
        return replace(read, state=self.shown, is_paid=True) if is_open else read


class Boaster(Liar):
    """Shows whatever it was sent as done, too."""

    stage: ClassVar = Stage.INCLUDED

    def transaction_status(self, hash_: str, sender: str, tier: str) -> TransactionStatus:
        told = super().transaction_status(hash_, sender, tier)
        if told.block_hash is not None:
            return told
        block = self.final(tier)
        return TransactionStatus(
            self.stage, succeeded=True, height=block.height, block_hash=block.hash
        )


class FinalBoaster(Boaster):
    """And as final."""

    stage: ClassVar = Stage.FINAL


class Hiding(TwoNodes):
    """Tells of no withdrawal, by no fact and no state."""

    def views(self) -> list[MemoryAdapter]:
        return [self, self.second(self._chain)]

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


class LateBesideHonest(TwoNodes):
    """An honest one is asked first."""

    second = Late


def in_truth(world: World, session: Session, role: Role) -> LockState:
    """As the chain has it, whoever lies."""
    lock = terms(session, role)
    honest = MemoryAdapter(world.chains[lock.chain])
    return honest.read_lock(lock, honest.head()).state


def withdrawal(session: Session) -> Intent:
    reference = session.legs.get(role=SOURCE).pk
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


@ROUTES
@pytest.mark.parametrize("first", [Boaster, FinalBoaster])
def test_rule_4_a_withdrawal_that_one_node_swallowed_is_sent_again(
    world: World, route: str, source: str, first: type[Boaster]
) -> None:
    """It took the bytes, told nobody, and shows them as done."""
    session = waiting_for(world, SOURCE, Call.WITHDRAW, route)
    chain = world.chains[source]
    with two_nodes(world, Silent, source, first=first):
        chain.drops_sent = True
        world.live(4)
        assert withdrawal(session).attempts.exists() is False
    with two_nodes(world, Silent, source):
        world.live(1)
        assert withdrawal(session).attempts.exists() is True
    with two_nodes(world, Silent, source, first=first):
        world.live(6)
        chain.drops_sent = False
    assert in_truth(world, session, SOURCE) is LockState.OPEN
    with two_nodes(world, MemoryAdapter, source, first=first):
        world.live_to_the_end(session)
    assert status(session) is Status.COMPLETED
    assert world.both_on_chain(session) == BOTH_WITHDRAWN
    assert withdrawal(session).attempts.count() <= 2


@ROUTES
def test_rule_4_a_withdrawal_that_one_node_hides_is_found_in_time(
    world: World, route: str, source: str
) -> None:
    """Our lock is compared when its timelock has passed: the source is still ours to take."""
    session, secret = until_both_are_locked(world, route)
    lock = terms(session, DESTINATION)
    with two_nodes(world, MemoryAdapter, lock.chain, first=Hiding):
        world.send_as(MAKER, Call.WITHDRAW, lock, secret)
        world.live(3)
        assert status(session) is Status.BOTH_LOCKED
        world.live(int(terms(session, SOURCE).timelock - world.clock.now))
        assert in_truth(world, session, SOURCE) is LockState.WITHDRAWN
    world.live_to_the_end(session)
    assert status(session) is Status.COMPLETED
    assert world.both_on_chain(session) == BOTH_WITHDRAWN


@ROUTES
def test_rule_4_a_paid_maker_that_one_node_alone_tells_of_holds_nothing_up(
    world: World, route: str, source: str
) -> None:
    session, secret = until_both_are_locked(world, route)
    lock = terms(session, DESTINATION)
    with two_nodes(world, Silent, lock.chain):
        world.send_as(MAKER, Call.WITHDRAW, lock, secret)
        world.live(25)
    assert int(world.clock.now) < lock.timelock
    assert world.both_on_chain(session) == BOTH_WITHDRAWN
    assert status(session) is Status.COMPLETED


@ROUTES
def test_a_second_node_that_is_always_late_holds_nothing_up(
    world: World, route: str, source: str
) -> None:
    with two_nodes(world, Late, source):
        session = world.start(route)
        world.lock_source(session)
        world.live_to_the_end(session)
    assert status(session) is Status.COMPLETED
    assert Attempt.objects.filter(intent=withdrawal(session)).count() == 1


@ROUTES
def test_a_second_node_that_lies_costs_one_fee_at_most(
    world: World, route: str, source: str
) -> None:
    """It shows open for ever what the first one, which is honest, shows withdrawn."""

    class Backward(MemoryAdapter):
        def read_lock(self, terms: LockTerms, block: Block) -> LockReading:
            read = super().read_lock(terms, block)
            return replace(read, state=LockState.OPEN, is_paid=False, secret=None)

        def transaction_status(self, hash_: str, sender: str, tier: str) -> TransactionStatus:
            return TransactionStatus(Stage.UNKNOWN)

    session = waiting_for(world, SOURCE, Call.WITHDRAW, route)
    with two_nodes(world, Backward, source):
        world.live(40)
        assert in_truth(world, session, SOURCE) is LockState.WITHDRAWN
        assert withdrawal(session).attempts.count() <= 2
        assert status(session) is Status.REVEALING_SECRET
    world.live_to_the_end(session)
    assert status(session) is Status.COMPLETED
