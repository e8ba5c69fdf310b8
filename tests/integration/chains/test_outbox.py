"""The outbox's ordinary path: each call from its plan to its final effect (rule 5)."""

from collections.abc import Callable, Sequence

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from chains_app.locks import Call, LockState
from chains_app.models import Attempt, AttemptStatus, Intent, IntentStatus
from chains_app.outbox import worker
from chains_app.outbox.following import Stored, stored_of
from chains_app.outbox.signing import sign
from chains_app.outbox.worker import drain, run_outbox
from chains_app.poller import poll_all
from chains_app.registry import signing_keys
from chains_app.selectors import known_of, leg_facts, writes_left
from chains_app.signers import SignerRole
from orchestrator.kernel.hashlock import Secret
from tests.integration.chains.world import World, age_attempts, make_all_due

CHAINS = ("base", "near")


@pytest.mark.parametrize("chain", CHAINS)
def test_rule_5_a_lock_goes_from_planned_to_done(world: World, chain: str) -> None:
    reference = world.plan(world.terms(chain))
    assert world.intent(reference).status == IntentStatus.PLANNED
    drain()
    assert world.statuses(reference) == [AttemptStatus.SENT]
    assert writes_left([reference]) == {reference: {Call.LOCK}}
    world.turn()
    make_all_due()
    drain()
    assert world.statuses(reference) == [AttemptStatus.INCLUDED]
    assert world.intent(reference).status == IntentStatus.ACTIVE
    world.turn(3)
    assert world.intent(reference).status == IntentStatus.DONE
    assert world.statuses(reference) == [AttemptStatus.FINAL]
    assert leg_facts([reference])[reference].final is LockState.OPEN


@pytest.mark.parametrize("chain", CHAINS)
def test_a_withdrawal_pays_the_maker_and_shows_the_secret(world: World, chain: str) -> None:
    secret = Secret.generate()
    terms = world.terms(chain, secret)
    reference = world.plan(terms)
    world.turn(4)
    before = world.chains[chain].state.balance("maker", None)
    world.plan(terms, Call.WITHDRAW, reference=reference, secret_id=world.keep(secret))
    world.turn(5)
    facts = leg_facts([reference])[reference]
    assert world.intent(reference, Call.WITHDRAW).status == IntentStatus.DONE
    assert world.chains[chain].state.balance("maker", None) == before + terms.amount
    assert (facts.head, facts.final, facts.head_paid) == (LockState.WITHDRAWN,) * 2 + (True,)
    assert facts.preimage == secret.reveal()


@pytest.mark.parametrize("call", [Call.REFUND, Call.REFUND_EARLY])
def test_a_refund_gives_the_money_back(world: World, call: Call) -> None:
    terms = world.terms(ours=False)
    world.lock_by_maker(terms)
    if call is Call.REFUND:
        world.base.mine(seconds=1200)
    reference = world.plan(terms, call, send_by=terms.timelock + 10**6)
    world.turn(5)
    assert world.intent(reference, call).status == IntentStatus.DONE
    assert world.base.state.balance("maker", None) == 10**9 - 100


def test_rule_5_done_by_anybody_is_done(world: World) -> None:
    secret = Secret.generate()
    terms = world.terms("base", secret)
    reference = world.plan(terms)
    world.turn(4)
    world.send_as("maker", Call.WITHDRAW, terms, secret)
    world.base.mine()
    world.plan(terms, Call.WITHDRAW, reference=reference, secret_id=world.keep(secret))
    world.turn(4)
    assert world.intent(reference, Call.WITHDRAW).status == IntentStatus.DONE
    assert world.opened == []
    assert writes_left([reference]) == {reference: {Call.LOCK}}


def test_rule_5_a_lock_that_its_deadline_passed_is_impossible(world: World) -> None:
    terms = world.terms()
    world.base.is_halted = True
    reference = world.plan(terms)
    drain()
    world.base.drop(world.attempts(reference)[0].hash)
    world.base.is_halted = False
    world.base.mine(seconds=601)
    world.turn(4)
    assert world.intent(reference).status == IntentStatus.IMPOSSIBLE
    assert leg_facts([reference])[reference].final_time > terms.lock_by


def test_rule_5_a_withdrawal_that_left_and_missed_the_timelock_is_impossible(world: World) -> None:
    secret = Secret.generate()
    terms = world.terms("base", secret)
    reference = world.plan(terms)
    world.turn(4)
    world.plan(terms, Call.WITHDRAW, reference=reference, secret_id=world.keep(secret))
    world.base.drops_sent = True
    drain()
    world.base.drops_sent = False
    world.base.mine(seconds=1200)
    world.turn(4)
    assert world.intent(reference, Call.WITHDRAW).status == IntentStatus.IMPOSSIBLE


def test_rule_5_a_withdrawal_that_never_left_before_the_timelock_is_void(world: World) -> None:
    secret = Secret.generate()
    terms = world.terms("base", secret)
    reference = world.plan(terms)
    world.turn(4)
    world.base.mine(seconds=1200)
    world.plan(terms, Call.WITHDRAW, reference=reference, secret_id=world.keep(secret))
    world.turn(4)
    assert world.intent(reference, Call.WITHDRAW).status == IntentStatus.VOID
    assert world.opened == []


