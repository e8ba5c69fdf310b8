"""Preliminaries that fail, are called off, or are reorganised away, and their lock."""

from uuid import UUID

import pytest
from django.db import connection, transaction
from django.db.models.functions import Now

from chains_app.adapters.interface import ChainError
from chains_app.adapters.memory import MemoryAdapter
from chains_app.intents import void_intents
from chains_app.leases import LeaseLostError
from chains_app.locks import Call
from chains_app.models import ON_THE_WAY, Attempt, AttemptStatus, Intent, IntentStatus
from chains_app.outbox import preliminaries
from chains_app.outbox.decision import MOST_TRIES, STUCK_AFTER
from chains_app.outbox.worker import drain
from chains_app.poller import poll_all
from chains_app.ports import Moment, Verdict
from chains_app.selectors import writes_left
from tests.integration.chains.test_preliminaries import (
    CHAINS,
    NEEDED,
    calls,
    is_locked,
    live,
    statuses,
    token_terms,
)
from tests.integration.chains.world import (
    AMOUNT,
    FUNDS,
    TOKEN,
    YES,
    World,
    age_attempts,
    let_leases_expire,
    make_all_due,
    sign_only,
)

# --- what fails --------------------------------------------------------------------------------


def test_an_allowance_used_up_meanwhile_is_renewed_by_way_of_nothing(world: World) -> None:
    first = world.plan(token_terms(world, "base"))
    live(world)
    world.base.allow("lock", TOKEN, AMOUNT - 1)
    second = world.plan(token_terms(world, "base"))
    live(world)
    assert calls(second) == ["approve_zero", "approve", "lock"]
    assert is_locked(world, first)
    assert is_locked(world, second)


def test_an_allowance_that_is_gone_before_the_first_send_voids_the_lock_that_was_signed(
    world: World,
) -> None:
    reference = world.plan(token_terms(world, "base"))
    drain()
    world.base.mine()
    make_all_due()

    def die_at_send(_: UUID, moment: Moment) -> Verdict:
        if moment is Moment.SEND:
            world.base.allow("lock", TOKEN, 0)
            raise RuntimeError("the worker is gone")
        return YES

    world.guard = die_at_send
    drain()
    world.guard = lambda _, __: YES
    let_leases_expire()
    live(world)
    voided = Attempt.objects.filter(intent__reference=reference, status=AttemptStatus.VOID)
    assert [attempt.intent.call for attempt in voided] == ["lock"]
    assert calls(reference) == ["approve", "lock", "approve", "lock"]
    assert is_locked(world, reference)


def test_rule_5_a_lock_whose_allowance_is_gone_when_it_arrives_is_tried_again(world: World) -> None:
    reference = world.plan(token_terms(world, "base"))
    drain()
    world.base.mine()
    make_all_due()
    drain()
    assert calls(reference) == ["approve", "lock"]
    world.base.allow("lock", TOKEN, 0)
    live(world)
    assert calls(reference) == ["approve", "lock", "approve", "lock"]
    succeeded = [attempt.succeeded for attempt in world.attempts(reference)]
    assert succeeded == [True, False, True, True]
    assert is_locked(world, reference)


def test_an_approval_that_was_done_is_opened_again_when_it_is_missing_again(world: World) -> None:
    reference = world.plan(token_terms(world, "base"))
    drain()
    world.base.mine()
    make_all_due()
    drain()
    world.base.held.update(t.hash for t in world.base.mempool)
    world.turn(5)
    assert statuses(reference) == {"lock": IntentStatus.ACTIVE, "approve": IntentStatus.DONE}
    world.base.allow("lock", TOKEN, 0)
    world.base.held.clear()
    live(world)
    assert calls(reference) == ["approve", "lock", "approve", "lock"]
    assert is_locked(world, reference)


def test_a_preliminary_that_keeps_failing_ends_with_its_lock(world: World) -> None:
    """The token refuses every approval: tries are bounded, and nothing is left open."""
    world.base.refused_calls.add(Call.APPROVE)
    reference = world.plan(token_terms(world, "base"))
    for _ in range(3 * MOST_TRIES):
        age_attempts(400)
        make_all_due()
        drain()
        world.base.mine(3)
        poll_all()
    failed = Attempt.objects.filter(intent__call="approve")
    assert failed.count() == MOST_TRIES
    assert set(failed.values_list("succeeded", flat=True)) == {False}
    world.base.mine(seconds=601)
    live(world, 6)
    assert set(statuses(reference).values()) <= {IntentStatus.VOID, IntentStatus.IMPOSSIBLE}
    assert not Attempt.objects.filter(status__in=ON_THE_WAY).exists()


# --- calling off -------------------------------------------------------------------------------


@pytest.mark.parametrize("chain", CHAINS)
def test_rule_5_a_lock_is_voided_though_its_preliminary_is_on_its_way(
    world: World, chain: str
) -> None:
    reference = world.plan(token_terms(world, chain))
    drain()
    assert writes_left([reference]) == {reference: {NEEDED[chain][0]}}
    with transaction.atomic():
        assert void_intents(reference, [Call.LOCK]) is True
    assert set(statuses(reference).values()) == {IntentStatus.VOID}
    live(world)
    assert calls(reference) == [NEEDED[chain][0].value]
    assert world.statuses(reference) == [AttemptStatus.FINAL]  # followed to its end
    assert world.chains[chain].state.balance("lock", TOKEN) == FUNDS


