"""A worker may die at any line (rule 14): every point of every kind of write, one by one."""

from collections.abc import Iterable
from itertools import pairwise

import pytest
from django.db import transaction

from chains_app.config import Nonces
from chains_app.locks import Call
from chains_app.models import FILL, Attempt, Intent, IntentStatus
from chains_app.outbox.decision import Move
from chains_app.outbox.worker import drain
from chains_app.poller import poll
from chains_app.registry import get_chain
from tests.integration.chains.deaths import (
    IDLE,
    At,
    InTurn,
    Life,
    Sleeps,
    check_ended,
    dies_at,
    no_death,
)
from tests.integration.chains.kinds import KINDS, Kind
from tests.integration.chains.mishaps import MISHAPS
from tests.integration.chains.world import TOKEN, World, let_leases_expire

WRITES = KINDS | MISHAPS
POINTS = {name: kind.points.split() for name, kind in WRITES.items()}
EVERY = [
    (name, number)
    for name, points in POINTS.items()
    for number, (point, then) in enumerate(pairwise(points))
    if point != IDLE
    and (point, then) != ("release", IDLE)  # who dies then has nothing in hand
    and points[:number].count(IDLE) in WRITES[name].jobs
]


def steps_of(names: Iterable[str]) -> set[str]:
    return {point for name in names for point in POINTS[name]} - {IDLE}


def live(world: World, kind: Kind, at: At) -> Life:
    """What became of it is the same, whoever died."""
    poll(kind.chain)
    kind.plan(world, kind.chain)
    life = Life(world, kind.chain, at)
    kind.live(life)
    assert check_ended(life) == kind.changes
    intents = Intent.objects.order_by("pk").values_list("call", "status")
    assert [" ".join(each) for each in intents] == kind.intents
    attempts = Attempt.objects.order_by("signed_at").values_list("intent__call", "status")
    assert [" ".join(each) for each in attempts] == kind.attempts
    return life


def test_every_kind_of_write_is_here(world: World) -> None:
    """As the registry lists them for each chain; a gap is filled where it stops later nonces."""
    known = {("base", FILL)}
    for chain in world.chains:
        known |= {(chain, call.value) for call in get_chain(chain).tokens[TOKEN].gas}
    assert {(kind.chain, call) for kind in KINDS.values() for call in kind.calls} == known
    assert {call for _, call in known} == {FILL, *(call.value for call in Call)}
    sequential = [name for name in world.chains if get_chain(name).nonces is Nonces.SEQUENTIAL]
    assert sequential == ["base"]


STEPS = {
    Move.WANT_PRELIMINARY: "want",
    Move.SIGN: "sign",
    Move.SEND_FIRST: "send_first",
    Move.RESEND: "broadcast",
    Move.RAISE_FEE: "sign_replacement",
    Move.FREE_NONCE: "sign_replacement",
    Move.VOID_ATTEMPT: "void_unsent",
    Move.MARK_INCLUDED: "mark_included",
    Move.MARK_FINAL: "mark_final",
    Move.MARK_DEAD: "mark_dead",
    Move.END_DONE: "end",
    Move.END_IMPOSSIBLE: "end",
    Move.END_VOID: "end",
}


def test_every_move_of_the_outbox_is_made() -> None:
    assert set(STEPS) == set(Move) - {Move.WAIT}
    assert set(STEPS.values()) <= steps_of(WRITES)


@pytest.mark.parametrize("name", WRITES)
def test_a_write_has_exactly_these_points(world: World, name: str) -> None:
    assert live(world, WRITES[name], no_death).points == POINTS[name]


@pytest.mark.parametrize(
    ("name", "number"),
    EVERY,
    ids=[f"{name}: {number + 1} {POINTS[name][number]}" for name, number in EVERY],
)
def test_rule_14_a_write_survives_a_death_right_after(world: World, name: str, number: int) -> None:
    life = live(world, WRITES[name], dies_at(number))
    assert life.deaths == 1


# of each step one: what a death there leaves is what the lasting point before it has left
EACH_STEP = (
    "near lock",
    "base withdrawal",
    "near repayment",
    "near token lock for a stranger",
    "base fill",
    "base withdrawal that is stuck",
    "near lock that expired",
    "near lock that was reorganised away",
    "base lock that its guard refused",
    "base lock that grew old",
    "base lock behind a stranger's",
)


def test_each_step_is_among_them() -> None:
    assert steps_of(EACH_STEP) == steps_of(WRITES)


@pytest.mark.parametrize("name", EACH_STEP)
def test_rule_14_a_write_survives_deaths_wherever_nothing_lasts(world: World, name: str) -> None:
    """At each exchange, each guard, and with each transaction open, one worker after the other."""
    turns = InTurn()
    life = live(world, WRITES[name], turns)
    assert turns.died_at == turns.seen
    assert turns.seen >= {f"before {point}" for point in POINTS[name] if point != IDLE}
    assert life.deaths > len(turns.died_at)


SLEEPERS = {
    "want": "near token lock for a stranger",
    "wake": "near token lock for a stranger",
    "sign": "near lock",
    "send_first": "base withdrawal",
    "broadcast": "base withdrawal",
    "record": "near repayment",
    "release": "near lock",
    "mark_included": "near repayment",
    "mark_final": "base withdrawal",
    "mark_dead": "near lock that expired",
    "end": "base withdrawal",
    "sign_replacement": "base withdrawal that is stuck",
    "void_unsent": "base lock that grew old",
    "store_refusal": "base lock that its guard refused",
}


def test_all_that_a_lease_stands_for_is_slept_through() -> None:
    unfenced = {
        "claim",
        "doubt",  # to read a lock anew is never wrong
        "sync_signers",
        "rewind",
        "stop_after_stranger",
    }  # no lease stands for them
    assert steps_of(WRITES) - unfenced == set(SLEEPERS)


@pytest.mark.parametrize("blocks", [0, 1, 3])
@pytest.mark.parametrize("step", SLEEPERS)
def test_rule_8_who_slept_before_a_write_changes_nothing(
    world: World, step: str, blocks: int
) -> None:
    sleeper = Sleeps(step, blocks)
    live(world, WRITES[SLEEPERS[step]], sleeper)
    assert sleeper.has_slept
    assert sleeper.wrote == []


def test_rule_14_a_commit_that_fails_leaves_nothing_of_a_signature(world: World) -> None:
    reference = world.plan(world.terms())
    adapter = world.adapters["base"]
    adapter.before["sign"] = transaction.get_connection().close  # the database goes away
    drain()
    assert Attempt.objects.count() == 0
    let_leases_expire()
    world.turn(5)
    assert world.intent(reference).status == IntentStatus.DONE
