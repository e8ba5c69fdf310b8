"""What a token's lock needs before it: made in time, by the same rules, and never for nothing."""

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from django.db import transaction

from chains_app.intents import void_intents
from chains_app.leases import wake
from chains_app.locks import PRELIMINARIES, Call, LockState, LockTerms
from chains_app.models import Attempt, AttemptStatus, Intent, IntentStatus
from chains_app.outbox.worker import drain
from chains_app.poller import poll_all
from chains_app.ports import Moment, Verdict
from chains_app.selectors import leg_facts
from chains_app.signers import SignerRole, refusal, role_of
from tests.integration.chains.world import (
    AMOUNT,
    FUNDS,
    REGISTRATION,
    STORAGE,
    TOKEN,
    YES,
    World,
    age_attempts,
    in_other_connections,
    make_all_due,
)

CHAINS = ("base", "near")
FEE = 100
# what a lock for somebody whom the token does not know needs, in order
NEEDED = {"base": (Call.APPROVE,), "near": (Call.REGISTER, Call.PREPARE)}
LIFE = 9  # blocks, with a second's rest of the outbox in each


def token_terms(world: World, chain: str, **changes: Any) -> LockTerms:
    return world.terms(chain, token=TOKEN, beneficiary=world.stranger(chain), **changes)


def live(world: World, blocks: int = LIFE) -> None:
    for _ in range(blocks):
        age_attempts(2)
        world.turn()


def calls(reference: UUID) -> list[str]:
    """Of all attempts, in the order in which they were signed."""
    found = Attempt.objects.filter(intent__reference=reference).order_by("signed_at")
    return list(found.values_list("intent__call", flat=True))


def is_locked(world: World, reference: UUID) -> bool:
    return leg_facts([reference])[reference].final is LockState.OPEN


def statuses(reference: UUID) -> dict[str, str]:
    rows = Intent.objects.filter(reference=reference)
    return dict(rows.values_list("call", "status"))


@pytest.mark.parametrize("chain", CHAINS)
def test_a_token_lock_is_made_after_what_it_needs(world: World, chain: str) -> None:
    reference = world.plan(token_terms(world, chain))
    live(world)
    assert calls(reference) == [call.value for call in (*NEEDED[chain], Call.LOCK)]
    assert set(statuses(reference).values()) == {IntentStatus.DONE}
    assert is_locked(world, reference)
    assert world.chains[chain].state.balance("lock", TOKEN) == FUNDS - AMOUNT
    deposits = {"base": 0, "near": REGISTRATION + STORAGE}[chain]
    fees = FEE * len(calls(reference))
    assert world.chains[chain].state.balance("lock", None) == FUNDS - fees - deposits


@pytest.mark.parametrize("chain", CHAINS)
def test_a_lock_does_not_wait_until_what_it_needs_is_final(world: World, chain: str) -> None:
    reference = world.plan(token_terms(world, chain))
    for _ in NEEDED[chain]:
        make_all_due()
        drain()
        world.chains[chain].mine()
    make_all_due()
    drain()
    lock = Attempt.objects.get(intent__reference=reference, intent__call=Call.LOCK.value)
    assert lock.status == AttemptStatus.SENT
    final = Attempt.objects.filter(intent__reference=reference, status=AttemptStatus.FINAL)
    assert final.count() < len(NEEDED[chain])


def test_a_lock_is_woken_when_what_it_needs_is_there(world: World) -> None:
    """By its preliminary, not by its own pause."""
    reference = world.plan(token_terms(world, "base"))
    drain()
    world.base.mine()
    Intent.objects.filter(call=Call.LOCK.value).update(due_at=None)
    wake(Intent, "call = %(call)s", call=Call.APPROVE.value)
    drain()
    assert calls(reference) == [Call.APPROVE.value, Call.LOCK.value]


@pytest.mark.parametrize("chain", CHAINS)
def test_a_native_lock_asks_for_nothing(world: World, chain: str) -> None:
    reference = world.plan(world.terms(chain))
    live(world, 5)
    assert calls(reference) == [Call.LOCK.value]


