"""A key of ours that somebody else signs with stops, and no lie about its nonce leaves a gap."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from chains_app.adapters.interface import (
    ChainUnavailableError,
    KeyState,
    Stage,
    TransactionStatus,
)
from chains_app.adapters.memory import MemoryAdapter
from chains_app.adapters.memory_chain import Transaction
from chains_app.models import AttemptStatus, IntentStatus, Signer
from chains_app.outbox.decision import STUCK_AFTER
from chains_app.outbox.foreign import REASON
from chains_app.outbox.worker import drain
from chains_app.ports import Moment, Verdict
from tests.integration.chains.test_poller_reorganisations import shallow
from tests.integration.chains.world import YES, World, age_attempts, make_all_due, resume_signers

CHAINS = pytest.mark.parametrize("chain", ["base", "near"])


def stranger_signs(world: World, chain: str = "base", times: int = 1) -> None:
    """With each of our lock keys of that chain, past everything that we sent with it."""
    memory = world.chains[chain]
    for key in ("key-0", "key-1")[: 1 if chain == "base" else 2]:
        for _ in range(times):
            nonce = memory.next_nonce(("lock", key))
            memory.submit(Transaction("lock", key, nonce, memory.fee, None, None))
            memory.mine()


def finish(world: World, chain: str, count: int = 1) -> None:
    """Locks of ours, final."""
    references = [world.plan(world.terms(chain)) for _ in range(count)]
    world.turn(6)
    assert {world.intent(each).status for each in references} == {IntentStatus.DONE}


def locks_of(chain: str) -> list[Signer]:
    return list(Signer.objects.filter(chain=chain, role="lock"))


@CHAINS
def test_a_key_that_took_part_in_a_strangers_transaction_stops_and_says_so(
    world: World, chain: str, caplog: pytest.LogCaptureFixture
) -> None:
    finish(world, chain, 4)
    stranger_signs(world, chain)
    world.chains[chain].mine(3)  # final
    reference = world.plan(world.terms(chain))
    for _ in range(len(locks_of(chain))):
        make_all_due()
        drain()
    assert world.attempts(reference) == []
    assert {(row.is_enabled, row.stopped_for) for row in locks_of(chain)} == {(False, REASON)}
    logged = [record.msg for record in caplog.records if isinstance(record.msg, dict)]
    told = [line for line in logged if line["event"] == "signer_stopped"]
    assert len(told) == len(locks_of(chain))
    assert told[0]["level"] == "error"
    assert {row.is_enabled for row in Signer.objects.exclude(chain=chain, role="lock")} == {True}


def test_what_is_not_final_yet_stops_nothing_and_nothing_is_signed(world: World) -> None:
    finish(world, "base")
    stranger_signs(world)
    reference = world.plan(world.terms())
    drain()
    assert world.attempts(reference) == []
    assert [row.is_enabled for row in locks_of("base")] == [True]


def test_a_stranger_who_took_the_nonce_of_bytes_on_their_way_stops_the_key(world: World) -> None:
    finish(world, "base")
    reference = world.plan(world.terms())
    drain()
    (ours,) = world.attempts(reference)
    world.base.drop(ours.hash)
    stranger_signs(world)
    world.base.mine(3)
    age_attempts(5)
    make_all_due()
    drain()
    assert world.statuses(reference) == [AttemptStatus.DEAD]
    assert [row.stopped_for for row in locks_of("base")] == [REASON]


def test_a_resumed_key_goes_on_from_the_chains_nonce(world: World) -> None:
    finish(world, "base")
    stranger_signs(world, times=3)
    world.base.mine(3)
    reference = world.plan(world.terms())
    drain()
    resume_signers()
    world.turn(5)
    assert world.intent(reference).status == IntentStatus.DONE
    assert [attempt.nonce for attempt in world.attempts(reference)] == [4]
    assert [row.adopts_nonce for row in locks_of("base")] == [False]


def test_a_resumed_key_that_takes_a_void_nonce_adopts_none_later(world: World) -> None:
    finish(world, "base")
    world.guard = lambda _, moment: Verdict(ok=moment is Moment.SIGN, reason="not now")
    reference = world.plan(world.terms())
    drain()
    world.guard = lambda _, __: YES
    Signer.objects.filter(role="lock").update(is_enabled=False)
    resume_signers()
    world.turn(5)
    assert [attempt.nonce for attempt in world.attempts(reference)] == [1, 1]
    assert [row.adopts_nonce for row in locks_of("base")] == [False]


def test_a_new_key_begins_with_the_chains_nonce(world: World) -> None:
    stranger_signs(world, times=3)
    finish(world, "base")
    assert [row.next_nonce for row in locks_of("base")] == [4]


class Node:
    """One of several: it tells `nonce` as a key's last, at the head another where that is told, or
    nothing.
    """

    def __init__(self, nonce: int | None, head: int | None = None) -> None:
        self.nonce, self.head = nonce, nonce if head is None else head

    def key_state(self, _: object) -> KeyState:
        if self.nonce is None or self.head is None:
            raise ChainUnavailableError("it does not answer")
        return KeyState(self.nonce, self.head, head_height=10**6)


def nodes(*nonces: int | None, head: int | None = None) -> Callable[[object], list[Node]]:
    return lambda _: [Node(nonce, head) for nonce in nonces]


@pytest.mark.parametrize("told", [(0,), (8, 0), (8, None, 0)])
def test_one_wrong_count_leaves_no_gap_and_holds_nothing_up(
    world: World, monkeypatch: pytest.MonkeyPatch, told: tuple[int | None, ...]
) -> None:
    finish(world, "base")
    honest = MemoryAdapter.prepare

    def lie(self: MemoryAdapter, *arguments: Any) -> Any:
        return replace(honest(self, *arguments), nonce_floor=9)

    reference = world.plan(world.terms())
    with monkeypatch.context() as patched:
        patched.setattr(MemoryAdapter, "prepare", lie)
        patched.setattr(MemoryAdapter, "views", nodes(*told))
        drain()
    assert [attempt.nonce for attempt in world.attempts(reference)] == [1]
    assert [row.is_enabled for row in locks_of("base")] == [True]
    world.turn(5)
    assert [attempt.nonce for attempt in world.attempts(reference)] == [1]
    assert world.intent(reference).status == IntentStatus.DONE


def test_a_new_key_waits_while_its_nodes_tell_different_nonces(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    reference = world.plan(world.terms())
    monkeypatch.setattr(MemoryAdapter, "views", nodes(-1, None, 4))
    drain()
    assert world.attempts(reference) == []
    monkeypatch.setattr(MemoryAdapter, "views", nodes(-1, None, -1))
    make_all_due()
    drain()
    assert [attempt.nonce for attempt in world.attempts(reference)] == [0]


@pytest.mark.parametrize(
    ("told", "stops"), [((1, 0), False), ((1, None), True), ((1, 1), True), ((None,), False)]
)
def test_one_node_alone_stops_no_key_beside_another(
    world: World, monkeypatch: pytest.MonkeyPatch, told: tuple[int | None, ...], stops: bool
) -> None:
    """In the head it is to all of them."""
    finish(world, "base")
    stranger_signs(world)
    world.plan(world.terms())
    monkeypatch.setattr(MemoryAdapter, "views", nodes(*told, head=1))
    drain()
    assert [row.is_enabled for row in locks_of("base")] == [not stops]


def test_a_sibling_that_a_reorganisation_revives_is_no_strangers(world: World) -> None:
    """Its fee was raised, the dearer one was final, and another branch takes the first one."""
    reference = world.plan(world.terms())
    shallow(world)
    drain()
    first = world.base.mempool[0]
    age_attempts(STUCK_AFTER)
    make_all_due()
    drain()
    world.turn(2)
    make_all_due()
    drain()
    assert world.statuses(reference) == [AttemptStatus.DEAD, AttemptStatus.FINAL]
    world.base.reorganise(2, dropped={world.attempts(reference)[1].hash})
    world.base.mempool[:] = [first]
    world.turn(6)
    assert world.intent(reference).status == IntentStatus.DONE
    assert {row.is_enabled for row in locks_of("base")} == {True}


def test_what_a_node_did_not_know_at_first_is_no_strangers(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It shows our nonce used, and the transaction that used it a moment later."""
    reference = world.plan(world.terms())
    drain()
    world.base.mine(4)
    known, late = MemoryAdapter.transaction_status, [TransactionStatus(Stage.UNKNOWN)]

    def status(self: MemoryAdapter, *arguments: Any) -> TransactionStatus:
        return late.pop() if late else known(self, *arguments)

    monkeypatch.setattr(MemoryAdapter, "transaction_status", status)
    make_all_due()
    drain()
    assert world.statuses(reference) == [AttemptStatus.DEAD]
    assert {row.is_enabled for row in locks_of("base")} == {True}
