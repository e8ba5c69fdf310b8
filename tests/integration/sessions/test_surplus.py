"""Locks for us that no session agreed on: recorded, shown, given back early, repaid when taken."""

from dataclasses import replace
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from auctions_app.routes import SecretMode
from chains_app.locks import Call, LockState, LockTerms
from chains_app.models import Attempt, Intent, SeenLock
from chains_app.ports import Moment
from chains_app.registry import get_adapter, get_chain
from sessions_app import staff, surplus, sweeps
from sessions_app.domain.states import Status
from sessions_app.guard import judge
from sessions_app.models import Role, Session, Surplus
from sessions_app.staff import owed_surplus
from tests.integration.doors.staff import do, refused, run
from tests.integration.sessions.runbook import follow
from tests.integration.sessions.test_races import at_once
from tests.integration.sessions.test_seen_hashlocks import drawn, make, strangers_lock
from tests.integration.sessions.test_swaps import SWAPPED
from tests.integration.sessions.world import (
    ETHER,
    MAKER,
    NEAR,
    STRANGER,
    THERE,
    World,
    path,
    reload,
    status,
    terms,
)

WORTH = {"base": ETHER, "near": 1000 * NEAR}  # 2,500 dollars
State = Surplus.State


def live(world: World, seconds: int) -> None:
    """With the beat's own sweep of surplus."""
    for _ in range(seconds):
        world.live(1)
        sweeps.handle_surplus()


def for_us(world: World, chain: str, hashlock: bytes, **changes: Any) -> LockTerms:
    fields = {"beneficiary": "lock", "amount": WORTH[chain], **changes}
    return strangers_lock(world, chain, hashlock, **fields)


def stands(lock: LockTerms) -> LockState:
    adapter = get_adapter(lock.chain)
    return adapter.read_lock(lock, adapter.head()).state


def the_surplus() -> Surplus:
    return Surplus.objects.get()


def refunds() -> int:
    return Attempt.objects.filter(intent__call=Call.REFUND_EARLY.value).count()


@pytest.mark.parametrize("chain", WORTH)
def test_a_lock_for_us_that_nobody_knows_goes_back_early(world: World, chain: str) -> None:
    lock = for_us(world, chain, drawn()[1])
    before = world.balances(STRANGER)[STRANGER, chain]
    make(world, lock)
    live(world, 8)
    assert stands(lock) is LockState.REFUNDED
    assert world.clock.now < lock.timelock
    found = the_surplus()
    assert (found.state, found.reason) == (State.REFUNDED, "no session has its hashlock")
    assert (found.session, found.lock_terms) == (None, lock)
    assert world.balances(STRANGER)[STRANGER, chain] == before - world.chains[chain].fee
    assert refunds() == 1


@pytest.mark.parametrize("above", [False, True])
def test_what_is_worth_no_more_than_the_floor_is_left_to_its_timelock(
    world: World, above: bool
) -> None:
    five_dollars = ETHER // 500
    lock = for_us(world, "base", drawn()[1], amount=five_dollars + above)
    make(world, lock)
    live(world, 8)
    assert stands(lock) is (LockState.REFUNDED if above else LockState.OPEN)
    assert the_surplus().state == (State.REFUNDED if above else State.OPEN)
    assert refunds() == int(above)


