"""Support finds a session by whatever a maker has of it, and the database by an index."""

import re
from collections.abc import Callable
from io import StringIO
from itertools import pairwise
from typing import Final

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from chains_app.models import Attempt, InboxFact, Watch
from sessions_app.finding import find_sessions
from sessions_app.models import Role, Session, Surplus
from tests.integration.doors.staff import run
from tests.integration.sessions.world import MAKER, World

pytestmark = pytest.mark.django_db(transaction=True)

SESSIONS, SURPLUS = "/admin/sessions_app/session/", "/admin/sessions_app/surplus/"
TABLES: Final = (
    "sessions_app_session|sessions_app_leg|auctions_app_quote|"
    "chains_app_watch|chains_app_attempt|chains_app_inboxfact"
)
LARGE: Final = """
    SELECT pg_restore_relation_stats(
        'schemaname', 'public', 'relname', relname::text, 'relpages', 1, 'reltuples', 1e6::real)
    FROM pg_class WHERE relname = ANY(%(tables)s);
    SELECT pg_restore_attribute_stats(
        'schemaname', 'public', 'relname', relname::text, 'attname', attname::text,
        'inherited', false, 'null_frac', 0::real, 'avg_width', 32,
        'n_distinct', CASE WHEN attname = ANY(%(shared)s) THEN 2 ELSE -1 END::real)
    FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid
    WHERE relname = ANY(%(tables)s) AND attnum > 0 AND NOT attisdropped
"""
SHARED: Final = ("client_id", "chain")  # by many rows; of all else each has its own
INDEXES: Final = (
    "session_source_account", "session_destination_account", "attempt_hash", "fact_transaction",
    "one_watch_per_lock",
)  # fmt: skip


def watch(session: Session, role: Role) -> Watch:
    return Watch.objects.get(reference=session.legs.get(role=role).pk)


def our_transaction(session: Session) -> str:
    of_ours = Attempt.objects.filter(intent__reference=session.legs.get(role=Role.SOURCE).pk)
    return of_ours.earliest("signed_at").hash


def makers_transaction(session: Session) -> str:
    seen = InboxFact.objects.filter(watch=watch(session, Role.SOURCE))
    return str(seen.earliest("pk").transaction)


HANDLES: Final[dict[str, Callable[[Session], str]]] = {
    "id": lambda session: str(session.pk),
    "id in capitals": lambda session: f" {session.pk} ".upper(),
    "id without dashes": lambda session: session.pk.hex,
    "hashlock": lambda session: f"0x{bytes(session.hashlock).hex()}",
    "hashlock in capitals": lambda session: bytes(session.hashlock).hex().upper(),
    "source lock": lambda session: watch(session, Role.SOURCE).lock_id,
    "destination lock in capitals": lambda session: (
        watch(session, Role.DESTINATION).lock_id.upper().replace("0X", "0x")
    ),
    "our transaction": our_transaction,
    "the maker's transaction": makers_transaction,
    "source account": lambda session: session.maker_source_account,
    "destination account": lambda session: session.maker_destination_account,
}


@pytest.fixture
def two(world: World) -> tuple[Session, Session]:
    """One that has completed, whose maker has accounts of its own by now, and one beside it."""
    first = world.start()
    world.lock_source(first)
    world.live(14)
    second = world.start()
    Session.objects.filter(pk=first.pk).update(
        maker_source_account="0x5FbDB2315678afecb367f032d93F642f64180aa3",
        maker_destination_account="maker-one.near",
    )
    first.refresh_from_db()
    assert makers_transaction(first) != our_transaction(first)
    return first, second


@pytest.fixture
def staff(world: World) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("root"))
    return client


def listed(client: Client, url: str, asked: str) -> set[str]:
    page = client.get(url, {"q": asked})
    assert page.status_code == 200
    return set(re.findall(f'href="{url}([0-9a-f-]+)/change/', page.content.decode()))


def test_a_session_is_found_by_each(two: tuple[Session, Session], staff: Client) -> None:
    session, _ = two
    for name, handle in HANDLES.items():
        asked = handle(session)
        assert listed(staff, SESSIONS, asked) == {str(session.pk)}, name
        assert run("show_session", asked).startswith(f"session {session.pk}: completed\n"), name


