"""A database that lost its last commits: what has left us is not made twice, and the swap ends.

All that was written since some moment of a swap is taken back when the swap is over on the chains.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO
from typing import Any

import pytest
from django.db import connection
from django.db.models import F
from psycopg import sql

from chains_app.locks import Call, LockState, LockTerms
from chains_app.models import Attempt, ChainCursor, SeenLock, Signer
from chains_app.poller import poll
from chains_app.registry import get_adapter
from chains_app.watching import compare_with_chains
from orchestrator.kernel.hashlock import Secret
from sessions_app import surplus
from sessions_app.domain.states import Status
from sessions_app.models import Role, Session, Surplus
from tests.integration.chains.world import resume_signers
from tests.integration.sessions.world import BACK, START, THERE, World, path, reload, status, terms

WITHDRAWN = LockState.WITHDRAWN
MOMENTS = (Status.SOURCE_LOCKING, Status.DESTINATION_LOCKING, Status.REVEALING_SECRET)


def copy_of_the_database() -> Callable[[], None]:
    """Takes all tables as they are; what it returns puts them back."""
    tables = [sql.Identifier(name) for name in connection.introspection.table_names()]
    taken = [(table, BytesIO()) for table in tables]
    with connection.cursor() as cursor:
        for table, rows in taken:
            with cursor.copy(sql.SQL("COPY {} TO STDOUT").format(table)) as out:
                rows.writelines(bytes(part) for part in out)

    def put_back() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET session_replication_role = replica")  # in any order
            for table, rows in taken:
                cursor.execute(sql.SQL("DELETE FROM {}").format(table))
                with cursor.copy(sql.SQL("COPY {} FROM STDIN").format(table)) as into:
                    into.write(rows.getvalue())
            cursor.execute("SET session_replication_role = origin")

    return put_back


@pytest.mark.parametrize("route", [THERE, BACK])
@pytest.mark.parametrize("moment", MOMENTS, ids=lambda moment: moment.value)
def test_rule_14_a_database_that_was_put_back_makes_nothing_twice(
    world: World, moment: Status, route: str
) -> None:
    session = world.start(route)
    world.lock_source(session)
    world.live_until(moment, session)
    put_back = copy_of_the_database()
    world.live_to_the_end(session)
    assert (status(session), world.both_on_chain(session)) == (
        Status.COMPLETED, (WITHDRAWN, WITHDRAWN)
    )  # fmt: skip
    balances = world.balances("maker", "lock", "duty")
    put_back()
    assert status(session) is moment
    compare_with_chains()
    live_on(world)
    assert path(session)[-1] == "completed"
    assert world.balances("maker", "lock", "duty") == balances


def with_a_forgotten_lock(world: World, route: str) -> tuple[Session, LockTerms, LockTerms]:
    """Both legs stand, and the database is as it was before ours had left."""
    session = world.start_by_maker(route, Secret(b"the maker's own secret, 32 bytes"))
    world.lock_source(session)
    left = Attempt.objects.filter(intent__call=Call.LOCK.value, left_at__isnull=False)
    while not left.exists():
        put_back = copy_of_the_database()
        world.live(1)
    world.live(2)
    put_back()
    compare_with_chains()
    return reload(session), terms(session, Role.SOURCE), terms(session, Role.DESTINATION)


@pytest.mark.parametrize("route", [THERE, BACK])
@pytest.mark.parametrize("is_called_off", [False, True])
def test_rule_4_a_forgotten_lock_of_ours_keeps_the_source(
    world: World, is_called_off: bool, route: str
) -> None:
    """The maker may still take it; its own chain was not read yet."""
    session, source, ours = with_a_forgotten_lock(world, route)
    if is_called_off:
        world.cancel(session)
    else:
        world.pass_time(int(ours.lock_by - world.clock.now) + 1)
    for _ in range(3):
        world.block(1, source.chain)
        poll(source.chain)
        world.sweep()
        world.send()
    assert status(session) is Status.REFUNDING
    assert (stands(source), stands(ours)) == (LockState.OPEN, LockState.OPEN)
    world.live_to_the_end(session)
    assert path(session)[-1] == "refunded"
    assert (stands(source), stands(ours)) == (LockState.REFUNDED, LockState.REFUNDED)


@pytest.mark.parametrize("route", [THERE, BACK])
def test_rule_4_a_lock_under_a_forgotten_swaps_hashlock_is_no_mere_surplus(
    world: World, route: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Not even the session is known: a person is told of our lock."""
    world.sweeps_surplus = True
    put_back = copy_of_the_database()
    session = world.start_by_maker(route, Secret(b"the maker's own secret, 32 bytes"))
    world.lock_source(session)
    source, ours = terms(session, Role.SOURCE), terms(session, Role.DESTINATION)
    world.live_until(Status.BOTH_LOCKED, session)
    put_back()
    live_on(world)
    told = [record.msg for record in caplog.records if isinstance(record.msg, dict)]
    (unknown,) = [each for each in told if each["event"] == "own_lock_unknown"]
    assert (unknown["chain"], unknown["level"]) == (ours.chain, "error")
    assert Surplus.objects.get().lock_terms == source
    assert (stands(source), stands(ours)) == (LockState.OPEN, LockState.OPEN)


