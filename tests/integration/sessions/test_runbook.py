"""A session that is stuck in each state is brought to its end by its page's commands alone."""

from dataclasses import replace

import pytest

from chains_app.adapters.interface import FactsPage
from chains_app.adapters.memory import MemoryAdapter
from chains_app.locks import Block, Call, LockReading, LockState, LockTerms
from chains_app.models import Attempt, ChainCursor, Intent
from chains_app.outbox.decision import MOST_TRIES
from orchestrator.kernel.hashlock import Secret
from sessions_app.domain.states import Status
from sessions_app.models import Role, Session
from sessions_app.sweeps import wake_overdue
from tests.integration.sessions.runbook import (
    end,
    follow,
    no_facts,
    paused,
    silent_about,
    with_lock,
    without_workers,
)
from tests.integration.sessions.test_lying_nodes import another_network
from tests.integration.sessions.world import MAKER, THERE, World, path, reload, status, terms

ABSENT, OPEN = LockState.ABSENT, LockState.OPEN
WITHDRAWN, REFUNDED = LockState.WITHDRAWN, LockState.REFUNDED
BOTH_WITHDRAWN, ONLY_THE_SOURCE = (WITHDRAWN, WITHDRAWN), (REFUNDED, ABSENT)


# --- source_locking -------------------------------------------------------------------------------
def test_source_locking_whose_lock_a_node_left_out(world: World) -> None:
    session = world.start()
    world.live(1)
    before = world.chains["base"].head.height
    with silent_about(no_facts):
        world.lock_source(session)
        world.live(4)
    world.live(4)
    assert status(session) is Status.SOURCE_LOCKING
    case = "The maker says that the lock is there, and we show `absent`"
    follow("source_locking", case, session, CHAIN="base", N=before)
    assert end(world, session) == ("completed", BOTH_WITHDRAWN)


def test_source_locking_whose_maker_wants_the_money_back(world: World) -> None:
    session = with_lock(world)
    world.block()
    world.poll()
    assert status(session) is Status.SOURCE_LOCKING
    follow("source_locking", "The maker wants the money back", session)
    assert end(world, session) == ("refunded", ONLY_THE_SOURCE)


def test_source_locking_that_nobody_drives(world: World) -> None:
    session = world.start()
    without_workers(world, 40)
    assert status(session) is Status.SOURCE_LOCKING
    follow("source_locking", "No worker drives it", session)
    assert (status(session), world.both_on_chain(session)) == (Status.CANCELLED, (ABSENT, ABSENT))


# --- source_locked --------------------------------------------------------------------------------
def locked_while_the_destination_stands_still(world: World) -> Session:
    """Its head is stale before the source is final."""
    world.trust_heads_for(5)
    session = world.start()
    without_the_destination(world, 6)
    world.lock_source(session)
    without_the_destination(world, 4)
    assert status(session) is Status.SOURCE_LOCKED
    return session


def without_the_destination(world: World, seconds: int) -> None:
    for _ in range(seconds):
        world.block(1, "base")
        world.work()


def test_source_locked_while_the_destination_stands_still(world: World) -> None:
    session = locked_while_the_destination_stands_still(world)
    follow("source_locked", "The maker should not wait for a chain that stands still", session)
    without_the_destination(world, 6)
    assert (path(session)[-1], world.both_on_chain(session)) == ("refunded", ONLY_THE_SOURCE)


def test_source_locked_that_nobody_drives(world: World) -> None:
    session = locked_while_the_destination_stands_still(world)
    world.block()
    world.poll()
    assert status(session) is Status.SOURCE_LOCKED
    follow("source_locked", "The chains run, and no worker drives it", session)
    assert status(session) is Status.DESTINATION_LOCKING
    assert end(world, session) == ("completed", BOTH_WITHDRAWN)