@pytest.mark.parametrize("chain", CHAINS)
def test_rule_5_what_anybody_has_made_is_not_made_again(world: World, chain: str) -> None:
    terms = token_terms(world, chain)
    reference = world.plan(terms)
    for call in NEEDED[chain]:
        account = "lock" if call is Call.APPROVE else "maker"
        world.send_as(account, call, terms)
        world.chains[chain].mine()
    live(world, 5)
    assert calls(reference) == [Call.LOCK.value]
    assert is_locked(world, reference)


# --- guards and signers ------------------------------------------------------------------------


@pytest.mark.parametrize("moment", list(Moment))
def test_rule_5_nothing_is_spent_for_a_lock_that_may_not_be_made(
    world: World, moment: Moment
) -> None:
    no = Verdict(ok=False, reason="the ladder does not hold")
    world.guard = lambda _, asked: no if asked is moment else YES
    reference = world.plan(token_terms(world, "near"))
    live(world, 3)
    assert set(world.statuses(reference)) <= {AttemptStatus.VOID}
    assert world.intent(reference, Call.REGISTER).refusal == no.to_json()
    assert world.near.state.balance("lock", None) == FUNDS


def test_rule_15_preliminaries_go_out_from_the_lock_account(world: World) -> None:
    world.plan(token_terms(world, "near"))
    live(world)
    roles = Attempt.objects.values_list("signer__role", "signer__account").distinct()
    assert list(roles) == [("lock", "lock")]
    assert {role_of(call) for call in PRELIMINARIES} == {SignerRole.LOCK}


WRONG = {
    "contract": ("other", "other is not the configured contract escrows"),
    "token": ("unknown", "unknown is not a configured token"),
    "depositor": ("maker", "the lock's depositor maker is not this signer lock"),
}


@pytest.mark.parametrize("field", WRONG)
@pytest.mark.parametrize("call", PRELIMINARIES)
def test_rule_15_a_preliminary_for_anybody_elses_lock_is_refused(
    world: World, field: str, call: Call
) -> None:
    value, said = WRONG[field]
    changed: dict[str, str] = {field: value}
    terms = replace(token_terms(world, "near"), **changed)  # type: ignore[arg-type]
    assert refusal(call, terms, "lock", "escrows", frozenset({TOKEN})) == said


@pytest.mark.parametrize("call", PRELIMINARIES)
def test_rule_15_a_native_lock_has_no_preliminary(world: World, call: Call) -> None:
    said = refusal(call, world.terms("near"), "lock", "escrows", frozenset({TOKEN}))
    assert said == f"a native lock needs no {call.value}"


# --- races -------------------------------------------------------------------------------------


def test_two_legs_share_one_approval(world: World) -> None:
    references = [world.plan(token_terms(world, "base")) for _ in range(2)]
    live(world)
    assert sorted(calls(references[0]) + calls(references[1])) == ["approve", "lock", "lock"]
    assert all(is_locked(world, reference) for reference in references)


def test_two_legs_share_one_registration(world: World) -> None:
    references = [world.plan(token_terms(world, "near")) for _ in range(2)]
    live(world)
    made = calls(references[0]) + calls(references[1])
    assert sorted(made) == ["lock", "lock", "prepare", "prepare", "register"]
    assert all(is_locked(world, reference) for reference in references)


def test_rule_14_two_workers_at_once_make_each_lock_once(world: World) -> None:
    references = [world.plan(token_terms(world, chain)) for chain in CHAINS for _ in range(2)]
    for _ in range(LIFE):
        age_attempts(2)
        make_all_due()
        in_other_connections(drain, drain)
        for chain in world.chains.values():
            chain.mine()
        poll_all()
    assert all(is_locked(world, reference) for reference in references)
    locks = Attempt.objects.filter(intent__call="lock")
    assert (locks.count(), locks.filter(succeeded=True).count()) == (4, 4)


def test_a_leg_does_not_wait_for_anothers_approval_that_came_to_nothing(world: World) -> None:
    """Its bytes left and its intent was called off; the nonce is freed, and the next one goes."""
    terms = token_terms(world, "base")
    first = world.plan(terms)
    drain()
    world.base.held.update(t.hash for t in world.base.mempool)
    with transaction.atomic():
        assert void_intents(first, [Call.LOCK])
    second = world.plan(token_terms(world, "base"))
    live(world)
    live(world)
    assert is_locked(world, second)
    assert not is_locked(world, first)
