"""How reservations end, and what stays counted after it: balances and stakes that lag behind."""

from fractions import Fraction
from uuid import UUID, uuid4

import pytest
from django.db import IntegrityError

from auctions_app.market import use_market
from auctions_app.models import Hold, Reservation
from auctions_app.reservations import hold_gas, release_gas, release_reservation
from auctions_app.selectors import Balance, exposure, gas_of_others, held
from auctions_app.services import InsufficientLiquidityError
from auctions_app.timelocks import FinalityTiers
from chains_app.config import ChainsEnvironment, PolicyName
from chains_app.models import Signer
from chains_app.outbox.nonces import sync_signers
from chains_app.registry import use_environment
from tests.integration.auctions.worlds import (
    DUTY,
    LOCK,
    NOW,
    PLENTY,
    at,
    bound_quote,
    changed,
    fill_at,
    filled,
    lock_needs,
    readings,
)
from tests.unit.auctions.markets import ETHER, NEAR, environment, market

pytestmark = pytest.mark.django_db
BOTH = {"base": NOW, "near": NOW}
CAPS = ("cap_per_transaction", "cap_per_hour", "cap_per_day")


def filled_session() -> tuple[UUID, int]:
    session_id, quote = bound_quote()
    return session_id, filled(session_id, quote).destination_amount


def release(session_id: UUID, base: int, near: int) -> bool:
    return release_reservation(session_id=session_id, heads={"base": at(base), "near": at(near)})


def end(session_id: UUID, base: int, near: int) -> None:
    """Our lock is final, and then both legs are decided."""
    assert release(session_id, base, near)
    release_gas(session_id=session_id, heads={"base": at(base), "near": at(near)})


def test_a_lock_that_was_never_made_frees_everything_at_once() -> None:
    session_id, _ = filled_session()
    assert release_reservation(session_id=session_id, heads=None)
    release_gas(session_id=session_id, heads=BOTH)
    assert held(BOTH) == {}
    assert exposure(BOTH) == {"base": 0, "near": 0}
    assert not Reservation.objects.filter(ended_at=None).exists()


def test_a_reservation_ends_once() -> None:
    session_id, _ = filled_session()
    assert release(session_id, 40, 41) is True
    assert release(session_id, 90, 91) is False
    assert release_reservation(session_id=session_id, heads=None) is False
    stored = Reservation.objects.get(session_id=session_id)
    assert (stored.status, stored.source_ended_at, stored.ended_at) == ("ended", at(40), at(41))


def test_a_session_without_a_reservation_has_nothing_to_end() -> None:
    assert release_reservation(session_id=uuid4(), heads=None) is False


def test_other_sessions_keep_theirs() -> None:
    session_id, amount = filled_session()
    other, _ = filled_session()
    release_reservation(session_id=session_id, heads=None)
    assert Reservation.objects.get(ended_at=None).session_id == other
    assert held(BOTH)[Balance(LOCK, "near", None)] == lock_needs(amount)


def test_a_hold_counts_until_a_balance_read_later_shows_what_left_us() -> None:
    session_id, amount = filled_session()
    end(session_id, base=40, near=50)
    before, after = {"base": at(39), "near": at(49)}, {"base": at(40), "near": at(50)}
    assert held(before)[Balance(LOCK, "near", None)] == lock_needs(amount)
    assert held(before)[Balance(DUTY, "base", None)] > 0
    assert held(after) == {}
    assert {balance.chain for balance in held({"base": at(40), "near": at(49)})} == {"near"}


def test_the_gas_of_withdrawals_and_refunds_outlives_our_lock() -> None:
    """All that a fill holds, but what our lock took."""
    session_id, _ = filled_session()
    before = held(BOTH)
    release(session_id, base=40, near=50)
    after = {"base": at(100), "near": at(100)}
    gas = {balance: amount for balance, amount in before.items() if balance[:2] != (LOCK, "near")}
    assert {balance[:2] for balance in gas} == {(LOCK, "base"), (DUTY, "base"), (DUTY, "near")}
    assert held(after) == gas
    release_gas(session_id=session_id, heads=after)
    assert held(after) == {}
    hold_gas(session_id=session_id)  # a reorganisation took an end back
    assert held(after) == gas


