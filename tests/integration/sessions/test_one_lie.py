"""What one node told once, or left out, is not kept: it is read again, and a swap goes on."""

from collections.abc import Collection
from dataclasses import replace
from typing import ClassVar

import pytest

from chains_app.adapters.agreed import Agreed
from chains_app.adapters.interface import FactsPage
from chains_app.adapters.memory import MemoryAdapter
from chains_app.locks import Block, Call, LockReading, LockState, LockTerms
from chains_app.models import Attempt, ChainCursor, Intent, Observation, Watch
from orchestrator.kernel.clock import Seconds
from orchestrator.kernel.hashlock import Secret
from sessions_app.domain.states import Status
from sessions_app.models import Role, Session
from tests.integration.sessions.test_agreement import Forked, Silent, TwoNodes, two_nodes
from tests.integration.sessions.test_guard import waiting_for
from tests.integration.sessions.test_seen_hashlocks import make, strangers_lock
from tests.integration.sessions.world import STRANGER, THERE, World, path, status, terms

DESTINATION, SOURCE = Role.DESTINATION, Role.SOURCE


class Misreading(TwoNodes):
    """What is asked of all is answered by a node that shows open locks otherwise."""

    shown: ClassVar[LockState]

    def read_lock(self, terms: LockTerms, block: Block) -> LockReading:
        read = super().read_lock(terms, block)
        return replace(read, state=self.shown) if read.state is LockState.OPEN else read


class Denying(Misreading):
    """As if none was there."""

    shown = LockState.ABSENT


class Refunding(Misreading):
    """As if they were over, and nothing was owed."""

    shown = LockState.REFUNDED

    def read_lock(self, terms: LockTerms, block: Block) -> LockReading:
        return replace(super().read_lock(terms, block), is_paid=True)


class Deaf(TwoNodes):
    """Leaves out what happened."""

    def facts(
        self, from_height: int, to_height: int, locks: Collection[str] | None = None
    ) -> FactsPage:
        return FactsPage(super().facts(from_height, to_height, locks).blocks, ())


class Early(TwoNodes):
    """Its blocks are of the future."""

    AHEAD: ClassVar = 10_000

    def facts(
        self, from_height: int, to_height: int, locks: Collection[str] | None = None
    ) -> FactsPage:
        page = super().facts(from_height, to_height, locks)
        blocks = [replace(block, time=Seconds(block.time + self.AHEAD)) for block in page.blocks]
        return FactsPage(tuple(blocks), page.facts)


def on_chain(world: World, session: Session, role: Role) -> LockState:
    return world.on_chain(session, role)


def stored(session: Session, role: Role) -> LockState:
    reference = session.legs.get(role=role).pk
    return Observation.objects.filter(watch__reference=reference).latest("height").lock_state


def until_our_lock_was_read(
    world: World, first: type[TwoNodes], second: type[MemoryAdapter] = MemoryAdapter
) -> Session:
    """By a node that lies of it; then that one is gone."""
    session = waiting_for(world, DESTINATION, Call.LOCK)
    world.send()
    with two_nodes(world, second, "near", first=first):
        world.block()
        world.poll()
    assert on_chain(world, session, DESTINATION) is LockState.OPEN
    return session


@pytest.mark.parametrize("first", [Denying, Refunding, Deaf])
def test_our_lock_that_one_node_misread_or_left_out_is_read_again(
    world: World, first: type[TwoNodes]
) -> None:
    session = until_our_lock_was_read(world, first)
    world.live_to_the_end(session)
    assert status(session) is Status.COMPLETED


def test_an_end_of_our_lock_that_one_node_alone_tells_is_looked_at_again(world: World) -> None:
    session = until_our_lock_was_read(world, Refunding, Silent)
    assert stored(session, DESTINATION) is LockState.REFUNDED
    with two_nodes(world, Silent, "near", first=Refunding):
        world.live(8)
    watch = Watch.objects.get(reference=session.legs.get(role=DESTINATION).pk)
    assert not watch.is_settled
    with two_nodes(world, MemoryAdapter, "near"):
        world.live_to_the_end(session)
    assert world.both_on_chain(session) in (
        (LockState.WITHDRAWN, LockState.WITHDRAWN),
        (LockState.REFUNDED, LockState.REFUNDED),
    )