def test_rule_5_what_a_reorganisation_opens_again_is_not_made_for_a_void_lock(
    world: World,
) -> None:
    reference = world.plan(token_terms(world, "base"))
    drain()
    with transaction.atomic():
        assert void_intents(reference, [Call.LOCK]) is True
    live(world, 4)
    world.base.allow("lock", TOKEN, 0)
    approvals = Intent.objects.filter(reference=reference, call=Call.APPROVE.value)
    approvals.update(status=IntentStatus.ACTIVE, ended_height=None, due_at=Now())
    live(world, 4)
    assert calls(reference) == ["approve"]
    assert statuses(reference) == {"lock": IntentStatus.VOID, "approve": IntentStatus.IMPOSSIBLE}


def test_rule_5_a_preliminary_that_is_signed_and_not_sent_goes_with_its_lock(world: World) -> None:
    reference = world.plan(token_terms(world, "base"))
    sign_only(world)
    with transaction.atomic():
        assert void_intents(reference, [Call.LOCK]) is True
    assert world.statuses(reference) == [AttemptStatus.VOID]  # in the same commit
    world.turn(6)
    assert world.statuses(reference) == [AttemptStatus.VOID]
    assert world.base.state.allowance("lock", TOKEN) == 0


def test_rule_5_a_lock_that_left_is_not_voided_nor_what_it_needed(world: World) -> None:
    reference = world.plan(token_terms(world, "base"))
    drain()
    world.base.mine()
    make_all_due()
    drain()
    before = statuses(reference)
    with transaction.atomic():
        assert void_intents(reference, [Call.LOCK]) is False
    assert statuses(reference) == before


def test_rule_5_a_lock_that_is_voided_while_it_asks_wants_nothing(world: World) -> None:
    reference = world.plan(token_terms(world, "base"))

    def void_meanwhile() -> None:
        with transaction.atomic():
            void_intents(reference, [Call.LOCK])

    world.adapters["base"].before["preliminary"] = void_meanwhile
    drain()
    assert statuses(reference) == {"lock": IntentStatus.VOID}


def test_wanting_is_fenced_by_the_locks_lease(world: World) -> None:
    reference = world.plan(token_terms(world, "base"))
    stale = world.intent(reference)
    Intent.objects.filter(pk=stale.pk).update(version=stale.version + 1)
    with pytest.raises(LeaseLostError):
        preliminaries.want(stale, Call.APPROVE)
    assert statuses(reference) == {"lock": IntentStatus.PLANNED}


def test_rule_5_nothing_is_wanted_for_a_lock_that_is_too_late(world: World) -> None:
    reference = world.plan(token_terms(world, "near", lock_by=world.now("near")))
    live(world, 3)
    assert world.attempts(reference) == []
    assert set(statuses(reference).values()) == {IntentStatus.VOID}


def test_a_preliminary_that_is_late_is_impossible_at_a_final_block(world: World) -> None:
    reference = world.plan(token_terms(world, "near"))
    world.near.drops_sent = True
    drain()
    world.near.mine(seconds=601)
    poll_all()
    live(world, 20)  # the block hash expires, too
    live(world, 20)
    assert statuses(reference) == {
        "lock": IntentStatus.VOID,  # nothing of it has left
        "register": IntentStatus.IMPOSSIBLE,
    }
    assert world.statuses(reference) == [AttemptStatus.DEAD]


def test_a_token_that_answers_no_more_keeps_no_nonce_open(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its views fail for ever, after an approval that no block takes was sent."""

    def fails(*_: object) -> None:
        raise ChainError("the token's contract has failed")

    reference = world.plan(token_terms(world, "base"))
    drain()
    world.base.held.add(world.attempts(reference)[0].hash)
    with monkeypatch.context() as patched:
        patched.setattr(MemoryAdapter, "preliminary", fails)
        world.base.mine(seconds=601)
        poll_all()
        age_attempts(STUCK_AFTER)
        live(world, 12)
        assert statuses(reference)["approve"] == IntentStatus.IMPOSSIBLE
        assert world.statuses(reference) == [AttemptStatus.DEAD, AttemptStatus.FINAL]


# --- reorganisations ---------------------------------------------------------------------------


@pytest.mark.parametrize("keeps", [True, False])
def test_rule_5_a_reorganised_approval_and_its_lock_are_made_again(
    world: World, keeps: bool
) -> None:
    reference = world.plan(token_terms(world, "base"))
    drain()
    world.base.mine()
    poll_all()
    make_all_due()
    drain()
    world.base.mine()
    poll_all()
    assert calls(reference) == ["approve", "lock"]
    gone = {t.hash for mined in world.base.between(0, 10**9) for t in mined.transactions}
    world.base.reorganise(2, dropped=() if keeps else gone)
    live(world, 20)
    assert is_locked(world, reference)
    assert calls(reference) == ["approve", "lock"]  # the same bytes


def test_what_a_chain_that_is_away_can_not_say_is_asked_again(world: World) -> None:
    reference = world.plan(token_terms(world, "base"))
    world.base.is_unreachable = True
    drain()
    assert statuses(reference) == {"lock": IntentStatus.PLANNED}
    world.base.is_unreachable = False
    live(world)
    assert is_locked(world, reference)


def test_rule_10_nothing_is_asked_inside_a_transaction(world: World) -> None:
    inside: list[str] = []
    for adapter in world.adapters.values():
        adapter.at_each = lambda name: (
            inside.append(name) if name == "preliminary" and connection.in_atomic_block else None
        )
    for chain in CHAINS:
        world.plan(token_terms(world, chain))
    live(world)
    assert inside == []
