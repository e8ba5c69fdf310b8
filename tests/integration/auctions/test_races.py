"""Two connections at once: the last liquidity goes to one fill, a quote to one session."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Barrier
from time import monotonic
from typing import Any, TypeVar
from uuid import UUID, uuid4

import pytest
from django.db import connection, transaction

from auctions_app.models import Quote, Reservation
from auctions_app.reservations import release_reservation
from auctions_app.services import (
    Fill,
    InsufficientLiquidityError,
    QuoteTakenError,
    Waiting,
    fill,
    take_quote,
)
from tests.integration.auctions.worlds import (
    NOW,
    Readings,
    at,
    bound_quote,
    filled,
    lock_needs,
    quote_of,
    readings,
)

pytestmark = pytest.mark.django_db(transaction=True)
T = TypeVar("T")


def alone(work: Callable[[], T]) -> T:
    """Run `work` on a connection of this thread, and close it."""
    try:
        return work()
    finally:
        connection.close()


def until_somebody_waits_for_a_lock(other: Future[Any]) -> None:
    """Returns when another connection stands behind a lock of ours."""
    deadline = monotonic() + 20
    while monotonic() < deadline:
        assert not other.done(), "the other did not wait"
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
            if cursor.fetchone() != (0,):
                return
    raise AssertionError("nobody waits")


def test_the_last_liquidity_goes_to_one_of_two_fills() -> None:
    (first, quote), (second, other) = bound_quote(), bound_quote()
    last = readings(lock=lock_needs(quote.start_amount))  # enough for one, not for two
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            won = _fill(first, quote, last)
            losing = pool.submit(alone, lambda: _fill_in_own_transaction(second, other, last))
            until_somebody_waits_for_a_lock(losing)
        assert isinstance(won, Fill)
        with pytest.raises(InsufficientLiquidityError):
            losing.result(20)
    assert list(Reservation.objects.values_list("session_id", flat=True)) == [first]


def test_the_second_fill_gets_what_the_first_gives_up_by_rolling_back() -> None:
    (first, quote), (second, other) = bound_quote(), bound_quote()
    last = readings(lock=lock_needs(quote.start_amount))
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            _fill(first, quote, last)
            winning = pool.submit(alone, lambda: _fill_in_own_transaction(second, other, last))
            until_somebody_waits_for_a_lock(winning)
            transaction.set_rollback(True)
        assert isinstance(winning.result(20), Fill)
    assert list(Reservation.objects.values_list("session_id", flat=True)) == [second]


@pytest.mark.parametrize("_attempt", range(5))
def test_many_fills_at_once_never_reserve_more_than_there_is(_attempt: int) -> None:
    swaps = [bound_quote() for _ in range(6)]
    some = readings(lock=3 * lock_needs(swaps[0][1].start_amount))
    together = Barrier(len(swaps))

    def attempt(session_id: UUID, quote: Quote) -> bool:
        together.wait(20)
        try:
            return isinstance(_fill_in_own_transaction(session_id, quote, some), Fill)
        except InsufficientLiquidityError:
            return False

    with ThreadPoolExecutor(len(swaps)) as pool:
        jobs = [pool.submit(alone, lambda swap=swap: attempt(*swap)) for swap in swaps]
        assert sum(job.result(20) for job in jobs) == 3
    assert Reservation.objects.count() == 3


def test_a_quote_under_race_is_bound_once() -> None:
    quote = quote_of()
    first, second = uuid4(), uuid4()
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            assert _take(quote, first).bound_to == first
            losing = pool.submit(alone, lambda: _take(quote, second))
            until_somebody_waits_for_a_lock(losing)
        with pytest.raises(QuoteTakenError):
            losing.result(20)
    quote.refresh_from_db()
    assert quote.bound_to == first


def test_a_reservation_is_released_once_under_race() -> None:
    session_id, quote = bound_quote()
    filled(session_id, quote)
    heads = {"base": at(40), "near": at(40)}
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            assert release_reservation(session_id=session_id, heads=heads)
            second = pool.submit(
                alone, lambda: release_reservation(session_id=session_id, heads=None)
            )
            until_somebody_waits_for_a_lock(second)
        assert second.result(20) is False
    assert Reservation.objects.get(session_id=session_id).ended_at == at(40)


def _fill(session_id: UUID, quote: Quote, read: Readings) -> Fill | Waiting:
    return fill(session_id=session_id, quote=quote, started_at=NOW, wall=at(10), readings=read)


def _fill_in_own_transaction(session_id: UUID, quote: Quote, read: Readings) -> Fill | Waiting:
    with transaction.atomic():
        return _fill(session_id, quote, read)


def _take(quote: Quote, session_id: UUID) -> Quote:
    return take_quote(client_id=quote.client_id, quote_id=quote.id, session_id=session_id, now=NOW)
