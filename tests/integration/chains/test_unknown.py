"""Unknown is not failed (rule 6): lost answers, dropped and stuck transactions, and new nonces."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.db.models import F

from chains_app.adapters.interface import (
    KeyState,
    Refusal,
    Stage,
    TransactionRefusedError,
    TransactionStatus,
)
from chains_app.adapters.memory import MemoryAdapter
from chains_app.adapters.memory_chain import Transaction
from chains_app.locks import Block, Call
from chains_app.models import Attempt, AttemptStatus, Intent, IntentStatus, Signer
from chains_app.outbox.decision import RESEND_AFTER, STALE_AFTER, STUCK_AFTER
from chains_app.outbox.nonces import sync_signers
from chains_app.outbox.signing import HURRY
from chains_app.outbox.worker import drain
from chains_app.poller import poll_all
from chains_app.registry import get_adapter, get_chain
from orchestrator.kernel.hashlock import Secret
from tests.integration.chains.world import (
    FUNDS,
    World,
    age_attempts,
    make_all_due,
    resume_signers,
    sign_only,
)

CHAINS = ("base", "near")


def look_again(world: World) -> None:
    make_all_due()
    drain()


@pytest.mark.parametrize("chain", CHAINS)
def test_rule_6_a_lost_answer_is_looked_up_and_never_signed_anew(world: World, chain: str) -> None:
    reference = world.plan(world.terms(chain))
    world.chains[chain].loses_answers = True
    drain()
    assert world.statuses(reference) == [AttemptStatus.LEFT]
    world.chains[chain].loses_answers = False
    world.turn(5)
    assert world.statuses(reference) == [AttemptStatus.FINAL]
    assert world.intent(reference).status == IntentStatus.DONE


def test_rule_6_what_a_node_refused_is_followed_and_never_signed_anew(world: World) -> None:
    reference = world.plan(world.terms())

    def refuse() -> None:
        raise TransactionRefusedError(Refusal.UNDERPRICED)

    world.adapters["base"].before["broadcast"] = refuse
    drain()
    assert world.statuses(reference) == [AttemptStatus.LEFT]
    age_attempts(RESEND_AFTER)
    world.turn(5)
    assert world.statuses(reference) == [AttemptStatus.FINAL]


def test_rule_6_the_key_is_asked_before_its_transactions(world: World) -> None:
    """A nonce that is used by the time of the first question is told of by the second."""
    reference = world.plan(world.terms())
    drain()

    def make_it_final() -> None:
        world.base.mine(4)

    world.adapters["base"].before["key_state"] = make_it_final
    look_again(world)
    assert world.statuses(reference) == [AttemptStatus.FINAL]


@pytest.mark.parametrize("chain", CHAINS)
def test_rule_5_the_same_bytes_are_sent_again(world: World, chain: str) -> None:
    reference = world.plan(world.terms(chain))
    world.chains[chain].drops_sent = True
    drain()
    world.chains[chain].drops_sent = False
    age_attempts(RESEND_AFTER)
    look_again(world)
    sent = [pending.hash for pending in world.chains[chain].mempool]
    assert sent == [attempt.hash for attempt in world.attempts(reference)]


def test_rule_5_bytes_are_not_sent_again_when_they_could_only_come_too_late(world: World) -> None:
    secret = Secret.generate()
    terms = world.terms("near", secret)
    reference = world.plan(terms)
    world.turn(4)
    world.plan(terms, Call.WITHDRAW, reference=reference, secret_id=world.keep(secret))
    world.near.drops_sent = True
    drain()
    world.near.drops_sent = False
    world.near.mine(seconds=terms.timelock - world.now("near") - 2)
    assert world.now("near") == terms.timelock - 1
    age_attempts(RESEND_AFTER)
    look_again(world)
    assert world.near.mempool == []


def test_rule_5_a_stuck_transaction_gets_a_higher_fee_on_its_nonce(world: World) -> None:
    reference = world.plan(world.terms())
    drain()
    world.base.held.add(world.attempts(reference)[0].hash)
    age_attempts(STUCK_AFTER)
    look_again(world)
    first, second = world.attempts(reference)
    assert (second.nonce, second.replaces) == (first.nonce, first)
    assert second.cost_cap - 10_000 == 113
    assert [pending.hash for pending in world.base.mempool] == [second.hash]
    world.turn(4)
    assert world.statuses(reference) == [AttemptStatus.DEAD, AttemptStatus.FINAL]
    assert world.intent(reference).status == IntentStatus.DONE


def test_rule_5_the_replaced_transaction_may_be_the_one_that_is_mined(world: World) -> None:
    reference = world.plan(world.terms())
    drain()
    first = world.base.mempool[0]
    age_attempts(STUCK_AFTER)
    look_again(world)
    world.base.mempool[:] = [first]
    world.turn(4)
    assert world.statuses(reference) == [AttemptStatus.FINAL, AttemptStatus.DEAD]
    assert world.intent(reference).status == IntentStatus.DONE


def test_rule_15_a_raised_fee_stays_under_the_cap(world: World) -> None:
    reference = world.plan(world.terms())
    drain()
    Signer.objects.update(cap_per_transaction=10_112)
    world.base.mempool.clear()
    age_attempts(STUCK_AFTER)
    look_again(world)
    (attempt,) = world.attempts(reference)
    assert [pending.hash for pending in world.base.mempool] == [attempt.hash]


def test_rule_5_fees_rise_to_the_registrys_cap_and_no_further(world: World) -> None:
    reference = world.plan(world.terms())
    drain()
    for _ in range(9):
        age_attempts(STUCK_AFTER)
        look_again(world)
    fees = [attempt.cost_cap - 10_000 for attempt in world.attempts(reference)]
    assert fees == [100, 113, 128, 145, 164, 186]
    assert [pending.fee for pending in world.base.mempool] == [186]


@pytest.mark.parametrize(("left", "raised"), [(HURRY + 2, 113), (HURRY, 198)])
def test_rule_5_near_its_last_moment_a_stuck_call_pays_all_that_it_may(
    world: World, left: int, raised: int
) -> None:
    """The last block that takes a withdrawal is before the timelock."""
    assert fees_of_a_stuck_withdrawal(world, left) == [100, raised]


def test_rule_15_in_a_hurry_the_signers_caps_hold_as_ever(world: World) -> None:
    sync_signers("base")
    Signer.objects.filter(role="duty").update(cap_per_transaction=150)
    assert fees_of_a_stuck_withdrawal(world, HURRY) == [100, 113]


def test_rule_5_in_a_hurry_no_more_is_offered_than_the_account_has(world: World) -> None:
    """No node would take it, and the lower one might get lost meanwhile."""
    world.base.fund("duty", 150 - FUNDS)
    assert fees_of_a_stuck_withdrawal(world, HURRY) == [100, 149]


def fees_of_a_stuck_withdrawal(world: World, left: int) -> list[int]:
    """Both attempts', the second one made `left` seconds before the last block that takes it."""
    secret = Secret.generate()
    terms = world.terms(secret=secret, timelock=world.now() + 1000)
    reference = world.plan(terms)
    world.turn(4)
    world.base.mine(seconds=terms.timelock - 1 - left - world.now())
    poll_all()
    world.plan(terms, Call.WITHDRAW, reference=reference, secret_id=world.keep(secret))
    drain()
    world.base.is_halted = True
    age_attempts(STUCK_AFTER)
    look_again(world)
    return [attempt.cost_cap for attempt in world.attempts(reference)][1:]