UNREAD: dict[str, tuple[dict[str, Any], str]] = {
    "behind": ({"time": F("time") - 11}, "near is not read to its head"),
    "left out": ({"left_out_at": START}, "locks on near were left out within the last day"),
    "stale": (
        {"advanced_at": datetime.fromtimestamp(START - 60, UTC)},
        "the head of near is stale",
    ),
    "not begun": ({"hash": ""}, "near was not read yet"),
}


@pytest.mark.parametrize("case", UNREAD)
def test_rule_4_nothing_goes_back_early_while_locks_may_be_unread(world: World, case: str) -> None:
    """Where a lock of ours may stand that no session knows."""
    world.trust_heads_for(30)
    world.live(2)
    hashlock = bytes(32)
    assert surplus.forgotten_lock(hashlock, all_read=True) is None
    changes, said = UNREAD[case]
    ChainCursor.objects.filter(chain="near").update(**changes)
    assert surplus.forgotten_lock(hashlock, all_read=True) == said
    assert surplus.forgotten_lock(hashlock, all_read=False) is None
    ChainCursor.objects.all().delete()
    assert surplus.forgotten_lock(hashlock, all_read=True) == "base was not read yet"


@pytest.mark.parametrize("route", [THERE, BACK])
def test_rule_4_a_forgotten_lock_of_other_terms_keeps_the_source_too(
    world: World, route: str
) -> None:
    """At the place of another fill's, whose own terms read absent."""
    session = world.start(route)
    world.lock_source(session)
    world.live(1)
    source, ours = terms(session, Role.SOURCE), terms(session, Role.DESTINATION)
    other = replace(ours, amount=ours.amount + 1)
    SeenLock.objects.create(
        chain=other.chain, lock_id="its place", hashlock=other.hashlock,
        terms_json=other.to_json(), is_for_us=False, height=1,
    )  # fmt: skip
    world.pass_time(int(ours.lock_by - world.clock.now) + 1)
    world.live(6)
    assert status(session) is Status.REFUNDING
    assert stands(source) is LockState.OPEN
    SeenLock.objects.all().delete()
    world.live(6)
    assert stands(source) is LockState.REFUNDED


def stands(lock: LockTerms) -> LockState:
    adapter = get_adapter(lock.chain)
    return adapter.read_lock(lock, adapter.head()).state


def live_on(world: World) -> None:
    """With a person who resumes the keys that stopped: they had signed what is forgotten."""
    for _ in range(10):
        world.live(2)
        if Signer.objects.exclude(stopped_for="").exists():
            resume_signers()
