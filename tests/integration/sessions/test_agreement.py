"""Rule 7 with several nodes: nothing is staked on what one of them tells alone."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from django.db import connection

from chains_app.adapters.interface import ChainUnavailableError, TransactionStatus
from chains_app.adapters.memory import MemoryAdapter, memory_spec
from chains_app.adapters.memory_chain import MemoryChain
from chains_app.locks import Block, Call, LockReading, LockState, LockTerms
from chains_app.models import Attempt, AttemptStatus, ChainCursor, Intent
from chains_app.registry import signing_keys, use_adapters
from chains_app.signers import SignerRole
from sessions_app.domain.states import Status
from sessions_app.models import Role
from tests.integration.doors.staff import do
from tests.integration.sessions.test_guard import ask, waiting_for
from tests.integration.sessions.test_repayments import held, taken_before_our_lock
from tests.integration.sessions.world import MAKER, World, status, terms

DESTINATION = Role.DESTINATION
DISAGREE = "a chain could not be asked: two nodes of {} disagree about "


class Denying(MemoryAdapter):
    """Shows no lock; or, where there is none, one."""

    def read_lock(self, terms: LockTerms, block: Block) -> LockReading:
        assert not connection.in_atomic_block
        read = super().read_lock(terms, block)
        was_open = read.state is LockState.OPEN
        return replace(read, state=LockState.ABSENT if was_open else LockState.OPEN)


class Forked(MemoryAdapter):
    """Has other blocks."""

    def block(self, height_or_hash: int | str) -> Block:
        return replace(super().block(height_or_hash), hash="another")


class Silent(MemoryAdapter):
    """Gives no answer."""

    def _reached(self) -> MemoryChain:
        raise ChainUnavailableError(f"{self.name}: no node answers")


class Failing(MemoryAdapter):
    """Shows that what succeeded failed."""

    def transaction_status(self, hash_: str, sender: str, tier: str) -> TransactionStatus:
        real = super().transaction_status(hash_, sender, tier)
        return real if real.succeeded is None else replace(real, succeeded=not real.succeeded)


class Hasty(MemoryAdapter):
    """Calls the head final."""

    def final(self, tier: str) -> Block:
        return self.head()


class TwoNodes(MemoryAdapter):
    """All is read from an honest node; the second is as told."""

    second: type[MemoryAdapter]

    def views(self) -> list[MemoryAdapter]:
        return [MemoryAdapter(self._chain), self.second(self._chain)]


@contextmanager
def two_nodes(
    world: World,
    second: type[MemoryAdapter],
    name: str,
    agree_from: int = 0,
    first: "type[TwoNodes] | None" = None,
    stale_after: int | None = None,
) -> Iterator[None]:
    """That chain has a second node."""
    served = (first or TwoNodes)(world.chains[name])
    served.second = second
    adapters = {each.name: MemoryAdapter(each) for each in world.chains.values()} | {name: served}
    specs = {each.name: memory_spec(each) for each in world.chains.values()}
    native = replace(specs[name].native, agree_from=agree_from)
    specs[name] = replace(specs[name], nodes=2, native=native, stale_after=stale_after)
    keys = {role: signing_keys("base", role) for role in SignerRole}
    with use_adapters(adapters, specs, dict.fromkeys(specs, keys)):
        yield


CALLS = pytest.mark.parametrize("call", [Call.LOCK, Call.WITHDRAW])
CHAINS = pytest.mark.parametrize("name", ["base", "near"])


@CALLS
@CHAINS
def test_rule_7_two_honest_nodes_are_enough(world: World, call: Call, name: str) -> None:
    session = waiting_for(world, DESTINATION, call)
    with two_nodes(world, MemoryAdapter, name):
        assert ask(session, DESTINATION, call).ok


@CALLS
@CHAINS
@pytest.mark.parametrize("second", [Denying, Forked])
def test_rule_7_nothing_is_staked_on_what_two_nodes_tell_differently(
    world: World, call: Call, name: str, second: type[MemoryAdapter]
) -> None:
    session = waiting_for(world, DESTINATION, call)
    with two_nodes(world, second, name):
        verdict = ask(session, DESTINATION, call)
    assert not verdict.ok
    assert verdict.reason.startswith(DISAGREE.format(name))


@CALLS
@CHAINS
def test_rule_7_nothing_is_staked_on_one_node_alone(world: World, call: Call, name: str) -> None:
    session = waiting_for(world, DESTINATION, call)
    with two_nodes(world, Silent, name):
        verdict = ask(session, DESTINATION, call)
    assert not verdict.ok
    assert verdict.reason.startswith(
        f"a chain could not be asked: {name}: no node answered beside another on "
    )


def test_rule_7_no_secret_leaves_on_a_lock_whose_transaction_another_shows_as_failed(
    world: World,
) -> None:
    session = waiting_for(world, DESTINATION, Call.WITHDRAW)
    [attempt] = Attempt.objects.filter(intent__call=Call.LOCK.value)
    assert attempt.status in (AttemptStatus.INCLUDED, AttemptStatus.FINAL)
    with two_nodes(world, Failing, "near"):
        verdict = ask(session, DESTINATION, Call.WITHDRAW)
    assert verdict.reason == (
        f"{DISAGREE.format('near')}transaction {attempt.hash}: find out which is false, and take "
        "it out"
    )


def test_rule_7_a_reading_that_two_nodes_do_not_confirm_is_not_acted_on(world: World) -> None:
    """One node lied to the poller, and is gone."""
    session = waiting_for(world, DESTINATION, Call.LOCK)
    cursor = ChainCursor.objects.get(chain="near")
    tier = session.legs.get(role=DESTINATION).tier
    height, _, time = cursor.finals[tier]
    cursor.finals[tier] = [height, "another", time]
    cursor.save()
    with two_nodes(world, MemoryAdapter, "near"):
        verdict = ask(session, DESTINATION, Call.LOCK)
    assert verdict.reason == (
        f"a chain could not be asked: two nodes of near show block {height} otherwise than it was "
        "read"
    )


@CALLS
@CHAINS
def test_rule_7_a_lock_that_two_nodes_show_otherwise_is_not_acted_on(
    world: World, monkeypatch: pytest.MonkeyPatch, call: Call, name: str
) -> None:
    """One node lied to the poller about the lock, and is gone; both others tell the same."""
    session = waiting_for(world, DESTINATION, call)
    monkeypatch.setattr(TwoNodes, "views", lambda self: [Denying(self._chain)] * 2)
    with two_nodes(world, MemoryAdapter, name):
        verdict = ask(session, DESTINATION, call)
    assert verdict.reason.startswith(f"a chain could not be asked: two nodes of {name} show lock ")


@CALLS
@CHAINS
def test_rule_7_what_one_node_calls_final_is_not_final(world: World, call: Call, name: str) -> None:
    """The poller has read from it."""
    session = waiting_for(world, DESTINATION, call)
    cursor = ChainCursor.objects.get(chain=name)
    hasty = [cursor.height, cursor.hash, cursor.time]
    assert all(height < cursor.height for height, _, _ in cursor.finals.values())
    cursor.finals = dict.fromkeys(cursor.finals, hasty)
    cursor.save()
    with two_nodes(world, Hasty, name):
        verdict = ask(session, DESTINATION, call)
    assert verdict.reason == (
        f"a chain could not be asked: two nodes of {name} show the finality of block "
        f"{cursor.height} otherwise than it was read"
    )


@CALLS
@CHAINS
def test_rule_7_a_hasty_node_beside_an_honest_one_holds_nothing_up(
    world: World, call: Call, name: str
) -> None:
    session = waiting_for(world, DESTINATION, call)
    with two_nodes(world, Hasty, name):
        assert ask(session, DESTINATION, call).ok


@CALLS
def test_below_the_configured_amount_nobody_has_to_agree(world: World, call: Call) -> None:
    session = waiting_for(world, DESTINATION, call)
    amount = session.legs.get(role=DESTINATION).lock_terms.amount
    with two_nodes(world, Denying, "near", agree_from=amount + 1):
        assert ask(session, DESTINATION, call).ok
    with two_nodes(world, Denying, "near", agree_from=amount):
        assert not ask(session, DESTINATION, call).ok


def test_rule_7_the_state_is_asked_where_nodes_still_have_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the final block by its hash."""
    monkeypatch.setattr("chains_app.agreement.STATE_BLOCKS", 0)
    session = waiting_for(world, DESTINATION, Call.WITHDRAW)
    head = ChainCursor.objects.get(chain="near")
    asked: list[int | str] = []
    read, block = MemoryAdapter.read_lock, MemoryAdapter.block

    def noted(self: MemoryAdapter, terms: LockTerms, at: Block) -> LockReading:
        asked.append(at.height)
        return read(self, terms, at)

    def noted_block(self: MemoryAdapter, named: int | str) -> Block:
        asked.append(named)
        return block(self, named)

    monkeypatch.setattr(MemoryAdapter, "read_lock", noted)
    monkeypatch.setattr(MemoryAdapter, "block", noted_block)
    with two_nodes(world, MemoryAdapter, "near"):
        assert ask(session, DESTINATION, Call.WITHDRAW).ok
    final = head.final_height(session.legs.get(role=DESTINATION).tier)
    assert final < head.height
    assert asked == [final, final, head.height, head.height, head.height, head.height]