@pytest.mark.parametrize(("left", "raised"), [(HURRY + 2, 10_113), (HURRY, 10_198)])
def test_rule_15_the_most_urgent_call_sets_the_fee_of_the_nonces_before_it(
    world: World, left: int, raised: int
) -> None:
    """The other lock is wanted by a moment that is far away."""
    world.base.is_halted = True
    far, soon = (
        world.plan(world.terms(lock_by=world.now() + seconds, timelock=world.now() + 1000))
        for seconds in (900, left)
    )
    Intent.objects.filter(watch__reference=far).update(urgency=1)
    drain()
    assert [world.attempts(each)[0].nonce for each in (far, soon)] == [0, 1]
    age_attempts(STUCK_AFTER)
    look_again(world)
    assert [attempt.cost_cap for attempt in world.attempts(far)] == [10_100, raised]


def test_rule_15_a_freed_nonce_never_costs_what_the_call_would_have_moved(world: World) -> None:
    """An urgent lock waits behind one that is too late, whose place a mere transfer takes."""
    world.base.is_halted = True
    late, soon = (
        world.plan(world.terms(lock_by=world.now() + seconds, timelock=world.now() + 1000))
        for seconds in (20, HURRY + 20)
    )
    Intent.objects.filter(watch__reference=late).update(urgency=1)
    drain()
    world.base.is_halted = False
    world.base.mempool.clear()
    world.base.mine(seconds=30)
    world.base.is_halted = True
    poll_all()
    age_attempts(STUCK_AFTER)
    look_again(world)
    call, freed = world.attempts(late)
    assert (call.nonce, freed.nonce, world.attempts(soon)[0].nonce) == (0, 0, 1)
    fee = get_chain("base").fee_cap(Call.LOCK, None)
    assert call.cost_cap + fee < freed.cost_cap <= 10_000 + 2 * fee