def test_an_address_is_found_without_its_checksum(
    two: tuple[Session, Session], staff: Client
) -> None:
    session, _ = two
    for asked in (session.maker_source_account.lower(), "MAKER-ONE.near"):
        assert listed(staff, SESSIONS, asked) == {str(session.pk)}
        assert f"session {session.pk}: " in run("show_session", asked)


def test_nothing_is_found_by_a_part_or_by_anything_else(
    two: tuple[Session, Session], staff: Client
) -> None:
    session, _ = two
    for asked in (
        str(session.pk)[:8],
        "0x",
        "nobody",
        "%",
        "'",
        session.pk.hex * 2,
        "0x" + "é" * 64,
    ):
        assert listed(staff, SESSIONS, asked) == set()
        with pytest.raises(CommandError, match=r"^no session .*: give its id, hashlock, lock id, "):
            run("show_session", asked)
    assert len(listed(staff, SESSIONS, "")) == 2


def test_several_are_listed_the_newest_first(
    two: tuple[Session, Session], world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.pass_time(1)
    newest, out = world.create(), StringIO()
    with pytest.raises(CommandError, match=r"^2 sessions, the newest first: give the id of one$"):
        call_command("show_session", MAKER, stdout=out)
    first, second = out.getvalue().splitlines()
    assert re.fullmatch(f"{newest.pk} initialized base:COIN->near:COIN of [0-9T:-]+Z", first)
    assert second.startswith(f"{two[1].pk} source_locking ")
    monkeypatch.setattr("sessions_app.management.commands.show_session.MOST_LISTED", 1)
    with pytest.raises(CommandError, match=r"^more than 1 sessions, the newest first"):
        call_command("show_session", MAKER, stdout=(out := StringIO()))
    assert out.getvalue().splitlines() == [first]


def test_a_surplus_is_found_by_its_id_and_its_lock(
    two: tuple[Session, Session], staff: Client
) -> None:
    terms = watch(two[0], Role.SOURCE).terms.to_json()
    address = "0x5FbDB2315678afecb367f032d93F642f64180aa3"
    row, _ = (
        Surplus.objects.create(chain="base", lock_id=each, terms=terms, reason="another amount")
        for each in (address, "0xac")
    )
    for asked in (str(row.pk), str(row.pk).upper(), address, address.lower()):
        assert listed(staff, SURPLUS, asked) == {str(row.pk)}
    assert listed(staff, SURPLUS, "nobody") == set()


def test_each_way_there_is_an_indexs(two: tuple[Session, Session]) -> None:
    plans: list[str] = []
    for handle in HANDLES.values():
        asked = handle(two[0])
        with CaptureQueriesContext(connection) as captured:
            assert find_sessions(asked, limit=2) == [two[0]]
        plans += (plan(query["sql"]) for query in captured.captured_queries)
    assert [walks(each) for each in plans if walks(each)] == []
    assert {name for name in INDEXES if name not in "".join(plans)} == set()


def test_the_newest_are_an_indexs(two: tuple[Session, Session], staff: Client) -> None:
    with CaptureQueriesContext(connection) as captured:
        assert listed(staff, SESSIONS, "") == {str(session.pk) for session in two}
    lists = [query["sql"] for query in captured.captured_queries if "created_at" in query["sql"]]
    assert ["session_newest" in plan(sql) for sql in lists] == [True]


def walks(plan: str) -> list[str]:
    """What reads a whole table of TABLES, or a whole index of it."""
    lines = [*plan.splitlines(), ""]
    scans = re.compile(f"Scan (?:Backward )?(?:using \\S+ )?on (?:{TABLES})\\b")
    return [
        line
        for line, below in pairwise(lines)
        if scans.search(line) and not ("Bitmap Heap" in line or "Index Cond" in below)
    ]


def plan(sql: str) -> str:
    """As if each table were large. What PostgreSQL learnt of the tests' few rows is no guide."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(LARGE, {"tables": TABLES.split("|"), "shared": list(SHARED)})
        cursor.execute(f"EXPLAIN {sql}")
        lines = [line for (line,) in cursor.fetchall()]
        transaction.set_rollback(True)
        return "\n".join(lines)
