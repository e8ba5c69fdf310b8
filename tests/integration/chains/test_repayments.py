"""What reached us and is owed is paid once: whatever dies, races, fails, or is reorganised away."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import IntegrityError, transaction
from django.db.models import F

from chains_app.adapters.interface import KeyState, SigningKey, Stage, TransactionStatus
from chains_app.adapters.memory import MemoryAdapter
from chains_app.intents import NotWatchedError, plan_intent, release_repayment
from chains_app.locks import Call, LockTerms
from chains_app.models import (
    ALIVE,
    Attempt,
    AttemptStatus,
    ChainBlock,
    Intent,
    IntentStatus,
    Signer,
)
from chains_app.outbox import worker
from chains_app.outbox.deaths import REMEMBERED_FOR, SETTLED_AFTER
from chains_app.outbox.decision import MOST_TRIES, Move
from chains_app.outbox.following import Followed
from chains_app.outbox.nonces import sync_signers
from chains_app.outbox.worker import drain, run_outbox
from chains_app.poller import poll_all
from chains_app.ports import Verdict
from chains_app.registry import get_chain, signing_keys
from chains_app.selectors import repaid
from chains_app.signers import SignerRole
from chains_app.watching import watch_lock
from orchestrator.kernel.clock import Seconds
from tests.integration.chains.world import (
    AMOUNT,
    FUNDS,
    TOKEN,
    YES,
    World,
    age_attempts,
    in_other_connections,
    make_all_due,
    sign_only,
)

CHAINS = ("base", "near")
FASTEST = "head+1"  # of the lock; its repayment is final by the slowest tier


def owe(world: World, chain: str = "base", **changes: Any) -> tuple[UUID, LockTerms]:
    """A watched lock that paid us, as far as the guard of these tests is concerned."""
    reference, terms = uuid4(), world.terms(chain, ours=False, **changes)
    with transaction.atomic():
        watch_lock(reference=reference, terms=terms, tier=FASTEST)
    return reference, terms


def released(world: World, chain: str = "base", **changes: Any) -> UUID:
    reference, terms = owe(world, chain, **changes)
    with transaction.atomic():
        assert release_repayment(reference=reference, terms=terms)
    return reference


def received(world: World, chain: str, token: str | None = None) -> int:
    """By the maker, who sends nothing here."""
    return world.chains[chain].state.balance("maker", token) - FUNDS


def refuse(world: World, *calls: Call, chain: str = "base") -> None:
    world.chains[chain].refused_calls = set(calls)


def alive_nonces(reference: UUID) -> set[int]:
    alive = Attempt.objects.filter(intent__reference=reference, status__in=ALIVE)
    return set(alive.values_list("nonce", flat=True))


@pytest.fixture(autouse=True)
def never_two_alive(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a test does, at each move."""
    original = worker._make

    def checked(move: Move, intent: Intent, read: Followed) -> None:
        original(move, intent, read)
        if intent.call == Call.REPAY.value:
            assert len(alive_nonces(intent.reference)) <= 1

    monkeypatch.setattr(worker, "_make", checked)


@pytest.mark.parametrize("token", [None, TOKEN])
@pytest.mark.parametrize("chain", CHAINS)
def test_rule_4_a_released_repayment_goes_to_the_depositor_once(
    world: World, chain: str, token: str | None
) -> None:
    reference = released(world, chain, token=token)
    held = world.chains[chain].state.balance("lock", token)
    world.turn(2)
    assert repaid([reference]) == set()  # in a block, and not final
    world.turn(6)
    assert repaid([reference]) == {reference}
    assert received(world, chain, token) == AMOUNT
    spent = held - world.chains[chain].state.balance("lock", token)
    assert spent == AMOUNT + (world.chains[chain].fee if token is None else 0)
    assert world.intent(reference, Call.REPAY).status == IntentStatus.DONE
    assert world.statuses(reference) == [AttemptStatus.FINAL]


@pytest.mark.parametrize("chain", CHAINS)
def test_rule_14_two_workers_at_once_repay_once(world: World, chain: str) -> None:
    reference = released(world, chain)
    for _ in range(8):
        make_all_due()
        in_other_connections(run_outbox, run_outbox)
        world.chains[chain].mine()
        poll_all()
    assert received(world, chain) == AMOUNT
    assert len(world.attempts(reference)) == 1
    assert repaid([reference]) == {reference}


def test_rule_14_two_releases_at_once_are_one(world: World) -> None:
    reference, terms = owe(world)

    def release() -> bool:
        with transaction.atomic():
            return release_repayment(reference=reference, terms=terms)

    assert sorted(in_other_connections(release, release), key=bool) == [False, True]
    world.turn(6)
    assert received(world, "base") == AMOUNT


