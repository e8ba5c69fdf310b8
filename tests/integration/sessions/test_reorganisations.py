"""Rule 7: what a chain takes back, the session takes back, as a transition like any other."""

import pytest

from auctions_app.services import RoutePausedError
from chains_app.locks import Call, LockState
from chains_app.models import Attempt, ChainBlock, ChainCursor, Intent, IntentStatus
from chains_app.outbox.decision import STUCK_AFTER
from chains_app.selectors import DISTRUST
from sessions_app import sweeps
from sessions_app.domain.states import Status
from sessions_app.models import Role, Session
from sessions_app.sweeps import on_changed
from tests.integration.doors.staff import do
from tests.integration.sessions.world import (
    BACK,
    THERE,
    WHOLE_LIFE,
    World,
    path,
    reload,
    status,
    terms,
)

OPEN, REFUNDED, WITHDRAWN = LockState.OPEN, LockState.REFUNDED, LockState.WITHDRAWN
ABSENT = LockState.ABSENT


def reorganise_the_source_away(world: World) -> None:
    """Deeper than the tier that the leg was trusted by, and its transaction is lost."""
    base = world.chains["base"]
    sent = base.between(base.head.height - 1, base.head.height)
    base.reorganise(2, dropped=[each.hash for mined in sent for each in mined.transactions])


def back_moves(session: Session) -> list[tuple[str, str]]:
    rows = reload(session).transitions.filter(by_reorganisation=True).order_by("seq")
    return list(rows.values_list("before", "after"))


@pytest.mark.parametrize(("depth", "tier"), [(1, "head+1"), (2, "final")])
def test_rule_7_finality_is_slower_after_a_reorganisation_below_it(
    world: World, depth: int, tier: str
) -> None:
    """For a day, on that chain: whatever a swap is worth there."""
    world.live(2)
    world.chains["base"].reorganise(depth)
    world.live(2)
    assert tier_of_the_source(world) == tier
    world.pass_time(DISTRUST)
    world.live(1)
    assert tier_of_the_source(world) == "head+1"


def tier_of_the_source(world: World) -> str:
    """That a new swap gets."""
    return str(world.start().legs.get(role=Role.SOURCE).tier)


def test_rule_7_a_chain_without_a_common_block_is_trusted_by_no_fast_tier(world: World) -> None:
    world.live(2)
    ChainBlock.objects.filter(chain="base").update(hash="another branch's")
    ChainCursor.objects.filter(chain="base").update(hash="another branch's")
    world.live(2)
    assert tier_of_the_source(world) == "final"


def test_a_source_lock_that_is_reorganised_and_comes_back_is_taken(world: World) -> None:
    session = world.start()
    world.lock_source(session)
    world.live(1)
    world.chains["base"].reorganise(1)
    world.work()
    assert (status(session), world.on_chain(session, Role.SOURCE)) == (
        Status.SOURCE_LOCKING, ABSENT
    )  # fmt: skip
    world.live(14)
    assert (path(session)[-1], back_moves(session)) == ("completed", [])


@pytest.mark.parametrize("role", Role)
def test_a_withdrawal_that_leaves_the_chain_after_the_reveal_is_made_again(
    world: World, role: Role
) -> None:
    session = world.start()
    world.lock_source(session)
    while world.on_chain(session, role) is not WITHDRAWN:
        world.live(1)
    chain = world.chains[terms(session, role).chain]
    (ours,) = chain.between(chain.head.height, chain.head.height)[0].transactions
    chain.reorganise(1, dropped=[ours.hash])
    assert world.on_chain(session, role) is OPEN
    world.live(20)
    assert path(session)[-1] == "completed"
    assert world.both_on_chain(session) == (WITHDRAWN, WITHDRAWN)


def test_a_lock_that_was_seen_in_time_and_comes_back_late_is_still_taken(world: World) -> None:
    session = world.start()
    world.live(18, step=3)
    world.lock_source(session)
    world.live(1)
    base = world.chains["base"]
    (sent,) = base.between(base.head.height, base.head.height)[0].transactions
    base.held.add(sent.hash)
    base.reorganise(1)
    world.live(2, step=2)
    base.held.clear()
    world.live(14)
    deadlines = reload(session).fixed_deadlines
    assert deadlines is not None
    assert world.clock.now > deadlines.accept_by
    assert path(session)[-1] == "completed"


def vanished_behind_our_lock(world: World) -> Session:
    """A session whose source lock was reorganised away after ours had left."""
    session = world.start()
    world.lock_source(session)
    locks = Attempt.objects.filter(intent__call=Call.LOCK.value, left_at__isnull=False)
    while not locks.exists():
        world.live(1)
    reorganise_the_source_away(world)
    return session


