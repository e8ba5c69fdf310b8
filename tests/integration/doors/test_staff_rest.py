"""What staff do with signers, chains and routes by commands."""

from collections.abc import Collection
from dataclasses import replace

import pytest
from rest_framework.test import APIClient

from auctions_app.services import RoutePausedError
from chains_app.adapters.interface import (
    ChainError,
    ChainUnavailableError,
    FactsPage,
    TooManyFactsError,
)
from chains_app.adapters.memory import PAGE_BLOCKS, MemoryAdapter
from chains_app.locks import Block, Call, LockReading, LockTerms
from chains_app.models import Attempt, ChainBlock, ChainCursor, Observation, Signer
from chains_app.outbox.nonces import sync_signers
from sessions_app.domain.states import Status
from sessions_app.models import Role
from tests.integration.doors.calls import get, post, quote_fields, session_fields
from tests.integration.doors.refusals import assert_refused, nothing_changes
from tests.integration.doors.staff import do, refused, signer_of, the_deed
from tests.integration.sessions.test_maker_mode import until_both_are_locked
from tests.integration.sessions.test_swaps import SWAPPED
from tests.integration.sessions.world import BACK, MAKER, THERE, World, path, reload, status, terms

pytestmark = pytest.mark.django_db(transaction=True)


# --- pause_signer ---------------------------------------------------------------------------------
def test_a_paused_signer_signs_nothing_until_it_is_resumed(world: World) -> None:
    session = world.start()
    world.lock_source(session)
    sync_signers("near")
    lock = signer_of("near", "lock")
    assert do("pause_signer", lock.pk) == "lock on near (lock) is paused\n"
    deed = the_deed()
    assert (deed.action, deed.kind, deed.subject) == ("pause_signer", "signer", str(lock.pk))
    world.live(6)
    assert (status(session), Attempt.objects.count()) == (Status.DESTINATION_LOCKING, 0)
    assert do("pause_signer", lock.pk, "--resume") == "lock on near (lock) is running\n"
    world.live(14)
    assert path(session) == SWAPPED