def test_planning_twice_is_planning_once(world: World) -> None:
    terms = world.terms()
    reference = world.plan(terms)
    world.plan(terms, reference=reference)
    world.turn(5)
    world.plan(terms, reference=reference)
    drain()
    assert Intent.objects.count() == 1
    assert len(world.attempts(reference)) == 1


def test_rule_1_an_unpaid_payout_is_paid_when_it_can_be(world: World) -> None:
    secret = Secret.generate()
    terms = world.terms("base", secret)
    reference = world.plan(terms)
    world.turn(4)
    world.base.refusing.add("maker")
    world.plan(terms, Call.WITHDRAW, reference=reference, secret_id=world.keep(secret))
    world.turn(5)
    assert world.intent(reference, Call.WITHDRAW).status == IntentStatus.DONE
    assert leg_facts([reference])[reference].head_paid is False
    assert world.intent(reference, Call.PAY).status == IntentStatus.ACTIVE
    world.turn(3)
    assert world.statuses(reference)[2:] == [AttemptStatus.FINAL]
    world.base.refusing.clear()
    age_attempts(2)  # it failed once, and rests before it tries again
    world.turn(5)
    assert leg_facts([reference])[reference].final_paid is True
    assert world.intent(reference, Call.PAY).status == IntentStatus.DONE


def test_listeners_hear_of_every_change(world: World) -> None:
    reference = world.plan(world.terms())
    drain()
    assert world.changed == [{reference}]
    world.base.mine()
    poll_all()
    assert world.changed[1:] == [{reference}]


def test_many_locks_go_out_together(world: World) -> None:
    references = [world.plan(world.terms()) for _ in range(12)]
    assert drain() == 12
    assert len(world.base.mempool) == 12
    world.turn(4)
    assert {world.intent(reference).status for reference in references} == {IntentStatus.DONE}
    nonces = sorted(world.attempts(reference)[0].nonce for reference in references)
    assert nonces == list(range(12))


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """For how many intents what is stored was read at once, each time."""
    made: list[int] = []

    def counted(intents: Sequence[Intent]) -> dict[int, Stored]:
        made.append(len(intents))
        return stored_of(intents)

    monkeypatch.setattr(worker, "stored_of", counted)
    return made


@pytest.fixture
def signed(monkeypatch: pytest.MonkeyPatch) -> list[Intent]:
    """What a signature was asked for."""
    asked: list[Intent] = []

    def ask(intent: Intent) -> Attempt | None:
        asked.append(intent)
        return sign(intent)

    monkeypatch.setattr(worker, "sign", ask)
    return asked


def test_what_is_stored_of_a_batch_is_read_at_once(world: World, looks: list[int]) -> None:
    for _ in range(4):
        world.plan(world.terms())
    assert run_outbox() == 4
    assert looks == [4]
    assert len(world.base.mempool) == 4


def test_what_was_read_for_a_batch_is_not_believed_for_long(
    world: World, looks: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An intent's turn may come late: others were driven before it."""
    monkeypatch.setattr(worker, "OLD_SECONDS", -1)
    for _ in range(3):
        world.plan(world.terms())
    assert run_outbox() == 3
    assert looks == [3, 1, 1, 1]


def test_a_second_look_at_an_intent_reads_it_anew(world: World, looks: list[int]) -> None:
    """What it goes by was changed by the first move."""
    reference = world.plan(world.terms())
    drain()
    world.base.mine()
    make_all_due()
    looks.clear()
    assert run_outbox() == 1
    assert world.statuses(reference) == [AttemptStatus.INCLUDED]
    assert looks == [1, 1]


def test_who_finds_no_free_key_asks_for_no_other_of_its_role(
    world: World, signed: list[Intent]
) -> None:
    """One transaction is in flight per NEAR key: the rest of the batch waits behind it."""
    references = [world.plan(world.terms("near")) for _ in range(5)]
    assert run_outbox() == 5
    assert len(signed) == len(signing_keys("near", SignerRole.LOCK)) + 1
    for _ in references:
        world.turn()
        make_all_due()
        drain()
    world.turn(4)
    assert {tuple(world.statuses(each)) for each in references} == {(AttemptStatus.FINAL,)}


def test_rule_7_how_far_a_chain_is_final_is_read_before_the_readings(world: World) -> None:
    """Else one that a reorganisation takes back in between looks final by a later block."""
    reference = world.plan(world.terms())
    intent = world.intent(reference)
    asks: list[Callable[[], object]] = [
        lambda: stored_of([intent]), lambda: leg_facts([reference]), lambda: known_of([reference])
    ]  # fmt: skip
    for read in asks:
        with CaptureQueriesContext(connection) as asked:
            read()
        sql = "; ".join(query["sql"] for query in asked)
        cursors, readings = 'FROM "chains_app_chaincursor"', 'FROM "chains_app_observation"'
        assert -1 < sql.find(cursors) < sql.find(readings)