def test_the_makers_lock_that_one_node_misread_is_read_again(world: World) -> None:
    session = world.start(THERE)
    world.lock_source(session)
    with two_nodes(world, MemoryAdapter, "base", first=Denying):
        world.block()
        world.poll()
    assert stored(session, SOURCE) is LockState.ABSENT
    world.live_to_the_end(session)
    assert status(session) is Status.COMPLETED


def test_our_refund_that_a_node_left_out_is_found(world: World) -> None:
    secret = Secret.generate()
    session = world.start_by_maker(THERE, secret)
    world.lock_source(session)
    world.live_until(Status.BOTH_LOCKED, session)
    with two_nodes(world, MemoryAdapter, "near", first=Deaf):
        while on_chain(world, session, DESTINATION) is not LockState.REFUNDED:
            world.live(2, step=2)
        world.live(2)
    world.live(20)
    assert stored(session, DESTINATION) is LockState.REFUNDED
    assert status(session) in (Status.REFUNDING, Status.REFUNDED)
    world.live_to_the_end(session)
    assert world.both_on_chain(session) == (LockState.REFUNDED, LockState.REFUNDED)


def test_rule_4_a_false_time_makes_no_lock_of_ours_too_late(world: World) -> None:
    """It is on its way, and the maker could take it when the source was back."""
    session = waiting_for(world, DESTINATION, Call.LOCK)
    near = world.chains["near"]
    world.send()
    near.held = {Attempt.objects.get(intent__call=Call.LOCK.value).hash}
    Watch.objects.update(due_time=0)
    with two_nodes(world, MemoryAdapter, "near", first=Early):
        world.block()
        world.poll()
    with two_nodes(world, MemoryAdapter, "near"):
        world.live(8)
        assert path(session)[-2:] == ["timeout", "refunding"]
        early = Intent.objects.get(call=Call.REFUND_EARLY.value)
        assert early.refusal is not None
        assert "show the time of block" in early.refusal["reason"]
        assert not early.attempts.exists()
        near.held = set()
        world.live_to_the_end(session)
    assert world.both_on_chain(session) == (LockState.REFUNDED, LockState.REFUNDED)


def test_a_block_of_the_future_is_not_believed_of_one_node(world: World) -> None:
    session = waiting_for(world, DESTINATION, Call.LOCK)
    with two_nodes(world, MemoryAdapter, "near", first=Early, stale_after=30):
        world.live(2)
    world.live_to_the_end(session)
    assert status(session) is Status.COMPLETED
    assert terms(session, SOURCE).chain == "base"


def test_a_strangers_lock_of_an_unknown_token_stops_no_poller(world: World) -> None:
    """Its end is nobody's to ask of two nodes."""
    world.sweeps_surplus = True
    base = world.chains["base"]
    base.fund(STRANGER, 10**9, "strange")
    strange = {"beneficiary": "lock", "token": "strange", "amount": 10**9}
    lock = strangers_lock(world, "base", bytes(31) + b"\1", **strange)
    make(world, lock)
    with two_nodes(world, MemoryAdapter, "base"):
        world.live(6)
        watch = Watch.objects.get(pays_out=False)
        world.block(1_200)
        world.send_as(STRANGER, Call.REFUND, lock)
        world.live(6)
    assert watch.observations.latest("height").lock_state is LockState.REFUNDED
    assert ChainCursor.objects.get(chain="base").height == base.head.height


@pytest.mark.parametrize("liar", [0, 1, 2])
def test_two_that_tell_the_same_are_enough_whatever_a_third_tells(world: World, liar: int) -> None:
    near = world.chains["near"]
    views = [MemoryAdapter(near), MemoryAdapter(near), MemoryAdapter(near)]
    views[liar] = Forked(near)
    asked = MemoryAdapter(near)
    setattr(asked, "views", lambda: views)  # noqa: B010 - of this one alone
    assert Agreed(asked).block(near.head.height) == near.head
