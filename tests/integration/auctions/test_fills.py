"""The simulated resolver: when it accepts, what it pays and reserves, and the tiers it picks."""

from uuid import UUID, uuid4

import pytest
from django.db import transaction

from auctions_app.market import use_market
from auctions_app.models import Hold, Quote, Reservation
from auctions_app.services import (
    AlreadyFilledError,
    Fill,
    InsufficientLiquidityError,
    QuoteTakenError,
    Waiting,
    fill,
)
from chains_app.signers import SignerRole
from orchestrator.kernel.amounts import Rounding
from tests.integration.auctions.worlds import (
    DUTY,
    LOCK,
    NOW,
    PLENTY,
    Readings,
    at,
    bound_quote,
    changed,
    fill_at,
    filled,
    lock_needs,
    quote_of,
    readings,
)
from tests.unit.auctions.markets import BACK, ETHER, NEAR, THERE, market

pytestmark = pytest.mark.django_db
WITHDRAWAL = 350_000 * 20 * 10**9 + 50_000 * 10**9  # capped, on BASE


def price_at(quote: Quote, second: int) -> int:
    return quote.curve.amount_at(quote.end_amount, second, rounding=Rounding.DOWN)


def with_balance(chain: str, role: SignerRole, amount: int) -> Readings:
    rich = {(LOCK, None): PLENTY, (DUTY, None): PLENTY}
    return changed(readings(), chain, balances=rich | {(role, None): amount})


def holds_of(session_id: UUID) -> dict[tuple[str, str], int]:
    rows = Hold.objects.filter(reservation__session_id=session_id)
    return {(hold.chain, hold.role): hold.amount for hold in rows}


def test_our_resolver_waits_for_the_first_price_with_its_profit() -> None:
    session_id, quote = bound_quote()
    assert fill_at(9, session_id, quote) == Waiting(at(10))
    assert not Reservation.objects.exists()
    done = fill_at(10, session_id, quote)
    assert isinstance(done, Fill)
    assert done.destination_amount == price_at(quote, 10)
    assert price_at(quote, 10) <= 997 * NEAR - quote.gas_fee < price_at(quote, 9)


def test_asked_late_it_pays_the_price_that_it_accepted_first() -> None:
    session_id, quote = bound_quote()
    done = fill_at(17, session_id, quote)
    assert isinstance(done, Fill)
    assert (done.destination_amount, done.filled_at) == (price_at(quote, 10), at(17))


def test_without_a_profit_it_fills_at_the_start_price() -> None:
    with use_market(market(resolver_profit_bps=0)):
        session_id, quote = bound_quote()
        done = fill_at(0, session_id, quote)
    assert isinstance(done, Fill)
    assert done.destination_amount == quote.start_amount


def test_with_the_whole_fee_it_fills_in_the_last_second_at_the_minimum() -> None:
    with use_market(market(resolver_profit_bps=60)):
        session_id, quote = bound_quote()
        assert fill_at(19, session_id, quote) == Waiting(at(20))
        done = fill_at(20, session_id, quote)
    assert isinstance(done, Fill)
    assert done.destination_amount == quote.end_amount


def test_after_its_end_an_auction_is_not_filled() -> None:
    session_id, quote = bound_quote()
    assert fill_at(21, session_id, quote) == Waiting(None)
    assert not Reservation.objects.exists()


def test_a_price_that_moved_against_us_is_not_filled() -> None:
    session_id, quote = bound_quote()
    with use_market(market(prices={"base:ETH": "2400", "near:NEAR": "2.5"})):
        assert fill_at(20, session_id, quote) == Waiting(None)


def test_a_price_that_moved_for_us_is_filled_at_the_start_price() -> None:
    session_id, quote = bound_quote()
    with use_market(market(prices={"base:ETH": "2600", "near:NEAR": "2.5"})):
        done = fill_at(0, session_id, quote)
    assert isinstance(done, Fill)
    assert done.destination_amount == quote.start_amount


@pytest.mark.parametrize(
    ("wall", "base", "near", "latest"), [(12, 11, 10, 12), (10, 13, 11, 13), (11, 10, 14, 14)]
)
def test_rule_11_a_fill_counts_from_the_latest_clock(
    wall: int, base: int, near: int, latest: int
) -> None:
    session_id, quote = bound_quote()
    read = changed(changed(readings(), "base", head=at(base)), "near", head=at(near))
    assert filled_at(wall, session_id, quote, read) == at(latest)


def filled_at(wall: int, session_id: UUID, quote: Quote, read: Readings) -> int:
    done = fill_at(wall, session_id, quote, read)
    assert isinstance(done, Fill)
    return done.filled_at


def test_a_head_beyond_the_end_ends_the_auction() -> None:
    session_id, quote = bound_quote()
    read = changed(readings(), "near", head=at(21))
    assert fill_at(10, session_id, quote, read) == Waiting(None)


