"""A hashlock that was used on a chain, by whomever, opens no session; nobody's lock moves ours."""

from dataclasses import replace
from typing import Any

import pytest

from auctions_app.routes import SecretMode
from chains_app import seen
from chains_app.adapters.memory import MemoryAdapter
from chains_app.locks import Call, LockState, LockTerms
from chains_app.models import SeenLock
from orchestrator.kernel.clock import Seconds
from orchestrator.kernel.hashlock import HashFunction, Secret
from sessions_app.admission import HashlockUsedError
from sessions_app.domain.states import Status
from sessions_app.models import Session
from tests.integration.sessions.test_swaps import SWAPPED
from tests.integration.sessions.world import MAKER, STRANGER, THERE, World, path, status

CHAINS = ["base", "near"]


def strangers_lock(world: World, chain: str, hashlock: bytes, **changes: Any) -> LockTerms:
    """To himself, over nothing that we deal in."""
    now = int(world.clock.now)
    lock = LockTerms(
        chain=chain, contract="escrows", depositor=STRANGER, beneficiary=MAKER, token=None,
        amount=1, hashlock=hashlock, lock_by=Seconds(now + 600), timelock=Seconds(now + 1200),
    )  # fmt: skip
    return replace(lock, **changes)


def make(world: World, lock: LockTerms) -> None:
    world.send_as(lock.depositor, Call.LOCK, lock)
    world.block(1, lock.chain)
    world.poll()


def drawn() -> tuple[Secret, bytes]:
    secret = Secret.generate()
    return secret, HashFunction.SHA256.digest(secret.reveal())


@pytest.mark.parametrize("chain", CHAINS)
def test_a_hashlock_that_anybody_used_on_a_chain_is_refused(world: World, chain: str) -> None:
    secret, hashlock = drawn()
    lock = strangers_lock(world, chain, hashlock)
    make(world, lock)
    stored = SeenLock.objects.get()
    assert (stored.chain, stored.terms, stored.is_for_us) == (chain, lock, False)
    with pytest.raises(HashlockUsedError, match="was used before: draw a new secret"):
        world.create(secret_mode=SecretMode.MAKER, hashlock=hashlock)
    world.send_as(MAKER, Call.WITHDRAW, lock, secret)
    world.block(1, chain)
    world.poll()
    with pytest.raises(HashlockUsedError):
        world.create(secret_mode=SecretMode.MAKER, hashlock=hashlock)
    assert not Session.objects.exists()


@pytest.mark.parametrize("chain", CHAINS)
def test_what_a_reorganisation_takes_back_was_not_used(world: World, chain: str) -> None:
    _, hashlock = drawn()
    make(world, strangers_lock(world, chain, hashlock))
    sent = world.chains[chain].between(world.chains[chain].head.height, 10**9)[0].transactions
    world.chains[chain].reorganise(1, dropped=[each.hash for each in sent])
    world.poll()
    assert not SeenLock.objects.exists()
    world.create(secret_mode=SecretMode.MAKER, hashlock=hashlock)


def test_our_own_legs_are_no_strangers(world: World) -> None:
    session = world.start()
    world.lock_source(session)
    world.live(14)
    assert path(session) == SWAPPED
    assert not SeenLock.objects.exists()


@pytest.mark.parametrize("chain", CHAINS)
@pytest.mark.parametrize("when", ["before the source", "before ours", "when both are locked"])
def test_a_strangers_lock_under_a_sessions_hashlock_changes_nothing(
    world: World, chain: str, when: str
) -> None:
    secret, hashlock = drawn()
    session = world.start_by_maker(THERE, secret)
    lock = strangers_lock(world, chain, hashlock)
    if when == "before the source":
        make(world, lock)
    world.lock_source(session)
    if when == "before ours":
        world.live_until(Status.DESTINATION_LOCKING, session)
        make(world, lock)
    world.live_until(Status.BOTH_LOCKED, session)
    if when == "when both are locked":
        make(world, lock)
    world.post(session, secret)
    world.live(10)
    assert path(session) == SWAPPED
    assert world.both_on_chain(session) == (LockState.WITHDRAWN, LockState.WITHDRAWN)
    assert SeenLock.objects.get().terms == lock


@pytest.mark.parametrize("chain", CHAINS)
def test_a_strangers_withdrawal_under_a_sessions_hashlock_shows_us_nothing_false(
    world: World, chain: str
) -> None:
    """He takes his own lock with the secret before the maker reveals it to us: we go on waiting."""
    secret, hashlock = drawn()
    session = world.start_by_maker(THERE, secret)
    world.lock_source(session)
    world.live_until(Status.BOTH_LOCKED, session)
    lock = strangers_lock(world, chain, hashlock)
    make(world, lock)
    world.send_as(MAKER, Call.WITHDRAW, lock, secret)
    world.live(4)
    assert status(session) is Status.BOTH_LOCKED
    world.post(session, secret)
    world.live(10)
    assert path(session) == SWAPPED


def test_what_one_block_can_make_us_store_is_bounded(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seen, "MOST_LOCKS", 2)
    for number in range(4):
        account = f"stranger{number}"
        world.chains["base"].fund(account, 10**20)
        world.send_as(
            account, Call.LOCK,
            strangers_lock(world, "base", drawn()[1], depositor=account),
        )  # fmt: skip
    world.block(1, "base")
    world.poll()
    assert SeenLock.objects.count() == 2


def test_rule_7_a_lock_at_another_place_than_its_terms_say_is_not_for_us(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On NEAR an instant may be no whole second: under our terms it is another lock."""
    lock = strangers_lock(world, "base", drawn()[1], beneficiary="lock")
    other = replace(lock, timelock=Seconds(lock.timelock - 1))
    monkeypatch.setattr(MemoryAdapter, "lock_made", lambda *_: other)
    make(world, lock)
    assert not SeenLock.objects.get().is_for_us
