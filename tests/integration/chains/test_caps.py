"""What the keys of an account may spend, and what counts (rule 15)."""

from importlib import import_module

import pytest
from django.db import connection

from chains_app.config import ChainsEnvironment
from chains_app.models import Attempt, AttemptStatus, Signer, Spending
from chains_app.outbox.decision import STUCK_AFTER
from chains_app.outbox.nonces import sync_signers
from chains_app.outbox.worker import drain
from chains_app.ports import Moment, Verdict
from chains_app.registry import use_environment
from tests.integration.chains.world import (
    AMOUNT,
    YES,
    World,
    age_attempts,
    assert_all_spending_is_counted,
    make_all_due,
)
from tests.unit.chains.environment import ENVIRONMENT, ETHER, NEAR, caps

LOCK_COST = AMOUNT + 100  # with the in-memory chain's fee


@pytest.mark.parametrize("cap", ["cap_per_transaction", "cap_per_hour", "cap_per_day"])
def test_rule_15_a_cap_stops_what_would_pass_it(world: World, cap: str) -> None:
    sync_signers("base")
    Signer.objects.update(**{cap: LOCK_COST - 1})
    reference = world.plan(world.terms())
    drain()
    assert world.attempts(reference) == []
    Signer.objects.update(**{cap: LOCK_COST})
    make_all_due()
    drain()
    assert world.statuses(reference) == [AttemptStatus.SENT]


@pytest.mark.parametrize(("cap", "period"), [("cap_per_hour", 3600), ("cap_per_day", 86_400)])
def test_rule_15_a_cap_counts_what_was_signed_in_its_period(
    world: World, cap: str, period: int
) -> None:
    sync_signers("base")
    Signer.objects.update(**{cap: 2 * LOCK_COST})
    references = [world.plan(world.terms()) for _ in range(3)]
    drain()
    assert sorted(len(world.attempts(reference)) for reference in references) == [0, 1, 1]
    world.base.mine()
    for age, signed in ((period, [0, 1, 1]), (60, [1, 1, 1])):  # a minute counts as a whole
        age_attempts(age)
        make_all_due()
        drain()
        assert sorted(len(world.attempts(each)) for each in references) == signed


def test_rule_15_of_a_nonce_the_newest_fee_counts(world: World) -> None:
    reference = world.plan(world.terms())
    drain()
    age_attempts(STUCK_AFTER)
    make_all_due()
    drain()
    first, newest = world.attempts(reference)
    assert newest.cost_cap > first.cost_cap
    assert sum(Spending.objects.values_list("amount", flat=True)) == newest.cost_cap
    assert_all_spending_is_counted()


def test_what_is_signed_within_a_minute_is_one_sum(world: World) -> None:
    for age in (0, 0, 30, 30):
        age_attempts(age)
        world.plan(world.terms())
        drain()
        world.base.mine()
    sums = Spending.objects.order_by("since").values_list("amount", flat=True)
    assert list(sums) == [3 * LOCK_COST, LOCK_COST]
    assert_all_spending_is_counted()


def test_what_was_spent_before_there_were_sums_is_summed_up(world: World) -> None:
    """By the migration: one fee was raised, one attempt is void, and one too old to count."""
    old = world.plan(world.terms())
    world.turn(4)
    age_attempts(26 * 3600)
    raised = world.plan(world.terms())
    drain()
    age_attempts(STUCK_AFTER)
    make_all_due()
    drain()
    world.guard = lambda _, moment: Verdict(ok=moment is Moment.SIGN, reason="not now")
    void = world.plan(world.terms())
    drain()
    Attempt.objects.update(spending=None)
    Spending.objects.all().delete()
    with connection.cursor() as cursor:
        cursor.execute(import_module("chains_app.migrations.0015_spending").SUM_UP)
    assert [len(world.attempts(each)) for each in (old, raised, void)] == [1, 2, 1]
    counted = Attempt.objects.get(spending__isnull=False)
    assert counted == world.attempts(raised)[-1]
    assert Spending.objects.get() == counted.spending
    assert counted.spending.amount == counted.cost_cap


def test_rule_15_a_cap_counts_all_keys_of_an_account(world: World) -> None:
    sync_signers("near")
    Signer.objects.update(cap_per_hour=LOCK_COST)
    references = [world.plan(world.terms("near")) for _ in range(2)]
    drain()
    assert Signer.objects.filter(chain="near", role="lock").count() == 2
    assert sorted(len(world.attempts(reference)) for reference in references) == [0, 1]


def test_rule_15_keys_have_the_caps_that_are_configured_for_their_account(db: None) -> None:
    for day in (3 * ETHER, 4 * ETHER):  # as at a later start
        changed = {"BASE_LOCK_CAPS": caps(1 * ETHER, 2 * ETHER, day)}
        with use_environment(ChainsEnvironment.of(ENVIRONMENT | changed)):
            for chain in ("base", "near"):
                sync_signers(chain)
        rows = Signer.objects.values_list(
            "chain", "role", "cap_per_transaction", "cap_per_hour", "cap_per_day"
        )
        assert set(rows) == {
            ("base", "lock", 1 * ETHER, 2 * ETHER, day),
            ("base", "duty", 4 * ETHER, 5 * ETHER, 6 * ETHER),
            ("near", "lock", 7 * NEAR, 7 * NEAR, 7 * NEAR),
            ("near", "duty", 8 * NEAR, 9 * NEAR, 10 * NEAR),
        }


def test_rule_15_what_is_void_was_not_spent(world: World) -> None:
    sync_signers("base")
    Signer.objects.update(cap_per_day=LOCK_COST)
    world.guard = lambda _, moment: Verdict(ok=moment is Moment.SIGN, reason="not now")
    reference = world.plan(world.terms())
    drain()
    world.guard = lambda _, __: YES
    make_all_due()
    drain()
    assert world.statuses(reference) == [AttemptStatus.VOID, AttemptStatus.SENT]