def test_a_fill_reserves_our_lock_and_all_calls_at_the_capped_fee() -> None:
    session_id, quote = bound_quote()
    amount = filled(session_id, quote).destination_amount
    assert holds_of(session_id) == {
        ("near", "lock"): lock_needs(amount),
        ("near", "duty"): 160 * NEAR // 1000,
        ("base", "lock"): WITHDRAWAL,
        ("base", "duty"): 2 * WITHDRAWAL,
    }


def test_a_fill_the_other_way_reserves_on_base() -> None:
    session_id, quote = bound_quote(100 * NEAR, BACK)
    amount = filled(session_id, quote).destination_amount
    assert holds_of(session_id) == {
        ("base", "lock"): amount + 150_000 * 20 * 10**9 + 50_000 * 10**9,
        ("base", "duty"): 2 * WITHDRAWAL,
        ("near", "lock"): 80 * NEAR // 1000 + 1,
        ("near", "duty"): 160 * NEAR // 1000,
    }
    stored = Reservation.objects.get(session_id=session_id)
    assert (stored.chain, stored.source_chain) == ("base", "near")
    assert (stored.amount, stored.token) == (amount, None)


def test_a_fill_stores_what_is_at_stake_on_both_chains() -> None:
    session_id, quote = bound_quote()
    amount = filled(session_id, quote).destination_amount
    stored = Reservation.objects.get(session_id=session_id)
    assert (stored.status, stored.chain, stored.source_chain) == ("open", "near", "base")
    assert (stored.amount, stored.token) == (amount, None)
    assert stored.source_stake == 2500 * 10**6
    assert stored.stake == -(-amount * 25 * 10**5 // NEAR)  # 2.5 dollars each, rounded up


@pytest.mark.parametrize(
    ("chain", "role"), [("near", LOCK), ("near", DUTY), ("base", LOCK), ("base", DUTY)]
)
def test_a_unit_less_than_needed_in_any_balance_refuses_the_fill(
    chain: str, role: SignerRole
) -> None:
    session_id, quote = bound_quote()
    needed = {
        ("near", LOCK): lock_needs(price_at(quote, 10)),
        ("near", DUTY): 160 * NEAR // 1000,
        ("base", LOCK): WITHDRAWAL,
        ("base", DUTY): 2 * WITHDRAWAL,
    }[chain, role]
    complaint = f"our {role.value} accounts on {chain} lack {needed} free base units of the native"
    with pytest.raises(InsufficientLiquidityError, match=complaint):
        fill_at(10, session_id, quote, with_balance(chain, role, needed - 1))
    assert (Reservation.objects.count(), Hold.objects.count()) == (0, 0)
    assert isinstance(fill_at(10, session_id, quote, with_balance(chain, role, needed)), Fill)


def test_a_balance_that_nobody_read_is_empty() -> None:
    session_id, quote = bound_quote()
    with pytest.raises(InsufficientLiquidityError):
        fill_at(10, session_id, quote, changed(readings(), "near", balances={}))


def test_a_fill_leaves_the_next_one_what_it_did_not_reserve() -> None:
    (first, quote), (second, other) = bound_quote(), bound_quote()
    amount = lock_needs(price_at(quote, 10))
    filled(first, quote, readings(lock=2 * amount - 1))
    with pytest.raises(InsufficientLiquidityError):
        fill_at(10, second, other, readings(lock=2 * amount - 1))
    assert filled(second, other, readings(lock=2 * amount)).destination_amount > 0


def test_a_session_is_filled_once() -> None:
    session_id, quote = bound_quote()
    filled(session_id, quote)
    with pytest.raises(AlreadyFilledError, match=f"session {session_id} is filled already"):
        fill_at(10, session_id, quote)
    assert Reservation.objects.count() == 1


def test_a_quote_of_another_session_fills_nothing() -> None:
    _, quote = bound_quote()
    for stranger, offer in ((uuid4(), quote), (uuid4(), quote_of())):
        with pytest.raises(QuoteTakenError, match=f"is not bound to session {stranger}"):
            fill_at(10, stranger, offer)
    assert not Reservation.objects.exists()


def test_what_the_caller_rolls_back_was_never_reserved() -> None:
    session_id, quote = bound_quote()
    with transaction.atomic():
        fill_at(10, session_id, quote)
        transaction.set_rollback(True)
    assert (Reservation.objects.count(), Hold.objects.count()) == (0, 0)


@pytest.mark.django_db(transaction=True)
def test_a_fill_without_its_callers_transaction_is_refused() -> None:
    session_id, quote = bound_quote()
    with pytest.raises(transaction.TransactionManagementError, match="its caller's transaction"):
        fill(
            session_id=session_id,
            quote=quote,
            started_at=NOW,
            wall=at(10),
            readings=readings(),
        )
    assert not Reservation.objects.exists()


def test_both_routes_are_filled_from_the_same_accounts() -> None:
    (there, quote), (back, other) = bound_quote(ETHER, THERE), bound_quote(100 * NEAR, BACK)
    filled(there, quote)
    held_for_there = 160 * NEAR // 1000
    short = with_balance("near", DUTY, held_for_there + 160 * NEAR // 1000 - 1)
    with pytest.raises(InsufficientLiquidityError, match="our duty accounts on near"):
        fill_at(10, back, other, short)
