"""Rules 1 and 4 with a node that lies of what only a node can tell before a withdrawal is signed:
of our balance, of fees, of the block by which the bytes are to be valid.
"""

from dataclasses import replace
from typing import ClassVar

import pytest

from chains_app.adapters.interface import (
    BlockUnknownError,
    FeeAboveCapError,
    Prepared,
    SigningKey,
)
from chains_app.adapters.memory import MemoryAdapter
from chains_app.locks import Block, Call, LockTerms
from chains_app.models import ChainBlock, Intent
from chains_app.outbox import preparing
from sessions_app.domain.states import Status
from sessions_app.models import Role
from tests.integration.sessions.test_agreement import Silent, two_nodes
from tests.integration.sessions.test_guard import waiting_for
from tests.integration.sessions.test_lies_after_the_reveal import (
    ROUTES,
    SOURCE,
    First,
    Late,
    withdrawal,
)
from tests.integration.sessions.test_maker_mode import BOTH_WITHDRAWN
from tests.integration.sessions.world import BACK, World, status

AHEAD = 10**9


class Poor(First):
    """Shows our accounts as empty."""

    def prepare(self, call: Call, terms: LockTerms, key: SigningKey) -> Prepared:
        return replace(super().prepare(call, terms, key), balance=0)


class Dear(First):
    """Asks more for gas than we pay."""

    def prepare(self, call: Call, terms: LockTerms, key: SigningKey) -> Prepared:
        raise FeeAboveCapError("it costs too much")


class Inventing(MemoryAdapter):
    """Names a block that nobody has, of a far future."""

    named: ClassVar = {"block_hash": "0x" + "f" * 64}

    def prepare(self, call: Call, terms: LockTerms, key: SigningKey) -> Prepared:
        told = super().prepare(call, terms, key)
        expires = told.expires_at_height
        return replace(
            told,
            fields=told.fields | self.named,
            expires_at_height=None if expires is None else expires + AHEAD,
        )


class Fabling(Inventing, First):
    """Is asked first."""


class Moving(Fabling):
    """Names a block that there is, at another height."""

    named: ClassVar = {}


class Aging(First):
    """Names a block that there is, and that bytes are hardly valid by any more."""

    def prepare(self, call: Call, terms: LockTerms, key: SigningKey) -> Prepared:
        told, lives = super().prepare(call, terms, key), self._chain.valid_for
        first = self.block(1)
        return replace(
            told,
            fields=told.fields | {"block_hash": first.hash},
            expires_at_height=None if lives is None else first.height + lives,
        )


class Outvoted(Fabling):
    """One of three."""

    def views(self) -> list[MemoryAdapter]:
        return [*super().views(), MemoryAdapter(self._chain)]


class Denying(Inventing):
    """Has no block that anybody else names."""

    def block(self, height_or_hash: int | str) -> Block:
        raise BlockUnknownError(f"{self.name} has no block {height_or_hash}")


@ROUTES
@pytest.mark.parametrize("second", [MemoryAdapter, Late])
@pytest.mark.parametrize("first", [Poor, Dear, Fabling, Moving])
def test_rule_4_no_node_alone_keeps_a_withdrawal_from_being_signed(
    world: World, route: str, source: str, first: type[First], second: type[MemoryAdapter]
) -> None:
    session = waiting_for(world, SOURCE, Call.WITHDRAW, route)
    with two_nodes(world, second, source, first=first):
        world.live(4)
        assert world.both_on_chain(session) == BOTH_WITHDRAWN
    (attempt,) = withdrawal(session).attempts.all()
    assert (attempt.expires_at_height or 0) < AHEAD
    world.live_to_the_end(session)
    assert status(session) is Status.COMPLETED


@ROUTES
def test_rule_4_bytes_are_not_signed_by_an_old_block(
    world: World, route: str, source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preparing, "RECENT", 3)
    session = waiting_for(world, SOURCE, Call.WITHDRAW, route)
    with two_nodes(world, MemoryAdapter, source, first=Aging):
        world.live(4)
        assert world.both_on_chain(session) == BOTH_WITHDRAWN
    (attempt,) = withdrawal(session).attempts.all()
    lives = world.chains[source].valid_for
    assert attempt.expires_at_height is None or attempt.expires_at_height > 3 + (lives or 0)


@ROUTES
def test_rule_4_what_the_poller_was_shown_counts_less_than_two_nodes(
    world: World, route: str, source: str
) -> None:
    session = waiting_for(world, SOURCE, Call.WITHDRAW, route)
    head = world.chains[source].head.height
    for height in range(head, head + 6):
        ChainBlock.objects.create(
            chain=source, height=height + AHEAD, hash=Fabling.named["block_hash"], time=0
        )
    with two_nodes(world, MemoryAdapter, source, first=Outvoted):
        world.send()
    (attempt,) = withdrawal(session).attempts.all()
    assert (attempt.expires_at_height or 0) < AHEAD


def test_a_block_that_nobody_else_tells_of_waits_for_the_poller(world: World) -> None:
    session = waiting_for(world, SOURCE, Call.WITHDRAW, BACK)
    with two_nodes(world, Silent, "near", first=Fabling):
        world.live(4)
        assert not withdrawal(session).attempts.exists()
    with two_nodes(world, Silent, "near"):
        world.live(4)
        assert world.both_on_chain(session) == BOTH_WITHDRAWN


@pytest.mark.parametrize("second", [MemoryAdapter, Silent])
def test_what_moves_our_money_is_signed_by_the_first_balance_that_is_told(
    world: World, second: type[MemoryAdapter]
) -> None:
    """A lock that can't be paid would hold up its key."""
    session = waiting_for(world, Role.DESTINATION, Call.LOCK)
    with two_nodes(world, second, "near", first=Poor):
        world.send()
    lock = Intent.objects.get(reference=session.legs.get(role=Role.DESTINATION).pk)
    assert not lock.attempts.exists()


@ROUTES
def test_rule_4_a_second_node_that_denies_every_block_holds_nothing_up(
    world: World, route: str, source: str
) -> None:
    """The poller has read the block that the first one names."""
    session = waiting_for(world, SOURCE, Call.WITHDRAW, route)
    with two_nodes(world, Denying, source):
        world.live(4)
        assert world.both_on_chain(session) == BOTH_WITHDRAWN


@ROUTES
def test_what_no_node_shows_us_able_to_pay_is_not_signed(
    world: World, route: str, source: str
) -> None:
    session = waiting_for(world, SOURCE, Call.WITHDRAW, route)
    with two_nodes(world, Silent, source, first=Poor):
        world.live(4)
        assert not withdrawal(session).attempts.exists()
    world.live_to_the_end(session)
    assert status(session) is Status.COMPLETED