def test_rule_15_a_stuck_nonce_whose_effect_somebody_made_holds_nothing_up(world: World) -> None:
    """A stranger withdraws for us; our own withdrawal of another lock waits behind ours of this."""
    secrets = [Secret.generate(), Secret.generate()]
    terms = [world.terms("base", secret) for secret in secrets]
    references = [world.plan(each) for each in terms]
    world.turn(4)
    for reference, each, secret in zip(references, terms, secrets, strict=True):
        kept = world.keep(secret)
        world.plan(each, Call.WITHDRAW, reference=reference, secret_id=kept)
        drain()
    stuck, behind = (Attempt.objects.get(intent__reference=each, intent__call="withdraw")
                     for each in references)  # fmt: skip
    assert behind.nonce == stuck.nonce + 1
    world.base.held.add(stuck.hash)
    world.send_as("maker", Call.WITHDRAW, terms[0], secrets[0])
    world.base.mine()
    age_attempts(STUCK_AFTER)
    look_again(world)
    world.base.mine()
    assert world.base.state.locks[get_adapter("base").lock_id(terms[1])].state.value == "withdrawn"


def test_rule_5_no_new_nonce_while_the_old_one_may_be_included(world: World) -> None:
    reference = world.plan(world.terms("near"))
    drain()
    world.near.drop(world.attempts(reference)[0].hash)
    world.near.is_halted = True
    for _ in range(3):
        age_attempts(60)
        look_again(world)
        world.near.drop(world.attempts(reference)[0].hash)
    assert len(world.attempts(reference)) == 1


def test_rule_5_a_new_nonce_once_the_block_hash_has_expired_at_a_final_block(world: World) -> None:
    reference = world.plan(world.terms("near"))
    world.near.drops_sent = True
    drain()
    expires = world.attempts(reference)[0].expires_at_height
    assert expires == 30
    world.near.mine(expires)
    world.turn()
    assert len(world.attempts(reference)) == 1
    world.near.drops_sent = False
    world.turn(5)
    assert world.statuses(reference) == [AttemptStatus.DEAD, AttemptStatus.FINAL]
    assert world.intent(reference).status == IntentStatus.DONE