def test_rule_4_the_source_is_not_given_back_early_on_one_nodes_word(world: World) -> None:
    """That our lock has come back, as its beneficiary may bring about, is asked of two."""
    session = waiting_for(world, DESTINATION, Call.WITHDRAW)
    world.send_as(MAKER, Call.REFUND_EARLY, terms(session, DESTINATION))
    source = session.legs.get(role=Role.SOURCE).id
    while not Intent.objects.filter(reference=source, call=Call.REFUND_EARLY.value).exists():
        world.block()
        world.poll()
        world.sweep()
    with two_nodes(world, Denying, "near"):
        verdict = ask(session, Role.SOURCE, Call.REFUND_EARLY)
        assert verdict.reason.startswith(DISAGREE.format("near"))
        assert not verdict.ok
    with two_nodes(world, MemoryAdapter, "near"):
        assert ask(session, Role.SOURCE, Call.REFUND_EARLY).ok
        world.live_to_the_end(session)
    assert status(session) is Status.REFUNDED


def test_rule_7_a_swap_waits_while_nodes_disagree_and_goes_on_when_they_agree(
    world: World,
) -> None:
    session = waiting_for(world, DESTINATION, Call.LOCK)
    with two_nodes(world, Denying, "base"):
        world.live(3)
        assert status(session) is Status.DESTINATION_LOCKING
        intent = Intent.objects.get(call=Call.LOCK.value)
        assert intent.refusal is not None
        assert intent.refusal["reason"].startswith(DISAGREE.format("base"))
        assert not intent.attempts.exists()
    with two_nodes(world, MemoryAdapter, "base"):
        world.live_to_the_end(session)
    assert status(session) is Status.COMPLETED