@pytest.mark.parametrize(
    ("role", "cap", "most"),
    [
        ("lock", "cap_per_transaction", 990 * NEAR),  # of 997 for one ETH
        ("lock", "cap_per_day", 990 * NEAR),
        ("duty", "cap_per_hour", NEAR // 10),
    ],
)
def test_rule_15_what_our_caps_would_stop_is_not_filled(role: str, cap: str, most: int) -> None:
    swap, no_caps = bound_quote(), dict.fromkeys(CAPS, PLENTY)
    with use_environment(ChainsEnvironment(policy=PolicyName.DEVNET, **environment())):
        sync_signers("near")
        Signer.objects.update(**no_caps)
        Signer.objects.filter(role=role).update(**{cap: most})
        with pytest.raises(InsufficientLiquidityError, match=f", its cap is {most}: try less"):
            filled(*swap)
        Signer.objects.update(**no_caps)
        filled(*swap)


def test_a_fill_leaves_revealed_swaps_the_gas_of_their_withdrawals() -> None:
    """Their locks have long been final."""
    for _ in range(20):
        session_id, _ = filled_session()
        release(session_id, base=5, near=5)
    one = held({"near": at(10)})[Balance(DUTY, "near", None)] // 20
    swap = bound_quote()
    with pytest.raises(InsufficientLiquidityError, match="our duty accounts on near lack"):
        fill_at(10, *swap, readings(10, duty=21 * one - 1))
    filled(*swap, readings(10, duty=21 * one))


def test_gas_of_others_is_of_duty_accounts_and_none_of_ones_own() -> None:
    (first, _), (second, _) = filled_session(), filled_session()
    one = held(BOTH)[Balance(DUTY, "base", None)] // 2
    assert gas_of_others("base", first) == one
    assert gas_of_others("base", uuid4()) == 2 * one
    end(second, base=5, near=5)
    assert gas_of_others("base", first) == 0


def test_a_hold_on_a_chain_whose_head_is_unknown_ends_too() -> None:
    session_id, _ = filled_session()
    release(session_id, base=5, near=5)
    release_gas(session_id=session_id, heads={"base": at(5)})
    assert not Hold.objects.filter(ended_at=None).exists()


def test_a_fill_on_an_old_balance_does_not_spend_what_an_ended_one_took() -> None:
    session_id, amount = filled_session()
    release(session_id, base=5, near=5)
    second, quote = bound_quote()
    old = readings(0, lock=2 * lock_needs(amount) - 1)
    with pytest.raises(InsufficientLiquidityError):
        fill_at(10, second, quote, old)
    fresh = readings(5, lock=lock_needs(amount))
    assert filled(second, quote, fresh).destination_amount == amount


def test_a_stake_counts_until_a_later_block_is_final() -> None:
    session_id, amount = filled_session()
    stake = Fraction(-(-amount * 25 * 10**5 // NEAR), 10**6)
    assert exposure(BOTH) == {"base": 2500, "near": stake}
    release(session_id, base=40, near=50)
    assert exposure({"base": at(39), "near": at(49)}) == {"base": 2500, "near": stake}
    assert exposure({"base": at(40), "near": at(49)}) == {"base": 0, "near": stake}
    assert exposure({"base": at(40), "near": at(50)}) == {"base": 0, "near": 0}


def test_stakes_of_both_directions_add_up_on_a_chain() -> None:
    filled_session()
    session_id, quote = bound_quote(100 * NEAR, "near:NEAR->base:ETH")
    back = filled(session_id, quote).destination_amount
    stake = Fraction(-(-back * 2500 * 10**6 // ETHER), 10**6)
    assert exposure({"base": NOW}) == {"base": 2500 + stake}


@pytest.mark.parametrize(("bound", "tier"), [(5000, "head+1"), (4999, "finalized")])
def test_the_tier_follows_from_all_that_is_at_stake_with_this_fill(bound: int, tier: str) -> None:
    with use_market(market(finality_bounds={"base": {"head+1": bound}})):
        filled_session()
        session_id, quote = bound_quote()
        done = filled(session_id, quote)
    assert done.tiers == FinalityTiers(tier, "final")


def test_a_stake_of_an_ended_reservation_slows_a_fill_until_it_is_final() -> None:
    with use_market(market(finality_bounds={"base": {"head+1": 4999}})):
        session_id, _ = filled_session()
        release(session_id, base=6, near=6)
        (second, quote), (third, other) = bound_quote(), bound_quote()
        stalled = changed(readings(10), "base", final=at(5))
        assert filled(second, quote, stalled).tiers.source == "finalized"
        release_reservation(session_id=second, heads=None)
        assert filled(third, other, readings(10)).tiers.source == "head+1"


def test_a_tier_that_a_reorganisation_has_broken_protects_nothing() -> None:
    (first, quote), (second, other) = bound_quote(), bound_quote()
    broken = changed(readings(), "base", broken=frozenset({"head+1"}))
    assert filled(first, quote, broken).tiers.source == "finalized"
    assert filled(second, other).tiers.source == "head+1"


def test_tiers_are_those_of_the_quotes_own_durations() -> None:
    session_id, quote = bound_quote()
    quote.policy_json["source_finality"] = {"slow": 60, "slower": 90}
    assert filled(session_id, quote).tiers == FinalityTiers("slower", "final")


@pytest.mark.parametrize(
    "change", [{"status": "ended"}, {"ended_at": 5}, {"ended_at": 5, "source_ended_at": 5}]
)
def test_the_database_refuses_half_an_end(change: dict[str, object]) -> None:
    filled_session()
    with pytest.raises(IntegrityError, match="reservation_ends_on_both_chains"):
        Reservation.objects.update(**change)


def test_the_database_refuses_a_second_hold_on_the_same_balance() -> None:
    filled_session()
    hold = Hold.objects.get(chain="near", role="lock")
    hold.pk = None
    with pytest.raises(IntegrityError, match="hold_once_per_balance"):
        hold.save(force_insert=True)