# --- destination_locking --------------------------------------------------------------------------
def test_destination_locking_whose_guard_refuses(world: World) -> None:
    world.chains["near"].refusing.add(MAKER)
    session = with_lock(world)
    world.live(6)
    assert status(session) is Status.DESTINATION_LOCKING
    case = "The guard refuses: the maker can't be paid, or our withdrawal would fail"
    said = follow("destination_locking", case, session)
    assert "at the newest refusal: no, maker refuses payments on near" in said
    assert end(world, session) == ("refunded", ONLY_THE_SOURCE)


def test_destination_locking_whose_signer_is_paused(world: World) -> None:
    session = with_lock(world)
    signer = paused(world, "near", "lock")
    world.live(6)
    assert status(session) is Status.DESTINATION_LOCKING
    said = follow("destination_locking", "Our signer is paused", session, SIGNER=signer)
    why = "our lock signers on near are paused: resume one"
    assert f"lock of the destination leg, at the newest refusal: no, {why}" in said
    assert f"near: {why}" in said
    assert end(world, session) == ("completed", BOTH_WITHDRAWN)


def test_destination_locking_whose_bytes_got_lost(world: World) -> None:
    world.chains["near"].drops_sent = True
    session = with_lock(world)
    world.live_until(Status.DESTINATION_LOCKING, session)
    world.chains["near"].drops_sent = False
    follow("destination_locking", "Our lock has left us and no node knows it", session)
    assert world.chains["near"].mempool
    assert end(world, session) == ("completed", BOTH_WITHDRAWN)
    assert Attempt.objects.filter(intent__call=Call.LOCK.value).count() == 1


# --- both_locked ----------------------------------------------------------------------------------
def both_locked(world: World) -> tuple[Session, Secret]:
    secret = Secret.generate()
    session = world.start_by_maker(THERE, secret)
    world.lock_source(session)
    world.live_until(Status.BOTH_LOCKED, session)
    return session, secret


def test_both_locked_whose_maker_is_silent_and_that_nobody_drives(world: World) -> None:
    session, _ = both_locked(world)
    without_workers(world, 60)
    assert status(session) is Status.BOTH_LOCKED
    case = "The maker of mode `maker` is silent, and no worker drives it on"
    follow("both_locked", case, session)
    assert status(session) is Status.REFUNDING
    assert end(world, session, 70) == ("refunded", (REFUNDED, REFUNDED))


def test_both_locked_whose_withdrawal_a_node_left_out(world: World) -> None:
    session, secret = both_locked(world)
    before = world.chains["near"].head.height
    with silent_about(no_facts):
        world.send_as(MAKER, Call.WITHDRAW, terms(session, Role.DESTINATION), secret)
        world.live(4)
    world.live(4)
    assert status(session) is Status.BOTH_LOCKED
    case = "The maker has withdrawn, and we still show `open`"
    follow("both_locked", case, session, CHAIN="near", N=before)
    assert end(world, session) == ("completed", BOTH_WITHDRAWN)


# --- revealing_secret -----------------------------------------------------------------------------
def test_revealing_secret_whose_signer_is_paused(world: World) -> None:
    session = with_lock(world)
    signer = paused(world, "near", "duty")
    world.live_until(Status.REVEALING_SECRET, session)
    world.live(11)
    assert status(session) is Status.REVEALING_SECRET
    wake_overdue()
    world.live(1)
    assert reload(session).attention == "withdrawal_overdue"
    said = follow("revealing_secret", "A duty signer is paused", session, SIGNER=signer)
    why = "no, our duty signers on near are paused: resume one"
    assert f"withdraw of the destination leg, at the newest refusal: {why}" in said
    assert end(world, session) == ("completed", BOTH_WITHDRAWN)
    assert reload(session).attention == ""


def test_revealing_secret_whose_withdrawal_failed_and_waits(world: World) -> None:
    session = with_lock(world)
    world.chains["near"].refused_calls = {Call.WITHDRAW}
    world.live_until(Status.REVEALING_SECRET, session)
    while Attempt.objects.filter(succeeded=False).count() < 3:
        world.live(1)
    world.chains["near"].refused_calls = set()
    case = "Its withdrawal failed too often, or an account lacked gas and is funded now"
    follow("revealing_secret", case, session)
    assert end(world, session) == ("completed", BOTH_WITHDRAWN)


