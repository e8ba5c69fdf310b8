"""No process starts while open swaps need what was taken out of the configuration."""

from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

import pytest
from django.core.checks import run_checks

from auctions_app.config import Caps
from chains_app.config import ChainSpec
from chains_app.locks import Call
from chains_app.models import Intent, Watch
from chains_app.registry import get_adapter, get_chain, signing_keys, use_adapters
from chains_app.signers import SignerRole
from sessions_app.admission import CapReachedError
from sessions_app.domain.states import Status
from sessions_app.models import Role, Session
from tests.integration.doors.staff import do
from tests.integration.sessions.test_maker_mode import until_both_are_locked
from tests.integration.sessions.test_repayments import taken_of_what_was_never_filled
from tests.integration.sessions.test_surplus import live, taken
from tests.integration.sessions.tokens import TOKEN, lock_source, start
from tests.integration.sessions.world import (
    MAKER,
    STRANGER,
    World,
    memory_world,
    reload,
    status,
    terms,
)

NEEDED = "open swaps need"
ESCROWS = "contract escrows, which is not configured"


def problems() -> list[str]:
    found = run_checks(databases=["default"])
    return [str(one.msg) for one in found if one.id == "sessions_app.E001"]


def chains_changed(*names: str, **base: Any) -> AbstractContextManager[None]:
    """Only the chains `names`, BASE with other numbers."""
    specs = {name: get_chain(name) for name in names}
    if "base" in specs:
        specs["base"] = replace(specs["base"], **base)
    return _configured(specs)


def contracts_changed() -> AbstractContextManager[None]:
    """Both chains with contracts of other names."""
    return _configured(
        {name: replace(get_chain(name), contract="another") for name in ("base", "near")}
    )


def _configured(specs: dict[str, ChainSpec]) -> AbstractContextManager[None]:
    keys = {role: signing_keys("near", role) for role in SignerRole}
    adapters = {name: get_adapter(name) for name in specs}
    return use_adapters(adapters, specs, dict.fromkeys(specs, keys))


def test_what_an_open_swap_needs_may_not_be_taken_out(tokens: World) -> None:
    session = start(tokens, "base:USDC->near:COIN")
    lock_source(tokens, session)
    assert problems() == []
    with chains_changed("base", "near", tokens={}):
        assert problems() == [f"base: {NEEDED} token {TOKEN}, which is not configured"]
    with chains_changed("base", "near", contract="another"):
        assert problems() == [f"base: {NEEDED} contract escrows, which is not configured"]
    with chains_changed("near"):
        assert problems() == [f"base: {NEEDED} chain base, which is not configured"]
    tokens.live_to_the_end(session)
    with chains_changed("near"):
        assert problems() == []


def test_a_swap_of_coins_needs_no_token(world: World) -> None:
    world.start()
    with chains_changed("base", "near", tokens={}):
        assert problems() == []


# --- what has ended and is not over ---------------------------------------------------------------
def still_used() -> list[str]:
    """The chains whose contracts may not be replaced by others yet."""
    with contracts_changed():
        found = problems()
    assert all(each.endswith(f": {NEEDED} {ESCROWS}") for each in found)
    return [each.partition(":")[0] for each in found]


def test_rule_15_what_a_reorganisation_may_open_again_keeps_its_contract(world: World) -> None:
    """The legs' own tier is a faster one than the chain's slowest."""
    session = world.start()
    world.lock_source(session)
    world.live_until(Status.COMPLETED, session)
    assert "base" in still_used()
    world.live(4)
    assert still_used() == []


def test_rule_15_an_unpaid_payout_keeps_its_contract(world: World) -> None:
    session = world.start()
    world.lock_source(session)
    world.live_until(Status.REVEALING_SECRET, session)
    world.chains["near"].refusing.add(MAKER)
    world.live_to_the_end(session)
    assert status(session) is Status.COMPLETED
    assert Intent.objects.get(call=Call.PAY.value).is_open
    assert still_used() == ["near"]
    world.chains["near"].refusing.clear()
    world.live(30, step=5)
    assert still_used() == []


def test_rule_15_what_is_owed_of_a_cancelled_order_keeps_its_contract_and_token(
    tokens: World,
) -> None:
    session = taken_of_what_was_never_filled(tokens)
    tokens.live(4)
    assert Watch.objects.get().is_settled
    with chains_changed("base", "near", tokens={}):
        assert problems() == [f"base: {NEEDED} token {TOKEN}, which is not configured"]
    assert still_used() == ["base"]
    do("repay_session", session.pk)
    tokens.live(6)
    assert still_used() == []


def test_rule_15_a_released_repayment_keeps_its_contract_and_a_strangers_lock_none(
    world: World,
) -> None:
    surplus, session = taken(world)
    world.live_to_the_end(session)
    world.live(60, step=5)  # the destination's `lock_by` is a later one
    assert still_used() == []
    do("repay_session", surplus.pk)
    assert still_used() == ["base"]
    live(world, 6)
    assert still_used() == []


def lost_race(world: World) -> Session:
    """The maker takes the destination; nobody takes our withdrawal before the source's timelock."""
    session, secret = until_both_are_locked(world)
    world.chains["base"].refused_calls = {Call.WITHDRAW}
    world.send_as(MAKER, Call.WITHDRAW, terms(session, Role.DESTINATION), secret)
    while world.chains["base"].head.time < terms(session, Role.SOURCE).timelock:
        world.live(5, step=5)
    world.send_as(STRANGER, Call.REFUND, terms(session, Role.SOURCE))
    world.live_until(Status.FAILED, session)
    assert reload(session).attention == "lost_race"
    return session


def test_a_lost_race_keeps_its_contract_until_no_reorganisation_can_undo_it(world: World) -> None:
    session = lost_race(world)
    assert still_used() == ["base"]
    world.live(4)
    assert (status(session), still_used()) == (Status.FAILED, [])


def test_a_lost_race_whose_refund_is_not_paid_keeps_its_contract(world: World) -> None:
    world.chains["base"].refusing.add(MAKER)
    lost_race(world)
    world.live(10)
    assert still_used() == ["base"]
    world.chains["base"].refusing.clear()
    world.live(30, step=5)
    assert still_used() == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("caps", [Caps(client_sessions=1), Caps(maker_dollars=2_500)])
def test_a_lost_race_counts_against_no_cap(caps: Caps) -> None:
    with memory_world(caps=caps) as world:
        session = lost_race(world)
        Session.objects.filter(pk=session.pk).update(attention="advance_failed")  # it may go on
        with pytest.raises(CapReachedError):
            world.create()
        Session.objects.filter(pk=session.pk).update(attention="lost_race")
        world.create()
