"""What orders of which no lock comes may cost us, and whom they count against."""

from dataclasses import replace

import pytest

from auctions_app.config import Caps
from auctions_app.market import current_market, use_market
from auctions_app.routes import LockMode
from chains_app.locks import Call
from chains_app.orders import SignedOrder
from sessions_app.admission import CapReachedError
from sessions_app.gasless import order_of
from tests.integration.sessions.test_gasless import THERE, submissions, submit
from tests.integration.sessions.test_swaps import SWAPPED
from tests.integration.sessions.tokens import (
    create,
    sign,
    start_gasless,
)
from tests.integration.sessions.world import (
    STRANGER,
    World,
    path,
)


def test_a_maker_can_make_us_pay_for_two_failures_and_no_more(tokens: World) -> None:
    """Where the contract refuses what its simulation took: at our cost."""
    session = start_gasless(tokens, THERE)
    tokens.chains["base"].refused_calls.add(Call.LOCK_FOR)
    tokens.live(60, step=2)
    assert [attempt.succeeded for attempt in submissions()] == [False, False]
    tokens.live(60, step=3)
    assert path(session)[-2:] == ["source_locking", "cancelled"]


def test_a_maker_who_takes_the_money_back_again_and_again_may_not_go_on(
    tokens: World,
) -> None:
    market = current_market()
    with use_market(replace(market, caps=Caps(maker_abandoned=1))):
        session = start_gasless(tokens, THERE)
        while not submissions():
            tokens.live(1)
        tokens.cancel(session)
        tokens.live_to_the_end(session)
        assert path(session)[-1] == "refunded"
        for mode in LockMode:
            with pytest.raises(CapReachedError, match="cancelled 1 swaps after their lock"):
                create(tokens, THERE, mode=mode)


def test_a_maker_whose_orders_fail_at_our_cost_pays_for_gas_alone(tokens: World) -> None:
    market = current_market()
    with use_market(replace(market, caps=Caps(maker_abandoned=1))):
        session = start_gasless(tokens, THERE)
        tokens.chains["base"].refused_calls.add(Call.LOCK_FOR)
        tokens.live(60, step=2)
        assert [attempt.succeeded for attempt in submissions()] == [False, False]
        tokens.live(60, step=3)
        assert path(session)[-1] == "cancelled"
        with pytest.raises(CapReachedError, match="let 1 signed orders come to nothing"):
            create(tokens, THERE, mode=LockMode.GASLESS)


def test_an_order_that_was_copied_from_the_mempool_counts_against_nobody(tokens: World) -> None:
    market, base = current_market(), tokens.chains["base"]
    with use_market(replace(market, caps=Caps(maker_abandoned=1))):
        session = start_gasless(tokens, THERE)
        tokens.work()
        (ours,) = submissions()
        base.held.add(ours.hash)
        submit(tokens, STRANGER, SignedOrder(order_of(session), sign(session)))
        tokens.live(1)
        base.held.discard(ours.hash)
        tokens.live(24)
        assert [attempt.succeeded for attempt in submissions()] == [False]
        assert path(session) == SWAPPED
        create(tokens, THERE, mode=LockMode.GASLESS)