@pytest.mark.parametrize("above", [False, True])
def test_what_may_cost_more_to_give_back_than_it_is_worth_is_left_to_its_timelock(
    world: World, monkeypatch: pytest.MonkeyPatch, above: bool
) -> None:
    spec = replace(get_chain("base"), data_fee=ETHER // 100)  # 25 dollars, beside the gas
    specs = {"base": spec, "near": get_chain("near")}
    monkeypatch.setattr(surplus, "get_chain", specs.__getitem__)
    most = spec.fee_cap(Call.REFUND_EARLY, None)
    make(world, for_us(world, "base", drawn()[1], amount=most + above))
    live(world, 8)
    assert the_surplus().state == (State.REFUNDED if above else State.OPEN)


def test_a_token_that_is_none_of_ours_is_shown_and_left(world: World) -> None:
    world.chains["base"].fund(STRANGER, 10**9, "strange")
    lock = for_us(world, "base", drawn()[1], token="strange", amount=10**9)
    make(world, lock)
    live(world, 6)
    assert (the_surplus().state, stands(lock)) == (State.OPEN, LockState.OPEN)
    assert not Intent.objects.exists()


DIFFERENCES: dict[str, dict[str, Any]] = {
    "amount": {"amount": ETHER + 1},
    "timelock": {"timelock": 2_000_000_000},
    "depositor": {"depositor": STRANGER},
}


@pytest.mark.parametrize("name", DIFFERENCES)
def test_a_lock_that_is_not_as_agreed_goes_back_and_moves_no_session(
    world: World, name: str
) -> None:
    session = world.start_by_maker(THERE, drawn()[0])
    lock = replace(terms(session, Role.SOURCE), **DIFFERENCES[name])
    make(world, lock)
    live(world, 8)
    found = the_surplus()
    assert (found.session, found.reason) == (session, f"other {name} than agreed")
    assert (found.state, stands(lock)) == (State.REFUNDED, LockState.REFUNDED)
    assert status(session) is Status.SOURCE_LOCKING
    live(world, 30)
    assert path(session)[-1] == "cancelled"


def test_a_second_lock_goes_back_and_the_swap_completes(world: World) -> None:
    session = world.start()
    world.lock_source(session)
    second = replace(terms(session, Role.SOURCE), depositor=STRANGER)
    make(world, second)
    live(world, 16)
    assert path(session) == SWAPPED
    assert (the_surplus().state, stands(second)) == (State.REFUNDED, LockState.REFUNDED)


def test_one_on_the_other_chain_goes_back_too(world: World) -> None:
    session = world.start()
    hashlock = bytes(session.hashlock)
    make(world, for_us(world, "near", hashlock, depositor=MAKER))
    live(world, 9)
    assert (the_surplus().reason, the_surplus().state) == ("on near, not base", State.REFUNDED)
    assert status(session) is Status.SOURCE_LOCKING


def test_a_swap_leaves_no_surplus(world: World) -> None:
    session = world.start()
    world.lock_source(session)
    live(world, 16)
    assert path(session) == SWAPPED
    assert not Surplus.objects.exists()


def test_nothing_goes_back_while_a_session_has_not_fixed_its_legs(world: World) -> None:
    _, hashlock = drawn()
    session = world.create(secret_mode=SecretMode.MAKER, hashlock=hashlock)
    lock = for_us(world, "base", hashlock)
    make(world, lock)
    live(world, 5)
    assert (status(session), stands(lock)) == (Status.INITIALIZED, LockState.OPEN)
    assert refunds() == 0
    live(world, 30)
    assert (status(session), stands(lock)) == (Status.CANCELLED, LockState.REFUNDED)


def test_a_lock_that_turns_out_to_be_a_leg_is_never_surplus(world: World) -> None:
    session = world.start()
    lock = terms(session, Role.SOURCE)
    world.lock_source(session)
    world.block()
    SeenLock.objects.create(
        chain="base", lock_id=get_adapter("base").lock_id(lock), hashlock=lock.hashlock,
        terms_json=lock.to_json(), is_for_us=True, height=1,
    )  # fmt: skip
    live(world, 16)
    assert path(session) == SWAPPED
    assert not Surplus.objects.exists()
    assert not SeenLock.objects.get().is_for_us


def test_the_guard_never_lets_a_surplus_be_withdrawn(world: World) -> None:
    make(world, for_us(world, "base", drawn()[1], amount=1))
    live(world, 6)
    for call in (Call.WITHDRAW, Call.LOCK):
        assert not judge(call, the_surplus().pk, Moment.SIGN).ok
    assert "not worth more than 5" in judge(Call.REFUND_EARLY, the_surplus().pk, Moment.SEND).reason


def test_rule_11_nothing_goes_back_on_stale_facts(world: World) -> None:
    make(world, for_us(world, "base", drawn()[1]))
    sweeps.handle_surplus()
    for _ in range(4):
        world.block()
        world.poll()
    assert judge(Call.REFUND_EARLY, the_surplus().pk, Moment.SIGN).ok
    world.trust_heads_for(5)
    world.read_heads(seconds_ago=6)
    for call in (Call.REFUND_EARLY, Call.REPAY):
        verdict = judge(call, the_surplus().pk, Moment.SIGN)
        assert verdict.reason == "the head of base is stale"


def test_rule_11_nothing_goes_back_on_facts_older_than_ten_seconds(world: World) -> None:
    make(world, for_us(world, "base", drawn()[1]))
    sweeps.handle_surplus()
    for _ in range(4):
        world.block()
        world.poll()
    world.trust_heads_for(30)
    for age, reason in ((10, "agreed"), (11, "the head of base is stale")):
        world.read_heads(seconds_ago=age)
        assert judge(Call.REFUND_EARLY, the_surplus().pk, Moment.SEND).reason == reason


def test_rule_7_what_is_not_final_does_not_go_back(world: World) -> None:
    make(world, for_us(world, "base", drawn()[1]))
    sweeps.handle_surplus()
    verdict = judge(Call.REFUND_EARLY, the_surplus().pk, Moment.SIGN)
    assert verdict.reason == "it is not open and final"
    assert not Intent.objects.exists()


def test_rule_14_two_sweeps_at_once_record_and_refund_once(world: World) -> None:
    make(world, for_us(world, "base", drawn()[1]))
    for _ in range(8):
        world.live(1)
        results = at_once(surplus.sweep, surplus.sweep)
        assert not [each for each in results if isinstance(each, Exception)]
    assert Surplus.objects.count() == 1
    assert (the_surplus().state, refunds()) == (State.REFUNDED, 1)


@pytest.mark.parametrize("comes_back", [True, False])
def test_a_reorganisation_takes_it_back(world: World, comes_back: bool) -> None:
    lock = for_us(world, "base", drawn()[1])
    make(world, lock)
    sweeps.handle_surplus()
    base = world.chains["base"]
    sent = [t.hash for t in base.between(base.head.height, 10**9)[0].transactions]
    base.reorganise(1, dropped=() if comes_back else sent)
    live(world, 8)
    assert stands(lock) is (LockState.REFUNDED if comes_back else LockState.ABSENT)
    assert the_surplus().state == (State.REFUNDED if comes_back else State.OPEN)
    assert refunds() == int(comes_back)


# --- what is owed ---------------------------------------------------------------------------------
def taken(world: World) -> tuple[Surplus, Session]:
    """A lock below the floor, under a session's hashlock, that a stranger withdraws to us."""
    secret, _ = drawn()
    session = world.start_by_maker(THERE, secret)
    lock = replace(terms(session, Role.SOURCE), amount=7, depositor=STRANGER)
    make(world, lock)
    world.send_as(MAKER, Call.WITHDRAW, lock, secret)
    live(world, 6)
    return the_surplus(), session


def test_what_reached_us_is_owed_shown_and_repaid_once(world: World) -> None:
    found, session = taken(world)
    assert (found.state, found.session) == (State.OWED, session)
    assert f"surplus {found.pk} on base: 7 base units of the native coin from stranger, owed: " in (
        run("show_session", session.pk)
    )
    assert f"{found.pk} surplus owed: release it by `repay_session`" in run("list_stuck_sessions")
    before = world.balances(STRANGER)[STRANGER, "base"]
    assert "7 base units on base are to be repaid to stranger" in do("repay_session", found.pk)
    assert "was released already" in refused("repay_session", found.pk)
    live(world, 6)
    assert the_surplus().state == State.REPAID
    assert world.balances(STRANGER)[STRANGER, "base"] == before + 7
    assert "is repaid already" in refused("repay_session", found.pk)
    verdict = judge(Call.REPAY, found.pk, Moment.SIGN)
    assert (verdict.ok, verdict.reason) == (False, "it is repaid already")
    assert str(found.pk) not in run("list_stuck_sessions")
    assert reload(session).attention == ""


def test_coins_that_are_none_of_ours_hide_no_debt(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    cheap, _ = taken(world)
    others = {"dear": {**cheap.terms, "amount": "8"}, "junk": {**cheap.terms, "token": "junk"}}
    for lock_id, terms_json in others.items():
        Surplus.objects.create(
            chain="base", lock_id=lock_id, terms=terms_json, reason="none", state=State.OWED
        )
    assert [each.lock_id for each in owed_surplus()] == ["dear", cheap.lock_id]
    assert [each.lock_id for each in owed_surplus(limit=1)] == ["dear"]
    monkeypatch.setattr(staff, "worth", lambda _: None)  # no price: owed all the same
    assert len(owed_surplus()) == 2
    Surplus.objects.filter(pk=cheap.pk).update(terms=others["junk"])
    assert "junk on base is none of our tokens" in refused("repay_session", cheap.pk)


def test_it_is_repaid_as_the_page_says(world: World) -> None:
    found, session = taken(world)
    case = "`list_stuck_sessions` shows a surplus that is owed"
    follow("repayment_owed", case, session, SURPLUS=found.pk)
    live(world, 6)
    assert the_surplus().state == State.REPAID


def test_what_is_open_is_not_repaid(world: World) -> None:
    make(world, for_us(world, "base", drawn()[1], amount=1))
    live(world, 4)
    assert "its lock is open when final" in refused("repay_session", the_surplus().pk)


def test_the_admin_shows_it_and_releases_what_is_owed(world: World) -> None:
    found, _ = taken(world)
    User.objects.create_superuser("root")
    client = Client()
    client.force_login(User.objects.get())
    url = "/admin/sessions_app/surplus/"
    assert "other depositor, amount than agreed" in client.get(url).content.decode()
    assert client.get(f"{url}{found.pk}/change/").status_code == 200
    sent = {
        "action": "repay_session", "_selected_action": str(found.pk), "confirmed": "yes",
        "reason": "owed",
    }  # fmt: skip
    client.post(url, sent, follow=True)
    live(world, 6)
    assert the_surplus().state == State.REPAID


def test_an_instant_that_no_column_holds_blinds_nobody(world: World) -> None:
    """A stranger may name any timelock: the swap beside it goes on, and nothing is followed."""
    session = world.start()
    world.lock_source(session)
    far = for_us(world, "base", drawn()[1], lock_by=2_000_000_000, timelock=2**64 - 1)
    make(world, far)
    live(world, 16)
    assert path(session) == SWAPPED
    assert not Surplus.objects.exists()
    assert SeenLock.objects.filter(hashlock=far.hashlock).exists()


def test_what_a_strangers_lock_owes_is_not_ours_to_pay(world: World) -> None:
    lock = for_us(world, "base", drawn()[1])
    make(world, lock)
    world.chains["base"].refusing.add(STRANGER)
    live(world, 12)
    assert (the_surplus().state, stands(lock)) == (State.REFUNDED, LockState.REFUNDED)
    calls = Intent.objects.values_list("call", flat=True)
    assert list(calls) == [Call.REFUND_EARLY.value]
    assert refunds() == 1


def test_a_repayment_that_failed_is_tried_again_when_a_person_wants_it(world: World) -> None:
    found, _ = taken(world)
    assert f"surplus {found.pk} has ended: it is owed" in refused("retry_session", found.pk)
    base = world.chains["base"]
    base.refused_calls.add(Call.REPAY)
    do("repay_session", found.pk)
    failed = Attempt.objects.filter(intent__call=Call.REPAY.value, succeeded=False)
    while failed.count() < 2:
        live(world, 2)
    base.refused_calls.clear()
    said = do("retry_session", found.pk)
    assert f"{found.pk} was owed; 1 open writes are due now" in said
    live(world, 6)
    assert the_surplus().state == State.REPAID


def test_another_lock_at_a_place_that_was_reorganised_is_recorded_too(world: World) -> None:
    """On EVM a place follows from depositor, token and hashlock alone."""
    first = for_us(world, "base", drawn()[1], amount=1)
    for height, lock in enumerate((first, replace(first, amount=2))):
        SeenLock.objects.create(
            chain="base", lock_id="0xplace", terms_json=lock.to_json(), hashlock=lock.hashlock,
            height=height, is_for_us=True,
        )  # fmt: skip
    sweeps.handle_surplus()
    sweeps.handle_surplus()
    assert sorted(each.lock_terms.amount for each in Surplus.objects.all()) == [1, 2]