@pytest.mark.parametrize("chain", CHAINS)
def test_rule_5_a_failed_repayment_is_made_again_only_when_its_failure_is_final(
    world: World, chain: str
) -> None:
    refuse(world, Call.REPAY, chain=chain)
    reference = released(world, chain)
    drain()
    for _ in range(2):  # blocks of the slowest tier
        world.chains[chain].mine()
        poll_all()
        make_all_due()
        drain()
        assert [each.status for each in world.attempts(reference)] == [AttemptStatus.INCLUDED]
    refuse(world, chain=chain)
    world.turn(2)
    age_attempts(10)
    world.turn(6)
    assert [each.succeeded for each in world.attempts(reference)] == [False, True]
    assert received(world, chain) == AMOUNT


def test_rule_5_what_fails_again_and_again_ends_by_itself(world: World) -> None:
    refuse(world, Call.REPAY)
    reference = released(world)
    for _ in range(MOST_TRIES + 3):
        world.turn(4)
        age_attempts(600)
    assert len(world.attempts(reference)) == MOST_TRIES
    assert world.intent(reference, Call.REPAY).is_open


def test_rule_6_a_repayment_without_an_answer_is_looked_up_and_sent_as_it_is(world: World) -> None:
    world.base.drops_sent = True
    reference = released(world)
    world.turn(3)
    world.base.drops_sent = False
    assert world.statuses(reference) == [AttemptStatus.SENT]
    age_attempts(5)
    world.turn(6)
    assert len(world.attempts(reference)) == 1
    assert received(world, "base") == AMOUNT


def test_a_stuck_repayment_is_replaced_under_its_own_nonce(world: World) -> None:
    reference = released(world)
    drain()
    world.base.held = {world.attempts(reference)[0].hash}
    age_attempts(20)
    world.turn(6)
    assert len({each.nonce for each in world.attempts(reference)}) == 1
    assert len(world.attempts(reference)) == 2
    assert received(world, "base") == AMOUNT


# --- dead, or only unknown ------------------------------------------------------------------------
def overtaken(world: World, age: timedelta = SETTLED_AFTER) -> UUID:
    """Sent and lost; another transaction of ours has used a later nonce, finally (NEAR)."""
    world.near.drops_sent = True
    reference = released(world, "near")
    drain()
    world.near.drops_sent = False
    sent = world.attempts(reference)[0]
    keys = {key.public: key for key in signing_keys("near", SignerRole.LOCK)}
    key, terms, adapter = keys[sent.signer.public_key], world.terms("near"), world.adapters["near"]
    prepared = adapter.prepare(Call.LOCK, terms, key)
    adapter.broadcast(adapter.sign(Call.LOCK, terms, prepared, key, sent.nonce + 1).raw)
    world.near.mine(blocks=4)
    poll_all()
    Attempt.objects.update(left_at=F("left_at") - age)
    return reference


def test_rule_5_what_has_just_left_is_not_taken_for_dead(world: World) -> None:
    """One URL may be several machines, of which one lags."""
    reference = overtaken(world, SETTLED_AFTER - timedelta(minutes=1))
    world.turn(8)
    assert world.statuses(reference) == [AttemptStatus.SENT]
    assert received(world, "near") == 0


def test_rule_5_a_repayment_that_provably_died_is_made_anew(world: World) -> None:
    reference = overtaken(world)
    world.turn(8)
    assert world.statuses(reference) == [AttemptStatus.DEAD, AttemptStatus.FINAL]
    assert received(world, "near") == AMOUNT


def test_rule_5_what_left_long_ago_is_never_taken_for_dead(world: World) -> None:
    """Nodes forget: it may have been paid."""
    reference = overtaken(world)
    Attempt.objects.update(left_at=F("left_at") - REMEMBERED_FOR - timedelta(seconds=1))
    world.turn(8)
    assert world.statuses(reference) == [AttemptStatus.SENT]
    assert received(world, "near") == 0