def test_revealing_secret_whose_bytes_got_lost(world: World) -> None:
    session = with_lock(world)
    while world.on_chain(session, Role.DESTINATION) is not OPEN:
        world.live(1)
    world.chains["near"].drops_sent = True
    world.live_until(Status.REVEALING_SECRET, session)
    world.chains["near"].drops_sent = False
    case = "Its bytes have left us and no node knows them"
    assert "was taken" in follow("revealing_secret", case, session)
    assert end(world, session) == ("completed", BOTH_WITHDRAWN)


# --- timeout --------------------------------------------------------------------------------------
def time_out(world: World, session: Session) -> None:
    """With no slack: with the devnet's, no lock can come any more when it is over."""
    deadlines = session.fixed_deadlines
    assert deadlines is not None
    policy = {**session.policy, "clock_slack": 0}
    Session.objects.filter(pk=session.pk).update(policy=policy, wake_at="2026-01-01T00:00Z")
    world.live(deadlines.accept_by + 1 - int(world.clock.now))
    assert status(session) is Status.TIMEOUT


def test_timeout_whose_lock_a_node_left_out(world: World) -> None:
    session = world.start()
    world.live(1)
    before = world.chains["base"].head.height
    with silent_about(no_facts):
        world.lock_source(session)
        world.live(4)
    time_out(world, session)
    case = "The maker's lock is there, and we show `absent`"
    follow("timeout", case, session, CHAIN="base", N=before)
    assert end(world, session, 6) == ("refunded", ONLY_THE_SOURCE)


def test_timeout_that_nobody_drives(world: World) -> None:
    session = world.start()
    time_out(world, session)
    without_workers(world, 40)
    follow("timeout", "No worker drives it", session)
    assert (status(session), world.both_on_chain(session)) == (Status.CANCELLED, (ABSENT, ABSENT))


# --- failed ---------------------------------------------------------------------------------------
def test_failed_that_nobody_drives(world: World) -> None:
    """The maker's lock left the chain before ours was sent, and does not come back."""
    session = with_lock(world)
    world.live(1)
    world.chains["near"].is_unreachable = True
    world.block()
    world.poll()
    world.sweep()
    base = world.chains["base"]
    sent = base.between(base.head.height - 1, base.head.height)
    base.reorganise(2, dropped=[each.hash for mined in sent for each in mined.transactions])
    world.poll()
    world.sweep()
    world.chains["near"].is_unreachable = False
    assert status(session) is Status.FAILED
    without_workers(world, 60)
    case = "It waits for a lock that left the chain, and no worker drives it"
    follow("failed", case, session)
    assert (status(session), world.both_on_chain(session)) == (Status.CANCELLED, (ABSENT, ABSENT))


# --- refunding ------------------------------------------------------------------------------------
def too_late(world: World) -> Session:
    session = world.start()
    deadlines = session.fixed_deadlines
    assert deadlines is not None
    world.live(deadlines.accept_by - int(world.clock.now), step=10)
    world.lock_source(session)
    return session


def test_refunding_whose_refund_failed_too_often(world: World) -> None:
    session = too_late(world)
    base = world.chains["base"]
    base.refused_calls = {Call.REFUND, Call.REFUND_EARLY}
    failed = Attempt.objects.filter(intent__call=Call.REFUND.value, succeeded=False)
    while failed.count() < MOST_TRIES:
        world.live(2)
        world.live(300, step=300)
        wake_overdue()
    base.refused_calls = set()
    world.live(600, step=300)
    assert (status(session), reload(session).attention) == (Status.REFUNDING, "refund_overdue")
    case = "Its refund failed too often, or an account lacked gas and is funded now"
    said = follow("refunding", case, session)
    assert "needs a person since" in said
    assert "page: docs/runbook/refund_overdue.md" in said
    assert end(world, session, 4) == ("refunded", ONLY_THE_SOURCE)
    assert reload(session).attention == ""


