"""Mode `maker`: the secret is the maker's own, and it is shown to us, on a chain, or never."""

from collections.abc import Callable

import pytest
from django.db import connection

from auctions_app.config import Caps
from auctions_app.routes import SecretMode
from chains_app.locks import Call, LockState
from chains_app.models import Attempt
from orchestrator.kernel.errors import InvalidSecretError
from orchestrator.kernel.hashlock import HashFunction, Secret
from secrets_app.models import SealedSecret
from sessions_app.admission import CapReachedError, HashlockUsedError, InvalidHashlockError
from sessions_app.domain.states import Status
from sessions_app.models import Role, Session
from sessions_app.services import SecretNotTakenError
from tests.integration.sessions.test_swaps import SWAPPED
from tests.integration.sessions.world import (
    BACK,
    MAKER,
    STRANGER,
    THERE,
    World,
    memory_world,
    path,
    reload,
    status,
    terms,
)
from tests.wiping import wipe_tables

BOTH_WITHDRAWN = (LockState.WITHDRAWN, LockState.WITHDRAWN)
BOTH_REFUNDED = (LockState.REFUNDED, LockState.REFUNDED)


def until_both_are_locked(world: World, route: str = THERE) -> tuple[Session, Secret]:
    session, secret = begun_by_maker(world, route)
    world.lock_source(session)
    world.live_until(Status.BOTH_LOCKED, session)
    return session, secret


def begun_by_maker(world: World, route: str = THERE) -> tuple[Session, Secret]:
    secret = Secret.generate()
    return world.start_by_maker(route, secret), secret


def rows() -> dict[str, int]:
    return {model.__name__: model.objects.count() for model in (SealedSecret, Session, Attempt)}


@pytest.mark.parametrize("route", [THERE, BACK])
def test_a_posted_secret_completes_the_swap(world: World, route: str) -> None:
    session, secret = until_both_are_locked(world, route)
    assert SealedSecret.objects.count() == 0
    world.post(session, secret)
    assert status(session) is Status.REVEALING_SECRET
    world.live(8)
    assert path(session) == SWAPPED
    assert world.both_on_chain(session) == BOTH_WITHDRAWN


def test_a_posted_secret_is_sealed_like_ours_and_posting_again_changes_nothing(
    world: World,
) -> None:
    session, secret = until_both_are_locked(world)
    world.post(session, secret)
    world.post(session, secret)
    sealed = SealedSecret.objects.get()
    assert (sealed.reference, sealed.pk) == (session.id, reload(session).secret_id)
    assert secret.reveal() not in bytes(sealed.sealed or secret.reveal())
    world.live(8)
    world.post(session, secret)
    assert path(session) == SWAPPED


@pytest.mark.parametrize("route", [THERE, BACK])
def test_a_maker_who_withdraws_on_chain_needs_nothing_from_us(world: World, route: str) -> None:
    session, secret = until_both_are_locked(world, route)
    world.send_as(MAKER, Call.WITHDRAW, terms(session, Role.DESTINATION), secret)
    world.live(8)
    assert path(session) == SWAPPED
    assert world.both_on_chain(session) == BOTH_WITHDRAWN
    assert SealedSecret.objects.count() == 0


def test_rule_3_a_silent_maker_gets_nothing_and_loses_nothing(world: World) -> None:
    session, _ = until_both_are_locked(world)
    world.live_to_the_end(session)
    assert status(session) is Status.REFUNDED
    assert world.both_on_chain(session) == BOTH_REFUNDED


def withdraws(world: World, session: Session, secret: Secret) -> None:
    world.send_as(MAKER, Call.WITHDRAW, terms(session, Role.DESTINATION), secret)


@pytest.mark.parametrize("seconds_before", [1, 2, 5, 9])
def test_rule_4_a_maker_who_withdraws_at_the_last_instant_is_paid_and_so_are_we(
    world: World, seconds_before: int
) -> None:
    """When our own deadline is over, the contract's is not: `timeout` and `refunding` turn back."""
    session, secret = until_both_are_locked(world)
    last = terms(session, Role.DESTINATION).timelock - seconds_before
    world.live(int(last - world.clock.now) - 1)
    withdraws(world, session, secret)
    world.block(1)
    world.live_to_the_end(session)
    assert status(session) is Status.COMPLETED
    assert world.both_on_chain(session) == BOTH_WITHDRAWN


def test_rule_4_a_maker_who_withdraws_while_our_lock_is_not_final_yet_is_followed(
    world: World,
) -> None:
    session, secret = begun_by_maker(world)
    world.lock_source(session)
    for _ in range(20):
        world.live(1)
        if world.on_chain(session, Role.DESTINATION) is LockState.OPEN:
            break
    assert status(session) is Status.DESTINATION_LOCKING
    withdraws(world, session, secret)
    world.live(10)
    assert status(session) is Status.COMPLETED
    assert world.both_on_chain(session) == BOTH_WITHDRAWN