def test_rule_5_what_a_node_that_lags_does_not_know_is_not_dead(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    reference = world.plan(world.terms("near"))
    world.near.drops_sent = True
    drain()
    world.near.drops_sent = False
    world.near.mine(world.attempts(reference)[0].expires_at_height or 0)
    adapter = get_adapter("near")
    monkeypatch.setattr(adapter, "views", lambda: [Lagging(world.near)], raising=False)
    world.turn(3)
    assert world.statuses(reference) == [AttemptStatus.SENT]
    both = [Lagging(world.near), MemoryAdapter(world.near)]
    monkeypatch.setattr(adapter, "views", lambda: both, raising=False)
    world.turn(5)
    assert world.statuses(reference) == [AttemptStatus.DEAD, AttemptStatus.FINAL]


class Lagging(MemoryAdapter):
    """A node that has not seen any block but the first."""

    def final(self, tier: str) -> Block:
        return self.block(0)


def test_rule_5_a_new_nonce_once_another_final_transaction_used_it(world: World) -> None:
    reference = world.plan(world.terms())
    world.base.drops_sent = True
    drain()
    world.base.drops_sent = False
    world.base.submit(Transaction("lock", "key-0", 0, 500))
    world.base.mine()
    look_again(world)
    assert len(world.attempts(reference)) == 1  # used, but not finally
    world.turn(8)
    resume_signers()  # they were stopped: the transaction was not ours
    world.turn(8)
    assert world.statuses(reference) == [AttemptStatus.DEAD, AttemptStatus.FINAL]
    assert [attempt.nonce for attempt in world.attempts(reference)] == [0, 1]


def test_rule_5_a_final_transaction_without_the_effect_is_tried_again_after_a_rest(
    world: World,
) -> None:
    secret = Secret.generate()
    terms = world.terms("base", secret)
    reference = world.plan(terms)
    world.turn(4)
    secret_id = world.keep(Secret.generate())  # the contract refuses it
    world.plan(terms, Call.WITHDRAW, reference=reference, secret_id=secret_id)
    drain()
    world.base.mine(4)
    look_again(world)
    assert world.statuses(reference)[1:] == [AttemptStatus.FINAL]
    assert world.attempts(reference)[1].succeeded is False
    look_again(world)
    assert len(world.attempts(reference)) == 2
    world.secrets[secret_id] = secret
    Attempt.objects.update(ended_at=F("ended_at") - timedelta(seconds=2))
    world.turn(5)
    assert world.intent(reference, Call.WITHDRAW).status == IntentStatus.DONE


def test_what_was_signed_long_ago_is_signed_again_before_it_leaves(world: World) -> None:
    reference = world.plan(world.terms())
    sign_only(world)
    age_attempts(STALE_AFTER)
    drain()
    assert world.statuses(reference) == [AttemptStatus.VOID, AttemptStatus.SENT]
    assert [attempt.nonce for attempt in world.attempts(reference)] == [0, 0]


def test_an_unreachable_chain_holds_no_other_back(world: World) -> None:
    stuck = [world.plan(world.terms("near"), urgency=1) for _ in range(3)]
    other = world.plan(world.terms("base"))
    world.near.is_unreachable = True
    drain()
    assert world.statuses(other) == [AttemptStatus.SENT]
    assert [world.attempts(reference) for reference in stuck] == [[], [], []]


@pytest.mark.parametrize("lie", ["final", "used by another"])
def test_rule_6_what_one_node_calls_over_is_pending_while_another_calls_its_nonce_unused(
    world: World, monkeypatch: pytest.MonkeyPatch, lie: str
) -> None:
    """Else nobody would send it again, and all later nonces would wait behind it."""
    several, liar = replace(get_chain("base"), nodes=2), world.adapters["base"]
    monkeypatch.setattr("chains_app.outbox.deaths.get_chain", lambda _: several)
    reference = world.plan(world.terms())
    drain()
    world.base.mempool.clear()
    world.base.mine()
    poll_all()
    with monkeypatch.context() as patch:
        patch.setattr(liar, "views", lambda: [liar, MemoryAdapter(world.base)], raising=False)
        if lie == "final":
            said = TransactionStatus(Stage.FINAL, succeeded=True, height=1, block_hash="0x1")
            patch.setattr(liar, "transaction_status", lambda *_: said, raising=False)
        else:
            patch.setattr(liar, "key_state", lambda _: KeyState(9, 9, 9), raising=False)
        age_attempts(STUCK_AFTER)
        look_again(world)
    assert world.statuses(reference) == [AttemptStatus.SENT]
    assert len(world.base.mempool) == 1  # again, and for no higher fee
    world.turn(5)
    assert world.intent(reference).status == IntentStatus.DONE
    assert {attempt.nonce for attempt in world.attempts(reference)} == {0}