def test_rule_4_a_source_that_vanishes_behind_our_lock_reveals_nothing_and_calls_a_person(
    world: World,
) -> None:
    session = vanished_behind_our_lock(world)
    world.live(6)
    assert reload(session).attention == "source_lock_vanished"
    assert reload(session).attention_since is not None
    with pytest.raises(RoutePausedError):
        world.quote(THERE)
    world.quote(BACK)
    world.live(WHOLE_LIFE, step=5)
    withdrawals = Attempt.objects.filter(intent__call=Call.WITHDRAW.value)
    assert not withdrawals.exists()
    assert world.both_on_chain(session) == (ABSENT, REFUNDED)
    assert path(session)[-2:] == ["refunding", "refunded"]
    assert reload(session).attention == ""


def test_rule_4_a_source_that_vanished_behind_our_lock_is_made_again_by_its_own_bytes(
    world: World,
) -> None:
    session = vanished_behind_our_lock(world)
    world.live(2)
    assert world.on_chain(session, Role.SOURCE) is ABSENT
    assert reload(session).attention == "source_lock_vanished"
    assert sweeps.send_vanished_again() == 1
    world.live(14)
    assert path(session)[-1] == "completed"
    assert reload(session).attention == ""
    assert sweeps.send_vanished_again() == 0


def test_rule_5_what_could_only_be_mined_too_late_is_not_sent_again(world: World) -> None:
    session = vanished_behind_our_lock(world)
    world.live(2)
    lock_by = terms(session, Role.SOURCE).lock_by
    world.live(int(lock_by - world.clock.now) - 1)
    assert sweeps.send_vanished_again() == 1
    world.chains["base"].mempool.clear()
    world.live(1)
    assert sweeps.send_vanished_again() == 0


def test_rule_5_a_source_that_vanishes_before_our_lock_left_voids_it(world: World) -> None:
    session = world.start()
    world.lock_source(session)
    world.live(1)
    world.chains["near"].is_unreachable = True
    world.block()
    world.poll()
    world.sweep()
    assert status(session) is Status.DESTINATION_LOCKING
    reorganise_the_source_away(world)
    world.poll()
    world.sweep()
    world.chains["near"].is_unreachable = False
    world.live(WHOLE_LIFE, step=5)
    assert path(session)[-1] == "cancelled"
    assert world.both_on_chain(session) == (ABSENT, ABSENT)


def refunded_behind_our_withdrawal(world: World) -> Session:
    """At the source's last safe moment we withdraw it on a withdrawal of the destination that the
    head alone shows. That one falls out, the destination goes back, and no block has ours yet.
    """
    session = world.start()
    world.lock_source(session)
    while world.on_chain(session, Role.DESTINATION) is not WITHDRAWN:
        world.live(1)
    deadlines, near = session.fixed_deadlines, world.chains["near"]
    assert deadlines is not None
    world.block(int(deadlines.last_safe_source_withdrawal - world.clock.now), "base")
    world.work()
    assert waiting(world, "base") == [Call.WITHDRAW]
    (taken,) = near.between(near.head.height, near.head.height)[0].transactions
    near.reorganise(1, dropped=[taken.hash])
    while status(session) is Status.REVEALING_SECRET:
        world.send()
        world.block(0, "near")
        world.poll()
        world.sweep()
    assert (status(session), world.both_on_chain(session)) == (
        Status.REFUNDING, (OPEN, REFUNDED)
    )  # fmt: skip
    return session


def waiting(world: World, chain: str) -> list[Call | None]:
    """What its mempool holds; None: a transfer to ourselves."""
    return [sent.call for sent in world.chains[chain].mempool]


def test_rule_4_a_withdrawal_of_the_source_is_not_pushed_on_when_the_destination_went_back(
    world: World,
) -> None:
    session = refunded_behind_our_withdrawal(world)
    world.chains["base"].mempool.clear()
    world.pass_time(STUCK_AFTER)
    assert world.chains["base"].head.time < terms(session, Role.SOURCE).timelock - 1  # it could win
    world.send()
    assert set(waiting(world, "base")) == {None, Call.REFUND_EARLY}
    world.live(6)
    assert (path(session)[-1], world.both_on_chain(session)) == ("refunded", (REFUNDED, REFUNDED))


def test_rule_4_a_withdrawal_that_wins_all_the_same_is_owed_and_repaid(world: World) -> None:
    session = refunded_behind_our_withdrawal(world)
    world.block(1, "base")
    world.live(4)
    assert world.both_on_chain(session) == (WITHDRAWN, REFUNDED)
    assert (status(session), reload(session).attention) == (Status.REFUNDING, "repayment_owed")
    do("repay_session", session.pk)
    world.live(6)
    assert (path(session)[-1], reload(session).attention) == ("refunded", "")


def test_rule_4_a_withdrawal_that_a_reorganisation_opens_again_is_not_pushed_on(
    world: World,
) -> None:
    """As the poller opens one that was done when the destination went back."""
    session = refunded_behind_our_withdrawal(world)
    source = session.legs.get(role=Role.SOURCE).pk
    withdrawal = Intent.objects.filter(reference=source, call=Call.WITHDRAW.value)
    withdrawal.update(status=IntentStatus.ACTIVE)
    on_changed({source})
    world.sweep()
    assert withdrawal.get().status == IntentStatus.VOID