def test_what_was_signed_does_not_leave_a_paused_signer(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = world.start()
    world.lock_source(session)
    real = MemoryAdapter.sign

    def pause_then_sign(self: MemoryAdapter, *arguments: object) -> object:
        Signer.objects.filter(pk=signer_of("near", "lock").pk).update(is_enabled=False)
        return real(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(MemoryAdapter, "sign", pause_then_sign)
    world.live(4)
    assert set(Attempt.objects.values_list("left_at", flat=True)) == {None}


def test_an_unknown_signer_lists_those_that_there_are(world: World) -> None:
    sync_signers("near")
    for unknown in ("9999", "lock", ""):
        said = refused("pause_signer", unknown)
        assert said.startswith(f"no signer '{unknown}': ")
        assert f"{signer_of('near', 'lock').pk} is lock on near (lock), running" in said


def test_a_signer_is_neither_paused_nor_resumed_twice(world: World) -> None:
    sync_signers("near")
    lock = signer_of("near", "lock")
    assert refused("pause_signer", lock.pk, "--resume") == "lock on near (lock) is running already"
    do("pause_signer", lock.pk)
    assert refused("pause_signer", lock.pk) == "lock on near (lock) is paused already"


# --- rewind_cursor --------------------------------------------------------------------------------
def forgetful(everywhere: pytest.MonkeyPatch, once: pytest.MonkeyPatch) -> None:
    """From here on nodes leave out every secret, and tell it later, if ever, by a block's facts."""
    facts, read = MemoryAdapter.facts, MemoryAdapter.read_lock

    def without_secrets(self: MemoryAdapter, first: int, last: int) -> FactsPage:
        page = facts(self, first, last)
        return FactsPage(page.blocks, tuple(replace(each, secret=None) for each in page.facts))

    def without_secret(self: MemoryAdapter, bound: LockTerms, block: Block) -> LockReading:
        return replace(read(self, bound, block), secret=None)

    everywhere.setattr(MemoryAdapter, "read_lock", without_secret)
    everywhere.setattr(MemoryAdapter, "shown_secret", lambda *_: None)
    once.setattr(MemoryAdapter, "facts", without_secrets)


def test_a_chain_that_is_read_again_tells_what_a_node_left_out(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, secret = until_both_are_locked(world)
    before = world.chains["near"].head.height
    with pytest.MonkeyPatch.context() as patch:
        forgetful(monkeypatch, patch)
        world.send_as(MAKER, Call.WITHDRAW, terms(session, Role.DESTINATION), secret)
        world.live(8)
        assert status(session) is Status.BOTH_LOCKED
    said = do("rewind_cursor", "near", "--to", before)
    assert said == f"near is read again after block {before}\n"
    deed = the_deed()
    assert (deed.action, deed.kind, deed.subject) == ("rewind_cursor", "chain", "near")
    world.live(6)
    assert path(session) == SWAPPED
    assert ChainCursor.objects.get(chain="near").reread_after is None


def test_what_a_node_left_out_below_the_block_that_is_given_is_found_too(world: World) -> None:
    session, secret = until_both_are_locked(world)
    with pytest.MonkeyPatch.context() as patch:
        facts = MemoryAdapter.facts
        patch.setattr(MemoryAdapter, "facts", lambda *asked: replace(facts(*asked), facts=()))
        world.send_as(MAKER, Call.WITHDRAW, terms(session, Role.DESTINATION), secret)
        world.live(8)
        assert status(session) is Status.BOTH_LOCKED
    do("rewind_cursor", "near", "--to", ChainCursor.objects.get(chain="near").height - 1)
    world.live(6)
    assert path(session) == SWAPPED


def test_reading_again_takes_no_session_back_and_forgets_nothing(world: World) -> None:
    session = world.start()
    world.lock_source(session)
    world.live(14)
    readings, seq = Observation.objects.count(), reload(session).version
    for chain in ("base", "near"):
        oldest = ChainBlock.objects.filter(chain=chain).order_by("height").values("height")[0]
        do("rewind_cursor", chain, "--to", oldest["height"])
    world.live(3)
    assert (path(session), reload(session).version) == (SWAPPED, seq)
    assert Observation.objects.count() >= readings


def test_a_wrong_reading_is_replaced_when_its_block_is_read_again(world: World) -> None:
    session = world.start()
    world.lock_source(session)
    world.live(14)
    wrong = Observation.objects.filter(watch__chain="near").order_by("height").first()
    assert wrong is not None
    Observation.objects.filter(pk=wrong.pk).update(state="absent")
    do("rewind_cursor", "near", "--to", wrong.height - 1)
    world.poll()
    again = Observation.objects.get(watch=wrong.watch_id, block_hash=wrong.block_hash)
    assert (again.state, again.is_paid) == (wrong.state, wrong.is_paid)


def test_a_chain_that_reorganised_meanwhile_is_still_read_to_its_head(world: World) -> None:
    session = world.start()
    world.lock_source(session)
    world.live(14)
    do("rewind_cursor", "near", "--to", world.chains["near"].head.height - 2)
    world.chains["near"].reorganise(1)
    world.live(3)
    cursor = ChainCursor.objects.get(chain="near")
    assert (cursor.hash, cursor.reread_after) == (world.chains["near"].head.hash, None)
    assert path(session)[-1] == "completed"


def wrong_reading(world: World, blocks: int) -> Observation:
    """Of a lock on NEAR, that many blocks before the head; completed in the meantime."""
    session = world.start()
    world.lock_source(session)
    world.live(14)
    wrong = Observation.objects.filter(watch__chain="near").order_by("height").last()
    assert wrong is not None
    world.live(wrong.height + blocks - ChainCursor.objects.get(chain="near").height)
    Observation.objects.filter(pk=wrong.pk).update(state="absent")
    assert wrong.state != "absent"
    return wrong


def read_again(wrong: Observation) -> str:
    again = Observation.objects.get(watch=wrong.watch_id, block_hash=wrong.block_hash)
    return again.state


def test_more_blocks_than_one_page_has_are_read_again(world: World) -> None:
    wrong = wrong_reading(world, 2 * PAGE_BLOCKS)
    do("rewind_cursor", "near", "--to", wrong.height - 1)
    world.poll()
    assert read_again(wrong) == wrong.state
    assert ChainCursor.objects.get(chain="near").reread_after is None


class Asked:
    """Fails for old blocks as it is told, and notes whether it was asked for them by address."""

    def __init__(self, patch: pytest.MonkeyPatch, wrong: Observation, error: ChainError) -> None:
        self.by_address: list[bool] = []
        facts = MemoryAdapter.facts

        def failing(
            adapter: MemoryAdapter, first: int, last: int, locks: Collection[str] | None = None
        ) -> FactsPage:
            if adapter.name == "near" and first <= wrong.height <= last:
                self.by_address.append(locks is not None)
                if locks is None or not isinstance(error, TooManyFactsError):
                    raise error
            return facts(adapter, first, last, locks)

        patch.setattr(MemoryAdapter, "facts", failing)


def test_what_has_too_many_events_is_read_again_by_address(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = wrong_reading(world, 1)
    asked = Asked(monkeypatch, wrong, TooManyFactsError("near: too many logs in a block"))
    do("rewind_cursor", "near", "--to", wrong.height - 1)
    world.poll()
    assert asked.by_address == [False, True]
    assert read_again(wrong) == wrong.state


def test_a_chain_is_polled_on_while_its_old_blocks_can_not_be_read_again(world: World) -> None:
    wrong = wrong_reading(world, 1)
    do("rewind_cursor", "near", "--to", wrong.height - 1)
    with pytest.MonkeyPatch.context() as patch:
        asked = Asked(patch, wrong, ChainUnavailableError("near: no node answered"))
        world.live(3)
        cursor = ChainCursor.objects.get(chain="near")
        assert cursor.hash == world.chains["near"].head.hash
        assert (cursor.reread_after, set(asked.by_address)) == (wrong.height - 1, {False})
    world.poll()
    assert read_again(wrong) == wrong.state
    assert ChainCursor.objects.get(chain="near").reread_after is None


def test_another_wish_to_read_again_stands_instead_of_the_first(world: World) -> None:
    wrong = wrong_reading(world, 4)
    do("rewind_cursor", "near", "--to", wrong.height - 1)
    assert do("rewind_cursor", "near", "--to", wrong.height + 1) == (
        f"near is read again after block {wrong.height + 1}; no more what was still to be read "
        f"after block {wrong.height - 1}\n"
    )
    world.poll()
    assert read_again(wrong) == "absent"
    assert ChainCursor.objects.get(chain="near").reread_after is None


def test_nothing_is_skipped_and_nothing_older_than_what_is_kept_is_asked_for(world: World) -> None:
    world.live(100, step=1)
    cursor = ChainCursor.objects.get(chain="base")
    for height in (cursor.height, cursor.height + 10):
        assert refused("rewind_cursor", "base", "--to", height) == (
            f"base is read up to {cursor.height}: give a block below it, nothing is ever skipped"
        )
    oldest = ChainBlock.objects.filter(chain="base").order_by("height").values("height")[0]
    assert oldest["height"] > 0
    assert refused("rewind_cursor", "base", "--to", 0) == (
        f"blocks of base are kept from {oldest['height']} on, and older ones go with each new one: "
        f"give any up to {cursor.height - 1}, with which all open locks are read anew"
    )
    assert refused("rewind_cursor", "solana", "--to", 1) == (
        "no chain 'solana': base, near was read yet"
    )
    assert ChainCursor.objects.get(chain="base").height == cursor.height


# --- pause_route ----------------------------------------------------------------------------------
def test_a_paused_route_takes_nothing_new_and_open_swaps_go_on(
    world: World, api: APIClient
) -> None:
    swap, quoted = world.start(), world.quote()
    executed = world.create()
    assert do("pause_route", THERE) == f"{THERE} is paused\n"
    deed = the_deed()
    assert (deed.action, deed.kind, deed.subject) == ("pause_route", "route", THERE)
    shown = {each["routeId"]: each["isPaused"] for each in get(api, "/routes")["items"]}
    assert shown[THERE]
    assert sorted(shown.values()) == [False, True]
    with nothing_changes():
        assert_refused(post(api, "/quote", quote_fields(), 409), "route_paused", None, THERE)
        bound = post(api, "/sessions", session_fields(str(quoted)), 409)
        assert_refused(bound, "route_paused", None, THERE)
    world.execute(executed)
    world.lock_source(swap)
    world.live(40)
    assert path(swap) == SWAPPED
    assert path(executed) == ["initialized", "executing", "cancelled"]


@pytest.mark.parametrize(
    ("chain", "role", "closed"),
    [
        ("base", "lock", {BACK}),
        ("near", "lock", {THERE}),
        ("base", "duty", {THERE, BACK}),
        ("near", "duty", {THERE, BACK}),
    ],
)
def test_no_maker_locks_for_nothing_while_signers_that_the_swap_needs_are_paused(
    world: World, api: APIClient, chain: str, role: str, closed: set[str]
) -> None:
    quoted, executed = world.quote(), world.create()
    sync_signers(chain)
    do("pause_signer", signer_of(chain, role).pk)
    shown = {each["routeId"] for each in get(api, "/routes")["items"] if each["isPaused"]}
    assert shown == closed
    for route in sorted(closed):
        with pytest.raises(RoutePausedError, match=f"while our {role} signers on {chain} are"):
            world.quote(route)
    if THERE in closed:
        with nothing_changes():
            asked = post(api, "/quote", quote_fields(), 409)
            assert_refused(asked, "route_paused", None, THERE)
            bound = post(api, "/sessions", session_fields(str(quoted)), 409)
            assert_refused(bound, "route_paused", None, THERE)
    world.execute(executed)
    assert (status(executed) is Status.EXECUTING) is (THERE in closed)


def test_a_resumed_route_runs_again(world: World) -> None:
    do("pause_route", THERE)
    world.quote(BACK)  # the other direction was never paused
    assert do("pause_route", THERE, "--resume") == f"{THERE} is running\n"
    session = world.start()
    world.lock_source(session)
    world.live(14)
    assert path(session) == SWAPPED


def test_a_route_is_neither_paused_twice_nor_one_that_there_is_not(world: World) -> None:
    assert refused("pause_route", THERE, "--resume") == f"{THERE} is running already"
    do("pause_route", THERE)
    assert refused("pause_route", THERE) == f"{THERE} is paused already"
    assert refused("pause_route", "base:X->near:Y").startswith("no route 'base:X->near:Y': give")