def test_refunding_whose_signer_is_paused(world: World) -> None:
    signer = paused(world, "base", "lock")
    session = too_late(world)
    world.live(6)
    assert status(session) is Status.REFUNDING
    follow("refunding", "A signer is paused", session, SIGNER=signer)
    assert end(world, session, 4) == ("refunded", ONLY_THE_SOURCE)


def test_refunding_whose_bytes_got_lost(world: World) -> None:
    session = too_late(world)
    world.chains["base"].drops_sent = True
    sent = Attempt.objects.filter(left_at__isnull=False)
    while not sent.exists():
        world.live(1)
    world.chains["base"].drops_sent = False
    case = "Its bytes have left us and no node knows them"
    assert "was taken" in follow("refunding", case, session)
    assert end(world, session, 4) == ("refunded", ONLY_THE_SOURCE)


# --- attention ------------------------------------------------------------------------------------
def test_a_vanished_source_that_is_there_for_other_nodes(world: World) -> None:
    session, secret = both_locked(world)
    with another_network(world, "base") as other:
        for _ in range(3):
            world.block(1)
            other.mine(seconds=max(0, int(world.clock.now) - other.head.time - 1))
            world.work()
        assert reload(session).attention == "source_lock_vanished"
    world.live(2)
    oldest = min(ChainCursor.objects.get(chain="base").height - 1, world.chains["base"].head.height)
    case = "The lock is there for other nodes"
    follow("source_lock_vanished", case, session, CHAIN="base", N=oldest)
    world.live(2)
    assert reload(session).attention == ""
    world.post(session, secret)
    assert end(world, session) == ("completed", BOTH_WITHDRAWN)


def test_an_unknown_preimage_is_read_in_time(world: World) -> None:
    session, secret = both_locked(world)
    before = world.chains["near"].head.height
    read = MemoryAdapter.read_lock

    def without_secret(self: MemoryAdapter, bound: LockTerms, block: Block) -> LockReading:
        return replace(read(self, bound, block), secret=None)

    def no_secrets(found: FactsPage) -> FactsPage:
        return FactsPage(found.blocks, tuple(replace(each, secret=None) for each in found.facts))

    with silent_about(no_secrets) as patch:
        patch.setattr(MemoryAdapter, "read_lock", without_secret)
        patch.setattr(MemoryAdapter, "shown_secret", lambda *_: None)
        world.send_as(MAKER, Call.WITHDRAW, terms(session, Role.DESTINATION), secret)
        world.live(4)
        assert status(session) is Status.BOTH_LOCKED
        assert reload(session).attention == "preimage_unknown"
    said = follow("preimage_unknown", "Always", session, CHAIN="near", N=before)
    assert secret.reveal().hex() not in said
    assert end(world, session) == ("completed", BOTH_WITHDRAWN)
    assert reload(session).attention == ""


def test_a_payout_that_is_owed_after_the_end(world: World) -> None:
    session = with_lock(world)
    near = world.chains["near"]
    world.live_until(Status.REVEALING_SECRET, session)
    while not near.mempool:
        world.send()
    near.refusing.add(MAKER)
    world.live(30)
    wake_overdue()
    world.live(1)
    assert (status(session), reload(session).attention) == (Status.COMPLETED, "payout_overdue")
    near.refusing.clear()
    before = world.balances(MAKER)[MAKER, "near"]
    follow("payout_overdue", "The receiver can be paid again", session)
    world.live(4)
    owed = terms(session, Role.DESTINATION).amount
    assert world.balances(MAKER)[MAKER, "near"] == before + owed
    assert not Intent.objects.filter(call=Call.PAY.value, status__in=["planned", "active"]).exists()
    assert reload(session).attention == ""


def test_a_session_that_could_not_be_driven(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    session = with_lock(world)
    with monkeypatch.context() as patch:
        patch.setattr("sessions_app.coordinator.next_step", lambda _facts: 1 / 0)
        world.live(2)
        assert reload(session).attention == "advance_failed"
    follow("advance_failed", "The cause is mended", session)
    assert reload(session).attention == ""
    assert end(world, session) == ("completed", BOTH_WITHDRAWN)