def test_a_stranger_who_saw_the_secret_changes_nothing(world: World) -> None:
    session, secret = until_both_are_locked(world)
    world.send_as(STRANGER, Call.WITHDRAW, terms(session, Role.SOURCE), secret)
    world.live(10)
    assert status(session) is Status.COMPLETED
    assert world.both_on_chain(session) == BOTH_WITHDRAWN


# --- refusals: nothing moves, nothing is stored -------------------------------------------------


def before_the_locks(world: World) -> tuple[Session, Secret]:
    return begun_by_maker(world)


def with_one_lock(world: World) -> tuple[Session, Secret]:
    session, secret = begun_by_maker(world)
    world.lock_source(session)
    world.live_until(Status.DESTINATION_LOCKING, session)
    return session, secret


def too_late(world: World) -> tuple[Session, Secret]:
    """Closer to the timelock than the guard's distance; the poller has not seen it yet."""
    session, secret = until_both_are_locked(world)
    guard = session.timelock_policy.guard_distance
    world.pass_time(int(terms(session, Role.DESTINATION).timelock - guard + 1 - world.clock.now))
    return session, secret


def on_old_facts(world: World) -> tuple[Session, Secret]:
    session, secret = until_both_are_locked(world)
    world.trust_heads_for(5)
    world.read_heads(seconds_ago=6)
    return session, secret


EARLY_OR_LATE: dict[str, tuple[Callable[[World], tuple[Session, Secret]], str]] = {
    "no lock": (before_the_locks, "is source_locking: a secret is taken once both locks are final"),
    "one lock": (with_one_lock, "a secret is taken once both locks are final"),
    "too late": (too_late, "is refunding: a secret is taken once both locks are final, and not"),
    "old facts": (on_old_facts, "is both_locked: a chain's head is stale"),
}


@pytest.mark.parametrize("moment", EARLY_OR_LATE)
def test_rule_3_a_secret_that_comes_early_or_late_is_not_taken(world: World, moment: str) -> None:
    prepare, said = EARLY_OR_LATE[moment]
    session, secret = prepare(world)
    before = rows(), path(session)
    with pytest.raises(SecretNotTakenError, match=said):
        world.post(session, secret)
    assert (rows(), path(session)) == before
    assert reload(session).secret_id is None


def test_rule_3_a_secret_that_does_not_fit_is_not_taken_and_never_repeated(world: World) -> None:
    session, _ = until_both_are_locked(world)
    wrong, before = Secret.generate(), rows()
    with pytest.raises(InvalidSecretError, match="does not fit the session's hashlock") as refused:
        world.post(session, wrong)
    assert wrong.reveal().hex() not in str(refused.value)
    assert (rows(), reload(session).secret_id) == (before, None)


def test_the_secret_of_mode_service_is_not_the_makers_to_post(world: World) -> None:
    session = world.start()
    with pytest.raises(SecretNotTakenError, match="is ours: you need not post"):
        world.post(session, Secret.generate())


HASHLOCKS = {
    "missing": (SecretMode.MAKER, None, "mode `maker` needs a hashlock: give the sha256"),
    "not wanted": (SecretMode.SERVICE, b"\7" * 32, "in mode `service` the secret is ours"),
    "zero": (SecretMode.MAKER, bytes(32), "nobody has a secret whose hash is zero"),
    "of zeros": (
        SecretMode.MAKER,
        HashFunction.SHA256.digest(bytes(32)),
        "anybody would guess the secret",
    ),
    "of 1": (
        SecretMode.MAKER,
        HashFunction.SHA256.digest((1).to_bytes(32, "big")),
        "anybody would guess the secret",
    ),
}


@pytest.mark.parametrize("case", HASHLOCKS)
def test_a_hashlock_that_cannot_be_used_is_refused(world: World, case: str) -> None:
    mode, hashlock, said = HASHLOCKS[case]
    with pytest.raises(InvalidHashlockError, match=said):
        world.create(secret_mode=mode, hashlock=hashlock)
    assert Session.objects.count() == 0


def test_a_hashlock_is_used_once_even_when_its_session_has_ended(world: World) -> None:
    session, secret = begun_by_maker(world)
    hashlock = HashFunction.SHA256.digest(secret.reveal())
    world.live_to_the_end(session)
    assert status(session) is Status.CANCELLED
    with pytest.raises(HashlockUsedError, match="draw a new secret"):
        world.create(secret_mode=SecretMode.MAKER, hashlock=hashlock)
    ours = world.create()
    with pytest.raises(HashlockUsedError):
        world.create(secret_mode=SecretMode.MAKER, hashlock=bytes(ours.hashlock))
    with connection.cursor() as cursor:  # the refusals left the connection usable
        cursor.execute("SELECT 1")


def test_who_abandons_swaps_after_our_lock_may_not_go_on(transactional_db: None) -> None:
    wipe_tables()
    with memory_world(caps=Caps(maker_abandoned=1)) as world:
        session, _ = until_both_are_locked(world)
        world.live_to_the_end(session)
        assert status(session) is Status.REFUNDED
        with pytest.raises(CapReachedError, match="maker let 1 swaps expire after our lock"):
            begun_by_maker(world)
        world.start()