def test_rule_5_what_another_node_knows_is_not_dead(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    reference = overtaken(world)

    class Knowing(MemoryAdapter):
        def transaction_status(self, *_: str) -> TransactionStatus:
            return TransactionStatus(Stage.INCLUDED, succeeded=True, height=1, block_hash="0x1")

    here = world.adapters["near"]
    views = [MemoryAdapter(world.near), Knowing(world.near)]
    monkeypatch.setattr(here, "views", lambda: views, raising=False)
    world.turn(6)
    assert len(world.attempts(reference)) == 1
    assert world.attempts(reference)[0].status != AttemptStatus.DEAD


def test_rule_5_one_of_several_nodes_proves_no_death_of_a_repayment(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It could let the first one go after the second."""
    reference = overtaken(world)

    class Behind(MemoryAdapter):
        def key_state(self, key: SigningKey) -> KeyState:
            return replace(super().key_state(key), final_nonce=-1, head_nonce=-1)

    views = [MemoryAdapter(world.near), Behind(world.near)]
    monkeypatch.setattr(world.adapters["near"], "views", lambda: views, raising=False)
    several = replace(get_chain("near"), nodes=2)
    monkeypatch.setattr("chains_app.outbox.deaths.get_chain", lambda _: several)
    world.turn(6)
    assert [each.status != AttemptStatus.DEAD for each in world.attempts(reference)] == [True]
    views[1] = MemoryAdapter(world.near)
    world.turn(8)
    assert received(world, "near") == AMOUNT


# --- reorganisations ------------------------------------------------------------------------------
@pytest.mark.parametrize("chain", CHAINS)
def test_a_reorganised_repayment_is_followed_on_and_made_once(world: World, chain: str) -> None:
    reference = released(world, chain)
    world.turn(1)
    assert received(world, chain) == AMOUNT
    world.chains[chain].reorganise(1)
    assert received(world, chain) == 0
    poll_all()
    world.turn(6)
    assert received(world, chain) == AMOUNT
    assert len(world.attempts(reference)) == 1
    assert repaid([reference]) == {reference}


def test_a_final_repayment_that_is_reorganised_away_is_open_again(world: World) -> None:
    """Deeper than the slowest tier says: nobody can rule it out, and nobody pays twice for it."""
    world.turn(3)
    reference = released(world)
    world.turn(5)
    assert repaid([reference]) == {reference}
    paid = world.attempts(reference)[0]
    depth = world.base.head.height - (paid.included_height or 0) + 1
    world.base.tiers["final"] = depth
    world.base.reorganise(depth)
    world.base.tiers["final"] = 2
    world.changed.clear()
    poll_all()
    assert repaid([reference]) == set()
    assert {reference} <= set().union(*world.changed)
    world.turn(6)
    assert repaid([reference]) == {reference}
    assert len(world.attempts(reference)) == 1
    assert received(world, "base") == AMOUNT


@pytest.mark.parametrize("chain", CHAINS)
def test_a_node_that_knows_no_block_of_ours_does_not_open_it_again(
    world: World, chain: str
) -> None:
    """As after a long sleep, when nodes have dropped all that we knew."""
    reference = released(world, chain)
    world.turn(5)
    assert repaid([reference]) == {reference}
    ChainBlock.objects.filter(chain=chain).update(hash="0xforgotten")
    with pytest.MonkeyPatch.context() as patch:
        unknown = TransactionStatus(Stage.UNKNOWN)
        patch.setattr(MemoryAdapter, "transaction_status", lambda *_: unknown)
        world.chains[chain].reorganise(1, empty=False)
        poll_all()
        assert repaid([reference]) == {reference}  # nor for a moment
        world.turn(4)
    assert repaid([reference]) == {reference}
    assert received(world, chain) == AMOUNT
    assert len(world.attempts(reference)) == 1


# --- signers --------------------------------------------------------------------------------------
def test_rule_15_no_machine_plans_a_repayment(world: World) -> None:
    reference, terms = owe(world)
    with pytest.raises(IntegrityError, match="a_repayment_was_released"), transaction.atomic():
        plan_intent(reference=reference, call=Call.REPAY, terms=terms, send_by=Seconds(2**40))


def test_a_repayment_needs_a_watched_lock(world: World) -> None:
    with pytest.raises(NotWatchedError), transaction.atomic():
        release_repayment(reference=uuid4(), terms=world.terms(ours=False))


@pytest.mark.parametrize("changes", [{"beneficiary": "duty"}, {"contract": "elsewhere"}])
def test_rule_15_what_did_not_reach_the_lock_account_is_not_repaid(
    world: World, changes: dict[str, str]
) -> None:
    reference = released(world, **changes)
    world.turn(3)
    assert world.attempts(reference) == []
    assert received(world, "base") == 0


def test_rule_15_caps_and_the_kill_switch_hold(world: World) -> None:
    sync_signers("base")
    cost = AMOUNT + world.base.fee
    lock = Signer.objects.filter(chain="base", role="lock")
    lock.update(cap_per_transaction=cost - 1)
    reference = released(world)
    world.turn(1)
    lock.update(cap_per_transaction=cost, is_enabled=False)
    world.turn(1)
    assert world.attempts(reference) == []
    lock.update(is_enabled=True)
    world.turn(6)
    assert received(world, "base") == AMOUNT


def test_rule_5_the_guard_is_asked_at_the_signature_and_at_the_first_send(world: World) -> None:
    asked = []

    def guard(reference: UUID, moment: object) -> Verdict:
        asked.append((reference, moment))
        return YES

    world.guard = guard
    reference = released(world)
    drain()
    assert [(each, str(moment)) for each, moment in asked] == [
        (reference, "Moment.SIGN"),
        (reference, "Moment.SEND"),
    ]


def test_rule_5_a_guard_that_refuses_at_the_send_lets_nothing_leave(world: World) -> None:
    reference = released(world)
    sign_only(world)
    world.guard = lambda _, __: Verdict(ok=False, reason="not owed any more")
    make_all_due()
    drain()
    assert world.base.mempool == []
    assert world.statuses(reference) == [AttemptStatus.VOID]
