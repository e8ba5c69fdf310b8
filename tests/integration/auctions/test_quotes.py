"""Quotes: what is stored, whose they are, how long they hold, and that one session gets them."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from django.db import IntegrityError

from auctions_app.market import UnknownRouteError, use_market
from auctions_app.models import Quote
from auctions_app.routes import AmountOutOfLimitsError, SecretMode, SecretModeError
from auctions_app.selectors import QuoteNotFoundError, get_quote
from auctions_app.services import (
    QuoteExpiredError,
    QuoteTakenError,
    auction_ends_at,
    create_quote,
    take_quote,
)
from orchestrator.kernel.clock import Seconds
from tests.integration.auctions.worlds import NOW, at, quote_of
from tests.unit.auctions.markets import BACK, ETHER, NEAR, THERE, market

pytestmark = pytest.mark.django_db
GAS = 1434 * NEAR // 10_000


def taken(quote: Quote, session_id: UUID, now: Seconds = NOW) -> Quote:
    return take_quote(client_id=quote.client_id, quote_id=quote.id, session_id=session_id, now=now)


def test_a_quote_stores_its_whole_offer() -> None:
    client_id = uuid4()
    stored = get_quote(client_id, quote_of(ETHER, THERE, client_id).id)
    assert (stored.route_id, stored.source_amount) == (THERE, ETHER)
    assert (stored.fair_amount, stored.gas_fee) == (1000 * NEAR, GAS)
    assert stored.end_amount == 994 * NEAR - GAS
    assert stored.maximum_fee == 6 * NEAR
    assert stored.end_amount < stored.start_amount <= 1000 * NEAR - GAS
    assert stored.expires_at == datetime.fromtimestamp(NOW + 30, UTC)
    assert stored.bound_to is None


def test_a_quote_keeps_curve_and_durations_as_they_were() -> None:
    quote = quote_of(100 * NEAR, BACK)
    with use_market(market(auction_seconds=99, prices={"base:ETH": "1", "near:NEAR": "9"})):
        stored = get_quote(quote.client_id, quote.id)
    assert stored.curve.duration == 20
    assert stored.policy == market().route(BACK).policy
    assert auction_ends_at(stored, at(5)) == at(25)


def test_amounts_have_all_their_digits() -> None:
    amount = 4_999_999_999_999_999_999_999_999_999
    quote = quote_of(amount, BACK)
    assert get_quote(quote.client_id, quote.id).source_amount == amount


def test_an_unknown_route_makes_no_quote() -> None:
    with pytest.raises(UnknownRouteError):
        quote_of(ETHER, "base:ETH->moon:CHEESE")
    assert not Quote.objects.exists()


@pytest.mark.parametrize("amount", [0, -1, 10**16 - 1, 100 * ETHER + 1])
def test_an_amount_outside_the_limits_makes_no_quote(amount: int) -> None:
    with pytest.raises(AmountOutOfLimitsError):
        quote_of(amount)
    assert not Quote.objects.exists()


def test_another_clients_quote_is_not_found() -> None:
    quote = quote_of()
    with pytest.raises(QuoteNotFoundError, match=f"no quote {quote.id}"):
        get_quote(uuid4(), quote.id)
    with pytest.raises(QuoteNotFoundError):
        take_quote(client_id=uuid4(), quote_id=quote.id, session_id=uuid4(), now=NOW)
    quote.refresh_from_db()
    assert quote.bound_to is None


def test_a_quote_is_taken_by_one_session() -> None:
    quote, session_id = quote_of(), uuid4()
    assert taken(quote, session_id).bound_to == session_id
    with pytest.raises(QuoteTakenError, match="belongs to another session: ask for a new one"):
        taken(quote, uuid4())
    quote.refresh_from_db()
    assert quote.bound_to == session_id


def test_taking_it_again_for_the_same_session_changes_nothing_even_late() -> None:
    quote, session_id = quote_of(), uuid4()
    taken(quote, session_id)
    assert taken(quote, session_id, at(500)).bound_to == session_id


def test_a_quote_can_be_taken_in_its_last_second() -> None:
    quote, session_id = quote_of(), uuid4()
    assert taken(quote, session_id, at(29)).bound_to == session_id


def test_a_quote_is_gone_at_the_instant_of_its_expiry() -> None:
    quote = quote_of()
    with pytest.raises(QuoteExpiredError, match="expired at 2027-01-15T08:00:30Z: ask for a new"):
        taken(quote, uuid4(), at(30))
    quote.refresh_from_db()
    assert quote.bound_to is None


def test_the_limit_of_the_mode_holds_when_the_quote_is_taken() -> None:
    quote = quote_of(5 * ETHER)
    lower = {"source": "base:ETH", "destination": "near:NEAR", "minimum": str(ETHER)}
    lower |= {"service_maximum": str(4 * ETHER), "maximum": str(9 * ETHER)}
    with use_market(market(routes=[lower])), pytest.raises(AmountOutOfLimitsError):
        taken(quote, uuid4())
    quote.refresh_from_db()
    assert quote.bound_to is None


def test_a_mode_that_is_not_offered_takes_no_quote() -> None:
    quote = quote_of()
    only_ours = market(secret_modes=(SecretMode.SERVICE,))
    with use_market(only_ours), pytest.raises(SecretModeError):
        take_quote(
            client_id=quote.client_id,
            quote_id=quote.id,
            session_id=uuid4(),
            now=NOW,
            secret_mode=SecretMode.MAKER,
        )


def test_the_database_binds_one_quote_to_a_session() -> None:
    first, second, session_id = quote_of(), quote_of(), uuid4()
    taken(first, session_id)
    with pytest.raises(IntegrityError, match="bound_to"):
        taken(second, session_id)


def test_the_database_refuses_a_quote_that_pays_nothing() -> None:
    quote = quote_of()
    quote.end_amount = 0
    with pytest.raises(IntegrityError, match="quote_pays_something"):
        quote.save()


def test_two_quotes_of_the_same_swap_are_two() -> None:
    client_id = uuid4()
    ids = {
        create_quote(client_id=client_id, route_id=THERE, amount=ETHER, now=NOW).id
        for _ in range(2)
    }
    assert len(ids) == 2