class Liar(TwoNodes):
    """What is asked of all is answered by a node that tells every transaction's end otherwise."""

    def transaction_status(self, hash_: str, sender: str, tier: str) -> TransactionStatus:
        return Failing(self._chain).transaction_status(hash_, sender, tier)


def test_rule_7_a_node_that_lies_about_our_lock_alone_holds_nothing_up(world: World) -> None:
    session = waiting_for(world, DESTINATION, Call.LOCK)
    with two_nodes(world, MemoryAdapter, "near", first=Liar):
        world.live_to_the_end(session)
    assert status(session) is Status.COMPLETED


def test_rule_7_what_two_nodes_tell_differently_of_our_lock_is_asked_again(world: World) -> None:
    """The one that lied is gone, and the swap goes on."""
    session = waiting_for(world, DESTINATION, Call.LOCK)
    with two_nodes(world, Failing, "near", first=Liar):
        world.live(8)
        [attempt] = Attempt.objects.filter(intent__call=Call.LOCK.value)
        assert attempt.status == AttemptStatus.INCLUDED
        assert status(session) is Status.REVEALING_SECRET
    with two_nodes(world, MemoryAdapter, "near"):
        world.live_to_the_end(session)
    assert status(session) is Status.COMPLETED


@pytest.mark.parametrize("is_refused", [False, True])
def test_rule_4_how_a_repayment_ended_is_not_believed_of_one_node(
    world: World, is_refused: bool
) -> None:
    """Neither made twice, nor taken for made."""
    session = taken_before_our_lock(world)
    owed, before = terms(session, Role.SOURCE), held(world, session)
    world.chains["base"].refused_calls = {Call.REPAY} if is_refused else set()
    with two_nodes(world, MemoryAdapter, "base", first=Liar):
        do("repay_session", session.pk)
        world.live(6)
        assert (status(session) is Status.REFUNDED) is not is_refused
        world.chains["base"].refused_calls = set()
        world.live_to_the_end(session)
    assert status(session) is Status.REFUNDED
    assert held(world, session) == before + owed.amount
