"""A database that lost its last commits: what has left us is not made twice, and the swap ends.

All that was written since some moment of a swap is taken back when the swap is over on the chains.
"""

from collections.abc import Callable
from io import BytesIO

import pytest
from django.db import connection
from psycopg import sql

from chains_app.locks import LockState
from chains_app.models import Signer
from chains_app.watching import compare_with_chains
from sessions_app.domain.states import Status
from tests.integration.chains.world import resume_signers
from tests.integration.sessions.world import BACK, THERE, World, path, status

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


def live_on(world: World) -> None:
    """With a person who resumes the keys that stopped: they had signed what is forgotten."""
    for _ in range(10):
        world.live(2)
        if Signer.objects.exclude(stopped_for="").exists():
            resume_signers()
